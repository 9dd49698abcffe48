//! SASRec on Amazon Grocery by a softmax over all items, against the published candidates.
//!
//! Takes minutes, and the data beside the project:
//!
//! ```text
//! cargo test --release --no-default-features --features parallel,full --test published grocery::sas_rec:: -- --ignored --nocapture
//! ```
//!
//! `GROCERY_SASREC="WIDTH BLOCKS LENGTH DROPOUT EPOCHS RATE BATCH L2 EVERY"` tries settings on the dev part, one after the other
//! where there are commas, and leaves the test part alone: so the setting below was chosen.

use pocketrec::{
    data::{Interactions, Split},
    device::Device,
    models::SasRec,
    plan::{AdamConfig, L2, Optimizer},
    train::{TrainConfig, Trainer},
};

use super::{among, hits, read, train};

/// What was chosen on the dev part, in the words of the head comment.
const CHOSEN: &str = "64 1 20 0.5 20 1e-3 256 0 5";

/// Trains on the histories of `data`, and ranks every so many epochs what comes behind those of `split`.
fn ranked(text: &str, data: &Split, split: &Split) -> [f64; 2] {
    let words: Vec<f32> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let &[width, blocks, length, dropout, epochs, learning_rate, batch, l2, every] = &words[..] else {
        panic!("{text:?} has not the words of the head comment");
    };
    let config = TrainConfig {
        epochs: epochs as u32,
        loss: SasRec::loss(),
        batch_size: batch as usize,
        optimizer: Optimizer::Adam(AdamConfig {
            learning_rate,
            ..AdamConfig::default()
        }),
        l2: L2 {
            per_row: l2,
            dense: l2,
            ..L2::default()
        },
        eval_every: 0,
        seed: 1,
        ..TrainConfig::default()
    };
    let (users, items) = (data.train.users() as usize, data.train.items() as usize);
    let model = SasRec::new(users, items)
        .embedding_dim(width as usize)
        .blocks(blocks as usize)
        .length(length as usize)
        .dropout(dropout);
    let trainer = Trainer::new(model, Device::cpu(), config).unwrap();
    println!("{text}");
    train(trainer, config, every as u32, data, |trainer| hits(trainer, split))
}

/// Both parts' interactions, of as many items as there are.
fn together(first: &Interactions, second: &Interactions) -> Interactions {
    let (mut users, mut items, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for part in [first, second] {
        for user in 0..part.users() {
            users.resize(users.len() + part.of_user(user).len(), user);
            items.extend_from_slice(part.of_user(user));
            times.extend_from_slice(part.times_of(user));
        }
    }
    let all = Interactions::from_columns((first.users(), first.items()), &users, &items, &times).unwrap();
    all.with_ids(first.user_ids().clone(), first.item_ids().clone())
        .unwrap()
}

#[test]
#[ignore = "takes minutes"]
fn sas_rec_by_softmax() {
    let Some(data) = read() else { return };
    let dev = among(&data.train, &data.dev, &data.test);
    if let Ok(text) = std::env::var("GROCERY_SASREC") {
        text.split(',').for_each(|text| _ = ranked(text, &dev, &dev));
        return;
    }
    // Before the test item comes the dev item, which nothing is trained on.
    let seen = together(&data.train, &data.dev);
    let test = among(&seen, &data.test, &data.dev);
    let [hr, ndcg] = ranked(CHOSEN, &dev, &test);
    assert!(hr >= 0.39 && ndcg >= 0.294, "{hr} / {ndcg}");
}
