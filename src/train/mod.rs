//! Training: batches in, a recommender out.
//!
//! The [`Trainer`] is thin: it feeds batches to an [`Executor`](crate::executor::Executor) and never computes on floats itself.
//!
//! ```
//! use pocketrec::{data::Interactions, device::Device, models::Gmf, train::*};
//! let pairs: Vec<(u32, u32)> = (0..8).flat_map(|user| (0..3).map(move |i| (user, (user + 3 * i) % 12))).collect();
//! let split = Interactions::from_pairs(&pairs)?.leave_one_out()?;
//! let model = Gmf::new(split.train.users() as usize, split.train.items() as usize);
//! let config = TrainConfig { epochs: 2, batch_size: 16, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(model, Device::auto()?, config)?;
//! trainer.fit(&split, |epoch| println!("{epoch}"))?;
//! let best = trainer.recommend(0, 3)?; // unseen items, best first
//! assert_eq!(best.len(), 3);
//! trainer.absorb(&[(8, 11)])?; // a click of a new user
//! assert_eq!(trainer.users(), 9);
//! # Ok::<(), pocketrec::Error>(())
//! ```

mod averaging;
mod clicks;
mod clock;
mod core;
#[cfg(feature = "std")]
mod cost;
mod draws;
mod events;
mod interactions;
mod prefetch;
mod progress;
mod rows;
mod run;
mod similar;
mod task;

#[cfg(feature = "checkpoint")]
pub(crate) use averaging::{check_averaging, mean_fault};
#[cfg(feature = "checkpoint")]
pub(crate) use clicks::absorbed_fault;
pub use clicks::{
    BestClickEpoch, ClickAbsorbConfig, ClickAbsorbReport, ClickConfig, ClickEpoch, ClickEvaluation, ClickEvent,
    ClickFit, ClickHistory, ClickMetric, ClickProgress, ClickRow, ClickTrainer,
};
#[cfg(feature = "checkpoint")]
pub(crate) use core::Core;
#[cfg(feature = "std")]
pub use cost::Cost;
pub use events::{BestEpoch, Control, EpochReport, Event, FitReport, IntoControl, ProgressReport, StopReason};
#[cfg(all(feature = "web", target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use interactions::Prepared;
pub(crate) use interactions::keys::pad as pad_keys;
#[cfg(feature = "checkpoint")]
pub(crate) use interactions::known::left_out as known_left_out;
pub use interactions::{AbsorbConfig, AbsorbReport, History, Known, KnownRow, RelatedRow, TrainConfig, Trainer};
pub use progress::Progress;
#[cfg(feature = "checkpoint")]
pub(crate) use progress::all_finite;
#[cfg(feature = "std")]
pub(crate) use progress::not_finite;
