//! Adam: steps in units of the gradient's own size.
//!
//! Kingma and Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015, algorithm 1, as `torch.optim.Adam`
//! computes it. With gradient `g` and `t` the number of this step, counted from 1:
//!
//! - `m <- beta1 m + (1 - beta1) g`
//! - `v <- beta2 v + (1 - beta2) g^2`
//! - `value <- value - learning_rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)`
//!
//! All slices have the same length and are elementwise. `t` counts all steps of training, also those at which a
//! lazily updated row was absent; such a row's moments stay as they are and do not decay.

use crate::optimizer::AdamConfig;

/// One step; `step` is `t`, at least 1.
///
/// ```
/// use pocketrec::{ops::adam, plan::AdamConfig};
/// let (mut value, mut m, mut v) = ([1.0, 1.0], [0.0; 2], [0.0; 2]);
/// let config = AdamConfig { learning_rate: 0.5, ..AdamConfig::default() };
/// adam::update(&mut value, &mut m, &mut v, &[100.0, -0.01], 1, &config);
/// // The first step is the learning rate, whatever the size of the gradient.
/// assert!((value[0] - 0.5).abs() < 1e-6 && (value[1] - 1.5).abs() < 1e-6);
/// ```
pub fn update(value: &mut [f64], m: &mut [f64], v: &mut [f64], gradient: &[f64], step: u64, config: &AdamConfig) {
    let (beta1, beta2) = (f64::from(config.beta1), f64::from(config.beta2));
    let (learning_rate, epsilon) = (f64::from(config.learning_rate), f64::from(config.epsilon));
    let correction1 = 1.0 - libm::pow(beta1, step as f64);
    let correction2 = 1.0 - libm::pow(beta2, step as f64);
    for (i, &g) in gradient.iter().enumerate() {
        m[i] = beta1 * m[i] + (1.0 - beta1) * g;
        v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
        let denominator = libm::sqrt(v[i]) / libm::sqrt(correction2) + epsilon;
        value[i] -= learning_rate / correction1 * m[i] / denominator;
    }
}
