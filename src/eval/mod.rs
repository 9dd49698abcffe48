//! How good a ranking is: leave-one-out evaluation, its metrics, baselines, and top-k selection.
//!
//! One code path evaluates everything that can score a (user, item): a model on an executor ([`evaluate`]), the
//! popularity baseline ([`evaluate_popularity`]), or any closure ([`evaluate_with`]).

mod baseline;
mod full;
mod metrics;
mod ranking;
mod top_k;

pub use baseline::evaluate_popularity;
pub use metrics::Rank;
pub(crate) use ranking::executor_takes_pairs;
pub use ranking::{CHUNK, Protocol, RankingReport, evaluate, evaluate_with};
pub use top_k::TopK;
