//! For those who use the library, and for those who change it: which model to take and what its reasons mean; what lies where, and how
//! a batch goes through it.
//!
//! - [`which_model`]: a decision in ten lines, and one table of what was measured.
//! - [`reasons`]: what the reasons of each model mean, and what they do not.
//! - [`fields`]: shops, social networks, content, ads, places; an example of each, its picture, and what to choose when.
//!
//! To change it:
//!
//! - [`add_a_model`]: a new architecture of operations that are there.
//! - [`add_an_op`]: a new operation, on processors and graphics devices; and how many files that touches.
//! - [`add_a_loss`]: a new loss, for samples with labels or for pairs.
//!
//! # The map
//!
//! | Where | What | Depends on |
//! |---|---|---|
//! | [`ops`](crate::ops) | one file an operation: its operands, what it says of itself, and its specification in `f64` | `view` alone |
//! | [`plan`](crate::plan) | a model as a flat list of stages, and what follows from it: parameters, buffers, the backward list | `ops` |
//! | [`reference`](crate::reference) | whole plans run by the specifications, for tests | `ops`, `plan` |
//! | [`cpu`](crate::cpu) | a file of the same name an operation: kernels over a small trait of vector lanes; the executor that runs them on tiles of samples | `plan` |
//! | `gpu`, `shaders/` | a file of the same name an operation: which dispatches it is, and its WGSL; the executor that runs one dispatch over the whole batch | `plan` |
//! | [`executor`](crate::executor) | what every device does, without blocking, and the parts that some do besides; waiting, or awaiting, what is not done yet | `plan`, `data` |
//! | [`models`](crate::models) | each reads as its paper's figure does, and builds a plan | `plan` |
//! | [`data`](crate::data) | readers, splits, encoders of clicks, made-up data, the graph of users and items, and the batches made of them | |
//! | [`train`](crate::train), [`eval`](crate::eval), `checkpoint` | epochs, early stops, rankings, files of what was learnt | all of the above, through [`Executor`] |
//! | `capi` | the same calls for C: handles, statuses, a header | trainers, data |
//! | `web` | the same calls for JavaScript in a browser: JSON, arrays, promises; `pocketrec.js` around them | trainers, data |
//!
//! Models never name a device, and executors never name a model: both know [`Stage`](crate::plan::Stage), a closed enum
//! that is made of the one list of operations in `src/ops/mod.rs`. What an executor lacks is a compile error.
//!
//! # A batch, from the file to the update
//!
//! The program that follows is run by `cargo test`. First a file of four rows becomes [`Interactions`]: `src/data/read`
//! finds out how it is laid out, numbers the keys in the order in which they come, and `src/data/interactions` groups
//! the rows by user. The last item of each user is held out.
//!
//! ```
//! # use pocketrec::{data::*, device::Device, models::Gmf, plan::{AdamConfig, L2, Optimizer, State}};
//! # use pocketrec::executor::Executor;
//! let file = "user,item,time\nann,tea,1\nbob,tea,2\nann,rice,3\nbob,salt,5\n";
//! let data = Interactions::read_bytes("plays.csv", file, &Delimited::default())?;
//! assert_eq!((data.users(), data.items()), (2, 3));
//! let split = data.leave_one_out()?;
//! assert_eq!(split.train.of_user(0), [0]); // ann keeps the tea; her rice is the test item
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! Then [`Sampler`] draws: each positive once an epoch, with negatives that the user does not have. What it draws is a
//! function of seed, epoch and position (see [`rng`](crate::rng)), so that any thread can draw any batch, and a resumed
//! run goes on as if it had not stopped. A [`Batch`] holds a column of ids for each column of the plan, and each
//! column's ids in sorted order: a segment for each row of a table that the batch touches.
//!
//! ```
//! # use pocketrec::data::*;
//! # let train = Interactions::from_columns((2, 3), &[0, 1], &[0, 0], &[])?;
//! let sampler = Sampler::new(&train, 1, 42)?; // one negative for each positive
//! let mut batch = Batch::new(2, 4);
//! sampler.fill(0, 0, 4, &mut batch); // of epoch 0, the samples 0..4: all there are
//! let mut labels = batch.labels().to_vec();
//! labels.sort_by(f32::total_cmp);
//! assert_eq!(labels, [0.0, 0.0, 1.0, 1.0]);
//! let users = &batch.column(0).segments;
//! assert_eq!([users[0].row, users[1].row], [0, 1]); // both users are in it,
//! assert_eq!(users[1].start, 2); // each with two samples
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! The model's [`Plan`](crate::plan::Plan) is made once. It prints as one stage a line:
//!
//! ```
//! # use pocketrec::models::Gmf;
//! let plan = Gmf::new(2, 3).factors(4).plan()?;
//! let names: Vec<&str> = plan.stages().iter().map(|stage| stage.name()).collect();
//! assert_eq!(names, ["gather", "gather", "product", "linear", "sigmoid_cross_entropy"]);
//! assert!(plan.to_string().contains("gmf.user.weight"));
//! // Backward it is the same list from the end; what look-ups have to do is left to the updates.
//! let backward: Vec<usize> = plan.backward().iter().map(|backward| backward.stage).collect();
//! assert_eq!(backward, [4, 3, 2, 1, 0]);
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! [`Executor::step`] takes batch and optimiser. It refuses what does not fit before it changes anything
//! (`src/checks`), and then runs in two phases.
//!
//! 1. **Forward and backward.** *On a processor* (`src/cpu/executor/training.rs`) the weights are packed
//!    (`src/cpu/prepare.rs`), and each thread takes tiles of some dozens of samples through all stages and back
//!    (`src/cpu/tile`), with the tile's activations in its cache. Gradients of weights go to a number of partial sums
//!    that the batch fixes, not the number of threads: hence the same bits on any number. *On a graphics device*
//!    (`src/gpu/executor`) a stage is one dispatch or a few over the whole batch (`src/gpu/ops`), and all of a step's
//!    are recorded once and submitted together.
//! 2. **Updates.** Partial sums are added in a fixed order, and the weights moved. Each distinct row of a table has one
//!    writer, which adds its segment's gradients up and applies the optimiser at once (`src/cpu/row_update.rs`,
//!    `shaders/row_update.wgsl`): no gradient of a whole table, no atomic additions.
//!
//! Where a plan [propagates](crate::ops::propagate) tables along a graph, whole tables go before the first phase, as far as the
//! batch's rows need it, and the gradients of these rows go back over the edges before the updates
//! (`src/cpu/executor/propagation.rs`, `shaders/propagate.wgsl`); the last product on that way is one pass with the optimiser
//! over every row.
//!
//! Where tables are kept as bytes or halves ([`Plan::with_tables_as`](crate::plan::Plan::with_tables_as)), a processor first makes
//! floats of the rows that the batch picks, which are exact from then on, and ids are their places among these
//! (`src/cpu/executor/exact.rs`): the step is one on tables of floats. Scores read such tables as they are (`src/cpu/table.rs`).
//!
//! Where users or items are known by features ([`Trainer::with_known`](crate::train::Trainer::with_known)), a look-up of ids is one of a
//! sequence of a single id, or of none, and one of a sequence of features, which are added up
//! ([`Plan::with_features`](crate::plan::Plan::with_features)). An executor in front of two fills these in where it trains, and scores by
//! rows that it composes once they have changed (`src/executor/with_features`): so the catalogue is searched as of any model.
//!
//! While it runs, the closure that `step` takes draws the next batch.
//!
//! ```
//! # use pocketrec::{data::*, device::Device, models::Gmf, plan::{AdamConfig, L2, Optimizer, State}};
//! # let train = Interactions::from_columns((2, 3), &[0, 1], &[0, 0], &[])?;
//! # let (sampler, mut batch) = (Sampler::new(&train, 1, 42)?, Batch::new(2, 4));
//! # sampler.fill(0, 0, 4, &mut batch);
//! # let plan = Gmf::new(2, 3).factors(4).plan()?;
//! let items = plan.param("gmf.item.weight").expect("GMF has it");
//! let before = State::initial(&plan, 42, true)?;
//! let mut executor = Device::cpu().executor(plan, before.clone())?;
//!
//! let mut next = Batch::new(2, 4);
//! let adam = Optimizer::LazyAdam(AdamConfig::default());
//! executor.step(&batch, &adam, L2::default(), &mut || sampler.fill(1, 0, 4, &mut next)).wait()?;
//! assert_eq!(next.len(), 4);
//!
//! // The rows of the batch's items have moved, and no others.
//! let after = executor.state().wait()?;
//! for item in 0..3 {
//!     let row = item * 4..item * 4 + 4;
//!     let moved = before.tensors[items].value[row.clone()] != after.tensors[items].value[row];
//!     let picked = batch.column(1).segments.iter().any(|segment| segment.row as usize == item);
//!     assert_eq!(moved, picked);
//! }
//! assert!(executor.take_loss().wait()?.mean() > 0.0);
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! [`Trainer::fit`](crate::train::Trainer::fit) does this for every batch of every epoch, ranks the test items between
//! epochs ([`eval`](crate::eval)), keeps the best state, and stops where it gets no better. A
//! [`Sampler`] that a graphics device keeps is drawn from there (`src/gpu/sampling`), to the same bits.
//!
//! [`Interactions`]: crate::data::Interactions
//! [`Sampler`]: crate::data::Sampler
//! [`Batch`]: crate::data::Batch
//! [`Executor`]: crate::executor::Executor
//! [`Executor::step`]: crate::executor::Executor::step

pub mod add_a_loss;
pub mod add_a_model;
pub mod add_an_op;
pub mod fields;
pub mod reasons;
pub mod which_model;
