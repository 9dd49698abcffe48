//! Which model? A decision in ten lines, and one table of what was measured.
//!
//! # In ten lines
//!
//! 1. Something to begin with, in a second: RP3beta, also as what others have to beat. What does not beat it need not be trained.
//! 2. Rows with many fields and what came of them (ads, offers): FM where little may be computed, DeepFM or DCN-v2 otherwise.
//! 3. The same, and what users did before: DIN; DIEN where the order of it matters and there is five times as much time.
//! 4. What comes next, after what came just before (songs, an evening's films): SASRec.
//! 5. Who has what and nothing else: MF, the cheapest to serve and on MovieLens-1M the best; iALS where it is to be done in seconds.
//! 6. Who has what, and most have little: LightGCN, by softmax with one layer.
//! 7. Items that nobody has yet: LightGCN with their relations to others as edges; where there are categories, words or numbers
//! instead, MF or NeuMF that [knows items by these](crate::train::Trainer::with_known), or iALS that [places items by
//! them](crate::classical::Ials::place_items) after training, on MovieLens-1M better than these.
//! 8. Attributes of items as well, and a path along them to show: CFKG. A knowledge graph whose relations differ from user to
//! user: KGCN, but try MF beside it: on Last.FM that is better without any graph.
//! 9. Users who come and are served at once, without training: SASRec, LightGCN, iALS, RP3beta.
//! 10. Reasons that add up to the score: RP3beta, iALS, LightGCN; [what reasons mean](super::reasons).
//!
//! Then take the two that are left and rank the same held-out items by both: no table knows your data.
//!
//! # The table
//!
//! <!-- made by benches/which_model.py -->
//! | Model | Needs | Accuracy (published) | An epoch | Memory | New user; new item | Reasons | Runs on |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | [MF](crate::models::Mf) | who has what; features of users or items, if there are any | ML-1M 0.7328&nbsp;(0.7294)<br>Gowalla 0.1628&nbsp;(0.1627)<br>Last.FM 0.8457 |  |  | by steps; by steps | parts | CPU, GPU |
//! | [GMF](crate::models::Gmf) | who has what; features of users or items, if there are any | ML-1M 0.6403 |  |  | by steps; by steps | parts | CPU, GPU |
//! | [MLP](crate::models::Mlp) | who has what; features of users or items, if there are any | ML-1M 0.6754&nbsp;(0.671) |  |  | by steps; by steps | none | CPU, GPU |
//! | [NeuMF](crate::models::NeuMf) | who has what; features of users or items, if there are any | ML-1M 0.6888&nbsp;(0.688) | ML-1M, batch 256: 1.4&nbsp;s |  | by steps; by steps | none | CPU, GPU |
//! | [RP3beta](crate::classical::Rp3Beta) | who has what | Gowalla 0.1818 | Gowalla: 1.2&nbsp;s |  | at once; fit anew | parts | CPU |
//! | [iALS](crate::classical::Ials) | who has what | Gowalla 0.1494&nbsp;(0.1492) |  |  | at once; fit anew | parts | CPU |
//! | [LightGCN](crate::models::LightGcn) | who has what; relations of items, if there are any | Gowalla 0.1830&nbsp;(0.1823)<br>Grocery 0.4427&nbsp;(0.3705) | Gowalla, softmax: 5.7&nbsp;s<br>Gowalla, BPR, 3 layers: 14.7&nbsp;s<br>Grocery: 11&nbsp;to&nbsp;13&nbsp;s |  | at once; at once | parts | CPU, GPU; `graphs` |
//! | [CFKG](crate::models::Cfkg) | who has what; relations or attributes of items | Grocery 0.4420&nbsp;(0.4199) | Grocery: 1.1&nbsp;to&nbsp;1.4&nbsp;s |  | by steps; by steps | paths | CPU, GPU; `graphs` |
//! | [KGCN](crate::models::Kgcn) | who has what; a knowledge graph of items | Last.FM 0.8254&nbsp;(0.796) |  |  | by steps; by steps | neighbours | CPU, GPU; `graphs` |
//! | [SASRec](crate::models::SasRec) | who has what, in order | ML-1M next 0.3101&nbsp;(0.3152)<br>Grocery 0.4064&nbsp;(0.3917) | ML-1M next: 6.5&nbsp;to&nbsp;7&nbsp;s<br>Grocery: 6&nbsp;s | 124&nbsp;MB | at once; fit anew | weights | CPU, GPU; `sequences` |
//! | [LR](crate::models::Lr) | rows with fields and a label, or choices | ML-1M clicks 0.7752 |  |  | by steps; by steps | none | CPU, GPU |
//! | [FM](crate::models::Fm) | rows with fields and a label, or choices | Frappe 0.9681&nbsp;(0.9671) |  |  | by steps; by steps | none | CPU, GPU; `clicks` |
//! | [Wide & Deep](crate::models::WideDeep) | rows with fields and a label, or choices | ML-1M clicks 0.7804&nbsp;(0.7798) |  |  | by steps; by steps | none | CPU, GPU |
//! | [DeepFM](crate::models::DeepFm) | rows with fields and a label, or choices | ML-1M clicks 0.7861&nbsp;(0.7736)<br>Frappe 0.9847&nbsp;(0.9842)<br>ML-1M choices 0.5072&nbsp;(0.4866) | ML-1M clicks, 16 wide: 326&nbsp;k/s |  | by steps; by steps | none | CPU, GPU; `clicks` |
//! | [DCN-v2](crate::models::DcnV2) | rows with fields and a label, or choices | ML-1M clicks 0.7957<br>Frappe 0.9853 |  |  | by steps; by steps | none | CPU, GPU; `clicks` |
//! | [DIN](crate::models::Din) | the same, with users and times | ML-1M clicks 0.8019&nbsp;(0.7904)<br>ML-1M choices 0.6614&nbsp;(0.6448) | ML-1M clicks, 16 wide: 184&nbsp;k/s |  | by steps; by steps | weights | CPU, GPU; `clicks` |
//! | [DIEN](crate::models::Dien) | the same, with users and times | ML-1M clicks 0.7968&nbsp;(0.7874)<br>ML-1M choices 0.6835&nbsp;(0.6705) | ML-1M clicks, 16 wide: 38.0&nbsp;k/s |  | by steps; by steps | weights | CPU, GPU; `clicks` |
//!
//! | Task | Figure, the first of | How |
//! |---|---|---|
//! | ML-1M | HR@10, NDCG@10 | MovieLens-1M: the latest item of each user among 99 that are drawn (He et al., 2017) |
//! | ML-1M next | HR@10, NDCG@10 | MovieLens-1M: the latest item among all that the user has not |
//! | Gowalla | recall@20, NDCG@20 | check-ins, a fifth of each user's held out, among all places (the split of LightGCN) |
//! | Grocery | HR@5, NDCG@5 | Amazon Grocery: the latest item among 99 that are drawn (the split of ReChorus) |
//! | Last.FM | AUC | artists that were played and as many that were not (the rule of KGCN) |
//! | ML-1M clicks | AUC, log loss | MovieLens-1M: ratings of 4 and 5 against the others, the latest rows (ReChorus 2.0) |
//! | ML-1M choices | HR@10, NDCG@10 | the same timeline: what was chosen among 99 others (ReChorus 2.0) |
//! | Frappe | AUC, log loss | use of apps against drawn ones (the split of BARS) |
//! <!-- end -->
//!
//! # How to read it
//!
//! - **Accuracy** is the mean of three seeds, or one run; in brackets what was published for the same task, or what another
//!   implementation has. Figures of different tasks do not compare, and among those of one task settings differ: the files
//!   have the command of each. What was not measured is left empty.
//! - **An epoch** is one pass over the training part (of iALS and RP3beta, all of fitting) by the command in the file, on
//!   two threads. A *sample* is a positive or a negative, a row of clicks, or a history of SASRec. **Memory** is the most
//!   that the process had, with the data in it.
//! - **New user; new item**: what [`absorb`](crate::train::Trainer::absorb) does with the first clicks. *At once* makes no
//!   step: who they are follows from what they have. *By steps* makes a bounded number of steps of gradient descent on few
//!   rows. *Fit anew*: nothing is learnt of it before the next fit; it is refused, or scored 0 by SASRec. Where MF, GMF, MLP and
//!   NeuMF know users or items by [features](crate::train::Trainer::with_known), who or what is new has a list or a place in one before
//!   any click ([`absorb_item`](crate::train::Trainer::absorb_item)); so has an item that comes with relations to others, for LightGCN, CFKG
//!   and MF by softmax ([`absorb_related`](crate::train::Trainer::absorb_related)). iALS, trained without features, places new items by them
//!   ([`place_items`](crate::classical::Ials::place_items)).
//! - **Reasons**: [`explain`](crate::explain) has what each kind is, and [the page on reasons](super::reasons) what it
//!   means.
//! - **Runs on**: the processor on any instruction set, and graphics devices through wgpu; behind it the feature whose
//!   kernels it wants.
//!
//! The figures are in `benches/measured`: `accuracy.csv` and `cost.csv`, a model and a task in each row, with command,
//! machine, commit and date. `benches/which_model.py` makes the table of them, and `python3 benches/which_model.py measure
//! DATA` runs the commands of `cost.csv` anew. The tests hold the page against the files, the accuracy against
//! `benches/README.md`, and what the code decides (reasons, new users and items, devices, features) against the code.
