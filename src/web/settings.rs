//! Settings, as JavaScript has them.

use alloc::string::{String, ToString};

use serde::Deserialize;

use crate::{
    Error, Result,
    data::{Planted, Split},
    device::Device,
    models::Model,
    train::{TrainConfig, Trainer},
};

/// What a page may set; the rest has its default, that of [`TrainConfig`] or of the model.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    model: Option<String>,
    factors: Option<u32>,
    epochs: Option<u32>,
    seed: Option<u64>,
    batch_size: Option<usize>,
    negatives: Option<u32>,
    learning_rate: Option<f32>,
    /// As many as there are epochs: training goes through all of them, and ends with the best.
    patience: Option<u32>,
    device: Option<String>,
}

/// What a page may set of made-up data.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlantedSettings {
    users: Option<u32>,
    items: Option<u32>,
    per_user: Option<u32>,
    seed: Option<u64>,
}

/// Settings of a type. JSON has no `NaN`, so that numbers are numbers.
fn read<'a, T: Deserialize<'a>>(what: &str, json: &'a str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| Error::config(what, error.to_string()))
}

/// Made-up data of the settings in JSON.
///
/// # Errors
/// [`Error::Config`] where a setting is unknown or of another type.
pub fn planted(json: &str) -> Result<Planted> {
    let settings: PlantedSettings = read("planted", json)?;
    let defaults = Planted::default();
    Ok(Planted {
        users: settings.users.unwrap_or(defaults.users),
        items: settings.items.unwrap_or(defaults.items),
        interactions_per_user: settings.per_user.unwrap_or(defaults.interactions_per_user),
        seed: settings.seed.unwrap_or(defaults.seed),
        ..defaults
    })
}

impl Settings {
    /// # Errors
    /// [`Error::Config`] where a setting is unknown or of another type.
    pub fn read(json: &str) -> Result<Self> {
        read("settings", json)
    }

    /// A trainer of a new model for the users and items of a split, with their keys and histories.
    ///
    /// # Errors
    /// Those of [`Device::named`] and [`Trainer::new`].
    pub fn trainer(self, split: &Split) -> Result<Trainer> {
        let name = self.model.as_deref().unwrap_or("neumf");
        let rows = (split.train.users() as usize, split.train.items() as usize);
        let factors = self.factors.unwrap_or(0) as usize;
        let (model, loss) = Model::named(name, rows, factors, 0)?;
        let defaults = TrainConfig::default();
        let epochs = self.epochs.unwrap_or(defaults.epochs);
        let config = TrainConfig {
            loss,
            epochs,
            seed: self.seed.unwrap_or(defaults.seed),
            batch_size: self.batch_size.unwrap_or(defaults.batch_size),
            negatives: self.negatives.unwrap_or(defaults.negatives),
            optimizer: match self.learning_rate {
                Some(rate) => defaults.optimizer.with_learning_rate(rate),
                None => defaults.optimizer,
            },
            patience: Some(self.patience.unwrap_or(epochs.max(1))),
            ..defaults
        };
        let device = Device::named(self.device.as_deref().unwrap_or_default())?;
        let mut trainer = Trainer::new(model, device, config)?;
        trainer.adopt(split)?;
        Ok(trainer)
    }
}
