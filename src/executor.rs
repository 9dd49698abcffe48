//! What an executor promises to the trainer.

use alloc::string::String;

use crate::{
    Result,
    data::Batch,
    plan::{L2, Optimizer, Plan, State},
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

/// Runs a plan on a device: one training step at a time, or scores without training.
///
/// The same calls in the same order give the same bits on the same device.
pub trait Executor: Send {
    /// The plan that is run.
    fn plan(&self) -> &Plan;

    /// The device, for people: `cpu avx512, 2 threads`.
    fn device(&self) -> String;

    /// One step: forward, backward and update on a sorted batch. `meanwhile` is called once, at the same time or
    /// after, on any thread: the place to fill the next batch. A warm step allocates nothing.
    ///
    /// # Errors
    /// [`Error::Id`](crate::Error::Id) where an id lies outside its table, [`Error::Length`](crate::Error::Length)
    /// where the batch has other columns than the plan; nothing is changed then.
    fn step(
        &mut self,
        batch: &Batch,
        optimizer: &Optimizer,
        l2: L2,
        meanwhile: &mut (dyn FnMut() + Send),
    ) -> Result<()>;

    /// The cross-entropy summed over all steps since the last call, without the L2 terms.
    ///
    /// # Errors
    /// Where the device is lost.
    fn take_loss(&mut self) -> Result<LossSum>;

    /// Logits of any number of samples: `out[s]` for the ids `columns[..][s]`.
    ///
    /// # Errors
    /// As [`step`](Executor::step).
    fn score(&mut self, columns: &[&[u32]], out: &mut [f32]) -> Result<()>;

    /// A copy of parameters, moments and step count. Moments are empty where none were ever needed.
    ///
    /// # Errors
    /// Where the device is lost.
    fn state(&mut self) -> Result<State>;

    /// Replaces parameters, moments and step count.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where a tensor does not fit the plan.
    fn set_state(&mut self, state: &State) -> Result<()>;

    /// Reads rows of a parameter: `out` holds a whole number of them, beginning with row `first`.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where the rows are not there.
    fn read_rows(&mut self, param: usize, first: usize, out: &mut [f32]) -> Result<()>;

    /// Overwrites rows of a parameter and sets their moments to zero.
    ///
    /// # Errors
    /// As [`read_rows`](Executor::read_rows).
    fn write_rows(&mut self, param: usize, first: usize, values: &[f32]) -> Result<()>;

    /// Makes the tables of `column` `rows` rows long; new rows are zero until they are written. Costs amortised
    /// time in proportion to the new rows.
    ///
    /// # Errors
    /// Where `rows` is below the present number or memory is short.
    fn grow(&mut self, column: usize, rows: usize) -> Result<()>;
}
