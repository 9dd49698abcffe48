//! What an executor promises to the trainer.

use alloc::{format, string::String, vec::Vec};

use crate::{
    Error, Result,
    data::{Batch, Sampler},
    eval::{Best, Query, Rank, rank_by_scores, top_by_scores},
    plan::{L2, Optimizer, Pair, Plan, Stage, State, View},
};

/// A sum of losses and the number of samples in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossSum {
    /// Sum over samples.
    pub sum: f64,
    /// Number of samples.
    pub samples: u64,
}

impl LossSum {
    /// Mean loss of a sample; zero of none.
    pub fn mean(&self) -> f64 {
        self.sum / self.samples.max(1) as f64
    }
}

/// What a dispatch of a step did, and how long it took.
#[derive(Clone, Debug, PartialEq)]
pub struct StageTime {
    /// Op, entry point and width: `linear forward 256 to 128`.
    pub name: String,
    /// Dispatches that are added up here; each is 1 before [`merged`](StageTime::merged).
    pub count: u32,
    /// Seconds.
    pub seconds: f64,
    /// Multiplications and additions.
    pub flops: f64,
    /// Bytes of buffers that had to be read and written, each once.
    pub bytes: f64,
}

impl StageTime {
    /// Those of one name added up, in the order in which each came first: the slices of a batch, layers of one shape,
    /// the same dispatch of several steps.
    pub fn merged(stages: impl IntoIterator<Item = StageTime>) -> Vec<StageTime> {
        let mut merged: Vec<StageTime> = Vec::new();
        for stage in stages {
            match merged.iter_mut().find(|there| there.name == stage.name) {
                Some(there) => {
                    there.count += stage.count;
                    there.seconds += stage.seconds;
                    there.flops += stage.flops;
                    there.bytes += stage.bytes;
                }
                None => merged.push(stage),
            }
        }
        merged
    }
}

/// Runs a plan on a device: one training step at a time, or scores without training.
///
/// The same calls in the same order give the same bits on the same device.
pub trait Executor: Send {
    /// The plan that is run.
    fn plan(&self) -> &Plan;

    /// The device, for people: `cpu avx512, 2 threads`.
    fn device(&self) -> String;

    /// One step: forward, backward and update on a sorted batch. A warm step allocates nothing.
    ///
    /// `prefetch` is called once, on any thread, while the step runs or after it: callers fill the next batch in it, so
    /// that a device does not wait for one.
    ///
    /// If anything panics in the middle of a step, `prefetch` among it, buffers and parameters are in an unknown state:
    /// every call but [`set_state`](Executor::set_state) then gives [`Error::Device`], until that has set a whole state.
    ///
    /// # Errors
    /// [`Error::Id`] where an id lies outside its table, [`Error::Length`] where the batch has other columns than the plan,
    /// [`Error::Config`] where it is not [sorted](Batch::is_sorted), a label is not in 0..=1, a weight is negative, or a
    /// number is not finite; [`Error::Memory`] where there is not enough. Nothing is changed then.
    fn step(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2, prefetch: &mut (dyn FnMut() + Send))
    -> Result<()>;

    /// Keeps what `sampler` draws from on the device, for [`step_drawn`](Executor::step_drawn), until the next call or the
    /// executor's end. False where this executor does not draw, where that does not fit the device, or where batches are
    /// too small for it to pay: then the caller fills batches and calls [`step`](Executor::step), to the same bits.
    ///
    /// # Errors
    /// [`Error::Id`] where the sampler has users or items that the plan has no row for; where the device is lost.
    fn keep_sampler(&mut self, sampler: &Sampler, batch_size: usize) -> Result<bool> {
        let _ = (sampler, batch_size);
        Ok(false)
    }

    /// One step on the samples `start..start + count` of an epoch of the sampler that is kept, as far as the epoch goes:
    /// what [`step`](Executor::step) does with the batch of [`Sampler::fill`], but drawn and sorted on the device.
    /// Gives the number of samples.
    ///
    /// # Errors
    /// [`Error::Config`] where [`keep_sampler`](Executor::keep_sampler) has not kept one; else as
    /// [`step`](Executor::step).
    fn step_drawn(&mut self, epoch: u32, start: u64, count: usize, optimizer: &Optimizer, l2: L2) -> Result<u64> {
        let _ = (epoch, start, count, optimizer, l2);
        Err(Error::config(
            "sampler",
            "this executor keeps none; fill batches and call step",
        ))
    }

    /// One step, with the time of each dispatch in the order in which they run. Each then waits for the one before, so
    /// that the sum is more than an untimed step takes.
    ///
    /// # Errors
    /// As [`step`](Executor::step), and [`Error::Device`] where the device cannot take the time of stages: no processor
    /// can, and not every graphics device.
    fn profile(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2) -> Result<Vec<StageTime>> {
        let _ = (batch, optimizer, l2);
        let device = self.device();
        let reason = format!("{device} does not take the time of stages; only graphics devices do");
        Err(Error::Device(reason))
    }

    /// [`profile`](Executor::profile) of a step on samples that are drawn on the device, as
    /// [`step_drawn`](Executor::step_drawn) takes it: drawing and sorting are among the stages.
    ///
    /// # Errors
    /// Those of both.
    fn profile_drawn(
        &mut self,
        epoch: u32,
        start: u64,
        count: usize,
        optimizer: &Optimizer,
        l2: L2,
    ) -> Result<Vec<StageTime>> {
        let _ = (epoch, start, count, optimizer, l2);
        Err(Error::config(
            "sampler",
            "this executor keeps none; fill batches and profile steps on them",
        ))
    }

    /// The plan's loss summed over the samples of all steps since the last call, without the L2 terms.
    ///
    /// # Errors
    /// Where the device is lost.
    fn take_loss(&mut self) -> Result<LossSum>;

    /// The auxiliary losses of all steps since the last call, unweighted: each batch's counts for all its samples. Zero
    /// of a plan without one.
    ///
    /// # Errors
    /// Where the device is lost.
    fn take_auxiliary(&mut self) -> Result<LossSum> {
        Ok(LossSum::default())
    }

    /// Logits of any number of samples: `out[s]` for the ids `columns[..][s]` of the plan's
    /// [scored columns](Plan::scored_columns).
    ///
    /// # Errors
    /// As [`step`](Executor::step), but that nothing need be sorted and labels are not read.
    fn score(&mut self, columns: &[&[u32]], out: &mut [f32]) -> Result<()>;

    /// Logits of the samples of a batch, which need be neither sorted nor labelled usefully: for plans with sequences
    /// or numeric features, which [`score`](Executor::score) cannot be given.
    ///
    /// # Errors
    /// As [`step`](Executor::step).
    fn score_batch(&mut self, batch: &Batch, out: &mut [f32]) -> Result<()>;

    /// [`score_batch`](Executor::score_batch), and with the logits an activation: what the plan
    /// [`exposed`](Plan::exposed) as `name`, `[rows, width]`, with a row for each sample of the batch or for each step of
    /// the sequence that it lies along.
    ///
    /// # Errors
    /// As [`step`](Executor::step); [`Error::Config`] where the plan exposes nothing of that name, [`Error::Device`] where
    /// the device hands no activations out.
    fn score_with(&mut self, batch: &Batch, name: &str, out: &mut [f32]) -> Result<Vec<f32>> {
        let (_, _, device) = (batch, out, self.device());
        Err(Error::Device(format!(
            "{device} does not hand out {name}: take the CPU (Device::cpu())"
        )))
    }

    /// Logits of each of `users` (ids of the query's column) with every row of the candidate's tables, the items:
    /// `out[u * items + i]`. For plans that score a [pair](Plan::pair). An executor may compute what depends on the item alone once
    /// for all users, so that a logit can differ from [`score`](Executor::score)'s by rounding.
    ///
    /// # Errors
    /// As [`step`](Executor::step); [`Error::Config`] where the plan scores no [pair](Plan::pair),
    /// [`Error::Length`] where `out` is not users x items long.
    fn score_catalogue(&mut self, users: &[u32], out: &mut [f32]) -> Result<()> {
        score_pairs(self, users, out)
    }

    /// The `k` best items for each query's user without its known ones, best first, with their logits; of equal ones the
    /// lower item is first ([`ops::top_k`](crate::ops::top_k)). Logits are those of
    /// [`score_catalogue`](Executor::score_catalogue), but an executor may keep them where it computes them.
    ///
    /// # Errors
    /// As [`score_catalogue`](Executor::score_catalogue); [`Error::Config`] where a logit is NaN.
    fn top_catalogue(&mut self, queries: &[Query<'_>], k: usize) -> Result<Vec<Best>> {
        top_by_scores(self, queries, k)
    }

    /// The rank of each query's target among the first `items` items without its known ones
    /// ([`ops::rank`](crate::ops::rank)); the target is never left out.
    ///
    /// # Errors
    /// As [`top_catalogue`](Executor::top_catalogue); [`Error::Length`] where there is not one target a query, and
    /// [`Error::Id`] where a target or a known item is none of the items.
    fn rank_catalogue(&mut self, queries: &[Query<'_>], targets: &[u32], items: usize) -> Result<Vec<Rank>> {
        rank_by_scores(self, queries, targets, items)
    }

    /// A copy of parameters, moments and step count. Moments are empty where none were ever needed.
    ///
    /// # Errors
    /// Where the device is lost.
    fn state(&mut self) -> Result<State>;

    /// Replaces parameters, moments and step count. An executor that was interrupted in a step goes on from here; losses
    /// that it had not been asked for are forgotten then.
    ///
    /// # Errors
    /// [`Error::Length`] where a tensor does not fit the plan.
    fn set_state(&mut self, state: &State) -> Result<()>;

    /// Reads rows of a parameter: `out` holds a whole number of them, beginning with row `first`.
    ///
    /// # Errors
    /// [`Error::Length`] where the rows are not there.
    fn read_rows(&mut self, param: usize, first: usize, out: &mut [f32]) -> Result<()>;

    /// Overwrites rows of a parameter and sets their moments to zero.
    ///
    /// # Errors
    /// As [`read_rows`](Executor::read_rows).
    fn write_rows(&mut self, param: usize, first: usize, values: &[f32]) -> Result<()>;

    /// Makes the tables of `vocabulary` `rows` rows long; new rows are zero until they are written. Costs amortised
    /// time in proportion to the new rows.
    ///
    /// # Errors
    /// Where `rows` is below the present number or memory is short.
    fn grow(&mut self, vocabulary: usize, rows: usize) -> Result<()>;
}

/// [`Executor::score_catalogue`] by way of [`Executor::score`], a run of items at a time.
///
/// # Errors
/// As [`Executor::score_catalogue`].
pub fn score_pairs<E: Executor + ?Sized>(executor: &mut E, users: &[u32], out: &mut [f32]) -> Result<()> {
    const RUN: usize = 8192;
    let items = catalogue_items(executor.plan(), users, out)?;
    let pair = pair_of(executor.plan())?;
    let (mut same, mut run) = (Vec::new(), Vec::new());
    for (user, out) in users.iter().zip(out.chunks_mut(items)) {
        for (index, out) in out.chunks_mut(RUN).enumerate() {
            same.clear();
            same.resize(out.len(), *user);
            run.clear();
            run.extend((0..out.len()).map(|i| (index * RUN + i) as u32));
            executor.score(&pair.columns(&same, &run), out)?;
        }
    }
    Ok(())
}

/// What an executor says to all calls that come after one that did not end.
pub(crate) fn interrupted() -> Error {
    let reason = "this executor was interrupted in the middle of a call, by a panic or for want of memory, and its parameters \
                  may be half changed; set a state (Executor::set_state) to go on";
    Error::Device(reason.into())
}

/// Where the activation called `name` is.
///
/// # Errors
/// [`Error::Config`] where the plan exposes none, or one that is computed in training alone.
pub fn exposed(plan: &Plan, name: &str) -> Result<View> {
    let reason = "the plan has no activation of this name; DIN has `attention`";
    let view = plan.exposed(name).ok_or_else(|| Error::config(name, reason))?;
    let writes = |stage: &Stage| {
        let written = stage.output().filter(|output| output.buffer == view.buffer);
        written.is_some_and(|output| output.start < view.range().end && view.start < output.range().end)
    };
    let mut stages = plan.stages().iter().enumerate();
    match stages.find(|(index, stage)| writes(stage) && !plan.is_scored(*index)) {
        None => Ok(view),
        Some((_, stage)) => Err(Error::config(
            name,
            format!(
                "it is computed in training alone (by {}): no logit depends on it, so scores leave it out",
                stage.name()
            ),
        )),
    }
}

/// The number of items, where a call of [`Executor::score_catalogue`] fits the plan.
///
/// # Errors
/// [`Error::Length`] and [`Error::Id`] as there.
pub fn catalogue_items(plan: &Plan, users: &[u32], out: &[f32]) -> Result<usize> {
    let items = catalogue_of(plan, users.iter().copied())?;
    match users.len().checked_mul(items) {
        Some(len) if len == out.len() => Ok(items),
        len => Err(Error::Length {
            what: "scores of users x items".into(),
            expected: len.unwrap_or(usize::MAX),
            got: out.len(),
        }),
    }
}

/// Which columns of a plan are those of users and items, where it scores an item for a user by nothing else.
///
/// # Errors
/// [`Error::Config`] where it does not.
pub(crate) fn pair_of(plan: &Plan) -> Result<Pair> {
    plan.pair().ok_or_else(|| {
        let names: Vec<&str> = plan.scored_columns().iter().map(|column| column.name.as_str()).collect();
        let reason = format!(
            "it scores by {}, not by one query (PlanBuilder::query), a user, and one candidate (PlanBuilder::candidate), an item: \
             there is no catalogue to rank",
            names.join(", ")
        );
        Error::config("plan", reason)
    })
}

/// The number of items of a plan that takes a user and an item, where it has rows for the users.
pub(crate) fn catalogue_of(plan: &Plan, mut users: impl Iterator<Item = u32>) -> Result<usize> {
    let Pair { query, candidate } = pair_of(plan)?;
    let (rows, items) = (plan.rows_of(query), plan.rows_of(candidate));
    match users.find(|&user| user as usize >= rows) {
        None => Ok(items),
        Some(id) => Err(Error::Id {
            column: plan.columns()[query].name.clone(),
            id: id.into(),
            rows: rows as u64,
        }),
    }
}
