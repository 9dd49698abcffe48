//! A shop: what a customer buys next, and articles that nobody has bought yet.
//!
//! ```text
//! cargo run --release --example shop
//! cargo run --release --example shop -- --data train.csv --relations item_meta.csv --related r_complement,r_substitute
//! ```
//!
//! Most of what a shop has sells little, and what is new has sold nothing: a model of purchases alone cannot tell one new article
//! from another. What is known besides are relations: goes with, instead of, of the same make. The example takes a fifth of the
//! articles out of training whole, as if they were new, and a fifth of the other purchases.
//!
#![doc = include_str!("shop.svg")]
//!
//! Recall of 20 places, of purchases of known articles among all, and of purchases of new articles among the new ones. *LightGCN,
//! purchases alone* has new articles in no order: 0.11, as chance has (20 of 194). With ten related articles of each it has 0.68, and
//! known articles get no worse (0.60 after 0.59). MF that knows an article by the list of its related ones finds new ones nearly as
//! well (0.66); for known ones it has 0.43.
//!
//! On [Amazon's groceries](crate::guide::which_model), purchases with complements and substitutes (8,713 articles, of which a fifth is
//! taken to be new; one seed), the example has
//!
//! | recall of 20 places | known articles | new ones alone |
//! |---|---|---|
//! | popularity | 0.0653 | 0.0117 |
//! | LightGCN, purchases alone | 0.1555 | 0.0124 |
//! | LightGCN, related articles too | 0.1974 | 0.2262 |
//! | MF, articles by what they relate to | 0.1053 | 0.1661 |
//!
//! # What to choose
//!
//! - **Relations between articles**: LightGCN with the relations as edges and as pairs to learn from. A new article is ranked at once
//!   by what it is related to, without a step ([`Trainer::absorb_related`](crate::train::Trainer::absorb_related)), and its reason can
//!   be shown: *goes with what you have* ([`Explanation::path`](crate::explain::Explanation::path)).
//! - **Categories, words of titles, prices**: MF or NeuMF that [knows articles by these](crate::train::Trainer::with_known); a new
//!   article is ranked at once, between two fits ([`Trainer::absorb_item`](crate::train::Trainer::absorb_item)).
//! - **Neither**: a list *new in our shop* beside what the model recommends. Nothing is known, and no model makes up for that.
//!
//! ```
//! use pocketrec::{data::*, device::Device, models::{LightGcn, Loss, Softmax}, train::{TrainConfig, Trainer}};
//! // Two customers with tea and a pot, one with rice; oolong is new, and goes with tea.
//! let (customers, articles) = (["ann", "bob", "eve"], ["tea", "pot", "rice", "oolong"]);
//! let bought = Interactions::from_columns((3, 4), &[0, 0, 1, 1, 2], &[0, 1, 0, 1, 2], &[])?;
//! let bought = bought.with_ids(IdMap::from_keys(customers)?, IdMap::from_keys(articles)?)?;
//! let known = Triples::from_keys([("tea", "goes with", "oolong")])?;
//! let known = known.with_items(bought.item_ids(), &ItemLinks::from_keys(articles.map(|key| (key, key)))?)?;
//! let relations = Relations::of(&known)?.positives("goes with")?.edges("goes with", 1.0)?;
//!
//! let loss = Loss::Softmax(Softmax { related: true, ..Softmax::default() });
//! let config = TrainConfig { loss, epochs: 40, eval_every: 0, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(LightGcn::new(3, 4).layers(1), Device::cpu(), config)?;
//! trainer.set_relations(relations)?;
//! trainer.fit(&Split::from_cases(bought, [])?, |_| ())?;
//! let [oolong, rice] = [3, 2];
//! assert_eq!(trainer.recommend(0, 2)?.iter().map(|best| best.0).collect::<Vec<_>>(), [oolong, rice]);
//! let path = trainer.explain(0, oolong)?.path.expect("it goes with tea");
//! assert_eq!(path.describe("tea", "oolong"), "tea -> goes with -> oolong");
//! let mate = trainer.absorb_related("mate", &[("goes with", "tea")])?; // between two fits
//! assert!(trainer.recommend(0, 3)?.iter().any(|best| best.0 == mate.id));
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! # What it does not show
//!
//! Prices, stock and margins are not in it, and a list of what goes well is not a list of what sells more than without it: that
//! takes a trial with customers. Articles that are one another in two sizes compete for the same places; what is related as a
//! *substitute* may belong beside an article but not after its purchase.
