//! Recommenders that learn without gradients: fitted in seconds, each a baseline that deep models have to beat.
//!
//! [`Rp3Beta`] counts walks between items, [`Ials`] factorises by least squares. Both have one face, [`Classical`], with the calls
//! of a [`Trainer`](crate::train::Trainer) and some that only they can have: they know a user by the history alone, so that somebody
//! who was never trained on is recommended to at once ([`recommend_for`](Classical::recommend_for)), a click counts as soon
//! as it is [absorbed](Classical::absorb), and every score is a sum over the history ([`explain`](Classical::explain)).
//!
//! ```
//! use pocketrec::{classical::{Rp3Beta, Rp3BetaConfig}, data::Interactions, device::Device};
//! // Two circles: who has one of items 0 to 2 has others of them, and so with 3 to 5.
//! let pairs = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 0), (2, 2), (3, 3), (3, 4), (4, 4), (4, 5)];
//! let data = Interactions::from_pairs(&pairs)?;
//! let mut model = Rp3Beta::fit(&data, Rp3BetaConfig::default(), &Device::cpu())?;
//! assert_eq!(model.recommend(0, 3)?[0].0, 2);
//! assert_eq!(model.recommend_for(&[3], 3)?[0].0, 4); // whoever that is
//! let why = model.explain(0, 2)?;
//! assert_eq!(why.reasons.iter().map(|reason| reason.item).collect::<Vec<_>>(), [0, 1]);
//! assert!((why.sum() - f64::from(why.score)).abs() < 1e-6);
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Fitting runs on the processor, with the same bits on any number of threads.

mod face;
mod ials;
mod method;
mod records;
mod ridge;
mod rp3beta;
mod transposed;

pub use face::Classical;
pub use ials::{Factors, Ials, IalsConfig, Solver};
pub use method::Method;
#[cfg(feature = "checkpoint")]
pub(crate) use records::Records;
pub use ridge::PlacedItems;
pub use rp3beta::{Rp3Beta, Rp3BetaConfig, Walks};
