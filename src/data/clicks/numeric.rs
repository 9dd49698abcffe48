//! Numbers: standard scaling, and edges of quantiles.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// How a number is scaled: `(x - shift) * factor`, with `shift` and `factor` from the training rows, and limited to
/// `-limit..=limit`. A missing number, which is NaN here, counts as the mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// What is subtracted first.
    pub shift: f32,
    /// What the difference is multiplied by.
    pub factor: f32,
    /// The number that stands in for a missing one.
    pub mean: f32,
    /// The farthest from 0 that a scaled number may be. 0 in older files; see [`Scale::LIMIT`].
    #[serde(default)]
    pub limit: f32,
}

impl Scale {
    /// The largest standardised number, in standard deviations: numbers farther off are cut to it.
    ///
    /// No row of `n` is more than `sqrt(n - 1)` of their own standard deviations from their mean (Samuelson, *How Deviant
    /// Can You Be?*, JASA 1968), so that no training row is ever cut where there are fewer than 16.7 million. A single
    /// value of a later row then cannot make predictions overflow, with weights of the usual size not even in half
    /// precision.
    pub const LIMIT: f32 = 4096.0;

    /// The limit of a standardised number, and that of one as it is.
    pub(super) fn limit_of(standard: bool) -> f32 {
        if standard { Self::LIMIT } else { f32::MAX }
    }

    /// Mean 0 and standard deviation 1 of `numbers` (`standard`), or as they are. Of numbers that are all the same, or
    /// none, the factor is 1.
    pub(super) fn fit(numbers: &[f32], standard: bool) -> Self {
        let known = || numbers.iter().filter(|x| !x.is_nan()).map(|&x| f64::from(x));
        let count = known().count().max(1) as f64;
        let mean = known().sum::<f64>() / count;
        let variance = known().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        let factor = (1.0 / libm::sqrt(variance)) as f32;
        let raw = Scale {
            shift: 0.0,
            factor: 1.0,
            mean: mean as f32,
            limit: Self::limit_of(standard),
        };
        match standard {
            true if factor.is_finite() => Scale {
                shift: mean as f32,
                factor,
                ..raw
            },
            true => Scale {
                shift: mean as f32,
                ..raw
            },
            false => raw,
        }
    }

    /// The scaled number.
    pub fn apply(&self, x: f32) -> f32 {
        let limit = f64::from(self.limit);
        self.unlimited(x).clamp(-limit, limit) as f32
    }

    /// Whether a number is beyond the limit.
    pub(super) fn cuts(&self, x: f32) -> bool {
        self.unlimited(x).abs() > f64::from(self.limit)
    }

    fn unlimited(&self, x: f32) -> f64 {
        let x = if x.is_nan() { self.mean } else { x };
        (f64::from(x) - f64::from(self.shift)) * f64::from(self.factor)
    }

    pub(super) fn is_finite(&self) -> bool {
        let limit = self.limit.is_finite() && self.limit > 0.0;
        limit && self.shift.is_finite() && self.factor.is_finite() && self.mean.is_finite()
    }
}

/// Edges that cut `numbers` into at most `parts` parts of about the same size; equal numbers are in one part.
pub(in crate::data) fn quantile_edges(numbers: &[f32], parts: u32) -> Vec<f32> {
    let mut sorted: Vec<f32> = numbers.iter().copied().filter(|x| !x.is_nan()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let mut edges = Vec::new();
    for part in 1..u64::from(parts) {
        let Some(&edge) = sorted.get((part * sorted.len() as u64 / u64::from(parts)) as usize) else {
            break;
        };
        // -0 and 0 are one number.
        let edge = edge + 0.0;
        // An edge at the least number would leave the part before it empty.
        if edge > edges.last().copied().unwrap_or(sorted[0]) {
            edges.push(edge);
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_numbers_have_mean_0_and_deviation_1() {
        let numbers = [1.0, 2.0, f32::NAN, 3.0, 6.0];
        let scale = Scale::fit(&numbers, true);
        // Mean 3, population variance (4 + 1 + 0 + 9) / 4 = 3.5.
        assert_eq!((scale.shift, scale.mean), (3.0, 3.0));
        assert!((scale.apply(6.0) - 3.0 / 3.5f32.sqrt()).abs() < 1e-6);
        assert_eq!(scale.apply(f32::NAN), 0.0);
        assert_eq!(
            (scale.apply(f32::MAX), scale.apply(f32::MIN)),
            (Scale::LIMIT, -Scale::LIMIT)
        );
        assert!(scale.cuts(f32::MAX) && !scale.cuts(6.0) && !scale.cuts(f32::NAN));
        let raw = Scale::fit(&numbers, false);
        assert_eq!((raw.apply(6.0), raw.apply(f32::NAN)), (6.0, 3.0));
    }

    /// The one row that is as far off as any can be: of `n` the others are all the same.
    #[test]
    fn no_training_row_is_cut() {
        let mut numbers = alloc::vec![0.0f32; 1_000_000];
        numbers[7] = 3e30;
        let scale = Scale::fit(&numbers, true);
        assert!(
            (scale.apply(3e30) - 999_999f32.sqrt()).abs() < 1e-2,
            "{}",
            scale.apply(3e30)
        );
        assert!(!scale.cuts(3e30) && scale.cuts(3e31));
    }

    #[test]
    fn numbers_without_spread_are_only_shifted() {
        for numbers in [&[7.0; 5][..], &[], &[f32::NAN]] {
            let scale = Scale::fit(numbers, true);
            assert_eq!(scale.factor, 1.0);
            assert_eq!(scale.apply(f32::NAN), 0.0);
        }
        assert!(Scale::fit(&[f32::MAX, f32::MIN, 1.0], true).is_finite());
    }

    #[test]
    fn quantiles_are_even_and_keep_equal_numbers_together() {
        let numbers: Vec<f32> = (0..100).map(|x| x as f32).collect();
        assert_eq!(quantile_edges(&numbers, 4), [25.0, 50.0, 75.0]);
        assert_eq!(quantile_edges(&[5.0, 1.0, 1.0, 1.0, 1.0, 9.0], 3), [5.0]);
        assert!(quantile_edges(&[3.0; 10], 5).is_empty());
        assert!(quantile_edges(&[f32::NAN], 5).is_empty());
        assert_eq!(quantile_edges(&[2.0, 1.0], 1000), [2.0]);
    }
}
