//! What stages read and write, and how a plan prints them.

use alloc::vec::Vec;
use core::{fmt, slice};

use super::Stage;
use crate::plan::{Column, Param, View};

impl Stage {
    /// The activations that are read.
    pub fn inputs(&self) -> &[View] {
        match self {
            Stage::Gather { .. } | Stage::Numeric { .. } => &[],
            Stage::Linear { input, .. }
            | Stage::Fm { input, .. }
            | Stage::Pool { input, .. }
            | Stage::Last { input, .. }
            | Stage::Dropout { input, .. }
            | Stage::Prelu { input, .. }
            | Stage::Softmax { input, .. }
            | Stage::Affine { input, .. }
            | Stage::BatchNorm { input, .. } => slice::from_ref(input),
            Stage::Product { inputs, .. }
            | Stage::Next { inputs, .. }
            | Stage::AttentionUnit { inputs, .. }
            | Stage::Attention { inputs, .. }
            | Stage::Dice { inputs, .. } => inputs,
            Stage::Sum { inputs, .. } | Stage::Gru { inputs, .. } => inputs,
            Stage::Auxiliary { logits, .. } => logits,
            Stage::SigmoidCrossEntropy { logit } => slice::from_ref(logit),
        }
    }

    /// The dense parameters that are read.
    pub fn params(&self) -> Vec<usize> {
        match *self {
            Stage::Linear { weight, bias, .. } => [weight].into_iter().chain(bias).collect(),
            Stage::AttentionUnit { weight, bias, .. } | Stage::Affine { weight, bias, .. } => [weight, bias].to_vec(),
            Stage::Prelu { alpha, .. } | Stage::Dice { alpha, .. } => [alpha].to_vec(),
            Stage::Sum { bias, .. } => bias.into_iter().collect(),
            Stage::Gru { params, .. } => params.to_vec(),
            _ => Vec::new(),
        }
    }

    /// The activation that is written.
    pub fn output(&self) -> Option<View> {
        match *self {
            Stage::Gather { output, .. }
            | Stage::Numeric { output, .. }
            | Stage::Linear { output, .. }
            | Stage::Product { output, .. }
            | Stage::Sum { output, .. }
            | Stage::Fm { output, .. }
            | Stage::Pool { output, .. }
            | Stage::Dropout { output, .. }
            | Stage::Prelu { output, .. }
            | Stage::AttentionUnit { output, .. }
            | Stage::Softmax { output, .. }
            | Stage::Attention { output, .. }
            | Stage::BatchNorm { output, .. }
            | Stage::Affine { output, .. }
            | Stage::Dice { output, .. }
            | Stage::Gru { output, .. }
            | Stage::Last { output, .. }
            | Stage::Next { output, .. } => Some(output),
            Stage::Auxiliary { .. } | Stage::SigmoidCrossEntropy { .. } => None,
        }
    }

    /// Name of the operation, as its files are called.
    pub fn name(&self) -> &'static str {
        match self {
            Stage::Gather { .. } => "gather",
            Stage::Numeric { .. } => "numeric",
            Stage::Linear { .. } => "linear",
            Stage::Product { .. } => "product",
            Stage::Sum { .. } => "sum",
            Stage::Fm { .. } => "fm",
            Stage::Pool { .. } => "pool",
            Stage::Dropout { .. } => "dropout",
            Stage::Prelu { .. } => "prelu",
            Stage::AttentionUnit { .. } => "attention_unit",
            Stage::Softmax { .. } => "softmax",
            Stage::Attention { .. } => "attention",
            Stage::BatchNorm { .. } => "batch_norm",
            Stage::Affine { .. } => "affine",
            Stage::Dice { .. } => "dice",
            Stage::Gru { .. } => "gru",
            Stage::Last { .. } => "last",
            Stage::Next { .. } => "next",
            Stage::Auxiliary { .. } => "auxiliary",
            Stage::SigmoidCrossEntropy { .. } => "sigmoid_cross_entropy",
        }
    }

    pub(in crate::plan) fn describe(
        &self,
        params: &[Param],
        columns: &[Column],
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
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
                    param.name, param.rows, param.width, columns[*column].name
                )
            }
            Stage::Linear {
                weight,
                input,
                activation,
                bias,
                ..
            } => {
                let param = &params[*weight];
                write!(f, "{activation:?}({}[{}, {}] ", param.name, param.rows, param.width)?;
                let bias = if bias.is_some() { " + bias" } else { "" };
                write!(f, "b{}[{:?}]{bias})", input.buffer, input.range())
            }
            Stage::Numeric { first, output } => write!(f, "numeric[{first}..{}]", first + output.width),
            Stage::Product { .. }
            | Stage::Sum { .. }
            | Stage::Fm { .. }
            | Stage::Pool { .. }
            | Stage::Dropout { .. }
            | Stage::Prelu { .. }
            | Stage::AttentionUnit { .. }
            | Stage::Softmax { .. }
            | Stage::Attention { .. }
            | Stage::BatchNorm { .. }
            | Stage::Affine { .. }
            | Stage::Dice { .. }
            | Stage::Gru { .. }
            | Stage::Last { .. }
            | Stage::Next { .. }
            | Stage::Auxiliary { .. }
            | Stage::SigmoidCrossEntropy { .. } => {
                if let Stage::Gru {
                    kind,
                    params: [weight, ..],
                    ..
                } = self
                {
                    write!(f, "{kind:?}({}) of ", params[*weight].name)?;
                }
                for (index, input) in self.inputs().iter().enumerate() {
                    let separator = if index > 0 { ", " } else { "" };
                    write!(f, "{separator}b{}[{:?}]", input.buffer, input.range())?;
                }
                Ok(())
            }
        }
    }
}
