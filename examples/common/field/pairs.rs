//! Models of users and items in these fields: trained, ranked among all items, and asked for reasons.

use pocketrec::{
    Error, Result,
    data::{Interactions, Split},
    eval::{FullRanking, FullReport},
    models::{Loss, Softmax},
    plan::{AdamConfig, Optimizer},
    train::{TrainConfig, Trainer},
};

use super::options::FieldOptions;
use crate::common::{
    ending::Ending,
    interactions::{data::name_of, training::Training},
    messages::not_known,
    output::say,
    tables::{TERMINAL, cut, listed, table},
};

/// How a model is trained by a softmax over the items of a batch, over cosines: lists that are good within few epochs.
pub struct Settings {
    pub epochs: u32,
    pub batch_size: usize,
    pub learning_rate: f32,
    pub temperature: f32,
}

impl Settings {
    /// These, where the command line says nothing else.
    pub fn config(&self, options: &FieldOptions) -> TrainConfig {
        TrainConfig {
            epochs: options.epochs.unwrap_or(self.epochs),
            batch_size: self.batch_size,
            loss: Loss::Softmax(Softmax {
                temperature: self.temperature,
                ..Softmax::default()
            }),
            optimizer: Optimizer::LazyAdam(AdamConfig {
                learning_rate: self.learning_rate,
                ..AdamConfig::default()
            }),
            seed: options.seed,
            eval_every: 0,
            ..TrainConfig::default()
        }
    }
}

/// Trains to the end.
pub fn train(options: &FieldOptions, name: &str, trainer: &mut Trainer, split: &Split) -> Result<(), Ending> {
    let mut training = Training::new(options.watch()?);
    let report = training.fit(trainer, split)?;
    training.watch.end();
    Ok(say!("{name}: {} epochs in {:.1} s", report.epochs, report.seconds)?)
}

/// Ranks all items by any score of a user and an item.
pub fn ranked_by(split: &Split, ranking: FullRanking, score: impl Fn(u32, u32) -> f32) -> Result<FullReport> {
    let items = split.train.items();
    ranking.of_scores(split, |users, scores| {
        for (&user, row) in users.iter().zip(scores.chunks_exact_mut(items as usize)) {
            (0..items).zip(row).for_each(|(item, out)| *out = score(user, item));
        }
        Ok(())
    })
}

/// Who gets recommendations: the one of the key, or the first who is tested.
pub fn user(options: &FieldOptions, split: &Split) -> Result<u32> {
    let ids = split.train.user_ids();
    match &options.user {
        None => Ok(split.test.first().map_or(0, |case| case.user)),
        Some(key) => ids
            .get(key)
            .ok_or_else(|| Error::config("--user", not_known("user", ids, key))),
    }
}

/// What a user has, latest first, as far as a line has room for.
pub fn has(train: &Interactions, user: u32, word: &str) -> Result<()> {
    let items = train.of_user(user);
    let named = items.iter().rev().map(|&item| cut(&name_of(train, item), 18));
    let key = cut(&train.user_ids().key(user).unwrap_or_default(), 18);
    let said = format!("user {key} {word} {}", items.len());
    say!("\n{said}, lately {}", listed(named, TERMINAL - said.len() - 9))
}

/// The best items for a user, each with what is said of it besides.
pub fn recommended(
    train: &Interactions,
    user: u32,
    best: &[(u32, f32)],
    heading: &str,
    mut said: impl FnMut(u32) -> Result<String>,
) -> Result<()> {
    let key = cut(&train.user_ids().key(user).unwrap_or_default(), 18);
    let header = [String::new(), format!("for user {key}"), heading.into()].to_vec();
    let mut table = table(header, |column| column == 0);
    for (place, &(item, _)) in (1..).zip(best) {
        table.add_row([format!("{place}"), cut(&name_of(train, item), 26), said(item)?]);
    }
    say!("{table}")
}
