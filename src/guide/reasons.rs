//! What the reasons of each model mean, and what they do not.
//!
//! [`Trainer::explain`](crate::train::Trainer::explain), [`ClickTrainer::explain`](crate::train::ClickTrainer::explain) and
//! [`Classical::explain`](crate::classical::Classical::explain) say why somebody is given an item; in the examples `--why`
//! does. Every reason is a number with an item of the user's history, or with something that is known of the recommended
//! item. What that number is differs from model to model, and [`Explanation::kind`](crate::explain::Explanation) says which
//! it is.
//!
//! | Model | Kind | The number | It is not |
//! |---|---|---|---|
//! | [RP3beta](#rp3beta) | parts | what the item adds to the score, exactly | about anything but who has both |
//! | [iALS](#ials) | parts | what the item adds to the score, exactly | what the score would fall by without the item |
//! | [LightGCN](#lightgcn) | parts | what reaches the user over the edge to the item, exactly | the item's own doing: others who have it are in it |
//! | [MF, GMF](#mf-and-gmf) | parts and a rest | a share of the user's vector that the item's can stand for | how the vector came about |
//! | [SASRec](#sasrec) | weights | how much was read of the item | anything about the one recommended: it is the same for all |
//! | [DIN](#din-and-dien), [DIEN](#din-and-dien) | weights | how much was read of the event for this candidate | for or against it |
//! | [KGCN](#kgcn) | neighbours | how much was read of what is known of the item | of the history; nor how one neighbour differs from another of its relation |
//! | [CFKG](#cfkg) | paths | how near the steps of a path end to where it leads | a part of the score, which takes no path |
//! | MLP, NeuMF, LR, FM, Wide & Deep, DeepFM, DCN-v2 | none | none: [they refuse](#models-without-reasons) | |
//!
//! # What none of them means
//!
//! - **About the score, not about the mind.** A part says what the model adds up, not why somebody liked something. They may
//!   have bought the tea as a gift; the model knows that they have it.
//! - **No cause.** Data of who has what say what goes together. That an item stands in a reason does not say that the user
//!   would not want the recommendation had they never seen it.
//! - **No better than the model.** One that ranks badly gives reasons as neatly as one that ranks well. Rank first
//!   ([`eval`](crate::eval)), then ask why.
//! - **No common scale.** Numbers compare within one explanation. A score is a logit, a cosine, a sum of weights or a
//!   squared distance, and its parts are as large as it is: 0.3 of one model and of another have nothing to do with one
//!   another, and none is a percentage.
//! - **Nothing that is not in the data.** Price, season, what a page has shown: where the model does not see it, it is in
//!   whatever goes along with it.
//!
//! What can be said to a user follows from the kind. Of parts above zero, *because you have this*; of parts below zero,
//! nothing, as they speak against it. Of weights no more than *with these in mind*. Of paths *goes with this, which you
//! have*, if the relation itself is known and not learnt. Where the [rest](crate::explain::Explanation::rest) is most of a
//! score, the history is not what it comes from, and popularity may be.
//!
//! # RP3beta
//!
//! The score is a sum over the history by definition: how likely a walk is to go from the item to one of its users, on to
//! one of their items. So the part of an item is exact, there is no rest, and without the item the score falls by that part.
//! A weight counts users and nothing else: it is large where few have both of two items and hardly anything besides.
//!
//! ```
//! use pocketrec::{classical::{Rp3Beta, Rp3BetaConfig}, data::Interactions, device::Device, explain::Reason};
//! // User 0 has items 0 and 1, user 1 has 1 and 2: from item 1 half of the users lead on, and from user 1 half of the items to 2.
//! let data = Interactions::from_pairs(&[(0, 0), (0, 1), (1, 1), (1, 2)])?;
//! let config = Rp3BetaConfig { alpha: 1.0, beta: 0.0, normalize: false, ..Rp3BetaConfig::default() };
//! let model = Rp3Beta::fit(&data, config, &Device::cpu())?;
//! let why = model.explain(0, 2)?;
//! assert_eq!((&why.reasons[..], why.rest), (&[Reason { item: 1, contribution: 0.25 }][..], 0.0));
//! assert_eq!(model.explain_for(&[0], 2)?.score, why.score - 0.25); // without item 1
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Paudel, Christoffel, Newell and Bernstein, ACM TiiS 7(1), 2017; [`Rp3Beta`](crate::classical::Rp3Beta) has the formula.
//!
//! # iALS
//!
//! A user's vector is the solution of a linear system, so the score is a sum over the history as well: `y_i . A^-1 y_j` for
//! each item `i` that the user has. The parts are exact and add up. But the history is in `A` too: it says how much is
//! explained already. So without an item the others' parts change, and the score does not fall by the item's part. Two items
//! that are alike share what either would have alone.
//!
//! ```
//! use pocketrec::{classical::{Ials, IalsConfig}, data::Interactions, device::Device};
//! let pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (3, 2), (3, 3)];
//! let config = IalsConfig { factors: 4, l2: 0.1, ..IalsConfig::default() };
//! let model = Ials::fit(&Interactions::from_pairs(&pairs)?, config, &Device::cpu())?;
//! let both = model.explain(0, 2)?; // by items 0 and 1, which the same users have
//! assert!((both.sum() - f64::from(both.score)).abs() < 1e-5 && both.rest == 0.0);
//! let one = model.explain_for(&[0], 2)?; // by item 0 alone
//! let of = |item| both.reasons.iter().find(|reason| reason.item == item).unwrap().contribution;
//! assert!(one.reasons[0].contribution > 1.2 * of(0)); // by itself it gives 0.48 and not 0.29, as it stands for both
//! assert!(one.score > 1.2 * (both.score - of(1))); // so the score falls from 0.57 by less than item 1's part
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Hu, Koren and Volinsky, ICDM 2008, section 5.
//!
//! # LightGCN
//!
//! A user's vector is a mean over what comes along the graph in some steps, and whatever comes to a user comes over an edge
//! to an item that they have. So the score falls into a part for each edge, and the rest, which is what is learnt of the
//! user alone. That is exact. But over the edge to an item comes with two layers and more what other users of that item
//! have: *because you have this* says here *because you have this, and by whatever those have who have it too*. Of somebody
//! who was absorbed later the rest is what users with the same items are by themselves.
//!
//! ```
//! # #[cfg(feature = "graphs")] {
//! use pocketrec::{data::Interactions, device::Device, models::{LightGcn, Loss}, train::*};
//! let split = Interactions::from_pairs(&[(0, 0), (0, 1), (0, 4), (1, 1), (1, 2), (1, 3), (2, 0), (2, 3), (2, 4)])?.leave_one_out()?;
//! let config = TrainConfig { loss: Loss::Bpr, epochs: 4, negatives: 1, eval_every: 0, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(LightGcn::new(3, 5).embedding_dim(8), Device::cpu(), config)?;
//! trainer.fit(&split, |_| ())?;
//! let why = trainer.explain(0, 3)?;
//! assert!((why.sum() - f64::from(why.score)).abs() < 1e-6 && why.rest != 0.0);
//! trainer.absorb(&[(3, 0), (3, 1)])?; // somebody new
//! let why = trainer.explain(3, 3)?;
//! assert!((why.sum() - f64::from(why.score)).abs() < 1e-6 && why.reasons.len() == 2);
//! # }
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! He et al., SIGIR 2020, section 3.1 (the layers and their mean, of which this is the sum in another order).
//!
//! Where [relations](crate::train::Trainer::set_relations) are edges,
//! [`Explanation::path`](crate::explain::Explanation::path) is the best way over one: the part of the score that user and
//! item both get from one item. It is a piece of what is there, not all of it.
//!
//! # MF and GMF
//!
//! Here a user's vector is learnt and no function of the history. What is told is how it can be written by the vectors of
//! the history's items, as well as that goes (least squares, with a ridge). What cannot be written so is the rest, with the
//! biases. It is a reading of the vector after the fact: another history would have led to another vector, and items that
//! are alike share a part as the ridge has it. A large rest says that the history does not tell the score.
//!
//! ```
//! use pocketrec::{data::Planted, device::Device, models::Mf, train::*};
//! let planted = Planted { users: 100, items: 60, interactions_per_user: 10, ..Planted::default() }.generate()?;
//! let config = TrainConfig { epochs: 2, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(Mf::new(100, 60).factors(8), Device::cpu(), config)?;
//! trainer.fit(&planted.interactions.leave_one_out()?, |_| ())?;
//! let (item, score) = trainer.recommend(7, 1)?[0];
//! let why = trainer.explain(7, item)?;
//! assert!((why.sum() - f64::from(score)).abs() < 1e-5);
//! assert!(why.reasons.iter().all(|reason| trainer.history().contains(7, reason.item)));
//! let from_history: f32 = why.reasons.iter().map(|reason| reason.contribution).sum();
//! println!("{from_history:.2} of {score:.2} can be told by the history, {:.2} cannot", why.rest);
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! The decomposition is this library's own (`src/train/interactions/explain/products.rs` has it with the ridge); no paper
//! stands for it. Where it is to be exact, take iALS.
//!
//! # SASRec
//!
//! Attention of all blocks, rolled out from the last step back to each item of the history: how much of it can have got into
//! what the user comes to. The score is the dot product of that with the recommended item, which attention does not see: so
//! the weights are the same for every item, and say what the model goes by at the moment, not why this one and not that one.
//!
//! ```
//! # #[cfg(feature = "sequences")] {
//! use pocketrec::{data::PlantedPaths, device::Device, models::SasRec, train::*};
//! let planted = PlantedPaths { users: 60, ..PlantedPaths::default() }.generate()?;
//! let (users, items) = (planted.interactions.users(), planted.interactions.items());
//! let model = SasRec::new(users as usize, items as usize).embedding_dim(8).length(20);
//! let config = TrainConfig { loss: SasRec::loss(), epochs: 1, batch_size: 32, eval_every: 0, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(model, Device::cpu(), config)?;
//! trainer.fit(&planted.interactions.leave_one_out()?, |_| ())?;
//! let best = trainer.recommend(3, 2)?;
//! let [first, second] = [best[0].0, best[1].0].map(|item| trainer.explain(3, item));
//! let (first, second) = (first?, second?);
//! assert!(first.reasons == second.reasons && first.score != second.score);
//! assert!((first.sum() - 1.0).abs() < 1e-5); // not to the score
//! # }
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Kang and McAuley, ICDM 2018, section III-B (attention); Abnar and Zuidema, *Quantifying Attention Flow in Transformers*,
//! ACL 2020, section 3 (the roll-out).
//!
//! # DIN and DIEN
//!
//! Attention of the candidate to each event of the history; so it differs from candidate to candidate. DIN adds up the
//! events by these weights; they do not add up to 1 unless [`softmax`](crate::models::Din::softmax) says so, since their sum
//! says how strong an interest is, and one may be below zero. DIEN's steer a recurrent layer, a softmax over states: the
//! weight of a state is also that of what came before it. In both, layers make a logit of what was read together with all
//! other fields. An event that was looked at most may be what speaks against the candidate.
//!
//! ```
//! # #[cfg(feature = "clicks")] {
//! use pocketrec::{data::clicks::PlantedClicks, device::Device, explain::Kind, models::Din, train::*};
//! let data = PlantedClicks { users: 50, rows_per_user: 20, ..PlantedClicks::default() }.generate()?;
//! let config = ClickConfig { epochs: 1, ..ClickConfig::default() };
//! for softmax in [true, false] {
//!     let model = Din::new(data.train.layout()).embedding_dim(4).attention([8], pocketrec::models::Unit::Sigmoid).softmax(softmax);
//!     let mut trainer = ClickTrainer::new(model, Device::cpu(), config.clone())?;
//!     trainer.fit(&data.train, None, |_| ())?;
//!     let whys = trainer.explain(&data.test)?;
//!     let read = whys.iter().filter(|why| !why.reasons.is_empty());
//!     let add_up = read.clone().all(|why| (why.sum() - 1.0).abs() < 1e-5);
//!     assert!(add_up == softmax && read.clone().all(|why| why.kind == Kind::Weights && why.rest == 0.0));
//! }
//! # }
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Zhou et al., KDD 2018, section 4.3, equation 3; Zhou et al., AAAI 2019, the section on the interest evolving layer.
//!
//! That attention is no explanation by itself is shown by Jain and Wallace, *Attention is not Explanation*, NAACL 2019:
//! other weights can lead to the same prediction. Wiegreffe and Pinter, *Attention is not not Explanation*, EMNLP 2019, say
//! when it tells something all the same. What holds here is measured and is a statement about means alone: on made-up data
//! whose truth is known a score falls, over some hundred users, at least twice as far (SASRec: three times) without the item
//! that was looked at most as without another, drawn at random (`tests/reasons`). Of a single user it may be otherwise.
//!
//! # KGCN
//!
//! Neighbours of the item in a knowledge graph, weighed by what their *relation* is to the user, a softmax of dot products.
//! Two neighbours by the same relation have the same weight, whatever they are: that an actor is looked at says that actors
//! count for this user, not that this one does. Nothing of it is of the history.
//!
//! ```
//! # #[cfg(feature = "graphs")] {
//! use pocketrec::{data::*, device::Device, explain::Kind, models::{Kgcn, Loss}, train::*};
//! let train = Interactions::from_columns((2, 3), &[0, 0, 1], &[0, 1, 2], &[])?;
//! let known = [("0", "actor", "ann"), ("0", "actor", "bob"), ("0", "kind", "drama"), ("1", "kind", "drama")];
//! let links = ItemLinks::from_keys(["0", "1", "2"].map(|key| (key, key)))?;
//! let triples = Triples::from_keys(known)?.with_items(train.item_ids(), &links)?;
//! let knowledge = Knowledge::sample(&triples, 8, 0)?;
//! let config = TrainConfig { loss: Loss::CrossEntropy, negatives: 1, epochs: 2, eval_every: 0, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(Kgcn::of(2, &knowledge), Device::cpu(), config)?;
//! trainer.set_knowledge(knowledge.clone())?;
//! trainer.fit(&Split::from_cases(train, [])?, |_| ())?;
//! let why = trainer.explain(1, 0)?;
//! assert!(why.kind == Kind::Neighbours && (why.sum() - 1.0).abs() < 1e-5);
//! let of = |name| why.reasons.iter().find(|reason| knowledge.entity_ids().key(reason.item).unwrap() == name).unwrap().contribution;
//! assert_eq!(of("ann"), of("bob"));
//! # }
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Wang et al., WWW 2019, section 3.2, equation 1.
//!
//! # CFKG
//!
//! Users, items and attributes are points, and relations steps between them. The score is how near the item is to where the
//! user's step of interactions ends; no path is in it. A reason is how well a *known* relation leads from an item that the
//! user has to the recommended one: the squared distances of the steps, below zero, 0 at best. It is found afterwards, for
//! whatever the score came from. An item without a known path has no reason, however high it is.
//!
//! ```
//! # #[cfg(feature = "graphs")] {
//! use pocketrec::{data::*, device::Device, explain::Kind, models::{Cfkg, Loss}, train::*};
//! let train = Interactions::from_columns((2, 4), &[0, 0, 1, 1], &[0, 1, 0, 3], &[])?;
//! let links = ItemLinks::from_keys(["0", "1", "2", "3"].map(|key| (key, key)))?;
//! let triples = Triples::from_keys([("0", "goes with", "2")])?.with_items(train.item_ids(), &links)?;
//! let relations = Relations::of(&triples)?.positives("goes with")?;
//! let config = TrainConfig { loss: Loss::Bpr, negatives: 1, eval_every: 0, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(Cfkg::new(2, 4).relations(&relations), Device::cpu(), config)?;
//! trainer.set_relations(relations)?;
//! trainer.fit(&Split::from_cases(train, [])?, |_| ())?;
//! let why = trainer.explain(0, 2)?;
//! let path = why.path.expect("item 0 goes with item 2");
//! assert_eq!((why.kind, path.describe("tea", "mate").as_str()), (Kind::Paths, "tea -> goes with -> mate"));
//! assert!(path.contribution <= 0.0 && path.contribution == why.reasons[0].contribution);
//! assert!(trainer.explain(0, 3)?.reasons.is_empty()); // nothing that is known leads there
//! # }
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Zhang, Ai, Chen and Wang, SIGIR 2018, sections 3.1 and 3.2 (the model); Ai, Azizi, Chen and Zhang, *Learning
//! Heterogeneous Knowledge Base Embeddings for Explainable Recommendation*, Algorithms 11(9), 2018 (paths that are found
//! afterwards by matching what was learnt).
//!
//! # Models without reasons
//!
//! MLP and NeuMF mix user and item in layers, and the user in them is a row that no item of the history has a part of. LR,
//! FM, Wide & Deep, DeepFM and DCN-v2 look at no history. They refuse to answer instead of making something up:
//!
//! ```
//! use pocketrec::{device::Device, models::{Mf, Model, NeuMf}, train::*};
//! let mut trainer = Trainer::new(NeuMf::new(3, 4).factors(2), Device::cpu(), TrainConfig::default())?;
//! let error = trainer.explain(0, 1).unwrap_err().to_string();
//! assert!(error.contains("MF, GMF, CFKG, KGCN, LightGCN and SASRec can be explained"), "{error}");
//! assert!(Model::from(NeuMf::new(3, 4)).reasons().is_none() && Model::from(Mf::new(3, 4)).reasons().is_some());
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Take one of those that have some: RP3beta or iALS where parts are to be exact, LightGCN where the graph helps, DIN where
//! there are many fields. [Which model?](super::which_model) has them side by side. Or rank by the one and tell by the
//! other, saying so: that RP3beta has a reason for what NeuMF recommends is true of RP3beta.
