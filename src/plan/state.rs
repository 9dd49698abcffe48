//! What training has made so far: parameters, moments and the step count.

use alloc::{vec, vec::Vec};

use super::{Init, Param, Plan};
use crate::rng::Rng;

/// The stream that initial values are drawn from, below the seed.
const INIT_STREAM: u32 = 1;

/// One parameter with its optimiser's moments, each `rows x width`, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// The parameter.
    pub value: Vec<f32>,
    /// Adam's first moment; empty under SGD.
    pub m: Vec<f32>,
    /// Adam's second moment; empty under SGD.
    pub v: Vec<f32>,
}

/// What training has made so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Steps taken by any optimiser; Adam's bias correction counts them.
    ///
    /// Moments that come later, after steps of SGD or with a new row, begin at zero under the count as it stands. That
    /// does no harm: uncorrected, a first step is `(1 - beta1) / sqrt(1 - beta2)` learning rates long (3.2 by
    /// default), and none is ever longer.
    pub step: u64,
    /// One a parameter, in the plan's order.
    pub tensors: Vec<Tensor>,
}

impl State {
    /// The state before the first step. Each value is a function of the seed, its parameter and its index.
    pub fn initial(plan: &Plan, seed: u64, moments: bool) -> Self {
        let rng = Rng::new(seed).stream(INIT_STREAM);
        let tensor = |(index, param): (usize, &Param)| {
            let rng = rng.stream(index as u32);
            let mut value = vec![0.0; param.len()];
            fill(&mut value, 0, param.init, rng);
            let zeros = || if moments { vec![0.0; param.len()] } else { Vec::new() };
            Tensor {
                value,
                m: zeros(),
                v: zeros(),
            }
        };
        State {
            step: 0,
            tensors: plan.params().iter().enumerate().map(tensor).collect(),
        }
    }
}

/// Draws initial values; `first` is the index of `values[0]` within its parameter.
fn fill(values: &mut [f32], first: u64, init: Init, rng: Rng) {
    for (index, value) in (first..).zip(values) {
        // The low half of an index may not be all ones: spread indices over 31 bits and the high half.
        let address = (index & 0x7fff_ffff) | (index >> 31) << 32;
        *value = match init {
            Init::Zeros => 0.0,
            Init::Constant { value } => value,
            Init::Normal { std } => std * rng.normal(address),
            Init::Uniform { limit } => limit * (2.0 * rng.uniform(address) - 1.0),
        };
    }
}
