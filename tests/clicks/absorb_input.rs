//! What click-through models are given to learn from after training: keys of every kind, and what is refused.

use pocketrec::{
    Error,
    checkpoint::ClickCheckpoint,
    data::clicks::{Field, Samples, Schema, SideTable, Training, Values},
    device::Device,
    models::{ClickModel, Din, Fm, Unit},
    train::{ClickAbsorbConfig, ClickConfig, ClickRow, ClickTrainer},
};
use std::collections::HashMap;

use crate::common::{
    click_config,
    files::{Tensors, bytes_of, edited},
};

fn click<'v>(values: &'v Values<'v>) -> ClickRow<'v> {
    ClickRow {
        values,
        events: &[],
        label: 1.0,
    }
}

/// Rows with a number, several keys, and a side table.
fn shop() -> (Schema, Vec<SideTable>) {
    let schema = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .field(Field::number("price"))
        .field(Field::keys("tags", '|'))
        .field(Field::key("maker").from_table("items"))
        .join("items", "item")
        .history("history", ["item"], 5)
        .label("click")
        .group("user");
    let mut items = SideTable::new("items", ["maker"]);
    items.push("tea", &["anon"]).unwrap();
    items.push("soup", &["bert"]).unwrap();
    (schema, vec![items])
}

fn shop_trainer(model: impl Fn(&Samples) -> ClickModel) -> ClickTrainer {
    let (schema, tables) = shop();
    let mut training = Training::new(schema, tables).unwrap();
    for row in 0..40 {
        let (user, item) = (["ann", "bob"][row % 2], ["tea", "soup"][row / 2 % 2]);
        let (price, click) = ((row % 7).to_string(), if row % 2 == row / 2 % 2 { "1" } else { "0" });
        training.push_row(&[user, item, &price, "hot|red", click]).unwrap();
    }
    let (encoder, train, _) = training.fit().unwrap();
    let config = ClickConfig {
        patience: None,
        ..click_config(2)
    };
    let mut trainer = ClickTrainer::new(model(&train), Device::cpu(), config).unwrap();
    trainer.set_encoder(encoder).unwrap();
    trainer.fit(&train, None, |_| ()).unwrap();
    trainer
}

fn shop_din(train: &Samples) -> ClickModel {
    let din = Din::new(train.layout()).embedding_dim(4).attention([4], Unit::Sigmoid);
    din.hidden([4]).into()
}

/// What a side table says of a new item, and each of several keys, can be new as well.
#[test]
fn keys_of_every_kind_of_field_are_learnt() {
    let mut trainer = shop_trainer(shop_din);
    let mut encoder = trainer.encoder().unwrap().clone();
    encoder.add_side_row("items", "rice", &["carl"]).unwrap();
    trainer.set_encoder(encoder).unwrap();
    let values = [
        ("user", "ann"),
        ("item", "rice"),
        ("price", "2"),
        ("tags", "hot|blue|round"),
    ];
    let report = trainer.absorb(&[click(&values)]).unwrap();
    assert_eq!(report.new_keys, 4); // rice, carl, blue, round
    let encoder = trainer.encoder().unwrap();
    let row = |vocabulary: &str, key: &str| encoder.vocabulary(vocabulary).unwrap().row(key);
    assert_eq!(
        (row("maker", "carl"), row("tags", "blue"), row("tags", "round")),
        (3, 3, 4)
    );
    assert_eq!(trainer.absorb(&[click(&values)]).unwrap().new_keys, 0);
}

#[test]
fn bad_input_is_named_and_changes_nothing() {
    let mut trainer = shop_trainer(shop_din);
    let before = bytes_of(&mut trainer);
    let good = [("user", "new"), ("item", "salt"), ("price", "1")];
    let row = |values, events, label| ClickRow { values, events, label };
    let cases: &[(&str, &Values, &[&Values], f32)] = &[
        ("colour: the schema has no such column", &[("colour", "red")], &[], 1.0),
        ("price", &[("price", "cheap")], &[], 1.0),
        ("price", &[("price", "NaN")], &[], 1.0),
        ("price", &[("price", "inf")], &[], 1.0),
        ("label", &[("item", "salt")], &[], f32::NAN),
        ("label: 1.5 of row 1", &[("item", "salt")], &[], 1.5),
        ("label: -0.1 of row 1", &[("item", "salt")], &[], -0.1),
        (
            "colour: the schema has no such column",
            &[("item", "salt")],
            &[&[("colour", "red")]],
            1.0,
        ),
    ];
    for &(expected, values, events, label) in cases {
        let rows = [row(&good[..], &[], 1.0), row(values, events, label)];
        let error = trainer.absorb(&rows).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        assert_eq!(bytes_of(&mut trainer), before, "{expected}");
    }
    for (field, config) in [
        (
            "group",
            ClickAbsorbConfig {
                group: 0,
                ..ClickAbsorbConfig::default()
            },
        ),
        (
            "held",
            ClickAbsorbConfig {
                held: 1001,
                ..ClickAbsorbConfig::default()
            },
        ),
        (
            "learning_rate",
            ClickAbsorbConfig {
                learning_rate: f32::NAN,
                ..ClickAbsorbConfig::default()
            },
        ),
        (
            "steps",
            ClickAbsorbConfig {
                steps: u32::MAX,
                ..ClickAbsorbConfig::default()
            },
        ),
    ] {
        let error = trainer.absorb_with(&[click(&good)], &config).unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
        assert_eq!(bytes_of(&mut trainer), before);
    }
    let mut checkpoint = trainer.checkpoint().unwrap();
    checkpoint.encoder = None;
    let mut blind = ClickTrainer::from_checkpoint(checkpoint, Device::cpu()).unwrap();
    let error = blind.absorb(&[click(&good)]).unwrap_err().to_string();
    assert!(error.contains("set_encoder"), "{error}");
}

/// Parameters so large that a prediction is not finite: the rows go back, and what was new keeps its starting place.
#[test]
fn a_step_that_diverges_is_undone() {
    let mut checkpoint = shop_trainer(|train| Fm::new(train.layout()).embedding_dim(4).into())
        .checkpoint()
        .unwrap();
    let fine = [("user", "bob"), ("item", "tea"), ("price", "1")];
    let plan = checkpoint.model.plan().unwrap();
    let soup = checkpoint
        .encoder
        .as_ref()
        .unwrap()
        .vocabulary("item")
        .unwrap()
        .row("soup") as usize;
    for (param, tensor) in plan.params().iter().zip(&mut checkpoint.state.tensors) {
        if param.name == "item.embedding" {
            tensor.value[soup * param.width..][..param.width].fill(1e30);
        }
    }
    let mut trainer = ClickTrainer::from_checkpoint(checkpoint, Device::cpu()).unwrap();
    let (before, counts) = (trainer.state().unwrap(), trainer.checkpoint().unwrap().support.unwrap());
    let bad = [("user", "eve"), ("item", "soup"), ("price", "1")];
    let none_held = ClickAbsorbConfig {
        held: 0,
        group: 1,
        ..ClickAbsorbConfig::default()
    };
    let error = trainer
        .absorb_with(&[click(&fine), click(&bad)], &none_held)
        .unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    let after = trainer.state().unwrap();
    for (param, (after, before)) in plan.params().iter().zip(after.tensors.iter().zip(&before.tensors)) {
        assert_eq!(after.value[..before.value.len()], before.value, "{}", param.name);
        let more = if param.name.starts_with("user") { param.width } else { 0 };
        assert_eq!(after.value.len(), before.value.len() + more, "{}", param.name);
    }
    assert_eq!(trainer.history().users(), 0);
    let mut now = trainer.checkpoint().unwrap().support.unwrap();
    assert_eq!(now[0].pop(), Some(0));
    assert_eq!(now, counts);
    trainer.absorb_with(&[click(&fine)], &none_held).unwrap();
    assert_eq!(
        (trainer.history().clicks("bob"), trainer.history().clicks("eve")),
        (1, 0)
    );
}

#[test]
fn files_that_contradict_what_was_absorbed_are_refused() {
    let mut trainer = shop_trainer(shop_din);
    trainer.absorb(&[click(&[("user", "new"), ("item", "salt")])]).unwrap();
    let bytes = bytes_of(&mut trainer);
    type Edit = fn(&mut Tensors, &mut HashMap<String, String>);
    fn history(tensors: &mut Tensors, json: &str) {
        let (_, shape, bytes) = tensors.get_mut("absorbed").unwrap();
        (*shape, *bytes) = (vec![json.len()], json.into());
    }
    let cases: &[(&str, Edit)] = &[
        ("tensor absorbed", |t, _| history(t, "{")),
        ("not one history a user", |t, _| {
            history(t, r#"{"users":["new"],"events":[]}"#)
        }),
        ("the history of \"new\"", |t, _| {
            history(t, r#"{"users":["new"],"events":[[]]}"#)
        }),
        ("the history of \"new\"", |t, _| {
            history(t, r#"{"users":["new"],"events":[[[[4]]]]}"#)
        }),
        ("the history of \"new\"", |t, _| {
            history(t, r#"{"users":["new"],"events":[[[[1,1,1,1,1,1]]]]}"#)
        }),
        ("support/item is missing", |t, _| drop(t.remove("support/item"))),
        ("not one count of training rows", |t, _| {
            let (_, shape, bytes) = t.get_mut("support/item").unwrap();
            shape[0] -= 1;
            bytes.truncate(4 * shape[0]);
        }),
    ];
    let same = edited(&bytes, |t, _| history(t, r#"{"users":["new"],"events":[[[[3]]]]}"#));
    assert!(ClickCheckpoint::from_bytes(&same).is_ok());
    for (expected, edit) in cases {
        let error = ClickCheckpoint::from_bytes(&edited(&bytes, *edit))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
    // A file from before rows were counted: only the user's own row moves, and new ones.
    let mut checkpoint = trainer.checkpoint().unwrap();
    checkpoint.support = None;
    let mut old = ClickTrainer::from_checkpoint(checkpoint, Device::cpu()).unwrap();
    let before = old.state().unwrap();
    old.absorb(&[click(&[("user", "ann"), ("item", "tea")])]).unwrap();
    let after = old.state().unwrap();
    for (param, (after, before)) in old
        .plan()
        .params()
        .iter()
        .zip(after.tensors.iter().zip(&before.tensors))
    {
        let off = after
            .value
            .iter()
            .zip(&before.value)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert_eq!(off > 1e-6, param.name.starts_with("user"), "{}: {off}", param.name);
    }
}
