//! Data with a planted structure: users and items belong to groups, and users mostly take items of their own group.

#![allow(dead_code)] // each test binary uses a part

use pocketrec::{
    data::{
        Interactions, Split,
        clicks::{PlantedClickData, PlantedClicks},
    },
    device::Device,
    models::Model,
    rng::Rng,
    train::{TrainConfig, Trainer},
};

pub const USERS: u32 = 120;
pub const ITEMS: u32 = 80;
pub const GROUPS: u32 = 4;

/// Each user has `each` items, nine of ten from the user's group (`user % GROUPS == item % GROUPS`).
pub fn interactions(each: u32) -> Interactions {
    let mut triples = Vec::new();
    for user in 0..USERS {
        let rng = Rng::new(99).stream(user);
        for i in 0..each {
            let at = u64::from(i) * 3;
            let own = rng.below(at, 10) < 9;
            let group = if own { user % GROUPS } else { rng.below(at + 1, GROUPS) };
            let item = rng.below(at + 2, ITEMS / GROUPS) * GROUPS + group;
            triples.push((user, item, i64::from(i)));
        }
    }
    // So that the last user and item are there whatever was drawn.
    triples.push((USERS - 1, ITEMS - 1, -1));
    Interactions::from_triples(&triples).unwrap()
}

pub fn split() -> Split {
    use pocketrec::data::Candidates;
    let among = Candidates::Sampled { count: 40, seed: 5 };
    interactions(12).leave_one_out_among(among).unwrap()
}

pub fn config() -> TrainConfig {
    TrainConfig {
        epochs: 4,
        batch_size: 64,
        seed: 7,
        report_every: 8,
        ..TrainConfig::default()
    }
}

pub fn trainer(model: impl Into<Model>, config: TrainConfig) -> Trainer {
    Trainer::new(model, Device::cpu(), config).unwrap()
}

/// Clicks that depend on whether the candidate's category is in the history.
pub fn clicks_by_history() -> PlantedClickData {
    let clicks = PlantedClicks {
        users: 400,
        items: 100,
        categories: 10,
        rows_per_user: 60,
        taste: 0.0,
        relevance: 3.0,
        recent: 0.0,
        bias: -1.0,
        ..PlantedClicks::default()
    };
    clicks.generate().unwrap()
}
