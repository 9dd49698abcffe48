//! Rows of nodes cut into runs, which threads go through side by side.

use alloc::vec::Vec;
use core::ops::Range;

#[cfg(not(feature = "parallel"))]
use crate::cpu::serial::Pool;
#[cfg(feature = "parallel")]
use crate::cpu::threads::Pool;
use crate::{
    cpu::{simd::Proof, tile::Scratch},
    data::Graph,
};

/// Runs of rows that each table's are cut into, of about equal work.
pub(super) const PIECES: usize = 32;
/// What a row costs beside its edges, in edges: its gradient and its moments are read and written.
const ROW: usize = 4;

/// Threads, with what they need.
pub(super) struct Workers<'a> {
    pub pool: &'a mut Pool,
    pub scratch: &'a mut [Scratch],
    pub proof: Proof,
    /// Floats in a row.
    pub width: usize,
}

/// A run of nodes, and the rows that are written for them.
pub(super) type Run<'a, E> = (Range<usize>, &'a mut [E]);

impl Workers<'_> {
    /// Hands each task to one thread, with a row of floats to work with.
    pub fn for_each<T: Send, const N: usize>(
        &mut self,
        mut tasks: [Option<T>; N],
        f: impl Fn(&mut T, &mut [f32]) + Sync,
    ) {
        let count = tasks.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        let width = self.width;
        self.pool.for_each(self.scratch, &mut tasks[..count], |scratch, task| {
            if let Some(task) = task {
                let row = scratch.work();
                if row.len() < width {
                    row.resize(width);
                }
                f(task, row);
            }
        });
    }
}

/// Where runs of about equal work begin and end.
pub(super) fn cuts(graph: &Graph, nodes: Range<usize>) -> Vec<usize> {
    let work = |node: usize| graph.offsets()[node] + ROW * node;
    let (start, end) = (work(nodes.start), work(nodes.end));
    let cut = |piece: usize| {
        let share = start + ((end - start) as u128 * piece as u128 / PIECES as u128) as usize;
        let (mut low, mut high) = (nodes.start, nodes.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match work(middle) < share {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    };
    (0..=PIECES).map(cut).collect()
}

pub(super) fn runs(cuts: &[usize]) -> impl Iterator<Item = Range<usize>> + Clone + '_ {
    cuts.windows(2)
        .map(|pair| pair[0]..pair[1])
        .filter(|run| !run.is_empty())
}

/// Cuts rows of all nodes into those of runs that follow one another; rows between them are left out.
pub(super) fn split_rows<E>(
    rows: &mut [E],
    runs: impl Iterator<Item = Range<usize>>,
    width: usize,
) -> [Option<Run<'_, E>>; 2 * PIECES] {
    let mut tasks = [const { None }; 2 * PIECES];
    let (mut rest, mut at) = (rows, 0);
    for (task, run) in tasks.iter_mut().zip(runs) {
        let (own, behind) = rest[(run.start - at) * width..].split_at_mut(run.len() * width);
        (rest, at) = (behind, run.end);
        *task = Some((run, own));
    }
    tasks
}
