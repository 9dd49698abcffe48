//! Every kernel of every instruction set, and whole plans, against the specification: on shapes that no vector or tile
//! divides, with repeated ids.
//!
//! Kernels are judged element by element, in units of the sizes of the terms that were added up: see [`near`]. Rows
//! lie apart, and what lies between them is NaN: it may not get into a result, and may not be overwritten.

#[path = "../common/mod.rs"]
mod common;

/// Calls `$check(proof, name, arguments)` for each instruction set of this processor.
macro_rules! on_every_isa {
    ($check:ident($($argument:expr),* $(,)?)) => {
        for isa in Isa::available() {
            let name = isa.to_string();
            match isa {
                Isa::Scalar => $check(Scalar, &name, $($argument),*),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => $check(pocketrec::cpu::Avx2::new().unwrap(), &name, $($argument),*),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => $check(pocketrec::cpu::Avx512::new().unwrap(), &name, $($argument),*),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => $check(pocketrec::cpu::Neon::new(), &name, $($argument),*),
                #[allow(unreachable_patterns)]
                other => panic!("no check on {other}"),
            }
        }
    };
}

mod attention;
mod kernels;
mod norms;
mod plans;
mod recurrent;
mod updates;

use common::normals;
use pocketrec::{
    cpu::{Rows, RowsMut},
    plan::Accumulate,
    rng::Rng,
};

/// Half a unit in the last place of 1.
const ROUND: f64 = 1.0 / (1u64 << 24) as f64;
const ACCUMULATES: [Accumulate; 2] = [Accumulate::Overwrite, Accumulate::Add];
/// Rows of a tile: one, primes, a tile's, one more and one less.
const ROWS: [usize; 6] = [1, 7, 31, 33, 64, 65];
/// What lies between rows.
const PADDING: f32 = f32::from_bits(0x7fc0_beef);

/// All small widths, and those around four vectors of the widest instruction set.
fn widths() -> impl Iterator<Item = usize> {
    (1..=70).chain([81, 97, 113, 127, 128, 129])
}

fn values(len: usize, seed: u32) -> Vec<f32> {
    normals(len, 1.0, Rng::new(7).stream(seed))
}

fn sizes(values: &[f32]) -> Vec<f64> {
    values.iter().map(|x| f64::from(x.abs())).collect()
}

/// Checks `|got - want| <= ROUND (4 + 2 sqrt(depth)) size`, where an element's `size` is the sum of the magnitudes of
/// its `depth` terms: roundings of both signs grow with the root of their number, as does the allowance.
#[track_caller]
fn near(got: &[f32], want: &[f64], size: &[f64], depth: usize, what: &str) {
    assert_eq!([got.len(), size.len()], [want.len(); 2], "{what}: lengths differ");
    let allowed = ROUND * (4.0 + 2.0 * (depth as f64).sqrt());
    for (i, ((&got, &want), &size)) in got.iter().zip(want).zip(size).enumerate() {
        let error = (f64::from(got) - want).abs();
        // Not `error > ..`: NaN is wrong.
        assert!(
            error <= allowed * size,
            "{what}[{i}] is {got}, wanted {want}: off by {:.1} roundings of {size:e}, allowed {:.1}",
            error / size / ROUND,
            allowed / ROUND,
        );
    }
}

/// A matrix whose rows lie apart, with padding between them and behind the last.
struct Padded {
    data: Vec<f32>,
    stride: usize,
    width: usize,
}

impl Padded {
    /// `pad` floats of padding between rows, `behind` behind the last.
    fn new(values: &[f32], width: usize, pad: usize, behind: usize) -> Self {
        let stride = width + pad;
        let mut data = vec![PADDING; (values.len() / width * stride).saturating_sub(pad) + behind];
        for (row, values) in values.chunks(width).enumerate() {
            data[row * stride..][..width].copy_from_slice(values);
        }
        Padded { data, stride, width }
    }

    /// What a kernel adds to, or garbage where it overwrites.
    fn output(before: &[f32], accumulate: Accumulate, width: usize, pad: usize) -> Self {
        match accumulate {
            Accumulate::Overwrite => Self::new(&vec![f32::NAN; before.len()], width, pad, 0),
            Accumulate::Add => Self::new(before, width, pad, 0),
        }
    }

    fn rows(&self) -> Rows<'_> {
        let Padded {
            ref data,
            stride,
            width,
        } = *self;
        Rows { data, stride, width }
    }

    fn rows_mut(&mut self) -> RowsMut<'_> {
        let Padded {
            ref mut data,
            stride,
            width,
        } = *self;
        RowsMut { data, stride, width }
    }

    /// The values, once it is seen that the padding is as it was.
    fn values(&self, what: &str) -> Vec<f32> {
        let mut values = Vec::new();
        for row in self.data.chunks(self.stride) {
            let (own, padding) = row.split_at(self.width.min(row.len()));
            values.extend_from_slice(own);
            let untouched = padding.iter().all(|x| x.to_bits() == PADDING.to_bits());
            assert!(untouched, "{what}: something was written between rows");
        }
        values
    }
}

/// `before` where it is added to, else nothing.
fn begun(before: &[f32], accumulate: Accumulate) -> Vec<f64> {
    let keep = if accumulate == Accumulate::Add { 1.0 } else { 0.0 };
    before.iter().map(|&x| keep * f64::from(x)).collect()
}

fn added(a: &[f64], b: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn magnitudes(values: &[f64]) -> Vec<f64> {
    values.iter().map(|x| x.abs()).collect()
}
