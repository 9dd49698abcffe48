//! How many samples a second NeuMF, DeepFM, DIN or DIEN trains on: one JSON line, to be put beside other libraries' (`benches/peers/`).
//!
//!     cargo run --release --example throughput -- paper8 --threads 2
//!     cargo run --release --example throughput -- din64 --threads 2 --history 50
//!
//! The step is the whole model forward, cross-entropy, backward and optimiser. Ids are drawn and sorted before the clock
//! starts; `--draw` has NeuMF's batches drawn from made-up interactions while the step before runs, as in training.

#[path = "../benches/common/clicks.rs"]
#[allow(dead_code)] // the benches use the rest
mod clicks;
#[path = "common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;

use std::{process::ExitCode, time::Instant};

use clap::{Parser, ValueEnum};
use clicks::{Clicks, DEEPFM16, DEEPFM64, DIEN16, DIEN64, DIN16, DIN64, HISTORY, Model};
use common::{ending::exit_code, output::say};
use pocketrec::{
    data::{Batch, Interactions, Sampler},
    device::Device,
    executor::Executor,
    models::NeuMf,
    plan::{AdamConfig, GruKind, L2, Optimizer, Plan, State},
    rng::Rng,
};

/// Batches that are drawn beforehand and gone through in turn.
const BATCHES: u32 = 32;

/// Training throughput of NeuMF and of click-through models.
#[derive(Parser)]
#[command(name = "throughput", max_term_width = 80)]
struct Options {
    /// The workload.
    config: Config,
    /// Adam on the rows of a batch, or on every row at every step.
    #[arg(long, value_enum, default_value = "lazy")]
    optimizer: Kind,
    /// auto, cpu, gpu or a part of an adapter's name; the latter two with +mixed for mixed precision.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Threads; 0 for all cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Steps of a timed run; by default about a second's.
    #[arg(long)]
    steps: Option<usize>,
    /// Timed runs; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Draw batches while training; NeuMF alone.
    #[arg(long)]
    draw: bool,
    /// The longest history of DIN and DIEN.
    #[arg(long, default_value_t = HISTORY)]
    history: u32,
    /// DIEN's second recurrent layer.
    #[arg(long, value_enum, default_value = "augru")]
    evolution: Evolution,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Evolution {
    /// The score scales the input.
    Aigru,
    /// The score is the gate.
    Agru,
    /// The score scales the gate.
    Augru,
}

impl From<Evolution> for GruKind {
    fn from(evolution: Evolution) -> GruKind {
        match evolution {
            Evolution::Aigru => GruKind::Aigru,
            Evolution::Agru => GruKind::Agru,
            Evolution::Augru => GruKind::Augru,
        }
    }
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
    /// The same, batch 4,096.
    Nvidia64b4k,
    /// The same, batch 2^20.
    Nvidia64b1m,
    /// DeepFM on clicks of MovieLens-1M's sizes: embeddings of 64, layers 512-128, batch 1,024.
    Deepfm64,
    /// The same with embeddings of 16.
    Deepfm16,
    /// DIN on clicks of MovieLens-1M's sizes: embeddings of 64, attention 64, layers 512-64, batch 1,024.
    Din64,
    /// The same with embeddings of 16.
    Din16,
    /// DIEN there: DIN's sizes, recurrent layers as wide as an item with its genre, auxiliary network 100-50.
    Dien64,
    /// The same with embeddings of 16.
    Dien16,
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

/// A workload: NeuMF of some sizes, or a click-through model.
enum Workload {
    NeuMf(Shape),
    Clicks(Clicks),
}

impl Config {
    fn workload(self, history: u32, evolution: Evolution) -> Workload {
        let clicks = |workload: Clicks| {
            let model = match workload.model {
                Model::Dien(_) => Model::Dien(evolution.into()),
                model => model,
            };
            Workload::Clicks(Clicks {
                model,
                history,
                ..workload
            })
        };
        let (users, items, factors, layers, batch) = match self {
            Config::Paper8 => (6040, 3706, 8, [64, 32, 16, 8], 256),
            Config::Paper8b16k => (6040, 3706, 8, [64, 32, 16, 8], 16_384),
            Config::Paper64 => (6040, 3706, 64, [512, 256, 128, 64], 256),
            Config::Nvidia64 => (138_493, 26_744, 64, [256, 256, 128, 64], 16_384),
            Config::Nvidia64b4k => (138_493, 26_744, 64, [256, 256, 128, 64], 4096),
            Config::Nvidia64b1m => (138_493, 26_744, 64, [256, 256, 128, 64], 1 << 20),
            Config::Deepfm64 => return clicks(DEEPFM64),
            Config::Deepfm16 => return clicks(DEEPFM16),
            Config::Din64 => return clicks(DIN64),
            Config::Din16 => return clicks(DIN16),
            Config::Dien64 => return clicks(DIEN64),
            Config::Dien16 => return clicks(DIEN16),
        };
        Workload::NeuMf(Shape {
            users,
            items,
            factors,
            layers,
            batch,
        })
    }
}

/// Where batches come from.
enum Feed {
    /// Drawn beforehand.
    Fixed(Vec<Batch>),
    /// Two batches: one is trained on while the other is filled.
    Drawn(Box<(Sampler, [Batch; 2])>),
}

impl Feed {
    fn new(shape: &Shape, draw: bool) -> pocketrec::Result<Self> {
        if draw {
            let sampler = Sampler::new(&interactions(shape)?, 4, 1)?;
            let mut first = Batch::new(2, shape.batch);
            sampler.fill(0, 0, shape.batch, &mut first);
            return Ok(Feed::Drawn(Box::new((sampler, [first, Batch::new(2, shape.batch)]))));
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

    fn clicks(workload: &Clicks, plan: &Plan) -> Self {
        Feed::Fixed((0..BATCHES).map(|k| workload.batch(plan, k)).collect())
    }

    fn step(&mut self, executor: &mut dyn Executor, optimizer: &Optimizer, at: u64) -> pocketrec::Result<usize> {
        match self {
            Feed::Fixed(batches) => {
                let batch = &batches[at as usize % batches.len()];
                executor.step(batch, optimizer, L2::default(), &mut || {}).wait()?;
                Ok(batch.len())
            }
            Feed::Drawn(drawn) => {
                let (sampler, [now, next]) = &mut **drawn;
                let size = now.len();
                let per_epoch = sampler.samples_per_epoch() / size as u64;
                let (epoch, start) = (1 + at / per_epoch, at % per_epoch * size as u64);
                executor
                    .step(now, optimizer, L2::default(), &mut || {
                        sampler.fill(epoch as u32, start, size, next);
                    })
                    .wait()?;
                core::mem::swap(now, next);
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

fn main() -> ExitCode {
    exit_code(measure(&Options::parse()), &[("device", "--device")])
}

fn measure(options: &Options) -> pocketrec::Result<()> {
    let (plan, mut feed, batch, multiply_adds) = match options.config.workload(options.history, options.evolution) {
        Workload::NeuMf(shape) => {
            let model = NeuMf::new(shape.users as usize, shape.items as usize).factors(shape.factors);
            let plan = model.layers(shape.layers).plan()?;
            let multiply_adds = plan.multiply_adds();
            (plan, Feed::new(&shape, options.draw)?, shape.batch, multiply_adds)
        }
        Workload::Clicks(workload) => {
            let plan = workload.model().plan()?;
            let multiply_adds = workload.multiply_adds(&plan);
            let feed = Feed::clicks(&workload, &plan);
            (plan, feed, workload.batch, multiply_adds)
        }
    };
    // Forward, and twice as much backward.
    let flops = 6 * multiply_adds;
    let optimizer = match options.optimizer {
        Kind::Lazy => Optimizer::LazyAdam(AdamConfig::default()),
        Kind::Dense => Optimizer::Adam(AdamConfig::default()),
    };
    let state = State::initial(&plan, 1, true)?;
    let device = match &options.device {
        Some(name) => Device::named(name)?,
        None => Device::auto()?,
    };
    let mut executor = device.threads(options.threads).executor(plan, state)?;
    let (mut at, mut loss) = (0, f64::NAN);
    let mut run = |steps: usize| -> pocketrec::Result<f64> {
        let (mut samples, start) = (0, Instant::now());
        for _ in 0..steps {
            samples += feed.step(&mut *executor, &optimizer, at)?;
            at += 1;
        }
        loss = executor.take_loss().wait()?.mean(); // waits for a graphics device
        Ok(samples as f64 / start.elapsed().as_secs_f64())
    };
    run(3)?;
    let steps = match options.steps {
        Some(steps) => steps.max(1),
        None => ((run(5)? / batch as f64) as usize).clamp(5, 10_000),
    };
    run(steps / 5 + 2)?;
    let mut rates = (0..options.runs.max(1))
        .map(|_| run(steps))
        .collect::<pocketrec::Result<Vec<f64>>>()?;
    rates.sort_unstable_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    say!(
        "{{\"library\": \"pocketrec\", \"config\": \"{}\", \"mode\": \"{}\", \"device\": \"{}\", \"samples_per_s\": {:.0}, \
         \"min\": {:.0}, \"max\": {:.0}, \"gflops\": {:.1}, \"loss\": {:.4}}}",
        format!("{:?}", options.config).to_lowercase(),
        format!("{:?}{}", options.optimizer, if options.draw { "+draw" } else { "" }).to_lowercase(),
        executor.device(),
        rate,
        rates[0],
        rates[rates.len() - 1],
        rate * flops as f64 / 1e9,
        loss,
    )
}
