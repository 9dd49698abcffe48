//! How much memory of a device training takes.

use crate::{
    Result,
    gpu::{
        device::gpu::Gpu,
        executor::GpuExecutor,
        memory::budget::{Memory, parameters},
        ops::columns,
        program::{
            activations::{Limits, Sizes},
            spaces::samples_alone,
        },
    },
    plan::Plan,
};

impl GpuExecutor {
    /// What training `plan` in batches of `batch` samples takes on `gpu`, with Adam's moments or without. Nothing is
    /// allocated. Besides, a driver takes what it needs for pipelines and copies, and drawing batches on the device or
    /// searching whole catalogues takes some more, where it fits.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) with the sizes, where a part cannot be bound: a table's row, all weights and biases, a sample, or
    /// the batch; where a recurrent layer is wider than shaders hold.
    pub fn memory(gpu: &Gpu, plan: &Plan, batch: u32, moments: bool) -> Result<Memory> {
        Self::memory_with_steps(gpu, plan, batch, &[], moments)
    }

    /// [`memory`](Self::memory) of a plan with sequences: `steps` says how many steps all samples of a batch have together,
    /// for each of them; those that it lacks have none.
    ///
    /// # Errors
    /// As [`memory`](Self::memory).
    pub fn memory_with_steps(gpu: &Gpu, plan: &Plan, batch: u32, steps: &[u32], moments: bool) -> Result<Memory> {
        let mut rows = samples_alone(batch);
        rows[1..].iter_mut().zip(steps).for_each(|(rows, steps)| *rows = *steps);
        let columns = columns(plan)?;
        let (mut memory, dense_total) = parameters(gpu, plan, &columns, moments)?;
        let limits = Limits::new(gpu, plan, &columns, dense_total)?;
        let sizes = Sizes::new(gpu, plan, &columns, limits, (limits.longest(rows), rows), dense_total)?;
        memory
            .parts
            .push((format!("a batch of {batch} samples"), sizes.total()));
        Ok(memory)
    }
}
