//! How many samples a second NeuMF trains on: one JSON line, to be put beside other libraries' (`benches/peers/`).
//!
//!     cargo run --release --example throughput -- paper8 --threads 2
//!
//! The step is gather, product, MLP with ReLU, logit, cross-entropy, backward and optimiser. Ids are drawn and sorted
//! before the clock starts; `--draw` has batches drawn from made-up interactions while the step before runs, as in
//! training.

use std::{error::Error, time::Instant};

use clap::{Parser, ValueEnum};
use pocketrec::{
    data::{Batch, Interactions, Sampler},
    device::Device,
    executor::Executor,
    models::NeuMf,
    plan::{AdamConfig, L2, Optimizer, State},
    rng::Rng,
};

/// Batches that are drawn beforehand and gone through in turn.
const BATCHES: u32 = 32;

/// NeuMF's training throughput.
#[derive(Parser)]
struct Options {
    /// The workload.
    config: Config,
    /// Adam on the rows of a batch, or on every row at every step.
    #[arg(long, value_enum, default_value = "lazy")]
    optimizer: Kind,
    /// Threads; 0 for all cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Steps of a timed run; by default about a second's.
    #[arg(long)]
    steps: Option<usize>,
    /// Timed runs; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Draw batches while training.
    #[arg(long)]
    draw: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "lower")]
enum Config {
    /// MovieLens-1M's sizes, 8 factors, layers 64-32-16-8, batch 256.
    Paper8,
    /// The same, batch 16,384.
    Paper8b16k,
    /// MovieLens-1M's sizes, 64 factors, layers 512-256-128-64, batch 256.
    Paper64,
    /// MovieLens-20M's sizes, 64 factors, layers 256-256-128-64, batch 16,384.
    Nvidia64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// LazyAdam.
    Lazy,
    /// Adam.
    Dense,
}

/// Sizes of a workload.
struct Shape {
    users: u32,
    items: u32,
    factors: usize,
    layers: [usize; 4],
    batch: usize,
}

impl Config {
    fn shape(self) -> Shape {
        let (users, items, factors, layers, batch) = match self {
            Config::Paper8 => (6040, 3706, 8, [64, 32, 16, 8], 256),
            Config::Paper8b16k => (6040, 3706, 8, [64, 32, 16, 8], 16_384),
            Config::Paper64 => (6040, 3706, 64, [512, 256, 128, 64], 256),
            Config::Nvidia64 => (138_493, 26_744, 64, [256, 256, 128, 64], 16_384),
        };
        Shape {
            users,
            items,
            factors,
            layers,
            batch,
        }
    }
}

/// Where batches come from.
enum Feed {
    /// Drawn beforehand.
    Fixed(Vec<Batch>),
    /// Two batches: one is trained on while the other is filled.
    Drawn(Sampler, Box<[Batch; 2]>),
}

impl Feed {
    fn new(shape: &Shape, draw: bool) -> pocketrec::Result<Self> {
        if draw {
            let sampler = Sampler::new(&interactions(shape)?, 4, 1)?;
            let mut first = Batch::new(2, shape.batch);
            sampler.fill(0, 0, shape.batch, &mut first);
            return Ok(Feed::Drawn(sampler, Box::new([first, Batch::new(2, shape.batch)])));
        }
        let column = |stream: u32, k: u32, below: u32| -> Vec<u32> {
            let rng = Rng::new(1).stream(stream).stream(k);
            (0..shape.batch as u64).map(|i| rng.below(i, below)).collect()
        };
        let batch = |k| {
            let labels: Vec<f32> = column(3, k, 5).iter().map(|&x| f32::from(u8::from(x == 0))).collect();
            Batch::from_columns(&[&column(1, k, shape.users), &column(2, k, shape.items)], &labels)
        };
        Ok(Feed::Fixed((0..BATCHES).map(batch).collect::<pocketrec::Result<_>>()?))
    }

    fn step(&mut self, executor: &mut dyn Executor, optimizer: &Optimizer, at: u64) -> pocketrec::Result<usize> {
        match self {
            Feed::Fixed(batches) => {
                let batch = &batches[at as usize % batches.len()];
                executor.step(batch, optimizer, L2::default(), &mut || {})?;
                Ok(batch.len())
            }
            Feed::Drawn(sampler, batches) => {
                let [now, next] = &mut **batches;
                let size = now.len();
                let per_epoch = sampler.samples_per_epoch() / size as u64;
                let (epoch, start) = (1 + at / per_epoch, at % per_epoch * size as u64);
                executor.step(now, optimizer, L2::default(), &mut || {
                    sampler.fill(epoch as u32, start, size, next);
                })?;
                batches.swap(0, 1);
                Ok(size)
            }
        }
    }
}

/// Some 150 random items for each user.
fn interactions(shape: &Shape) -> pocketrec::Result<Interactions> {
    let rng = Rng::new(2);
    let pairs = (0..shape.users).flat_map(|user| (0..150).map(move |i| (user, rng.stream(user).below(i, shape.items))));
    let (users, items): (Vec<u32>, Vec<u32>) = pairs.unzip();
    Interactions::from_columns((shape.users, shape.items), &users, &items, &[])
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let shape = options.config.shape();
    let (users, items) = (shape.users as usize, shape.items as usize);
    let plan = NeuMf::new(users, items)
        .factors(shape.factors)
        .layers(shape.layers)
        .plan()?;
    let flops = 6 * plan.multiply_adds();
    let optimizer = match options.optimizer {
        Kind::Lazy => Optimizer::LazyAdam(AdamConfig::default()),
        Kind::Dense => Optimizer::Adam(AdamConfig::default()),
    };
    let state = State::initial(&plan, 1, true);
    let mut executor = Device::auto()?.threads(options.threads).executor(plan, state)?;
    let mut feed = Feed::new(&shape, options.draw)?;
    let steps = options
        .steps
        .unwrap_or((100_000_000_000 / (flops * shape.batch)).clamp(5, 10_000))
        .max(1);
    let mut at = 0;
    let mut run = |steps: usize| -> pocketrec::Result<f64> {
        let (mut samples, start) = (0, Instant::now());
        for _ in 0..steps {
            samples += feed.step(&mut *executor, &optimizer, at)?;
            at += 1;
        }
        Ok(samples as f64 / start.elapsed().as_secs_f64())
    };
    run(steps / 5 + 2)?;
    let mut rates = (0..options.runs.max(1))
        .map(|_| run(steps))
        .collect::<Result<Vec<f64>, _>>()?;
    rates.sort_unstable_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    println!(
        "{{\"library\": \"pocketrec\", \"config\": \"{}\", \"mode\": \"{}\", \"device\": \"{}\", \"samples_per_s\": {:.0}, \
         \"min\": {:.0}, \"max\": {:.0}, \"gflops\": {:.1}, \"loss\": {:.4}}}",
        format!("{:?}", options.config).to_lowercase(),
        format!("{:?}{}", options.optimizer, if options.draw { "+draw" } else { "" }).to_lowercase(),
        executor.device(),
        rate,
        rates[0],
        rates[rates.len() - 1],
        rate * flops as f64 / 1e9,
        executor.take_loss()?.mean(),
    );
    Ok(())
}
