//! The one list of all operations.
//!
//! [`for_each_op`] is the only place where operations are listed: from it come the closed enum [`Stage`] and every
//! dispatch over it. A new operation is a line there, and whatever it lacks is a compile error.

use alloc::vec::Vec;
use core::fmt;

use super::{
    Affine, Attention, AttentionUnit, Auxiliary, BatchNorm, Bpr, Dice, Dropout, Fm, Gather, Gru, LastStep, Linear,
    Names, Numeric, Op, PairWithNext, Pool, Prelu, Product, Role, SigmoidCrossEntropy, Softmax, Spaces, Specification,
    Sum,
};
use crate::view::{Space, View};

/// Hands the names of all operations, which are those of their structs, to a macro.
macro_rules! for_each_op {
    ($receiver:ident) => {
        $receiver! {
            Gather, Numeric, Linear, Product, Sum, Fm, Pool, Dropout, Prelu, AttentionUnit, Softmax, Attention,
            BatchNorm, Affine, Dice, Gru, LastStep, PairWithNext, Auxiliary, SigmoidCrossEntropy,
            Bpr
        }
    };
}

pub(crate) use for_each_op;

macro_rules! stage {
    ($($op:ident),*) => {
        /// One fused operation of the forward pass, with its operands.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Stage {
            $(
                #[doc = concat!("See [`", stringify!($op), "`].")]
                $op($op),
            )*
        }

        impl Stage {
            /// The kinds of stages there are, by the names of the operations' structs.
            pub const KINDS: &'static [&'static str] = &[$(stringify!($op)),*];

            /// Which of [`KINDS`](Stage::KINDS) this is.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Stage::$op(_) => stringify!($op),)*
                }
            }

            /// What the operation says of itself.
            fn op(&self) -> &dyn Op {
                match self {
                    $(Stage::$op(op) => op,)*
                }
            }

            /// What the operation computes.
            pub fn specification(&self) -> &dyn Specification {
                match self {
                    $(Stage::$op(op) => op,)*
                }
            }
        }

        $(
            impl From<$op> for Stage {
                fn from(op: $op) -> Stage {
                    Stage::$op(op)
                }
            }
        )*
    };
}
for_each_op!(stage);

impl Stage {
    /// The activations that are read.
    pub fn inputs(&self) -> &[View] {
        self.op().inputs()
    }

    /// The dense parameters that are learnt.
    pub fn params(&self) -> Vec<usize> {
        self.op().params()
    }

    /// The activation that is written; a loss writes none.
    pub fn output(&self) -> Option<View> {
        self.op().output()
    }

    /// The name of the operation, as its files are called.
    pub fn name(&self) -> &'static str {
        self.op().name()
    }

    /// What it is to a plan.
    pub fn role(&self) -> Role {
        self.op().role()
    }

    /// What the rows of the activations that are read and written must be, where those of a view are `space_of(view)`.
    pub fn spaces(&self, space_of: &dyn Fn(View) -> Space) -> Spaces {
        self.op().spaces(space_of)
    }

    /// Multiply-adds of a forward pass over a batch in which a view has `rows(view)` rows.
    pub fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        self.op().multiply_adds(rows)
    }

    /// Prints the stage as one line of a plan, with its name, its output and what is computed.
    pub(crate) fn describe(&self, names: &dyn Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<22}", self.name())?;
        if let Some(output) = self.output() {
            write!(f, "b{}[{:?}] = ", output.buffer, output.range())?;
        }
        self.op().describe(names, f)
    }
}
