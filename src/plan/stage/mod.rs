//! The stages: the closed set of fused operations that every executor knows.

mod operands;

use alloc::vec::Vec;

use super::View;
use crate::ops::gru::Kind;

/// What follows a linear map within the same stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// max(x, 0).
    Relu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
}

/// One fused operation of the forward pass. Parameters are indices into [`Plan::params`](super::Plan::params).
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// `output[s] = table[ids[s]]`: an embedding look-up ([`ops::gather`](crate::ops::gather)); times `weights[s]` where
    /// the column is [weighted](super::Column::weighted).
    Gather {
        /// The table.
        table: usize,
        /// The id column that picks its rows.
        column: usize,
        /// As wide as the table.
        output: View,
    },
    /// `output[s] = numeric[s, first..]`: numeric features of the batch.
    Numeric {
        /// The first of them.
        first: usize,
        /// As wide as there are.
        output: View,
    },
    /// `output = activation(input weight^T + bias)` ([`ops::linear`](crate::ops::linear)).
    Linear {
        /// `[output.width, input.width]`.
        weight: usize,
        /// `[output.width]`; nothing where no bias is added.
        bias: Option<usize>,
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
        /// `[1]`, if there is one.
        bias: Option<usize>,
        /// One column.
        output: View,
    },
    /// `output = sum over pairs of fields of <v_i, v_j>`: the second order of a factorisation machine
    /// ([`ops::fm`](crate::ops::fm)).
    Fm {
        /// The fields' vectors side by side, each `factors` wide; or one a step, and a sample's fields are its steps.
        input: View,
        /// Width of a field's vector.
        factors: usize,
        /// One column.
        output: View,
    },
    /// `output[s] = sum (or mean) over the steps t of sample s of input[t]` ([`ops::pool`](crate::ops::pool)).
    Pool {
        /// One row a step of a sequence.
        input: View,
        /// One row a sample, as wide.
        output: View,
        /// Whether the sum is divided by the number of steps.
        mean: bool,
    },
    /// `output = input` with each value left out with probability `rate` in training, the others scaled up
    /// ([`ops::dropout`](crate::ops::dropout)).
    Dropout {
        /// What is thinned out.
        input: View,
        /// As wide.
        output: View,
        /// In 0..1.
        rate: f32,
    },
    /// `output = input` where that is positive and `alpha * input` elsewhere, with a slope for each column
    /// ([`ops::prelu`](crate::ops::prelu)).
    Prelu {
        /// `[output.width]`.
        alpha: usize,
        /// What is bent.
        input: View,
        /// As wide.
        output: View,
    },
    /// `output[t] = activation([q, k, q - k, q * k] weight^T + bias)` for every step `t` of sample `s`, with
    /// `q = query[s]` and `k = key[t]`: the first layer of DIN's attention
    /// ([`ops::attention::unit_input`](crate::ops::attention::unit_input), then [`ops::linear`](crate::ops::linear)).
    AttentionUnit {
        /// `[output.width, 4 D]` for query and keys of `D` columns.
        weight: usize,
        /// `[output.width]`.
        bias: usize,
        /// The query, one row a sample, and the keys, one row a step, of one width.
        inputs: [View; 2],
        /// One row a step.
        output: View,
        /// What follows.
        activation: Activation,
    },
    /// The softmax of one column over the steps of each sample ([`ops::softmax`](crate::ops::softmax)).
    Softmax {
        /// One column, one row a step.
        input: View,
        /// The same.
        output: View,
    },
    /// `output[s] = sum over the steps t of sample s of weight[t] * value[t]`
    /// ([`ops::attention`](crate::ops::attention)).
    Attention {
        /// The weights, one column, and the values, both one row a step.
        inputs: [View; 2],
        /// One row a sample, as wide as the values.
        output: View,
    },
    /// `output` is `input` brought to mean 0 and variance 1 over the batch, without an affine part; by running statistics
    /// in use ([`ops::batch_norm`](crate::ops::batch_norm)).
    BatchNorm {
        /// The running mean, `[output.width]`; as the variance a [`Statistic`](super::ParamKind::Statistic).
        mean: usize,
        /// The running variance.
        variance: usize,
        /// What is normalised.
        input: View,
        /// As wide.
        output: View,
        /// How far each batch moves the running statistics.
        momentum: f32,
        /// Added to the variance.
        epsilon: f32,
    },
    /// `output = weight * input + bias`, with a scale and a shift for each column ([`ops::affine`](crate::ops::affine)).
    Affine {
        /// `[output.width]`.
        weight: usize,
        /// `[output.width]`.
        bias: usize,
        /// What is scaled.
        input: View,
        /// As wide.
        output: View,
        /// Whether `max(output, 0)` follows.
        relu: bool,
    },
    /// `output = p x + (1 - p) alpha x` with `p = sigmoid(normal)`: Dice where `normal` is the batch-normalised `x`
    /// ([`ops::dice`](crate::ops::dice)).
    Dice {
        /// `[output.width]`.
        alpha: usize,
        /// `x` and `normal`.
        inputs: [View; 2],
        /// As wide as each.
        output: View,
    },
    /// A recurrent layer over each sample's steps, in one of its kinds: all its states ([`ops::gru`](crate::ops::gru)).
    Gru {
        /// How far a state moves at a step.
        kind: Kind,
        /// The weights of input and state, `[3 hidden, input.width]` and `[3 hidden, hidden]`, and their biases,
        /// `[3 hidden]` each.
        params: [usize; 4],
        /// The input; behind it the scores, one column, for all kinds but [`Kind::Gru`].
        inputs: Vec<View>,
        /// The states, one row a step.
        output: View,
    },
    /// `output[s] = input[t]` for the last step `t` of sample `s` ([`ops::last`](crate::ops::last)).
    Last {
        /// One row a step of a sequence.
        input: View,
        /// One row a sample, as wide.
        output: View,
    },
    /// `output[t] = [state[t], item[t + 1]]`: each step's state beside what comes next
    /// ([`ops::next`](crate::ops::next)).
    Next {
        /// The states, and the items.
        inputs: [View; 2],
        /// As wide as both together.
        output: View,
    },
    /// DIEN's auxiliary loss, `weight` times of which is added to what training descends
    /// ([`ops::auxiliary`](crate::ops::auxiliary)).
    Auxiliary {
        /// One column each, for every step: the logit of the next click, and that of its negative.
        logits: [View; 2],
        /// How much the loss counts beside the main one.
        weight: f32,
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
    /// How those of its dense parameters are: it adds where a layer is applied more than once.
    pub params: Flow,
}
