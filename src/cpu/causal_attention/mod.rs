//! Causal self-attention over a tile's histories; the specification is [`ops::causal_attention`].
//!
//! ```text
//! for each sample, for each head, for each block of QUERIES rows of its steps:
//!     scores = Q K^T              [block, keys up to the block's end]
//!     p = softmax of each row's scores up to its own step, 0 beyond
//!     O = p V
//! backward, blocks from last to first:
//!     p as before;  dp = dO V^T;  ds = p (dp - <p, dp>) / sqrt(width)
//!     dQ = ds K;  dK += ds^T Q;  dV += p^T dO
//! ```
//!
//! All products are the register tile of `simd::matmul`. Two of them want columns that are steps, so keys
//! (and for the gradients values) are transposed once a sample and head; the others read rows as they lie. Scores are a block
//! of 32 rows: 25 KB at 200 steps, which stay in the nearest cache, and half a block a row is computed in vain beyond the
//! diagonal. They are computed anew in the backward pass, for one product more than keeping all of them would take.

mod tile;

use super::{
    aligned::AlignedVec,
    linear::READ_AHEAD,
    math::exp_nonpositive,
    rows::{Rows, RowsMut, steps},
    simd::{
        Simd, kernel,
        matmul::{Left, Panels, Shape, Start, multiply},
    },
};
use crate::plan::padded;

/// Steps whose scores are computed together.
const QUERIES: usize = 32;
/// Samples of a tile at most: a long history's activations alone fill the second-level cache.
const SAMPLES: usize = 4;

/// Queries, keys and values: one row a step, all of one width.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What looks.
    pub query: Rows<'a>,
    /// What is looked at.
    pub key: Rows<'a>,
    /// What is read there.
    pub value: Rows<'a>,
}

/// Memory that both passes work with, kept from tile to tile.
#[derive(Clone, Default)]
pub struct Workspace {
    /// `[head width, padded(steps)]`: a head's keys with a column a step, and its values.
    transposed: [AlignedVec; 2],
    /// `[QUERIES, padded(steps)]`: the softmax of a block, and its gradient.
    blocks: [AlignedVec; 2],
    /// `[steps of the tile, padded(width)]`: the gradients of query, key and value.
    gradients: [AlignedVec; 3],
}

impl Workspace {
    /// Makes room for histories of so many steps, and of `rows` in all for gradients.
    fn reserve(&mut self, longest: usize, head_width: usize, gradients: usize) {
        let columns = padded(longest);
        let sizes = [head_width * columns; 2]
            .into_iter()
            .chain([QUERIES * columns; 2])
            .chain([gradients; 3]);
        let all = self
            .transposed
            .iter_mut()
            .chain(&mut self.blocks)
            .chain(&mut self.gradients);
        for (floats, size) in all.zip(sizes) {
            if floats.len() < size + READ_AHEAD {
                floats.resize(size + READ_AHEAD);
            }
        }
    }
}

/// Writes what each step reads of itself and of those before it. `offsets` `[samples + 1]` are those of the batch; row 0 of an
/// operand is step `offsets[0]`.
///
/// # Panics
/// Where operands differ in width, `heads` does not divide it, operands have fewer rows than the offsets say, these descend,
/// or rows cannot be read for whole vectors (see [`READ_AHEAD`]).
pub fn forward<S: Simd>(
    s: S,
    offsets: &[u32],
    heads: usize,
    inputs: Inputs<'_>,
    workspace: &mut Workspace,
    output: RowsMut<'_>,
) {
    let width = check(heads, inputs, output.width);
    workspace.reserve(longest(offsets), width, 0);
    for (first, end) in steps(offsets) {
        for head in 0..heads {
            let [query, key, value] = of_head(inputs, first, head * width, width);
            let [keys, _] = &mut workspace.transposed;
            let keys = transpose(s, end - first, key, keys);
            for block in blocks(end - first) {
                let [p, _] = &mut workspace.blocks;
                let p = attend(s, &block, query, keys, p);
                let to = &mut output.data[(first + block.first) * output.stride + head * width..];
                let shape = block.product(width, block.keys);
                multiply(
                    s,
                    shape,
                    Left::by_row(p),
                    Panels::of_rows(s, value),
                    Start::Zero,
                    to,
                    output.stride,
                );
            }
        }
    }
}

/// The gradients of query, key and value from `d_output`, which [`Workspace::gradients`] hands out.
///
/// # Panics
/// As [`forward`].
pub fn backward<S: Simd>(
    s: S,
    offsets: &[u32],
    heads: usize,
    inputs: Inputs<'_>,
    d_output: Rows<'_>,
    workspace: &mut Workspace,
) {
    let width = check(heads, inputs, d_output.width);
    let stride = padded(heads * width);
    let rows = steps(offsets).last().map_or(0, |(_, end)| end);
    workspace.reserve(longest(offsets), width, rows * stride);
    for (first, end) in steps(offsets) {
        for head in 0..heads {
            let column = head * width;
            let [query, key, value] = of_head(inputs, first, column, width);
            let d = columns(d_output, first, column, width);
            let at = |row: usize| (first + row) * stride + column;
            workspace.head_backward(s, end - first, [query, key, value, d], stride, at);
        }
    }
}

impl Workspace {
    /// One head of one sample, whose gradients have row `r` at `at(r)`.
    fn head_backward<S: Simd>(
        &mut self,
        s: S,
        steps: usize,
        [query, key, value, d]: [Rows<'_>; 4],
        stride: usize,
        at: impl Fn(usize) -> usize,
    ) {
        let Workspace {
            transposed: [keys, values],
            blocks: [of_p, of_ds],
            gradients: [dq, dk, dv],
        } = self;
        let keys = transpose(s, steps, key, keys);
        let values = transpose(s, steps, value, values);
        let width = key.width;
        let mut start = Start::Zero; // the last block, which comes first, reads every key
        for block in blocks(steps).rev() {
            let p = attend(s, &block, query, keys, of_p);
            let by_keys = block.product(block.keys, width);
            let (left, right) = (Left::by_row(d.from_row(block.first)), of_columns(s, values, block.keys));
            multiply(s, by_keys, left, right, Start::Zero, of_ds, p.stride);
            let ds = RowsMut {
                data: of_ds,
                stride: p.stride,
                width: p.width,
            };
            score_gradients(s, block.rows, block.first, p, 1.0 / libm::sqrtf(width as f32), ds);
            let ds = Rows { data: of_ds, ..p };
            let by_queries = block.product(width, block.keys);
            let to = &mut dq[at(block.first)..];
            multiply(
                s,
                by_queries,
                Left::by_row(ds),
                Panels::of_rows(s, key),
                Start::Zero,
                to,
                stride,
            );
            let shape = Shape {
                rows: block.keys,
                columns: width,
                depth: block.rows,
            };
            for (left, right, to) in [(ds, query, &mut *dk), (p, d, &mut *dv)] {
                let right = Panels::of_rows(s, right.from_row(block.first));
                multiply(s, shape, Left::by_column(left), right, start, &mut to[at(0)..], stride);
            }
            start = Start::Output;
        }
    }

    /// The gradients of query, key and value after [`backward`], each `[steps of the tile, padded(width)]`.
    pub fn gradients(&self, width: usize) -> [Rows<'_>; 3] {
        self.gradients.each_ref().map(|data| Rows {
            data,
            stride: padded(width),
            width,
        })
    }
}

/// Steps of a sample whose scores are computed together.
struct Block {
    first: usize,
    rows: usize,
    /// Steps up to the block's last.
    keys: usize,
}

impl Block {
    /// A product with a row for each of the block's.
    fn product(&self, columns: usize, depth: usize) -> Shape {
        Shape {
            rows: self.rows,
            columns,
            depth,
        }
    }
}

fn blocks(steps: usize) -> impl DoubleEndedIterator<Item = Block> {
    (0..steps.div_ceil(QUERIES)).map(move |block| {
        let first = block * QUERIES;
        let keys = steps.min(first + QUERIES);
        Block {
            first,
            rows: keys - first,
            keys,
        }
    })
}

/// The softmax of a block's scores, 0 beyond each row's own step.
fn attend<'a, S: Simd>(s: S, block: &Block, query: Rows<'_>, keys: Rows<'_>, p: &'a mut AlignedVec) -> Rows<'a> {
    let (width, stride) = (query.width, keys.stride);
    let left = Left::by_row(query.from_row(block.first));
    let shape = block.product(block.keys, width);
    multiply(s, shape, left, of_columns(s, keys, block.keys), Start::Zero, p, stride);
    let scores = |data| RowsMut {
        data,
        stride,
        width: block.keys,
    };
    softmax(
        s,
        block.rows,
        block.first,
        1.0 / libm::sqrtf(width as f32),
        scores(&mut p[..]),
    );
    Rows {
        data: p,
        stride,
        width: block.keys,
    }
}

/// The first `columns` columns of a transposed matrix.
fn of_columns<S: Simd>(s: S, transposed: Rows<'_>, columns: usize) -> Panels<'_> {
    Panels::of_rows(
        s,
        Rows {
            width: columns,
            ..transposed
        },
    )
}

kernel! {
    /// `steps` rows with a column a row: `to[i, r] = from[r, i]`.
    ///
    /// # Panics
    /// Where there are fewer rows, or less room.
    pub fn transpose_into<'a, S: Simd>(s: S, steps: usize, from: Rows<'a>, to: &'a mut [f32], stride: usize) {
        let _ = s; // eight rows at a time fill half a line of each column
        for first in (0..steps).step_by(8) {
            let count = 8.min(steps - first);
            let rows: [&[f32]; 8] = core::array::from_fn(|r| from.row(first + r.min(count - 1)));
            for i in 0..from.width {
                let to = &mut to[i * stride + first..][..count];
                for (to, row) in to.iter_mut().zip(&rows) {
                    *to = row[i];
                }
            }
        }
    }
}

fn transpose<'a, S: Simd>(s: S, steps: usize, from: Rows<'_>, to: &'a mut AlignedVec) -> Rows<'a> {
    let stride = padded(steps);
    transpose_into(s, steps, from, to, stride);
    Rows {
        data: to,
        stride,
        width: steps,
    }
}

kernel! {
    /// Makes each row's first `first + row + 1` scores, times `scale`, their softmax, and the rest 0.
    ///
    /// # Panics
    /// Where there are fewer rows, or they are shorter.
    pub fn softmax<'a, S: Simd>(s: S, rows: usize, first: usize, scale: f32, scores: RowsMut<'a>) {
        let mut scores = scores;
        for r in 0..rows {
            let (row, rest) = scores.row(r).split_at_mut(first + r + 1);
            rest.fill(0.0);
            let largest = s.splat(largest(s, row));
            let (scale, mut sums) = (s.splat(scale), s.splat(0.0));
            let whole = row.len() - row.len() % S::LANES;
            let (body, tail) = row.split_at_mut(whole);
            for slot in body.chunks_exact_mut(S::LANES) {
                let x = exp_nonpositive(s, s.mul(s.sub(s.load(slot), largest), scale));
                sums = s.add(sums, x);
                s.store(x, slot);
            }
            let mut total = s.reduce_sum(sums);
            if !tail.is_empty() {
                let x = exp_nonpositive(s, s.mul(s.sub(s.load_partial(tail), largest), scale));
                s.store_partial(x, tail);
                total += tail.iter().sum::<f32>();
            }
            let share = s.splat(1.0 / total);
            for slot in row.chunks_mut(S::LANES) {
                s.store_partial(s.mul(s.load_partial(slot), share), slot);
            }
        }
    }
}

/// The largest of some floats.
#[inline(always)]
fn largest<S: Simd>(s: S, row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let mut vectors = row.chunks_exact(S::LANES);
    if row.len() >= S::LANES {
        let mut most = s.load(row);
        for x in &mut vectors {
            most = s.max(most, s.load(x));
        }
        s.store(most, &mut lanes);
    }
    let all = lanes.iter().chain(vectors.remainder());
    all.copied().fold(f32::NEG_INFINITY, f32::max)
}

kernel! {
    /// From the gradient of each row's softmax `p` to that of its scores before `scale`, in place: `p (d - <p, d>) scale` in
    /// its first `first + row + 1` columns, 0 in the rest.
    ///
    /// # Panics
    /// As [`softmax`].
    pub fn score_gradients<'a, S: Simd>(s: S, rows: usize, first: usize, p: Rows<'a>, scale: f32, d: RowsMut<'a>) {
        let mut d = d;
        for r in 0..rows {
            let (row, rest) = d.row(r).split_at_mut(first + r + 1);
            rest.fill(0.0);
            let p = &p.row(r)[..first + r + 1];
            let mut mean = s.splat(0.0);
            for (p, d) in p.chunks(S::LANES).zip(row.chunks(S::LANES)) {
                mean = s.mul_add(s.load_partial(p), s.load_partial(d), mean);
            }
            let mean = s.splat(s.reduce_sum(mean));
            for (p, slot) in p.chunks(S::LANES).zip(row.chunks_mut(S::LANES)) {
                let p = s.mul(s.load_partial(p), s.splat(scale));
                s.store_partial(s.mul(p, s.sub(s.load_partial(slot), mean)), slot);
            }
        }
    }
}

/// Columns of rows from `first` on.
fn columns(rows: Rows<'_>, first: usize, column: usize, width: usize) -> Rows<'_> {
    Rows {
        data: &rows.data[first * rows.stride + column..],
        stride: rows.stride,
        width,
    }
}

/// A head's queries, keys and values of a sample.
fn of_head(inputs: Inputs<'_>, first: usize, column: usize, width: usize) -> [Rows<'_>; 3] {
    [inputs.query, inputs.key, inputs.value].map(|rows| columns(rows, first, column, width))
}

/// Looks at the shapes; gives a head's width.
fn check(heads: usize, inputs: Inputs<'_>, output: usize) -> usize {
    let Inputs { query, key, value } = inputs;
    for rows in [query, key, value] {
        rows.check_shape();
        assert!(rows.width == output, "{} columns for {output}", rows.width);
    }
    assert!(
        heads > 0 && output.is_multiple_of(heads),
        "{heads} heads of {output} columns"
    );
    output / heads
}

/// Steps of the longest history.
fn longest(offsets: &[u32]) -> usize {
    steps(offsets).map(|(first, end)| end - first).max().unwrap_or(0)
}
