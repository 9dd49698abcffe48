//! A training step, forward, backward and optimiser, on batches drawn beforehand: the workloads that PyTorch is measured
//! on (`peers/`), NeuMF and models of clicks, with one thread and two.

mod common;

use std::{cell::OnceCell, hint::black_box, time::Duration};

use common::{
    Group, Work,
    ceilings::{self, Ceiling},
    clicks, criterion, is_test,
    models::{self, PAPER8, Train, isas},
    turns::in_turn,
};
use pocketrec::{
    cpu::Isa,
    data::Batch,
    executor::Executor,
    plan::{AdamConfig, L2, Optimizer},
};

/// A turn of steps. In turns of 2 ms those of two threads lose up to two fifths: it takes some steps until the second thread is
/// awake and each has its part of the tables in its caches.
const TURN: Duration = Duration::from_millis(30);

/// A step with one thread, with two, and the multiply-add loop of two threads, measured in turn.
struct Row {
    name: String,
    isa: Isa,
    /// Samples of the step.
    samples: usize,
    /// Samples a second with one thread and with two.
    rates: [f64; 2],
    /// One thread's time over two's.
    ratio: f64,
    /// Flops a second, and which share that is of the loop.
    flops: f64,
    share: f64,
}

/// What steps, and the batch that comes next.
struct Trained<'a> {
    executor: Box<dyn Executor>,
    optimizer: Optimizer,
    batches: &'a [Batch],
    at: usize,
}

impl<'a> Trained<'a> {
    fn new(workload: &dyn Train, optimizer: Optimizer, batches: &'a [Batch], isa: Isa, threads: usize) -> Self {
        Trained {
            executor: workload.executor(isa, threads, &optimizer),
            optimizer,
            batches,
            at: 0,
        }
    }

    fn step(&mut self) {
        self.at = (self.at + 1) % self.batches.len();
        let done = self
            .executor
            .step(&self.batches[self.at], &self.optimizer, L2::default(), &mut || {});
        done.wait().expect("the batch fits the plan");
    }
}

/// The benches of a step, and its row where they were measured.
fn step(group: &mut Group<'_>, workload: &dyn Train, optimizer: Optimizer, isa: Isa) -> Option<Row> {
    let dense = if matches!(optimizer, Optimizer::Adam(_)) {
        "/dense adam"
    } else {
        ""
    };
    let name = format!("{}{dense}", workload.name());
    let (samples, flops) = (workload.batch_size(), workload.step_flops());
    let batches = OnceCell::new();
    let trained = |threads| {
        let batches = batches.get_or_init(|| workload.batches());
        Trained::new(workload, optimizer, batches, isa, threads)
    };
    let measured = [1, 2].map(|threads| {
        let work = Work::samples(samples).of(flops, Ceiling::Fma(isa, threads));
        let id = format!("{name}/{samples}/{isa}/{threads} threads");
        group.run(id, work, || trained(threads), Trained::step)
    });
    if measured.contains(&None) {
        return None;
    }
    let [mut one, mut two] = [1, 2].map(trained);
    let mut loop_flops = 0;
    let turns = in_turn(
        TURN,
        [&mut || one.step(), &mut || two.step(), &mut || {
            loop_flops = black_box(ceilings::fma_turn(isa, 2));
        }],
    );
    Some(Row {
        name,
        isa,
        samples,
        rates: [0, 1].map(|of| samples as f64 / turns.seconds(of)),
        ratio: turns.ratio(0, 1),
        flops: flops as f64 / turns.seconds(1),
        share: turns.ratio(2, 1) * flops as f64 / loop_flops as f64,
    })
}

fn print_table(rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    println!("\n| workload | batch | isa | samples/s, 1 thread | 2 threads | ratio | GFLOP/s | of the loop |");
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | {} | {} | {:.0} k | {:.0} k | {:.2} | {:.1} | {:.0} % |",
            row.name,
            row.samples,
            row.isa,
            row.rates[0] / 1e3,
            row.rates[1] / 1e3,
            row.ratio,
            row.flops / 1e9,
            100.0 * row.share,
        );
    }
    println!();
}

fn main() {
    let mut criterion = criterion();
    let mut group = Group::new(&mut criterion, "step").slow();
    let mut rows = Vec::new();
    let of_ids = models::ALL.iter().map(|workload| workload as &dyn Train);
    let of_clicks = clicks::ALL.iter().map(|workload| workload as &dyn Train);
    for workload in of_ids.chain(of_clicks) {
        // The large ones only have to be right elsewhere.
        if is_test() && workload.step_flops() > 5_000_000_000 {
            continue;
        }
        for isa in isas(workload) {
            rows.extend(step(&mut group, workload, Optimizer::default(), isa));
        }
    }
    let dense = Optimizer::Adam(AdamConfig::default());
    for isa in isas(&PAPER8) {
        rows.extend(step(&mut group, &PAPER8, dense, isa));
    }
    drop(group);
    print_table(&rows);
    criterion.final_summary();
}
