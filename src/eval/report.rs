//! What a ranking came to.

use alloc::format;
use core::fmt;

use crate::executor::Rank;
use crate::{Error, Result};

/// Means over the test cases, one a user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankingReport {
    /// The cut-off of `hr` and `ndcg`.
    pub k: usize,
    /// Share of the cases whose test item is among the first `k`.
    pub hr: f64,
    /// Normalised discounted cumulative gain at `k`.
    pub ndcg: f64,
    /// Mean reciprocal rank, without a cut-off.
    pub mrr: f64,
    /// Number of test cases that count.
    pub cases: u64,
    /// Test cases left out because there is nothing to rank their item among.
    pub left_out: u64,
    /// Pairs scored, the test items included.
    pub scored: u64,
}

impl RankingReport {
    /// Of no case.
    pub(super) fn new(k: usize) -> Self {
        RankingReport {
            k,
            hr: 0.0,
            ndcg: 0.0,
            mrr: 0.0,
            cases: 0,
            left_out: 0,
            scored: 0,
        }
    }

    /// Adds a case to what are sums until [`mean`](RankingReport::mean).
    pub(super) fn add(&mut self, rank: Rank) {
        self.hr += rank.hit_rate(self.k);
        self.ndcg += rank.ndcg(self.k);
        self.mrr += rank.reciprocal();
        self.cases += 1;
    }

    /// Makes means of the sums.
    ///
    /// # Errors
    /// [`Error::Config`] where no case is left.
    pub(super) fn mean(mut self) -> Result<Self> {
        if self.cases == 0 && self.left_out > 0 {
            let reason = format!(
                "none of {} cases has an item to rank the test item among",
                self.left_out
            );
            return Err(Error::config("candidates", reason));
        }
        let cases = self.cases.max(1) as f64;
        for sum in [&mut self.hr, &mut self.ndcg, &mut self.mrr] {
            *sum /= cases;
        }
        Ok(self)
    }
}

/// `HR@10 0.6880  NDCG@10 0.4100`, and where cases were left out ` on 5990 of 6040 cases`.
impl fmt::Display for RankingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RankingReport {
            k,
            hr,
            ndcg,
            cases,
            left_out,
            ..
        } = self;
        write!(f, "HR@{k} {hr:.4}  NDCG@{k} {ndcg:.4}")?;
        match left_out {
            0 => Ok(()),
            left_out => write!(f, "  on {cases} of {} cases", cases + left_out),
        }
    }
}
