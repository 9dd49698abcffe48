//! Causal self-attention over a tile's histories; the specification is
//! [`ops::causal_attention`](crate::ops::causal_attention).
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

mod block;
mod tile;

use self::block::{attend, blocks, of_columns, score_gradients, transpose};
use super::{
    aligned::AlignedVec,
    linear::READ_AHEAD,
    rows::{Rows, RowsMut, steps},
    simd::{
        Simd,
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
