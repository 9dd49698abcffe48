//! The op-major executor: every stage is one dispatch over the whole batch, and a step is one submit.
//!
//! Pipelines, bind groups and buffers are made when a plan is first run on a batch of a size, and used again for all
//! batches that are not larger. A step uploads the batch, submits its dispatches and returns; at most [`IN_FLIGHT`]
//! submits wait on the device. Losses stay there until they are asked for. A batch that is too large for one submit is
//! cut into slices, each of which goes forward and backward; the updates follow the last.

mod memory;
pub(crate) mod program;
mod resident;
mod run;
mod score;

use std::collections::VecDeque;

use crate::{
    Result,
    checks::{check_growth, check_ids, check_rows, check_scored, check_state},
    data::{Batch, Sampler},
    eval::{Best, Query, Rank, check_targets, rank_by_scores, top_by_scores},
    executor::{Executor, LossSum, StageTime, catalogue_items, exposed, interrupted, pair_of},
    gpu::{
        device::gpu::Gpu,
        executor::program::Program,
        memory::{
            budget::{check_host, losses, parameters},
            buffers::{Readback, STORAGE},
            layout::Columns,
            tensors::Tensors,
        },
        ops::{columns, context::auxiliary_losses},
        program::{
            activations::{Buffers, Limits},
            inputs::Inputs,
            profile::Timer,
            spaces::{Extent, PerSpace, SPACES, Slice, samples_alone},
        },
        sampling::positives::Positives,
    },
    plan::{L2, Optimizer, Param, ParamKind, Plan, State, Tensor},
};

/// Submits that may wait on the device: one runs while the next is recorded.
pub(crate) const IN_FLIGHT: usize = 2;

/// What an executor has asked the device to do so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Shader dispatches.
    pub dispatches: u64,
    /// Submits that hold dispatches.
    pub submits: u64,
    /// Bytes that steps have uploaded: their batches, or no more than a header where samples are drawn on the device.
    pub uploaded: u64,
}

/// Runs a plan on a graphics device.
pub struct GpuExecutor {
    pub(crate) gpu: Gpu,
    pub(crate) plan: Plan,
    pub(crate) columns: Columns,
    pub(crate) tensors: Tensors,
    pub(crate) limits: Limits,
    pub(crate) layers: wgpu::Buffer,
    pub(crate) losses: wgpu::Buffer,
    pub(crate) buffers: Option<Buffers>,
    pub(crate) program: Option<Program>,
    pub(crate) inputs: Inputs,
    /// What samples are drawn from, where that is done on the device.
    pub(crate) resident: Option<Positives>,
    pub(crate) readback: Readback,
    pub(crate) in_flight: VecDeque<wgpu::SubmissionIndex>,
    pub(crate) steps: u64,
    pub(crate) loss: LossSum,
    pub(crate) auxiliary: LossSum,
    /// Dispatches of auxiliary losses in each space.
    pub(crate) auxiliary_losses: PerSpace,
    /// Sums of losses on the device that `loss` and `auxiliary` lack.
    pub(crate) pending: [u32; 2],
    /// Whether weights came from the host since they were transposed.
    pub(crate) stale: bool,
    pub(crate) counts: Counts,
    /// Whether a step has begun and not ended.
    interrupted: bool,
}

impl GpuExecutor {
    /// An executor for `plan` on `gpu` that starts from `state`.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where the state does not fit the plan; [`Error::Device`](crate::Error::Device) where the parameters do not fit the
    /// device, or the device is lost.
    pub fn new(gpu: &Gpu, plan: Plan, state: &State) -> Result<Self> {
        let columns = columns(&plan)?;
        check_state(&plan, state)?;
        let moments = has_moments(state);
        // Everything that can be refused is refused before anything is allocated.
        let (memory, dense_total) = parameters(gpu, &plan, &columns, moments)?;
        memory.check(gpu)?;
        check_host(gpu, memory.total(), || format!("training on {} ({memory})", gpu.name()))?;
        let limits = Limits::new(gpu, &plan, &columns, dense_total)?;
        let tensors = Tensors::new(gpu, &plan, &columns, moments)?;
        let layers: &[u8] = bytemuck::cast_slice(&tensors.dense.placement.layers);
        let layers_buffer = gpu.buffer("layers", layers.len() as u64, STORAGE)?;
        gpu.queue().write_buffer(&layers_buffer, 0, layers);
        let auxiliary_losses = auxiliary_losses(&columns, plan.stages().len());
        let mut executor = GpuExecutor {
            losses: gpu.buffer("losses", losses(gpu), STORAGE)?,
            layers: layers_buffer,
            gpu: gpu.clone(),
            plan,
            columns,
            tensors,
            limits,
            buffers: None,
            program: None,
            inputs: Inputs::default(),
            resident: None,
            readback: Readback::default(),
            in_flight: VecDeque::with_capacity(IN_FLIGHT + 1),
            steps: 0,
            loss: LossSum::default(),
            auxiliary: LossSum::default(),
            auxiliary_losses,
            pending: [0; 2],
            stale: true,
            counts: Counts::default(),
            interrupted: false,
        };
        executor.set_state(state)?;
        Ok(executor)
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Refuses to go on from what a panic has left in the middle of a step.
    pub(crate) fn ready(&self) -> Result<()> {
        match self.interrupted {
            false => self.gpu.check(),
            true => Err(interrupted()),
        }
    }

    /// What was asked of the device so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

/// The first samples of a batch without sequences.
fn samples(count: usize) -> Slice {
    Extent::samples(count as u32).slice(0, count as u32)
}

fn has_moments(state: &State) -> bool {
    let any = |tensor: &Tensor| !tensor.m.is_empty() || !tensor.v.is_empty();
    state.tensors.iter().any(any)
}

impl Executor for GpuExecutor {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn device(&self) -> String {
        let precision = if self.gpu.options().mixed {
            ", mixed precision"
        } else {
            ""
        };
        format!("gpu {}{precision}", self.gpu.name())
    }

    fn step(
        &mut self,
        batch: &Batch,
        optimizer: &Optimizer,
        l2: L2,
        prefetch: &mut (dyn FnMut() + Send),
    ) -> Result<()> {
        self.ready()?;
        self.interrupted = true;
        let trained = self.train(batch, optimizer, l2, None);
        if trained.is_ok() {
            prefetch();
        }
        self.interrupted = false;
        trained
    }

    fn keep_sampler(&mut self, sampler: &Sampler, batch_size: usize) -> Result<bool> {
        self.ready()?;
        self.keep(sampler, batch_size)
    }

    fn step_drawn(&mut self, epoch: u32, start: u64, count: usize, optimizer: &Optimizer, l2: L2) -> Result<u64> {
        self.ready()?;
        self.train_drawn((epoch, start), count, optimizer, l2, None)
    }

    fn profile(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2) -> Result<Vec<StageTime>> {
        self.ready()?;
        let mut timer = Timer::new(&self.gpu)?;
        self.train(batch, optimizer, l2, Some(&mut timer))?;
        timer.times(&self.gpu, &mut self.readback)
    }

    fn profile_drawn(
        &mut self,
        epoch: u32,
        start: u64,
        count: usize,
        optimizer: &Optimizer,
        l2: L2,
    ) -> Result<Vec<StageTime>> {
        self.ready()?;
        let mut timer = Timer::new(&self.gpu)?;
        self.train_drawn((epoch, start), count, optimizer, l2, Some(&mut timer))?;
        timer.times(&self.gpu, &mut self.readback)
    }

    fn take_loss(&mut self) -> Result<LossSum> {
        self.ready()?;
        self.fetch_losses()?;
        Ok(std::mem::take(&mut self.loss))
    }

    fn take_auxiliary(&mut self) -> Result<LossSum> {
        self.ready()?;
        self.fetch_losses()?;
        Ok(std::mem::take(&mut self.auxiliary))
    }

    fn score(&mut self, columns: &[&[u32]], out: &mut [f32]) -> Result<()> {
        self.ready()?;
        check_ids(&self.plan, columns, out.len())?;
        if out.is_empty() {
            return Ok(());
        }
        let slice = self.score_rows(out.len());
        self.prepare(samples_alone(slice as u32), [0; SPACES])?;
        for (index, out) in out.chunks_mut(slice).enumerate() {
            let first = index * slice;
            let range = first..first + out.len();
            self.inputs.set_ids(columns.iter().map(|ids| &ids[range.clone()]));
            self.score_slice(samples(out.len()), out)?;
        }
        Ok(())
    }

    fn score_batch(&mut self, batch: &Batch, out: &mut [f32]) -> Result<()> {
        self.ready()?;
        check_scored(&self.plan, batch, out.len())?;
        self.score_samples(batch, out, &mut |_, _| Ok(()))
    }

    fn score_with(&mut self, batch: &Batch, name: &str, out: &mut [f32]) -> Result<Vec<f32>> {
        self.ready()?;
        let view = exposed(&self.plan, name)?;
        check_scored(&self.plan, batch, out.len())?;
        let mut values = Vec::new();
        self.score_samples(batch, out, &mut |executor, slice| {
            executor.read_activation(view, slice, &mut values)
        })?;
        Ok(values)
    }

    fn score_catalogue(&mut self, users: &[u32], out: &mut [f32]) -> Result<()> {
        self.ready()?;
        let items = catalogue_items(&self.plan, users, out)?;
        let slice = self.score_rows(out.len());
        let pair = pair_of(&self.plan)?;
        let (mut user, mut item) = (Vec::with_capacity(slice), Vec::with_capacity(slice));
        self.prepare(samples_alone(slice as u32), [0; SPACES])?;
        for (index, out) in out.chunks_mut(slice.max(1)).enumerate() {
            let pairs = index * slice..index * slice + out.len();
            user.clear();
            user.extend(pairs.clone().map(|pair| users[pair / items]));
            item.clear();
            item.extend(pairs.map(|pair| (pair % items) as u32));
            self.inputs.set_ids(pair.columns(&user[..], &item[..]).into_iter());
            self.score_slice(samples(out.len()), out)?;
        }
        Ok(())
    }

    fn top_catalogue(&mut self, queries: &[Query<'_>], k: usize) -> Result<Vec<Best>> {
        self.ready()?;
        match self.find_best(queries, k)? {
            Some(best) => Ok(best),
            None => top_by_scores(self, queries, k),
        }
    }

    fn rank_catalogue(&mut self, queries: &[Query<'_>], targets: &[u32], items: usize) -> Result<Vec<Rank>> {
        self.ready()?;
        let items = check_targets(self, queries, targets, items)?;
        match self.find_ranks(queries, targets, items)? {
            Some(ranks) => Ok(ranks),
            None => rank_by_scores(self, queries, targets, items),
        }
    }

    fn state(&mut self) -> Result<State> {
        self.ready()?;
        self.tensors.read_state(&self.plan, self.steps)
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        check_state(&self.plan, state)?;
        if std::mem::take(&mut self.interrupted) {
            // All that a step works with is made anew when it is next needed.
            (self.buffers, self.program) = (None, None);
            self.inputs = Inputs::default();
            self.in_flight.clear();
            self.pending = [0; 2];
            (self.loss, self.auxiliary) = (LossSum::default(), LossSum::default());
        }
        if has_moments(state) {
            self.need_moments()?;
        }
        if self.tensors.write_state(&self.plan, state)? {
            self.program = None;
        }
        self.stale = true;
        self.steps = state.step;
        Ok(())
    }

    fn read_rows(&mut self, param: usize, first: usize, out: &mut [f32]) -> Result<()> {
        self.ready()?;
        check_rows(&self.plan, param, first, out.len())?;
        self.tensors.read_rows(param, first, out)
    }

    fn write_rows(&mut self, param: usize, first: usize, values: &[f32]) -> Result<()> {
        self.ready()?;
        check_rows(&self.plan, param, first, values.len())?;
        self.tensors.write_rows(&self.plan, param, first, values)?;
        // Tables, vectors and statistics have no transpose.
        let Param { kind, is_vector, .. } = &self.plan.params()[param];
        self.stale |= *kind == ParamKind::Dense && !is_vector;
        Ok(())
    }

    fn grow(&mut self, vocabulary: usize, rows: usize) -> Result<()> {
        self.ready()?;
        check_growth(&self.plan, vocabulary, rows)?;
        let grown = self.plan.clone().with_rows(vocabulary, rows);
        let moments = self.tensors.dense.slots.moments.is_some();
        parameters(&self.gpu, &grown, &self.columns, moments)?
            .0
            .check(&self.gpu)?;
        if self.tensors.grow(&self.plan, vocabulary, rows)? {
            self.program = None;
        }
        self.plan = grown;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Error,
        gpu::{GpuOptions, Select},
        models::NeuMf,
    };

    fn batch(users: &[u32], items: &[u32]) -> Batch {
        let mut batch = Batch::new(2, users.len());
        batch.ids_mut(0).extend_from_slice(users);
        batch.ids_mut(1).extend_from_slice(items);
        batch.labels_mut().extend((0..users.len()).map(|i| (i % 2) as f32));
        batch.sort();
        batch
    }

    /// NeuMF has two tables of items. Whichever buffer of theirs cannot be made, the executor is as it was, trains on as
    /// one that was never asked to grow, and grows once there is memory again.
    #[test]
    fn where_a_table_cannot_grow_nothing_is_lost() {
        let Ok(gpu) = Gpu::open(&Select::Any, GpuOptions::default()) else {
            return;
        };
        let plan = NeuMf::new(9, 8).factors(3).layers([6, 5]).plan().unwrap();
        let state = State::initial(&plan, 3, false).unwrap();
        let batch = batch(&[0, 8, 3, 3], &[7, 0, 7, 2]);
        let step = |executor: &mut GpuExecutor| {
            executor
                .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
                .unwrap();
        };
        let new = || GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        let (mut kept, mut tried) = (new(), new());
        [&mut kept, &mut tried].into_iter().for_each(step);
        for buffers in 0..6 {
            gpu.fail_after(buffers);
            let refused = tried.grow(1, 500);
            gpu.fail_after(u64::MAX);
            assert!(
                matches!(refused, Err(Error::Device(_))),
                "{buffers} buffers: {refused:?}"
            );
            assert_eq!(tried.plan(), &plan);
            assert_eq!(tried.state().unwrap(), kept.state().unwrap(), "{buffers} buffers");
            [&mut kept, &mut tried].into_iter().for_each(step);
            assert_eq!(
                tried.state().unwrap(),
                kept.state().unwrap(),
                "{buffers} buffers, and a step"
            );
        }
        for executor in [&mut kept, &mut tried] {
            executor.grow(1, 500).unwrap();
            step(executor);
        }
        assert_eq!(tried.state().unwrap(), kept.state().unwrap());
    }
}
