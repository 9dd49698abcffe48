//! How to add a model: a new architecture of operations that are there.
//!
//! A model is a function from sizes to a [`Plan`](crate::plan::Plan). Gradients, buffers, both kinds of devices,
//! checkpoints and top-K follow from the plan; nothing else has to be written for them.
//!
//! # Try it
//!
//! A plan can be built and trained before any file of the library is touched. Here two embeddings lie side by side in one
//! buffer (a concat is a range of columns, never a copy), a hidden layer reads both, and their product joins it before
//! the logit:
//!
//! ```
//! use pocketrec::{
//!     Result,
//!     data::{Batch, Planted, Sampler},
//!     device::Device,
//!     ops::SigmoidCrossEntropy,
//!     plan::{Activation, AdamConfig, Init, L2, Optimizer, Plan, PlanBuilder, State},
//! };
//!
//! /// Embeddings of `factors` columns, their product beside one hidden layer of `hidden` columns.
//! fn plan(users: usize, items: usize, factors: usize, hidden: usize) -> Result<Plan> {
//!     let mut plan = PlanBuilder::new();
//!     let (user, item) = (plan.query("user"), plan.candidate("item")); // in the order of a batch's columns
//!
//!     let pair = plan.buffer(2 * factors);
//!     let (p, q) = (pair.columns(0, factors), pair.columns(factors, factors));
//!     let init = Init::Normal { std: 0.05 };
//!     plan.gather("mine.user.weight", user, users, init, p);
//!     plan.gather("mine.item.weight", item, items, init, q);
//!
//!     let joined = plan.buffer(hidden + factors);
//!     plan.linear_into("mine.hidden", pair, joined.columns(0, hidden), Activation::Relu);
//!     plan.product(p, q, joined.columns(hidden, factors));
//!
//!     let logit = plan.linear("mine.logit", joined, 1, Activation::Identity);
//!     plan.finish(SigmoidCrossEntropy { logit })
//! }
//!
//! // Made-up interactions, of which the sampler draws four negatives for each positive.
//! let options = Planted { users: 100, items: 60, interactions_per_user: 10, ..Planted::default() };
//! let data = options.generate()?.interactions;
//! let sampler = Sampler::new(&data, 4, 1)?;
//!
//! let plan = plan(100, 60, 8, 16)?;
//! assert_eq!(plan.weights(), (100 + 60) * 8 + (16 * 16 + 16) + (16 + 8 + 1));
//! let state = State::initial(&plan, 1, true)?; // `true`: with the moments of Adam
//! let mut executor = Device::cpu().executor(plan, state)?;
//!
//! let adam = Optimizer::LazyAdam(AdamConfig { learning_rate: 0.01, ..AdamConfig::default() });
//! let mut batch = Batch::new(2, 256);
//! let mut losses = Vec::new();
//! for epoch in 0..5 {
//!     let mut at = 0;
//!     while at < sampler.samples_per_epoch() {
//!         sampler.fill(epoch, at, 256, &mut batch);
//!         executor.step(&batch, &adam, L2::default(), &mut || {}).wait()?;
//!         at += 256;
//!     }
//!     losses.push(executor.take_loss().wait()?.mean());
//! }
//! assert!(losses[4] < 0.9 * losses[0], "{losses:?}");
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Mistakes are collected and told by [`finish`](crate::plan::PlanBuilder::finish), so that the lines above need no `?`:
//!
//! ```
//! use pocketrec::{ops::SigmoidCrossEntropy, plan::{Init, PlanBuilder}};
//! let mut plan = PlanBuilder::new();
//! let (user, item) = (plan.column("user"), plan.column("item"));
//! let (p, q, both) = (plan.buffer(8), plan.buffer(4), plan.buffer(8));
//! plan.gather("user.weight", user, 10, Init::Zeros, p);
//! plan.gather("item.weight", item, 10, Init::Zeros, q);
//! plan.product(p, q, both);
//! let logit = plan.plain_sum(&[both]);
//! let error = plan.finish(SigmoidCrossEntropy { logit }).unwrap_err().to_string();
//! assert!(error.contains("product of widths 8 and 4"), "{error}");
//! ```
//!
//! # Is it right?
//!
//! [`Reference`](crate::reference::Reference) runs any plan by the specifications, in `f64`. What an executor computes is
//! compared with that, and the specifications with finite differences; a model needs no such test of its own but only a
//! row in the table of cases. What has to be looked at is whether the plan is the paper's: print it, count its weights
//! by hand as above, and if there is code of the paper, compare one step with it (`tests/golden` has how).
//!
//! # Make it one of the library's
//!
//! The new file is `src/models/<model>.rs`: a struct of its settings with `new`, a setter for each, and `plan()` that
//! checks the settings and builds; [`Gmf`](crate::models::Gmf)'s is the shortest to read, and of clicks
//! [`Fm`](crate::models::Fm)'s. What there is changes in few places:
//!
//! | Models of | File | What |
//! |---|---|---|
//! | both | `src/models/mod.rs` | `mod`, `pub use` |
//! | clicks | `src/models/mod.rs` | its name in the list `for_each_click_model`. From that come the variant of [`ClickModel`](crate::models::ClickModel), `--model` of `train_ctr`, rows of the table of cases and of the checksums in `tests/same_bits` |
//! | pairs | `src/models/mod.rs` | a variant of [`Model`](crate::models::Model), which the compiler then asks for in the methods there |
//! | both | `src/explain.rs` | a row in the table of reasons, if it has some: parts of a score that add up to it, or weights. Of pairs `Trainer::explain` has a case for each model, beside [`Model::reasons`](crate::models::Model::reasons). Attention of clicks is [exposed](crate::plan::PlanBuilder::expose) as `attention`, and named in [`ClickModel::reasons`](crate::models::ClickModel::reasons) |
//! | pairs | `tests/cases/table/models.rs` | a row, at sizes that no vector width divides |
//! | pairs | `examples/train_ncf/options.rs` and `main.rs` | `--model` |
//! | both | `src/guide/reasons.rs`, `benches/measured/*.csv` | what its reasons mean, if it has some; a row in `models.csv`, which a test holds against the code, and what was measured: `benches/which_model.py` makes the table of [`which_model`](super::which_model) of it |
//! | both | `README.md`, `CHANGELOG.md` | a row in the table of models with what was measured, a line |
//!
//! Settings are known by the names of the struct's fields: one called `hidden` is set by `--hidden`, and any of them by `--set
//! NAME=VALUE`.
//!
//! ```
//! use pocketrec::{data::clicks::Layout, models::ClickModel};
//! let model = ClickModel::named("dcnv2", &Layout::default())?.with("structure", "stacked")?.with("hidden", "64,32")?;
//! assert!(model.settings().iter().any(|setting| setting == "cross"));
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Numbers that nobody else's code has computed prove little: `tests/golden/<model>.py` makes some steps of the model by
//! PyTorch, or by numpy with gradients by hand as `dcnv2.py` does, and `tests/golden_<model>.rs` holds every executor to them.
//!
//! Checkpoints store the settings under the name that serde has for the variant, and parameters by the names that the
//! plan gives them: both stay as they are once a model is in use.
