//! Metrics of one test item's rank. Ties count by their expectation, so that a constant score gets exactly chance.

use crate::executor::Rank;

impl Rank {
    /// Probability of being among the first `k`: HR@k, which is recall@k where one item is held out.
    pub fn hit_rate(self, k: usize) -> f64 {
        let places = (k as u64).saturating_sub(self.better).min(self.ties + 1);
        places as f64 / (self.ties + 1) as f64
    }

    /// Expected `1 / log2(place + 1)`, places counted from 1, zero beyond `k`: NDCG@k with one relevant item.
    pub fn ndcg(self, k: usize) -> f64 {
        let end = (k as u64).min(self.better.saturating_add(self.ties + 1));
        let gain = |place: u64| 1.0 / libm::log2((place + 2) as f64);
        (self.better..end).map(gain).sum::<f64>() / (self.ties + 1) as f64
    }

    /// Expected `1 / place`, places counted from 1: its mean is MRR.
    pub fn reciprocal(self) -> f64 {
        match self.ties {
            0 => 1.0 / (self.better + 1) as f64,
            ties => (harmonic(self.better + ties + 1) - harmonic(self.better)) / (ties + 1) as f64,
        }
    }
}

/// `1 + 1/2 + ... + 1/n`; by Euler and Maclaurin where n is large, with an error below 1e-14.
fn harmonic(n: u64) -> f64 {
    const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
    if n < 1024 {
        return (1..=n).map(|i| 1.0 / i as f64).sum();
    }
    let n = n as f64;
    libm::log(n) + EULER_GAMMA + 1.0 / (2.0 * n) - 1.0 / (12.0 * n * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean over every place that the ties allow.
    fn brute_force(rank: Rank, metric: impl Fn(u64) -> f64) -> f64 {
        let places = rank.better..=rank.better + rank.ties;
        places.map(metric).sum::<f64>() / (rank.ties + 1) as f64
    }

    #[test]
    fn ties_count_by_their_mean() {
        for better in [0, 1, 5, 9, 10, 11, 100] {
            for ties in [0, 1, 3, 9, 10, 99, 2000] {
                for k in [1, 5, 10, 100] {
                    let rank = Rank { better, ties };
                    let within = |place: u64| place < k as u64;
                    let hit = brute_force(rank, |place| f64::from(u8::from(within(place))));
                    let gain = |place: u64| {
                        if within(place) {
                            1.0 / ((place + 2) as f64).log2()
                        } else {
                            0.0
                        }
                    };
                    assert!((rank.hit_rate(k) - hit).abs() < 1e-12, "{rank:?} {k}");
                    assert!((rank.ndcg(k) - brute_force(rank, gain)).abs() < 1e-12, "{rank:?} {k}");
                    let reciprocal = brute_force(rank, |place| 1.0 / (place + 1) as f64);
                    assert!((rank.reciprocal() - reciprocal).abs() < 1e-12, "{rank:?}");
                }
            }
        }
    }

    #[test]
    fn nan_has_no_rank_and_infinity_has() {
        assert_eq!(Rank::among(f32::NAN, &[0.0]), None);
        assert_eq!(Rank::among(0.0, &[1.0, f32::NAN]), None);
        let rank = Rank::among(0.0, &[f32::INFINITY, -0.0, f32::NEG_INFINITY]).unwrap();
        assert_eq!(rank, Rank { better: 1, ties: 1 });
    }
}
