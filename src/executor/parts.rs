//! Parts that an executor may have beside its core, and what callers do where it has not.

use alloc::{format, vec::Vec};

use super::{Best, Executor, Pending, Query, Rank, StageTime};
use crate::{
    Error,
    data::{Batch, Features, Graph, Knowledge, Sampler},
    plan::{L2, Optimizer},
    shared::Arc,
};

/// Draws batches on the device and sorts them there.
pub trait DrawBatches {
    /// Keeps what `sampler` draws from on the device, for [`step_drawn`](DrawBatches::step_drawn), until the next call or
    /// the executor's end. False where it does not fit the device or the plan, or where batches are too small for it to
    /// pay: then the caller fills batches and calls [`step`](Executor::step), to the same bits.
    ///
    /// # Errors
    /// [`Error::Id`] where the sampler has users or items that the plan has no row for; where the device is lost.
    fn keep_sampler<'a>(&'a mut self, sampler: &'a Sampler, batch_size: usize) -> Pending<'a, bool>;

    /// One step on the samples `start..start + count` of an epoch of the sampler that is kept, as far as the epoch goes:
    /// what [`step`](Executor::step) does with the batch of [`Sampler::fill`], but drawn and sorted on the device.
    /// Gives the number of samples.
    ///
    /// # Errors
    /// [`Error::Config`] where [`keep_sampler`](DrawBatches::keep_sampler) has not kept one; else as
    /// [`step`](Executor::step).
    fn step_drawn(&mut self, epoch: u32, start: u64, count: usize, optimizer: &Optimizer, l2: L2) -> Pending<'_, u64>;
}

/// Moves rows of tables, and nothing else.
pub trait StepTables {
    /// What [`step`](Executor::step) does, but that dense parameters stay as they are: what they would move by is not computed.
    /// Rows of tables move to the same bits.
    ///
    /// # Errors
    /// As [`step`](Executor::step).
    fn step_tables(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2) -> Pending<'_, ()>;
}

/// Scores all items for a user in a way of its own.
pub trait ScoreCatalogue {
    /// Logits of each of `users` (ids of the query's column) with every row of the candidate's tables, the items:
    /// `out[u * items + i]`. For plans that score a [pair](crate::plan::Plan::pair). What depends on the item alone may be
    /// computed once for all users, so that a logit can differ from [`score`](Executor::score)'s by rounding.
    ///
    /// # Errors
    /// As [`step`](Executor::step); [`Error::Config`] where the plan scores no [pair](crate::plan::Plan::pair),
    /// [`Error::Length`] where `out` is not users x items long.
    fn score_catalogue<'a>(&'a mut self, users: &'a [u32], out: &'a mut [f32]) -> Pending<'a, ()>;
}

/// Searches the catalogue where its scores are computed, without handing them out.
pub trait SearchCatalogue {
    /// The `k` best items for each query's user without its known ones, best first, with their logits; of equal ones the
    /// lower item is first ([`ops::top_k`](crate::ops::top_k)). Logits are those of
    /// [`score_catalogue`](super::score_catalogue).
    ///
    /// # Errors
    /// As [`score_catalogue`](super::score_catalogue); [`Error::Config`] where a logit is NaN.
    fn top_catalogue<'a>(&'a mut self, queries: &'a [Query<'a>], k: usize) -> Pending<'a, Vec<Best>>;

    /// The rank of each query's target among the first `items` items without its known ones
    /// ([`ops::rank`](crate::ops::rank)); the target is never left out.
    ///
    /// # Errors
    /// As [`top_catalogue`](SearchCatalogue::top_catalogue); [`Error::Length`] where there is not one target a query, and
    /// [`Error::Id`] where a target or a known item is not an item.
    fn rank_catalogue<'a>(
        &'a mut self,
        queries: &'a [Query<'a>],
        targets: &'a [u32],
        items: usize,
    ) -> Pending<'a, Vec<Rank>>;
}

/// Takes the time of what a step does.
pub trait Profile {
    /// One step, with the time of each dispatch in the order in which they run. Each then waits for the one before, so
    /// that the sum is more than an untimed step takes.
    ///
    /// # Errors
    /// As [`step`](Executor::step), and [`Error::Device`] where the device cannot take the time of stages: not every
    /// graphics device can.
    fn profile(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2) -> Pending<'_, Vec<StageTime>>;

    /// [`profile`](Profile::profile) of a step on samples that are drawn on the device, as
    /// [`DrawBatches::step_drawn`] takes it: drawing and sorting are among the stages.
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
    ) -> Pending<'_, Vec<StageTime>>;
}

/// Hands activations out.
pub trait Activations {
    /// [`score_batch`](Executor::score_batch), and with the logits an activation: what the plan
    /// [`exposed`](crate::plan::Plan::exposed) as `name`, `[rows, width]`, with a row for each sample of the batch or for
    /// each step of the sequence that it lies along.
    ///
    /// # Errors
    /// As [`step`](Executor::step); [`Error::Config`] where the plan exposes nothing of that name.
    fn score_with<'a>(&'a mut self, batch: &'a Batch, name: &'a str, out: &'a mut [f32]) -> Pending<'a, Vec<f32>>;
}

/// Lets the rows of whole tables reach one another along a graph: plans with a
/// [propagation](crate::plan::Plan::propagation).
pub trait Propagation {
    /// Takes the graph that tables are propagated along, in place of the one that there was, and makes ready for it once. Its
    /// users and items are the rows of the plan's two tables. Growing a table adds nodes without edges to it.
    ///
    /// Beside the [graph](Graph::bytes), a processor keeps a row of floats a node and layer, and a graphics device three rows a
    /// node.
    ///
    /// # Errors
    /// [`Error::Length`] where it has other numbers of users or items than the tables have rows; [`Error::Memory`].
    fn set_graph(&mut self, graph: Arc<Graph>) -> Pending<'_, ()>;

    /// Rows of a table as they come out of the propagation, beginning with row `first`: what look-ups read, where
    /// [`read_rows`](Executor::read_rows) gives what is learnt.
    ///
    /// # Errors
    /// As there; [`Error::Config`] where the table is not propagated, or there is no graph.
    fn propagated_rows<'a>(&'a mut self, table: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()>;

    /// What some rows of a table send over an edge of weight 1 ([`ops::propagate::sent`](crate::ops::propagate::sent)), `[rows,
    /// width]`: a propagated row is its own share and the sum over its [edges](Propagation::graph) of their weights times this.
    /// A processor copies these rows out of the layers that it keeps; a graphics device, which keeps none, propagates once more.
    ///
    /// # Errors
    /// As [`propagated_rows`](Propagation::propagated_rows); [`Error::Id`] where a row is not there, [`Error::Length`] where
    /// `out` is not as many rows.
    fn sent_rows<'a>(&'a mut self, table: usize, rows: &'a [u32], out: &'a mut [f32]) -> Pending<'a, ()>;

    /// The graph that tables are propagated along, once there is one.
    fn graph(&self) -> Option<&Graph>;
}

/// Fills neighbours of items in, where a plan sees some and callers have users and items alone.
pub trait Neighbours {
    /// Takes the neighbours that are filled in, in place of those that there were. Items that it does not know have none.
    fn set_knowledge(&mut self, knowledge: Arc<Knowledge>);
}

/// Makes rows of users and items of a row of their own and of those of their features, where a plan
/// [has some](crate::plan::Plan::with_features) and callers have users and items alone.
pub trait Compose {
    /// Lets go of the features of a vocabulary's ids until [others come](Compose::features_changed).
    fn lend_features(&mut self, vocabulary: usize);

    /// Takes features of a vocabulary's ids in place of those that there were, where no row has others than before but one, which may
    /// be new. Rows that they do not know have none.
    fn features_changed(&mut self, vocabulary: usize, row: u32, features: Arc<Features>);

    /// Rows of a table as scores see them, beginning with row `first`: sums, where
    /// [`read_rows`](Executor::read_rows) gives the part of their own.
    ///
    /// # Errors
    /// As there.
    fn composed_rows<'a>(&'a mut self, table: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()>;
}

/// [`Compose::composed_rows`]; [`read_rows`](Executor::read_rows) where rows are made of nothing else.
///
/// # Errors
/// As there.
pub(crate) fn composed_rows<'a>(
    executor: &'a mut dyn Executor,
    table: usize,
    first: usize,
    out: &'a mut [f32],
) -> Pending<'a, ()> {
    if executor.compose().is_none() {
        return executor.read_rows(table, first, out);
    }
    match executor.compose() {
        Some(compose) => compose.composed_rows(table, first, out),
        None => Pending::ready(Ok(())),
    }
}

/// [`Propagation::set_graph`].
///
/// # Errors
/// As there; [`Error::Config`] where the plan propagates nothing, or the executor cannot.
pub fn set_graph(executor: &mut dyn Executor, graph: Arc<Graph>) -> Pending<'_, ()> {
    let device = executor.device();
    match executor.propagation() {
        Some(propagation) => propagation.set_graph(graph),
        None => Pending::ready(Err(Error::config(
            "graph",
            format!("the plan has no propagation that {device} could take it for (PlanBuilder::propagate)"),
        ))),
    }
}

/// [`DrawBatches::keep_sampler`]; false where the executor does not draw.
///
/// # Errors
/// As there.
pub fn keep_sampler<'a>(executor: &'a mut dyn Executor, sampler: &'a Sampler, batch_size: usize) -> Pending<'a, bool> {
    match executor.drawing() {
        Some(drawing) => drawing.keep_sampler(sampler, batch_size),
        None => Pending::ready(Ok(false)),
    }
}

/// [`DrawBatches::step_drawn`].
///
/// # Errors
/// As there; [`Error::Config`] where the executor does not draw.
pub fn step_drawn<'a>(
    executor: &'a mut dyn Executor,
    epoch: u32,
    start: u64,
    count: usize,
    optimizer: &Optimizer,
    l2: L2,
) -> Pending<'a, u64> {
    match executor.drawing() {
        Some(drawing) => drawing.step_drawn(epoch, start, count, optimizer, l2),
        None => Pending::ready(Err(Error::config(
            "sampler",
            "this executor keeps none; fill batches and call step",
        ))),
    }
}

/// [`StepTables::step_tables`]; a whole [step](Executor::step) where the executor has none.
///
/// # Errors
/// As there.
pub fn step_tables<'a>(
    executor: &'a mut dyn Executor,
    batch: &'a Batch,
    optimizer: &Optimizer,
    l2: L2,
) -> Pending<'a, ()> {
    if executor.tables_alone().is_none() {
        return executor.step(batch, optimizer, l2, &mut || {});
    }
    match executor.tables_alone() {
        Some(executor) => executor.step_tables(batch, optimizer, l2),
        None => Pending::ready(Ok(())),
    }
}

/// [`Profile::profile`].
///
/// # Errors
/// As there; [`Error::Device`] where the executor takes no times: no processor does.
pub fn profile<'a>(
    executor: &'a mut dyn Executor,
    batch: &Batch,
    optimizer: &Optimizer,
    l2: L2,
) -> Pending<'a, Vec<StageTime>> {
    let device = executor.device();
    match executor.profiling() {
        Some(profiling) => profiling.profile(batch, optimizer, l2),
        None => Pending::ready(Err(Error::Device(format!(
            "{device} does not take the time of stages; only graphics devices do"
        )))),
    }
}

/// [`Profile::profile_drawn`].
///
/// # Errors
/// As there; [`Error::Config`] where the executor neither draws nor takes times.
pub fn profile_drawn<'a>(
    executor: &'a mut dyn Executor,
    epoch: u32,
    start: u64,
    count: usize,
    optimizer: &Optimizer,
    l2: L2,
) -> Pending<'a, Vec<StageTime>> {
    match executor.profiling() {
        Some(profiling) => profiling.profile_drawn(epoch, start, count, optimizer, l2),
        None => Pending::ready(Err(Error::config(
            "sampler",
            "this executor keeps none; fill batches and profile steps on them",
        ))),
    }
}

/// [`Activations::score_with`].
///
/// # Errors
/// As there; [`Error::Device`] where the executor hands no activations out.
pub fn score_with<'a>(
    executor: &'a mut dyn Executor,
    batch: &'a Batch,
    name: &'a str,
    out: &'a mut [f32],
) -> Pending<'a, Vec<f32>> {
    let device = executor.device();
    match executor.activations() {
        Some(activations) => activations.score_with(batch, name, out),
        None => Pending::ready(Err(Error::Device(format!(
            "{device} does not hand out {name}: take the CPU (Device::cpu())"
        )))),
    }
}
