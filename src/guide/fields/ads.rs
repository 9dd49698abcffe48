//! Ads: how likely a click is. A bid is multiplied by it, so it must be right, and not only in the right order.
//!
//! ```text
//! cargo run --release --example ads
//! cargo run --release --example ads -- --data frappe    # a folder with train, valid and test in libfm's format
//! cargo run --release --example ads -- --data clicks.csv --label clicked --numbers price,shown --hash 100000
//! ```
//!
//! Whoever sells places for ads shows the one whose bid times the probability of a click is highest; whoever buys them bids by it.
//! In made-up impressions some ads suit some ages, devices and sites, which no sum over single fields has:
//! [`Lr`](crate::models::Lr) cannot see it, [`DeepFm`](crate::models::DeepFm) can. 200,000 impressions to train on, of which 5 %
//! were clicked on; the whole takes 3 s on one core.
//!
//! | test impressions | AUC | log loss | ECE | ratio | revenue, share of the truth's |
//! |---|---|---|---|---|---|
//! | the same rate for all | 0.5000 | 0.2052 | 0.0009 | 0.98 | 0.52 |
//! | LR | 0.7742 | 0.1782 | 0.0053 | 0.96 | 0.75 |
//! | DeepFM | 0.8070 | 0.1691 | 0.0034 | 0.94 | 0.89 |
//! | DeepFM, too sure of itself | 0.8070 | 0.1783 | 0.0201 | 0.94 | 0.88 |
//! | the truth behind the data | 0.8525 | 0.1559 | 0.0037 | 0.97 | 1 |
//!
//! *ECE* is how far predicted and observed clicks are apart, over ten bins of like predictions; *ratio* is predicted over observed
//! clicks ([`Calibration`](crate::eval::clicks::Calibration)). The rate that is the same for all is calibrated best, and worthless:
//! so look at log loss first, which wants both. The last column is from 4,000 auctions of eight ads. Over five seeds LR earns 0.66
//! to 0.77 of what the truth does, DeepFM 0.89 to 0.93.
//!
#![doc = include_str!("ads.svg")]
//!
//! # What it costs to be wrong
//!
//! *Too sure of itself* is DeepFM with its logits drawn apart by half, and as many clicks in all. AUC is the same to the last
//! digit, since the order is. The auctions still earn nearly as much; but they promise 1.21 times of what they earn (1.11 to 1.30
//! over five seeds; DeepFM as it is: 0.91 to 1.07), and whoever pays by impression for that pays too much. Training that goes on
//! for too long makes a model so, and epochs that are compared by AUC do not show it. Rows without a click that were left out to
//! save time do something else: with one in ten of them kept, all logits are too high by the logarithm of ten. Subtract it, or give
//! the kept rows a [weight](crate::data::clicks::Schema::weight).
//!
//! A new ad comes: its first 1,500 impressions (of three ads) are [absorbed](crate::train::ClickTrainer::absorb_with) in one call.
//! On later ones log loss falls from 0.2994 to 0.2450, where the truth has 0.2108; on ads that were known it stays as it was,
//! 0.1691. Clicks are rare, so these are learnt together (`group`), not 32 at a time; and the schema has no
//! [`group`](crate::data::clicks::Schema::group), as else each impression would move its user's rows as far as the ad's.
//!
//! # What to choose
//!
//! - **[`Lr`](crate::models::Lr)** where a weight for each value is to be read, or nothing may be slow.
//! - **[`DeepFm`](crate::models::DeepFm)** or [`DcnV2`](crate::models::DcnV2) otherwise; [`Din`](crate::models::Din) where it is
//!   known what users clicked on before.
//! - **Epochs by log loss** ([`ClickMetric::LogLoss`](crate::train::ClickMetric::LogLoss)), a mean over them
//!   ([`average_from`](crate::train::ClickConfig::average_from)), and a look at the picture.
//! - **Columns of very many values** [hashed](crate::data::clicks::Field::hashed); counts and prices as
//!   [numbers](crate::data::clicks::Field::number), by their [logarithm](crate::data::clicks::Field::log).
//!
//! On [Frappe](crate::guide::which_model) (`--data`, other settings than in that table) LR has AUC 0.9357 and log loss 0.3109,
//! DeepFM 0.9708 and 0.2049, in 5 s on one core.
//!
//! ```
//! use pocketrec::{data::clicks::PlantedClicks, device::Device, models::DeepFm, train::*};
//! let data = PlantedClicks { users: 200, rows_per_user: 50, ..PlantedClicks::default() }.generate()?;
//! let model = DeepFm::new(data.train.layout()).embedding_dim(8).hidden([16]);
//! let config = ClickConfig { epochs: 3, batch_size: 128, metric: ClickMetric::LogLoss, ..ClickConfig::default() };
//! let mut trainer = ClickTrainer::new(model, Device::cpu(), config)?;
//! trainer.fit(&data.train, Some(&data.dev), |_| ())?;
//! let report = trainer.evaluate(&data.test)?;
//! assert!((0.5..2.0).contains(&report.calibration.ratio()) && report.calibration.error() < 0.2);
//!
//! // Two ads with their bids: the better one is shown, for what it is worth.
//! trainer.set_encoder(data.encoder)?;
//! let (bids, ads) = ([0.40, 0.25], [[("item", "3")], [("item", "9")]]);
//! let ranked = trainer.rank(&[("user", "7"), ("hour", "8")], &[], &[&ads[0], &ads[1]])?;
//! let worth = ranked.iter().map(|&(ad, logit)| (ad, bids[ad] / (1.0 + (-logit).exp())));
//! let best = worth.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are two");
//! assert!(best.1 > 0.0 && best.1 < bids[best.0]);
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! # What it does not show
//!
//! Made-up ads were shown at random. A real log has what an older model chose, and says nothing of ads that it never showed; some
//! must be shown by chance, so that there is something to learn from. Rates change from day to day: look at the ratio each day, and
//! train anew before it drifts. Neither LR nor DeepFM [has reasons](crate::guide::reasons); the example shows how the probability
//! changes with another value of a field, which says what the model goes by and not why somebody clicks. A click is no sale.
