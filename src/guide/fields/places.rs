//! Places: where to go next. Taste counts, and how far it is.
//!
//! ```text
//! cargo run --release --example places
//! cargo run --release --example places -- --data gowalla    # a folder with train.txt and test.txt, or a file of visits
//! ```
//!
//! A list of cafes on the other side of the town is of no use, and the three next door are known. Models of who was where do not
//! see a map; they find out what is near from people who were at both, where there are enough. In the made-up city 1,000 people of
//! a few visits each (7,023 to fit on) choose among 800 places by popularity, taste, and `exp(-km / 2)` from where they live. A
//! fifth of the visits is held out, and ranked among all places that somebody was not at; the whole takes 2 s on one core.
//!
#![doc = include_str!("places.svg")]
//!
//! | recall of 20 places | one city | mean of five (`--seed 1` to `5`) |
//! |---|---|---|
//! | popularity | 0.1647 | 0.1724 |
//! | the nearest first | 0.1297 | 0.1578 |
//! | RP3beta: who was where | 0.2534 | 0.2978 |
//! | LightGCN: who was where | 0.2606 | 0.2946 |
//! | FM: who, where, kind | 0.1718 | 0.1763 |
//! | FM: the same and km | 0.3484 | 0.3550 |
//! | FM: the same and km, all people new | 0.3193 | 0.3323 |
//! | the truth behind the data | 0.5516 | 0.5822 |
//!
//! The distance is one [number](crate::data::clicks::Field::number) in a row. It makes the difference between the two
//! [`Fm`](crate::models::Fm), and with it somebody new, of whom the address alone is known, gets a better list on the mean than
//! whoever has visits and no address gets from a graph. How much it is depends on the city: in that of seed 3 RP3beta has 0.3786,
//! and FM with the distance 0.3902.
//!
//! On Gowalla's check-ins, whose published split has no coordinates, LightGCN has recall 0.1762 and NDCG 0.1480 after the ten
//! epochs of the example (two minutes on one core), RP3beta 0.1818 and 0.1487 without training ([more](crate::guide::which_model)).
//!
//! # What to choose
//!
//! - **Coordinates and homes are known**: a model of clicks with the distance as a field, [`Fm`](crate::models::Fm) first. DeepFM,
//!   which has more to learn by heart, wants more visits than these. What else is of the request goes in likewise: the hour, the
//!   weather, where somebody is now in place of home.
//! - **Visits alone, and many of each person**: RP3beta or LightGCN: the more visits, the less the map adds.
//! - **Both**: the best hundred of either, ranked by the model that sees the distance; a city of a million places is too much to
//!   rank whole for each request.
//!
//! Negatives for the model of clicks are drawn by the example itself: the distance belongs to a person *and* a place, so that a
//! drawn place comes with its own. [`ClickConfig::negatives`](crate::train::ClickConfig::negatives) draws where all else follows
//! from the item.
//!
//! ```
//! use pocketrec::{data::clicks::{Field, Schema, Training}, device::Device, models::Fm, train::*};
//! let schema = Schema::new().field(Field::key("place")).field(Field::number("km")).label("visited");
//! let mut rows = Training::new(schema, vec![])?;
//! for row in 0..600 {
//!     let (place, km) = (row % 6, row * 7 % 50); // people go to what is nearer than 2 km
//!     rows.push_row(&[&format!("p{place}"), &format!("{:.1}", f64::from(km) / 10.0), if km < 20 { "1" } else { "0" }])?;
//! }
//! let (encoder, train, _) = rows.fit()?;
//! let config = ClickConfig { epochs: 20, batch_size: 16, ..ClickConfig::default() };
//! let mut trainer = ClickTrainer::new(Fm::new(encoder.layout()).embedding_dim(4), Device::cpu(), config)?;
//! trainer.set_encoder(encoder)?;
//! trainer.fit(&train, None, |_| ())?;
//! // The same two places, from here and from the other end of the town.
//! let here = trainer.rank(&[], &[], &[&[("place", "p1"), ("km", "0.4")], &[("place", "p2"), ("km", "4.1")]])?;
//! let there = trainer.rank(&[], &[], &[&[("place", "p1"), ("km", "4.3")], &[("place", "p2"), ("km", "0.6")]])?;
//! assert_eq!((here[0].0, there[0].0), (0, 1));
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! # What it does not show
//!
//! The law is what the model can learn: real distances are walked, driven, and not the same for all. People start from work and
//! from wherever they are; the example has a home alone. Opening hours, trips of several places and going there again are left out.
//! FM has no reasons: beside each place stand the kilometres, and by RP3beta, which is another model, where others who go there
//! were as well ([reasons](crate::guide::reasons)). Coordinates of homes are as private as data can be: what learns from them can
//! stay on the device.
