//! What the training loop asks of a task, and the settings that it goes by.

#[cfg(feature = "std")]
use crate::plan::MAX_SEQUENCES;
use crate::{
    Result,
    executor::Executor,
    plan::{L2, Optimizer},
};

/// A position: the epoch, and how many of its samples are done.
pub(crate) type Position = (u32, u64);

/// What is trained on and how it is evaluated. The loop around it has progress, stops, snapshots, averaging and the best
/// epoch, and knows nothing of what a sample is.
pub(crate) trait Task {
    /// What an evaluation tells.
    type Evaluation: Clone;
    /// What is kept of it, to compare later ones with.
    type Value: Copy;

    /// Whether moments begin anew at the end of training even where the last epoch is the best, so that no parameters are
    /// put back.
    const RESTARTS_MOMENTS_AT_BEST: bool;

    /// Samples of an epoch.
    fn total(&self) -> u64;

    /// Steps of each sequence in an epoch's samples.
    #[cfg(feature = "std")]
    fn steps(&self) -> [u64; MAX_SEQUENCES] {
        [0; MAX_SEQUENCES]
    }

    /// One step on the samples at a position. Gives how many there were.
    ///
    /// # Errors
    /// Those of [`Executor::step`].
    fn step(&mut self, executor: &mut dyn Executor, optimizer: &Optimizer, l2: L2, at: Position) -> Result<u64>;

    /// Whether an evaluation falls due at the end of an epoch, counted from 1.
    fn is_due(&self, epoch: u32) -> bool;

    /// Evaluates the parameters in the executor, after so many steps.
    ///
    /// # Errors
    /// [`Error::Diverged`](crate::Error::Diverged) where they are too large to be evaluated.
    fn evaluate(&mut self, executor: &mut dyn Executor, step: u64) -> Result<Self::Evaluation>;

    /// What the evaluation is compared by.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where that is undefined.
    fn value(&self, evaluation: &Self::Evaluation) -> Result<Self::Value>;

    /// Whether an evaluation is better than the best one.
    fn is_better(new: &Self::Value, best: &Self::Value) -> bool;
}

/// The settings that the loop goes by, of whatever task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub epochs: u32,
    pub batch_size: usize,
    pub report_every: u32,
    pub patience: Option<u32>,
    pub average_from: Option<u32>,
    pub optimizer: Optimizer,
    pub decay: f32,
    pub plateau: f32,
    pub l2: L2,
}

impl Schedule {
    /// The optimiser of an epoch, counted from 0, after so many evaluations without gain: the learning rate falls as far
    /// as the smallest normal number.
    pub fn optimizer_of(&self, epoch: u32, plateaus: u32) -> Optimizer {
        let fall = libm::pow(f64::from(self.decay), f64::from(epoch));
        let fall = fall * libm::pow(f64::from(self.plateau), f64::from(plateaus));
        let rate = (self.optimizer.learning_rate() * fall as f32).max(f32::MIN_POSITIVE);
        self.optimizer.with_learning_rate(rate)
    }
}
