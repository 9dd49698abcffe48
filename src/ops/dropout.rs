//! Dropout: in training random values become zero; at evaluation nothing changes.
//!
//! `output[i] = input[i] / (1 - rate)` where the mask keeps element `i` and 0 where it does not (Srivastava et al.,
//! *Dropout*, JMLR 2014, in the inverted form, so that evaluation needs no scale). `input` and `output` have any
//! shape; `i` counts its elements, row by row, over the whole batch.
//!
//! The mask is a function of a random stream and of `i` alone, so that any tile, thread or device draws the same:
//! of the 64 bits that [`Rng::at`] has for index `i / 4`, element `i` takes the 16 bits that begin at bit
//! `16 * (i % 4)`, the first word being the low one, and is kept where they are at least `threshold`. The rate
//! is therefore a multiple of `1 / 65536`, the one nearest to what is asked for, and the scale is that rate's.
//!
//! Backward: `input_gradient` is `output_gradient` put through the same mask and scale, that is [`forward`] of it.

use alloc::{vec, vec::Vec};
use core::slice;

use super::{
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::{
    rng::Rng,
    view::{Space, View},
};

/// `output = input` with each value left out with probability `rate` in training, the others scaled up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// What is thinned out.
    pub input: View,
    /// As wide.
    pub output: View,
    /// In 0..1.
    pub rate: f32,
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
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

    fn multiply_adds(&self, _rows: &dyn Fn(View) -> usize) -> usize {
        0
    }
}

impl Specification for Dropout {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        match on.is_training() {
            true => forward(&on.read(self.input), on.noise(), 0, self.rate),
            false => on.read(self.input),
        }
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        vec![forward(d_output, on.noise(), 0, self.rate)]
    }
}

/// What 16 random bits must reach for an element to be kept; the share `threshold / 65536` is dropped. A rate lies
/// in 0..1, and at least one element in 65536 is kept.
///
/// ```
/// use pocketrec::ops::dropout::threshold;
/// assert_eq!([threshold(0.0), threshold(0.5), threshold(0.2)], [0, 32_768, 13_107]);
/// ```
pub fn threshold(rate: f32) -> u16 {
    libm::roundf(rate * 65_536.0) as u16 // from 65536 on: 65535
}

/// What a kept element is multiplied by.
///
/// ```
/// use pocketrec::ops::dropout::{scale, threshold};
/// assert_eq!([scale(threshold(0.0)), scale(threshold(0.75))], [1.0, 4.0]);
/// ```
pub fn scale(threshold: u16) -> f64 {
    65_536.0 / (65_536.0 - f64::from(threshold))
}

/// Whether element `i` is kept.
pub fn keeps(rng: Rng, i: u64, threshold: u16) -> bool {
    let [low, high] = rng.at(i / 4);
    let bits = u64::from(high) << 32 | u64::from(low);
    (bits >> (16 * (i % 4))) as u16 >= threshold
}

/// The output, or backward the input's gradient, of elements that begin at number `first`.
///
/// ```
/// use pocketrec::{ops::dropout, rng::Rng};
/// let (rng, input) = (Rng::new(1).stream(5), [1.0; 64]);
/// let output = dropout::forward(&input, rng, 0, 0.5);
/// assert!(output.contains(&0.0) && output.contains(&2.0));
/// assert_eq!(dropout::forward(&input[..10], rng, 7, 0.5), output[7..17]);
/// ```
pub fn forward(input: &[f64], rng: Rng, first: u64, rate: f32) -> Vec<f64> {
    let threshold = threshold(rate);
    let one = |(x, i): (&f64, u64)| {
        if keeps(rng, i, threshold) {
            x * scale(threshold)
        } else {
            0.0
        }
    };
    input.iter().zip(first..).map(one).collect()
}
