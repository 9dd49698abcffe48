//! New users of MovieLens-1M after five clicks: what `absorb` makes of them, beside the same model trained anew with these clicks.
//!
//! Takes minutes, and the data beside the project:
//!
//! ```text
//! cargo test --release --no-default-features --features parallel,full --test published newcomers:: -- --ignored --nocapture
//! ```
//!
//! `NEWCOMERS="MODEL EPOCHS"` tries one of `mf`, `neumf` and `lightgcn` alone, and `ABSORB="STEPS RATE NEGATIVES"` other settings
//! of `absorb`, several with semicolons between, on draws of their own.

use std::time::Instant;

use pocketrec::{
    data::{Candidates, Interactions, Split},
    device::Device,
    eval::Protocol,
    models::{LightGcn, Loss, Mf, Model, NeuMf, Softmax},
    train::{AbsorbConfig, TrainConfig, Trainer},
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

/// The settings of absorb, by their texts.
fn settings() -> Vec<(String, AbsorbConfig)> {
    let Ok(texts) = std::env::var("ABSORB") else {
        return vec![("as by default".into(), AbsorbConfig::default())];
    };
    let one = |text: &str| {
        let numbers: Vec<f32> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let settings = AbsorbConfig {
            steps: numbers[0] as u32,
            learning_rate: numbers[1],
            negatives: numbers[2] as u32,
            ..AbsorbConfig::default()
        };
        (text.to_owned(), settings)
    };
    texts.split(';').map(one).collect()
}

/// HR@10 of newcomers who were absorbed, a user's clicks together and one at a time, and of newcomers who were trained with all others.
fn hit_rates(name: &str, epochs: u32, of: &Newcomers, seed: u64) -> [f64; 3] {
    let Newcomers { warm, clicks, split } = of;
    let hit_rate = |trainer: &mut Trainer| trainer.evaluate(split, Protocol::Sampled, 10).unwrap().hr;
    let trained = fitted(name, epochs, warm.clone(), seed).checkpoint().unwrap();
    // A graph is gone over once a call, so that its newcomers come together.
    let in_calls_of = if name == "lightgcn" {
        [clicks.len(); 2]
    } else {
        [CLICKS, 1]
    };
    let mut got = [0.0; 3];
    for (text, settings) in settings() {
        for (got, in_calls_of) in got.iter_mut().zip(in_calls_of) {
            let mut absorbed = Trainer::from_checkpoint(trained.clone(), Device::cpu()).unwrap();
            let start = Instant::now();
            for call in clicks.chunks(in_calls_of) {
                absorbed.absorb_with(call, &settings).unwrap();
            }
            let milliseconds = start.elapsed().as_secs_f64() * 1e3 / (clicks.len() / CLICKS) as f64;
            *got = hit_rate(&mut absorbed);
            println!(
                "{name}, seed {seed}, {text}, in calls of {in_calls_of}: HR@10 {got:.4}, {milliseconds:.2} ms a user"
            );
        }
    }
    got[2] = hit_rate(&mut fitted(name, epochs, split.train.clone(), seed));
    println!(
        "{name}, {epochs} epochs, seed {seed}: {} cases, HR@10 trained anew {:.4}",
        split.test.len(),
        got[2]
    );
    got
}

/// A model that was trained on interactions.
fn fitted(name: &str, epochs: u32, train: Interactions, seed: u64) -> Trainer {
    let made = model(name, train.users() as usize, train.items() as usize);
    let mut trainer = Trainer::new(made, Device::cpu(), config(name, epochs, seed)).unwrap();
    trainer.fit(&Split::from_cases(train, []).unwrap(), |_| ()).unwrap();
    trainer
}

/// HR@10 of everyone's latest film where the five before it were not known, where they were absorbed, one at a time, and where they
/// were trained on with all others.
fn later_hit_rates(name: &str, epochs: u32, data: &Interactions, seed: u64) -> [f64; 3] {
    let split = data.leave_one_out().unwrap();
    let (mut users, mut items, mut later) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..data.users() {
        let had = split.train.of_user(user);
        let (first, last) = had.split_at(had.len().saturating_sub(CLICKS));
        users.extend(first.iter().map(|_| user));
        items.extend_from_slice(first);
        later.extend(last.iter().map(|&item| (user, item)));
    }
    let first = Interactions::from_columns((data.users(), data.items()), &users, &items, &[]).unwrap();
    let first = first
        .with_ids(data.user_ids().clone(), data.item_ids().clone())
        .unwrap();
    let hit_rate = |trainer: &mut Trainer| trainer.evaluate(&split, Protocol::Sampled, 10).unwrap().hr;
    let mut trained = fitted(name, epochs, first, seed);
    let (before, trained) = (hit_rate(&mut trained), trained.checkpoint().unwrap());
    let anew = hit_rate(&mut fitted(name, epochs, split.train.clone(), seed));
    let mut after = 0.0;
    for (text, settings) in settings() {
        let mut absorbed = Trainer::from_checkpoint(trained.clone(), Device::cpu()).unwrap();
        for click in later.chunks(1) {
            absorbed.absorb_with(click, &settings).unwrap();
        }
        after = hit_rate(&mut absorbed);
        println!("{name}, seed {seed}, {text}: HR@10 before {before:.4}, absorbed {after:.4}, anew {anew:.4}");
    }
    [before, after, anew]
}

/// The models, and for how many epochs, that are tried.
fn tried(by_default: &str) -> Vec<(String, u32)> {
    let text = std::env::var("NEWCOMERS").unwrap_or(by_default.into());
    let one = |text: &str| {
        let (name, epochs) = text.trim().split_once(' ').unwrap();
        (name.to_owned(), epochs.parse().unwrap())
    };
    text.split(';').map(one).collect()
}

/// What those who were always there do later is learnt from as well: at least 95 % of what training anew would have, and more than before.
#[test]
#[ignore = "takes minutes in release mode"]
fn later_clicks_are_absorbed_nearly_as_well_as_trained() {
    let Some(folder) = movie_lens() else { return };
    let data = Interactions::read(folder.join("ratings.dat")).unwrap();
    for (name, epochs) in tried("neumf 20;mf 20") {
        let [before, after, anew] = later_hit_rates(&name, epochs, &data, 1);
        assert!(
            after > before && after >= 0.95 * anew,
            "{name}: {before}, {after}, {anew}"
        );
    }
}

/// At least 95 % of what training anew with the same clicks would have, three draws of newcomers and seeds.
#[test]
#[ignore = "takes minutes in release mode"]
fn five_clicks_are_absorbed_nearly_as_well_as_trained() {
    let Some(folder) = movie_lens() else { return };
    let data = Interactions::read(folder.join("ratings.dat")).unwrap();
    let first_draw = if std::env::var("ABSORB").is_ok() { 11 } else { 1 };
    for (name, epochs) in tried("neumf 20;mf 20;lightgcn 10") {
        let mut means = [0.0; 3];
        for seed in first_draw..first_draw + 3 {
            let rates = hit_rates(&name, epochs, &newcomers(&data, seed), seed);
            means.iter_mut().zip(rates).for_each(|(mean, rate)| *mean += rate / 3.0);
        }
        let [together, singly, anew] = means;
        println!(
            "{name} {epochs}: absorbed together {together:.4}, {:.3}, one at a time {singly:.4}, {:.3}, anew {anew:.4}",
            together / anew,
            singly / anew
        );
        assert!(together.min(singly) >= 0.95 * anew, "{name}: {means:?}");
    }
}
