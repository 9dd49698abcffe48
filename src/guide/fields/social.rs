//! A social network: whom to follow next.
//!
//! ```text
//! cargo run --release --example social
//! cargo run --release --example social -- --data follows.csv
//! cargo run --release --example social -- --data user_artists.dat --pages
//! ```
//!
//! The data are a graph and little else, and the same person stands on both sides: who follows, and who is followed. In the example
//! everybody follows themselves first of all. So nobody is recommended to themselves, and the two sides of a person are one step
//! apart in LightGCN's graph. `--pages` leaves that out: artists, channels and pages are no people.
//!
#![doc = include_str!("social.svg")]
//!
//! Made-up people stand in circles, and each follows others by fame and by how near they are; a fifth of the follows is to be found
//! among all whom one does not follow. *Friends of friends*, [`RP3beta`](crate::classical::Rp3Beta), is best here,
//! without training: 0.320 of the follows in 20 places, LightGCN 0.310, the truth behind the data 0.394. Popularity, with the same 31
//! people for everybody, has 0.108. What the table also says is how many different people are in somebody's list (*coverage*): 2 %
//! by popularity, 60 % by friends of friends, 73 % by LightGCN. Who is never shown is never followed, so it is worth a look beside
//! the recall.
//!
//! On Last.FM's plays of artists (`--pages`, one seed, coverage last):
//!
//! | | recall@20 | NDCG@20 | coverage |
//! |---|---|---|---|
//! | popularity | 0.0940 | 0.0873 | 0.0024 |
//! | friends of friends | 0.2392 | 0.2388 | 0.1291 |
//! | LightGCN | 0.2436 | 0.2427 | 0.1825 |
//!
//! # What to choose
//!
//! - **To begin with**: friends of friends. It answers in a second, serves who is new by whom they follow, and its reasons are exact
//!   ([reasons](crate::guide::reasons#rp3beta)).
//! - **More different people, or many who follow few**: LightGCN; [on Gowalla](crate::guide::which_model) it is ahead of friends of
//!   friends, on these circles it is not.
//! - **Who is new** has three follows, and gets a list at once from either: [`Trainer::absorb`](crate::train::Trainer::absorb) makes
//!   no step for LightGCN, as a user is whom they follow.
//!
//! ```
//! use pocketrec::{classical::{Rp3Beta, Rp3BetaConfig}, data::Interactions, device::Device};
//! // Ann and Bob follow Cleo; Bob follows Dan, too. Whom should Ann follow? All follow themselves.
//! let follows = [("ann", "ann"), ("bob", "bob"), ("cleo", "cleo"), ("dan", "dan"), ("ann", "cleo"), ("bob", "cleo"), ("bob", "dan")];
//! let follows = Interactions::from_keys(follows.map(|(who, whom)| (who, whom, 0)))?;
//! let model = Rp3Beta::fit(&follows, Rp3BetaConfig::default(), &Device::cpu())?;
//! let (ann, best) = (follows.user_ids().get("ann").unwrap(), follows.item_ids().key(model.recommend(0, 2)?[1].0));
//! assert_eq!((ann, best.as_deref()), (0, Some("dan"))); // the first is Bob, who follows Cleo as she does
//! assert_eq!(model.explain(ann, follows.item_ids().get("dan").unwrap())?.reasons[0].item, follows.item_ids().get("cleo").unwrap());
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! # What it does not show
//!
//! What is recommended is followed, and what is followed is recommended: a network that is fed its own lists closes circles. The
//! split takes follows at random, not the latest, as files of follows seldom have times. Nothing is known of what people write.
