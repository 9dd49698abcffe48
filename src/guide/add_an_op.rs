//! How to add an operation: from its formula to kernels on all devices.
//!
//! Look first whether operations that are there make it: a plan of two stages needs no new kernel ([`add_a_model`](super::add_a_model)). An operation is worth its files where it saves passes over memory or computes something new.
//! This page goes through `cross`, the layer of DCN-v2 (Wang et al., WWW 2021), file by file; a copy of its five files is a good
//! beginning for the next.
//!
//! # The files
//!
//! | New file | What | In place of |
//! |---|---|---|
//! | `src/ops/<op>.rs` | operands, what it says of itself, the specification in `f64` | [`ops::Op`](crate::ops::Op), [`ops::Specification`](crate::ops::Specification) |
//! | `src/cpu/<op>.rs` | kernels for all instruction sets, and how a tile runs them | `kernel!`, `TileOp` |
//! | `src/gpu/ops/<op>.rs` | uniforms, what it needs of memory, its dispatches | `Shaders`, `GpuOp`, by `gpu::ops::prelude` |
//! | `shaders/<op>.wgsl` | the shader | |
//! | `benches/<op>.rs` | its kernels against what the machine can do | |
//!
//! | File that is there | What is edited |
//! |---|---|
//! | `src/ops/mod.rs` | `mod`, `pub use`, and its name in `for_each_op`: the one list |
//! | `src/cpu/mod.rs` | `mod` |
//! | `src/gpu/ops/mod.rs` | `mod` |
//! | `src/plan/builder/*.rs` | the call that adds it to a plan |
//! | `tests/cases/table/ops.rs` | a row, or a few |
//! | `Cargo.toml` | the bench |
//! | `CHANGELOG.md` | a line |
//!
//! From the list come the enum [`Stage`](crate::plan::Stage) and every dispatch over it. What is forgotten is told: a missing
//! file or trait by the compiler, a missing row by the table of cases, a shader file that no module names and a uniform that
//! lies elsewhere in WGSL by tests.
//!
//! # 1. The specification
//!
//! The head of the file has the formula, the shapes, the paper with its equation, and the gradients as they are derived by
//! hand. Then come plain functions in `f64`, slow and obviously right. They are tested by finite differences, which is
//! where one notices a wrong derivation, before there is a kernel to blame. With one row of three columns:
//!
//! ```
//! use pocketrec::ops::cross;
//! let (x0, x, bias) = ([0.5, -1.0, 2.0], [1.0, 0.25, -0.5], [0.1, 0.2, -0.3]);
//! let weight = [0.2, -0.4, 0.6, 1.0, 0.5, -0.5, -0.3, 0.8, 0.1]; // [3 outputs, 3 inputs]
//! // A loss of the output, whose gradient is 1, 2 and 3.
//! let loss = |x0: &[f64], x: &[f64]| -> f64 {
//!     cross::forward(x0, x, x, &weight, &bias, 1).iter().zip([1.0, 2.0, 3.0]).map(|(y, d)| y * d).sum()
//! };
//! let found = cross::backward(&x0, &x, &weight, &bias, &[1.0, 2.0, 3.0], 1);
//! for i in 0..3 {
//!     let h = 1e-6;
//!     let moved = |x: &[f64; 3], by: f64| { let mut x = *x; x[i] += by; x };
//!     let by_x0 = (loss(&moved(&x0, h), &x) - loss(&moved(&x0, -h), &x)) / (2.0 * h);
//!     assert!((by_x0 - found.x0[i]).abs() < 1e-8);
//!     // `x` is what is added and what is mapped: its gradient is the sum of both.
//!     let by_x = (loss(&x0, &moved(&x, h)) - loss(&x0, &moved(&x, -h))) / (2.0 * h);
//!     assert!((by_x - (found.x[i] + found.mapped[i])).abs() < 1e-8);
//! }
//! ```
//!
//! [`Specification`](crate::ops::Specification) calls them on a plan's operands. `backward` gives the gradients of
//! [`inputs`](crate::ops::Op::inputs) in their order, and adds those of parameters to what is there: a layer may be applied
//! twice. Where a view stands for two inputs, nothing has to be done: the backward list says of each whether it overwrites or
//! adds.
//!
//! # 2. What it says of itself
//!
//! [`Op`](crate::ops::Op) has the operands: views that are read and written, parameters as indices. Plans, executors and
//! printing know an operation by this alone. A view is a range of columns of a buffer; a buffer has a row a sample, or a row a
//! step of a sequence, and [`spaces`](crate::ops::Op::spaces) says which go together.
//! [`role`](crate::ops::Op::role) is [`Layer`](crate::ops::Role::Layer) for nearly all.
//!
//! ```
//! use pocketrec::{ops::Cross, plan::{Stage, View}};
//! let columns = |buffer| View { buffer, start: 0, width: 3 };
//! let cross = Cross { weight: 4, bias: 5, inputs: [columns(0), columns(1), columns(1)], output: columns(2) };
//! let stage = Stage::from(cross); // made by the list
//! assert_eq!((stage.name(), stage.params(), stage.inputs().len()), ("cross", vec![4, 5], 3));
//! assert_eq!(stage.multiply_adds(&|_| 10), 10 * (3 * 3 + 3));
//! ```
//!
//! The builder's call makes parameters with their names and how they begin, a buffer for the output, and pushes the stage.
//! What does not fit (widths that differ) is kept by `self.fail` and told by [`finish`](crate::plan::PlanBuilder::finish).
//! Names are stored in checkpoints: they stay.
//!
//! # 3. The kernel
//!
//! A kernel is a safe function over rows, generic over [`Simd`](crate::cpu::Simd), inside `kernel!`, which compiles it for
//! an instruction set and looks at the shapes first. It loads and stores by parts of vectors, so that no width is special.
//! Products of matrices are `linear`'s: [`linear::forward`](crate::cpu::linear::forward) on a
//! [`PackedWeight`](crate::cpu::linear::PackedWeight), as here.
//!
//! ```
//! use pocketrec::cpu::{Rows, RowsMut, Scalar, cross, linear::PackedWeight};
//! let (x0, x, weight) = ([2.0, 3.0], [10.0, 20.0], [1.0, 0.0, 0.0, 0.5]);
//! let mut packed = PackedWeight::new(Scalar, 2, 2);
//! packed.pack(Scalar, &weight);
//! let (mut u, mut output) = ([0.0; 2], [0.0; 2]);
//! let rows = |data| Rows { data, stride: 2, width: 2 };
//! let [of_u, to] = [&mut u[..], &mut output[..]].map(|data| RowsMut { data, stride: 2, width: 2 });
//! cross::forward(Scalar, 1, rows(&x0), rows(&x), rows(&x), &packed, &[1.0, 2.0], of_u, to);
//! assert_eq!(u, [10.0 + 1.0, 10.0 + 2.0]);
//! assert_eq!(output, [2.0 * 11.0 + 10.0, 3.0 * 12.0 + 20.0]);
//! ```
//!
//! `TileOp` calls it on a tile of some dozens of samples, whose activations are in the cache:
//!
//! - `forward` writes the output; `backward` writes the gradients of the inputs by `d.accumulate`, in their order and one
//!   after another, since two may lie in one buffer; and those of parameters into the tile's partial sum, by
//!   `d.params.accumulate`.
//! - `Workspace` is what a tile keeps from forward to backward beside activations. It grows with the first tiles and not
//!   again: a warm step allocates nothing.
//! - `packings` asks for weights to be packed once a step.
//!
//! Nothing of this may depend on the number of threads: tiles and partial sums are fixed by the batch.
//!
//! # 4. The shader
//!
//! Columns lie in vec4s with zeros as pads; a thread has a vec4 of a row, and finds it by `rows_of` and `at` of
//! `shaders/prelude.wgsl`. A uniform is a struct with the same fields in the same places on both sides; `uniform!` makes
//! it, and a test compares both. A dispatch binds a buffer for writing once: gradients that may lie in one buffer are
//! delivered by two dispatches. No float becomes an index, and every index is below what the host has checked.
//!
//! `GpuOp` says what memory is needed, which [`Context`](crate::ops::Context)'s counterpart on the device then hands out:
//!
//! - `stored`: how each parameter lies there, by the views whose pads it has;
//! - `alike`: views that are read and written elementwise, so that their pads must be in the same places;
//! - `scratch`: buffers of its own, such as the linear map that `cross` keeps;
//! - `forward` and `backward` push dispatches. Those of `linear` can be used: `ctx.mapped`, `ctx.weight_gradient`,
//!   `ctx.mapped_back`.
//!
//! The files that a module is made of are named where it is dispatched, by `shader!`:
//!
//! ```
//! # #[cfg(feature = "gpu")] {
//! let mut all = pocketrec::gpu::shaders().into_iter();
//! let cross = all.find(|shader| shader.files() == ["cross"]).expect("it is dispatched by src/gpu/ops/cross.rs");
//! assert!(cross.source().contains("fn product_gradient"));
//! # }
//! ```
//!
//! # 5. The row
//!
//! `tests/cases/table` is the one table of cases. A row is a name that begins with the operation's and a small plan, of widths
//! that no vector divides. Every row is held against finite differences, the specification on every instruction set, one thread
//! against several, and a graphics device, whole and in slices. What a row does, in short:
//!
//! ```
//! use pocketrec::{
//!     cpu::{CpuExecutor, Isa},
//!     data::Batch,
//!     executor::Executor,
//!     ops::SigmoidCrossEntropy,
//!     plan::{Activation, Init, PlanBuilder, State},
//!     reference::Reference,
//! };
//! let mut plan = PlanBuilder::new();
//! let (user, x) = (plan.column("user"), plan.buffer(5));
//! plan.gather("user.weight", user, 3, Init::Normal { std: 0.5 }, x);
//! let first = plan.cross("cross.0", x, x, None);
//! let second = plan.cross("cross.1", x, first, Some(2)); // of rank 2
//! let logit = plan.linear("logit", second, 1, Activation::Identity);
//! let plan = plan.finish(SigmoidCrossEntropy { logit })?;
//!
//! let state = State::initial(&plan, 7, false)?;
//! let batch = Batch::from_columns(&[&[2, 0, 2]], &[1.0, 0.0, 1.0])?;
//! let want = Reference::new(&plan, &state)?.forward_batch(&batch)?;
//! for isa in Isa::available() {
//!     let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, 1)?;
//!     let mut logits = [0.0; 3];
//!     executor.score_batch(&batch, &mut logits).wait()?;
//!     assert!(logits.iter().zip(&want).all(|(&got, want)| (f64::from(got) - want).abs() < 1e-6), "{isa}");
//! }
//! # Ok::<(), pocketrec::Error>(())
//! ```
//!
//! # 6. The bench
//!
//! `benches/<op>.rs` measures the kernels on tiles of real models, as a share of what the machine can do: multiply-adds for
//! products, copies in cache for what only moves (`benches/README.md`). It comes last, because it decides nothing about what is
//! right; a kernel that is slow is then made faster with all of the above as its net.
//!
//! # What it took
//!
//! Files that were there and are edited, counted by `git show --stat`:
//!
//! | To add | Before | Now | Counted from |
//! |---|---|---|---|
//! | an operation with a model of clicks | 21 for the operation alone | 8 | "Add DCN-v2 with its op cross": the seven above (the two lists of models and operations among them) and `src/models/mod.rs`; the README's row came with its measurement |
//! | an operation alone | 21 | 7 | the same without `src/models/mod.rs` |
//! | a model of clicks alone | | 3 | `src/models/mod.rs`, `CHANGELOG.md`, `README.md` |
//! | a pairwise loss | 28 | 38, and then 7 | BPR brought the seam with it (`finish(loss)`, what is scored, samples of pairs); what names it besides its own files now is the table of [`add_a_loss`](super::add_a_loss) |
//! | a device whose results are awaited | 29 | 34 in `src`, and then none | "Part the executor": it changed the calls of [`Executor`](crate::executor::Executor), which a further device implements |
//! | a storage type of tables | 33 | | no commit has done it since |
