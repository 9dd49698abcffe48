//! CFKG: PyTorch's values, scores and paths by hand, what its sampler draws, items that nobody has, checkpoints, refusals.

mod golden;
mod paths;
mod refused;
mod sampler;
mod training;

use pocketrec::{
    data::{IdMap, ItemLinks, Relations, Triples},
    models::{Cfkg, Loss},
    plan::{AdamConfig, Optimizer, State},
    train::TrainConfig,
};

/// Relations of items, which have their numbers as keys, and of other things.
fn relations(items: u32, triples: &[(&str, &str, &str)]) -> Relations {
    let keys: Vec<String> = (0..items).map(|item| item.to_string()).collect();
    let links = ItemLinks::from_keys(keys.iter().map(|key| (key.as_str(), key.as_str()))).unwrap();
    let known = Triples::from_keys(triples.iter().copied()).unwrap();
    Relations::of(&known.with_items(&IdMap::numbered(items), &links).unwrap()).unwrap()
}

fn config(loss: Loss) -> TrainConfig {
    TrainConfig {
        epochs: 8,
        loss,
        batch_size: 256,
        negatives: 2,
        optimizer: Optimizer::Adam(AdamConfig {
            learning_rate: 0.02,
            ..AdamConfig::default()
        }),
        eval_every: 0,
        seed: 3,
        ..TrainConfig::default()
    }
}

/// A state with these values of tables, by their names.
fn state_of(model: &Cfkg, tables: &[(&str, &[f32])]) -> State {
    let plan = model.plan_for(Loss::Bpr).unwrap();
    let mut state = State::initial(&plan, 1, true).unwrap();
    assert_eq!(plan.params().len(), tables.len());
    for (name, values) in tables {
        let tensor = &mut state.tensors[plan.param(name).unwrap()];
        assert_eq!(tensor.value.len(), values.len(), "{name}");
        tensor.value = values.to_vec();
    }
    state
}
