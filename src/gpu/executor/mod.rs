//! The op-major executor: every stage is one dispatch over the whole batch, and a step is one submit.
//!
//! Pipelines, bind groups and buffers are made when a plan is first run on a batch of a size, and used again for all
//! batches that are not larger. A step uploads the batch, submits its dispatches and returns; at most [`IN_FLIGHT`]
//! submits wait on the device. Losses stay there until they are asked for. A batch that is too large for one submit is
//! cut into slices, each of which goes forward and backward; the updates follow the last.

mod changes;
pub(crate) mod kept;
mod loss_copy;
mod losses;
mod memory;
mod parts;
pub(crate) mod program;
mod propagation;
mod resident;
mod run;
mod score;
mod search;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::{
    Result,
    checks::{check_rows, check_scored, check_state},
    data::Batch,
    executor::{
        Activations, DrawBatches, Executor, KeepRows, LossSum, Pending, Profile, Propagation, ScoreCatalogue,
        SearchCatalogue, interrupted,
    },
    gpu::{
        device::{gpu::Gpu, signal::Submitted},
        executor::{loss_copy::LossCopy, program::Program},
        memory::{
            budget::{check_host, losses, parameters},
            buffers::{Readback, STORAGE},
            graph::GraphBuffers,
            layout::Columns,
            tensors::Tensors,
        },
        ops::{columns, context::auxiliary_losses},
        program::{
            activations::{Buffers, Limits},
            inputs::Inputs,
            spaces::PerSpace,
        },
        sampling::positives::Positives,
    },
    plan::{L2, Optimizer, Plan, State, Tensor},
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
    /// What tables are propagated along.
    pub(crate) graph: Option<GraphBuffers>,
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
    pub(crate) loss_copies: VecDeque<LossCopy>,
    /// Whether weights came from the host since they were transposed.
    pub(crate) transpose_is_due: bool,
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
            graph: None,
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
            loss_copies: VecDeque::new(),
            transpose_is_due: true,
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

fn has_moments(state: &State) -> bool {
    let any = |tensor: &Tensor| !tensor.m.is_empty() || !tensor.v.is_empty();
    state.tensors.iter().any(any)
}

impl GpuExecutor {
    /// What a step gives that was enqueued: `done`, once there is room for another.
    fn enqueued<T: Send + 'static>(&mut self, done: Result<T>) -> Pending<'_, T> {
        match done {
            Ok(done) if !self.has_room() => Pending::start(async move { self.room().await.map(|()| done) }),
            done => Pending::ready(done),
        }
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

    fn step_bytes(&self) -> u64 {
        let graph = self.graph.as_ref().map_or(0, GraphBuffers::bytes);
        self.buffers.as_ref().map_or(0, Buffers::bytes).saturating_add(graph)
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

    fn propagation(&mut self) -> Option<&mut dyn Propagation> {
        match self.plan.propagation() {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn keeping(&mut self) -> Option<&mut dyn KeepRows> {
        Some(self)
    }

    fn activations(&mut self) -> Option<&mut dyn Activations> {
        Some(self)
    }
}
