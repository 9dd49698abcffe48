//! Models of users and items in these fields: trained, and asked for recommendations.

use pocketrec::{
    Result,
    data::{Interactions, Split},
    models::{Loss, Softmax},
    plan::{AdamConfig, Optimizer},
    train::{TrainConfig, Trainer},
};

use super::options::FieldOptions;
use crate::common::{
    ending::Ending,
    interactions::{data::name_of, ranking, training::Training},
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
    pub fn softmax(&self) -> Softmax {
        Softmax {
            temperature: self.temperature,
            ..Softmax::default()
        }
    }

    /// These, where the command line says nothing else.
    pub fn config(&self, options: &FieldOptions) -> TrainConfig {
        TrainConfig {
            epochs: options.epochs.unwrap_or(self.epochs),
            batch_size: self.batch_size,
            loss: Loss::Softmax(self.softmax()),
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

/// Who gets recommendations.
pub fn user(options: &FieldOptions, split: &Split) -> Result<u32> {
    ranking::user(split, "--user", options.user.as_deref())
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
