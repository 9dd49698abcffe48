//! The specification: one file per operation, its contract and a slow, obviously right implementation in `f64`.
//!
//! Executors are tested against these functions and against nothing else; nothing here is ever tuned. The functions
//! are themselves tested by finite differences (`tests/specification`) and against PyTorch (`tests/golden`).
//!
//! Conventions, unless a file says otherwise:
//!
//! - Matrices are row-major slices without padding; `x[s, i]` is `x[s * width + i]`. `rows` counts samples.
//! - Where a width is not an argument it follows from a slice's length.
//! - A gradient is that of the mean loss of the batch and has the shape of what it belongs to.
//! - Slices whose lengths do not fit one another are a mistake of the caller: the functions may panic then.
//!   [`Reference`](crate::reference::Reference), which runs whole plans, checks its arguments and returns errors instead.
//!
//! `for_each_op` below is the only place where operations are listed: from it come the closed enum [`Stage`] and every
//! dispatch over it, on all devices. A new operation is a name there beside its `mod` and `pub use`, and whatever it lacks
//! is a compile error.
//!
//! An operation `in` features has its specification always, and kernels only where one of these features is on: executors
//! refuse a plan with others, by the names of the features that it wants.

/// Hands the names of all operations, which are those of their structs, to a macro, with the features that some are in.
macro_rules! for_each_op {
    ($receiver:ident) => {
        $receiver! {
            Gather, Numeric in ["clicks"], Linear, Product, Sum, Fm in ["clicks"], Pool in ["clicks", "known"], Dropout,
            Prelu in ["clicks"], AttentionUnit in ["clicks"], Softmax in ["clicks", "graphs"],
            Attention in ["clicks", "graphs"], BatchNorm in ["clicks"], Affine in ["clicks"], LayerNorm in ["sequences"],
            Dice in ["clicks"], Gru in ["clicks"], LastStep in ["clicks", "sequences"], PairWithNext in ["clicks"],
            Auxiliary in ["clicks"], Cross in ["clicks"], Normalise, Add, CausalAttention in ["sequences"],
            DotSteps in ["graphs"], Propagate in ["graphs"], Distance in ["graphs"],
            SigmoidCrossEntropy, Bpr, Margin in ["losses", "graphs"], Ccl in ["losses"],
            SoftmaxCrossEntropy in ["losses"], SampledSoftmax in ["losses", "sequences"],
        }
    };
}
pub(crate) use for_each_op;

pub mod adam;
pub mod add;
pub mod affine;
pub mod attention;
pub mod attention_unit;
pub mod auxiliary;
pub mod batch_norm;
pub mod bpr;
pub mod causal_attention;
pub mod ccl;
pub mod cross;
pub mod dice;
pub mod distance;
pub mod dot_steps;
pub mod dropout;
pub mod fm;
pub mod gather;
pub mod gru;
pub mod l2;
pub mod last_step;
pub mod layer_norm;
pub mod linear;
pub mod margin;
pub mod normalise;
pub mod numeric;
mod op;
pub mod pair_with_next;
pub mod pool;
pub mod prelu;
pub mod product;
pub mod propagate;
mod ragged;
pub mod rank;
pub mod row_update;
pub mod sampled_softmax;
pub mod sgd;
pub mod sigmoid_cross_entropy;
pub mod softmax;
pub mod softmax_cross_entropy;
pub mod sort;
mod specification;
mod stage;
pub mod sum;
pub mod top_k;

pub use add::Add;
pub use affine::Affine;
pub use attention::Attention;
pub use attention_unit::AttentionUnit;
pub use auxiliary::Auxiliary;
pub use batch_norm::BatchNorm;
pub use bpr::Bpr;
pub use causal_attention::CausalAttention;
pub use ccl::Ccl;
pub use cross::Cross;
pub use dice::Dice;
pub use distance::Distance;
pub use dot_steps::DotSteps;
pub use dropout::Dropout;
pub use fm::Fm;
pub use gather::{Gather, Propagated};
pub use gru::Gru;
pub use last_step::LastStep;
pub use layer_norm::LayerNorm;
pub use linear::{Activation, Linear};
pub use margin::Margin;
pub use normalise::Normalise;
pub use numeric::Numeric;
pub use op::{Names, Op, Role, Spaces};
pub use pair_with_next::PairWithNext;
pub use pool::Pool;
pub use prelu::Prelu;
pub use product::Product;
pub use propagate::Propagate;
pub use sampled_softmax::SampledSoftmax;
pub use sigmoid_cross_entropy::SigmoidCrossEntropy;
pub use softmax::Softmax;
pub use softmax_cross_entropy::{Similarity, SoftmaxCrossEntropy};
pub use specification::{Context, Specification};
pub use stage::Stage;
pub(crate) use stage::check_built;
pub use sum::Sum;
