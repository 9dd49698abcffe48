//! Training steps of NeuMF on each device.

use std::time::Instant;

use pocketrec::{
    Result,
    data::Batch,
    device::Device,
    executor::Executor,
    models::NeuMf,
    plan::{L2, Optimizer, Plan, State},
    rng::Rng,
};

use crate::{common::output::say, table};

/// Users and items of MovieLens-1M.
const SIZES: [u32; 2] = [6040, 3706];
/// Samples of the first step, by which a batch is cut to what a measurement's time allows.
const PROBE: usize = 256;
/// Batches that are gone through in turn.
const BATCHES: u32 = 4;

/// Factors, layers and batch.
const WORKLOADS: [(usize, [usize; 4], usize); 3] = [
    (8, [64, 32, 16, 8], 256),
    (8, [64, 32, 16, 8], 16_384),
    (64, [512, 256, 128, 64], 4096),
];

/// Prints samples a second: a row a workload, two columns a device.
pub fn measure(devices: &[(&str, Device)], seconds: f64) -> Result<()> {
    let mut header = vec!["NeuMF, lazy Adam".to_owned()];
    for (name, _) in devices {
        header.extend([format!("{name}: batch"), "samples/s".into()]);
    }
    let mut rates = table(header);
    let mut names = Vec::new();
    for (factors, layers, batch) in WORKLOADS {
        let [users, items] = SIZES.map(|size| size as usize);
        let plan = NeuMf::new(users, items).factors(factors).layers(layers).plan()?;
        let layers = layers.map(|width| width.to_string()).join("-");
        let mut row = vec![format!("factors {factors}, layers {layers}")];
        names.clear();
        for (_, device) in devices {
            let mut executor = device.executor(plan.clone(), State::initial(&plan, 1, true)?)?;
            let (batch, rate) = rate(&mut *executor, batch, seconds)?;
            row.extend([batch.to_string(), format!("{rate:.0}")]);
            names.push(executor.device());
        }
        rates.add_row(row);
    }
    say!("{rates}\n")?;
    say!(
        "Forward, backward and update on ids drawn beforehand, on {}.",
        names.join(" and ")
    )?;
    Ok(())
}

/// The batch that was measured (smaller than `batch` where a step would take longer than `seconds`), and its samples
/// a second.
fn rate(executor: &mut dyn Executor, batch: usize, seconds: f64) -> Result<(usize, f64)> {
    let probe = vec![draw(executor.plan(), PROBE, 0)?];
    run(executor, &probe, 0.0)?; // builds what a step needs
    let in_time = run(executor, &probe, 0.0)? * seconds / 4.0;
    let batch = batch.min((in_time as usize).max(PROBE) / PROBE * PROBE);
    let batches: Vec<Batch> = (0..BATCHES)
        .map(|seed| draw(executor.plan(), batch, seed))
        .collect::<Result<_>>()?;
    run(executor, &batches, 0.0)?;
    Ok((batch, run(executor, &batches, seconds)?))
}

/// Samples a second of one step at least, and of as many as begin within `seconds`.
fn run(executor: &mut dyn Executor, batches: &[Batch], seconds: f64) -> Result<f64> {
    let (start, mut samples) = (Instant::now(), 0);
    for batch in batches.iter().cycle() {
        executor
            .step(batch, &Optimizer::default(), L2::default(), &mut || {})
            .wait()?;
        samples += batch.len();
        if start.elapsed().as_secs_f64() >= seconds {
            break;
        }
    }
    executor.take_loss().wait()?; // waits for the last step
    Ok(samples as f64 / start.elapsed().as_secs_f64())
}

/// Uniform ids, and one positive in five.
fn draw(plan: &Plan, samples: usize, seed: u32) -> Result<Batch> {
    let rng = Rng::new(1).stream(seed);
    let column = |stream: u32, below: u32| -> Vec<u32> {
        let rng = rng.stream(stream);
        (0..samples as u64).map(|i| rng.below(i, below)).collect()
    };
    let ids = [column(0, plan.rows(0) as u32), column(1, plan.rows(1) as u32)];
    let labels: Vec<f32> = column(2, 5).iter().map(|&x| f32::from(u8::from(x == 0))).collect();
    Batch::from_columns(&[&ids[0], &ids[1]], &labels)
}
