//! What the benches share: measuring with criterion, and each result's share of what the machine can do.
//!
//! Below criterion's line of a bench stands what it came to and which share that is of the right ceiling. The
//! ceilings ([`ceilings`]) are measured in the same run, when they are first asked for.
#![allow(dead_code)] // each bench uses its part

pub mod attention_unit;
pub mod ceilings;
pub mod clicks;
pub mod data;
pub mod flops;
pub mod gru;
pub mod linear;
pub mod models;
pub mod tiles;
pub mod turns;

use std::{cell::RefCell, hint::black_box, time::Instant};

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};

use ceilings::Ceiling;
use pocketrec::{cpu::Isa, plan::Accumulate};

/// Calls `$bench(proof, isa, arguments)` for an instruction set that this processor has.
#[macro_export]
macro_rules! on_isa {
    ($isa:expr, $bench:ident($($argument:expr),* $(,)?)) => {
        match $isa {
            pocketrec::cpu::Isa::Scalar => $bench(pocketrec::cpu::Scalar, $isa, $($argument),*),
            #[cfg(target_arch = "x86_64")]
            pocketrec::cpu::Isa::Avx2 => $bench(pocketrec::cpu::Avx2::new().expect("avx2"), $isa, $($argument),*),
            #[cfg(target_arch = "x86_64")]
            pocketrec::cpu::Isa::Avx512 => $bench(pocketrec::cpu::Avx512::new().expect("avx512"), $isa, $($argument),*),
            #[cfg(target_arch = "aarch64")]
            pocketrec::cpu::Isa::Neon => $bench(pocketrec::cpu::Neon::new(), $isa, $($argument),*),
            #[allow(unreachable_patterns)]
            other => panic!("no bench on {other}"),
        }
    };
}

/// Whether benches only have to run, once each: `cargo test --benches`, or `cargo bench -- --test`.
pub fn is_test() -> bool {
    let given = |flag: &str| std::env::args().any(|argument| argument == flag);
    given("--test") || !given("--bench")
}

/// `full` in a measurement, `small` where the bench only has to run.
pub fn sized<T>(full: T, small: T) -> T {
    if is_test() { small } else { full }
}

/// Criterion with the settings of all benches: short, since there are many of them.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .nresamples(5000)
        .without_plots()
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(800))
        .configure_from_args()
}

/// What an iteration does, and what bounds it.
#[derive(Clone)]
pub struct Work {
    /// Samples or bytes, for criterion's line.
    pub throughput: Throughput,
    /// Flops or bytes of an iteration and the ceiling that they are held against.
    pub bound: Option<(f64, Ceiling)>,
}

impl Work {
    /// `samples` an iteration, no ceiling.
    pub fn samples(samples: usize) -> Self {
        Work {
            throughput: Throughput::Elements(samples as u64),
            bound: None,
        }
    }

    /// `bytes` an iteration, no ceiling.
    pub fn bytes(bytes: usize) -> Self {
        Work {
            throughput: Throughput::Bytes(bytes as u64),
            bound: None,
        }
    }

    /// `samples` an iteration that compute: `flops`, against the multiply-add loop of a thread.
    pub fn computing(samples: usize, flops: usize, isa: Isa) -> Self {
        Work::samples(samples).of(flops, Ceiling::Fma(isa, 1))
    }

    /// `samples` an iteration that move data: `floats` read and written, against a copy in cache.
    pub fn moving(samples: usize, floats: usize) -> Self {
        Work::samples(samples).of(4 * floats, Ceiling::CopyInCache)
    }

    /// Sets the flops or bytes that are held against a ceiling.
    pub fn of(mut self, amount: usize, ceiling: Ceiling) -> Self {
        self.bound = Some((amount as f64, ceiling));
        self
    }
}

/// The two ways in which a gradient is delivered, what benches call them, and how many operands of the gradient's size
/// the second reads besides.
pub const BACKWARD: [(Accumulate, &str, usize); 2] = [
    (Accumulate::Overwrite, "backward write", 0),
    (Accumulate::Add, "backward add", 1),
];

/// The main function of an op's bench: the group called `name`, which `run` fills.
pub fn bench(name: &str, run: impl FnOnce(&mut Group<'_>)) {
    let mut criterion = criterion();
    run(&mut Group::new(&mut criterion, name));
    criterion.final_summary();
}

/// A group of benches.
pub struct Group<'a> {
    group: BenchmarkGroup<'a, WallTime>,
}

impl<'a> Group<'a> {
    /// The group called `name`.
    pub fn new(criterion: &'a mut Criterion, name: &str) -> Self {
        Group {
            group: criterion.benchmark_group(name),
        }
    }

    /// For iterations that take tenths of a second and more: ten of them, whatever that takes.
    pub fn slow(mut self) -> Self {
        self.group.sample_size(10).sampling_mode(SamplingMode::Flat);
        self
    }

    /// Measures `body` on what `setup` makes, which is made only if the bench is wanted. Gives seconds an iteration,
    /// or nothing where the bench is filtered out or only tested.
    pub fn run<T, R>(
        &mut self,
        id: impl Into<String>,
        work: Work,
        setup: impl FnOnce() -> T,
        mut body: impl FnMut(&mut T) -> R,
    ) -> Option<f64> {
        let samples = RefCell::new(Vec::new());
        let (mut setup, mut state) = (Some(setup), None);
        self.group.throughput(work.throughput);
        self.group.bench_function(id.into(), |bencher| {
            if let Some(setup) = setup.take() {
                state = Some(setup());
            }
            let Some(state) = &mut state else { return };
            bencher.iter_custom(|iterations| {
                let start = Instant::now();
                for _ in 0..iterations {
                    black_box(body(state));
                }
                let elapsed = start.elapsed();
                samples.borrow_mut().push(elapsed.as_secs_f64() / iterations as f64);
                elapsed
            });
        });
        if is_test() {
            return None;
        }
        // Warming up comes first, in ever longer runs: the later half is measurement.
        let samples = samples.into_inner();
        let seconds = median(&samples[samples.len() / 2..])?;
        if let Some((amount, ceiling)) = work.bound {
            note(&ceiling.share(amount / seconds));
        }
        Some(seconds)
    }
}

/// The middle value.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// A line below criterion's.
pub fn note(text: &str) {
    println!("                        {text}");
}
