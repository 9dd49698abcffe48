//! The stages: the closed set of fused operations that every executor knows.

use alloc::{string::String, vec::Vec};
use core::{fmt, slice};

use super::Param;

/// A range of columns of an activation buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Index of the buffer.
    pub buffer: usize,
    /// First column.
    pub start: usize,
    /// Number of columns.
    pub width: usize,
}

impl View {
    /// Columns `start..start + width` of this view. Whether they are there, [`finish`](super::PlanBuilder::finish)
    /// checks.
    pub fn columns(self, start: usize, width: usize) -> View {
        View {
            start: self.start.saturating_add(start),
            width,
            ..self
        }
    }

    /// The columns, within the buffer.
    pub fn range(self) -> core::ops::Range<usize> {
        self.start..self.start.saturating_add(self.width)
    }
}

/// What follows a linear map within the same stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// max(x, 0).
    Relu,
}

/// One fused operation of the forward pass. Parameters are indices into [`Plan::params`](super::Plan::params).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `output[s] = table[ids[s]]`: an embedding look-up ([`ops::gather`](crate::ops::gather)).
    Gather {
        /// The table.
        table: usize,
        /// The id column that picks its rows.
        column: usize,
        /// As wide as the table.
        output: View,
    },
    /// `output = activation(input weight^T + bias)` ([`ops::linear`](crate::ops::linear)).
    Linear {
        /// `[output.width, input.width]`.
        weight: usize,
        /// `[output.width]`.
        bias: usize,
        /// What is mapped.
        input: View,
        /// Where to.
        output: View,
        /// What follows.
        activation: Activation,
    },
    /// `output = left * right`, elementwise: GMF's product ([`ops::product`](crate::ops::product)).
    Product {
        /// The two factors.
        inputs: [View; 2],
        /// As wide as each.
        output: View,
    },
    /// `output = sum of all inputs' columns + bias`: MF's dot product once its factors are multiplied
    /// ([`ops::sum`](crate::ops::sum)).
    Sum {
        /// The terms, in any number of views of any width.
        inputs: Vec<View>,
        /// `[1]`.
        bias: usize,
        /// One column.
        output: View,
    },
    /// Mean sigmoid cross-entropy of the logit against the label
    /// ([`ops::sigmoid_cross_entropy`](crate::ops::sigmoid_cross_entropy)).
    SigmoidCrossEntropy {
        /// One column.
        logit: View,
    },
}

/// How a backward stage delivers the gradient of one of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The first to write: overwrites.
    Write,
    /// A later one: adds.
    Add,
}

/// One stage of the backward pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backward {
    /// Index of the forward stage.
    pub stage: usize,
    /// How the gradient of each of [`Stage::inputs`] is delivered.
    pub flow: Vec<Flow>,
}

impl Stage {
    /// The activations that are read.
    pub fn inputs(&self) -> &[View] {
        match self {
            Stage::Gather { .. } => &[],
            Stage::Linear { input, .. } => slice::from_ref(input),
            Stage::Product { inputs, .. } => inputs,
            Stage::Sum { inputs, .. } => inputs,
            Stage::SigmoidCrossEntropy { logit } => slice::from_ref(logit),
        }
    }

    /// The activation that is written.
    pub fn output(&self) -> Option<View> {
        match *self {
            Stage::Gather { output, .. }
            | Stage::Linear { output, .. }
            | Stage::Product { output, .. }
            | Stage::Sum { output, .. } => Some(output),
            Stage::SigmoidCrossEntropy { .. } => None,
        }
    }

    /// Name of the operation, as its files are called.
    pub fn name(&self) -> &'static str {
        match self {
            Stage::Gather { .. } => "gather",
            Stage::Linear { .. } => "linear",
            Stage::Product { .. } => "product",
            Stage::Sum { .. } => "sum",
            Stage::SigmoidCrossEntropy { .. } => "sigmoid_cross_entropy",
        }
    }

    pub(super) fn describe(&self, params: &[Param], columns: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<22}", self.name())?;
        if let Some(output) = self.output() {
            write!(f, "b{}[{:?}] = ", output.buffer, output.range())?;
        }
        match self {
            Stage::Gather { table, column, .. } => {
                let param = &params[*table];
                write!(
                    f,
                    "{}[{}, {}] by {}",
                    param.name, param.rows, param.width, columns[*column]
                )
            }
            Stage::Linear {
                weight,
                input,
                activation,
                ..
            } => {
                let param = &params[*weight];
                write!(f, "{activation:?}({}[{}, {}] ", param.name, param.rows, param.width)?;
                write!(f, "b{}[{:?}] + bias)", input.buffer, input.range())
            }
            Stage::Product { .. } | Stage::Sum { .. } | Stage::SigmoidCrossEntropy { .. } => {
                for (index, input) in self.inputs().iter().enumerate() {
                    let separator = if index > 0 { ", " } else { "" };
                    write!(f, "{separator}b{}[{:?}]", input.buffer, input.range())?;
                }
                Ok(())
            }
        }
    }
}
