//! Growth: the same model on 1 M and on 20 M interactions, and a step's time as its tables grow to 10 M rows.
//!
//! Takes some 12 GB of memory and minutes, so it does nothing unless asked: `POCKETREC_BENCH_SCALE=1 cargo bench --bench
//! scale`, and with `-- paper8b16k` only the first table for that model. It prints tables of its own; criterion would
//! repeat what takes minutes.

mod common;

use std::time::Instant;

use common::{
    data::{ML_1M, ML_20M, Sizes},
    is_test, median,
    models::{NVIDIA64, PAPER8, PAPER8_16K, Train, Workload},
    sized,
};
use pocketrec::{
    cpu::Isa,
    data::{Batch, Interactions, Sampler},
    executor::Executor,
    plan::{L2, Optimizer},
};

const NEGATIVES: u32 = 4;
/// Timed runs; the median counts.
const RUNS: usize = 5;

/// Two batches: one is trained on while the other is filled, as the trainer does it.
struct Feed {
    sampler: Sampler,
    batches: [Batch; 2],
    at: u64,
    size: usize,
}

impl Feed {
    fn new(data: &Interactions, size: usize) -> Self {
        let sampler = Sampler::new(data, NEGATIVES, 1).expect("nobody has every item");
        let mut first = Batch::new(2, size);
        sampler.fill(0, 0, size, &mut first);
        Feed {
            sampler,
            batches: [first, Batch::new(2, size)],
            at: 0,
            size,
        }
    }

    fn step(&mut self, executor: &mut dyn Executor) {
        let last = self.sampler.samples_per_epoch().saturating_sub(self.size as u64).max(1);
        self.at = (self.at + self.size as u64) % last;
        let Feed {
            sampler,
            batches: [now, next],
            at,
            size,
        } = self;
        let done = executor.step(now, &Optimizer::default(), L2::default(), &mut || {
            sampler.fill(0, *at, *size, next)
        });
        done.wait().expect("the batch fits the plan");
        self.batches.swap(0, 1);
    }
}

/// Samples a second, drawn, sorted and trained.
fn rate(executor: &mut dyn Executor, feed: &mut Feed, steps: usize) -> f64 {
    for _ in 0..steps / 10 + 2 {
        feed.step(executor);
    }
    let mut run = || {
        let start = Instant::now();
        for _ in 0..steps {
            feed.step(executor);
        }
        (steps * feed.size) as f64 / start.elapsed().as_secs_f64()
    };
    let rates: Vec<f64> = (0..sized(RUNS, 1)).map(|_| run()).collect();
    median(&rates).unwrap_or(0.0)
}

/// A workload with tables of other sizes.
fn resized(workload: Workload, sizes: Sizes) -> Workload {
    Workload {
        users: sizes.users as usize,
        items: sizes.items as usize,
        ..workload
    }
}

fn data_sizes(isa: Isa, filter: &str) {
    println!(
        "\n| model | batch | interactions | threads | samples/s | of ML-1M's | users' and items' rows a step \
         | bytes of memory an interaction |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut small = Vec::new();
    for (name, sizes) in [("ml-1m sizes", ML_1M), ("ml-20m sizes", ML_20M)] {
        let sizes = sizes.to_test();
        let before = resident();
        let data = sizes.generate(1);
        let held = resident().saturating_sub(before) as f64 / data.len() as f64;
        for (index, (workload, threads)) in cases(filter).enumerate() {
            let workload = resized(workload, sizes);
            let mut executor = workload.executor(isa, threads, &Optimizer::default());
            let mut feed = Feed::new(&data, workload.batch);
            let flops = workload.step_flops();
            let steps = sized((100_000_000_000 / flops).clamp(10, 20_000), 2);
            let rate = rate(&mut *executor, &mut feed, steps);
            if small.len() <= index {
                small.push(rate);
            }
            let Workload { name: model, batch, .. } = workload;
            let share = 100.0 * rate / small[index];
            let rows: usize = feed.batches[0]
                .columns()
                .iter()
                .map(|column| column.segments.len())
                .sum();
            println!(
                "| {model} | {batch} | {name}: {} | {threads} | {:.0} k | {share:.0} % | {rows} | {held:.1} |",
                data.len(),
                rate / 1e3
            );
        }
    }
}

/// Workloads whose names contain `filter`, with threads.
fn cases(filter: &str) -> impl Iterator<Item = (Workload, usize)> {
    let workloads = [PAPER8, PAPER8_16K, NVIDIA64]
        .into_iter()
        .filter(move |w| w.name.contains(filter) && (!is_test() || w.factors < 64));
    workloads.flat_map(|workload| [(workload, 1), (workload, 2)])
}

fn table_sizes(isa: Isa) {
    println!("\n| rows of the item tables | batch | microseconds a step, LazyAdam, 1 thread |");
    println!("|---|---|---|");
    for rows in [10_000, 100_000, 1_000_000, 10_000_000] {
        let workload = Workload {
            items: sized(rows, rows / 1000),
            ..PAPER8
        };
        let optimizer = Optimizer::default();
        let mut executor = workload.executor(isa, 1, &optimizer);
        // As many distinct rows whatever the table: ids spread over all of it.
        let batches = workload.batches();
        let mut run = |steps: usize| {
            let start = Instant::now();
            for batch in batches.iter().cycle().take(steps) {
                let done = executor.step(batch, &optimizer, L2::default(), &mut || {});
                done.wait().expect("the batch fits the plan");
            }
            1e6 * start.elapsed().as_secs_f64() / steps as f64
        };
        let steps = sized(2000, 2);
        run(steps);
        let times: Vec<f64> = (0..sized(RUNS, 1)).map(|_| run(steps)).collect();
        println!("| {rows} | {} | {:.1} |", workload.batch, median(&times).unwrap_or(0.0));
    }
}

/// Bytes of this process in memory; 0 where the system does not tell.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = status
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages * 4096
}

fn main() {
    if !is_test() && std::env::var_os("POCKETREC_BENCH_SCALE").is_none() {
        println!("scale: takes gigabytes and minutes; set POCKETREC_BENCH_SCALE=1 to run it");
        return;
    }
    let isa = Isa::available()[0];
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    data_sizes(isa, filter.as_deref().unwrap_or(""));
    if filter.is_none() {
        table_sizes(isa);
    }
}
