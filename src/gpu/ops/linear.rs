//! Linear layers, and what other operations have of them: `shaders/linear.wgsl`, `shaders/linear_weight_gradient.wgsl`,
//! and both in mixed precision.

use crate::{
    gpu::{
        memory::layout::{Range4, masks::mask},
        ops::{context::NONE, prelude::*},
        shaders::{mixed_shader, side::Side, tile::Tile},
    },
    ops::Linear,
    plan::{Accumulate, Activation},
};

/// Linear layer: forward, and the gradient of its input.
pub(crate) const LINEAR: Shader = shader!("linear", "sigmoid", "tanh", "linear_operands", "linear");
/// Gradients of weights and biases.
const LINEAR_WEIGHT_GRADIENT: Shader = shader!("linear", "linear_weight_gradient_operands", "linear_weight_gradient");

/// `LINEAR` in mixed precision, by matrices that subgroups hold.
const fn linear_mixed(side: Side) -> Shader {
    mixed_shader!(side, "linear", "sigmoid", "tanh", "linear_operands", "linear_mixed")
}

/// `LINEAR_WEIGHT_GRADIENT` in mixed precision.
const fn linear_weight_gradient_mixed(side: Side) -> Shader {
    mixed_shader!(
        side,
        "linear",
        "linear_weight_gradient_operands",
        "linear_weight_gradient_mixed"
    )
}

uniform! {
    pub(crate) struct LinearShape as Linear {
        pub a: ViewShape,
        pub c: ViewShape,
        pub mask: ViewShape,
        pub inner: u32,
        pub matrix: u32,
        pub bias: u32,
        pub activation: u32,
        pub add: u32,
        pub mask_first: u32,
        pub mask_end: u32,
        pub ones: u32,
    }
}

uniform! {
    struct WeightGradientShape as WeightGradient {
        delta: ViewShape,
        x: ViewShape,
        matrix: u32,
        total: u32,
        bias: u32,
        add: u32,
        stride: u32,
        pad: [u32; 3],
    }
}

impl Shaders for Linear {
    const SHADERS: &'static [Shader] = &[
        LINEAR,
        LINEAR_WEIGHT_GRADIENT,
        linear_mixed(Side::Eight),
        linear_mixed(Side::Sixteen),
        linear_weight_gradient_mixed(Side::Eight),
        linear_weight_gradient_mixed(Side::Sixteen),
    ];
    const UNIFORMS: &'static [UniformLayout] = &[LinearShape::LAYOUT, WeightGradientShape::LAYOUT];
}

impl GpuOp for Linear {
    fn stored(&self) -> Vec<(usize, Stored)> {
        let (input, output) = (self.input, self.output);
        let bias = self.bias.map(|bias| (bias, Stored::Vector(output)));
        [(self.weight, Stored::Weight { input, output })]
            .into_iter()
            .chain(bias)
            .collect()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        Vec::new()
    }

    fn activation(&self) -> Option<(View, Activation)> {
        Some((self.output, self.activation))
    }

    fn cuts(&self) -> Option<View> {
        Some(self.input)
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let operands = (ctx.activation(self.input), ctx.activation(self.output));
        let places = [ctx.at(self.weight)?, ctx.bias(self.bias)?];
        let ones = ctx.ones(self.output, self.activation)?;
        drafts.push(ctx.mapped(operands, places, (self.activation, ones)));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (x, delta) = (ctx.activation(self.input), ctx.gradient(self.output));
        if self.activation != Activation::Identity && !pass.fused {
            drafts.push(ctx.activation_gradient(self.output, self.activation));
        }
        drafts.push(ctx.weight_gradient((self.weight, self.bias), pass.params, delta, x)?);
        let masked = mask(ctx.columns, self.input);
        let weights = (ctx.at(self.weight)?, ctx.dense());
        drafts.push(ctx.mapped_back((delta, self.input), weights, masked, pass.accumulate[0]));
        Ok(())
    }
}

impl<'a> Context<'a> {
    /// From one operand to another by the matrix that begins at a vec4 of the transposed weights, and a bias that begins at
    /// a vec4 of the dense parameters; behind a sigmoid there are ones at a third place.
    pub fn mapped(
        self,
        ((a, from), (c, to)): (Operand<'a>, Operand<'a>),
        [matrix, bias]: [u32; 2],
        (activation, ones): (Activation, u32),
    ) -> Draft<'a> {
        let shape = LinearShape {
            a,
            c,
            inner: a.width,
            matrix,
            bias,
            activation: number_of(activation),
            ones,
            ..LinearShape::default()
        };
        let buffers = vec![(3, from), (4, self.transposed()), (5, self.dense()), (6, to)];
        matmul(self.mixed, "forward", shape, buffers)
    }

    /// From the gradient of a layer's output to that of its input, by the matrix that begins at a vec4 of a buffer.
    pub fn mapped_back(
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
            add: is_added(accumulate),
            mask_first: masked.map_or(0, |range| range.first),
            mask_end: masked.map_or(0, |range| range.end()),
            ones: 0,
        };
        let buffers = vec![(3, from), (4, weights), (5, inputs), (6, to)];
        matmul(self.mixed, "input_gradient", shape, buffers)
    }

    /// Turns the gradient of an activation's output into a delta, in place.
    pub fn activation_gradient(self, output: View, activation: Activation) -> Draft<'a> {
        let ((y, outputs), (delta, gradient)) = (self.activation(output), self.gradient(output));
        let shape = LinearShape {
            a: y,
            c: delta,
            bias: NONE,
            activation: number_of(activation),
            ..LinearShape::default()
        };
        let (entry, buffers) = ("activation_gradient", vec![(3, outputs), (6, gradient)]);
        Draft::new(LINEAR, entry, Grid::elements(delta), Reads::Call, &shape, buffers)
            .cost(0, 48 * u64::from(delta.width))
    }

    /// The gradients of a weight and a bias.
    pub fn weight_gradient(
        self,
        (weight, bias): (usize, Option<usize>),
        accumulate: Accumulate,
        delta: Operand<'a>,
        x: Operand<'a>,
    ) -> Result<Draft<'a>> {
        let places = [self.at(weight)?, self.bias(bias)?];
        Ok(self.gradient_into(places, x.0.width, accumulate, (delta, x)))
    }

    /// The gradient of the columns of a weight that begin at a vec4, with rows `stride` apart, and of a bias.
    pub fn gradient_into(
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
            total: self.trained(),
            bias,
            add: is_added(accumulate),
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
            return draft(linear_weight_gradient_mixed(side), grid);
        }
        let tile = Tile::weight_gradient(delta.width, x.width);
        let grid = Grid::Slots {
            space: delta.space(),
            x: x.width.div_ceil(tile.wx),
            y: delta.width.div_ceil(2 * tile.wy),
        };
        draft(LINEAR_WEIGHT_GRADIENT, grid).tile(tile)
    }
}

/// The number of an activation in `shaders/linear.wgsl`.
pub(crate) fn number_of(activation: Activation) -> u32 {
    match activation {
        Activation::Identity => 0,
        Activation::Relu => 1,
        Activation::Sigmoid => 2,
        Activation::Tanh => 3,
    }
}

/// The matrices of mixed precision for a product, where both its widths (in vec4s) fill one.
fn mixed_for(mixed: Option<Side>, widths: [u32; 2]) -> Option<Side> {
    mixed.filter(|side| widths.into_iter().all(|width| 4 * width >= side.width()))
}

/// A matrix product of `linear`, in mixed precision or with a form for few samples.
pub(crate) fn matmul<'a>(
    mixed: Option<Side>,
    entry: &'static str,
    shape: LinearShape,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let (inner, width) = (shape.inner, shape.c.width);
    let described = |draft: Draft<'a>| {
        // The mask is read where there is one; a gradient that is added to is read too.
        let read = inner + shape.mask_end - shape.mask_first + shape.add * width;
        draft
            .of(format!("{} to {}", 4 * inner, 4 * width))
            .cost(32 * u64::from(inner) * u64::from(width), 16 * u64::from(read + width))
    };
    if let Some(side) = mixed_for(mixed, [inner, width]) {
        let [rows, columns] = side.tile();
        let grid = Grid::Tiles {
            space: shape.c.space(),
            rows,
            columns: width.div_ceil(columns),
        };
        let shader = linear_mixed(side);
        return described(Draft::new(shader, entry, grid, Reads::Call, &shape, buffers));
    }
    let form = |few: bool| {
        let tile = Tile::linear(width, few);
        let grid = Grid::Tiles {
            space: shape.c.space(),
            rows: tile.rows(),
            columns: width.div_ceil(tile.wx),
        };
        (tile, grid)
    };
    let (tile, grid) = form(false);
    let (few, few_grid) = form(true);
    let draft = described(Draft::new(LINEAR, entry, grid, Reads::Call, &shape, buffers)).tile(tile);
    match few == tile {
        true => draft,
        false => draft.few(few, few_grid),
    }
}
