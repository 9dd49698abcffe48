//! The click-through workloads, as benches/peers/torch_ctr.py has them: models on clicks of MovieLens-1M's sizes, and
//! batches for them. `examples/throughput.rs` reads this file too.

use pocketrec::{
    data::{
        Batch,
        clicks::{IdField, Layout, SequenceField, Table},
    },
    models::{ClickModel, DeepFm, Dien, Din, Unit},
    plan::{GruKind, Plan, Space},
    rng::Rng,
};

/// Samples of a batch.
pub const BATCH: usize = 1024;
/// The longest history.
pub const HISTORY: u32 = 20;
/// Rows of the tables.
const TABLES: [(&str, u32); 6] = [
    ("user", 6034),
    ("item", ITEMS),
    ("genre", GENRES),
    ("hour", 24),
    ("weekday", 7),
    ("period", 9),
];
const ITEMS: u32 = 3126;
/// Kinds of genre lists; an item has one.
const GENRES: u32 = 298;

/// A model and its sizes.
#[derive(Clone, Copy, Debug)]
pub struct Clicks {
    pub name: &'static str,
    pub model: Model,
    /// Width of the embeddings; an item with its genre has twice as many.
    pub factors: usize,
    /// The longest history; DeepFM reads none.
    pub history: u32,
    /// Samples of a batch.
    pub batch: usize,
}

/// Which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Layers 512-128.
    DeepFm,
    /// Attention 64, layers 512-64.
    Din,
    /// The same with recurrent layers as wide as an item with its genre, and an auxiliary network 100-50. The second
    /// layer is of this kind.
    Dien(GruKind),
}

const fn workload(name: &'static str, model: Model, factors: usize) -> Clicks {
    let (history, batch) = (HISTORY, BATCH);
    Clicks {
        name,
        model,
        factors,
        history,
        batch,
    }
}

pub const DEEPFM64: Clicks = workload("deepfm64", Model::DeepFm, 64);
pub const DEEPFM16: Clicks = workload("deepfm16", Model::DeepFm, 16);
pub const DIN64: Clicks = workload("din64", Model::Din, 64);
pub const DIN16: Clicks = workload("din16", Model::Din, 16);
pub const DIEN64: Clicks = workload("dien64", Model::Dien(GruKind::Augru), 64);
pub const DIEN16: Clicks = workload("dien16", Model::Dien(GruKind::Augru), 16);

/// All workloads.
pub const ALL: [Clicks; 6] = [DEEPFM64, DEEPFM16, DIN64, DIN16, DIEN64, DIEN16];

impl Clicks {
    /// The model.
    pub fn model(&self) -> ClickModel {
        let fields = self.fields();
        match self.model {
            Model::DeepFm => DeepFm::new(&fields)
                .embedding_dim(self.factors)
                .hidden([512, 128])
                .dropout(0.2)
                .into(),
            Model::Din => Din::new(&fields)
                .embedding_dim(self.factors)
                .attention([64], Unit::Sigmoid)
                .hidden([512, 64])
                .unit(Unit::Relu)
                .dropout(0.5)
                .into(),
            Model::Dien(kind) => Dien::new(&fields)
                .embedding_dim(self.factors)
                .attention([64])
                .evolution(kind)
                .hidden([512, 64])
                .unit(Unit::Relu)
                .dropout(0.5)
                .auxiliary([100, 50], 0.5)
                .into(),
        }
    }

    /// The model's plan.
    pub fn plan(&self) -> Plan {
        self.model().plan().expect("the sizes are in range")
    }

    fn fields(&self) -> Layout {
        let field = |(vocabulary, (name, _)): (usize, (&str, u32))| IdField::new(name, vocabulary);
        let table = |(name, rows): (&str, u32)| Table {
            name: name.into(),
            rows,
        };
        Layout {
            ids: TABLES.into_iter().enumerate().map(field).collect(),
            numbers: vec!["day".into()],
            sequences: vec![SequenceField {
                name: "history".into(),
                length: self.history,
                fields: vec![1, 2],
            }],
            vocabularies: TABLES.map(table).into(),
            ..Layout::default()
        }
    }

    /// Multiply-adds of a sample's forward pass, on average over the first batch. What is shared between steps of the
    /// same item counts for each of them.
    pub fn multiply_adds(&self, plan: &Plan) -> usize {
        let steps = lengths(batch_rng(0), self.history, self.batch).sum::<usize>();
        plan.batch_multiply_adds(self.batch, &[steps]) / self.batch
    }

    /// Batch `k`: ids by Zipf's law, histories as [`lengths`] has them.
    pub fn batch(&self, plan: &Plan, k: u32) -> Batch {
        let rng = batch_rng(k);
        let mut batch = Batch::default();
        batch.reset(plan.columns().len(), plan.sequences().len());
        batch.set_noise(rng.stream(1));
        if !plan.sequences().is_empty() {
            for length in lengths(rng, self.history, self.batch) {
                batch.end_sequence(0, length);
            }
        }
        for (index, column) in plan.columns().iter().enumerate() {
            let is_genre = column.name.contains("genre");
            let (stream, rows, count) = match column.space {
                // A genre is that of the item in the same place.
                Space::Samples if is_genre || column.name == "item" => (4, ITEMS, self.batch),
                Space::Samples | Space::Nodes => (6 + index as u32, plan.rows(column.vocabulary) as u32, self.batch),
                Space::Steps(sequence) => {
                    let is_negative = column.name.starts_with("negative");
                    let steps = batch.offsets(sequence)[self.batch] as usize;
                    (if is_negative { 40 } else { 5 }, ITEMS, steps)
                }
            };
            let ids = zipf(rng.stream(stream), rows, count);
            *batch.ids_mut(index) = match is_genre {
                true => ids.map(|item| item * 7 % GENRES).collect(),
                false => ids.collect(),
            };
        }
        *batch.numeric_mut() = (0..self.batch as u64).map(|i| rng.stream(30).normal(i)).collect();
        *batch.labels_mut() = (0..self.batch as u64)
            .map(|i| rng.stream(31).below(i, 2) as f32)
            .collect();
        batch.sort();
        batch
    }
}

fn batch_rng(k: u32) -> Rng {
    Rng::new(1).stream(k)
}

/// Histories of `longest` items or, one in five, of fewer; 17.9 on average of 20, as MovieLens-1M's.
pub fn lengths(rng: Rng, longest: u32, samples: usize) -> impl Iterator<Item = usize> {
    (0..samples as u64).map(move |s| {
        let is_short = rng.stream(2).below(s, 100) < 21;
        let length = match is_short {
            true => rng.stream(3).below(s, longest + 1),
            false => longest,
        };
        length as usize
    })
}

/// Id `k` has a share of about 1 / (k + 1).
fn zipf(rng: Rng, rows: u32, count: usize) -> impl Iterator<Item = u32> {
    let id = move |i| (((rows as f32 + 1.0).powf(rng.uniform(i)) - 1.0) as u32).min(rows - 1);
    (0..count as u64).map(id)
}
