//! How to add a loss: what BPR needed, for the next one.
//!
//! A loss is an operation that writes nothing and ends a plan. It names the views that it reads and which of them is
//! *scored* in use; evaluation, search and recommendations ask the plan for that and know no loss. So its files are those
//! of [`add_an_op`](super::add_an_op), and this page has what is different.
//!
//! # Kinds of losses
//!
//! | Kind | A sample is | Reads | Here |
//! |---|---|---|---|
//! | pointwise | a query, a candidate, a label | one logit, labels | [`SigmoidCrossEntropy`](crate::ops::SigmoidCrossEntropy) |
//! | pairwise | a query, a candidate, a negative | two logits, no labels | [`Bpr`](crate::ops::Bpr), [`Margin`](crate::ops::Margin), [`Ccl`](crate::ops::Ccl) |
//! | over a block | a query, a candidate | the vectors of both, of all samples of a block | [`SoftmaxCrossEntropy`](crate::ops::SoftmaxCrossEntropy) |
//! | over a list | a query, a candidate | their vectors, and those of a list of the batch | [`SampledSoftmax`](crate::ops::SampledSoftmax) |
//! | auxiliary | what its plan has | anything, with a weight | [`Auxiliary`](crate::ops::Auxiliary), which does not end a plan |
//!
//! # 1. The specification
//!
//! The loss is the mean over a batch, so gradients are divided by its number of samples; weights of samples multiply both.
//! It must be finite at all finite logits. As an example the loss of a margin, `max(0, 1 - (x - y))`, of an item's logit
//! `x` and a negative's `y` ([`ops::margin`](crate::ops::margin) has it with any margin), and the finite differences that hold its
//! gradients:
//!
//! ```
//! fn loss(items: &[f64], negatives: &[f64]) -> f64 {
//!     let terms = items.iter().zip(negatives).map(|(x, y)| (1.0 - (x - y)).max(0.0));
//!     terms.sum::<f64>() / items.len() as f64
//! }
//!
//! /// By the items' logits; those by the negatives' are the opposite.
//! fn gradients(items: &[f64], negatives: &[f64]) -> Vec<f64> {
//!     let share = -1.0 / items.len() as f64;
//!     items.iter().zip(negatives).map(|(x, y)| if 1.0 - (x - y) > 0.0 { share } else { 0.0 }).collect()
//! }
//!
//! let (items, negatives, h) = ([0.25, 3.0, -1.0], [0.5, 1.0, 0.5], 1e-6);
//! let found = gradients(&items, &negatives);
//! for s in 0..3 {
//!     let moved = |by: f64| { let mut items = items; items[s] += by; loss(&items, &negatives) };
//!     assert!(((moved(h) - moved(-h)) / (2.0 * h) - found[s]).abs() < 1e-9);
//! }
//! ```
//!
//! [`ops::bpr`](crate::ops::bpr) is the same with `-ln sigmoid(x - y)`, as the cross-entropy of a difference:
//!
//! ```
//! use pocketrec::ops::{bpr, sigmoid_cross_entropy};
//! let (items, negatives) = ([0.25, 3.0], [0.5, 1.0]);
//! let of_difference = sigmoid_cross_entropy::loss(&[-0.25, 2.0], &[1.0, 1.0]);
//! assert_eq!(bpr::loss(&items, &negatives, None), of_difference);
//! ```
//!
//! # 2. What it says of itself
//!
//! [`output`](crate::ops::Op::output) is nothing, and [`role`](crate::ops::Op::role) is
//! [`Loss`](crate::ops::Role::Loss) with what is scored. The plan leaves out of use all that only other logits need, such
//! as the negative's column:
//!
//! ```
//! use pocketrec::{ops::{Bpr, Role}, plan::{Activation, Init, PlanBuilder, Stage}};
//! let mut plan = PlanBuilder::new();
//! let (item, negative) = (plan.candidate("item"), plan.negative("negative", "item"));
//! let mut logit = |plan: &mut PlanBuilder, column| {
//!     let x = plan.buffer(4);
//!     plan.gather("item.weight", column, 50, Init::Normal { std: 0.01 }, x);
//!     plan.linear_without_bias("logit", x, 1, Activation::Identity)
//! };
//! let of_item = logit(&mut plan, item);
//! let of_negative = plan.shared(|plan| logit(plan, negative)); // by the same parameters
//! let plan = plan.finish(Bpr { logits: [of_item, of_negative] })?;
//! assert_eq!(plan.stages().last().map(Stage::role), Some(Role::Loss { scored: of_item }));
//! assert_eq!(plan.negatives().len(), 1);
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! What is scored need not be what the loss reads. A softmax of cosines is served by a dot product: a view of its own, whose
//! stages [are left out of training](crate::plan::Plan::is_trained). A parameter that no loss reaches is refused.
//! [`Op::fault`](crate::ops::Op::fault) refuses settings and widths, and [`Op::id_columns`](crate::ops::Op::id_columns) names the
//! columns whose ids are read beside vectors.
//!
//! ```
//! use pocketrec::{ops::{Similarity, SoftmaxCrossEntropy}, plan::{Init, PlanBuilder}};
//! let mut plan = PlanBuilder::new();
//! let (user, item) = (plan.query("user"), plan.candidate("item"));
//! let [p, q] = [("user.weight", user), ("item.weight", item)].map(|(name, column)| {
//!     let x = plan.buffer(4);
//!     plan.gather(name, column, 50, Init::Normal { std: 0.01 }, x);
//!     x
//! });
//! let product = plan.buffer(4);
//! plan.product(p, q, product);
//! let scored = plan.plain_sum(&[product]);
//! let plan = plan.finish(SoftmaxCrossEntropy {
//!     vectors: [p, q], scored, column: Some(item), similarity: Similarity::Cosine,
//!     temperature: 0.1, log_sum: 1.0, block: 2048, corrects: false,
//! })?;
//! let trained: Vec<bool> = (0..plan.stages().len()).map(|stage| plan.is_trained(stage)).collect();
//! assert_eq!(trained, [true, true, false, false, true]); // the look-ups and the loss
//! assert_eq!(plan.backward().len(), 3);
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! # 3. On devices
//!
//! Both traits' `forward` do nothing: a loss is taken where its gradient is.
//!
//! - `TileOp::backward` reads `d.targets` (labels, weights, and by what the mean divides), adds the tile's loss to `d.loss` in
//!   `f64`, and writes the gradient of each logit by `d.accumulate`. What both backends share, the cross-entropy of a number, is
//!   in `src/cpu/sigmoid_cross_entropy.rs` and `shaders/cross_entropy.wgsl`.
//! - `GpuOp::backward` is one dispatch over the samples with `ctx.losses` bound: a workgroup's sum is one float there, added up
//!   on the host in a fixed order.
//!
//! A loss over lists reads vectors of rows in any tiles: `TileOp::over_lists` says which, and cuts a step into two passes with
//! `src/cpu/softmax_cross_entropy` between them; where the list is rows of a table, they are looked up before the tiles, and a
//! tile goes through the loss and back at once (`known.rs` there). `GpuOp::block` says which samples no slice may part.
//!
//! # 4. Training by it
//!
//! [`models::Loss`](crate::models::Loss) is what [`TrainConfig`](crate::train::TrainConfig) and checkpoints know. A variant
//! there has a name and says how its samples are drawn ([`Sampler::pairwise`](crate::data::Sampler::pairwise),
//! [`Sampler::of_positives`](crate::data::Sampler::of_positives), [`Sampler::with_list`](crate::data::Sampler::with_list)), from
//! which follow whether negatives must be asked for, and that what is the same
//! for all items of a user, a user's bias, is left out of plans; `Loss::finish` ends the plan. Every model of users and items
//! then has it; a loss of vectors those whose score is a product of them, by `Loss::finish_vectors`. Who asks is the column of
//! `Loss::query`: a user, or besides an item where [related ones](crate::data::Relations) are positives, too
//! ([`Sampler::with_related`](crate::data::Sampler::with_related)):
//!
//! ```
//! use pocketrec::{data::Planted, device::Device, models::{Loss, Mf}, train::{TrainConfig, Trainer}};
//! let data = Planted { users: 100, items: 60, interactions_per_user: 10, ..Planted::default() }.generate()?;
//! let split = data.interactions.leave_one_out()?;
//! let config = TrainConfig { epochs: 4, loss: Loss::Bpr, seed: 1, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(Mf::new(100, 60).factors(8), Device::cpu(), config)?;
//! let mut losses = Vec::new();
//! trainer.fit(&split, |epoch| losses.push(epoch.loss))?;
//! assert!(losses[0] < 0.7 && losses.last() < losses.first(), "{losses:?}"); // ln 2 is that of a coin
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! # What is edited
//!
//! | File that is there | What |
//! |---|---|
//! | `src/ops/mod.rs`, `src/cpu/mod.rs`, `src/gpu/ops/mod.rs` | as for any operation |
//! | `src/models/loss.rs` | a variant, which the compiler then asks for in the methods there |
//! | `examples/train_ncf/loss.rs` | `--loss` |
//! | `tests/cases/table/ops.rs` | a row |
//! | `CHANGELOG.md` | a line |
//!
//! [`finish`](crate::plan::PlanBuilder::finish) takes any loss, so that the builder has no call for it.
