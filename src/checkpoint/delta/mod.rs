//! What a model learnt since a base, as a small file: the rows that differ.
//!
//! Many devices begin from one base, and each learns from its own users. What they send back are rows of users, exact, and rows
//! of items that moved by more than a threshold; [`Delta::mean`] makes one update of many.

mod file;
mod mean;

#[cfg(feature = "std")]
pub(super) use file::read;

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use super::{Checkpoint, format::digest_of, plan_of, sink::written};
use crate::{
    Error, Result,
    data::IdMap,
    memory,
    plan::{Param, ParamKind, Plan, Tensor},
    train::{Trainer, pad_keys},
};

/// Index of the vocabulary of users.
const USERS: usize = 0;

/// What goes into a [`Delta`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeltaConfig {
    /// Rows of items are left out where no float moved by more; rows of users, new rows and weights are exact. At 0 the base
    /// and the delta are what was learnt, to the bit.
    pub threshold: f32,
    /// Whether the interactions that were absorbed are in it. They say what a user did: without them they stay where they are,
    /// and who applies the delta does not know which items to leave out.
    pub clicks: bool,
}

impl DeltaConfig {
    /// Refuses a threshold that nothing can be told by.
    ///
    /// # Errors
    /// [`Error::Config`] where it is negative or not finite.
    pub fn validate(&self) -> Result<()> {
        match self.threshold >= 0.0 && self.threshold.is_finite() {
            true => Ok(()),
            false => {
                let reason = format!("{} is no finite number of at least 0", self.threshold);
                Err(Error::config("threshold", reason))
            }
        }
    }
}

/// Rows of a parameter that differ.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    name: String,
    width: usize,
    /// In ascending order.
    rows: Vec<u32>,
    /// `[rows, width]`.
    values: Vec<f32>,
}

/// What was learnt since a base: from [`Trainer::delta`], for [`Trainer::apply`].
///
/// ```
/// use pocketrec::{checkpoint::*, device::Device, models::NeuMf, train::*};
/// let mut server = Trainer::new(NeuMf::new(300, 200), Device::cpu(), TrainConfig::default())?;
/// let base = server.checkpoint()?;
/// let mut device = Trainer::from_checkpoint(base.clone(), Device::cpu())?;
/// device.absorb(&[(7, 11), (7, 12)])?;
/// let delta = device.delta(&base, &DeltaConfig::default())?;
/// assert!(delta.to_bytes()?.len() < device.to_bytes()?.len() / 4);
/// server.apply(&delta)?;
/// assert_eq!(server.score(&[(7, 3)])?, device.score(&[(7, 3)])?);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// What the base's parameters are known by.
    base: String,
    /// Users and items before.
    before: [usize; 2],
    /// Users and items now.
    after: [usize; 2],
    /// Calls of `absorb` so far, which its random numbers go by.
    absorbed: u64,
    /// Those that have rows that differ, in the order of their names.
    changes: Vec<Change>,
    /// Keys of new users and of new items.
    keys: [Vec<String>; 2],
    /// (user, item) that were absorbed since.
    clicks: Vec<(u32, u32)>,
}

impl Trainer {
    /// What this trainer learnt since `base`, from which it came: by [`absorb`](Trainer::absorb), or by training.
    ///
    /// # Errors
    /// Those of [`Checkpoint::delta`].
    pub fn delta(&mut self, base: &Checkpoint, config: &DeltaConfig) -> Result<Delta> {
        self.checkpoint()?.delta(base, config)
    }

    /// Takes over what another learnt that began from where this trainer is. Moments and position in training stay as they
    /// are; the best epoch is forgotten, and a mean over epochs becomes the parameters, as by [`absorb`](Trainer::absorb).
    ///
    /// # Errors
    /// Those of [`Checkpoint::apply`]; nothing has changed then.
    pub fn apply(&mut self, delta: &Delta) -> Result<()> {
        let next = self.checkpoint()?.apply(delta)?;
        self.take_over(next)
    }
}

impl Checkpoint {
    /// What this checkpoint has learnt since `base`.
    ///
    /// # Errors
    /// [`Error::Config`] where the base is of another model, where either [knows](Trainer::with_known) users or items by features, or the
    /// base has users, items or interactions that are not here;
    /// [`Error::Memory`].
    pub fn delta(&self, base: &Checkpoint, config: &DeltaConfig) -> Result<Delta> {
        config.validate()?;
        self.refuse_known()?;
        base.refuse_known()?;
        let (plan, before) = (self.plan()?, base.plan()?);
        let [old, new] = [base.model.rows(), self.model.rows()];
        let is_grown = |(a, b): (&Param, &Param)| (&a.name, a.width) == (&b.name, b.width) && a.rows <= b.rows;
        let params = before.params().iter().zip(plan.params());
        if before.params().len() != plan.params().len() || !params.clone().all(is_grown) {
            let reason = format!(
                "it is of {} with {} users and {} items, this of {} with {} and {}: give the one that this began from",
                base.model.name(),
                old[0],
                old[1],
                self.model.name(),
                new[0],
                new[1]
            );
            return Err(Error::config("base", reason));
        }
        let mut changes = Vec::new();
        for (index, (old, param)) in params.enumerate() {
            let [from, to] = [(base, old), (self, param)].map(|(of, param)| of.in_use(index, param));
            let change = change_of(param, &from?, &to?, config.threshold);
            changes.extend((!change.rows.is_empty()).then_some(change));
        }
        let own_keys = |keys: &IdMap, from: usize, rows: usize| {
            let fresh = keys.iter().take(rows).skip(from);
            fresh.map(Cow::into_owned).collect::<Vec<String>>()
        };
        changes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Delta {
            base: base.fingerprint(&before)?,
            before: old,
            after: new,
            absorbed: self.progress.absorbed,
            changes,
            keys: [
                own_keys(&self.user_ids, old[0], new[0]),
                own_keys(&self.item_ids, old[1], new[1]),
            ],
            clicks: match config.clicks {
                true => self.clicks_since(base)?,
                false => Vec::new(),
            },
        })
    }

    /// The base with what was learnt since: as it was saved there, where nothing was left out.
    ///
    /// # Errors
    /// [`Error::Config`] where this is not the base that the delta began from, or knows users or items by features; [`Error::Memory`].
    pub fn apply(mut self, delta: &Delta) -> Result<Checkpoint> {
        self.refuse_known()?;
        let plan = self.plan()?;
        if self.model.rows() != delta.before || self.fingerprint(&plan)? != delta.base {
            let reason = "it began from another state of the model than this one: apply it to the checkpoint or export that \
                          the device began from";
            return Err(Error::config("delta", reason));
        }
        self.use_mean();
        let (users, items) = self.model.rows_mut();
        [*users, *items] = delta.after;
        let grown = self.plan()?;
        for (index, (old, param)) in plan.params().iter().zip(grown.params()).enumerate() {
            let change = delta.changes.iter().find(|change| change.name == param.name);
            check_change(old, param, change)?;
            apply_change(&mut self.state.tensors[index], old, param, change)?;
        }
        if let Some(change) = delta.changes.iter().find(|change| grown.param(&change.name).is_none()) {
            return Err(Error::config(
                "delta",
                format!("the model has no parameter {}", change.name),
            ));
        }
        for (side, keys) in delta.keys.iter().enumerate() {
            let ids = if side == 0 {
                &mut self.user_ids
            } else {
                &mut self.item_ids
            };
            ids.truncate(delta.before[side]);
            for key in keys {
                ids.get_or_insert(key)?;
            }
            pad_keys(ids, delta.after[side])?;
            self.keyed |= !keys.is_empty();
        }
        for &(user, item) in &delta.clicks {
            if !self.history.contains(user, item) {
                self.history.absorbed.entry(user).or_default().push(item);
            }
        }
        self.history.item_users = None;
        self.progress.absorbed = delta.absorbed;
        Ok(self)
    }

    pub(super) fn plan(&self) -> Result<Plan> {
        plan_of(&self.model, &self.config, self.known.as_ref())
    }

    /// Refuses what knows users and items by features, of which a delta says nothing.
    fn refuse_known(&self) -> Result<()> {
        match self.known {
            None => Ok(()),
            Some(_) => {
                let reason =
                    "a delta does not say what is known of users and items by features: send the checkpoint itself";
                Err(Error::config("delta", reason))
            }
        }
    }

    /// The floats of a parameter that is recommended with.
    fn in_use(&self, index: usize, param: &Param) -> Result<Cow<'_, [f32]>> {
        if let Some(values) = &self.average_values {
            return Ok(Cow::Borrowed(&values[index]));
        }
        let tensor = &self.state.tensors[index];
        let widened = tensor.widened(&param.name)?;
        Ok(widened.map_or(Cow::Borrowed(&tensor.value[..]), |tensor| Cow::Owned(tensor.value)))
    }

    /// What the parameters in use are known by.
    fn fingerprint(&self, plan: &Plan) -> Result<String> {
        let values = plan.params().iter().enumerate().map(|(index, param)| {
            let values = self.in_use(index, param)?;
            Ok((&param.name[..], values))
        });
        digest_of(values)
    }

    /// What was absorbed since, user by user.
    fn clicks_since(&self, base: &Checkpoint) -> Result<Vec<(u32, u32)>> {
        let mut clicks = Vec::new();
        for (user, item) in base.history.absorbed_pairs() {
            if !self.history.absorbed(user).contains(&item) {
                let reason =
                    format!("its user {user} absorbed item {item}, which is not here: it is no earlier state of this");
                return Err(Error::config("base", reason));
            }
        }
        for (user, item) in self.history.absorbed_pairs() {
            if !base.history.absorbed(user).contains(&item) {
                clicks.push((user, item));
            }
        }
        Ok(clicks)
    }
}

/// The rows of a parameter that are new or differ by more than a threshold; of users, and of what is no table, by anything.
fn change_of(param: &Param, from: &[f32], to: &[f32], threshold: f32) -> Change {
    let is_exact = !matches!(param.kind, ParamKind::Table { vocabulary } if vocabulary != USERS) || threshold == 0.0;
    let mut change = Change {
        name: param.name.clone(),
        width: param.width,
        rows: Vec::new(),
        values: Vec::new(),
    };
    for (row, values) in to.chunks_exact(param.width).enumerate() {
        let differs = match from.get(row * param.width..(row + 1) * param.width) {
            None => true,
            Some(old) if is_exact => old.iter().zip(values).any(|(a, b)| a.to_bits() != b.to_bits()),
            Some(old) => old.iter().zip(values).any(|(a, b)| (a - b).abs() > threshold),
        };
        if differs {
            change.rows.push(row as u32);
            change.values.extend_from_slice(values);
        }
    }
    change
}

/// Refuses what does not fit a parameter: its rows must be there, and all that are new be among them.
fn check_change(old: &Param, param: &Param, change: Option<&Change>) -> Result<()> {
    let (rows, width) = change.map_or((&[][..], param.width), |change| (&change.rows[..], change.width));
    let new = rows.len() - rows.partition_point(|&row| (row as usize) < old.rows);
    let fits = rows.last().is_none_or(|&last| (last as usize) < param.rows);
    if width == param.width && fits && new == param.rows - old.rows {
        return Ok(());
    }
    let reason = format!(
        "rows of {} do not fit the model: {} of {width} floats, {new} of them new, where it is to have {} more of {}",
        param.name,
        rows.len(),
        param.rows - old.rows,
        param.width
    );
    Err(Error::config("delta", reason))
}

fn apply_change(tensor: &mut Tensor, old: &Param, param: &Param, change: Option<&Change>) -> Result<()> {
    let Some(change) = change else { return Ok(()) };
    let stored = tensor.stored.take();
    let mut all = match &stored {
        None => core::mem::take(tensor),
        Some(stored) => {
            tensor.stored = Some(stored.clone());
            tensor.widened(&param.name)?.unwrap_or_default()
        }
    };
    let more = (param.rows - old.rows) * param.width;
    for floats in [&mut all.value, &mut all.m, &mut all.v] {
        if !floats.is_empty() {
            memory::reserve(floats, more, || format!("{} rows of {}", param.rows, param.name))?;
            floats.resize(floats.len() + more, 0.0);
        }
    }
    for (&row, values) in change.rows.iter().zip(change.values.chunks_exact(param.width)) {
        all.value[row as usize * param.width..][..param.width].copy_from_slice(values);
    }
    *tensor = match stored {
        None => all,
        Some(stored) => all.beside(&stored, 0..param.rows as u32),
    };
    Ok(())
}

impl Delta {
    /// Rows that differ, of all parameters.
    pub fn rows(&self) -> usize {
        self.changes.iter().map(|change| change.rows.len()).sum()
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where a value is not finite; [`Error::Memory`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        written(|to| self.write(to))
    }
}
