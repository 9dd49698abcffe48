//! What each stage of a training step costs.

use comfy_table::{CellAlignment, Table, presets};
use pocketrec::{
    Result,
    data::{Batch, Sampler, Split},
    device::Device,
    executor::{StageTime, keep_sampler, profile, profile_drawn},
    train::Trainer,
};

use crate::common::output::say;

/// Steps that are timed, after one that builds what they need.
const STEPS: u32 = 5;

/// Times steps on the first batch of an epoch and prints a line a stage. An executor of its own takes them, from the
/// trainer's state: training goes on as if there had been none.
pub fn print(trainer: &mut Trainer, device: Device, split: &Split) -> Result<()> {
    let config = *trainer.config();
    let mut executor = device.executor(trainer.plan().clone(), trainer.state()?)?;
    let sampler = Sampler::new(&split.train, config.negatives, config.seed)?;
    let (optimizer, l2) = (config.optimizer, config.l2);
    let drawn = keep_sampler(&mut *executor, &sampler, config.batch_size).wait()?;
    let mut batch = Batch::default();
    sampler.fill(0, 0, config.batch_size, &mut batch);
    let mut step = || match drawn {
        true => profile_drawn(&mut *executor, 0, 0, config.batch_size, &optimizer, l2).wait(),
        false => profile(&mut *executor, &batch, &optimizer, l2).wait(),
    };
    step()?;
    let mut stages = Vec::new();
    for _ in 0..STEPS {
        stages.extend(step()?);
    }
    let table = table(&StageTime::merged(stages));
    say!(
        "\nstep of {} samples on {}, mean of {STEPS}",
        batch.len(),
        executor.device()
    )?;
    say!("{table}\n")
}

/// Milliseconds of a step, and the rates at which its counted flops and bytes went by.
fn table(stages: &[StageTime]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["stage", "times", "ms", "share", "GFLOP/s", "GB/s"]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let total: f64 = stages.iter().map(|stage| stage.seconds).sum();
    let mut add = |name: &str, count: u32, seconds: f64, flops: f64, bytes: f64| {
        let rate = |amount: f64| format!("{:.2}", 1e-9 * amount / seconds.max(1e-9));
        table.add_row([
            name.to_owned(),
            (count / STEPS).to_string(),
            format!("{:.3}", 1e3 * seconds / f64::from(STEPS)),
            format!("{:.1} %", 100.0 * seconds / total.max(1e-9)),
            rate(flops),
            rate(bytes),
        ]);
    };
    for stage in stages {
        add(&stage.name, stage.count, stage.seconds, stage.flops, stage.bytes);
    }
    let sum = |of: fn(&StageTime) -> f64| stages.iter().map(of).sum::<f64>();
    let count = stages.iter().map(|stage| stage.count).sum();
    add("all", count, total, sum(|stage| stage.flops), sum(|stage| stage.bytes));
    table
}
