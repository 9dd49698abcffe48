//! Backward stages, and the loss.

use super::{
    super::{
        layout::{Range4, mask},
        pipelines::{Shader, Tile},
        program::{Draft, Grid, Reads, ViewShape},
        support::Linear,
    },
    Drafter, NONE, Operand, matmul, mixed_for, number_of, product,
    shapes::{LinearShape, SumShape, WeightGradientShape},
};
use crate::plan::{Accumulate, Activation, View};

impl<'a> Drafter<'a> {
    pub(super) fn cross_entropy(self, logit: View) -> Draft<'a> {
        let ((x, from), (gradient, to)) = (self.activation(logit), self.gradient(logit));
        let (entry, buffers) = ("forward_backward", vec![(3, from), (4, to), (5, self.losses)]);
        let (grid, reads) = (Grid::SAMPLES, Reads::CallAndBatch);
        Draft::new(Shader::SigmoidCrossEntropy, entry, grid, reads, &[x, gradient], buffers).cost(0, 36)
    }

    /// `accumulate` is that of the input's gradient, and that of the parameters'.
    pub(super) fn linear_backward(
        self,
        layer: Linear,
        fused: bool,
        accumulate: [Accumulate; 2],
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let Linear {
            weight,
            bias,
            input,
            output,
            activation,
        } = layer;
        let (x, delta) = (self.activation(input), self.gradient(output));
        if activation != Activation::Identity && !fused {
            drafts.push(self.activation_gradient(output, activation));
        }
        drafts.push(self.weight_gradient((weight, bias), accumulate[1], delta, x));
        let masked = mask(self.plan, self.columns, input);
        let weights = (self.tensors.at(weight), &self.tensors.dense.slots.value);
        drafts.push(self.mapped_back((delta, input), weights, masked, accumulate[0]));
    }

    /// From the gradient of a layer's output to that of its input, by the matrix that begins at a vec4 of a buffer.
    pub(super) fn mapped_back(
        self,
        ((delta, from), input): (Operand<'a>, View),
        (matrix, weights): (u32, &'a wgpu::Buffer),
        masked: Option<Range4>,
        accumulate: Accumulate,
    ) -> Draft<'a> {
        let ((x, inputs), (dx, to)) = (self.activation(input), self.gradient(input));
        let shape = LinearShape {
            a: delta,
            c: dx,
            mask: x,
            inner: delta.width,
            matrix,
            bias: NONE,
            activation: 0,
            add: (accumulate == Accumulate::Add).into(),
            mask_first: masked.map_or(0, |range| range.first),
            mask_end: masked.map_or(0, |range| range.end()),
            ones: 0,
        };
        let buffers = vec![(3, from), (4, weights), (5, inputs), (6, to)];
        matmul(self.mixed, "input_gradient", shape, buffers)
    }

    /// Turns the gradient of an activation's output into a delta, in place.
    pub(super) fn activation_gradient(self, output: View, activation: Activation) -> Draft<'a> {
        let ((y, outputs), (delta, gradient)) = (self.activation(output), self.gradient(output));
        let shape = LinearShape {
            a: y,
            c: delta,
            mask: ViewShape::default(),
            inner: 0,
            matrix: 0,
            bias: NONE,
            activation: number_of(activation),
            add: 0,
            mask_first: 0,
            mask_end: 0,
            ones: 0,
        };
        let (grid, buffers) = (Grid::elements(delta), vec![(3, outputs), (6, gradient)]);
        Draft::new(
            Shader::Linear,
            "activation_gradient",
            grid,
            Reads::Call,
            &shape,
            buffers,
        )
        .cost(0, 48 * u64::from(delta.width))
    }

    pub(super) fn weight_gradient(
        self,
        (weight, bias): (usize, Option<usize>),
        accumulate: Accumulate,
        delta: Operand<'a>,
        x: Operand<'a>,
    ) -> Draft<'a> {
        let places = [self.tensors.at(weight), self.bias(bias)];
        self.gradient_into(places, x.0.width, accumulate, (delta, x))
    }

    /// The gradient of the columns of a weight that begin at a vec4, with rows `stride` apart, and of a bias.
    pub(super) fn gradient_into(
        self,
        [matrix, bias]: [u32; 2],
        stride: u32,
        accumulate: Accumulate,
        ((delta, from), (x, inputs)): (Operand<'a>, Operand<'a>),
    ) -> Draft<'a> {
        let shape = WeightGradientShape {
            delta,
            x,
            matrix,
            total: self.tensors.dense.placement.trained,
            bias,
            add: (accumulate == Accumulate::Add).into(),
            stride,
            pad: [0; 3],
        };
        let buffers = vec![(3, from), (4, inputs), (5, &self.buffers.slots)];
        let draft = |shader, grid| {
            Draft::new(shader, "weight_gradient", grid, Reads::Call, &shape, buffers)
                .of(format!("{} to {}", 4 * x.width, 4 * delta.width))
                .cost(
                    32 * u64::from(x.width) * u64::from(delta.width),
                    16 * u64::from(x.width + delta.width),
                )
        };
        if let Some(side) = mixed_for(self.mixed, [x.width, delta.width]) {
            let [outputs, inputs] = side.tile();
            let grid = Grid::Slots {
                space: delta.space(),
                x: x.width.div_ceil(inputs),
                y: (4 * delta.width).div_ceil(outputs),
            };
            return draft(Shader::LinearWeightGradientMixed(side), grid);
        }
        let tile = Tile::weight_gradient(delta.width, x.width);
        let grid = Grid::Slots {
            space: delta.space(),
            x: x.width.div_ceil(tile.wx),
            y: delta.width.div_ceil(2 * tile.wy),
        };
        draft(Shader::LinearWeightGradient, grid).tile(tile)
    }

    pub(super) fn product_backward(self, to: View, other: View, output: View, accumulate: Accumulate) -> Draft<'a> {
        product(
            "backward",
            self.gradient(output),
            self.activation(other),
            self.gradient(to),
            accumulate,
        )
    }

    pub(super) fn sum_backward(
        self,
        inputs: &[View],
        bias: Option<usize>,
        output: View,
        accumulate: &[Accumulate],
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let (delta, from) = self.gradient(output);
        let shape = SumShape {
            input: delta,
            output: ViewShape::default(),
            width: 0,
            bias: self.bias(bias),
            total: self.tensors.dense.placement.trained,
            add: 0,
        };
        if bias.is_some() {
            let (space, buffers) = (delta.space(), vec![(3, from), (5, &self.buffers.slots)]);
            let grid = Grid::Slots { space, x: 1, y: 1 };
            drafts.push(Draft::new(Shader::Sum, "bias_gradient", grid, Reads::Call, &shape, buffers).cost(1, 16));
        }
        // Piece by piece, so that the pad between two pieces is left zero.
        let pieces = inputs.iter().zip(accumulate).flat_map(|(&view, &accumulate)| {
            let pieces: Vec<View> = self.columns.split(view).collect();
            pieces.into_iter().map(move |piece| (piece, accumulate))
        });
        for (piece, accumulate) in pieces {
            let (output, to) = self.gradient(piece);
            let shape = SumShape {
                output,
                width: piece.width as u32,
                add: (accumulate == Accumulate::Add).into(),
                ..shape
            };
            let (grid, buffers) = (Grid::elements(output), vec![(3, from), (5, to)]);
            let draft = Draft::new(Shader::Sum, "input_gradient", grid, Reads::Call, &shape, buffers)
                .of(format!("{}", piece.width))
                .cost(0, 16 * u64::from(1 + (1 + shape.add) * output.width));
            drafts.push(draft);
        }
    }
}
