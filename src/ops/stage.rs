//! The closed enum of all operations, made of the one list in `mod.rs`.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use super::{Names, Op, Role, Spaces, Specification};
use crate::{
    Error, Result,
    view::{Space, View},
};

macro_rules! stage {
    ($($op:ident $(in [$($feature:literal),+])?),* $(,)?) => {
        /// One fused operation of the forward pass, with its operands.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Stage {
            $(
                #[doc = concat!("See [`", stringify!($op), "`](super::", stringify!($op), ").")]
                $op(super::$op),
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

            /// The features one of which has its kernels, where none of them is on.
            fn left_out(&self) -> Option<&'static [&'static str]> {
                match self {
                    $(
                        $(
                            #[cfg(not(any($(feature = $feature),+)))]
                            Stage::$op(_) => Some(&[$($feature),+]),
                        )?
                    )*
                    #[allow(unreachable_patterns)] // where nothing is left out
                    _ => None,
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
            impl From<super::$op> for Stage {
                fn from(op: super::$op) -> Stage {
                    Stage::$op(op)
                }
            }
        )*
    };
}
for_each_op!(stage);

/// Refuses stages whose kernels are not in this build.
///
/// # Errors
/// [`Error::Plan`] names the first with the features that it wants.
pub(crate) fn check_built(stages: &[Stage]) -> Result<()> {
    for stage in stages {
        if let Some(features) = stage.left_out() {
            let (name, features) = (stage.name(), features.join("` or `"));
            let reason = format!(
                "this build has no kernels of the stage {name}: it wants the feature `{features}` of pocketrec"
            );
            return Err(Error::Plan(reason));
        }
    }
    Ok(())
}

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

    /// What is wrong with its settings or with the widths of its operands.
    pub(crate) fn fault(&self) -> Option<String> {
        self.op().fault()
    }

    /// The id columns that it reads beside activations, other than to look their ids up.
    pub(crate) fn id_columns(&self) -> Vec<(usize, View)> {
        self.op().id_columns()
    }

    /// Whether it reads the probabilities by which a batch's candidates were drawn.
    pub(crate) fn reads_log_q(&self) -> bool {
        self.op().reads_log_q()
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
