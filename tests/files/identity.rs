//! Models take samples and encoders whose keys, scales and fields are theirs, and refuse others by name; encoders grow
//! and models with them.
#![cfg(feature = "std")]

use pocketrec::{
    Error,
    checkpoint::ClickCheckpoint,
    data::clicks::{Encoder, Field, Past, Samples, Schema, SideTable, Training, Vocabulary},
    device::Device,
    models::{DeepFm, Din},
    train::{ClickConfig, ClickRow, ClickTrainer, Control},
};

use crate::common::files::bytes_of;

/// User, item, price, click, time.
type Row = (String, String, f32, u8, u32);

fn schema() -> Schema {
    Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .field(Field::number("price"))
        .field(Field::quantile("band", 3).column("price"))
        .field(Field::key("kind").from_table("items"))
        .field(Field::key("hash").column("item").hashed(5))
        .join("items", "item")
        .history("history", ["item", "kind"], 4)
        .label("click")
        .group("user")
        .time("time")
}

fn items(count: u32) -> SideTable {
    let mut items = SideTable::new("items", ["kind"]);
    for item in 0..count {
        items.push(&format!("i{item}"), &[&format!("k{}", item % 3)]).unwrap();
    }
    items
}

fn rows(count: u32) -> Vec<Row> {
    let row = |at: u32| {
        let (user, item) = (at * 7 % 11, at * 5 % 13);
        let click = u8::from((user + item) % 3 == 0);
        (format!("u{user}"), format!("i{item}"), (at % 9) as f32, click, at)
    };
    (0..count).map(row).collect()
}

fn push(row: &Row, mut to: impl FnMut(&[&str])) {
    let (price, click, time) = (row.2.to_string(), row.3.to_string(), row.4.to_string());
    to(&[&row.0, &row.1, &price, &click, &time]);
}

fn fit(mut training: Training, rows: &[Row]) -> (Encoder, Samples, Past) {
    assert_eq!(training.inputs(), ["user", "item", "price", "click", "time"]);
    rows.iter()
        .for_each(|row| push(row, |values| training.push_row(values).unwrap()));
    training.fit().unwrap()
}

fn encode(schema: Schema, rows: &[Row]) -> (Encoder, Samples, Past) {
    fit(Training::new(schema, vec![items(13)]).unwrap(), rows)
}

fn config(epochs: u32) -> ClickConfig {
    ClickConfig {
        epochs,
        batch_size: 16,
        patience: Some(10),
        average_from: Some(1),
        ..ClickConfig::default()
    }
}

fn trainer(encoder: &Encoder, epochs: u32) -> ClickTrainer {
    let model = Din::new(encoder.layout()).embedding_dim(4).hidden([6]);
    ClickTrainer::new(model, Device::cpu(), config(epochs)).unwrap()
}

/// The field and the reason of every refusal of these samples, which must all be the same; the trainer stays as it is.
fn refusal(trainer: &mut ClickTrainer, samples: &Samples) -> String {
    let before = bytes_of(trainer);
    let results = [
        trainer.fit(samples, None, |_| ()).map(|_| ()),
        trainer.evaluate(samples).map(|_| ()),
        trainer.score(samples).map(|_| ()),
        trainer.attention(samples).map(|_| ()),
        trainer.evaluate_ranking(samples, 3).map(|_| ()),
    ];
    let mut reasons: Vec<String> = results.map(|result| result.unwrap_err().to_string()).into();
    assert!(bytes_of(trainer) == before);
    reasons.dedup();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    reasons.remove(0)
}

/// Samples and encoders of the same shape that mean something else, with what the refusals say.
fn others() -> Vec<(&'static str, Encoder, Samples, &'static str)> {
    let own = rows(60);
    let mut resorted = own.clone();
    resorted.reverse();
    let edited = |edit: fn(&mut Row)| -> Vec<Row> {
        let mut rows = own.clone();
        rows.iter_mut().for_each(edit);
        rows
    };
    let dearer = edited(|row| row.2 *= 2.0);
    let renamed = edited(|row| row.1 = row.1.replace("i12", "i-12"));
    let other_field = |field: Field, at: usize| {
        let mut fields = schema().fields().to_vec();
        fields[at] = field;
        let schema = fields.into_iter().fold(Schema::new(), Schema::field);
        schema
            .join("items", "item")
            .history("history", ["item", "kind"], 4)
            .label("click")
            .group("user")
            .time("time")
    };
    let made = |name, schema, rows: &[Row], said| {
        let (encoder, samples, _) = encode(schema, rows);
        (name, encoder, samples, said)
    };
    vec![
        made(
            "resorted",
            schema(),
            &resorted,
            "other keys than the model, or the same in another order",
        ),
        made("dearer", schema(), &dearer, "price: it is a number scaled as (x - 7.7)"),
        made("renamed", schema(), &renamed, "item: "),
        made(
            "column",
            other_field(Field::key("hash").column("user").hashed(5), 5),
            &own,
            "hash: it is a key hashed into 5, from the column \"user\"",
        ),
        made(
            "clip",
            other_field(Field::number("price").clip(-1.0, 1e6), 2),
            &own,
            "price: it is a number cut to",
        ),
        made(
            "name",
            other_field(Field::number("cost").column("price"), 2),
            &own,
            "price: the model reads this field",
        ),
        made("quantiles", schema(), &dearer_band(), "band: "),
        made(
            "ties",
            schema().ties_in_order(),
            &own,
            "history: it is the last 4 of item, kind, of one moment",
        ),
    ]
}

/// The same mean and deviation of prices, but other quantiles.
fn dearer_band() -> Vec<Row> {
    let mut rows = rows(60);
    rows.iter_mut().for_each(|row| row.2 = 8.0 - row.2);
    rows[3].2 = 7.5;
    rows
}

#[test]
fn samples_and_encoders_of_the_same_shape_are_refused_by_name() {
    let (encoder, samples, _) = encode(schema(), &rows(60));
    let mut with = trainer(&encoder, 1);
    with.fit(&samples, None, |_| ()).unwrap();
    let mut without = ClickTrainer::from_checkpoint(with.checkpoint().unwrap(), Device::cpu()).unwrap();
    with.set_encoder(encoder.clone()).unwrap();
    let mut loaded = ClickTrainer::from_checkpoint(
        ClickCheckpoint::from_bytes(&bytes_of(&mut with)).unwrap(),
        Device::cpu(),
    )
    .unwrap();
    for (name, other, others, said) in others() {
        let rows = |layout: &pocketrec::data::clicks::Layout| -> Vec<u32> {
            layout.vocabularies.iter().map(|table| table.rows).collect()
        };
        assert_eq!(rows(other.layout()), rows(encoder.layout()), "{name}");
        for trainer in [&mut with, &mut without, &mut loaded] {
            // Quantiles and prices differ both there; which is named first does not matter.
            let reason = refusal(trainer, &others);
            assert!(reason.contains(said) || name == "quantiles", "{name}: {reason}");
            let before = bytes_of(trainer);
            let refused = trainer.set_encoder(other.clone()).unwrap_err();
            assert!(matches!(refused, Error::Config { .. }), "{refused}");
            assert!(bytes_of(trainer) == before, "{name}");
            trainer.evaluate(&samples).unwrap();
        }
    }
    // The first key that differs is named where both encoders are there.
    let resorted = others().remove(0).1;
    let refused = with.set_encoder(resorted).unwrap_err().to_string();
    assert!(
        refused.contains("user: row 1 is \"u0\" in the model and \"u6\" in the encoder"),
        "{refused}"
    );
}

#[test]
fn a_file_in_another_order_is_read_by_the_saved_encoder() {
    let own = rows(60);
    let (encoder, samples, _) = encode(schema(), &own);
    let mut resorted = own.clone();
    resorted.sort_by(|a, b| b.1.cmp(&a.1));
    let training = Training::with_encoder(encoder.clone(), vec![items(13)]).unwrap();
    let (again, others, _) = fit(training, &resorted);
    assert_eq!(again.layout(), encoder.layout());
    for (row, at) in resorted.iter().zip(0..) {
        let place = row.4 as usize;
        for field in 0..4 {
            assert_eq!(others.ids(field)[at], samples.ids(field)[place]);
        }
        assert_eq!(others.numbers()[at], samples.numbers()[place]);
        assert_eq!(others.sequence(0).of(0, at), samples.sequence(0).of(0, place));
    }
    let mut trainer = trainer(&encoder, 1);
    trainer.fit(&others, Some(&samples), |_| ()).unwrap();
}

/// A run that takes an encoder that did not grow goes on as if it had not.
#[test]
fn nothing_grown_changes_no_bit() {
    let (encoder, samples, _) = encode(schema(), &rows(60));
    let mut whole = trainer(&encoder, 4);
    whole.set_encoder(encoder.clone()).unwrap();
    whole.fit(&samples, Some(&samples), |_| ()).unwrap();
    let mut first = trainer(&encoder, 4);
    first.set_encoder(encoder.clone()).unwrap();
    first.fit(&samples, Some(&samples), |_| Control::Stop).unwrap();
    let saved = ClickCheckpoint::from_bytes(&bytes_of(&mut first)).unwrap();
    let mut second = ClickTrainer::from_checkpoint(saved, Device::cpu()).unwrap();
    let training = Training::with_encoder(second.encoder().unwrap().clone(), vec![items(13)]).unwrap();
    let (again, samples, _) = fit(training, &rows(60));
    second.set_encoder(again).unwrap();
    second.fit(&samples, Some(&samples), |_| ()).unwrap();
    assert_eq!(whole.progress(), second.progress());
    assert!(bytes_of(&mut whole) == bytes_of(&mut second));
}

/// Old rows, and new ones of a new user with a new item of a new kind.
fn grown_rows() -> Vec<Row> {
    let mut rows = rows(60);
    rows.extend((0..6).map(|at| ("eve".into(), "i13".into(), 100.0, (at % 2) as u8, 60 + at)));
    rows
}

#[test]
fn tables_grow_with_the_encoder_and_old_rows_keep_their_bits() {
    let (encoder, old, _) = encode(schema(), &rows(60));
    let mut trainer = trainer(&encoder, 3);
    trainer.set_encoder(encoder.clone()).unwrap();
    trainer.fit(&old, Some(&old), |_| Control::Stop).unwrap();
    // A step beyond the best epoch, whose parameters are kept beside those in use from there on.
    trainer
        .train_for(&old, Some(&old), std::time::Duration::ZERO, |_| ())
        .unwrap();
    let before = trainer.checkpoint().unwrap();
    let logits = trainer.score(&old).unwrap();

    let mut more = SideTable::new("items", ["kind"]);
    more.push("i13", &["new"]).unwrap();
    more.push("i2", &["k2"]).unwrap(); // known, and the same
    let (grown, new, _) = fit(
        Training::with_encoder(encoder.clone(), vec![more]).unwrap(),
        &grown_rows(),
    );
    let rows = |encoder: &Encoder| -> Vec<u32> {
        ["user", "item", "kind", "band", "hash"]
            .iter()
            .map(|name| encoder.vocabulary(name).unwrap().rows())
            .collect()
    };
    assert_eq!(rows(&encoder), [12, 14, 4, 4, 6]);
    assert_eq!(rows(&grown), [13, 15, 5, 4, 6]);
    // Scales and edges rest on the old rows, however dear the new ones are.
    assert_eq!(grown.scale(0), encoder.scale(0));
    assert_eq!(grown.vocabulary("band"), encoder.vocabulary("band"));

    let refused = refusal(&mut trainer, &new);
    assert!(refused.contains("user: the samples have 13 rows, the model 12") && refused.contains("set_encoder"));
    trainer.set_encoder(grown.clone()).unwrap();
    assert_eq!(trainer.model().layout(), grown.layout());
    assert_eq!(trainer.score(&old).unwrap(), logits);
    let after = trainer.checkpoint().unwrap();
    assert_eq!((after.progress, after.state.step), (before.progress, before.state.step));
    let plan = trainer.plan().clone();
    let mut grew = 0;
    for (index, param) in plan.params().iter().enumerate() {
        let (old, new) = (&before.state.tensors[index], &after.state.tensors[index]);
        let best = [&before, &after].map(|saved| &saved.best_values.as_ref().unwrap()[index]);
        let mean = [&before, &after].map(|saved| &saved.average_values.as_ref().unwrap()[index]);
        for [old, new] in [[&old.value, &new.value], best, mean] {
            assert_eq!(new[..old.len()], old[..], "{}", param.name);
            grew += usize::from(new.len() > old.len());
            // New rows are the mean of the old ones.
            let rows = old.len() / param.width;
            for (at, &value) in new[old.len()..].iter().enumerate() {
                let column = old.iter().skip(at % param.width).step_by(param.width);
                let mean = column.map(|&x| f64::from(x)).sum::<f64>() / rows as f64;
                assert!((f64::from(value) - mean).abs() < 1e-6, "{}", param.name);
            }
        }
        for [old, new] in [[&old.m, &new.m], [&old.v, &new.v]] {
            assert_eq!(new[..old.len()], old[..], "{}", param.name);
            assert!(new[old.len()..].iter().all(|&moment| moment == 0.0), "{}", param.name);
        }
    }
    assert_eq!(grew, 3 * 3); // tables of users, items and kinds, three times each
    let support = after.support.as_ref().unwrap();
    assert_eq!((support[0].len(), support[0][12]), (13, 0));

    // It goes on with both kinds of samples, and through a file.
    let saved = ClickCheckpoint::from_bytes(&bytes_of(&mut trainer)).unwrap();
    let mut loaded = ClickTrainer::from_checkpoint(saved, Device::cpu()).unwrap();
    for trainer in [&mut trainer, &mut loaded] {
        trainer.fit(&new, Some(&old), |_| ()).unwrap();
        assert!(
            trainer.rank(&[("user", "eve")], &[], &[&[("item", "i13")]]).unwrap()[0]
                .1
                .is_finite()
        );
    }
    assert!(trainer.state().unwrap() == loaded.state().unwrap());
    // The model has outgrown the old encoder.
    let refused = loaded.set_encoder(encoder).unwrap_err().to_string();
    assert!(
        refused.contains("user: the encoder has 12 rows, the model 13"),
        "{refused}"
    );
}

/// Samples from before and between clicks that were absorbed go with the model after them.
#[test]
fn samples_from_before_the_model_grew_still_fit() {
    let (encoder, old, _) = encode(schema(), &rows(60));
    let mut trainer = trainer(&encoder, 1);
    trainer.fit(&old, None, |_| ()).unwrap();
    trainer.set_encoder(encoder.clone()).unwrap();
    let mut between = Vec::new();
    for user in ["x", "y", "z"] {
        let row = ClickRow {
            values: &[("user", user), ("item", "i1")],
            events: &[],
            label: 1.0,
        };
        assert_eq!(trainer.absorb(&[row]).unwrap().new_keys, 1);
        let encoder = trainer.encoder().unwrap().clone();
        let request = encoder.request(&[("user", user)], &[], &[&[("item", "i1")]]).unwrap();
        between.push(request);
    }
    trainer.evaluate(&old).unwrap();
    for samples in &between {
        trainer.score(samples).unwrap();
    }
    let saved = ClickCheckpoint::from_bytes(&bytes_of(&mut trainer)).unwrap();
    let mut loaded = ClickTrainer::from_checkpoint(saved, Device::cpu()).unwrap();
    loaded.evaluate(&old).unwrap();
    between
        .iter()
        .for_each(|samples| assert_eq!(loaded.score(samples).unwrap().len(), 1));
    let resorted = others().remove(0).2;
    assert!(refusal(&mut loaded, &resorted).contains("other keys"));
}

#[test]
fn new_keys_must_be_as_frequent_as_min_count_asks() {
    let schema = Schema::new().field(Field::key("item").min_count(2)).label("click");
    let fit = |mut training: Training, items: &[&str]| {
        for item in items {
            training.push_row(&[item, "1"]).unwrap();
        }
        training.fit().unwrap()
    };
    let (encoder, _, _) = fit(Training::new(schema, vec![]).unwrap(), &["a", "b", "a", "b", "rare"]);
    let (grown, samples, _) = fit(
        Training::with_encoder(encoder, vec![]).unwrap(),
        &["c", "b", "d", "c", "rare"],
    );
    // b stays though it came once; d and rare came once.
    assert_eq!(samples.ids(0), [3, 2, 0, 3, 0]);
    let keys = grown.vocabulary("item").unwrap();
    assert_eq!(
        (keys.rows(), keys.key(1), keys.key(3)),
        (4, Some("a".into()), Some("c".into()))
    );
}

#[test]
fn side_tables_that_contradict_the_encoder_are_refused() {
    let (encoder, _, _) = encode(schema(), &rows(60));
    let refused = |table: SideTable| {
        Training::with_encoder(encoder.clone(), vec![table])
            .err()
            .unwrap()
            .to_string()
    };
    let mut other = SideTable::new("items", ["extra", "kind"]);
    other.push("i99", &["", "k9"]).unwrap();
    other.push("i4", &["", "k2"]).unwrap();
    let reason = refused(other);
    assert!(
        reason.contains("items: key \"i4\" has \"k2\" in the column \"kind\", and \"k1\""),
        "{reason}"
    );
    assert!(refused(SideTable::new("items", ["genre"])).contains("has no column \"kind\", but genre"));
    assert!(refused(SideTable::new("films", ["kind"])).contains("no side table of that name, but [items]"));
}

/// Files from before there was an identity: with an encoder they get it from there, without they are compared by names
/// and rows.
#[test]
fn older_files_load_and_get_their_identity_from_the_encoder() {
    let (encoder, samples, _) = encode(schema(), &rows(60));
    let (_, _, resorted, _) = others().remove(0);
    let mut trainer = trainer(&encoder, 1);
    trainer.fit(&samples, None, |_| ()).unwrap();
    // The model of a checkpoint, as JSON, with another identity.
    let changed = |trainer: &mut ClickTrainer, edit: &dyn Fn(&mut serde_json::Value)| {
        let mut checkpoint = trainer.checkpoint().unwrap();
        let mut model = serde_json::to_value(&checkpoint.model).unwrap();
        edit(&mut model["layout"]);
        checkpoint.model = serde_json::from_value(model).unwrap();
        checkpoint
    };
    let edited = |trainer: &mut ClickTrainer, edit: &dyn Fn(&mut serde_json::Value)| {
        let mut bytes = Vec::new();
        changed(trainer, edit).write_to(&mut bytes).unwrap();
        bytes
    };
    let forget = |layout: &mut serde_json::Value| {
        assert!(layout.as_object_mut().unwrap().remove("identity").is_some());
    };
    let load = |bytes: &[u8]| {
        let checkpoint = ClickCheckpoint::from_bytes(bytes)?;
        ClickTrainer::from_checkpoint(checkpoint, Device::cpu())
    };
    let mut bare = load(&edited(&mut trainer, &forget)).unwrap();
    assert!(bare.model().layout().identity.is_empty());
    bare.score(&resorted).unwrap(); // nothing is known of keys
    bare.set_encoder(encoder.clone()).unwrap();
    assert!(refusal(&mut bare, &resorted).contains("other keys"));

    trainer.set_encoder(encoder.clone()).unwrap();
    let mut older = load(&edited(&mut trainer, &forget)).unwrap();
    assert!(refusal(&mut older, &resorted).contains("other keys"));
    older.evaluate(&samples).unwrap();

    // An identity that is not the encoder's.
    let wrong = changed(&mut trainer, &|layout| {
        let words = layout["identity"]["fields"]["price"]
            .as_str()
            .unwrap()
            .replace("scaled", "SCALED");
        layout["identity"]["fields"]["price"] = words.into();
    });
    let error = wrong.write_to(&mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("tensor encoder") && error.contains("price"), "{error}");
    let error = ClickTrainer::from_checkpoint(wrong, Device::cpu())
        .unwrap_err()
        .to_string();
    assert!(error.contains("encoder: ") && error.contains("price"), "{error}");
}

/// Vocabularies that models were never told of have no say.
#[test]
fn hand_made_layouts_are_compared_by_names_and_rows() {
    let (encoder, samples, _) = encode(schema(), &rows(60));
    let mut layout = encoder.layout().clone();
    layout.identity = Default::default();
    layout.sequences.clear();
    let model = DeepFm::new(&layout).embedding_dim(2).hidden([2]);
    let mut trainer = ClickTrainer::new(model, Device::cpu(), ClickConfig::default()).unwrap();
    trainer.score(&samples).unwrap();
    let resorted = others().remove(0).2;
    trainer.score(&resorted).unwrap();
    assert!(matches!(
        encoder.vocabulary("hash"),
        Some(Vocabulary::Hashed { buckets: 5 })
    ));
}
