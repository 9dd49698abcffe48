//! The tile-major executor: each thread takes tiles of rows through the whole network, then rows of tables.
//!
//! A step has two phases, with all threads meeting after each:
//!
//! 1. *Tiles.* A partial is a fixed run of tiles; a thread takes a partial, runs its tiles forward and backward,
//!    and leaves its weight gradients and its loss in the partial, and the gradients of gathered rows in the
//!    batch-wide gradient. The next batch is filled as one more task.
//! 2. *Updates.* A thread takes a dense parameter (adds up the partials in order, updates, packs for the next
//!    step) or a run of a table's rows (adds up each row's samples in order, updates).
//!
//! Where a stage has statistics of the whole batch, the first phase is cut into passes: a pass takes every tile through
//! the stages up to there, its activations kept, and what it leaves is added up in the tiles' order.
//!
//! How many partials there are depends on plan and batch alone, so the bits do not depend on the threads.

use alloc::{format, string::String, vec, vec::Vec};

#[cfg(not(feature = "parallel"))]
use super::serial::Pool;
#[cfg(feature = "parallel")]
use super::threads::Pool;
use super::{
    Isa,
    adam::Update,
    aligned::AlignedVec,
    batch_norm::BatchStatistics,
    catalogue::{Catalogue, Separable},
    linear::READ_AHEAD,
    prepare::{
        Packed, Pass, Sums, TableSource, batch_statistics, dense_offsets, packed_weights, passes, table_sources,
        tile_rows, work_len,
    },
    simd::{Proof, Simd, dispatch},
    source::{Part, Source},
    tile::{Network, SPACES, Scratch, TrainTile, Values},
    update::{TaskMemory, UpdateContext, UpdateTask, push_table, slots},
};
use crate::{
    Error, Result,
    checks::{check_batch, check_growth, check_ids, check_rows, check_scored, check_state},
    data::Batch,
    executor::{Executor, LossSum, catalogue_items, exposed, score_pairs},
    plan::{Flow, L2, Layout, MAX_SEQUENCES, Optimizer, ParamKind, Plan, Space, Stage, State, Tensor},
};

/// Partials of a step at most; more threads than that share no further work in the first phase.
const MAX_PARTIALS: usize = 16;
/// Users that are scored with the catalogue together: a register tile's rows.
const SCORE_USERS: usize = 8;
/// Tasks that scoring is cut into at most.
const MAX_SCORE_TASKS: usize = 64;

/// Runs a plan on the processor.
pub struct CpuExecutor {
    plan: Plan,
    layout: Layout,
    /// Steps taken, by any optimiser.
    step: u64,
    tensors: Vec<Values>,
    packed: Vec<Packed>,
    dense_offsets: Vec<usize>,
    dense_len: usize,
    proof: Proof,
    isa: Isa,
    pool: Pool,
    tile_rows: usize,
    scratch: Vec<Scratch>,
    passes: Vec<Pass>,
    /// One a tile, where there are several passes.
    tiles: Vec<Scratch>,
    /// Of the present batch, one for each stage that has some.
    statistics: Vec<BatchStatistics>,
    partials: Vec<AlignedVec>,
    /// The batch-wide gradient of each space.
    row_gradients: Vec<AlignedVec>,
    /// For each table, where its gradient comes from.
    table_sources: Vec<Vec<TableSource>>,
    update_tasks: TaskMemory,
    separable: Option<Separable>,
    /// Items' parts of all logits, until the parameters change.
    catalogue: Option<Catalogue>,
    loss: LossSum,
    auxiliary: LossSum,
}

/// What tiles read; a macro, because a method would borrow the pool as well.
macro_rules! network {
    ($executor:ident) => {
        Network {
            plan: &$executor.plan,
            layout: &$executor.layout,
            tensors: &$executor.tensors,
            packed: &$executor.packed,
            dense_offsets: &$executor.dense_offsets,
            statistics: &[],
        }
    };
}

impl CpuExecutor {
    /// An executor for `plan` on `threads` threads that starts from `state`.
    ///
    /// # Errors
    /// [`Error::Device`] where the processor lacks the instruction set, or threads cannot be had;
    /// [`Error::Length`] where the state does not fit the plan.
    pub fn new(plan: Plan, state: State, isa: Isa, threads: usize) -> Result<Self> {
        let proof = Proof::new(isa)?;
        if threads == 0 || (threads > 1 && cfg!(not(feature = "parallel"))) {
            let reason = "threads: at least 1; more than 1 need the feature `parallel`";
            return Err(Error::Device(reason.into()));
        }
        check_state(&plan, &state)?;
        let pool = Pool::new(threads).map_err(|e| Error::Device(format!("cannot start {threads} threads: {e}")))?;
        let layout = Layout::new(&plan);
        let tile_rows = tile_rows(&plan);
        let (dense_offsets, dense_len) = dense_offsets(&plan);
        let packed = packed_weights(&plan, proof);
        let work = work_len(&packed, proof, tile_rows);
        let mut executor = CpuExecutor {
            packed,
            scratch: vec![Scratch::new(&plan, &layout, tile_rows, work); pool.threads()],
            passes: passes(&plan),
            tiles: Vec::new(),
            statistics: batch_statistics(&plan),
            partials: vec![AlignedVec::default(); MAX_PARTIALS],
            row_gradients: vec![AlignedVec::default(); layout.row_gradient_strides.len()],
            table_sources: table_sources(&plan, &layout),
            update_tasks: TaskMemory::default(),
            separable: Separable::of(&plan),
            catalogue: None,
            loss: LossSum::default(),
            auxiliary: LossSum::default(),
            plan,
            layout,
            step: state.step,
            tensors: state.tensors.iter().map(Values::from).collect(),
            dense_offsets,
            dense_len,
            proof,
            isa,
            pool,
            tile_rows,
        };
        executor.pack();
        Ok(executor)
    }

    fn pack(&mut self) {
        for (packed, tensor) in self.packed.iter_mut().zip(&self.tensors) {
            dispatch!(self.proof, s => packed.pack(s, &tensor.value));
        }
    }

    /// Tiles of each partial: the weights' gradient is written once a partial, so wide layers want few.
    fn partials_of(&self, rows: usize) -> (usize, usize) {
        let tiles = rows.div_ceil(self.tile_rows);
        let per_partial = tiles.div_ceil(MAX_PARTIALS).max(1);
        (tiles.div_ceil(per_partial), per_partial * self.tile_rows)
    }

    fn run_tiles(&mut self, batch: &Batch, meanwhile: &mut (dyn FnMut() + Send)) {
        let strides = &self.layout.row_gradient_strides;
        for ((space, gradient), stride) in spaces().zip(&mut self.row_gradients).zip(strides) {
            let needed = training_part(batch, 0..batch.len()).rows(space).len() * stride + READ_AHEAD;
            if gradient.len() < needed {
                gradient.resize(needed);
            }
        }
        let several = self.passes.len() > 1;
        let tiles = if several {
            batch.len().div_ceil(self.tile_rows)
        } else {
            0
        };
        while self.tiles.len() < tiles {
            self.tiles.push(self.scratch[0].clone());
        }
        let mut losses = [[0.0; 2]; MAX_PARTIALS];
        self.run_pass(batch, 0, meanwhile, &mut losses);
        for pass in 1..self.passes.len() {
            self.run_pass(batch, pass, &mut || (), &mut losses);
        }
        let total = |kind: usize| losses.iter().map(|losses| losses[kind]).sum::<f64>();
        let samples = batch.len();
        self.loss.sum += total(0);
        self.loss.samples += samples as u64;
        self.auxiliary.sum += total(1) * samples as f64;
        self.auxiliary.samples += samples as u64;
    }

    /// Takes all tiles through a pass, and adds up what it leaves.
    fn run_pass(
        &mut self,
        batch: &Batch,
        pass: usize,
        meanwhile: &mut (dyn FnMut() + Send),
        losses: &mut [[f64; 2]; MAX_PARTIALS],
    ) {
        let rows = batch.len();
        let (partials, rows_each) = self.partials_of(rows);
        let strides = &self.layout.row_gradient_strides;
        let network = Network {
            statistics: &self.statistics,
            ..network!(self)
        };
        let mut tiles = self.tiles.chunks_mut(rows_each / self.tile_rows);
        let pass = &self.passes[pass];
        let mut tasks: [Option<TileTask<'_>>; MAX_PARTIALS + 1] = [const { None }; MAX_PARTIALS + 1];
        tasks[0] = Some(TileTask::Meanwhile(meanwhile));
        let mut row_gradients: [&mut [f32]; SPACES] = [(); SPACES].map(|()| &mut [][..]);
        for (all, gradient) in row_gradients.iter_mut().zip(&mut self.row_gradients) {
            *all = gradient;
        }
        let pair_scales = pair_scales(batch);
        for (index, (partial, loss)) in self.partials[..partials].iter_mut().zip(losses).enumerate() {
            let part = training_part(batch, index * rows_each..((index + 1) * rows_each).min(rows));
            let own = split_rows(&mut row_gradients, &part, strides);
            partial.resize(self.dense_len);
            tasks[index + 1] = Some(TileTask::Train {
                part,
                row_gradients: own,
                gradient: partial,
                loss,
                tiles: tiles.next().unwrap_or_default(),
            });
        }
        let (tile_rows, proof) = (self.tile_rows, self.proof);
        self.pool
            .for_each(&mut self.scratch, &mut tasks[..=partials], |scratch, task| match task {
                None => {}
                Some(TileTask::Meanwhile(f)) => f(),
                Some(TileTask::Train {
                    part,
                    row_gradients,
                    gradient,
                    loss,
                    tiles,
                }) => dispatch!(proof, s => {
                    let scratch = if tiles.is_empty() { core::slice::from_mut(scratch) } else { tiles };
                    let found = train_partial(
                        s, network, batch, pair_scales, part, (pass, tile_rows), scratch, row_gradients, gradient,
                    );
                    for (loss, found) in loss.iter_mut().zip(found) {
                        *loss += found;
                    }
                }),
            });
        self.add_up(batch, pass.then);
    }

    /// Merges the sums that the tiles have of a pass.
    fn add_up(&mut self, batch: &Batch, then: Sums) {
        let (Sums::Moments { stage, statistics } | Sums::Gradients { stage, statistics }) = then else {
            return;
        };
        let Stage::BatchNorm {
            mean,
            variance,
            input,
            momentum,
            ..
        } = self.plan.stages()[stage]
        else {
            return;
        };
        let (rows, space) = (batch.len(), self.plan.space(input.buffer));
        let firsts = (0..rows).step_by(self.tile_rows);
        let tiles = firsts.zip(&self.tiles).map(|(first, tile)| {
            let part = training_part(batch, first..(first + self.tile_rows).min(rows));
            (part.rows(space).len(), tile.sums())
        });
        let statistics = &mut self.statistics[statistics];
        if let Sums::Gradients { .. } = then {
            return statistics.set_gradients(tiles.map(|(_, sums)| sums));
        }
        statistics.set_moments(tiles);
        let [mut means, mut variances] = [mean, variance].map(|param| core::mem::take(&mut self.tensors[param].value));
        statistics.lead(momentum, &mut means, &mut variances);
        self.tensors[mean].value = means;
        self.tensors[variance].value = variances;
    }

    fn run_updates(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2) {
        let every_row = matches!(optimizer, Optimizer::Adam(_));
        let (partials, _) = self.partials_of(batch.len());
        let mut gradients: [&[f32]; MAX_PARTIALS] = [&[]; MAX_PARTIALS];
        for (slice, partial) in gradients.iter_mut().zip(&self.partials) {
            *slice = partial;
        }
        let context = UpdateContext {
            batch,
            partials: &gradients[..partials],
            row_gradients: &self.row_gradients,
            row_gradient_strides: &self.layout.row_gradient_strides,
            update: Update::new(optimizer, self.step),
            l2,
            every_row,
        };
        let pieces = match self.pool.threads() {
            1 => 1,
            threads => 2 * threads,
        };
        let mut tasks = self.update_tasks.take();
        let params = self.plan.params().iter().zip(&mut self.tensors);
        for (index, ((param, tensor), packed)) in params.zip(&mut self.packed).enumerate() {
            match param.kind {
                ParamKind::Statistic => {} // moved with the tiles
                ParamKind::Dense => tasks.push(UpdateTask::Dense {
                    slots: slots(tensor),
                    packed,
                    offset: self.dense_offsets[index],
                }),
                ParamKind::Table { .. } => {
                    let (shape, sources) = ([param.rows, param.width], &self.table_sources[index]);
                    push_table(&mut tasks, slots(tensor), shape, sources, context, pieces);
                }
            }
        }
        let proof = self.proof;
        self.pool.for_each(&mut self.scratch, &mut tasks, |_, task| {
            dispatch!(proof, s => task.run(s, context));
        });
        self.update_tasks.put(tasks);
    }

    /// Scores samples that have been checked.
    fn score_source(&mut self, source: Source<'_>, out: &mut [f32]) {
        let tiles = out.len().div_ceil(self.tile_rows).max(1);
        let rows_each = tiles.div_ceil(MAX_SCORE_TASKS) * self.tile_rows;
        let mut tasks: [Option<(usize, &mut [f32])>; MAX_SCORE_TASKS] = [const { None }; MAX_SCORE_TASKS];
        for ((index, out), task) in out.chunks_mut(rows_each).enumerate().zip(&mut tasks) {
            *task = Some((index * rows_each, out));
        }
        let network = network!(self);
        let (tile_rows, proof) = (self.tile_rows, self.proof);
        self.pool.for_each(&mut self.scratch, &mut tasks, |scratch, task| {
            if let Some((first, out)) = task {
                dispatch!(proof, s => score_rows(s, network, source, *first, tile_rows, scratch, out));
            }
        });
    }
}

impl Executor for CpuExecutor {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn device(&self) -> String {
        let threads = self.pool.threads();
        format!(
            "cpu {}, {threads} thread{}",
            self.isa,
            if threads == 1 { "" } else { "s" }
        )
    }

    fn step(
        &mut self,
        batch: &Batch,
        optimizer: &Optimizer,
        l2: L2,
        meanwhile: &mut (dyn FnMut() + Send),
    ) -> Result<()> {
        check_batch(&self.plan, batch)?;
        optimizer.validate()?;
        if batch.is_empty() {
            meanwhile();
            return Ok(());
        }
        if optimizer.has_moments() {
            for tensor in &mut self.tensors {
                tensor.m.resize(tensor.value.len());
                tensor.v.resize(tensor.value.len());
            }
        }
        self.catalogue = None;
        self.run_tiles(batch, meanwhile);
        self.step = self.step.saturating_add(1);
        self.run_updates(batch, optimizer, l2);
        Ok(())
    }

    fn take_loss(&mut self) -> Result<LossSum> {
        Ok(core::mem::take(&mut self.loss))
    }

    fn take_auxiliary(&mut self) -> Result<LossSum> {
        Ok(core::mem::take(&mut self.auxiliary))
    }

    fn score(&mut self, columns: &[&[u32]], out: &mut [f32]) -> Result<()> {
        check_ids(&self.plan, columns, out.len())?;
        self.score_source(Source::Ids(columns), out);
        Ok(())
    }

    fn score_batch(&mut self, batch: &Batch, out: &mut [f32]) -> Result<()> {
        check_scored(&self.plan, batch, out.len())?;
        self.score_source(Source::Batch(batch), out);
        Ok(())
    }

    fn score_with(&mut self, batch: &Batch, name: &str, out: &mut [f32]) -> Result<Vec<f32>> {
        check_scored(&self.plan, batch, out.len())?;
        let view = exposed(&self.plan, name)?;
        let (network, scratch, mut values) = (network!(self), &mut self.scratch[0], Vec::new());
        for (tile, out) in out.chunks_mut(self.tile_rows).enumerate() {
            let first = tile * self.tile_rows;
            let tile = Part {
                noise: None,
                ..training_part(batch, first..first + out.len())
            };
            dispatch!(self.proof, s => score_rows(s, network, tile.source, first, self.tile_rows, scratch, out));
            let rows = scratch.activation(&self.layout, view);
            for row in 0..tile.rows(self.plan.space(view.buffer)).len() {
                values.extend_from_slice(rows.row(row));
            }
        }
        Ok(values)
    }

    fn score_catalogue(&mut self, users: &[u32], out: &mut [f32]) -> Result<()> {
        let items = catalogue_items(&self.plan, users, out)?;
        let Some(separable) = &self.separable else {
            return score_pairs(self, users, out);
        };
        let network = network!(self);
        let proof = self.proof;
        let catalogue = self
            .catalogue
            .get_or_insert_with(|| dispatch!(proof, s => Catalogue::new(s, separable.clone(), network)));
        // Several users share each load of the items' rows; a few users share out the items instead.
        let (users_each, items_each) = match users.len() {
            len if len >= SCORE_USERS * self.pool.threads() => (SCORE_USERS, items),
            _ => (
                1,
                items
                    .div_ceil(4 * self.pool.threads())
                    .next_multiple_of(Catalogue::ALIGN),
            ),
        };
        let mut tasks = Vec::new();
        for (users, out) in users.chunks(users_each).zip(out.chunks_mut(users_each * items)) {
            for (index, out) in out.chunks_mut(users_each * items_each).enumerate() {
                let first = index * items_each;
                tasks.push((users, first..(first + items_each).min(items), out));
            }
        }
        self.pool
            .for_each(&mut self.scratch, &mut tasks, |_, (users, range, out)| {
                dispatch!(proof, s => catalogue.score(s, network, users, range.clone(), out));
            });
        Ok(())
    }

    fn state(&mut self) -> Result<State> {
        Ok(State {
            step: self.step,
            tensors: self.tensors.iter().map(Tensor::from).collect(),
        })
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        check_state(&self.plan, state)?;
        self.catalogue = None;
        self.step = state.step;
        self.tensors = state.tensors.iter().map(Values::from).collect();
        self.pack();
        Ok(())
    }

    fn read_rows(&mut self, param: usize, first: usize, out: &mut [f32]) -> Result<()> {
        check_rows(&self.plan, param, first, out.len())?;
        let start = first * self.plan.params()[param].width;
        out.copy_from_slice(&self.tensors[param].value[start..][..out.len()]);
        Ok(())
    }

    fn write_rows(&mut self, param: usize, first: usize, values: &[f32]) -> Result<()> {
        check_rows(&self.plan, param, first, values.len())?;
        let start = first * self.plan.params()[param].width;
        let range = start..start + values.len();
        self.catalogue = None;
        let tensor = &mut self.tensors[param];
        tensor.value[range.clone()].copy_from_slice(values);
        for moments in [&mut tensor.m, &mut tensor.v] {
            if let Some(moments) = moments.get_mut(range.clone()) {
                moments.fill(0.0);
            }
        }
        self.pack();
        Ok(())
    }

    fn grow(&mut self, vocabulary: usize, rows: usize) -> Result<()> {
        check_growth(&self.plan, vocabulary, rows)?;
        for (param, tensor) in self.plan.params().iter().zip(&mut self.tensors) {
            if param.kind != (ParamKind::Table { vocabulary }) {
                continue;
            }
            for values in [&mut tensor.value, &mut tensor.m, &mut tensor.v] {
                if !values.is_empty() {
                    values.resize(rows * param.width);
                }
            }
        }
        self.catalogue = None;
        self.plan = self.plan.clone().with_rows(vocabulary, rows);
        Ok(())
    }
}

/// A piece of the first phase.
enum TileTask<'a> {
    Meanwhile(&'a mut (dyn FnMut() + Send)),
    Train {
        part: Part<'a>,
        row_gradients: [&'a mut [f32]; SPACES],
        gradient: &'a mut [f32],
        /// The main one and the auxiliary one.
        loss: &'a mut [f64; 2],
        /// One a tile, or none where a thread's own does.
        tiles: &'a mut [Scratch],
    },
}

/// Samples of a batch to train on.
fn training_part(batch: &Batch, samples: core::ops::Range<usize>) -> Part<'_> {
    Part {
        source: Source::Batch(batch),
        samples,
        noise: Some(batch.noise()),
    }
}

/// The spaces there can be, by index.
fn spaces() -> impl Iterator<Item = Space> {
    core::iter::once(Space::Samples).chain((0..).map(Space::Steps))
}

/// Takes the rows of a part off the front of each space's gradient.
fn split_rows<'a>(
    gradients: &mut [&'a mut [f32]; SPACES],
    part: &Part<'_>,
    strides: &[usize],
) -> [&'a mut [f32]; SPACES] {
    let mut own: [&mut [f32]; SPACES] = [(); SPACES].map(|()| &mut [][..]);
    for (((space, own), rest), stride) in spaces().zip(&mut own).zip(gradients).zip(strides) {
        let (front, back) = core::mem::take(rest).split_at_mut(part.rows(space).len() * stride);
        (*own, *rest) = (front, back);
    }
    own
}

/// 1 / pairs of neighbouring steps of each sequence, which the auxiliary loss is a mean over.
fn pair_scales(batch: &Batch) -> [f32; MAX_SEQUENCES] {
    let mut scales = [1.0; MAX_SEQUENCES];
    for (sequence, scale) in (0..batch.sequences()).zip(&mut scales) {
        let lengths = batch.offsets(sequence).windows(2).map(|pair| pair[1] - pair[0]);
        let pairs: usize = lengths.map(|steps| steps.saturating_sub(1) as usize).sum();
        *scale = 1.0 / pairs.max(1) as f32;
    }
    scales
}

/// Runs a pass over the tiles of one partial; returns the sum of their losses, and of their auxiliary losses. `scratch` is one for all tiles, or one
/// for each.
#[allow(clippy::too_many_arguments)] // what a tile reads, and what it writes
fn train_partial<S: Simd>(
    s: S,
    network: Network<'_>,
    batch: &Batch,
    pair_scales: [f32; MAX_SEQUENCES],
    part: &Part<'_>,
    (pass, tile_rows): (&Pass, usize),
    scratch: &mut [Scratch],
    row_gradients: &mut [&mut [f32]; SPACES],
    gradient: &mut [f32],
) -> [f64; 2] {
    let ([mut loss, mut auxiliary], mut flow) = ([0.0; 2], Flow::Write);
    let mut rest = row_gradients.each_mut().map(|gradient| &mut **gradient);
    for (index, first) in part.samples.clone().step_by(tile_rows).enumerate() {
        let scratch = &mut scratch[if scratch.len() > 1 { index } else { 0 }];
        let tile = Part {
            samples: first..(first + tile_rows).min(part.samples.end),
            ..part.clone()
        };
        scratch.forward(s, network, &tile, pass.forward.clone());
        let mut train = TrainTile {
            labels: &batch.labels()[tile.samples.clone()],
            scale: 1.0 / batch.len() as f32,
            row_gradients: split_rows(&mut rest, &tile, &network.layout.row_gradient_strides),
            gradient,
            loss: &mut loss,
            auxiliary: &mut auxiliary,
            pair_scales,
            flow,
        };
        scratch.backward(s, network, &tile, &mut train, pass.backward.clone());
        scratch.add_up(s, network, &tile, pass.then);
        flow = Flow::Add;
    }
    [loss, auxiliary]
}

/// Scores the samples from `first` on.
fn score_rows<S: Simd>(
    s: S,
    network: Network<'_>,
    source: Source<'_>,
    first: usize,
    tile_rows: usize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    for (tile, out) in out.chunks_mut(tile_rows).enumerate() {
        let start = first + tile * tile_rows;
        let samples = start..start + out.len();
        let tile = Part {
            source,
            samples,
            noise: None,
        };
        scratch.forward(s, network, &tile, 0..network.plan.stages().len());
        let logits = scratch.logits(network);
        for (r, out) in out.iter_mut().enumerate() {
            *out = logits.row(r)[0];
        }
    }
}
