//! The op-major executor: every stage is one dispatch over the whole batch, and a step is one submit.
//!
//! Pipelines, bind groups and buffers are made when a plan is first run on a batch of a size, and used again for all
//! batches that are not larger. A step uploads the batch, submits its dispatches and returns; at most [`IN_FLIGHT`]
//! submits wait on the device. Losses stay there until they are asked for. A batch that is too large for one submit is
//! cut into slices, each of which goes forward and backward; the updates follow the last.

mod losses;
mod memory;
mod parts;
pub(crate) mod program;
mod resident;
mod run;
mod score;

use std::collections::VecDeque;

use crate::{
    Result,
    checks::{check_growth, check_ids, check_rows, check_scored, check_state},
    data::Batch,
    executor::{
        Activations, DrawBatches, Executor, LossSum, Pending, Profile, ScoreCatalogue, SearchCatalogue,
        catalogue_items, interrupted, pair_of,
    },
    gpu::{
        device::{gpu::Gpu, signal::Submitted},
        executor::{losses::SetAside, program::Program},
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
    pub(crate) in_flight: VecDeque<Submitted>,
    pub(crate) steps: u64,
    pub(crate) loss: LossSum,
    pub(crate) auxiliary: LossSum,
    /// Dispatches of auxiliary losses in each space.
    pub(crate) auxiliary_losses: PerSpace,
    /// Sums of losses on the device that `loss` and `auxiliary` lack.
    pub(crate) pending: [u32; 2],
    /// More of them, on their way back.
    pub(crate) set_aside: VecDeque<SetAside>,
    /// Whether weights came from the host since they were transposed.
    pub(crate) stale: bool,
    pub(crate) counts: Counts,
    /// Whether a step, or a change of the parameters, has begun and not ended.
    interrupted: bool,
}

impl GpuExecutor {
    /// An executor for `plan` on `gpu` that starts from `state`. Blocks until the state is on the device.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where the state does not fit the plan; [`Error::Device`](crate::Error::Device) where the parameters do not fit the
    /// device, or the device is lost.
    pub fn new(gpu: &Gpu, plan: Plan, state: &State) -> Result<Self> {
        Pending::start(Self::new_async(gpu, plan, state)).wait()
    }

    /// [`new`](GpuExecutor::new), to be awaited where a thread may not block.
    ///
    /// # Errors
    /// As there.
    pub async fn new_async(gpu: &Gpu, plan: Plan, state: &State) -> Result<Self> {
        let columns = columns(&plan)?;
        check_state(&plan, state)?;
        let moments = has_moments(state);
        // Everything that can be refused is refused before anything is allocated.
        let (memory, dense_total) = parameters(gpu, &plan, &columns, moments)?;
        memory.check(gpu)?;
        check_host(gpu, memory.total(), || format!("training on {} ({memory})", gpu.name()))?;
        let limits = Limits::new(gpu, &plan, &columns, dense_total)?;
        let tensors = Tensors::new(gpu, &plan, &columns, moments).await?;
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
            set_aside: VecDeque::new(),
            stale: true,
            counts: Counts::default(),
            interrupted: false,
        };
        executor.set_state_async(state).await?;
        Ok(executor)
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Refuses to go on from what a panic has left in the middle of a step, or a result that was dropped in the middle of a
    /// change.
    pub(crate) fn ready(&self) -> Result<()> {
        self.gpu.check()?;
        match self.interrupted {
            false => Ok(()),
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

/// What the calls of an executor do that may have to wait for the device.
impl GpuExecutor {
    /// What a step gives that was enqueued: `done`, once there is room for another.
    fn enqueued<T: Send + 'static>(&mut self, done: Result<T>) -> Pending<'_, T> {
        match done {
            Ok(done) if !self.has_room() => Pending::start(async move { self.room().await.map(|()| done) }),
            done => Pending::ready(done),
        }
    }

    async fn score_ids(&mut self, columns: &[&[u32]], out: &mut [f32]) -> Result<()> {
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
            self.score_slice(samples(out.len()), out).await?;
        }
        Ok(())
    }

    async fn score_pairs(&mut self, users: &[u32], out: &mut [f32]) -> Result<()> {
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
            self.score_slice(samples(out.len()), out).await?;
        }
        Ok(())
    }

    async fn set_state_async(&mut self, state: &State) -> Result<()> {
        check_state(&self.plan, state)?;
        if self.interrupted {
            // All that a step works with is made anew when it is next needed.
            (self.buffers, self.program) = (None, None);
            self.inputs = Inputs::default();
            self.in_flight.clear();
            self.set_aside.clear();
            self.pending = [0; 2];
            (self.loss, self.auxiliary) = (LossSum::default(), LossSum::default());
        }
        if has_moments(state) {
            self.need_moments()?;
        }
        self.interrupted = true; // where this is dropped, or the device lost, in the middle
        if self.tensors.write_state(&self.plan, state).await? {
            self.program = None;
        }
        self.stale = true;
        self.steps = state.step;
        self.interrupted = false;
        Ok(())
    }

    async fn write_rows_async(&mut self, param: usize, first: usize, values: &[f32]) -> Result<()> {
        self.ready()?;
        check_rows(&self.plan, param, first, values.len())?;
        // Tables, vectors and statistics have no transpose.
        let Param { kind, is_vector, .. } = &self.plan.params()[param];
        self.stale |= *kind == ParamKind::Dense && !is_vector;
        self.interrupted = true; // where this is dropped in the middle
        let written = self.tensors.write_rows(&self.plan, param, first, values).await;
        self.interrupted = false;
        written
    }

    async fn grow_async(&mut self, vocabulary: usize, rows: usize) -> Result<()> {
        self.ready()?;
        check_growth(&self.plan, vocabulary, rows)?;
        let grown = self.plan.clone().with_rows(vocabulary, rows);
        let moments = self.tensors.dense.slots.moments.is_some();
        parameters(&self.gpu, &grown, &self.columns, moments)?
            .0
            .check(&self.gpu)?;
        if self.tensors.grow(&self.plan, vocabulary, rows).await? {
            self.program = None;
        }
        self.plan = grown;
        Ok(())
    }
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
    ) -> Pending<'_, ()> {
        let trained = self.ready().and_then(|()| {
            self.interrupted = true;
            let trained = self.train(batch, optimizer, l2, None);
            if trained.is_ok() {
                prefetch();
            }
            self.interrupted = false;
            trained
        });
        self.enqueued(trained)
    }

    fn poll(&mut self) -> Result<bool> {
        self.ready()?;
        let is_idle = self.gpu.poll()?;
        self.add_arrived_losses()?;
        self.has_room();
        if is_idle {
            self.in_flight.clear();
        }
        Ok(self.in_flight.is_empty())
    }

    fn take_loss(&mut self) -> Pending<'_, LossSum> {
        Pending::start(async {
            self.ready()?;
            self.fetch_losses().await?;
            Ok(std::mem::take(&mut self.loss))
        })
    }

    fn take_auxiliary(&mut self) -> Pending<'_, LossSum> {
        Pending::start(async {
            self.ready()?;
            self.fetch_losses().await?;
            Ok(std::mem::take(&mut self.auxiliary))
        })
    }

    fn score<'a>(&'a mut self, columns: &'a [&'a [u32]], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::start(self.score_ids(columns, out))
    }

    fn score_batch<'a>(&'a mut self, batch: &'a Batch, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::start(async {
            self.ready()?;
            check_scored(&self.plan, batch, out.len())?;
            self.score_samples(batch, out, None).await
        })
    }

    fn state(&mut self) -> Pending<'_, State> {
        Pending::start(async {
            self.ready()?;
            self.tensors.read_state(&self.plan, self.steps).await
        })
    }

    fn set_state<'a>(&'a mut self, state: &'a State) -> Pending<'a, ()> {
        Pending::start(self.set_state_async(state))
    }

    fn read_rows<'a>(&'a mut self, param: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::start(async move {
            self.ready()?;
            check_rows(&self.plan, param, first, out.len())?;
            self.tensors.read_rows(param, first, out).await
        })
    }

    fn write_rows<'a>(&'a mut self, param: usize, first: usize, values: &'a [f32]) -> Pending<'a, ()> {
        Pending::start(self.write_rows_async(param, first, values))
    }

    fn grow(&mut self, vocabulary: usize, rows: usize) -> Pending<'_, ()> {
        Pending::start(self.grow_async(vocabulary, rows))
    }

    fn drawing(&mut self) -> Option<&mut dyn DrawBatches> {
        Some(self)
    }

    fn catalogue(&mut self) -> Option<&mut dyn ScoreCatalogue> {
        Some(self)
    }

    fn search(&mut self) -> Option<&mut dyn SearchCatalogue> {
        Some(self)
    }

    fn profiling(&mut self) -> Option<&mut dyn Profile> {
        Some(self)
    }

    fn activations(&mut self) -> Option<&mut dyn Activations> {
        Some(self)
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
                .wait()
                .unwrap();
        };
        let new = || GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        let (mut kept, mut tried) = (new(), new());
        [&mut kept, &mut tried].into_iter().for_each(step);
        for buffers in 0..6 {
            gpu.fail_after(buffers);
            let refused = tried.grow(1, 500).wait();
            gpu.fail_after(u64::MAX);
            assert!(
                matches!(refused, Err(Error::Device(_))),
                "{buffers} buffers: {refused:?}"
            );
            assert_eq!(tried.plan(), &plan);
            assert_eq!(
                tried.state().wait().unwrap(),
                kept.state().wait().unwrap(),
                "{buffers} buffers"
            );
            [&mut kept, &mut tried].into_iter().for_each(step);
            assert_eq!(
                tried.state().wait().unwrap(),
                kept.state().wait().unwrap(),
                "{buffers} buffers, and a step"
            );
        }
        for executor in [&mut kept, &mut tried] {
            executor.grow(1, 500).wait().unwrap();
            step(executor);
        }
        assert_eq!(tried.state().wait().unwrap(), kept.state().wait().unwrap());
    }
}
