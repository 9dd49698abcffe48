//! What changes from call to call: the uniform at the head of a batch.

use crate::gpu::shapes::uniform;
use crate::{
    gpu::program::spaces::{PerSpace, SPACES, Slice},
    plan::{AdamConfig, L2, Optimizer},
};

uniform! {
    pub(crate) struct Call as Call {
        pub spaces: [SpaceCall; SPACES],
        pub shares: [f32; SPACES],
        pub labels: u32,
        pub losses: u32,
        pub auxiliary: u32,
        pub slots: u32,
        pub numbers: u32,
        pub noise: u32,
        pub scale: f32,
        pub l2_dense: f32,
        pub l2_tables: f32,
        pub beta1: f32,
        pub beta2: f32,
        pub rate: f32,
        pub root: f32,
        pub epsilon: f32,
        pub l2_per_row: f32,
        pub held: u32,
        pub weights: u32,
        pub log_q: u32,
        pub pad: [u32; 2],
    }
}

/// What a call has of a space.
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct SpaceCall {
    pub rows: u32,
    pub first: u32,
    pub split: u32,
    pub offsets: u32,
}

impl Call {
    /// The same call for a slice, whose slots add up `split` rows each.
    pub fn of(mut self, slice: Slice, split: PerSpace) -> Self {
        for (space, call) in self.spaces.iter_mut().enumerate() {
            *call = SpaceCall {
                rows: slice.rows[space],
                first: slice.first[space],
                split: split[space],
                ..*call
            };
        }
        self
    }

    /// The optimiser's part, at step `t`, counted from 1, of a batch of `samples`.
    pub fn optimizer(&mut self, optimizer: &Optimizer, l2: L2, t: u64, samples: usize) {
        self.l2_dense = l2.dense;
        self.l2_tables = l2.tables / samples as f32;
        self.l2_per_row = l2.per_row;
        self.scale = 1.0 / samples as f32;
        match *optimizer {
            Optimizer::Sgd { learning_rate } => self.rate = learning_rate,
            Optimizer::Adam(config) | Optimizer::LazyAdam(config) => {
                let AdamConfig {
                    learning_rate,
                    beta1,
                    beta2,
                    epsilon,
                } = config;
                let correction = |beta: f32| 1.0 - libm::pow(f64::from(beta), t as f64);
                (self.beta1, self.beta2, self.epsilon) = (beta1, beta2, epsilon);
                self.rate = (f64::from(learning_rate) / correction(beta1)) as f32;
                self.root = (1.0 / libm::sqrt(correction(beta2))) as f32;
            }
        }
    }
}
