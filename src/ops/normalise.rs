//! Normalise: rows brought to length 1, so that dot products of them are cosines.
//!
//! `y = x / max(|x|, e)` for each row `x`, with `e` = [`SHORTEST`]: a row of zeros stays one. As `torch.nn.functional.normalize`.
//!
//! Backward: `dx = (dy - (y . dy) y) / |x|`, which is what lies across the row; where `|x| <= e`, `dx = dy / e`.

use alloc::vec::Vec;
use core::slice;

use super::{
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// Lengths below this count as this.
pub const SHORTEST: f32 = 1e-12;

/// Rows at length 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalise {
    /// The rows.
    pub input: View,
    /// As wide.
    pub output: View,
}

impl Op for Normalise {
    fn name(&self) -> &'static str {
        "normalise"
    }

    fn inputs(&self) -> &[View] {
        slice::from_ref(&self.input)
    }

    fn params(&self) -> Vec<usize> {
        Vec::new()
    }

    fn output(&self) -> Option<View> {
        Some(self.output)
    }

    fn role(&self) -> Role {
        Role::Layer
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::OfFirstInput
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        rows(self.output).saturating_mul(self.output.width).saturating_mul(2)
    }
}

impl Specification for Normalise {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        forward(&on.read(self.input), self.input.width)
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        [backward(&on.read(self.input), d_output, self.input.width)].into()
    }
}

/// The length of a row, but at least [`SHORTEST`].
pub fn length(row: &[f64]) -> f64 {
    libm::sqrt(row.iter().map(|x| x * x).sum::<f64>()).max(SHORTEST.into())
}

/// Rows of `width` columns at length 1.
///
/// ```
/// use pocketrec::ops::normalise;
/// assert_eq!(normalise::forward(&[3.0, 4.0, 0.0, 0.0], 2), [0.6, 0.8, 0.0, 0.0]);
/// ```
pub fn forward(input: &[f64], width: usize) -> Vec<f64> {
    let of_row = |row: &[f64]| row.iter().map(|x| x / length(row)).collect::<Vec<f64>>();
    input.chunks(width).flat_map(of_row).collect()
}

/// The gradient of the rows.
///
/// ```
/// use pocketrec::ops::normalise;
/// // Along the row nothing changes; across it, by the length.
/// assert_eq!(normalise::backward(&[0.0, 2.0], &[3.0, 5.0], 2), [1.5, 0.0]);
/// ```
pub fn backward(input: &[f64], output_gradient: &[f64], width: usize) -> Vec<f64> {
    let of_row = |(row, d): (&[f64], &[f64])| {
        let length = length(row);
        let is_short = length <= SHORTEST.into();
        let along: f64 = match is_short {
            true => 0.0,
            false => row.iter().zip(d).map(|(x, d)| x / length * d).sum(),
        };
        let terms = row.iter().zip(d).map(|(x, d)| (d - along * x / length) / length);
        terms.collect::<Vec<f64>>()
    };
    input
        .chunks(width)
        .zip(output_gradient.chunks(width))
        .flat_map(of_row)
        .collect()
}
