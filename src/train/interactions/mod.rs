//! Training of models of users and items.

mod absorb;
mod config;
mod explain;
mod fit;
mod fold_in;
mod group;
mod histories;
mod history;
mod item_users;
pub(crate) mod keys;
mod knowledge;
pub(crate) mod known;
mod known_rows;
mod new_rows;
mod recommend;
mod related_rows;
mod relations;
mod sequence_task;
mod split;
mod task;

pub use absorb::AbsorbReport;
pub use config::{AbsorbConfig, TrainConfig};
#[cfg(all(feature = "web", target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use fit::Prepared;
pub use history::History;
pub use known::Known;
pub use known_rows::KnownRow;
pub use related_rows::RelatedRow;

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::fmt;

use histories::ByHistory;
use keys::{begins_with, padded};

use super::{Progress, averaging::check_averaging, core::Core};
use crate::{
    Error, Result,
    data::{IdMap, Knowledge, Relations, Split},
    device::Device,
    eval::RankingReport,
    executor::{Executor, WithNeighbours, pair_of},
    models::{Loss, Model, NeuMf},
    plan::{Plan, State},
    shared::Arc,
};

/// Users and items: the id columns of every model that scores pairs, and its vocabularies.
pub(crate) const USER: usize = 0;
pub(crate) const ITEM: usize = 1;

/// Trains a model, recommends with it, and goes on learning.
///
/// The same calls with the same seed on the same device give the same bits, on any number of threads.
pub struct Trainer {
    pub(crate) model: Model,
    pub(crate) config: TrainConfig,
    pub(crate) core: Core<RankingReport>,
    /// How many interactions each item's row has been learnt from; counted from the first `absorb` on.
    support: Vec<u32>,
    /// Whether the keys are those of data; otherwise they are the row numbers and `fit` replaces them.
    pub(crate) keyed: bool,
    pub(crate) user_ids: IdMap,
    pub(crate) item_ids: IdMap,
    pub(crate) titles: Vec<String>,
    pub(crate) history: History,
    pub(crate) relations: Option<Relations>,
    pub(crate) knowledge: Option<Arc<Knowledge>>,
    /// Features of users and of items, where there are some.
    pub(crate) known: Option<Known>,
    pairs: recommend::Pairs,
}

impl fmt::Debug for Trainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainer")
            .field("model", &self.model)
            .field("device", &self.core.executor.device())
            .field("config", &self.config)
            .field("progress", &self.core.progress)
            .finish_non_exhaustive()
    }
}

impl Trainer {
    /// A trainer of a new model on a device.
    ///
    /// # Errors
    /// [`Error::Config`] where a setting of the model or of training is out of range, [`Error::Device`] where the
    /// device lacks what was asked for, [`Error::Memory`] where the model takes more memory than there is.
    pub fn new(model: impl Into<Model>, device: Device, config: TrainConfig) -> Result<Self> {
        let model = model.into();
        config.validate()?;
        let plan = model.plan_for(config.loss)?;
        device.check_memory(&plan, config.optimizer.has_moments())?;
        let state = State::initial(&plan, config.seed, config.optimizer.has_moments())?;
        Self::with_state(model, device, config, state)
    }

    /// A trainer that begins from a given state, such as one made elsewhere.
    ///
    /// # Errors
    /// Those of [`Trainer::new`], and [`Error::Length`] where the state does not fit the model.
    pub fn with_state(model: impl Into<Model>, device: Device, config: TrainConfig, state: State) -> Result<Self> {
        let model = model.into();
        config.validate()?;
        let plan = model.plan_for(config.loss)?.with_tables_as(state.row_type());
        let executor = device.executor(plan, state)?;
        Self::with_executor(model, executor, config)
    }

    /// A NeuMF that begins from a trained GMF and a trained MLP, their outputs weighted by `alpha` and `1 - alpha`
    /// (0.5 in the paper). He et al. (WWW 2017, section 3.4.1) go on with [`Sgd`](crate::plan::Optimizer::Sgd), since
    /// Adam's moments are not carried over; `config` says what is done here.
    ///
    /// # Errors
    /// [`Error::Config`] where the sizes of the three models or their losses differ, or `alpha` is not in 0..=1, and those
    /// of [`Trainer::new`].
    pub fn pretrained(
        model: NeuMf,
        gmf: &mut Trainer,
        mlp: &mut Trainer,
        alpha: f32,
        device: Device,
        config: TrainConfig,
    ) -> Result<Self> {
        if !(0.0..=1.0).contains(&alpha) {
            return Err(Error::config("alpha", format!("{alpha} is not in 0..=1; 0.5 is usual")));
        }
        if config.loss != gmf.config.loss {
            let [loss, before] = [config.loss, gmf.config.loss].map(Loss::name);
            let reason =
                format!("{loss}: the parts were trained by {before}, and their parameters are not those of {loss}");
            return Err(Error::config("loss", reason));
        }
        for part in [&*gmf, &*mlp] {
            part.refuse_features("pretraining")?;
        }
        let (gmf_state, mlp_state) = (gmf.state()?, mlp.state()?);
        let state = model.pretrained((gmf.plan(), &gmf_state), (mlp.plan(), &mlp_state), alpha)?;
        Self::with_state(model, device, config, state)
    }

    /// A trainer on an executor of one's own, whose present state is where training begins.
    ///
    /// # Errors
    /// [`Error::Config`] where a setting is out of range, or where the executor's plan is not that of the model.
    pub fn with_executor(model: impl Into<Model>, executor: Box<dyn Executor>, config: TrainConfig) -> Result<Self> {
        let model = model.into();
        config.validate()?;
        check_averaging(executor.plan(), config.average_from)?;
        check_l2(executor.plan(), &config)?;
        let sees_neighbours = matches!(model, Model::Kgcn(_));
        if !sees_neighbours && ByHistory::of(&model, executor.plan()).is_none() {
            pair_of(executor.plan())?;
        }
        let row_type = executor.plan().row_type();
        if *executor.plan() != model.plan_for(config.loss)?.with_tables_as(row_type) {
            let reason = format!(
                "the executor's plan is not that of {} with these settings",
                model.name()
            );
            return Err(Error::config("model", reason));
        }
        let executor = match sees_neighbours {
            true => Box::new(WithNeighbours::new(executor)),
            false => executor,
        };
        Self::of_executor(model, executor, config)
    }

    /// A trainer on an executor of the model, as it is.
    fn of_executor(model: Model, executor: Box<dyn Executor>, config: TrainConfig) -> Result<Self> {
        let numbered = |rows| IdMap::numbered(u32::try_from(rows).unwrap_or(u32::MAX));
        let [user_ids, item_ids] = model.rows().map(numbered);
        let mut trainer = Trainer {
            model,
            config,
            core: Core::new(executor),
            support: Vec::new(),
            keyed: false,
            user_ids,
            item_ids,
            titles: Vec::new(),
            history: History::default(),
            relations: None,
            knowledge: None,
            known: None,
            pairs: recommend::Pairs::default(),
        };
        trainer.give_graph()?;
        Ok(trainer)
    }

    /// The model, with as many rows as its tables have now.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The plan, with as many rows as its tables have now.
    pub fn plan(&self) -> &Plan {
        self.core.executor.plan()
    }

    /// How items are scored by a history, where the model knows users by theirs.
    pub(super) fn by_history(&self) -> Option<ByHistory> {
        ByHistory::of(&self.model, self.plan())
    }

    /// The vocabulary of users or of items.
    ///
    /// # Errors
    /// [`Error::Config`] where the model has none of users.
    pub(super) fn vocabulary(&self, side: usize) -> Result<usize> {
        match (self.by_history(), side) {
            (None, _) => Ok(side),
            (Some(by), ITEM) => Ok(by.vocabulary),
            (Some(_), _) => {
                let reason = "this model has no rows of users: it knows them by their histories";
                Err(Error::config("user", reason))
            }
        }
    }

    /// The device, for people: `cpu avx512, 2 threads`.
    pub fn device(&self) -> String {
        self.core.executor.device()
    }

    /// The settings.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// Changes the settings for the steps to come: more epochs, another optimiser (its moments begin at zero if there
    /// were none), and so on. With another `seed`, `sampling` or number of `negatives` the rest of a begun epoch is drawn anew.
    /// Another `average_from` ends a mean of parameters that there is: the parameters themselves are in use until a
    /// new mean begins.
    ///
    /// # Errors
    /// [`Error::Config`] where a setting is out of range, and where the device is lost; the old ones stay then.
    pub fn set_config(&mut self, config: TrainConfig) -> Result<()> {
        config.validate()?;
        check_averaging(self.plan(), config.average_from)?;
        check_l2(self.plan(), &config)?;
        if config.loss != self.config.loss {
            let [old, new] = [self.config.loss, config.loss].map(Loss::name);
            let how = if old == new { " with other settings" } else { "" };
            let reason =
                format!("{new}: this trainer learns by {old}{how}; begin another from its state (Trainer::with_state)");
            return Err(Error::config("loss", reason));
        }
        if config.average_from != self.config.average_from {
            self.core.drop_mean()?;
        }
        self.config = config;
        Ok(())
    }

    /// Where training stands.
    pub fn progress(&self) -> &Progress {
        &self.core.progress
    }

    /// Rows of the user tables; of a model without, users whose histories it can hold.
    pub fn users(&self) -> usize {
        self.model.rows()[USER]
    }

    /// Rows of the item tables.
    pub fn items(&self) -> usize {
        self.model.rows()[ITEM]
    }

    /// Keys of the users. A row that came by number through [`Trainer::absorb`] has the key `#number`, or its plain
    /// number where the keys are numbers.
    pub fn user_ids(&self) -> &IdMap {
        &self.user_ids
    }

    /// Keys of the items.
    pub fn item_ids(&self) -> &IdMap {
        &self.item_ids
    }

    /// The title of an item, where the data has one.
    pub fn title(&self, item: u32) -> Option<&str> {
        let title = self.titles.get(item as usize).map(String::as_str);
        title.filter(|title| !title.is_empty())
    }

    /// Which items users have.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// A copy of parameters, moments and step count. The parameters are those that [`recommend`](Trainer::recommend)
    /// uses: their mean over epochs, once there is one ([`TrainConfig::average_from`]). Moments and step count are
    /// training's; [`checkpoint`](Trainer::checkpoint) has the parameters that go with them.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn state(&mut self) -> Result<State> {
        self.core.state()
    }

    /// Makes ready for training on `split`: checks that it fits the model and what was trained on before, and takes
    /// its keys, titles and histories.
    pub(crate) fn adopt(&mut self, split: &Split) -> Result<()> {
        let train = &split.train;
        let sides = [
            ("users", train.users(), self.users()),
            ("items", train.items(), self.items()),
        ];
        for (what, count, rows) in sides {
            if count as usize > rows {
                let reason = format!("it has {count} {what}, the model {rows}; build the model with as many rows");
                return Err(Error::config("split", reason));
            }
        }
        if !self.keyed {
            let (users, items) = (self.users(), self.items());
            let user_ids = self.known_ids(USER).filter(|keys| keys.len() > train.user_ids().len());
            self.user_ids = padded(user_ids.unwrap_or(train.user_ids()), users)?;
            // Features, relations and knowledge may know more items, and the same as far as both go.
            let related = self.related_item_ids();
            let item_ids = related.as_ref().filter(|keys| keys.len() > train.item_ids().len());
            self.item_ids = padded(item_ids.unwrap_or(train.item_ids()), items)?;
            self.keyed = true;
        }
        if (0..train.items()).any(|item| train.title(item).is_some()) {
            self.titles = (0..train.items())
                .map(|item| train.title(item).unwrap_or_default().into())
                .collect();
        }
        self.history.set_split(split);
        self.give_graph()
    }

    /// Refuses a split whose users or items have other keys than the model's, or the same in another order: their
    /// indices would mean others.
    pub(super) fn check_keys(&self, split: &Split) -> Result<()> {
        let train = &split.train;
        let related = if self.keyed { None } else { self.related_item_ids() };
        let [users, items] = match self.keyed {
            true => [Some(&self.user_ids), Some(&self.item_ids)],
            false => [self.known_ids(USER), related.as_ref()],
        };
        let sides = [("users", train.user_ids(), users), ("items", train.item_ids(), items)];
        for (what, keys, known) in sides {
            let Some(known) = known.filter(|known| !begins_with(known, keys)) else {
                continue;
            };
            let mut both = keys.iter().zip(known.iter());
            // More keys behind the same ones are other rows, not other meanings.
            let Some(row) = both.position(|(key, known)| key != known) else {
                continue;
            };
            let [key, own] = [keys, known].map(|keys| keys.key(row as u32).unwrap_or_default());
            let order = match known.get(&key) {
                Some(_) => "the same in another order",
                None => "others",
            };
            let how = format!("row {row} is {key:?} there and {own:?} in the model: its keys are {order}");
            let reason = format!(
                "its {what} are not those that the model was trained with: {how}; number them by the model's keys \
                 (Interactions::with_order_of)"
            );
            return Err(Error::config("split", reason));
        }
        Ok(())
    }
}

/// Refuses what counts the rows of a batch, where some of its ids stand for nothing.
fn check_l2(plan: &Plan, config: &TrainConfig) -> Result<()> {
    if !(plan.has_heads() && config.l2.tables > 0.0) {
        return Ok(());
    }
    let reason = format!(
        "{}: samples of relations have a user that stands for nothing, whose row this would count; give 0, and l2.per_row a \
         number",
        config.l2.tables
    );
    Err(Error::config("l2.tables", reason))
}
