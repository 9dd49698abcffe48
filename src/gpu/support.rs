//! The stages as their shaders take them. What a shader cannot hold is refused before anything is built for it.

use super::{
    layout::Columns,
    pipelines::Tile,
    stages::{Affine, BatchNorm, Gru},
};
use crate::{
    Error, Result, ops,
    plan::{Activation, Plan, Stage, View},
};

/// A stage, with the operands of one put together. The rest of this folder matches on this.
#[derive(Clone, Copy)]
pub(super) enum Shaded<'a> {
    Gather {
        table: usize,
        column: usize,
        output: View,
    },
    Numeric {
        first: usize,
        output: View,
    },
    Linear(Linear),
    Product {
        inputs: [View; 2],
        output: View,
    },
    Sum {
        inputs: &'a [View],
        bias: Option<usize>,
        output: View,
    },
    Pool {
        input: View,
        output: View,
        mean: bool,
    },
    Dropout {
        input: View,
        output: View,
        rate: f32,
    },
    Fm {
        input: View,
        factors: usize,
        output: View,
    },
    Prelu {
        alpha: usize,
        input: View,
        output: View,
    },
    BatchNorm(BatchNorm),
    Affine(Affine),
    Dice {
        alpha: usize,
        inputs: [View; 2],
        output: View,
    },
    AttentionUnit(AttentionUnit),
    Softmax {
        input: View,
        output: View,
    },
    Attention {
        inputs: [View; 2],
        output: View,
    },
    Gru(Gru<'a>),
    LastStep {
        input: View,
        output: View,
    },
    PairWithNext {
        inputs: [View; 2],
        output: View,
    },
    Auxiliary {
        logits: [View; 2],
        weight: f32,
    },
    SigmoidCrossEntropy {
        logit: View,
    },
}

/// A linear stage.
#[derive(Clone, Copy)]
pub(super) struct Linear {
    pub weight: usize,
    pub bias: Option<usize>,
    pub input: View,
    pub output: View,
    pub activation: Activation,
}

/// The first layer of an attention unit.
#[derive(Clone, Copy)]
pub(super) struct AttentionUnit {
    pub weight: usize,
    pub bias: usize,
    pub inputs: [View; 2],
    pub output: View,
    pub activation: Activation,
}

impl<'a> Shaded<'a> {
    pub fn of(stage: &'a Stage) -> Self {
        match *stage {
            Stage::Gather(ops::Gather { table, column, output }) => Shaded::Gather { table, column, output },
            Stage::Numeric(ops::Numeric { first, output }) => Shaded::Numeric { first, output },
            Stage::Linear(ops::Linear {
                weight,
                bias,
                input,
                output,
                activation,
            }) => Shaded::Linear(Linear {
                weight,
                bias,
                input,
                output,
                activation,
            }),
            Stage::Product(ops::Product { inputs, output }) => Shaded::Product { inputs, output },
            Stage::Sum(ops::Sum {
                ref inputs,
                bias,
                output,
            }) => Shaded::Sum { inputs, bias, output },
            Stage::Pool(ops::Pool { input, output, mean }) => Shaded::Pool { input, output, mean },
            Stage::Dropout(ops::Dropout { input, output, rate }) => Shaded::Dropout { input, output, rate },
            Stage::Fm(ops::Fm { input, factors, output }) => Shaded::Fm { input, factors, output },
            Stage::Prelu(ops::Prelu { alpha, input, output }) => Shaded::Prelu { alpha, input, output },
            Stage::BatchNorm(ops::BatchNorm {
                mean,
                variance,
                input,
                output,
                momentum,
                epsilon,
            }) => Shaded::BatchNorm(BatchNorm {
                mean,
                variance,
                input,
                output,
                momentum,
                epsilon,
            }),
            Stage::Affine(ops::Affine {
                weight,
                bias,
                input,
                output,
                relu,
            }) => Shaded::Affine(Affine {
                weight,
                bias,
                input,
                output,
                relu,
            }),
            Stage::Dice(ops::Dice { alpha, inputs, output }) => Shaded::Dice { alpha, inputs, output },
            Stage::AttentionUnit(ops::AttentionUnit {
                weight,
                bias,
                inputs,
                output,
                activation,
            }) => Shaded::AttentionUnit(AttentionUnit {
                weight,
                bias,
                inputs,
                output,
                activation,
            }),
            Stage::Softmax(ops::Softmax { input, output }) => Shaded::Softmax { input, output },
            Stage::Attention(ops::Attention { inputs, output }) => Shaded::Attention { inputs, output },
            Stage::Gru(ops::Gru {
                kind,
                params,
                ref inputs,
                output,
            }) => Shaded::Gru(Gru {
                kind,
                params,
                inputs,
                output,
            }),
            Stage::LastStep(ops::LastStep { input, output }) => Shaded::LastStep { input, output },
            Stage::PairWithNext(ops::PairWithNext { inputs, output }) => Shaded::PairWithNext { inputs, output },
            Stage::Auxiliary(ops::Auxiliary { logits, weight }) => Shaded::Auxiliary { logits, weight },
            Stage::SigmoidCrossEntropy(ops::SigmoidCrossEntropy { logit }) => Shaded::SigmoidCrossEntropy { logit },
        }
    }
}

/// Checks that shaders hold every stage of a plan: a recurrent layer keeps a sample's state and its gradients in workgroup
/// memory.
///
/// # Errors
/// [`Error::Device`] names the recurrent layer that is too wide, with the widths.
pub(super) fn check_supported(plan: &Plan) -> Result<()> {
    let columns = Columns::new(plan);
    let most: u32 = Tile::GRU.iter().map(|tile| tile.wx * tile.depth).max().unwrap_or(0);
    for stage in plan.stages() {
        let &Stage::Gru(ops::Gru { params, output, .. }) = stage else {
            continue;
        };
        let padded = columns.range(output).width;
        if Tile::gru(padded).is_none() {
            let name = &plan.params()[params[0]].name;
            return Err(Error::Device(format!(
                "gru: {} of a recurrent layer {} wide, whose states take {} columns of a graphics device: shaders hold \
                 {most} at most, so make it narrower or take the CPU (--device cpu, Device::cpu())",
                name,
                output.width,
                4 * padded
            )));
        }
    }
    Ok(())
}
