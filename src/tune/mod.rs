//! The search for settings: many trials a little, few of them long, the best of them once to the end.
//!
//! A [`Space`] says which settings may be tried. A [`Tuner`] trains trials by the ordinary trainers, epoch by epoch, and
//! compares them on a validation part: [`Halving`] decides who goes on, from the checkpoint where they stood, and a
//! tree-structured Parzen estimator what is tried next, once some settings were tried at random.
//!
//! ```
//! use pocketrec::{data::Planted, device::Device, eval::Protocol, models::Gmf, plan::Optimizer, train::*, tune::*};
//! let planted = Planted { users: 200, items: 100, interactions_per_user: 12, ..Planted::default() }.generate()?;
//! let split = planted.interactions.leave_one_out()?;
//! let validation = split.train.leave_one_out()?; // carved out of the training part
//!
//! let space = Space::new().choice("factors", [4, 8, 16]).log_uniform("lr", 1e-3, 1e-1);
//! let search = Search {
//!     halving: Halving { first: 1, last: 4, eta: 2 },
//!     budget: Budget::epochs(30),
//!     ..Search::new(space)
//! };
//! let mut pairs = Pairs::new(&validation, Device::cpu(), |settings| {
//!     let optimizer = Optimizer::default().with_learning_rate(settings.number("lr")? as f32);
//!     let config = TrainConfig { optimizer, ..TrainConfig::default() };
//!     Trainer::new(Gmf::new(200, 100).factors(settings.whole("factors")?), Device::cpu(), config)
//! });
//! let mut tuner = Tuner::new(search)?; // or Tuner::in_folder, to stop and go on at any time
//! tuner.run(&mut pairs, |_, _| ())?;
//!
//! let study = tuner.study();
//! println!("{}: {:.4}", study.best_settings().unwrap(), study.winner().unwrap().value);
//! let test = tuner.best(&mut pairs)?.evaluate(&split, Protocol::Sampled, 10)?; // once, by the winner alone
//! assert!(study.epochs() <= 30 && test.hr > 0.2);
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! The same search on the same data gives the same trials and the same bits, whether or not it was interrupted, unless
//! time was what ended it. Each trial has the seed that its trainer was made with.
//!
//! A trial is judged by its best epoch so far. One that cannot be made, diverges, or has no value counts as failed, says
//! why ([`State::Failed`]), and the search goes on.
//!
//! Every trial that stands on a rung below the last may be promoted, so that its checkpoint is kept: with Adam three
//! numbers a parameter, in the study's folder or in memory.
//!
//! # Sources
//!
//! - Li, Jamieson, Rostamizadeh, Gonina, Ben-Tzur, Hardt, Recht, Talwalkar: *A System for Massively Parallel Hyperparameter
//!   Tuning*, MLSys 2020 (asynchronous successive halving).
//! - Bergstra, Bardenet, Bengio, Kégl: *Algorithms for Hyper-Parameter Optimization*, NIPS 2011 (the estimator, section 4;
//!   here that of the crate [`tpe`], a setting at a time).

mod clock;
mod estimator;
mod exact;
mod halving;
mod objective;
mod record;
mod search;
mod settings;
mod space;
mod store;
mod study;
mod tuner;

pub use halving::Halving;
pub use objective::{Clicks, Objective, Pairs, Progress, RankingMetric};
pub use search::{Budget, Search};
pub use settings::{Settings, Value};
pub use space::{Domain, Parameter, Space};
pub use study::{State, Study, Trial, Winner};
pub use tuner::{Ended, Event, Tuner};
