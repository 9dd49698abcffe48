//! Adam and SGD by vectors; the specifications are [`ops::adam`](crate::ops::adam) and [`ops::sgd`](crate::ops::sgd).
//!
//! Moments are summed up on top of a small number, which is taken off again, so that they are multiples of what its last
//! bit is worth. Else moments that no gradient feeds, of dead units or, under Adam, of absent rows, decay into subnormal
//! numbers and stay there. Intel's processors are slow at those: on a Xeon, steps of `paper64` made 17,000 samples/s where
//! they make 155,000 with this.
//!
//! Tried and lost: AVX-512's 14-bit estimates, each improved by a step of Newton's method, instead of root and division.
//! Steps of NeuMF make 0.96 to 1.01 of the rate, under dense Adam too: other work hides the two.

use core::ops::Range;

use super::simd::{Simd, kernel};
use crate::plan::{AdamConfig, Optimizer};

/// 2^-76: first moments are multiples of 2^-99 at least, so that the step made of one is no subnormal number either.
const M_FLOOR: f32 = f32::from_bits((127 - 76) << 23);
/// 2^-96: second moments are multiples of 2^-119 at least.
const V_FLOOR: f32 = f32::from_bits((127 - 96) << 23);

/// What one step of an optimiser does to one float, with the bias corrections of the step worked in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Update {
    /// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`, `p -= step m / (sqrt(v) root + epsilon)`.
    Adam {
        /// b1.
        beta1: f32,
        /// b2.
        beta2: f32,
        /// Learning rate over 1 - b1^t.
        step: f32,
        /// 1 over the root of 1 - b2^t.
        root: f32,
        /// Guards the division.
        epsilon: f32,
    },
    /// `p -= learning_rate g`.
    Sgd {
        /// Step size.
        learning_rate: f32,
    },
}

impl Update {
    /// The update of step `t`, counted from 1.
    pub fn new(optimizer: &Optimizer, t: u64) -> Self {
        match *optimizer {
            Optimizer::Adam(config) | Optimizer::LazyAdam(config) => Self::adam(config, t),
            Optimizer::Sgd { learning_rate } => Update::Sgd { learning_rate },
        }
    }

    fn adam(config: AdamConfig, t: u64) -> Self {
        let AdamConfig {
            learning_rate,
            beta1,
            beta2,
            epsilon,
        } = config;
        let correction = |beta: f32| 1.0 - libm::pow(f64::from(beta), t as f64);
        Update::Adam {
            beta1,
            beta2,
            step: (f64::from(learning_rate) / correction(beta1)) as f32,
            root: (1.0 / libm::sqrt(correction(beta2))) as f32,
            epsilon,
        }
    }
}

/// A run of floats of a parameter with their moments, of equal length; moments are empty under SGD.
#[derive(Debug, Default)]
pub struct Slots<'a> {
    /// The parameter.
    pub value: &'a mut [f32],
    /// First moment.
    pub m: &'a mut [f32],
    /// Second moment.
    pub v: &'a mut [f32],
}

impl<'a> Slots<'a> {
    /// Splits the first `count` floats off.
    pub fn split_off(&mut self, count: usize) -> Slots<'a> {
        let split = |slice: &mut &'a mut [f32]| {
            let count = count.min(slice.len());
            let (head, tail) = core::mem::take(slice).split_at_mut(count);
            *slice = tail;
            head
        };
        Slots {
            value: split(&mut self.value),
            m: split(&mut self.m),
            v: split(&mut self.v),
        }
    }

    /// Floats `start..start + count`.
    #[inline(always)]
    pub fn part(&mut self, start: usize, count: usize) -> Slots<'_> {
        let part = |slice: &'_ mut [f32]| -> Range<usize> {
            let len = slice.len();
            start.min(len)..(start + count).min(len)
        };
        let (m, v) = (part(self.m), part(self.v));
        Slots {
            value: &mut self.value[start..start + count],
            m: &mut self.m[m],
            v: &mut self.v[v],
        }
    }
}

/// Where the gradient of a run of floats comes from.
pub(super) trait Gradient<S: Simd> {
    /// The gradients of at most a vector's floats of the run, given their values.
    fn lanes(&self, s: S, range: Range<usize>, value: S::F32) -> S::F32;
}

/// Updates every float of `slots`.
#[inline(always)]
pub(super) fn update<S: Simd>(s: S, update: Update, mut slots: Slots<'_>, gradient: impl Gradient<S>) {
    let len = slots.value.len();
    let whole = len - len % S::LANES;
    // Twice the same: with a constant count, the loop is free of partial loads.
    let mut start = 0;
    while start < whole {
        update_lanes(s, update, &mut slots, start..start + S::LANES, &gradient);
        start += S::LANES;
    }
    if whole < len {
        update_lanes(s, update, &mut slots, whole..len, &gradient);
    }
}

#[inline(always)]
fn update_lanes<S: Simd>(
    s: S,
    update: Update,
    slots: &mut Slots<'_>,
    range: Range<usize>,
    gradient: &impl Gradient<S>,
) {
    let value = &mut slots.value[range.clone()];
    let p = s.load_partial(value);
    let g = gradient.lanes(s, range.clone(), p);
    let p = match update {
        Update::Sgd { learning_rate } => s.mul_add(s.splat(-learning_rate), g, p),
        Update::Adam {
            beta1,
            beta2,
            step,
            root,
            epsilon,
        } => {
            let (m_slot, v_slot) = (&mut slots.m[range.clone()], &mut slots.v[range]);
            let (m, v) = (s.load_partial(m_slot), s.load_partial(v_slot));
            let (m_floor, v_floor) = (s.splat(M_FLOOR), s.splat(V_FLOOR));
            let m = s.mul_add(s.splat(1.0 - beta1), g, s.mul_add(s.splat(beta1), m, m_floor));
            let v = s.mul_add(s.mul(s.splat(1.0 - beta2), g), g, s.mul_add(s.splat(beta2), v, v_floor));
            let (m, v) = (s.sub(m, m_floor), s.sub(v, v_floor));
            s.store_partial(m, m_slot);
            s.store_partial(v, v_slot);
            let root = s.mul_add(s.sqrt(v), s.splat(root), s.splat(epsilon));
            s.sub(p, s.div(s.mul(s.splat(step), m), root))
        }
    };
    s.store_partial(p, value);
}

kernel! {
    /// Updates a run of a dense parameter: the gradient is the sum of `partials` in their order, each of which
    /// begins at `offset`, plus `l2` times the value.
    ///
    /// # Panics
    /// Where a partial is too short.
    pub fn dense_update<'a, S: Simd>(
        s: S,
        step: Update,
        l2: f32,
        slots: Slots<'a>,
        partials: &'a [&'a [f32]],
        offset: usize,
    ) {
        update(s, step, slots, SumOfPartials { partials, offset, l2 });
    }
}

struct SumOfPartials<'a> {
    partials: &'a [&'a [f32]],
    offset: usize,
    l2: f32,
}

impl<S: Simd> Gradient<S> for SumOfPartials<'_> {
    #[inline(always)]
    fn lanes(&self, s: S, range: Range<usize>, value: S::F32) -> S::F32 {
        let mut sum = s.mul(s.splat(self.l2), value);
        for partial in self.partials {
            sum = s.add(
                sum,
                s.load_partial(&partial[self.offset + range.start..][..range.len()]),
            );
        }
        sum
    }
}
