//! Layers: linear ones, and what stands behind or between them.

use alloc::format;

use super::PlanBuilder;
use crate::{
    ops,
    plan::{Activation, Init, ParamKind, Stage, View},
};

impl PlanBuilder {
    /// A linear layer `name` into a new buffer of `outputs` columns.
    pub fn linear(&mut self, name: &str, input: View, outputs: usize, activation: Activation) -> View {
        let output = self.buffer_in(self.space_of(input), outputs);
        self.linear_into(name, input, output, activation);
        output
    }

    /// A linear layer `name` into `output`. Its weight is drawn by Glorot's rule, or by LeCun's where it has one
    /// output (as in the reference code of He et al.); its bias begins at zero.
    pub fn linear_into(&mut self, name: &str, input: View, output: View, activation: Activation) {
        self.linear_with(
            &format!("{name}.weight"),
            &format!("{name}.bias"),
            input,
            output,
            activation,
        );
    }

    /// [`linear_into`](PlanBuilder::linear_into) with names for both parameters.
    pub fn linear_with(&mut self, weight: &str, bias: &str, input: View, output: View, activation: Activation) {
        let weight = self.linear_weight(weight, input.width, output.width);
        let bias = Some(self.bias(bias, output.width));
        self.stages.push(Stage::Linear(ops::Linear {
            weight,
            bias,
            input,
            output,
            activation,
        }));
    }

    /// A linear layer `name` without a bias into a new buffer of `outputs` columns, drawn as by
    /// [`linear_into`](PlanBuilder::linear_into).
    pub fn linear_without_bias(&mut self, name: &str, input: View, outputs: usize, activation: Activation) -> View {
        let output = self.buffer_in(self.space_of(input), outputs);
        let weight = self.linear_weight(&format!("{name}.weight"), input.width, outputs);
        self.stages.push(Stage::Linear(ops::Linear {
            weight,
            bias: None,
            input,
            output,
            activation,
        }));
        output
    }

    pub(super) fn linear_weight(&mut self, name: &str, inputs: usize, outputs: usize) -> usize {
        let init = match outputs {
            1 => Init::lecun(inputs),
            _ => Init::glorot(inputs, outputs),
        };
        self.param(name, [outputs, inputs], ParamKind::Dense, init)
    }

    /// A cross layer `name` in a new buffer, `x0 * (W x + b) + x` (Wang et al., WWW 2021, equation 1); with a rank
    /// `x0 * (U (V x) + b) + x`, where `x` is mapped to so many columns first (equation 2). `W` or `U` is `name.weight`, `b`
    /// is `name.bias` and `V` is `name.down.weight`, drawn as by [`linear_into`](PlanBuilder::linear_into).
    pub fn cross(&mut self, name: &str, x0: View, x: View, rank: Option<usize>) -> View {
        if x0.width != x.width {
            let (first, latest) = (x0.width, x.width);
            self.fail(format!(
                "{name} crosses {first} columns with {latest}: they must be as many"
            ));
        }
        let mapped = match rank {
            Some(rank) => self.linear_without_bias(&format!("{name}.down"), x, rank, Activation::Identity),
            None => x,
        };
        let weight = self.linear_weight(&format!("{name}.weight"), mapped.width, x.width);
        let bias = self.bias(&format!("{name}.bias"), x.width);
        let output = self.buffer_in(self.space_of(x), x.width);
        self.stages.push(Stage::Cross(ops::Cross {
            weight,
            bias,
            inputs: [x0, x, mapped],
            output,
        }));
        output
    }

    /// Two views column by column, as a residual connection adds them, in a new buffer.
    pub fn add(&mut self, a: View, b: View) -> View {
        if a.width != b.width {
            let (a, b) = (a.width, b.width);
            self.fail(format!("{a} columns added to {b}: they must be as many"));
        }
        let output = self.buffer_in(self.space_of(a), a.width);
        self.stages.push(Stage::Add(ops::Add { inputs: [a, b], output }));
        output
    }

    /// How near two views are, row by row, in a new buffer of one column: their squared distance with a minus before it
    /// ([`ops::distance`](crate::ops::distance)).
    pub fn distance(&mut self, a: View, b: View) -> View {
        if a.width != b.width {
            let (a, b) = (a.width, b.width);
            self.fail(format!("the distance of {a} columns from {b}: they must be as many"));
        }
        let output = self.buffer_in(self.space_of(a), 1);
        self.stages
            .push(Stage::Distance(ops::Distance { inputs: [a, b], output }));
        output
    }

    /// Layer normalisation `name` in a new buffer: each row to mean 0 and variance 1, then a scale `name.weight` and a shift
    /// `name.bias` for each column, which begin at 1 and 0 (Ba et al., 2016). `epsilon` is added to the variance.
    pub fn layer_norm(&mut self, name: &str, input: View, epsilon: f32) -> View {
        if !(epsilon > 0.0 && epsilon.is_finite()) {
            self.fail(format!("{name}: an epsilon of {epsilon}: give a positive number"));
        }
        let ones = Init::Constant { value: 1.0 };
        let weight = self.vector(&format!("{name}.weight"), input.width, ones);
        let bias = self.vector(&format!("{name}.bias"), input.width, Init::Zeros);
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::LayerNorm(ops::LayerNorm {
            weight,
            bias,
            input,
            output,
            epsilon,
        }));
        output
    }

    /// Leaves out values with probability `rate` in training, in a new buffer; `input` itself where the rate is 0.
    pub fn dropout(&mut self, input: View, rate: f32) -> View {
        if !(0.0..1.0).contains(&rate) {
            self.fail(format!("a dropout rate of {rate}: give a number in 0..1"));
        }
        if rate == 0.0 {
            return input;
        }
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::Dropout(ops::Dropout { input, output, rate }));
        output
    }

    /// A PReLU with the slopes `name.alpha`, one for each column, in a new buffer (He et al., ICCV 2015). The slopes
    /// begin at 0.25.
    pub fn prelu(&mut self, name: &str, input: View) -> View {
        let alpha = self.vector(&format!("{name}.alpha"), input.width, Init::Constant { value: 0.25 });
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::Prelu(ops::Prelu { alpha, input, output }));
        output
    }

    /// Batch normalisation without an affine part, in a new buffer; its running statistics are `name.mean` and
    /// `name.variance`, which begin at 0 and 1 (Ioffe and Szegedy, ICML 2015).
    pub fn batch_norm(&mut self, name: &str, input: View, momentum: f32, epsilon: f32) -> View {
        if !((0.0..=1.0).contains(&momentum) && epsilon > 0.0 && epsilon.is_finite()) {
            self.fail(format!(
                "{name}: a momentum of {momentum} and an epsilon of {epsilon}: give a number in 0..=1 and a positive one"
            ));
        }
        let ones = Init::Constant { value: 1.0 };
        let mean = self.vector(&format!("{name}.mean"), input.width, Init::Zeros);
        let variance = self.vector(&format!("{name}.variance"), input.width, ones);
        for statistic in [mean, variance] {
            self.params[statistic].kind = ParamKind::Statistic;
        }
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::BatchNorm(ops::BatchNorm {
            mean,
            variance,
            input,
            output,
            momentum,
            epsilon,
        }));
        output
    }

    /// A scale `name.weight` and a shift `name.bias` for each column, with `max(x, 0)` behind them where `relu` says
    /// so, in a new buffer: the affine part of [`batch_norm`](PlanBuilder::batch_norm). They begin at 1 and 0.
    pub fn affine(&mut self, name: &str, input: View, relu: bool) -> View {
        let ones = Init::Constant { value: 1.0 };
        let weight = self.vector(&format!("{name}.weight"), input.width, ones);
        let bias = self.vector(&format!("{name}.bias"), input.width, Init::Zeros);
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::Affine(ops::Affine {
            weight,
            bias,
            input,
            output,
            relu,
        }));
        output
    }

    /// Dice with the slopes `name.alpha`, which begin at 0, in a new buffer (Zhou et al., KDD 2018, equation 3), over
    /// [`batch_norm`](PlanBuilder::batch_norm) of the same name.
    pub fn dice(&mut self, name: &str, input: View) -> View {
        const MOMENTUM: f32 = 0.1;
        const EPSILON: f32 = 1e-8;
        let normal = self.batch_norm(name, input, MOMENTUM, EPSILON);
        let alpha = self.vector(&format!("{name}.alpha"), input.width, Init::Zeros);
        let output = self.buffer_in(self.space_of(input), input.width);
        self.stages.push(Stage::Dice(ops::Dice {
            alpha,
            inputs: [input, normal],
            output,
        }));
        output
    }
}
