//! Checkpoints whose checksum is right and whose contents are not: refused by name, or loaded and then as good as any.
//!
//! - `flips`: every bit of a small file.
//! - `mutations`: a few thousand files that differ in a number, a letter, a list or a tensor, and what loads is used.
//! - `named`: what is refused, and in which words.
#![cfg(feature = "std")]

#[path = "../common/mod.rs"]
mod common;
mod flips;
mod mutations;
mod named;
mod unwritten;

use pocketrec::{
    Error,
    checkpoint::{Checkpoint, ClickCheckpoint, Export},
    data::{
        FeatureKind, FeatureTable, IdMap, Interactions, Split,
        clicks::{Field, Samples, Schema, SideTable, Training},
    },
    device::Device,
    models::{ClickModel, Din, NeuMf, Unit},
    train::{AbsorbConfig, ClickConfig, ClickRow, ClickTrainer, Control, Known, TrainConfig, Trainer},
};

/// A CPU of one thread: starting more takes longer than such models.
fn device() -> Device {
    Device::cpu().threads(1)
}

/// Six users of seven items, with keys and titles.
fn split() -> Split {
    let pairs: Vec<(u32, u32)> = (0..6)
        .flat_map(|user| (0..4).map(move |i| (user, (user + 2 * i) % 7)))
        .collect();
    let keys = |prefix: char, n: u32| IdMap::from_keys((0..n).map(|i| format!("{prefix}{i}"))).unwrap();
    let data = Interactions::from_pairs(&pairs).unwrap();
    let data = data.with_ids(keys('u', 6), keys('i', 7)).unwrap();
    let titles = (0..7).map(|item| format!("Title {item}")).collect();
    data.with_titles(titles).unwrap().leave_one_out().unwrap()
}

/// A trainer that has trained, been evaluated and averaged, and absorbed a click of a new user.
fn pairs(model: impl Into<pocketrec::models::Model>, absorb: bool) -> Vec<u8> {
    let config = TrainConfig {
        epochs: 2,
        batch_size: 16,
        patience: Some(9),
        average_from: Some(1),
        protocol: pocketrec::eval::Protocol::Full,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(model, device(), config).unwrap();
    trainer.fit(&split(), |_| Control::Stop).unwrap();
    if absorb {
        trainer.absorb_keys(&[("new", "i3")], &AbsorbConfig::default()).unwrap();
    }
    bytes(&trainer.checkpoint().unwrap())
}

/// A trainer that knows users and items by features, has trained, and has absorbed a new item.
fn featured() -> Vec<u8> {
    let split = split();
    let items = FeatureTable::new(split.train.item_ids())
        .column("kind", FeatureKind::Values)
        .unwrap();
    let mut items = items.column("size", FeatureKind::Quantiles(3)).unwrap();
    let users = FeatureTable::new(split.train.user_ids())
        .column("words", FeatureKind::Words(3))
        .unwrap();
    let mut users = users;
    for row in 0..6 {
        items
            .push(&format!("i{row}"), &[&format!("k{}|all", row % 3), &format!("{row}")])
            .unwrap();
        users.push(&format!("u{row}"), &[&format!("word {row}")]).unwrap();
    }
    let known = Known::of_items(items.finish().unwrap()).and_users(users.finish().unwrap());
    let config = TrainConfig {
        epochs: 2,
        batch_size: 16,
        eval_every: 0,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::with_known(NeuMf::new(6, 7).factors(1), known, device(), config).unwrap();
    trainer.fit(&split, |_| Control::Stop).unwrap();
    trainer
        .absorb_item("new", &[("kind", "k1|all"), ("size", "3")])
        .unwrap();
    trainer.to_bytes().unwrap()
}

/// A small file of such a trainer, of two users in bytes, with a click that came since: rows that are exact.
fn small(model: impl Into<pocketrec::models::Model>) -> Vec<u8> {
    let whole = Checkpoint::from_bytes(&pairs(model, true)).unwrap();
    let export = Export {
        users: Some(&[4, 6]),
        ..Export::default()
    };
    let mut trainer = Trainer::from_checkpoint(whole.export(&export).unwrap(), device()).unwrap();
    trainer
        .absorb_keys(&[("u4", "fresh")], &AbsorbConfig::default())
        .unwrap();
    trainer.to_bytes().unwrap()
}

fn bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    checkpoint.write_to(&mut bytes).unwrap();
    bytes
}

fn click_bytes(checkpoint: &ClickCheckpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    checkpoint.write_to(&mut bytes).unwrap();
    bytes
}

/// Rows with a field of every kind, and a side table.
fn rows() -> Training {
    let schema = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .field(Field::key("maker").from_table("items"))
        .field(Field::number("price").from_table("items"))
        .field(Field::keys("tags", '|'))
        .field(Field::key("agent").hashed(3))
        .field(Field::quantile("hour", 3))
        .join("items", "item")
        .history("history", ["item", "maker"], 4)
        .label("click")
        .group("user");
    let mut items = SideTable::new("items", ["maker", "price"]);
    for (item, maker, price) in [("tea", "anon", "2"), ("rice", "bert", "3.5"), ("soup", "anon", "")] {
        items.push(item, &[maker, price]).unwrap();
    }
    let mut training = Training::new(schema, vec![items]).unwrap();
    let inputs: Vec<String> = training.inputs().into_iter().map(String::from).collect();
    for row in 0..24 {
        let value = |input: &str| match input {
            "user" => ["ann", "bob", "cem"][row % 3].to_string(),
            "item" => ["tea", "rice", "soup"][row / 3 % 3].to_string(),
            "tags" => ["hot|red", "", "hot"][row % 3].to_string(),
            "agent" => format!("a{}", row % 5),
            "hour" => (row % 7).to_string(),
            _ => (row % 2).to_string(),
        };
        let values: Vec<String> = inputs.iter().map(|input| value(input)).collect();
        training
            .push_row(&values.iter().map(String::as_str).collect::<Vec<_>>())
            .unwrap();
    }
    training
}

fn clicks(model: impl Fn(&Samples) -> ClickModel) -> (Vec<u8>, Samples) {
    let (encoder, train, _) = rows().fit().unwrap();
    let config = ClickConfig {
        epochs: 2,
        batch_size: 16,
        patience: Some(3),
        ..ClickConfig::default()
    };
    let mut trainer = ClickTrainer::new(model(&train), device(), config).unwrap();
    trainer.set_encoder(encoder).unwrap();
    trainer.fit(&train, Some(&train), |_| Control::Stop).unwrap();
    let click = ClickRow {
        values: &[("user", "dot"), ("item", "rice"), ("hour", "4")],
        events: &[],
        label: 1.0,
    };
    trainer.absorb(&[click]).unwrap();
    (click_bytes(&trainer.checkpoint().unwrap()), train)
}

fn din(train: &Samples) -> ClickModel {
    Din::new(train.layout())
        .embedding_dim(2)
        .attention([3], Unit::Sigmoid)
        .hidden([3])
        .into()
}

/// Loads a file, with the checksum that its contents give: it is compared last, when all else is well.
fn past_checksum<T>(bytes: &[u8], load: impl Fn(&[u8]) -> pocketrec::Result<T>) -> Result<T, String> {
    const SAYS: &str = "metadata key checksum says ";
    const GIVE: &str = "the contents give ";
    let reason = match load(bytes) {
        Ok(loaded) => return Ok(loaded),
        Err(Error::Checkpoint { reason, .. }) => reason,
        Err(other) => panic!("{other}"),
    };
    let Some(at) = reason.find(GIVE).filter(|_| reason.starts_with(SAYS)) else {
        return Err(reason);
    };
    let said = &reason[SAYS.len()..reason.find(',').unwrap()];
    let right = &reason[at + GIVE.len()..][..16];
    let from = bytes.windows(said.len()).position(|part| part == said.as_bytes());
    let (Some(from), 16) = (from, said.len()) else {
        return Err(reason); // the checksum itself was hit
    };
    let mut bytes = bytes.to_vec();
    bytes[from..from + 16].copy_from_slice(right.as_bytes());
    load(&bytes).map_err(|error| error.to_string())
}
