//! What the machine can do at most: multiply-adds, copies and random rows, measured when first asked for.
//!
//! This is the benches' place for `unsafe`: a loop compiled with an instruction set, and prefetches.

use std::{fmt, hint::black_box, sync::Mutex, thread, time::Instant};

use pocketrec::{
    cpu::{Isa, Simd},
    rng::Rng,
};

use super::{data::Aligned, sized};

/// Floats in a row of the tables that random rows are read from: 256 bytes.
pub const ROW: usize = 64;
/// Rows ahead of the one in use that are asked for.
const AHEAD: usize = 16;
/// Timed runs of a ceiling. The best counts: a ceiling is what can be had, not what is had on average.
const RUNS: usize = 7;

/// A limit of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// Multiply-adds of registers alone: flops a second on so many threads at once.
    Fma(Isa, usize),
    /// Bytes read and written a second by a copy within 256 KiB.
    CopyInCache,
    /// The same within 512 MiB.
    CopyInMemory,
    /// Bytes read and written a second where 512 MiB are changed in place: a copy writes to lines that it has not read.
    UpdateInMemory,
    /// Bytes read a second from random rows of a 1 GiB table, on one thread.
    RandomRows {
        /// Whether rows are asked for ahead of their use.
        prefetch: bool,
    },
    /// Bytes read and written a second at random rows of a 1 GiB table, with prefetch, on one thread.
    RandomUpdates,
}

impl Ceiling {
    /// Flops or bytes a second.
    pub fn rate(self) -> f64 {
        static KNOWN: Mutex<Vec<(Ceiling, f64)>> = Mutex::new(Vec::new());
        let mut known = KNOWN.lock().expect("no bench panics while it holds this");
        if let Some(&(_, rate)) = known.iter().find(|&&(ceiling, _)| ceiling == self) {
            return rate;
        }
        let rate = self.measure();
        known.push((self, rate));
        rate
    }

    fn measure(self) -> f64 {
        match self {
            Ceiling::Fma(isa, threads) => best(|| fma(isa, threads)),
            Ceiling::CopyInCache => copy(32 << 10, 4096),
            Ceiling::CopyInMemory => copy(sized(64 << 20, 1 << 10), 1),
            Ceiling::UpdateInMemory => update(sized(128 << 20, 1 << 10)),
            Ceiling::RandomRows { prefetch } => {
                let table = cold_table();
                best(|| random_rows(&table, prefetch))
            }
            Ceiling::RandomUpdates => {
                let mut table = cold_table();
                best(|| random_updates(&mut table))
            }
        }
    }

    /// A rate beside the ceiling.
    pub fn share(self, rate: f64) -> String {
        let (unit, limit) = (self.unit(), self.rate());
        let percent = 100.0 * rate / limit;
        format!(
            "{:.1} {unit}, {percent:.0} % of {:.1} ({self})",
            rate / 1e9,
            limit / 1e9
        )
    }

    fn unit(self) -> &'static str {
        if matches!(self, Ceiling::Fma(..)) {
            "GFLOP/s"
        } else {
            "GB/s"
        }
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ceiling::Fma(isa, 1) => write!(f, "multiply-add loop, {isa}, 1 thread"),
            Ceiling::Fma(isa, threads) => write!(f, "multiply-add loop, {isa}, {threads} threads"),
            Ceiling::CopyInCache => f.write_str("copy in cache"),
            Ceiling::CopyInMemory => f.write_str("copy in memory"),
            Ceiling::UpdateInMemory => f.write_str("update in memory"),
            Ceiling::RandomRows { prefetch: true } => f.write_str("random rows, prefetched"),
            Ceiling::RandomRows { prefetch: false } => f.write_str("random rows"),
            Ceiling::RandomUpdates => f.write_str("random rows read and written"),
        }
    }
}

/// Floats of a table that no cache holds: 1 GiB.
pub fn cold_floats() -> usize {
    sized(1 << 28, 1 << 16)
}

/// A table that no cache holds, its pages in memory.
pub fn cold_table() -> Aligned {
    let mut table = Aligned::zeros(cold_floats());
    table.fill(1.0);
    table
}

fn best(mut run: impl FnMut() -> f64) -> f64 {
    (0..sized(RUNS, 1)).map(|_| run()).fold(0.0, f64::max)
}

/// A turn of the multiply-add loop: gives the flops of all threads. Where there are several, starting them takes less
/// than a hundredth of it.
pub fn fma_turn(isa: Isa, threads: usize) -> usize {
    match threads {
        1 => fma_on(isa, sized(400_000, 1000)),
        _ => thread::scope(|scope| {
            let count = sized(4_000_000, 1000);
            let started: Vec<_> = (0..threads).map(|_| scope.spawn(move || fma_on(isa, count))).collect();
            started.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
        }),
    }
}

/// Flops a second of all threads together.
fn fma(isa: Isa, threads: usize) -> f64 {
    let count = sized(20_000_000, 1000);
    let run = || {
        let start = Instant::now();
        fma_on(isa, count) as f64 / start.elapsed().as_secs_f64()
    };
    let rates = thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap_or(0.0))
            .collect::<Vec<f64>>()
    });
    rates.iter().sum()
}

/// The loop on one thread; gives its flops.
fn fma_on(isa: Isa, count: usize) -> usize {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => {
            #[target_feature(enable = "avx2,fma")]
            fn enabled(s: pocketrec::cpu::Avx2, count: usize) -> usize {
                fma_loop(s, count)
            }
            let proof = pocketrec::cpu::Avx2::new().expect("it is available");
            // SAFETY: the proof says that the processor has the features.
            unsafe { enabled(proof, count) }
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => {
            #[target_feature(enable = "avx512f")]
            fn enabled(s: pocketrec::cpu::Avx512, count: usize) -> usize {
                fma_loop(s, count)
            }
            let proof = pocketrec::cpu::Avx512::new().expect("it is available");
            // SAFETY: the proof says that the processor has the feature.
            unsafe { enabled(proof, count) }
        }
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => fma_loop(pocketrec::cpu::Neon::new(), count),
        _ => plain_loop(count / 10),
    }
}

/// Twelve sums, each of which waits only for itself: more than latency times ports of any core. Gives flops.
#[inline(always)]
fn fma_loop<S: Simd>(s: S, count: usize) -> usize {
    const SUMS: usize = 12;
    let (scale, shift) = (s.splat(black_box(0.5)), s.splat(black_box(1.0)));
    let mut sums = [s.splat(black_box(0.0)); SUMS];
    for _ in 0..count {
        for sum in &mut sums {
            *sum = s.mul_add(*sum, scale, shift);
        }
    }
    let mut total = 0.0;
    for sum in sums {
        total += s.reduce_sum(sum);
    }
    black_box(total);
    count * SUMS * S::LANES * 2
}

/// The same in plain code, which the compiler turns into the vectors that every processor of the target has.
#[inline(never)]
fn plain_loop(count: usize) -> usize {
    const SUMS: usize = 48;
    let (scale, shift) = (black_box(0.5), black_box(1.0));
    let mut sums = [black_box(0.0f32); SUMS];
    for _ in 0..count {
        for sum in &mut sums {
            *sum = *sum * scale + shift;
        }
    }
    black_box(sums);
    count * SUMS * 2
}

/// Bytes read and written a second by copies of `floats`.
fn copy(floats: usize, times: usize) -> f64 {
    let (mut from, mut to) = (Aligned::zeros(floats), Aligned::zeros(floats));
    from.fill(1.0);
    to.fill(2.0);
    best(|| {
        let start = Instant::now();
        for _ in 0..times {
            to.copy_from_slice(black_box(&from));
            black_box(&mut to[..]);
        }
        (2 * 4 * floats * times) as f64 / start.elapsed().as_secs_f64()
    })
}

/// Bytes read and written a second by a pass over `floats` that changes each.
fn update(floats: usize) -> f64 {
    let mut table = Aligned::zeros(floats);
    table.fill(1.0);
    best(|| {
        let start = Instant::now();
        for x in table.iter_mut() {
            *x = *x * 0.5 + 1.0;
        }
        black_box(&mut table[..]);
        (2 * 4 * floats) as f64 / start.elapsed().as_secs_f64()
    })
}

/// Asks for the lines of a row.
fn prefetch(table: &[f32], row: usize) {
    let row = &table[row * ROW..][..ROW];
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(16) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64, and a prefetch changes nothing but the cache.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

fn random_ids(table: &[f32]) -> Vec<u32> {
    let rows = (table.len() / ROW) as u32;
    let rng = Rng::new(3);
    (0..sized(1 << 20, 256)).map(|index| rng.below(index, rows)).collect()
}

/// Bytes read a second. Every float of a row is used; the sums are independent.
fn random_rows(table: &[f32], ahead: bool) -> f64 {
    let ids = random_ids(table);
    let mut sums = [0.0; ROW];
    let start = Instant::now();
    for (at, &id) in ids.iter().enumerate() {
        if ahead && let Some(&next) = ids.get(at + AHEAD) {
            prefetch(table, next as usize);
        }
        for (sum, x) in sums.iter_mut().zip(&table[id as usize * ROW..][..ROW]) {
            *sum += x;
        }
    }
    black_box(sums);
    (ids.len() * ROW * 4) as f64 / start.elapsed().as_secs_f64()
}

/// Bytes read and written a second.
fn random_updates(table: &mut [f32]) -> f64 {
    let ids = random_ids(table);
    let start = Instant::now();
    for (at, &id) in ids.iter().enumerate() {
        if let Some(&next) = ids.get(at + AHEAD) {
            prefetch(table, next as usize);
        }
        for x in &mut table[id as usize * ROW..][..ROW] {
            *x += 1.0;
        }
    }
    black_box(&mut *table);
    (2 * ids.len() * ROW * 4) as f64 / start.elapsed().as_secs_f64()
}

/// Prints them all, for the best instruction set.
pub fn print_all() {
    let isa = Isa::available()[0];
    let limits = [
        Ceiling::Fma(isa, 1),
        Ceiling::Fma(isa, 2),
        Ceiling::CopyInCache,
        Ceiling::CopyInMemory,
        Ceiling::UpdateInMemory,
        Ceiling::RandomRows { prefetch: false },
        Ceiling::RandomRows { prefetch: true },
        Ceiling::RandomUpdates,
    ];
    for limit in limits {
        println!("{:>8.1} {:<8} {limit}", limit.rate() / 1e9, limit.unit());
    }
}
