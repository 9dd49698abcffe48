//! How good a ranking is: leave-one-out evaluation, its metrics, baselines, and top-k selection.
//!
//! One code path evaluates everything that can score a (user, item): a model on an executor ([`evaluate`]), the
//! popularity baseline ([`evaluate_popularity`]), or any closure ([`evaluate_with`]). Rows of click data that carry
//! negatives are ranked by [`evaluate_cases`], and predicted clicks are compared with labels in [`clicks`].

mod baseline;
mod cases;
mod catalogue;
pub mod clicks;
mod full;
mod metrics;
mod ranking;
mod report;
mod top_k;

pub use baseline::evaluate_popularity;
pub use cases::evaluate_cases;
#[cfg(feature = "gpu")]
pub(crate) use catalogue::check_targets;
pub use catalogue::{Best, Query};
pub(crate) use catalogue::{rank_by_scores, top_by_scores};
pub use clicks::ClickReport;
pub use metrics::Rank;
pub use ranking::{CHUNK, Protocol, evaluate, evaluate_with};
pub use report::RankingReport;
pub use top_k::TopK;
