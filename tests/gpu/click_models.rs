//! Whole click-through models on the GPU against the specification: fields of any number, kind and width.

use pocketrec::{
    data::clicks::{IdField, Layout, SequenceField, Table},
    gpu::{Gpu, GpuExecutor, GpuOptions},
    models::{ClickModel, DeepFm, Dien, Din, Fm, Lr, Unit, WideDeep},
    plan::{AdamConfig, GruKind, L2, Optimizer, State},
    rng::Rng,
};

use crate::common::{check_parity, random_batch, trained_state};

/// Relative to the largest magnitude of each tensor.
const TOLERANCE: f64 = 5e-5;
const UNITS: [Unit; 5] = [Unit::Relu, Unit::BatchNormRelu, Unit::Sigmoid, Unit::Prelu, Unit::Dice];

/// Draws numbers one after another.
struct Draw(Rng, u64);

impl Draw {
    fn below(&mut self, n: u32) -> usize {
        self.1 += 1;
        self.0.below(self.1, n) as usize
    }

    fn between(&mut self, low: u32, high: u32) -> usize {
        low as usize + self.below(high - low + 1)
    }
}

/// Fields with one key, some of which share a vocabulary, fields with many, numbers, and a history of some of the first.
fn layout(draw: &mut Draw) -> Layout {
    let vocabularies = draw.between(2, 4);
    let ids = draw.between(2, 5);
    let field = |name: String, vocabulary: usize| IdField::new(name, vocabulary);
    let mut layout = Layout {
        ids: (0..ids).map(|i| field(format!("id{i}"), i % vocabularies)).collect(),
        numbers: (0..draw.below(4)).map(|i| format!("number{i}")).collect(),
        vocabularies: (0..vocabularies)
            .map(|i| Table {
                name: format!("vocabulary{i}"),
                rows: draw.between(1, 60) as u32,
            })
            .collect(),
        ..Layout::default()
    };
    for i in 0..draw.below(3) {
        layout.many.push(IdField {
            weighted: draw.below(2) == 1,
            ..field(format!("many{i}"), draw.below(vocabularies as u32))
        });
    }
    let mut fields = vec![0];
    if draw.below(2) == 1 {
        fields.push(1);
    }
    layout.sequences = vec![SequenceField {
        name: "history".into(),
        length: 7,
        fields,
    }];
    layout
}

fn model(draw: &mut Draw) -> ClickModel {
    let layout = layout(draw);
    let factors = draw.between(1, 9);
    let hidden: Vec<usize> = (0..draw.between(1, 2)).map(|_| draw.between(1, 40)).collect();
    let unit = UNITS[draw.below(5)];
    let dropout = [0.0, 0.3][draw.below(2)];
    let attention: Vec<usize> = (0..draw.between(1, 2)).map(|_| draw.between(1, 20)).collect();
    let plain = Layout {
        sequences: Vec::new(),
        ..layout.clone()
    };
    match draw.below(8) {
        0 => Lr::new(&plain).into(),
        1 => Fm::new(&plain).embedding_dim(factors).into(),
        2 => WideDeep::new(&plain)
            .embedding_dim(factors)
            .hidden(hidden)
            .unit(unit)
            .dropout(dropout)
            .into(),
        3 => DeepFm::new(&plain)
            .embedding_dim(factors)
            .hidden(hidden)
            .unit(unit)
            .dropout(dropout)
            .into(),
        4 | 5 => Dien::new(&layout)
            .embedding_dim(factors)
            .attention(attention)
            .evolution([GruKind::Gru, GruKind::Aigru, GruKind::Agru, GruKind::Augru][draw.below(4)])
            .hidden(hidden)
            .unit(unit)
            .dropout(dropout)
            .auxiliary([draw.between(1, 20)], [0.0, 0.5][draw.below(2)])
            .into(),
        _ => Din::new(&layout)
            .embedding_dim(factors)
            .attention(attention, UNITS[draw.below(5)])
            .softmax(draw.below(2) == 1)
            .hidden(hidden)
            .unit(unit)
            .dropout(dropout)
            .into(),
    }
}

fn check(gpu: &Gpu, seed: u64) {
    let mut draw = Draw(Rng::new(seed), 0);
    let model = model(&mut draw);
    let what = format!("seed {seed}: {model:?}");
    let plan = model.plan().unwrap();
    let sizes = [draw.between(20, 40), draw.between(41, 200)];
    let batches: Vec<_> = sizes.iter().map(|&n| random_batch(&plan, n, n as u64 + seed)).collect();
    let config = AdamConfig {
        learning_rate: 0.01,
        ..AdamConfig::default()
    };
    let optimizer = [Optimizer::LazyAdam(config), Optimizer::Adam(config)][draw.below(2)];
    let state = trained_state(&plan, 0.3, 7, seed);
    let decay = L2 {
        tables: 0.1,
        per_row: 0.01,
        dense: 0.01,
    };
    let mut executor = GpuExecutor::new(gpu, plan.clone(), &State::initial(&plan, 1, true).unwrap()).unwrap();
    check_parity(&mut executor, &state, &batches, (&optimizer, decay), TOLERANCE, &what);
}

#[test]
fn models_of_any_fields_equal_the_specification() {
    let options = GpuOptions {
        slice_rows: Some(70),
        checked: true,
        ..GpuOptions::default()
    };
    let Some(sliced) = crate::common::gpu::open(options) else {
        return;
    };
    let Some(gpu) = crate::common::gpu::open(GpuOptions::default()) else {
        return;
    };
    for seed in 0..24 {
        check(if seed % 2 == 0 { &gpu } else { &sliced }, seed);
    }
}
