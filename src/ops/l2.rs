//! L2: the squared norm of parameters in the loss, as [`plan::L2`](crate::plan::L2) words it.
//!
//! The mean loss of a batch of `batch` samples gains, for every dense parameter, `weight / 2 * |value|^2`, and for
//! every table row that `n` samples pick, `weight / 2 * |row|^2 * n / batch` (Rendle et al., *Neural Collaborative
//! Filtering vs. Matrix Factorization Revisited*, RecSys 2020, section 2.3: each sample regularises what it uses).
//! So a dense parameter is one that all samples pick, `n = batch`.
//! [`per_row`](crate::plan::L2::per_row) adds `weight / 2 * |row|^2` for every row of the tables, picked or not.

/// What the loss gains by `value`, which `share` of the batch's samples pick (`n / batch`; 1 for dense parameters).
///
/// ```
/// assert_eq!(pocketrec::ops::l2::penalty(&[3.0, 4.0], 0.1, 0.5), 0.625);
/// ```
pub fn penalty(value: &[f64], weight: f64, share: f64) -> f64 {
    weight / 2.0 * share * value.iter().map(|x| x * x).sum::<f64>()
}

/// Adds the gradient of [`penalty`], `weight * share * value`, to `gradient`.
///
/// ```
/// let mut gradient = [1.0, 1.0];
/// pocketrec::ops::l2::add_gradient(&mut gradient, &[2.0, 4.0], 0.5, 0.25);
/// assert_eq!(gradient, [1.25, 1.5]);
/// ```
pub fn add_gradient(gradient: &mut [f64], value: &[f64], weight: f64, share: f64) {
    for (gradient, x) in gradient.iter_mut().zip(value) {
        *gradient += weight * share * x;
    }
}
