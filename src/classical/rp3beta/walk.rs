//! Counts walks: `w_i = |U_i|^-alpha sum over v in U_i of |I_v|^-alpha [j in I_v]`, divided by `|U_j|^beta`.
//!
//! An item's weights are added up in a row over all items, in `f64` and in the order of users, by one thread, so that the bits do not
//! depend on how many there are. What was touched is noted, and so the row is cleared by as much as it was filled.

use alloc::{format, vec, vec::Vec};
use core::{cmp::Ordering, ops::Range};

use super::{Rp3BetaConfig, Walks};
use crate::{
    Result,
    classical::transposed::Lists,
    cpu::Workers,
    data::Interactions,
    memory::{self, Need},
};

/// Items that a thread takes at once: enough that there is little to hand out, few enough that popular items next to each other do not
/// keep one thread while others have nothing left.
const RUN: usize = 32;

/// The row of an item while it is counted.
struct Row {
    sums: Vec<f64>,
    touched: Vec<u32>,
    kept: Vec<(u32, f32)>,
}

/// Items, and what is kept of them.
struct Run {
    items: Range<usize>,
    counts: Vec<u32>,
    neighbours: Vec<u32>,
    weights: Vec<f32>,
}

pub(super) fn count(data: &Interactions, config: Rp3BetaConfig, workers: &mut Workers) -> Result<Walks> {
    let items = data.items() as usize;
    check_memory(data, config, workers.threads())?;
    let by_user = Lists::collect((0..data.users()).map(|user| data.of_user(user).iter().copied()));
    let by_item = by_user.transposed(items);
    let of = |lists: &Lists, exponent: f32| -> Vec<f64> {
        let power = |list: usize| libm::pow(lists.get(list).len().max(1) as f64, -f64::from(exponent));
        (0..lists.len()).map(power).collect()
    };
    let (users, starts, ends) = (
        of(&by_user, config.alpha),
        of(&by_item, config.alpha),
        of(&by_item, config.beta),
    );
    let mut runs: Vec<Run> = (0..items)
        .step_by(RUN)
        .map(|first| Run {
            items: first..items.min(first + RUN),
            counts: Vec::new(),
            neighbours: Vec::new(),
            weights: Vec::new(),
        })
        .collect();
    let row = || Row {
        sums: vec![0.0; items],
        touched: Vec::new(),
        kept: Vec::new(),
    };
    workers.for_each(row, &mut runs, |row, run| {
        for item in run.items.clone() {
            for &user in by_item.get(item) {
                row.add(by_user.get(user as usize), users[user as usize]);
            }
            row.finish(item as u32, starts[item], &ends);
            row.keep(&config);
            run.counts.push(row.kept.len() as u32);
            run.neighbours.extend(row.kept.iter().map(|pair| pair.0));
            run.weights.extend(row.kept.iter().map(|pair| pair.1));
        }
    });
    Ok(joined(config, runs))
}

/// Refuses what does not fit, before it is counted.
fn check_memory(data: &Interactions, config: Rp3BetaConfig, threads: usize) -> Result<()> {
    let items = data.items() as usize;
    let squares = (0..data.users()).map(|user| data.of_user(user).len().saturating_pow(2));
    let most = squares.fold(0usize, usize::saturating_add);
    let kept = items.saturating_mul(config.neighbours.min(items)).min(most);
    let mut need = Need::new(format!("the neighbours of {items} items"));
    need.add("neighbours", memory::bytes_of::<[u64; 2]>(kept)); // twice while they are put together
    need.add(
        "rows of threads",
        memory::bytes_of::<f64>(items.saturating_mul(threads)),
    );
    need.add("interactions", memory::bytes_of::<[u32; 2]>(data.len()));
    need.check()
}

/// Puts the runs one behind the other; each is given back as soon as it was read.
fn joined(config: Rp3BetaConfig, runs: Vec<Run>) -> Walks {
    let mut walks = Walks::empty(config);
    let kept = runs.iter().map(|run| run.neighbours.len()).sum();
    walks.neighbours.reserve_exact(kept);
    walks.weights.reserve_exact(kept);
    let mut end = 0;
    for run in runs {
        for count in run.counts {
            end += u64::from(count);
            walks.offsets.push(end);
        }
        walks.neighbours.extend(run.neighbours);
        walks.weights.extend(run.weights);
    }
    walks
}

impl Row {
    /// Adds the walks through a user.
    #[inline]
    fn add(&mut self, items: &[u32], weight: f64) {
        for &item in items {
            let sum = &mut self.sums[item as usize];
            if *sum == 0.0 {
                self.touched.push(item);
            }
            *sum += weight;
        }
    }

    /// Takes the weights out of the sums, which are zero afterwards.
    fn finish(&mut self, own: u32, start: f64, ends: &[f64]) {
        self.kept.clear();
        for &item in &self.touched {
            let sum = core::mem::take(&mut self.sums[item as usize]);
            let weight = (sum * start * ends[item as usize]) as f32;
            if item != own && weight > 0.0 {
                self.kept.push((item, weight));
            }
        }
        self.touched.clear();
    }

    /// Keeps the largest, in order.
    fn keep(&mut self, config: &Rp3BetaConfig) {
        let best_first = |a: &(u32, f32), b: &(u32, f32)| -> Ordering { b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)) };
        if config.neighbours < self.kept.len() {
            self.kept.select_nth_unstable_by(config.neighbours - 1, best_first);
            self.kept.truncate(config.neighbours);
        }
        self.kept.sort_unstable_by(best_first);
        if config.normalize {
            let sum: f64 = self.kept.iter().map(|pair| f64::from(pair.1)).sum();
            for (_, weight) in &mut self.kept {
                *weight = (f64::from(*weight) / sum) as f32;
            }
        }
    }
}
