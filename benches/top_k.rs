//! The ten best of the whole catalogue for every user of MovieLens-1M (22 M pairs): `Trainer::recommend` user by user,
//! `executor::score_catalogue` for many users at a time, and the evaluation among all items.

mod common;

use common::{Group, Work, ceilings::Ceiling, criterion, data::ml_1m_split, note};
use pocketrec::{
    cpu::Isa,
    data::Split,
    device::Device,
    eval::{Protocol, TopK},
    executor::{Executor, score_catalogue},
    models::{Mf, Model, NeuMf},
    plan::State,
    train::{TrainConfig, Trainer},
};

const K: usize = 10;
/// Users that are scored in one call.
const USERS: usize = 64;

/// A trainer that knows what users have, untrained: the weights change no speed.
fn trainer(split: &Split, model: Model, isa: Isa, threads: usize) -> Trainer {
    let config = TrainConfig {
        epochs: 0,
        eval_every: 0,
        ..TrainConfig::default()
    };
    let device = Device::cpu().simd(isa).threads(threads);
    let mut trainer = Trainer::new(model, device, config).expect("the sizes are in range");
    trainer.fit(split, |_| {}).expect("the split fits the model");
    trainer
}

fn recommend_to_all(trainer: &mut Trainer, users: u32) -> u32 {
    let mut sum = 0;
    for user in 0..users {
        let best = trainer.recommend(user, K).expect("the model has a row for the user");
        sum ^= best.first().map_or(0, |&(item, _)| item);
    }
    sum
}

/// The same without leaving out what a user has.
fn score_all(executor: &mut dyn Executor, users: &[u32], scores: &mut [f32]) -> u32 {
    let (mut sum, items) = (0, scores.len() / USERS);
    let mut top = TopK::new(K);
    for users in users.chunks(USERS) {
        let scores = &mut scores[..users.len() * items];
        score_catalogue(executor, users, scores)
            .wait()
            .expect("the model has a row for each user");
        for scores in scores.chunks_exact(items) {
            for (item, &score) in (0..).zip(scores) {
                top.offer(item, score);
            }
            sum ^= top.take_sorted().first().map_or(0, |&(item, _)| item);
        }
    }
    sum
}

fn full(group: &mut Group<'_>, (split, data): &(Split, &str), model: Model, name: &str, (isa, threads): (Isa, usize)) {
    let (users, items) = (split.train.users(), split.train.items());
    let pairs = users as usize * items as usize;
    let flops = 2 * model.plan().expect("the sizes are in range").multiply_adds();
    // As if each pair went through the whole network: sharing a user's and an item's part counts as speed.
    let work = Work::samples(pairs).of(pairs * flops, Ceiling::Fma(isa, threads));
    let setup = || trainer(split, model.clone(), isa, threads);
    let id = |what: &str| format!("{what}/{data}/{name}/{isa}/{threads} threads");
    let each = group.run(id("recommend"), work.clone(), setup, |trainer| {
        recommend_to_all(trainer, users)
    });
    let executor = || {
        let plan = model.plan().expect("the sizes are in range");
        let state = State::initial(&plan, 0, false).unwrap();
        let device = Device::cpu().simd(isa).threads(threads);
        let executor = device.executor(plan, state).expect("the device is there");
        (
            executor,
            (0..users).collect::<Vec<u32>>(),
            vec![0.0; USERS * items as usize],
        )
    };
    let many = group.run(
        id("score catalogue"),
        work.clone(),
        executor,
        |(executor, users, scores)| score_all(&mut **executor, users, scores),
    );
    let ranked = group.run(id("evaluate full"), work, setup, |trainer| {
        let report = trainer.evaluate(split, Protocol::Full, K);
        report.expect("the split has test cases").hr
    });
    for (what, seconds) in [
        ("recommend", each),
        ("score catalogue", many),
        ("evaluate full", ranked),
    ] {
        if let Some(seconds) = seconds {
            note(&format!("{what}: {seconds:.3} s for {users} users x {items} items"));
        }
    }
}

fn main() {
    let mut criterion = criterion();
    let data = ml_1m_split();
    let (users, items) = (data.0.train.users() as usize, data.0.train.items() as usize);
    let models: [(&str, Model); 2] = [
        ("mf64", Mf::new(users, items).factors(64).into()),
        (
            "neumf8",
            NeuMf::new(users, items).factors(8).layers([64, 32, 16, 8]).into(),
        ),
    ];
    let mut group = Group::new(&mut criterion, "top_k").slow();
    for (name, model) in models {
        for isa in Isa::available().into_iter().filter(|&isa| isa != Isa::Scalar) {
            for threads in [1, 2] {
                full(&mut group, &data, model.clone(), name, (isa, threads));
            }
        }
    }
    drop(group);
    criterion.final_summary();
}
