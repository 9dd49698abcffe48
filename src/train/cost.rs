//! What training takes, told before it is paid: counted where that can be, and timed on some seconds' worth of steps.

use alloc::string::ToString;
use core::fmt;
use std::io;

use super::{
    clock::Stopwatch,
    core::Core,
    task::{Schedule, Task},
};
use crate::{
    Error, Result,
    data::Graph,
    executor::Executor,
    plan::{MAX_SEQUENCES, Plan},
    size::Size,
};

/// Of the time that a probe may take, the part in which a machine warms up: pages are touched, clocks rise, caches fill.
const WARM_UP: f64 = 0.25;

/// What training a model on some data takes.
///
/// Bytes and operations are counted, seconds are those of a probe on this machine as it is now: another program beside it makes
/// both slower. Energy is not told: few machines say what they use.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Cost {
    /// Samples of an epoch.
    pub samples: u64,
    /// Steps of an epoch.
    pub steps: u64,
    /// Multiply-adds of an epoch, backward passes with them: three times those of the forward passes. Of propagation along a
    /// graph, forward and backward, the products over all edges are counted, not those of which a step needs some rows alone.
    pub multiply_adds: u64,
    /// Seconds of an epoch, without its evaluation.
    pub seconds: f64,
    /// Seconds of an evaluation; zero where none is asked for.
    pub evaluation_seconds: f64,
    /// Bytes of the parameters.
    pub parameters: u64,
    /// Bytes of the optimiser's moments.
    pub moments: u64,
    /// Bytes of the copies that are kept to go back to: of the beginning of an epoch, of the best epoch where
    /// `patience` is set, and of a mean over epochs.
    pub copies: u64,
    /// Bytes that a step works with beside these: batches, activations, gradients, a graph and what is propagated along it. Zero
    /// where the device does not say.
    pub batch: u64,
    /// Bytes of the training data; keys, titles and what samples are drawn by not counted.
    pub data: u64,
    /// Bytes of a checkpoint before the first epoch. One with a best epoch or a mean of epochs besides has their parameters, too.
    pub checkpoint: u64,
    /// Bytes of an export with everybody's history and tables as bytes.
    pub export: u64,
}

impl Cost {
    /// Bytes in use while training.
    pub fn memory(&self) -> u64 {
        [self.moments, self.copies, self.batch, self.data]
            .into_iter()
            .fold(self.parameters, u64::saturating_add)
    }

    /// Seconds of so many epochs, with an evaluation after every `eval_every` of them, none where that is 0.
    pub fn seconds_of(&self, epochs: u32, eval_every: u32) -> f64 {
        let evaluations = epochs.checked_div(eval_every).unwrap_or(0);
        f64::from(epochs) * self.seconds + f64::from(evaluations) * self.evaluation_seconds
    }
}

/// Lines of time, work, memory and files, for a terminal of 80 columns.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "time      an epoch {:.1} s", self.seconds)?;
        if self.evaluation_seconds > 0.0 {
            write!(f, ", an evaluation {:.1} s", self.evaluation_seconds)?;
        }
        writeln!(
            f,
            "\nwork      {} samples in {} steps, {:.1} billion operations an epoch",
            self.samples,
            self.steps,
            2e-9 * self.multiply_adds as f64,
        )?;
        write!(
            f,
            "memory    {}: parameters {}, moments {}, copies {}",
            Size(self.memory()),
            Size(self.parameters),
            Size(self.moments),
            Size(self.copies),
        )?;
        write!(f, ",\n          a step {}", Size(self.batch))?;
        if self.data > 0 {
            write!(f, ", data {}", Size(self.data))?;
        }
        write!(
            f,
            "\nfiles     checkpoint {}, export {}",
            Size(self.checkpoint),
            Size(self.export)
        )
    }
}

/// What is known of an epoch and of the state, without what a trainer alone can tell: data and files.
impl Cost {
    /// The probe trains; whoever asks gives the trainer away.
    pub(super) fn of<T: Task>(
        task: &mut T,
        core: &mut Core<T::Value>,
        schedule: &Schedule,
        evaluates: bool,
        seconds: f64,
    ) -> Result<Self> {
        let plan = core.executor.plan();
        let (samples, moments) = (task.total(), schedule.optimizer.has_moments());
        let steps = samples.div_ceil(schedule.batch_size as u64);
        let [parameters, all] = [false, true].map(|moments| plan.need("", moments, 1).total());
        let moments = if moments { all - parameters } else { 0 };
        let copies = [schedule.patience.is_some(), schedule.average_from.is_some()];
        let copies = copies.into_iter().filter(|&kept| kept).count() as u64;
        let multiply_adds = multiply_adds_of_epoch(plan, task.steps(), samples, steps);
        let (graph, products) = of_graph(&mut *core.executor);
        let of_sample = probe(task, &mut *core.executor, schedule, seconds)?;
        let evaluation_seconds = match evaluates {
            true => timed(|| task.evaluate(&mut *core.executor, 0))?,
            false => 0.0,
        };
        Ok(Cost {
            samples,
            steps,
            multiply_adds: multiply_adds.saturating_add(products.saturating_mul(steps)),
            seconds: of_sample * samples as f64,
            evaluation_seconds,
            parameters,
            moments,
            copies: parameters
                .saturating_add(moments)
                .saturating_add(copies.saturating_mul(parameters)),
            batch: core.executor.step_bytes().saturating_add(graph),
            data: 0,
            checkpoint: 0,
            export: 0,
        })
    }
}

/// Three times the forward passes of all samples, and of whole tables once a step.
fn multiply_adds_of_epoch(plan: &Plan, sequences: [u64; MAX_SEQUENCES], samples: u64, steps: u64) -> u64 {
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let of_tables = plan.batch_multiply_adds(0, &[0; MAX_SEQUENCES]) as u64;
    let all = plan.batch_multiply_adds(count(samples), &sequences.map(count)) as u64;
    let of_rows = all.saturating_sub(of_tables);
    of_rows
        .saturating_add(of_tables.saturating_mul(steps))
        .saturating_mul(3)
}

/// Bytes of the graph that tables are propagated along, and multiply-adds of a step's products over all its edges: each layer
/// but the last forward, and as many backward.
fn of_graph(executor: &mut dyn Executor) -> (u64, u64) {
    let Some(op) = executor.plan().propagation().copied() else {
        return (0, 0);
    };
    let Some(graph) = executor.propagation().and_then(|part| part.graph()) else {
        return (0, 0);
    };
    let products = 2 * (op.layers as u64 - 1);
    let of_product = (graph.neighbours().len() as u64).saturating_mul(op.output.width as u64);
    let bytes = Graph::bytes(graph.nodes(), graph.edges());
    (bytes, products.saturating_mul(of_product))
}

/// Makes steps for about so many seconds, from the beginning of the first epoch on. Gives seconds a sample.
fn probe<T: Task>(task: &mut T, executor: &mut dyn Executor, schedule: &Schedule, seconds: f64) -> Result<f64> {
    let (optimizer, total) = (schedule.optimizer_of(0, 0), task.total());
    let (mut epoch, mut sample) = (0, 0);
    let mut of_sample = 0.0;
    // What is made to warm up is made again, and counted.
    for share in [WARM_UP, 1.0 - WARM_UP] {
        let clock = Stopwatch::start();
        let mut counted = 0;
        while counted == 0 || clock.seconds() < share * seconds {
            let samples = task.step(executor, &optimizer, schedule.l2, (epoch, sample))?.max(1);
            counted += samples;
            sample += samples;
            if sample >= total {
                (epoch, sample) = (epoch + 1, 0);
            }
        }
        executor.take_loss().wait()?; // waits for the last step
        of_sample = clock.seconds() / counted as f64;
    }
    Ok(of_sample)
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<f64> {
    let clock = Stopwatch::start();
    work()?;
    Ok(clock.seconds())
}

/// Bytes of a file that is written nowhere.
pub(super) fn bytes_of_file(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<u64> {
    let mut counted = Counted(0);
    write(&mut counted).map_err(|error| Error::config("checkpoint", error.to_string()))?;
    Ok(counted.0)
}

struct Counted(u64);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
