//! New users of MovieLens-1M after five clicks: what `absorb` makes of them, beside the same model trained anew with these clicks.
//!
//! Takes minutes, and the data beside the project:
//!
//! ```text
//! cargo test --release --no-default-features --features parallel,full --test published newcomers:: -- --ignored --nocapture
//! ```
//!
//! `NEWCOMERS="MODEL EPOCHS"` tries one of `mf`, `neumf` and `lightgcn` alone.

use std::time::Instant;

use pocketrec::{
    data::{Candidates, Interactions, Split},
    device::Device,
    eval::Protocol,
    models::{LightGcn, Loss, Mf, Model, NeuMf, Softmax},
    train::{TrainConfig, Trainer},
};

use crate::cold::movie_lens;

/// Users who are new, and what each does before anything is recommended.
const SHARE: f32 = 0.1;
const CLICKS: usize = 5;
/// Later interactions of each that are ranked, the first ones.
const RANKED: usize = 20;

/// Users who were always there come first, new ones behind them.
struct Newcomers {
    /// Interactions of those who were always there.
    warm: Interactions,
    /// The first clicks, by user.
    clicks: Vec<(u32, u32)>,
    /// Trained on: both. Tested: what came after the clicks, each among 99 others.
    split: Split,
}

fn newcomers(data: &Interactions, draw: u64) -> Newcomers {
    let cold = data.cold_users(SHARE, CLICKS, draw).unwrap();
    let is_new = |user: &u32| cold.cold_users().binary_search(user).is_ok();
    let old: Vec<u32> = (0..data.users()).filter(|user| !is_new(user)).collect();
    let (mut users, mut items) = (Vec::new(), Vec::new());
    for (number, &user) in (0..).zip(&old) {
        items.extend_from_slice(data.of_user(user));
        users.resize(items.len(), number);
    }
    let warm = Interactions::from_columns((old.len() as u32, data.items()), &users, &items, &[]).unwrap();
    let (mut clicks, mut later) = (Vec::new(), Vec::new());
    let (mut rest_users, mut rest_items) = (Vec::new(), Vec::new());
    for (number, &user) in (old.len() as u32..).zip(cold.cold_users()) {
        let (first, rest) = data.of_user(user).split_at(CLICKS.min(data.of_user(user).len()));
        clicks.extend(first.iter().map(|&item| (number, item)));
        later.extend(rest.iter().take(RANKED).map(|&item| (number, item, &[][..])));
        rest_users.extend(rest.iter().map(|_| number));
        rest_items.extend_from_slice(rest);
    }
    users.extend(clicks.iter().map(|click| click.0));
    items.extend(clicks.iter().map(|click| click.1));
    let counts = (data.users(), data.items());
    let with_clicks = Interactions::from_columns(counts, &users, &items, &[]).unwrap();
    // Nothing that a newcomer has later on stands against what is ranked.
    let rest = Interactions::from_columns(counts, &rest_users, &rest_items, &[]).unwrap();
    let among = Candidates::Sampled { count: 99, seed: draw };
    let split = Split::from_cases(with_clicks, later)
        .unwrap()
        .among_without(among, &[&rest]);
    Newcomers { warm, clicks, split }
}

fn model(name: &str, users: usize, items: usize) -> Model {
    match name {
        "mf" => Mf::new(users, items).factors(16).into(),
        "lightgcn" => LightGcn::new(users, items).layers(1).into(),
        _ => NeuMf::new(users, items).factors(8).into(),
    }
}

fn config(name: &str, epochs: u32, seed: u64) -> TrainConfig {
    let base = TrainConfig {
        epochs,
        eval_every: 0,
        seed,
        ..TrainConfig::default()
    };
    match name {
        "lightgcn" => TrainConfig {
            loss: Loss::Softmax(Softmax {
                temperature: 0.2,
                block: 2048,
                ..Softmax::default()
            }),
            batch_size: 2048,
            ..base
        },
        _ => base,
    }
}

/// HR@10 of newcomers who were absorbed, one after the other, and of newcomers who were trained with all others.
fn hit_rates(name: &str, epochs: u32, of: &Newcomers, seed: u64) -> [f64; 2] {
    let Newcomers { warm, clicks, split } = of;
    let config = config(name, epochs, seed);
    let hit_rate = |trainer: &mut Trainer| trainer.evaluate(split, Protocol::Sampled, 10).unwrap().hr;
    let items = warm.items() as usize;
    let mut absorbed = Trainer::new(model(name, warm.users() as usize, items), Device::cpu(), config).unwrap();
    let all = Split::from_cases(warm.clone(), []).unwrap();
    absorbed.fit(&all, |_| ()).unwrap();
    let start = Instant::now();
    // A graph is gone over once a call, so that its newcomers come together.
    let together = if name == "lightgcn" { clicks.len() } else { CLICKS };
    for of_user in clicks.chunks(together) {
        absorbed.absorb(of_user).unwrap();
    }
    let milliseconds = start.elapsed().as_secs_f64() * 1e3 / (clicks.len() / CLICKS) as f64;
    let first = hit_rate(&mut absorbed);
    let mut anew = Trainer::new(model(name, split.train.users() as usize, items), Device::cpu(), config).unwrap();
    anew.fit(&Split::from_cases(split.train.clone(), []).unwrap(), |_| ())
        .unwrap();
    let second = hit_rate(&mut anew);
    let (cases, ratio) = (split.test.len(), first / second);
    println!(
        "{name}, {epochs} epochs, seed {seed}: {cases} cases, HR@10 absorbed {first:.4} ({milliseconds:.2} ms a user), trained anew \
         {second:.4}, {ratio:.3}"
    );
    [first, second]
}

/// At least 95 % of what training anew with the same clicks would have, three draws of newcomers and seeds.
#[test]
#[ignore = "takes minutes in release mode"]
fn five_clicks_are_absorbed_nearly_as_well_as_trained() {
    let Some(folder) = movie_lens() else { return };
    let data = Interactions::read(folder.join("ratings.dat")).unwrap();
    let text = std::env::var("NEWCOMERS").unwrap_or("neumf 20;mf 20;lightgcn 10".into());
    for text in text.split(';') {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (name, epochs): (&str, u32) = (words[0], words[1].parse().unwrap());
        let mut sums = [0.0; 2];
        for seed in 1..=3 {
            let [absorbed, anew] = hit_rates(name, epochs, &newcomers(&data, seed), seed);
            sums = [sums[0] + absorbed, sums[1] + anew];
        }
        println!(
            "{text}: mean absorbed {:.4}, anew {:.4}, {:.3}",
            sums[0] / 3.0,
            sums[1] / 3.0,
            sums[0] / sums[1]
        );
        assert!(sums[0] >= 0.95 * sums[1], "{text}: {sums:?}");
    }
}
