//! Models that know users and items by features, too.

use alloc::{boxed::Box, format, vec::Vec};

use super::{ITEM, Trainer, USER, check_averaging, check_l2, keys::padded};
use crate::{
    Error, Result,
    checks::check_state,
    data::{FeaturedBatch, Features, IdMap},
    device::Device,
    executor::WithFeatures,
    models::{Draw, Loss, Model},
    plan::{Plan, State},
    shared::Arc,
    train::TrainConfig,
};

/// What is known of users and items besides the interactions, and how a model learns it: what it has of a user or of an item is the
/// sum of a row of its own and of the rows of its features, and in training the former is left out at random, so that the latter carry
/// what they can. Somebody, or something, that was never trained on is then what the features say.
///
/// ```text
/// embedding of item i = item.weight[i] + sum over the features f of i of item.weight.features[f]
/// ```
///
/// Leaving rows out is how Volkovs, Yu and Poutanen (*DropoutNet*, NIPS 2017) train for items that are new; sums of rows of features
/// are those of Kula (*LightFM*, 2015).
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Of users and of items.
    sides: [Option<Arc<Features>>; 2],
    /// The share of samples whose ids are left out, each side by itself, in 0..1. 0.5 by default.
    pub left_out: f32,
}

impl Known {
    /// What is known of items.
    pub fn of_items(features: Features) -> Self {
        Self::of_sides([None, Some(features)], 0.5)
    }

    /// What is known of users.
    pub fn of_users(features: Features) -> Self {
        Self::of_sides([Some(features), None], 0.5)
    }

    pub(crate) fn of_sides(sides: [Option<Features>; 2], left_out: f32) -> Self {
        Known {
            sides: sides.map(|side| side.map(Arc::new)),
            left_out,
        }
    }

    /// The same, and what is known of users.
    pub fn and_users(mut self, features: Features) -> Self {
        self.sides[USER] = Some(Arc::new(features));
        self
    }

    /// Sets the share of ids that is left out.
    pub fn left_out(self, share: f32) -> Self {
        Known {
            left_out: share,
            ..self
        }
    }

    /// Features of the items.
    pub fn items(&self) -> Option<&Features> {
        self.sides[ITEM].as_deref()
    }

    /// Features of the users.
    pub fn users(&self) -> Option<&Features> {
        self.sides[USER].as_deref()
    }

    pub(crate) fn side(&self, side: usize) -> Option<&Features> {
        self.sides[side].as_deref()
    }

    /// Those of chosen users, who have these keys.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn choose_users(&mut self, users: &[u32], keys: &IdMap) {
        if let Some(features) = &mut self.sides[USER] {
            *features = Arc::new(features.of_rows(users, keys));
        }
    }

    /// The model's plan with look-ups of features.
    ///
    /// # Errors
    /// [`Error::Config`] where the model or the loss has no place for them, and those of the model's plan.
    pub(crate) fn plan(&self, model: &Model, loss: Loss) -> Result<Plan> {
        if cfg!(not(feature = "known")) {
            return Err(left_out());
        }
        if !matches!(model, Model::Mf(_) | Model::Gmf(_) | Model::Mlp(_) | Model::NeuMf(_)) {
            let reason = format!(
                "{} does not take features of users and items: MF, GMF, MLP and NeuMF do",
                model.name()
            );
            return Err(Error::config("model", reason));
        }
        if matches!(loss.draw(), Draw::Listed { .. }) || loss.is_related() {
            let reason = format!(
                "{} with these settings does not go with features: take cross-entropy, a loss of pairs, or a softmax over the items of \
                 a block (Softmax)",
                loss.name()
            );
            return Err(Error::config("loss", reason));
        }
        let count = |side: &Option<Arc<Features>>| side.as_ref().map_or(0, |own| own.features() as usize);
        model.plan_for(loss)?.with_features(&self.sides.each_ref().map(count))
    }

    /// Refuses a share that is none, and more rows than a model has.
    pub(crate) fn check(&self, rows: [usize; 2]) -> Result<()> {
        if !(0.0..1.0).contains(&self.left_out) {
            let reason = format!("{} is not in 0..1; 0.5 is usual", self.left_out);
            return Err(Error::config("left_out", reason));
        }
        for ((side, rows), what) in self.sides.iter().zip(rows).zip(["users", "items"]) {
            let there = side.as_ref().map_or(0, |features| features.rows());
            if there > rows {
                let reason = format!("they are of {there} {what}, the model has {rows}; build the model with as many");
                return Err(Error::config("features", reason));
            }
        }
        Ok(())
    }
}

/// Why a build without it takes no features.
pub(crate) fn left_out() -> Error {
    let reason = "this build takes no features of users and items: they want the feature `known` of pocketrec";
    Error::config("features", reason)
}

impl Trainer {
    /// A trainer of a new model that knows users and items by features, too: MF, GMF, MLP or NeuMF. Everything else is as without, and
    /// so is the cost of a recommendation; but negatives are drawn among the items that somebody has in the training part. What
    /// nobody has there, such as a new item, is not known to be disliked, and what it is told by must not be.
    ///
    /// ```
    /// use pocketrec::{data::*, device::Device, models::Mf, train::*};
    /// let data = Interactions::from_columns((3, 4), &[0, 0, 1, 1, 2, 2], &[0, 1, 0, 1, 2, 0], &[])?;
    /// let mut table = FeatureTable::new(data.item_ids()).column("kind", FeatureKind::Values)?;
    /// for (item, kind) in [("0", "tea"), ("1", "tea|green"), ("2", "rice"), ("3", "rice|brown")] {
    ///     table.push(item, &[kind])?;
    /// }
    /// let known = Known::of_items(table.finish()?);
    /// let config = TrainConfig { negatives: 1, eval_every: 0, ..TrainConfig::default() };
    /// let mut trainer = Trainer::with_known(Mf::new(3, 4).factors(8), known, Device::cpu(), config)?;
    /// trainer.fit(&Split::from_cases(data, [])?, |_| ())?;
    /// let oolong = trainer.absorb_item("oolong", &[("kind", "tea")])?;
    /// let best = trainer.recommend(0, 9)?;
    /// assert!(best.iter().any(|&(item, _)| item == oolong.id)); // ranked before anyone had it
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Trainer::new`], and [`Error::Config`] where a share is not in 0..1, there are features of more rows than the model
    /// has, or model or loss look rows up in a way that has no place for features.
    pub fn with_known(model: impl Into<Model>, known: Known, device: Device, config: TrainConfig) -> Result<Self> {
        let model = model.into();
        config.validate()?;
        known.check(model.rows())?;
        let plan = known.plan(&model, config.loss)?;
        let moments = config.optimizer.has_moments();
        device.check_memory(&plan, moments)?;
        let state = State::initial(&plan, config.seed, moments)?;
        Self::with_known_state(model, known, device, config, state)
    }

    /// The same from a given state.
    pub(crate) fn with_known_state(
        model: Model,
        known: Known,
        device: Device,
        config: TrainConfig,
        state: State,
    ) -> Result<Self> {
        if cfg!(not(feature = "known")) {
            return Err(left_out());
        }
        config.validate()?;
        known.check(model.rows())?;
        let plain = model.plan_for(config.loss)?;
        let plan = known.plan(&model, config.loss)?.with_tables_as(state.row_type());
        check_averaging(&plan, config.average_from)?;
        check_l2(&plan, &config)?;
        check_state(&plan, &state)?;
        let rows = FeaturedBatch::new(&plan, Vec::from(known.sides.clone()), known.left_out);
        let composed = device.executor(plain.clone(), rows.compose(&plan, &plain, &state)?)?;
        let inner = device.executor(plan, state)?;
        let executor = Box::new(WithFeatures::new(inner, composed, rows));
        let mut trainer = Self::of_executor(model, executor, config)?;
        for (side, ids) in [(USER, &mut trainer.user_ids), (ITEM, &mut trainer.item_ids)] {
            if let Some(features) = known.side(side) {
                *ids = padded(features.row_ids(), ids.len())?;
            }
        }
        trainer.known = Some(known);
        Ok(trainer)
    }

    /// What is known of users and items by features.
    pub fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    /// The keys of users or items that features are known of.
    pub(super) fn known_ids(&self, side: usize) -> Option<&IdMap> {
        self.known.as_ref()?.side(side).map(Features::row_ids)
    }

    /// Makes these the features of a row, which has a key and a place in the tables.
    pub(super) fn set_features(&mut self, side: usize, row: u32, own: Vec<u32>) -> Result<()> {
        let keys = if side == ITEM { &self.item_ids } else { &self.user_ids };
        let Some(features) = self.known.as_mut().and_then(|known| known.sides[side].as_mut()) else {
            return Ok(());
        };
        // The executor lets go of them first, so that they are changed where they are and not copied.
        if let Some(compose) = self.core.executor.compose() {
            compose.lend_features(side);
        }
        let set = Arc::make_mut(features).set_row(row, keys, own);
        if let Some(compose) = self.core.executor.compose() {
            compose.features_changed(side, row, features.clone());
        }
        set
    }

    /// Refuses what would take a row of its own for all there is of an id that has features.
    pub(crate) fn refuse_features(&self, what: &str) -> Result<()> {
        match &self.known {
            None => Ok(()),
            Some(_) => Err(Error::config(
                "features",
                format!("{what} does not go by features of users and items: train without them for it"),
            )),
        }
    }
}
