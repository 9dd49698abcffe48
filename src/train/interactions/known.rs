//! Models that know users and items by features, too.

use alloc::{boxed::Box, format, vec::Vec};

use super::{ITEM, Trainer, USER};
use crate::{
    Error, Result,
    data::{FeaturedBatch, Features, Split},
    device::Device,
    executor::WithFeatures,
    models::Model,
    plan::State,
    shared::Arc,
    train::TrainConfig,
};

/// What is known of users and items besides the interactions, and how a model learns it: what it has of a user or of an item is the
/// sum of a row of its own and of the rows of its features, and in training the former is left out at random, so that the latter carry
/// what they can. Somebody, or something, that was never trained on is then what the features say.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Features of the items.
    pub items: Option<Features>,
    /// Features of the users.
    pub users: Option<Features>,
    /// The share of samples whose ids are left out, each side by itself. 0.5 by default.
    pub left_out: f32,
}

impl Known {
    /// What is known of items.
    pub fn of_items(features: Features) -> Self {
        Known {
            items: Some(features),
            users: None,
            left_out: 0.5,
        }
    }

    /// The same, and what is known of users.
    pub fn and_users(self, features: Features) -> Self {
        Known {
            users: Some(features),
            ..self
        }
    }

    /// Sets the share of ids that is left out.
    pub fn left_out(self, share: f32) -> Self {
        Known {
            left_out: share,
            ..self
        }
    }
}

impl Trainer {
    /// A trainer of a new model that knows users and items by features, too. Everything else is as without: loss, samples, and how the
    /// catalogue is searched.
    ///
    /// # Errors
    /// Those of [`Trainer::new`], and [`Error::Config`] where a share is not in 0..1, there are features of more rows than the model
    /// has, or the model looks rows up in a way that has no place for features.
    pub fn with_known(model: impl Into<Model>, known: Known, device: Device, config: TrainConfig) -> Result<Self> {
        let model = model.into();
        config.validate()?;
        let Known { items, users, left_out } = known;
        if !(0.0..1.0).contains(&left_out) {
            return Err(Error::config(
                "left_out",
                format!("{left_out} is not in 0..1; 0.5 is usual"),
            ));
        }
        let rows = model.rows();
        let mut features: Vec<Option<Arc<Features>>> = alloc::vec![None, None];
        for (side, own, what) in [(USER, users, "users"), (ITEM, items, "items")] {
            if let Some(own) = own {
                if own.rows() > rows[side] {
                    let (there, has) = (own.rows(), rows[side]);
                    let reason =
                        format!("they are of {there} {what}, the model has {has}; build the model with as many");
                    return Err(Error::config("features", reason));
                }
                features[side] = Some(Arc::new(own));
            }
        }
        let count = |features: &Option<Arc<Features>>| features.as_ref().map_or(0, |own| own.features() as usize);
        let counts: Vec<usize> = features.iter().map(count).collect();
        let plain = model.plan_for(config.loss)?;
        let plan = plain.clone().with_features(&counts)?;
        let moments = config.optimizer.has_moments();
        device.check_memory(&plan, moments)?;
        let state = State::initial(&plan, config.seed, moments)?;
        let rows = FeaturedBatch::new(&plan, features.clone(), left_out);
        let composed = device.executor(plain.clone(), rows.compose(&plan, &plain, &state)?)?;
        let inner = device.executor(plan, state)?;
        let executor = Box::new(WithFeatures::new(inner, composed, rows));
        let mut trainer = Self::of_executor(model, executor, config)?;
        trainer.features = features;
        Ok(trainer)
    }

    /// Refuses a split whose users or items are others than those that features are known of.
    pub(super) fn check_features(&self, split: &Split) -> Result<()> {
        let sides = [
            (USER, split.train.user_ids(), "users"),
            (ITEM, split.train.item_ids(), "items"),
        ];
        for (side, keys, what) in sides {
            if let Some(features) = self.features.get(side).and_then(Option::as_ref) {
                features.check_rows(keys, what)?;
            }
        }
        Ok(())
    }

    /// Refuses what would take a row of its own for all there is of an id that has features.
    pub(crate) fn refuse_features(&self, what: &str) -> Result<()> {
        match self.features.iter().all(Option::is_none) {
            true => Ok(()),
            false => Err(Error::config(
                "features",
                format!("{what} does not go by features yet: train without them for it"),
            )),
        }
    }
}
