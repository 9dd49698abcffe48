//! The register tile of every matrix product: `C (+)= A B`, with strides for A and B.
//!
//! One kernel serves the three products of a linear layer, since they differ only in strides:
//!
//! | product | A (broadcast)            | B (vectors)                    | C                    |
//! |---------|--------------------------|--------------------------------|----------------------|
//! | forward | x, rows of the tile      | weight^T, packed in panels     | y                    |
//! | dx      | dy, rows of the tile     | weight, packed in panels       | dx                   |
//! | dw      | dy, columns of the tile  | x, rows of the tile            | partial of dw        |
//!
//! B is cut into panels of one to four vectors, all as wide but the last; within a panel, depth step `p` is at
//! `p * depth_stride`. A tile of `TILE_ROWS` rows by one panel is held in registers over the whole depth: 6 rows of 4
//! vectors take 24 of AVX-512's 32 registers, 6 of 2 take 12 of AVX2's 16, 8 of 2 take 16 of NEON's 32. Each depth step
//! loads the panel's vectors once and broadcasts one float a row. On NEON a broadcast takes a slot of the vector
//! units, but a multiplication can pick a lane: where a row of A is contiguous, four of its floats are loaded at once
//! (8 more registers) and serve four depth steps. There is no blocking over depth: layers are at most a few hundred
//! deep, so a panel is tens of kilobytes and streams from L1 or L2.
//!
//! Tried and lost: 8 rows of 2 vectors on AVX-512. They take 1.9 to 2.3 instructions and 0.6 loads a multiply-add, 6 of 4
//! take 1.5 and 0.4: as fast where the core is one's own, but 105 against 125 GFLOP/s where another thread shares it.

mod operands;

use super::{Simd, kernel, unrolled};
pub(super) use operands::position;
pub(crate) use operands::{Left, Panels, Shape, Start, panel_width};

kernel! {
    /// `C = start + A B`, then ReLU if asked for. C's row `r` begins at `r * c_stride`.
    ///
    /// A function of its own, which is compiled but once for each instruction set: its tiles are long when they are written out.
    ///
    /// # Panics
    /// Where an operand is shorter than the shape and the strides say. B must be readable for whole vectors.
    pub fn matmul<'a, S: Simd>(
        s: S,
        shape: Shape,
        a: Left<'a>,
        b: Panels<'a>,
        start: Start<'a>,
        relu: bool,
        c: &'a mut [f32],
        c_stride: usize,
    ) {
        if a.row_stride == 1 {
            // Once more for columns: where their distance is known, rows of A are at constants from one register.
            run(s, shape, Left { row_stride: 1, ..a }, b, start, relu, c, c_stride);
        } else {
            run(s, shape, a, b, start, relu, c, c_stride);
        }
    }
}

/// [`matmul`] without ReLU, which a forward pass alone has.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    s: S,
    shape: Shape,
    a: Left<'_>,
    b: Panels<'_>,
    start: Start<'_>,
    c: &mut [f32],
    c_stride: usize,
) {
    matmul(s, shape, a, b, start, false, c, c_stride);
}

#[inline(always)]
#[allow(clippy::too_many_arguments)] // operands with their strides
fn run<S: Simd>(
    s: S,
    shape: Shape,
    a: Left<'_>,
    b: Panels<'_>,
    start: Start<'_>,
    relu: bool,
    c: &mut [f32],
    c_stride: usize,
) {
    let Shape { rows, columns, depth } = shape;
    if rows == 0 || columns == 0 {
        return;
    }
    let width = b.width;
    assert!(width >= S::LANES && width.is_multiple_of(S::LANES) && width <= S::TILE_ROWS.len() * S::LANES);
    let last_panel = (columns - 1) / width;
    let last_vectors = (columns - last_panel * width).div_ceil(S::LANES);
    if depth > 0 {
        let last = depth - 1;
        assert!(position(rows - 1, a.row_stride, last, a.depth_stride) < a.data.len());
        let end =
            |panel: usize, width: usize| position(panel, b.panel_stride, last, b.depth_stride).saturating_add(width);
        assert!(end(last_panel, last_vectors * S::LANES) <= b.data.len());
        assert!(last_panel == 0 || end(last_panel - 1, width) <= b.data.len());
    }
    assert!(position(rows - 1, c_stride, 1, columns) <= c.len());
    if let Start::Bias(bias) = start {
        assert!(columns <= bias.len());
    }
    let context = Context {
        depth,
        a: a.data.as_ptr(),
        a_row: a.row_stride,
        a_depth: a.depth_stride,
        b_depth: b.depth_stride,
        c_stride,
        relu,
    };
    for panel in 0..=last_panel {
        let column = panel * width;
        let left = (columns - column).min(width);
        // SAFETY: the assertions above hold for the last row, panel and depth step, so for all; each tile stays
        // within `rows` and, through `left`, within `columns`.
        unsafe {
            let b = b.data.as_ptr().wrapping_add(panel * b.panel_stride); // at no depth there may be no panel
            let c = c.as_mut_ptr().add(column);
            let start = match start {
                Start::Zero => RawStart::Zero,
                Start::Output => RawStart::Output,
                Start::Bias(bias) => RawStart::Bias(bias.as_ptr().add(column)),
            };
            let vectors = (left - 1) / S::LANES;
            let tail = left - vectors * S::LANES;
            match vectors {
                0 => column_of_tiles::<S, 1>(s, &context, rows, b, start, c, tail),
                1 if S::TILE_ROWS.len() > 1 => column_of_tiles::<S, 2>(s, &context, rows, b, start, c, tail),
                2 if S::TILE_ROWS.len() > 2 => column_of_tiles::<S, 3>(s, &context, rows, b, start, c, tail),
                _ if S::TILE_ROWS.len() > 3 => column_of_tiles::<S, 4>(s, &context, rows, b, start, c, tail),
                _ => {} // no panel is so wide
            }
        }
    }
}

struct Context {
    depth: usize,
    a: *const f32,
    a_row: usize,
    a_depth: usize,
    b_depth: usize,
    c_stride: usize,
    relu: bool,
}

#[derive(Clone, Copy)]
enum RawStart {
    Zero,
    Output,
    Bias(*const f32),
}

/// All rows of one panel: full tiles, then what is left in tiles of 4, 2 and 1 rows.
///
/// # Safety
/// As [`tile`], for all `rows`.
#[inline(always)]
unsafe fn column_of_tiles<S: Simd, const V: usize>(
    s: S,
    context: &Context,
    rows: usize,
    b: *const f32,
    start: RawStart,
    c: *mut f32,
    tail: usize,
) {
    let mut row = 0;
    macro_rules! tiles {
        ($rows:literal) => {
            while rows - row >= $rows {
                // SAFETY: rows row..row + $rows are within the caller's.
                unsafe { tile::<S, $rows, V>(s, context, row, b, start, c, tail) };
                row += $rows;
            }
        };
    }
    match S::TILE_ROWS[V - 1] {
        8 => tiles!(8),
        6 => tiles!(6),
        _ => {}
    }
    tiles!(4);
    tiles!(2);
    tiles!(1);
}

/// One register tile: `R` rows from `row` by `V` vectors, of whose last only `tail` lanes are columns of C.
///
/// # Safety
/// A must be readable at rows `row..row + R` and B at `V` vectors, over the whole depth; C at the same rows must be
/// writable (and readable for `Output`) for the columns; the bias must be readable for them.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const V: usize>(
    s: S,
    context: &Context,
    row: usize,
    b: *const f32,
    start: RawStart,
    c: *mut f32,
    tail: usize,
) {
    // SAFETY: see above; loads and stores of the last vector are partial where it is not full.
    unsafe {
        let c = c.add(row * context.c_stride);
        let mut sums = [[s.splat(0.0); V]; R];
        match start {
            RawStart::Zero => {}
            RawStart::Bias(bias) => {
                let mut bias_lanes = [s.splat(0.0); V];
                load_row(s, bias, tail, &mut bias_lanes);
                unrolled!(r < R => sums[r] = bias_lanes);
            }
            RawStart::Output => {
                unrolled!(r < R => load_row(s, c.add(r * context.c_stride), tail, &mut sums[r]));
            }
        }
        // Where there is no depth, nothing is read of A, and it may be shorter than its rows are apart.
        let mut a = context.a.wrapping_add(row * context.a_row);
        let mut b = b;
        let mut depth = context.depth;
        if S::LEFT_STEPS == 4 && context.a_depth == 1 {
            while depth >= 4 {
                let mut left = [s.splat(0.0); R];
                unrolled!(r < R => left[r] = s.load_ptr(a.add(r * context.a_row)));
                depth_step::<S, R, V, 0>(s, &left, b, &mut sums);
                depth_step::<S, R, V, 1>(s, &left, b.add(context.b_depth), &mut sums);
                depth_step::<S, R, V, 2>(s, &left, b.add(2 * context.b_depth), &mut sums);
                depth_step::<S, R, V, 3>(s, &left, b.add(3 * context.b_depth), &mut sums);
                a = a.wrapping_add(4);
                b = b.wrapping_add(4 * context.b_depth);
                depth -= 4;
            }
        }
        for _ in 0..depth {
            let mut right = [s.splat(0.0); V];
            load_row(s, b, S::LANES, &mut right);
            unrolled!(r < R => {
                let left = s.splat(*a.add(r * context.a_row));
                unrolled!(v < V => sums[r][v] = s.mul_add(left, right[v], sums[r][v]));
            });
            a = a.wrapping_add(context.a_depth);
            b = b.wrapping_add(context.b_depth);
        }
        if context.relu {
            // In this order a NaN stays one.
            unrolled!(r < R => unrolled!(v < V => sums[r][v] = s.max(s.splat(0.0), sums[r][v])));
        }
        unrolled!(r < R => store_row(s, c.add(r * context.c_stride), tail, &sums[r]));
    }
}

/// Stores `V` vectors, of whose last only `tail` lanes are written.
///
/// # Safety
/// `to` must be valid for writing `V - 1` vectors and `tail` floats.
#[inline(always)]
unsafe fn store_row<S: Simd, const V: usize>(s: S, to: *mut f32, tail: usize, from: &[S::F32; V]) {
    // SAFETY: the caller's.
    unrolled!(v < V => unsafe {
        let to = to.add(v * S::LANES);
        if v + 1 < V || tail == S::LANES {
            s.store_ptr(from[v], to);
        } else {
            s.store_ptr_partial(from[v], to, tail);
        }
    });
}

/// One depth step of a tile from lane `LANE` of each row's `left`.
///
/// # Safety
/// `b` must be valid for reading `V` vectors.
#[inline(always)]
unsafe fn depth_step<S: Simd, const R: usize, const V: usize, const LANE: i32>(
    s: S,
    left: &[S::F32; R],
    b: *const f32,
    sums: &mut [[S::F32; V]; R],
) {
    let mut right = [s.splat(0.0); V];
    // SAFETY: the caller's.
    unsafe { load_row(s, b, S::LANES, &mut right) };
    unrolled!(r < R => unrolled!(v < V => sums[r][v] = s.mul_add_lane::<LANE>(left[r], right[v], sums[r][v])));
}

/// Loads `V` vectors, of whose last only `tail` lanes are there.
///
/// # Safety
/// `from` must be valid for reading `V - 1` vectors and `tail` floats.
#[inline(always)]
unsafe fn load_row<S: Simd, const V: usize>(s: S, from: *const f32, tail: usize, to: &mut [S::F32; V]) {
    // SAFETY: the caller's.
    unrolled!(v < V => unsafe {
        let from = from.add(v * S::LANES);
        to[v] = if v + 1 < V || tail == S::LANES {
            s.load_ptr(from)
        } else {
            s.load_ptr_partial(from, tail)
        };
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Scalar;

    /// First and last row of a product of three floats by one, with these strides of A and C.
    fn first_and_last(a: usize, c: usize) -> [f32; 2] {
        let shape = Shape {
            rows: 3,
            columns: 1,
            depth: 1,
        };
        let left = Left {
            data: &[2.0; 3],
            row_stride: a,
            depth_stride: 1,
        };
        let right = Panels {
            data: &[3.0; 4],
            width: 4,
            panel_stride: 4,
            depth_stride: 4,
        };
        let mut out = [0.0; 3];
        matmul(Scalar, shape, left, right, Start::Zero, false, &mut out, c);
        [out[0], out[2]]
    }

    #[test]
    fn strides_within_the_operands() {
        assert_eq!(first_and_last(1, 1), [6.0, 6.0]);
    }

    /// Twice this stride is 0 in the arithmetic of pointers.
    const HALF: usize = 1 << (usize::BITS - 1);

    /// For Miri: not even a pointer is made that leaves an operand.
    #[test]
    fn a_product_of_no_depth_is_what_it_starts_from() {
        let shape = Shape {
            rows: 9,
            columns: 5,
            depth: 0,
        };
        let (left, right) = (
            Left {
                data: &[],
                row_stride: 1,
                depth_stride: 9,
            },
            Panels {
                data: &[],
                width: 8,
                panel_stride: 8,
                depth_stride: 8,
            },
        );
        let mut out = [3.0; 45];
        matmul(Scalar, shape, left, right, Start::Output, false, &mut out, 5);
        assert_eq!(out, [3.0; 45]);
        matmul(Scalar, shape, left, right, Start::Zero, false, &mut out, 5);
        assert_eq!(out, [0.0; 45]);
    }

    #[test]
    #[should_panic = "assertion failed"]
    fn a_stride_that_wraps_around_is_refused() {
        first_and_last(HALF, 1);
    }

    #[test]
    #[should_panic = "assertion failed"]
    fn an_output_stride_that_wraps_around_is_refused() {
        first_and_last(1, HALF);
    }
}
