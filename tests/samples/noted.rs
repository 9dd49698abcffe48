//! What is noted of rows while they are encoded, weights, and rows without labels.

use pocketrec::data::clicks::{Encoder, Field, LABEL_AT_LEAST, Past, Samples, Scale, Schema, SideTable, Training};

fn fit(schema: Schema, tables: Vec<SideTable>, rows: &[&[&str]]) -> (Encoder, Samples, Past) {
    let mut training = Training::new(schema, tables).unwrap();
    rows.iter().for_each(|row| training.push_row(row).unwrap());
    training.fit().unwrap()
}

fn encode(encoder: &Encoder, past: &mut Past, rows: &[&[&str]]) -> Samples {
    let mut encoded = encoder.rows(past, encoder.negatives_column().is_some());
    rows.iter().for_each(|row| encoded.push_row(row).unwrap());
    encoded.finish().unwrap()
}

#[test]
fn unknown_keys_are_counted_by_field() {
    let schema = Schema::new()
        .field(Field::key("item"))
        .field(Field::keys("tags", '|'))
        .field(Field::key("kind").from_table("items"))
        .field(Field::key("hash").hashed(9))
        .join("items", "item")
        .negatives("others", "item", ',');
    let mut items = SideTable::new("items", ["kind"]);
    for (item, kind) in [("1", "a"), ("2", "b"), ("3", "a")] {
        items.push(item, &[kind]).unwrap();
    }
    let rows: [&[&str]; 2] = [&["1", "x|y", "h"], &["3", "z", "h"]];
    let (encoder, train, mut past) = fit(schema, vec![items], &rows);
    assert_eq!(encoder.inputs(), ["item", "tags", "hash", "others"]);
    assert!(train.unknown_keys().is_empty());

    let mut rows = encoder.rows(&mut past, true);
    for row in [
        ["1.0", "x|q|w", "new", "3,4,2,4"],
        ["01", "", "", ""],
        ["2", "z", "h", "1.0"],
        ["", "Y", "h", ""],
        ["3", "y", "h", "1"],
    ] {
        rows.push_row(&row).unwrap();
    }
    // A row that is refused leaves no trace: it has too few values for its negatives.
    assert!(rows.push_row(&["9", "nothing", "h"]).is_err());
    let dev = rows.finish().unwrap();
    let said: Vec<String> = dev.unknown_keys().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "item: 3 of 5 rows have keys that training does not know, such as \"1.0\", and 1 of 5 have none; most are \
             known in another form: \"1.0\" as \"1\"",
            "tags: 2 of 5 rows have keys that training does not know, such as \"q\", and 1 of 5 have none",
            // Item 2 has the kind b, which no training row had; no item is called 1.0.
            "kind: 1 of 5 rows have keys that training does not know, such as \"b\", and 3 of 5 have none",
            "hash: 1 of 5 have none",
        ]
    );
    // 4 and 2 of the first row, 1.0 of the third; 4 comes twice and counts once.
    let [item, kind] = dev.unknown_negatives() else {
        panic!("{:?}", dev.unknown_negatives())
    };
    assert_eq!((item.field.as_str(), item.rows, item.of), ("item", 3, 5));
    assert_eq!((kind.field.as_str(), kind.rows, kind.blank), ("kind", 1, 2));
    assert_eq!((dev.negatives(0), dev.negatives_report().repeated), (3, 1));
}

#[test]
fn numbers_far_beyond_training_are_cut_and_named() {
    let schema = Schema::new()
        .field(Field::key("item"))
        .field(Field::number("price"))
        .field(Field::number("rank").clip(0.0, 10.0))
        .field(Field::number("size").log())
        .field(Field::raw_number("raw"));
    let row = |number: &'static str| -> [&str; 5] { ["a", number, number, number, number] };
    let (encoder, train, mut past) = fit(schema, vec![], &[&row("1"), &row("3"), &row("-1000")]);
    assert!(train.clamped().is_empty());
    let dev = encode(&encoder, &mut past, &[&row("2"), &row("3e30"), &row("-3e38"), &row("")]);
    let names: Vec<(&str, u64, usize, f32)> = dev
        .clamped()
        .iter()
        .map(|clamped| (clamped.field.as_str(), clamped.rows, clamped.first, clamped.number))
        .collect();
    assert_eq!(names, [("price", 2, 1, 3e30)]);
    let said = dev.clamped()[0].to_string();
    assert!(
        said.starts_with("price: 2 numbers are far beyond all of training, the first in row 1 with 3e30"),
        "{said}"
    );
    assert_eq!((dev.numbers()[4], dev.numbers()[8]), (Scale::LIMIT, -Scale::LIMIT));

    // Clipped: -1000 counts as 0 in training, mean (1 + 3 + 0) / 3.
    let scale = encoder.scale(1).unwrap();
    assert!((scale.mean - 4.0 / 3.0).abs() < 1e-6);
    assert!((dev.numbers()[5] - scale.apply(10.0)).abs() < 1e-6);
    // Logarithms: sign(x) ln(1 + |x|).
    let logs = [2f64.ln(), 4f64.ln(), -(1001f64.ln())];
    let mean = logs.iter().sum::<f64>() / 3.0;
    let deviation = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
    let want = ((3e30f64 + 1.0).ln() - mean) / deviation;
    assert!(
        (f64::from(dev.numbers()[6]) - want).abs() < 1e-4,
        "{} {want}",
        dev.numbers()[6]
    );
    // As it is, however far.
    assert_eq!((dev.numbers()[7], dev.numbers()[11]), (3e30, -3e38));

    // It survives a file.
    let stored = serde_json::to_string(&encoder).unwrap();
    let again: Encoder = serde_json::from_str(&stored).unwrap();
    assert_eq!(again.layout(), encoder.layout());
    // Older files have no limits: those of their kind hold.
    let mut older: serde_json::Value = serde_json::from_str(&stored).unwrap();
    for scale in older["scales"].as_array_mut().unwrap() {
        assert!(scale.as_object_mut().unwrap().remove("limit").is_some());
    }
    let older: Encoder = serde_json::from_value(older).unwrap();
    assert_eq!((older.scale(0), older.scale(3)), (encoder.scale(0), encoder.scale(3)));
}

#[test]
fn clip_and_log_are_for_numbers() {
    let reason = |field: Field| Schema::new().field(field).check().unwrap_err().to_string();
    assert!(reason(Field::key("a").log()).contains("a: keys are not numbers"));
    assert!(reason(Field::keys("a", '|').clip(0.0, 1.0)).contains("keys are not numbers"));
    for [low, high] in [[1.0, 1.0], [2.0, 1.0], [f32::NAN, 1.0], [0.0, f32::INFINITY]] {
        assert!(reason(Field::number("a").clip(low, high)).contains("no range to clip to"));
    }
    assert!(
        Schema::new()
            .field(Field::quantile("a", 4).clip(0.0, 1.0).log())
            .check()
            .is_ok()
    );
}

#[test]
fn weights_are_read_and_bad_ones_refused() {
    let schema = Schema::new().field(Field::key("item")).label("click").weight("times");
    let mut training = Training::new(schema, vec![]).unwrap();
    assert_eq!(training.inputs(), ["item", "click", "times"]);
    for row in [["a", "1", "2.5"], ["b", "0", "0"], ["a", "0", "1e3"]] {
        training.push_row(&row).unwrap();
    }
    for (weight, said) in [
        ("", "the weight times is empty; 1 counts a row once"),
        ("-1", "the weight times is -1"),
        ("inf", "not finite"),
        ("much", "is not a times, which is a number"),
    ] {
        let refused = training.push_row(&["c", "1", weight]).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
    let (_, train, _) = training.fit().unwrap();
    assert_eq!(train.weights(), [2.5, 0.0, 1000.0]);
    let schema = Schema::new().field(Field::key("item"));
    assert!(fit(schema, vec![], &[&["a"]]).1.weights().is_empty());
}

#[test]
fn labels_of_libfm_files_are_signs_or_refused() {
    for schema in [Schema::one_hot(1), Schema::features()] {
        let mut training = Training::new(schema.clone(), vec![]).unwrap();
        let value = if schema == Schema::one_hot(1) { "7" } else { "7:1" };
        for label in ["1", "0", "-1", "+1", "1.0", "-1.0"] {
            training.push_row(&[value, label]).unwrap();
        }
        for label in ["5", "0.5", "2", "-2", "nan"] {
            let refused = training.push_row(&[value, label]).unwrap_err().to_string();
            assert!(refused.contains(LABEL_AT_LEAST) || label == "nan", "{refused}");
        }
        assert_eq!(training.fit().unwrap().1.labels(), [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        let mut rated = Training::new(schema.label_at_least("label", 4.0), vec![]).unwrap();
        for label in ["5", "1", "4"] {
            rated.push_row(&[value, label]).unwrap();
        }
        assert_eq!(rated.fit().unwrap().1.labels(), [1.0, 0.0, 1.0]);
    }
}

#[test]
fn rows_without_labels_see_the_past_and_are_none() {
    let schema = Schema::new()
        .field(Field::key("item"))
        .field(Field::number("price"))
        .history("history", ["item"], 3)
        .label("click")
        .weight("times")
        .group("user")
        .time("time")
        .negatives("others", "item", ',');
    let rows: [&[&str]; 3] = [
        &["tea", "1", "1", "ann", "5", "1"],
        &["rice", "2", "1", "ann", "7", "1"],
        &["rice", "2", "1", "bob", "7", "1"],
    ];
    let (encoder, _, mut past) = fit(schema, vec![], &rows);
    assert_eq!(
        encoder.inputs(),
        ["item", "price", "click", "user", "time", "times", "others"]
    );
    let optional: Vec<bool> = (0..7).map(|input| encoder.is_optional_without_labels(input)).collect();
    assert_eq!(optional, [false, false, true, true, true, true, true]);
    let mut rows = encoder.rows_without_labels(&mut past);
    for row in [
        ["tea", "1", "rubbish", "ann", "7", "-5", "x,y"],
        ["tea", "1", "", "ann", "", "", ""],
        ["salt", "1", "", "", "", "", ""],
        ["salt", "1", "", "eve", "9", "", ""],
        ["tea", "1", "", "ann", "6", "", ""],
    ] {
        rows.push_row(&row).unwrap();
    }
    assert!(rows.push_row(&["tea", "x", "", "ann", "7", "", ""]).is_err());
    assert!(rows.push_row(&["tea", "1", "", "ann", "seven", "", ""]).is_err());
    let asked = rows.finish().unwrap();
    assert!(!asked.has_negatives() && asked.weights().is_empty());
    assert_eq!(asked.labels(), [0.0; 5]);
    let seen: Vec<&[u32]> = (0..5).map(|row| asked.sequence(0).of(0, row)).collect();
    assert_eq!(seen, [&[1][..], &[1, 2], &[], &[], &[1]]);
    assert_eq!(asked.unknown_keys()[0].rows, 2);
    // They leave nothing behind.
    let dev = encode(&encoder, &mut past, &[&["tea", "1", "0", "ann", "99", "1", ""]]);
    assert_eq!(dev.sequence(0).of(0, 0), [1, 2]);
    // An encoder without a past, as from a checkpoint.
    let mut nothing = Past::default();
    let mut rows = encoder.rows_without_labels(&mut nothing);
    rows.push_row(&["tea", "1", "", "ann", "", "", ""]).unwrap();
    assert!(rows.finish().unwrap().sequence(0).of(0, 0).is_empty());
}
