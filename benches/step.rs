//! A training step, forward, backward and optimiser, on batches drawn beforehand: the workloads that PyTorch is measured
//! on (`peers/`), NeuMF and models of clicks, with one thread and two.

mod common;

use std::cell::RefCell;

use common::{
    Group, Work,
    ceilings::Ceiling,
    clicks, criterion, is_test,
    models::{self, PAPER8, Train, isas},
};
use pocketrec::{
    cpu::Isa,
    plan::{AdamConfig, L2, Optimizer},
};

/// A measured step.
struct Row {
    name: String,
    isa: Isa,
    /// Samples of the step.
    samples: usize,
    /// Flops of the step.
    flops: usize,
    /// Seconds with one thread and with two.
    seconds: [Option<f64>; 2],
}

fn step(group: &mut Group<'_>, workload: &dyn Train, optimizer: Optimizer, isa: Isa) -> Row {
    let dense = if matches!(optimizer, Optimizer::Adam(_)) {
        "/dense adam"
    } else {
        ""
    };
    let name = format!("{}{dense}", workload.name());
    let (samples, flops) = (workload.batch_size(), workload.step_flops());
    let batches = RefCell::new(None);
    let seconds = [1, 2].map(|threads| {
        let setup = || {
            batches.borrow_mut().get_or_insert_with(|| workload.batches());
            (workload.executor(isa, threads, &optimizer), 0)
        };
        let work = Work::samples(samples).of(flops, Ceiling::Fma(isa, threads));
        let id = format!("{name}/{samples}/{isa}/{threads} threads");
        group.run(id, work, setup, |(executor, at)| {
            if let Some(batches) = &*batches.borrow() {
                *at = (*at + 1) % batches.len();
                let done = executor.step(&batches[*at], &optimizer, L2::default(), &mut || {});
                done.expect("the batch fits the plan");
            }
        })
    });
    Row {
        name,
        isa,
        samples,
        flops,
        seconds,
    }
}

fn print_table(rows: &[Row]) {
    let measured = || {
        rows.iter()
            .filter_map(|row| Some((row, row.seconds[0]?, row.seconds[1]?)))
    };
    if is_test() || measured().next().is_none() {
        return;
    }
    println!("\n| workload | batch | isa | samples/s, 1 thread | 2 threads | ratio | GFLOP/s | of the loop |");
    println!("|---|---|---|---|---|---|---|---|");
    for (row, one, two) in measured() {
        let (name, isa, samples) = (&row.name, row.isa, row.samples as f64);
        let flops = row.flops as f64 / two;
        let (rates, ratio) = ((samples / one, samples / two), one / two);
        let share = 100.0 * flops / Ceiling::Fma(isa, 2).rate();
        println!(
            "| {name} | {samples} | {isa} | {:.0} k | {:.0} k | {ratio:.2} | {:.1} | {share:.0} % |",
            rates.0 / 1e3,
            rates.1 / 1e3,
            flops / 1e9,
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
            rows.push(step(&mut group, workload, Optimizer::default(), isa));
        }
    }
    let dense = Optimizer::Adam(AdamConfig::default());
    for isa in isas(&PAPER8) {
        rows.push(step(&mut group, &PAPER8, dense, isa));
    }
    drop(group);
    print_table(&rows);
    criterion.final_summary();
}
