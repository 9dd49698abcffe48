//! Histories against brute force and the published rule.

use pocketrec::{
    data::clicks::{Encoder, Field, Past, Samples, Schema, Training},
    rng::Rng,
};
use proptest::prelude::*;

/// A row of made-up data: user, item, time, label.
type Row = (u32, u32, i64, u8);

fn history_schema(length: u32) -> Schema {
    Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .history("history", ["item"], length)
        .label("label")
        .group("user")
        .time("time")
}

fn values(row: &Row) -> [String; 4] {
    [
        row.0.to_string(),
        row.1.to_string(),
        row.3.to_string(),
        row.2.to_string(),
    ]
}

/// Encodes files of rows, of which the first is the training file.
fn encode(schema: Schema, files: &[Vec<Row>]) -> (Encoder, Vec<Samples>, Past) {
    let mut training = Training::new(schema, vec![]).unwrap();
    for row in &files[0] {
        let values = values(row);
        training.push_row(&values.each_ref().map(String::as_str)).unwrap();
    }
    let (encoder, train, mut past) = training.fit().unwrap();
    let mut samples = vec![train];
    for file in &files[1..] {
        let mut rows = encoder.rows(&mut past, false);
        for row in file {
            let values = values(row);
            rows.push_row(&values.each_ref().map(String::as_str)).unwrap();
        }
        samples.push(rows.finish().unwrap());
    }
    (encoder, samples, past)
}

/// The histories of every row by the obvious way, as items' keys: all that the row's user did at earlier times with
/// label 1, in the files so far, by a stable sort; and, if asked for, at the same time in rows before.
fn brute_force(files: &[Vec<Row>], length: usize, ties_in_order: bool) -> Vec<Vec<Vec<u32>>> {
    let histories = |(index, file): (usize, &Vec<Row>)| {
        let place = |(at, row): (usize, &Row)| {
            let earlier = |other: &&Row| other.2 < row.2 || (ties_in_order && other.2 == row.2);
            let before = files[..index].iter().flatten().filter(earlier);
            let own = file.iter().enumerate();
            let own = own
                .filter(|&(other_at, other)| other.2 < row.2 || (earlier(&other) && other_at < at))
                .map(|(_, other)| other);
            let mut seen: Vec<&Row> = before
                .chain(own)
                .filter(|other| other.0 == row.0 && other.3 == 1)
                .collect();
            seen.sort_by_key(|other| other.2);
            seen[seen.len().saturating_sub(length)..]
                .iter()
                .map(|other| other.1)
                .collect()
        };
        file.iter().enumerate().map(place).collect()
    };
    files.iter().enumerate().map(histories).collect()
}

fn rows_strategy() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((0u32..4, 0u32..9, -3i64..6, 0u8..2), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any files in any order of time, repeated times, users that come late.
    #[test]
    fn histories_are_those_of_the_obvious_way(
        files in prop::collection::vec(rows_strategy(), 1..4),
        length in 1u32..6,
        ties_in_order: bool,
    ) {
        let schema = history_schema(length);
        let schema = if ties_in_order { schema.ties_in_order() } else { schema };
        let (encoder, samples, _) = encode(schema, &files);
        let expected = brute_force(&files, length as usize, ties_in_order);
        let vocabulary = encoder.vocabulary("item").unwrap();
        for (samples, expected) in samples.iter().zip(&expected) {
            for (row, expected) in expected.iter().enumerate() {
                let expected: Vec<u32> = expected.iter().map(|item| vocabulary.row(&item.to_string())).collect();
                prop_assert_eq!(samples.sequence(0).of(0, row), expected);
            }
        }
    }

    /// Rows do not see what is after them: without any of the later rows they are the same.
    #[test]
    fn later_rows_change_nothing(file in rows_strategy(), cut in 0usize..40) {
        let mut file = file;
        file.sort_by_key(|row| row.2);
        let cut = 1 + cut % file.len();
        let (_, all, _) = encode(history_schema(3), std::slice::from_ref(&file));
        let (_, some, _) = encode(history_schema(3), &[file[..cut].to_vec()]);
        for row in 0..cut {
            prop_assert_eq!(all[0].sequence(0).of(0, row), some[0].sequence(0).of(0, row));
        }
    }
}

/// The published rule, as it is for the published comparison: all splits one after the other, sorted by (user, time)
/// and else in order; the last earlier rows with label 1. It equals ours where no file has a time before that of an
/// earlier file.
#[test]
fn histories_follow_the_published_rule_on_a_global_timeline() {
    let rng = Rng::new(5);
    let row = |at: u64| {
        (
            rng.below(4 * at, 30),
            rng.below(4 * at + 1, 50),
            at as i64 / 7,
            rng.below(4 * at + 2, 2) as u8,
        )
    };
    let all: Vec<Row> = (0..3000).map(row).collect();
    let files = [all[..2500].to_vec(), all[2500..2800].to_vec(), all[2800..].to_vec()];
    let (encoder, samples, past) = encode(history_schema(20).ties_in_order(), &files);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|&at| (all[at].0, all[at].2));
    let vocabulary = encoder.vocabulary("item").unwrap();
    for (place, &at) in order.iter().enumerate() {
        let earlier = order[..place].iter().map(|&other| &all[other]);
        let mut seen: Vec<u32> = earlier
            .filter(|other| other.0 == all[at].0 && other.3 == 1)
            .map(|other| vocabulary.row(&other.1.to_string()))
            .collect();
        seen.drain(..seen.len().saturating_sub(20));
        let (file, row) = [(0, at), (1, at.wrapping_sub(2500)), (2, at.wrapping_sub(2800))]
            .into_iter()
            .rfind(|&(_, row)| row < 2500)
            .unwrap();
        assert_eq!(samples[file].sequence(0).of(0, row), seen);
    }
    assert_eq!(past.users().len(), 30);
}

/// What is shown together with a click does not tell that it was clicked, wherever it stands in the file.
#[test]
fn rows_of_one_moment_do_not_see_one_another() {
    let file: Vec<Row> = (0..2000)
        .map(|at| (at % 7, at, (at / 14).into(), (at % 2) as u8))
        .collect();
    let later: Vec<Row> = (0..20).map(|at| (at % 7, at, 142, 1)).collect();
    let (encoder, samples, _) = encode(history_schema(5), &[file.clone(), later.clone()]);
    let keys = encoder.vocabulary("item").unwrap();
    for (samples, rows) in samples.iter().zip([&file, &later]) {
        for (row, (user, _, time, _)) in rows.iter().enumerate() {
            let seen = samples.sequence(0).of(0, row).iter().map(|&id| keys.key(id).unwrap());
            let times: Vec<i64> = seen.map(|item| file[item.parse::<usize>().unwrap()].2).collect();
            assert!(
                times.iter().all(|seen| seen < time),
                "user {user} at {time} sees {times:?}"
            );
            assert_eq!(times.len(), 5.min(*time as usize));
        }
    }
}

/// Without times the order of the rows is that of time.
#[test]
fn without_times_the_rows_before_count() {
    let schema = Schema::new()
        .field(Field::key("item"))
        .history("history", ["item"], 2)
        .group("user");
    let mut training = Training::new(schema, vec![]).unwrap();
    for item in ["a", "b", "c", "d"] {
        training.push_row(&[item, "ann"]).unwrap();
    }
    let (encoder, train, mut past) = training.fit().unwrap();
    assert_eq!(train.sequence(0).of(0, 3), [2, 3]);
    let mut rows = encoder.rows(&mut past, false);
    rows.push_row(&["a", "ann"]).unwrap();
    rows.push_row(&["b", "ann"]).unwrap();
    let dev = rows.finish().unwrap();
    assert_eq!(
        (dev.sequence(0).of(0, 0), dev.sequence(0).of(0, 1)),
        (&[3, 4][..], &[4, 1][..])
    );
}

#[test]
fn events_are_stored_once_and_not_once_a_row() {
    let file: Vec<Row> = (0..10_000).map(|at| (0, at % 100, at.into(), 1)).collect();
    let (_, samples, _) = encode(history_schema(5000), &[file]);
    let sequence = samples[0].sequence(0);
    assert_eq!((sequence.ids(0).len(), sequence.ranges().len()), (10_000, 10_000));
    assert_eq!(sequence.range(9_999), 4_999..9_999);
}
