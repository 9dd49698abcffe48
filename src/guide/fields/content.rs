//! Films, songs, texts: what somebody takes up next, after what came just before.
//!
//! ```text
//! cargo run --release --example content
//! cargo run --release --example content -- --data ml-1m/ratings.dat
//! ```
//!
//! An evening has a direction: after the first part comes the second, after two sad songs another or none. A model of who has what
//! sees the same history on each evening. [`SasRec`](crate::models::SasRec) reads it in order, and an item that was just clicked on is
//! the latest of it: [`Trainer::absorb`](crate::train::Trainer::absorb) makes the history longer and trains nothing.
//!
#![doc = include_str!("content.svg")]
//!
//! In the made-up histories each item leads to few others, and all items are equally popular. Everybody's latest item is ranked among
//! all that they do not have: popularity has it in the first ten for 5 % of the people, MF for 10 %, SASRec for 66 %, and who knows the
//! paths for 80 %. Below the table the example clicks on what comes first, three times, and shows how the list follows and which
//! items of the history were most read.
//!
//! On MovieLens-1M's ratings (`--epochs 30`, one seed, 3,706 films):
//!
//! | all films | HR@10 | NDCG@10 |
//! |---|---|---|
//! | popularity | 0.0363 | 0.0178 |
//! | MF, which knows no order | 0.0914 | 0.0449 |
//! | SASRec, in order | 0.2877 | 0.1634 |
//!
//! [Other settings](crate::guide::which_model) of SASRec have 0.3101 and 0.1791 after 180 epochs, without the rarest films.
//!
//! # What to choose
//!
//! - **What comes just before decides** (songs, episodes, an evening's films): SASRec, by a softmax over all items.
//! - **Taste decides, order hardly** (books, restaurants): MF, which takes half as long to train here and least to serve.
//! - **To see which it is**: train both on the same split, as here. Where MF is near, order says little.
//! - **Items that are new** are scored 0 by SASRec until the next fit: keep a place in the list for them, or take
//!   [MF by features](crate::guide::fields::shop) beside it.
//!
//! ```
//! use pocketrec::{data::*, device::Device, models::SasRec, train::{TrainConfig, Trainer}};
//! // Sixty people go round the same ten things, from where each begins.
//! let walks = (0..60).flat_map(|user| (0..8).map(move |step| (user, (user + step) % 10, i64::from(step))));
//! let walks = Interactions::from_triples(&walks.collect::<Vec<(u32, u32, i64)>>())?;
//! let model = SasRec::new(60, 10).embedding_dim(16).blocks(1).length(10).dropout(0.0);
//! let config = TrainConfig { loss: SasRec::loss(), epochs: 30, batch_size: 16, eval_every: 0, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(model, Device::cpu(), config)?;
//! trainer.fit(&Split::from_cases(walks, [])?, |_| ())?;
//! assert_eq!(trainer.recommend(0, 1)?[0].0, 8); // has 0 to 7
//! trainer.absorb(&[(0, 8)])?;
//! assert_eq!(trainer.recommend(0, 1)?[0].0, 9); // at once
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! # What it does not show
//!
//! One item that comes next, not a list that is good as a whole: ten songs by one band may each be likely. Ratings of MovieLens were
//! given in one sitting, often down a list, so that *next* there is partly the order of a page. How long something was watched is
//! not in it.
