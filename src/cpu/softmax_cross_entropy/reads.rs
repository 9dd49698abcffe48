//! A run of a loss over lists: what it reads, and its products.

use super::{
    Block, LEFT_OUT, QUERIES,
    cut::{Cut, OverLists},
    exponentials, products, scores,
};
use crate::{
    cpu::{
        rows::{Rows, RowsMut},
        simd::{InPieces, Simd, kernel},
    },
    data::Batch,
    plan::Accumulate,
};

/// What runs read.
pub(super) struct Reads<'a> {
    pub cut: Cut,
    pub loss: &'a OverLists,
    pub batch: &'a Batch,
    pub vectors: [&'a [f32]; 3],
    pub transposed: &'a [f32],
    pub offsets: &'a [f32],
    pub places: &'a [u32],
    pub weights: &'a [f32],
    /// The first row of all among the batch's: of a tile.
    pub first: usize,
    /// 1 / rows of the batch: the loss is a mean.
    pub share: f32,
}

/// Where a run leaves gradients.
pub(super) struct RunGradients<'a> {
    pub queries: &'a mut [f32],
    pub own: &'a mut [f32],
    pub sum: &'a mut [f32],
    /// Whether the sum is overwritten or added to.
    pub accumulate: Accumulate,
}

impl<'a> Reads<'a> {
    /// Vectors from one on.
    pub fn rows(&self, side: usize, first: usize) -> Rows<'a> {
        Rows {
            data: &self.vectors[side][first * self.cut.stride..],
            stride: self.cut.stride,
            width: self.cut.width,
        }
    }

    /// The block of a run.
    pub fn block(&self, block: usize) -> Block<'a> {
        let (cut, candidates) = (&self.cut, self.cut.candidates(block));
        let first_panel = block * cut.panels() * cut.columns;
        Block {
            queries: self.rows(0, cut.block_rows(block).start),
            candidates: self.rows(if cut.list.is_some() { 2 } else { 1 }, candidates.start),
            transposed: &self.transposed[first_panel * cut.width..],
            offsets: &self.offsets[first_panel..],
            len: candidates.len(),
            columns: cut.columns,
        }
    }

    /// Runs the queries of a run; gives their loss.
    pub fn run<S: Simd>(&self, s: S, run: usize, work: &mut [f32], to: RunGradients<'_>) -> f64 {
        let (cut, all) = (&self.cut, self.cut.queries(run));
        let (block, begin) = (self.block(run / cut.runs), cut.block_rows(run / cut.runs).start);
        let (numbers, work) = work.split_at_mut(3 * QUERIES);
        let (weighted, work) = work.split_at_mut(QUERIES * cut.stride);
        let [largest, sums, own] = numbers.as_chunks_mut::<QUERIES>().0 else {
            return 0.0;
        };
        let (mut total, mut accumulate) = (0.0, to.accumulate);
        for first in all.clone().step_by(QUERIES) {
            let rows = QUERIES.min(all.end - first);
            scores(s, &block, first - begin, rows, work);
            self.take_out(s, &block, begin, first, rows, work, own);
            // The own exponent is among the scores, or it is beside them.
            largest[..rows].fill(f32::MIN);
            if cut.list.is_some() {
                largest[..rows].copy_from_slice(&own[..rows]);
            }
            exponentials(
                s,
                [rows, cut.columns, block.len.div_ceil(cut.columns)],
                work,
                largest,
                sums,
            );
            for r in 0..rows {
                let at = first - all.start + r;
                total += self.finish_row(first + r, own[r], largest[r], &mut sums[r], &mut to.own[at]);
                let query = block.queries.row(first - begin + r);
                scaled(s, sums[r], query, &mut weighted[r * cut.stride..][..cut.width]);
            }
            let weighted = Rows {
                data: weighted,
                stride: cut.stride,
                width: cut.width,
            };
            let of_queries = &mut to.queries[(first - all.start) * cut.stride..];
            let [mut to_queries, mut to_sum] = [&mut *of_queries, &mut *to.sum].map(|data| RowsMut {
                data,
                stride: cut.stride,
                width: cut.width,
            });
            products(
                s,
                &block,
                rows,
                work,
                weighted,
                &mut to_queries,
                &mut to_sum,
                accumulate,
            );
            for (r, factor) in sums[..rows].iter().enumerate() {
                scale_in_place(s, *factor, &mut of_queries[r * cut.stride..][..cut.width]);
            }
            accumulate = Accumulate::Add;
        }
        total
    }

    /// The loss of a row. Its sum of exponentials becomes what they are multiplied by in gradients.
    fn finish_row(&self, row: usize, own: f32, largest: f32, sum: &mut f32, of_own: &mut f32) -> f64 {
        let (weight, log_weight) = (self.weights[row], self.loss.log_sum);
        let share = weight * self.share;
        let of_list = self.cut.list.map(|_| libm::expf(own - largest));
        let all = *sum + of_list.unwrap_or(0.0);
        let log_q = if self.loss.corrects {
            self.batch.log_q()[row]
        } else {
            0.0
        };
        let log_sum = f64::from(largest) + libm::log(all.into());
        *sum = log_weight * share / all;
        *of_own = of_list.map_or(0.0, |e| e * *sum) - share;
        (f64::from(log_weight) * log_sum - (f64::from(own) + f64::from(log_q))) * f64::from(weight)
    }

    /// Keeps the own exponents, and takes those of candidates with the same id out of the scores.
    #[allow(clippy::too_many_arguments)] // operands with their shapes
    fn take_out<S: Simd>(
        &self,
        s: S,
        block: &Block<'_>,
        begin: usize,
        first: usize,
        rows: usize,
        scores: &mut [f32],
        own: &mut [f32],
    ) {
        let columns = block.columns;
        let place = |r: usize, candidate: usize| (candidate / columns * rows + r) * columns + candidate % columns;
        let of_block = begin..begin + block.len;
        for (r, own) in own[..rows].iter_mut().enumerate() {
            let row = first + r;
            if self.cut.list.is_some() {
                *own = dot(s, self.rows(0, row).row(0), self.rows(1, row).row(0));
                let [Some(of_own), Some(of_list)] = self.loss.columns else {
                    continue;
                };
                let (id, list) = (
                    self.batch.column(of_own).ids[self.first + row],
                    self.batch.column(of_list),
                );
                if let Ok(segment) = list.segments.binary_search_by_key(&id, |segment| segment.row) {
                    let same = list.samples(segment).iter();
                    same.for_each(|&other| scores[place(r, other as usize)] = LEFT_OUT);
                }
                continue;
            }
            *own = scores[place(r, row - begin)];
            let Some(column) = self.loss.columns[0].map(|column| self.batch.column(column)) else {
                continue;
            };
            // Equal ids lie side by side in the column's order, in that of the batch.
            let at = self.places[row] as usize;
            let is_same =
                |&&other: &&u32| column.ids[other as usize] == column.ids[row] && of_block.contains(&(other as usize));
            let before = column.order[..at].iter().rev().take_while(is_same);
            for &other in before.chain(column.order[at + 1..].iter().take_while(is_same)) {
                scores[place(r, other as usize - begin)] = LEFT_OUT;
            }
        }
    }
}

kernel! {
    pub fn dot<'a, S: Simd>(s: S, a: &'a [f32], b: &'a [f32]) -> f32 {
        let mut sum = s.splat(0.0);
        for (a, b) in a.pieces(S::LANES).zip(b.pieces(S::LANES)) {
            sum = s.mul_add(s.load_partial(a), s.load_partial(b), sum);
        }
        s.reduce_sum(sum)
    }
}

kernel! {
    pub fn add<'a, S: Simd>(s: S, term: &'a [f32], row: &'a mut [f32]) {
        for (x, to) in term.pieces(S::LANES).zip(row.pieces_mut(S::LANES)) {
            let sum = s.add(s.load_partial(to), s.load_partial(x));
            s.store_partial(sum, to);
        }
    }
}

kernel! {
    pub fn scaled<'a, S: Simd>(s: S, factor: f32, from: &'a [f32], to: &'a mut [f32]) {
        for (x, to) in from.pieces(S::LANES).zip(to.pieces_mut(S::LANES)) {
            s.store_partial(s.mul(s.splat(factor), s.load_partial(x)), to);
        }
    }
}

kernel! {
    pub fn scale_in_place<'a, S: Simd>(s: S, factor: f32, row: &'a mut [f32]) {
        for x in row.pieces_mut(S::LANES) {
            s.store_partial(s.mul(s.splat(factor), s.load_partial(x)), x);
        }
    }
}
