//! Small files for the device that a model is used on: no moments, tables of halves or bytes, and the users that are there.

use alloc::{format, vec, vec::Vec};

use super::{Checkpoint, ClickCheckpoint};
use crate::{
    Error, Result,
    data::IdMap,
    models::Model,
    plan::{Param, ParamKind, RowType, State, Tensor},
    train::{ClickTrainer, History, Progress, Trainer},
};

/// Index of the vocabulary of users.
const USERS: usize = 0;

/// What goes into a small file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export<'a> {
    /// What the rows of tables are kept as.
    pub rows: RowType,
    /// The users who are there, by their rows: they become the rows `0..users.len()`, in this order, and keep their keys.
    /// Nothing else of others is in the file than what items learnt from them, and how many had each item. All users, if `None`.
    pub users: Option<&'a [u32]>,
}

impl Default for Export<'_> {
    /// All users, in bytes.
    fn default() -> Self {
        Export {
            rows: RowType::I8,
            users: None,
        }
    }
}

impl Trainer {
    /// The bytes of a small file to use the model from: to recommend and to [`absorb`](Trainer::absorb), on any device, not to train
    /// on. It has the parameters in use without moments, those of tables as [`Export::rows`], and the histories of
    /// [`Export::users`]. [`Trainer::from_bytes`] reads it, and PyTorch opens it ([`crate::checkpoint`] has its tensors).
    ///
    /// A processor reads such rows as they are, so that a model takes as little memory; a graphics device makes floats of
    /// them. What is learnt later is exact, in `f32`: only rows that change take more room, and saving such a trainer writes
    /// them beside the others. A model that [knows](Trainer::with_known) users and items by features has their rows in the file as
    /// well, takes new ones in by these, and scores by rows that are composed as floats, which take as much memory as of a model that
    /// was not exported.
    ///
    /// ```
    /// use pocketrec::{checkpoint::Export, device::Device, models::NeuMf, train::*};
    /// let mut trainer = Trainer::new(NeuMf::new(300, 200), Device::cpu(), TrainConfig::default())?;
    /// let all = trainer.to_bytes()?;
    /// let small = trainer.export_to_bytes(&Export { users: Some(&[7]), ..Export::default() })?;
    /// assert!(small.len() < all.len() / 8);
    /// let mut on_device = Trainer::from_bytes(&small, Device::cpu())?;
    /// let best = on_device.recommend(0, 10)?; // user 7
    /// on_device.absorb(&[(0, best[0].0)])?;
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Checkpoint::export`] and of [`Trainer::to_bytes`].
    pub fn export_to_bytes(&mut self, export: &Export) -> Result<Vec<u8>> {
        self.checkpoint()?.export(export)?.to_bytes()
    }
}

impl Checkpoint {
    /// What [`Trainer::export_to_bytes`] gives, as plain data.
    ///
    /// # Errors
    /// [`Error::Config`] with table and row where a float does not fit [`Export::rows`], where users are named twice or none
    /// is, and where the model is one whose items are known by their users ([`LightGcn`](crate::models::LightGcn)) and users
    /// are to be left out; [`Error::Id`] where a user has no row; [`Error::Memory`].
    pub fn export(mut self, export: &Export) -> Result<Checkpoint> {
        let plan = self.plan()?;
        self.use_mean();
        let mut state = self.state.with_tables_as(&plan, RowType::F32)?;
        if let Some(users) = export.users {
            self.check_users(users, plan.propagation().is_some())?;
            // SASRec has no table of users: it knows them by their histories.
            let has_users = !matches!(self.model, Model::SasRec(_));
            for (param, tensor) in plan.params().iter().zip(&mut state.tensors) {
                if has_users && param.kind == (ParamKind::Table { vocabulary: USERS }) {
                    choose_rows(param, tensor, users);
                }
            }
            self.choose_users(users)?;
        }
        let plan = self.plan()?;
        self.state = state.with_tables_as(&plan, export.rows)?;
        Ok(self)
    }

    /// Makes a mean over epochs the parameters, and forgets the best epoch.
    pub(super) fn use_mean(&mut self) {
        let others = [&mut self.best_values, &mut self.average_values];
        use_mean(&mut self.state, others, &mut self.progress);
    }

    fn check_users(&self, users: &[u32], is_propagated: bool) -> Result<()> {
        let [rows, _] = self.model.rows();
        if let Some(&user) = users.iter().find(|&&user| user as usize >= rows) {
            return Err(Error::Id {
                column: "user".into(),
                id: user.into(),
                rows: rows as u64,
            });
        }
        let mut sorted = users.to_vec();
        sorted.sort_unstable();
        let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]);
        let reason = match twice {
            _ if users.is_empty() => "none are named, so that there is nobody to recommend to; `None` takes all".into(),
            Some(pair) => format!("user {} is named twice", pair[0]),
            None if is_propagated => format!(
                "{} knows items by the users who have them, and is another model without: take all users",
                self.model.name()
            ),
            None => return Ok(()),
        };
        Err(Error::config("users", reason))
    }

    /// Leaves the chosen users alone, in their order.
    fn choose_users(&mut self, users: &[u32]) -> Result<()> {
        let key = |&user: &u32| self.user_ids.key(user).unwrap_or_default().into_owned();
        self.user_ids = IdMap::from_keys(users.iter().map(key))?;
        self.keyed = true;
        if let Some(known) = &mut self.known {
            known.choose_users(users, &self.user_ids);
        }
        self.history = self.history.of_users(users, self.model.rows()[1]);
        *self.model.rows_mut().0 = users.len();
        Ok(())
    }
}

impl ClickTrainer {
    /// The bytes of a small file to use the model from: [`Trainer::export_to_bytes`] for click-through models, with what was
    /// absorbed of all users.
    ///
    /// # Errors
    /// [`Error::Config`] with table and row where a float does not fit `rows`; those of [`ClickTrainer::to_bytes`].
    pub fn export_to_bytes(&mut self, rows: RowType) -> Result<Vec<u8>> {
        self.checkpoint()?.export(rows)?.to_bytes()
    }
}

impl ClickCheckpoint {
    /// What [`ClickTrainer::export_to_bytes`] gives, as plain data.
    ///
    /// # Errors
    /// [`Error::Config`] with table and row where a float does not fit `rows`; [`Error::Memory`].
    pub fn export(mut self, rows: RowType) -> Result<ClickCheckpoint> {
        let others = [&mut self.best_values, &mut self.average_values];
        use_mean(&mut self.state, others, &mut self.progress);
        self.state = self.state.with_tables_as(&self.model.plan()?, rows)?;
        Ok(self)
    }
}

/// Makes a mean over epochs the parameters, and forgets the best epoch.
fn use_mean<V>(state: &mut State, [best, mean]: [&mut Option<Vec<Vec<f32>>>; 2], progress: &mut Progress<V>) {
    for (tensor, values) in state.tensors.iter_mut().zip(mean.take().into_iter().flatten()) {
        tensor.value = values;
    }
    (*best, progress.best, progress.at_best) = (None, None, false);
    (progress.averaged, progress.evaluations_since_best) = (0, 0);
}

fn choose_rows(param: &Param, tensor: &mut Tensor, rows: &[u32]) {
    let row = |&row: &u32| &tensor.value[row as usize * param.width..][..param.width];
    tensor.value = rows.iter().flat_map(row).copied().collect();
}

impl History {
    /// That of some users, who become `0..users.len()`, with how many others had each of `items` items.
    fn of_users(&self, users: &[u32], items: usize) -> History {
        let mut of = History {
            offsets: vec![0],
            others: vec![0; items],
            ..History::default()
        };
        self.count_items(&mut of.others);
        for (row, &user) in (0..).zip(users) {
            of.items.extend_from_slice(self.trained(user));
            of.offsets.push(of.items.len() as u64);
            of.held_out.extend(self.held_out(user).map(|item| (row, item)));
            if !self.absorbed(user).is_empty() {
                of.absorbed.insert(row, self.absorbed(user).to_vec());
            }
            for &item in self.trained(user).iter().chain(self.absorbed(user)) {
                if let Some(count) = of.others.get_mut(item as usize) {
                    *count = count.saturating_sub(1);
                }
            }
        }
        of
    }
}
