use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter, Operand,
};
use crate::plan::{Accumulate, View};

/// `Attention` in `shaders/attention.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct AttentionShape {
    weights: ViewShape,
    values: ViewShape,
    output: ViewShape,
    delta: ViewShape,
    add: u32,
    pad: [u32; 3],
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn attention_forward(self, inputs: [View; 2], output: View) -> Draft<'a> {
        let (to, none) = (self.activation(output), ViewShape::default());
        let [(_, weights), (_, values)] = inputs.map(|view| self.activation(view));
        let shape = self.attention_shape(inputs, (to.0, none), Accumulate::Overwrite);
        attention(
            "forward",
            Grid::elements(to.0),
            shape,
            vec![(3, weights), (4, values), (5, to.1)],
        )
    }

    /// The gradients of the weights and of the values.
    pub(in super::super) fn attention_backward(
        self,
        inputs: [View; 2],
        output: View,
        accumulate: &[Accumulate],
    ) -> [Draft<'a>; 2] {
        let [(_, weights), (_, values)] = inputs.map(|view| self.activation(view));
        let [of_weights, of_values]: [Operand<'a>; 2] = inputs.map(|view| self.gradient(view));
        let (delta, of) = self.gradient(output);
        let grid = Grid::Rows {
            space: of_weights.0.space(),
            threads: 1,
        };
        let shape = self.attention_shape(inputs, (of_weights.0, delta), accumulate[0]);
        let buffers = vec![(4, values), (5, of_weights.1), (6, of)];
        let weight_gradient = attention("weight_gradient", grid, shape, buffers);
        let shape = self.attention_shape(inputs, (of_values.0, delta), accumulate[1]);
        let buffers = vec![(3, weights), (5, of_values.1), (6, of)];
        let value_gradient = attention("value_gradient", Grid::elements(delta), shape, buffers);
        [weight_gradient, value_gradient]
    }

    fn attention_shape(
        self,
        inputs: [View; 2],
        (output, delta): (ViewShape, ViewShape),
        accumulate: Accumulate,
    ) -> AttentionShape {
        let [weights, values] = inputs.map(|view| self.activation(view).0);
        AttentionShape {
            weights,
            values,
            output,
            delta,
            add: (accumulate == Accumulate::Add).into(),
            pad: [0; 3],
        }
    }
}

fn attention<'a>(
    entry: &'static str,
    grid: Grid,
    shape: AttentionShape,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    Draft::new(Shader::Attention, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * shape.values.width))
        .cost_a_row(
            shape.values,
            8 * u64::from(shape.values.width),
            16 * u64::from(shape.values.width + 1),
        )
}
