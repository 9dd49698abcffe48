//! What the full ranking came to.

use alloc::{format, vec::Vec};
use core::fmt;

use super::ListMetrics;

/// The metrics of users whose training parts are about as large.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ActivityGroup {
    /// The fewest interactions that a user of the group has in the training part.
    pub least: usize,
    /// The most.
    pub most: usize,
    /// Means over the group's users.
    pub metrics: ListMetrics,
}

/// How good the first `k` places of each user's ranking of all items are ([`FullRanking`](super::FullRanking)).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FullReport {
    /// Places that are looked at.
    pub k: usize,
    /// Means over all users with a test item.
    pub all: ListMetrics,
    /// The same users by ascending activity, about as many in each group; users of the same activity are in one.
    pub groups: Vec<ActivityGroup>,
    /// Mean over users of the area under the ROC curve, where it was asked for ([`FullRanking::with_auc`](super::FullRanking::with_auc)):
    /// of all pairs of a test item and an item that is none, the share in which the test item has the higher score, equal
    /// scores counting one half.
    pub auc: Option<f64>,
    /// Different items in the first `k` places of all users; of ties the lower items are taken.
    pub recommended: u64,
    /// Items that there are to recommend: those that somebody has in training or test, or the cold ones of these.
    pub items: u64,
}

impl FullReport {
    /// Share of the items that somebody is recommended: coverage of the catalogue.
    pub fn coverage(&self) -> f64 {
        self.recommended as f64 / self.items.max(1) as f64
    }
}

/// A table of at most 80 columns: a row for all users and one for each group, and AUC and coverage below.
impl fmt::Display for FullReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let k = self.k;
        write!(f, "{:>10} {:>13}", "users", "history")?;
        for name in ["recall", "ndcg", "prec.", "hits", "mrr", "map"] {
            write!(f, "{name:>9}")?;
        }
        let row = |f: &mut fmt::Formatter<'_>, history: &str, metrics: &ListMetrics| {
            write!(f, "\n{:>10} {history:>13}", metrics.users)?;
            metrics.values().iter().try_for_each(|value| write!(f, "{value:>9.4}"))
        };
        row(f, "all", &self.all)?;
        for group in &self.groups {
            let history = match (group.least, group.most) {
                (least, most) if least == most => format!("{least}"),
                (least, most) => format!("{least}-{most}"),
            };
            row(f, &history, &group.metrics)?;
        }
        let (recommended, items) = (self.recommended, self.items);
        let coverage = self.coverage();
        write!(f, "\nat {k} places; ")?;
        if let Some(auc) = self.auc {
            write!(f, "AUC {auc:.4}; ")?;
        }
        write!(f, "coverage {coverage:.4} ({recommended} of {items} items)")
    }
}
