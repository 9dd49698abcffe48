//! SGD: stochastic gradient descent, without momentum.
//!
//! `value <- value - learning_rate * gradient`, elementwise (Robbins and Monro, *A Stochastic Approximation Method*,
//! 1951). A table row that no sample picks has gradient zero and stays as it is.

/// One step; both slices have the same length.
///
/// ```
/// let mut value = [1.0, 2.0];
/// pocketrec::ops::sgd::update(&mut value, &[4.0, -8.0], 0.5);
/// assert_eq!(value, [-1.0, 6.0]);
/// ```
pub fn update(value: &mut [f64], gradient: &[f64], learning_rate: f64) {
    assert_eq!(value.len(), gradient.len(), "value and gradient differ in length");
    for (value, gradient) in value.iter_mut().zip(gradient) {
        *value -= learning_rate * gradient;
    }
}
