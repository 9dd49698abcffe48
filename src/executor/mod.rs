//! What runs a plan on a device: the core that every device has, and the parts that some have besides.
//!
//! [`Executor`] is the core: a step, scores, rows, state. No call of it blocks on a device or needs threads. What a device
//! may not be done with yet is a [`Pending`] result, which a desktop [waits](Pending::wait) for and a browser awaits; the
//! [example](Pending) has both.
//!
//! Drawing batches, steps of tables alone, copies of rows, searching the catalogue, profiles, activations, graphs and
//! neighbours are parts ([`DrawBatches`], [`StepTables`], [`KeepRows`], [`ScoreCatalogue`], [`SearchCatalogue`], [`Profile`],
//! [`Activations`], [`Propagation`], [`Neighbours`]) that an executor hands out where it has them. Callers go through one
//! function each, which falls back on the core, or says which device has the part: [`keep_sampler`] and [`step_drawn`],
//! [`score_catalogue`], [`top_catalogue`] and [`rank_catalogue`], [`profile`] and [`profile_drawn`], [`score_with`] and
//! [`attention_rollout`], [`keep_rows`], [`put_back`] and [`hold_back`], [`set_graph`]. A backend that has the core alone trains, ranks, recommends and saves.

mod attention;
mod catalogue;
mod kept;
mod loss;
mod neighbours;
mod parts;
mod pending;
mod rank;
mod stage_time;
mod top_k;
mod with_features;

use alloc::{format, string::String};

pub use attention::attention_rollout;
pub use catalogue::{Best, Query, catalogue_items, rank_catalogue, score_catalogue, top_catalogue};
pub(crate) use catalogue::{catalogue_of, check_targets, offer_row, pair_of};
#[cfg(feature = "gpu")]
pub(crate) use catalogue::{rank_by_scores, top_by_scores};
pub use kept::{KeepRows, KeptRows, RowRun, hold_back, keep_rows, put_back};
pub(crate) use kept::{check_runs, check_shares, of_another};
pub use loss::LossSum;
pub(crate) use neighbours::WithNeighbours;
pub(crate) use parts::composed_rows;
pub use parts::{
    Activations, Compose, DrawBatches, Neighbours, Profile, Propagation, ScoreCatalogue, SearchCatalogue, StepTables,
    keep_sampler, profile, profile_drawn, score_with, set_graph, step_drawn, step_tables,
};
#[cfg(all(feature = "web", feature = "gpu", target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use pending::Running;
pub use pending::{Pending, may_block};
pub use rank::Rank;
pub use stage_time::StageTime;
pub use top_k::TopK;
pub(crate) use with_features::WithFeatures;

pub use crate::shared::Arc;

use crate::{
    Error, Result,
    data::Batch,
    plan::{L2, Optimizer, Plan, Stage, State, View},
};

/// Runs a plan on a device: one training step at a time, or scores without training.
///
/// The same calls in the same order give the same bits on the same device.
///
/// No call blocks. What a [`Pending`] result refuses to do, it refuses in the call, before anything is changed; what it
/// leaves where it is dropped before it is ready stands [there](Pending#dropped-before-it-is-ready).
pub trait Executor: Send {
    /// The plan that is run.
    fn plan(&self) -> &Plan;

    /// The device, for people: `cpu avx512, 2 threads`.
    fn device(&self) -> String;

    /// One step: forward, backward and update on a sorted batch. A warm step allocates nothing on a processor.
    ///
    /// The step is under way when the call returns, also where the result is dropped: calls after it see what it has
    /// learnt. The result is ready as soon as the device has room for another step, so that waiting for each bounds what
    /// is under way.
    ///
    /// `prefetch` is called once before the call returns, on any thread, while the step runs or after it: callers fill the
    /// next batch in it, so that a device does not wait for one.
    ///
    /// If anything panics in the middle of a step, `prefetch` among it, buffers and parameters are in an unknown state:
    /// every call but [`set_state`](Executor::set_state) then gives [`Error::Device`], until that has set a whole state.
    ///
    /// # Errors
    /// [`Error::Id`] where an id lies outside its table, [`Error::Length`] where the batch has other columns than the plan,
    /// [`Error::Config`] where it is not [sorted](Batch::is_sorted), a label is not in 0..=1, a weight is negative, or a
    /// number is not finite; [`Error::Memory`] where there is not enough. Nothing is changed then.
    fn step(
        &mut self,
        batch: &Batch,
        optimizer: &Optimizer,
        l2: L2,
        prefetch: &mut (dyn FnMut() + Send),
    ) -> Pending<'_, ()>;

    /// Lets the device get on, without blocking: whether all steps are done that were begun.
    ///
    /// # Errors
    /// Where the device is lost.
    fn poll(&mut self) -> Result<bool>;

    /// The plan's loss summed over the samples of all steps since the last call, without the L2 terms.
    ///
    /// # Errors
    /// Where the device is lost.
    fn take_loss(&mut self) -> Pending<'_, LossSum>;

    /// The auxiliary losses of all steps since the last call, unweighted: each batch's counts for all its samples. Zero
    /// of a plan without one.
    ///
    /// # Errors
    /// Where the device is lost.
    fn take_auxiliary(&mut self) -> Pending<'_, LossSum> {
        Pending::ready(Ok(LossSum::default()))
    }

    /// Logits of any number of samples: `out[s]` for the ids `columns[..][s]` of the plan's
    /// [scored columns](Plan::scored_columns).
    ///
    /// # Errors
    /// As [`step`](Executor::step), but that nothing need be sorted and labels are not read.
    fn score<'a>(&'a mut self, columns: &'a [&'a [u32]], out: &'a mut [f32]) -> Pending<'a, ()>;

    /// Logits of the samples of a batch, which need be neither sorted nor labelled usefully: for plans with sequences
    /// or numeric features, which [`score`](Executor::score) cannot be given.
    ///
    /// # Errors
    /// As [`step`](Executor::step).
    fn score_batch<'a>(&'a mut self, batch: &'a Batch, out: &'a mut [f32]) -> Pending<'a, ()>;

    /// A copy of parameters, moments and step count. Moments are empty where none were ever needed.
    ///
    /// # Errors
    /// [`Error::Memory`] where there is not enough; where the device is lost.
    fn state(&mut self) -> Pending<'_, State>;

    /// Replaces parameters, moments and step count. An executor that was interrupted in a step goes on from here; losses
    /// that it had not been asked for are forgotten then.
    ///
    /// # Errors
    /// [`Error::Length`] where a tensor does not fit the plan.
    fn set_state<'a>(&'a mut self, state: &'a State) -> Pending<'a, ()>;

    /// Reads rows of a parameter: `out` holds a whole number of them, beginning with row `first`.
    ///
    /// # Errors
    /// [`Error::Length`] where the rows are not there.
    fn read_rows<'a>(&'a mut self, param: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()>;

    /// Overwrites rows of a parameter and sets their moments to zero.
    ///
    /// # Errors
    /// As [`read_rows`](Executor::read_rows).
    fn write_rows<'a>(&'a mut self, param: usize, first: usize, values: &'a [f32]) -> Pending<'a, ()>;

    /// Makes the tables of `vocabulary` `rows` rows long; new rows are zero until they are written. Costs amortised
    /// time in proportion to the new rows.
    ///
    /// # Errors
    /// Where `rows` is below the present number or memory is short; the tables are as they were then.
    fn grow(&mut self, vocabulary: usize, rows: usize) -> Pending<'_, ()>;

    /// Bytes that steps so far have worked with beside parameters and moments, as far as the device says; else 0.
    fn step_bytes(&self) -> u64 {
        0
    }

    /// Draws batches on the device, where it can; [`keep_sampler`] and [`step_drawn`] go through this.
    fn drawing(&mut self) -> Option<&mut dyn DrawBatches> {
        None
    }

    /// Steps that move rows of tables alone, where it can leave out what dense parameters would move by.
    fn tables_alone(&mut self) -> Option<&mut dyn StepTables> {
        None
    }

    /// A way of its own to score all items, where it has one; [`score_catalogue`] goes through this.
    fn catalogue(&mut self) -> Option<&mut dyn ScoreCatalogue> {
        None
    }

    /// A search of the catalogue where scores are computed, where it has one; [`top_catalogue`] and [`rank_catalogue`] go
    /// through this.
    fn search(&mut self) -> Option<&mut dyn SearchCatalogue> {
        None
    }

    /// The time of each dispatch, where the device takes it; [`profile`] and [`profile_drawn`] go through this.
    fn profiling(&mut self) -> Option<&mut dyn Profile> {
        None
    }

    /// Tables whose rows reach one another along a graph, where the plan has some; [`set_graph`] goes through this.
    fn propagation(&mut self) -> Option<&mut dyn Propagation> {
        None
    }

    /// Neighbours of items that are filled in beside them, where the executor does that: the one that a
    /// [`Trainer`](crate::train::Trainer) puts in front of that of [`Kgcn`](crate::models::Kgcn).
    fn neighbours(&mut self) -> Option<&mut dyn Neighbours> {
        None
    }

    /// Rows that are made of features, where the executor does that: the one that a [`Trainer`](crate::train::Trainer) of
    /// [`Known`](crate::train::Known) users or items puts in front of those of its plan.
    fn compose(&mut self) -> Option<&mut dyn Compose> {
        None
    }

    /// Copies of rows that stay on the device, where it takes them by itself; [`keep_rows`], [`put_back`] and [`hold_back`] go
    /// through this.
    fn keeping(&mut self) -> Option<&mut dyn KeepRows> {
        None
    }

    /// Activations, where they can be handed out; [`score_with`] goes through this.
    fn activations(&mut self) -> Option<&mut dyn Activations> {
        None
    }
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
    let reason = "the plan has no activation of this name; DIN has `attention`, and DIEN where attention steers it";
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
