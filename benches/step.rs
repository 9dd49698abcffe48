//! A training step, forward, backward and optimiser, on batches drawn beforehand: the workloads that PyTorch is measured
//! on (`peers/`), with one thread and two.

mod common;

use std::cell::RefCell;

use common::{
    Group, Work,
    ceilings::Ceiling,
    criterion, is_test,
    models::{ALL, PAPER8, Workload, isas},
};
use pocketrec::{
    cpu::Isa,
    plan::{AdamConfig, L2, Optimizer},
};

/// A measured step.
struct Row {
    name: String,
    isa: Isa,
    workload: Workload,
    /// Seconds with one thread and with two.
    seconds: [Option<f64>; 2],
}

fn step(group: &mut Group<'_>, workload: Workload, optimizer: Optimizer, isa: Isa) -> Row {
    let dense = if matches!(optimizer, Optimizer::Adam(_)) {
        "/dense adam"
    } else {
        ""
    };
    let name = format!("{}{dense}", workload.name);
    let batches = RefCell::new(None);
    let seconds = [1, 2].map(|threads| {
        let setup = || {
            batches.borrow_mut().get_or_insert_with(|| workload.batches());
            (workload.executor(isa, threads, &optimizer), 0)
        };
        let flops = workload.flops() * workload.batch;
        let work = Work::samples(workload.batch).of(flops, Ceiling::Fma(isa, threads));
        let id = format!("{name}/{}/{isa}/{threads} threads", workload.batch);
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
        workload,
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
        let Row {
            name, isa, workload, ..
        } = row;
        let samples = workload.batch as f64;
        let flops = workload.flops() as f64 * samples / two;
        let (rates, ratio) = ((samples / one, samples / two), one / two);
        let share = 100.0 * flops / Ceiling::Fma(*isa, 2).rate();
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
    for workload in ALL {
        // The large ones only have to be right elsewhere.
        if is_test() && workload.batch * workload.factors > 1 << 15 {
            continue;
        }
        for isa in isas(&workload) {
            rows.push(step(&mut group, workload, Optimizer::default(), isa));
        }
    }
    let dense = Optimizer::Adam(AdamConfig::default());
    for isa in isas(&PAPER8) {
        rows.push(step(&mut group, PAPER8, dense, isa));
    }
    drop(group);
    print_table(&rows);
    criterion.final_summary();
}
