//! What every operation says of itself.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use crate::view::{Space, View};

/// An operation's operands, and what follows from them.
pub trait Op {
    /// The name of the operation, as its files are called.
    fn name(&self) -> &'static str;

    /// The activations that are read.
    fn inputs(&self) -> &[View];

    /// The dense parameters that are learnt, as indices into [`Plan::params`](crate::plan::Plan::params).
    fn params(&self) -> Vec<usize>;

    /// The activation that is written; a loss writes none.
    fn output(&self) -> Option<View>;

    /// What it is to a plan.
    fn role(&self) -> Role;

    /// What the rows of the activations that are read and written must be, where those of a view are `space_of(view)`.
    fn spaces(&self, space_of: &dyn Fn(View) -> Space) -> Spaces;

    /// Multiply-adds of a forward pass over a batch in which a view has `rows(view)` rows.
    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize;

    /// What is wrong with its settings or with the widths of its operands, which [`finish`](crate::plan::PlanBuilder::finish)
    /// then refuses.
    fn fault(&self) -> Option<String> {
        None
    }

    /// The id columns that it reads beside activations, each with a view that has a row an id; [`Role::LookUp`] names its own.
    fn id_columns(&self) -> Vec<(usize, View)> {
        Vec::new()
    }

    /// Whether it reads the [probabilities](crate::data::Batch::log_q) by which a batch's candidates were drawn.
    fn reads_log_q(&self) -> bool {
        false
    }

    /// Prints what is computed, without the output: by default the inputs.
    ///
    /// # Errors
    /// Those of the formatter.
    fn describe(&self, _names: &dyn Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe_inputs(self.inputs(), f)
    }
}

/// What an operation is to a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Looks rows of a table up by the ids of a column. The gradients of the buffer that it writes are kept for the whole
    /// batch, since a table's row may be picked by any of its samples.
    LookUp {
        /// Index of the table among the parameters.
        table: usize,
        /// The id column.
        column: usize,
    },
    /// Lets the rows of whole tables reach one another, before the samples of a step and after them: its output has a row
    /// for each of them, and look-ups read that. The gradient of such a table has all its rows, so that every row of it
    /// moves.
    Tables {
        /// The tables, among the parameters.
        tables: [usize; 2],
    },
    /// Computes activations whose gradients need not outlive the part of a batch that is worked on: its output's buffer
    /// holds no looked-up columns.
    Layer,
    /// Its output may lie in one buffer with looked-up columns, because it hands no gradient on (numeric features), or
    /// only to rows of another space (sums over a history).
    BesideLookUps,
    /// The loss, which ends a plan.
    Loss {
        /// What a sample's candidate is scored with in use, one column: the logit.
        scored: View,
    },
    /// A loss beside it, for training alone.
    AuxiliaryLoss {
        /// What it is multiplied by.
        weight: f32,
    },
}

/// What the rows of all activations that an operation reads and writes must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spaces {
    /// One for each of this space.
    One(Space),
    /// One for each id of this column.
    OfColumn(usize),
    /// One for each id of a column in what is written, and one for each [node](Space::Nodes) in what is read.
    LookUp {
        /// The column.
        column: usize,
    },
    /// The same as those of the first input.
    OfFirstInput,
    /// The steps of one sequence.
    OneSequence,
    /// The same in some views, of samples or of steps, and the steps of another sequence in the list that they are held against.
    Against {
        /// What has one for each of a space.
        rows: Vec<View>,
        /// What has one for each of another, which is a sequence's.
        list: View,
    },
    /// One a sample in one view, and the steps of one sequence in the others.
    Between {
        /// What has one a sample.
        samples: View,
        /// What has one a step.
        steps: Vec<View>,
    },
}

/// What an operation calls its parameters and columns when it is printed.
pub trait Names {
    /// The name of a parameter: `mlp.0.weight`.
    fn name(&self, param: usize) -> String;

    /// A parameter with its shape: `mlp.0.weight[32, 64]`.
    fn param(&self, param: usize) -> String;

    /// The name of an id column.
    fn column(&self, column: usize) -> String;
}

/// What is wrong with logits: each is one column.
pub(super) fn logits_fault(logits: &[View]) -> Option<String> {
    let wide = logits.iter().find(|view| view.width != 1);
    wide.map(|view| format!("the logit is {} columns wide: it must be 1", view.width))
}

/// Prints views as buffers and columns: `b0[0..8], b1[0..8]`.
pub(super) fn describe_inputs(inputs: &[View], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, input) in inputs.iter().enumerate() {
        let separator = if index > 0 { ", " } else { "" };
        write!(f, "{separator}b{}[{:?}]", input.buffer, input.range())?;
    }
    Ok(())
}
