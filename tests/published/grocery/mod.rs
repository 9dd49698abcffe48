//! Amazon Grocery: its parts, the relations and categories of its items, and the published candidates.

mod cfkg;
mod relations;
mod sas_rec;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use pocketrec::{
    data::{
        Candidates, Delimited, FeatureFile, FeatureKind, FeatureTable, Features, Interactions, RelationFile, Relations,
        Split,
    },
    eval::Protocol,
    train::{TrainConfig, Trainer},
};

const NAMES: [&str; 2] = ["r_complement", "r_substitute"];
pub const CATEGORY: &str = "i_category";

pub struct Data {
    pub train: Interactions,
    dev: Interactions,
    test: Interactions,
    relations: Relations,
}

impl Data {
    /// All parts as one, by the keys of the training part.
    pub fn whole(&self) -> Interactions {
        let parts = [&self.train, &self.dev, &self.test];
        let (users, items): (Vec<u32>, Vec<u32>) = parts.into_iter().flat_map(Interactions::iter).unzip();
        let counts = (self.train.users(), self.train.items());
        let whole = Interactions::from_columns(counts, &users, &items, &[]).unwrap();
        let keys = (self.train.user_ids().clone(), self.train.item_ids().clone());
        whole.with_ids(keys.0, keys.1).unwrap()
    }
}

pub fn folder() -> PathBuf {
    let folder = std::env::var("POCKETREC_DATA").unwrap_or("../shared/data".into());
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join("amazon-grocery")
}

pub fn read() -> Option<Data> {
    let folder = folder();
    if !folder.is_dir() {
        crate::skipped::skipped("../shared/data/amazon-grocery is not there");
        return None;
    }
    let parts = ["train.csv", "dev.csv", "test.csv"].map(|name| folder.join(name));
    let [train, dev, test] = Interactions::read_parts(parts, &Delimited::default()).unwrap();
    let file = NAMES
        .into_iter()
        .fold(RelationFile::new(), |file, name| file.items(name))
        .values(CATEGORY);
    let known = file.read(folder.join("item_meta.csv"), train.item_ids()).unwrap();
    let relations = Relations::of(&known).unwrap();
    Some(Data {
        train,
        dev,
        test,
        relations,
    })
}

/// What items are known by: their category, and what they are related to, either way. Each is its own neighbour, so that what is learnt
/// of an item is there for those that are related to it.
pub fn features(train: &Interactions) -> Features {
    let file = NAMES
        .into_iter()
        .fold(RelationFile::new(), |file, name| file.items(name));
    let path = folder().join("item_meta.csv");
    let known = file.read(&path, train.item_ids()).unwrap();
    let of_category = FeatureFile::of_items().category(CATEGORY);
    let categories = of_category.read(path, train.item_ids()).unwrap();
    let mut near: Vec<Vec<u32>> = (0..train.items()).map(|item| vec![item]).collect();
    for relation in 0..NAMES.len() as u32 {
        for (head, tail) in known.of_relation(relation) {
            for (one, other) in [(head, tail), (tail, head)] {
                if one < train.items() && other < train.items() {
                    near[one as usize].push(other);
                }
            }
        }
    }
    let table = FeatureTable::new(train.item_ids());
    let table = table.column("near", FeatureKind::Values).unwrap();
    let mut table = table.column("category", FeatureKind::Category).unwrap();
    for (item, mut near) in (0..).zip(near) {
        near.sort_unstable();
        near.dedup();
        let near: Vec<String> = near.iter().map(u32::to_string).collect();
        let category = categories.of(item).first().map_or_else(String::new, u32::to_string);
        let key = train.item_ids().key(item).unwrap();
        table.push(&key, &[&near.join("|"), &category]).unwrap();
    }
    table.finish().unwrap()
}

/// A split whose cases are ranked among 99 items, drawn by the published rule: the user has them in no part.
fn among(train: &Interactions, tested: &Interactions, other: &Interactions) -> Split {
    let split = Split::from_parts(train.clone(), tested).unwrap();
    split.among_without(Candidates::Sampled { count: 99, seed: 0 }, &[other])
}

/// Trains for the epochs of the settings, and says every so many what `measure` gives; the last.
fn train(
    mut trainer: Trainer,
    config: TrainConfig,
    every: u32,
    data: &Split,
    mut measure: impl FnMut(&mut Trainer) -> [f64; 2],
) -> [f64; 2] {
    let (mut seconds, mut last) = (0.0, [0.0; 2]);
    for epochs in (every..=config.epochs).step_by(every as usize) {
        trainer.set_config(TrainConfig { epochs, ..config }).unwrap();
        let start = Instant::now();
        let report = trainer.fit(data, |_| ()).unwrap();
        seconds += start.elapsed().as_secs_f64();
        last = measure(&mut trainer);
        let loss = report.last.map_or(f64::NAN, |epoch| epoch.loss);
        let ([a, b], seed) = (last, config.seed);
        println!("seed {seed}, epoch {epochs}: loss {loss:.4}, {a:.4} / {b:.4}, {seconds:.1} s of training");
    }
    last
}

/// The means of what three seeds give.
fn mean_of_seeds(of_seed: impl Fn(u64) -> [f64; 2]) -> [f64; 2] {
    let all = [1, 2, 3].map(of_seed);
    [0, 1].map(|at| all.iter().map(|seed| seed[at]).sum::<f64>() / 3.0)
}

/// HR@5 and NDCG@5.
fn hits(trainer: &mut Trainer, split: &Split) -> [f64; 2] {
    let report = trainer.evaluate(split, Protocol::Sampled, 5).unwrap();
    [report.hr, report.ndcg]
}
