//! Training steps on a graphics device, and what each dispatch of a step reaches: the table of a card in one run.
//!
//! ```text
//! cargo bench --bench gpu -- [--adapter PART_OF_NAME] [--mixed] [--peak TFLOPS] [--seconds S] [--workload NAME]...
//! ```
//!
//! Ids are skewed as in real data (id `k` has a share of about 1 / (k + 1)) and drawn beforehand, so a step is upload,
//! forward, backward and lazy Adam. `--peak` is the card's f32 rate by its data sheet; with it, matrix products are given
//! as a share of it. `--mixed` multiplies in mixed precision. The profile times each dispatch by the device's clock, alone.

mod common;

use std::time::Instant;

use comfy_table::{CellAlignment, Table, presets};
use common::{
    data::ML_20M,
    is_test,
    models::{NVIDIA64, PAPER8, PAPER64, Train, Workload},
};
use pocketrec::{
    data::{Batch, Sampler},
    eval::{Query, TopK},
    executor::{Executor, StageTime, profile, score_catalogue, top_catalogue},
    gpu::{BatchMaker, Gpu, GpuExecutor, GpuOptions, Select},
    plan::{L2, Optimizer, Plan, State},
    rng::{Permutation, Rng},
};

/// Batches that are drawn beforehand and gone through in turn.
const BATCHES: u32 = 4;

/// NVIDIA's published workload, with its batch and with one that a user would take, then the papers' models.
const WORKLOADS: [Workload; 6] = [
    Workload {
        name: "nvidia64b1m",
        batch: 1 << 20,
        ..NVIDIA64
    },
    Workload {
        name: "nvidia64b4k",
        batch: 4096,
        ..NVIDIA64
    },
    Workload {
        name: "paper64b4k",
        batch: 4096,
        ..PAPER64
    },
    PAPER64,
    Workload {
        name: "paper8b16k",
        batch: 16_384,
        ..PAPER8
    },
    PAPER8,
];

struct Options {
    select: Select,
    mixed: bool,
    peak: Option<f64>,
    seconds: f64,
    workloads: Vec<String>,
}

impl Options {
    fn read() -> Self {
        let mut options = Options {
            select: Select::Any,
            mixed: false,
            peak: None,
            seconds: if is_test() { 0.0 } else { 3.0 },
            workloads: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
            match argument.as_str() {
                "--adapter" => options.select = Select::Named(value()),
                "--mixed" => options.mixed = true,
                "--peak" => options.peak = Some(value().parse().expect("TFLOP/s")),
                "--seconds" => options.seconds = value().parse().expect("seconds"),
                "--workload" => options.workloads.push(value()),
                _ => {} // cargo's own
            }
        }
        options
    }

    /// The workloads asked for; small ones where the bench only has to run.
    fn workloads(&self) -> Vec<Workload> {
        let asked =
            |workload: &Workload| self.workloads.is_empty() || self.workloads.iter().any(|n| n == workload.name);
        let small = |workload: Workload| Workload {
            users: 100,
            items: 90,
            batch: workload.batch.min(300),
            ..workload
        };
        let all = WORKLOADS.into_iter().filter(asked);
        if is_test() {
            all.map(small).collect()
        } else {
            all.collect()
        }
    }
}

fn main() {
    let options = Options::read();
    let how = GpuOptions {
        mixed: options.mixed,
        ..GpuOptions::default()
    };
    let gpu = match Gpu::open(&options.select, how) {
        Ok(gpu) => gpu,
        Err(error) => return println!("no measurement: {error}"),
    };
    let precision = if options.mixed { ", mixed precision" } else { "" };
    println!("{}{precision}\n", gpu.name());
    let mut rates = table(&["workload", "batch", "ms a step", "M samples/s", "GFLOP/s", "dispatches"]);
    let mut profiles = Vec::new();
    for workload in options.workloads() {
        let plan = workload.plan();
        let batches: Vec<Batch> = (0..BATCHES).map(|k| zipf_batch(&plan, workload.batch, k)).collect();
        let state = State::initial(&plan, 1, true).unwrap();
        let mut executor = GpuExecutor::new(&gpu, plan, &state).expect("the model fits the device");
        let (seconds, dispatches) = seconds_a_step(&mut executor, &batches, options.seconds);
        let rate = workload.batch as f64 / seconds;
        rates.add_row([
            workload.name.to_string(),
            workload.batch.to_string(),
            format!("{:.3}", 1e3 * seconds),
            format!("{:.3}", 1e-6 * rate),
            format!("{:.0}", 1e-9 * rate * workload.flops() as f64),
            dispatches.to_string(),
        ]);
        match profile(&mut executor, &batches[0], &Optimizer::default(), L2::default()).wait() {
            Ok(stages) => profiles.push((workload, stages)),
            Err(error) => println!("{}: no profile: {error}", workload.name),
        }
    }
    println!("{rates}");
    if options.workloads.is_empty() {
        println!("\n{}", batches_table(&gpu, options.seconds));
        println!("\n{}", search_table(&gpu));
    }
    for (workload, stages) in profiles {
        println!("\n{} at batch {}", workload.name, workload.batch);
        println!("{}", profile_table(&StageTime::merged(stages), options.peak));
    }
}

/// Best of three, after one that does not count.
fn best_seconds(mut run: impl FnMut()) -> f64 {
    run();
    let mut once = || {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    once().min(once()).min(once())
}

/// Batches made on the device and by one thread of the host: data of MovieLens-20M's sizes, four negatives.
fn batches_table(gpu: &Gpu, seconds: f64) -> Table {
    let data = ML_20M.to_test().generate(1);
    let sampler = Sampler::new(&data, 4, 1).expect("nobody has every item");
    let rows = [data.users() as usize, data.items() as usize];
    let mut table = table(&["batch", "samples", "device ms", "M samples/s", "host ms"]);
    let sizes: &[u32] = if is_test() { &[300] } else { &[4096, 1 << 16, 1 << 20] };
    for &samples in sizes {
        let mut batch = Batch::new(2, samples as usize);
        let fill_on_host = best_seconds(|| sampler.fill(0, 0, samples as usize, &mut batch));
        let sort_on_host = best_seconds(|| batch.sort());
        let mut sorter = BatchMaker::new(gpu, &rows, samples).expect("a batch fits the device");
        sorter.sort(&mut batch).wait().expect("its ids are in range");
        let mut drawer = BatchMaker::sampling(gpu, &sampler, samples)
            .wait()
            .expect("the data fits the device");
        for (what, maker, host) in [
            ("sort", &mut sorter, sort_on_host),
            ("sampler and sort", &mut drawer, fill_on_host),
        ] {
            let device = maker.seconds_each(samples, seconds).expect("the device is there");
            table.add_row([
                what.to_string(),
                samples.to_string(),
                format!("{:.3}", 1e3 * device),
                format!("{:.1}", 1e-6 * f64::from(samples) / device),
                format!("{:.3}", 1e3 * host),
            ]);
        }
    }
    table
}

/// The ten best of all items for some users, found on the device or on the host by scores that come back.
fn search_table(gpu: &Gpu) -> Table {
    let mut table = table(&[
        "top_k",
        "items",
        "users",
        "ms on the device",
        "ms by scores that come back",
    ]);
    for (name, workload) in [("paper8", PAPER8), ("nvidia64", NVIDIA64)] {
        let workload = match is_test() || gpu.is_software() {
            true => Workload {
                users: 100,
                items: 90,
                ..workload
            },
            false => workload,
        };
        let plan = workload.plan();
        let users: Vec<u32> = (0..64).collect();
        let queries: Vec<Query> = users.iter().map(|&user| Query { user, known: &[] }).collect();
        let state = State::initial(&plan, 1, false).unwrap();
        let mut executor = GpuExecutor::new(gpu, plan.clone(), &state).expect("the model fits the device");
        let found = best_seconds(|| {
            top_catalogue(&mut executor, &queries, 10)
                .wait()
                .expect("scores are finite");
        });
        let items = plan.rows(1);
        let mut scores = vec![0.0; users.len() * items];
        let back = best_seconds(|| {
            score_catalogue(&mut executor, &users, &mut scores)
                .wait()
                .expect("users are there");
            for scores in scores.chunks_exact(items) {
                let mut top = TopK::new(10);
                (0..).zip(scores).for_each(|(item, &score)| top.offer(item, score));
                std::hint::black_box(top.take_sorted());
            }
        });
        table.add_row([
            name.to_string(),
            items.to_string(),
            users.len().to_string(),
            format!("{:.3}", 1e3 * found),
            format!("{:.3}", 1e3 * back),
        ]);
    }
    table
}

/// Seconds of a step, the device kept busy, and its dispatches.
fn seconds_a_step(executor: &mut GpuExecutor, batches: &[Batch], least: f64) -> (f64, u64) {
    let mut steps = 0;
    let mut run = |executor: &mut GpuExecutor| {
        let batch = &batches[steps % batches.len()];
        let done = executor.step(batch, &Optimizer::default(), L2::default(), &mut || {});
        done.wait().expect("the batch fits the plan");
        steps += 1;
    };
    for _ in batches {
        run(executor);
    }
    executor.take_loss().wait().expect("the device is there"); // waits for the steps
    let before = executor.counts().dispatches;
    let (start, mut timed) = (Instant::now(), 0u32);
    while timed < 8 || (start.elapsed().as_secs_f64() < least && timed < 100_000) {
        run(executor);
        timed += 1;
    }
    executor.take_loss().wait().expect("the device is there");
    let seconds = start.elapsed().as_secs_f64() / f64::from(timed);
    (seconds, (executor.counts().dispatches - before) / u64::from(timed))
}

fn zipf_batch(plan: &Plan, samples: usize, seed: u32) -> Batch {
    let rng = Rng::new(7).stream(seed);
    let ids = |column: usize| -> Vec<u32> {
        let rows = plan.rows(column) as u32;
        let rng = rng.stream(column as u32 + 1);
        // The frequent ids are dealt out anew, so that they are not the smallest; the same ones in each batch.
        let deal = Permutation::new(rows, Rng::new(column as u64));
        let id = |i: u64| ((f64::from(rows) + 1.0).powf(rng.uniform(i).into()) - 1.0) as u32;
        (0..samples as u64).map(|i| deal.at(id(i).min(rows - 1))).collect()
    };
    let columns: Vec<Vec<u32>> = (0..plan.columns().len()).map(ids).collect();
    let columns: Vec<&[u32]> = columns.iter().map(Vec::as_slice).collect();
    let labels: Vec<f32> = (0..samples as u64)
        .map(|i| f32::from(u8::from(rng.below(i, 5) == 0)))
        .collect();
    Batch::from_columns(&columns, &labels).expect("columns and labels are of one length")
}

fn profile_table(stages: &[StageTime], peak: Option<f64>) -> Table {
    let mut table = table(&["dispatch", "times", "ms", "share", "GFLOP/s", "of peak", "GB/s"]);
    let total: f64 = stages.iter().map(|stage| stage.seconds).sum();
    for stage in stages {
        let rate = |amount: f64| 1e-9 * amount / stage.seconds.max(1e-9);
        let is_product = stage.flops > stage.bytes; // bound by arithmetic, or meant to be
        let of_peak = peak.filter(|_| is_product).map(|peak| 0.1 * rate(stage.flops) / peak);
        table.add_row([
            stage.name.clone(),
            stage.count.to_string(),
            format!("{:.3}", 1e3 * stage.seconds),
            format!("{:.1} %", 100.0 * stage.seconds / total.max(1e-9)),
            if is_product {
                format!("{:.0}", rate(stage.flops))
            } else {
                String::new()
            },
            of_peak.map_or(String::new(), |share| format!("{share:.1} %")),
            format!("{:.0}", rate(stage.bytes)),
        ]);
    }
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
