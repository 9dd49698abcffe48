//! How good a ranking is: leave-one-out evaluation, its metrics, baselines, and top-k selection.
//!
//! One code path evaluates everything that can score a (user, item): a model on an executor ([`evaluate`]), the
//! popularity baseline ([`evaluate_popularity`]), or any closure ([`evaluate_with`]). Rows of click data that carry
//! negatives are ranked by [`evaluate_cases`]; where users have several test items, [`FullRanking`] ranks all items for each
//! user and reports recall, NDCG and more at `k`, by groups of activity too. Predicted clicks are compared with labels in
//! [`clicks`].

mod baseline;
mod cases;
pub mod clicks;
mod full;
mod full_ranking;
mod full_report;
mod list_metrics;
mod metrics;
mod ranking;
mod report;

pub use baseline::evaluate_popularity;
pub use cases::evaluate_cases;
pub use clicks::ClickReport;
pub use full_ranking::FullRanking;
pub use full_report::{ActivityGroup, FullReport};
pub use list_metrics::ListMetrics;
pub use ranking::{CHUNK, Protocol, evaluate, evaluate_with};
pub use report::RankingReport;

pub use crate::executor::{Best, Query, Rank, TopK};
