//! Forward stages.

use super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
        support::Linear,
    },
    Drafter, NONE, Operand, matmul, number_of, product,
    shapes::{GatherShape, LinearShape, SumShape},
};
use crate::plan::{Accumulate, Activation, View};

impl<'a> Drafter<'a> {
    pub(super) fn gather(self, table: usize, column: usize, output: View, drafts: &mut Vec<Draft<'a>>) {
        let (output, to) = self.activation(output);
        let Some(table) = self.tensors.table(table) else { return };
        for shard in &table.shards {
            let shape = GatherShape {
                output,
                column: column as u32,
                first: shard.first,
                rows: shard.capacity,
                pad: 0,
            };
            let buffers = vec![(3, &shard.slots.value), (4, to)];
            let grid = Grid::elements(output);
            let draft = Draft::new(Shader::Gather, "forward", grid, Reads::CallAndBatch, &shape, buffers)
                .of(format!("{}", 4 * output.width))
                .cost(0, 32 * u64::from(output.width) + 4);
            drafts.push(draft);
        }
    }

    /// The gradient of what was looked up, times the weights of the ids, for the updates to read.
    pub(super) fn gather_backward(self, column: usize, output: View, drafts: &mut Vec<Draft<'a>>) {
        if !self.plan.columns()[column].weighted {
            return; // it is where it should be
        }
        let (output, to) = self.gradient(output);
        let shape = GatherShape {
            output,
            column: column as u32,
            first: 0,
            rows: 0,
            pad: 0,
        };
        let (grid, reads) = (Grid::elements(output), Reads::CallAndBatch);
        let draft = Draft::new(Shader::Gather, "gradient", grid, reads, &shape, vec![(4, to)])
            .of(format!("{}", 4 * output.width))
            .cost(0, 32 * u64::from(output.width) + 4);
        drafts.push(draft);
    }

    pub(super) fn linear_forward(self, layer: Linear) -> Draft<'a> {
        let Linear {
            weight,
            input,
            output,
            bias,
            activation,
        } = layer;
        let ones = self.tensors.dense.placement.ones(output);
        let operands = (self.activation(input), self.activation(output));
        let places = [self.tensors.at(weight), self.bias(bias)];
        self.mapped(operands, places, (activation, ones))
    }

    /// From one operand to another by the matrix that begins at a vec4 of the transposed weights, and a bias that begins at
    /// a vec4 of the dense parameters; behind a sigmoid there are ones at a third place.
    pub(super) fn mapped(
        self,
        ((a, from), (c, to)): (Operand<'a>, Operand<'a>),
        [matrix, bias]: [u32; 2],
        (activation, ones): (Activation, u32),
    ) -> Draft<'a> {
        let shape = LinearShape {
            a,
            c,
            mask: ViewShape::default(),
            inner: a.width,
            matrix,
            bias,
            activation: number_of(activation),
            add: 0,
            mask_first: 0,
            mask_end: 0,
            ones,
        };
        let dense = &self.tensors.dense;
        let buffers = vec![(3, from), (4, &dense.transposed), (5, &dense.slots.value), (6, to)];
        matmul(self.mixed, "forward", shape, buffers)
    }

    pub(super) fn product_forward(self, inputs: [View; 2], output: View) -> Draft<'a> {
        let [left, right] = inputs.map(|view| self.activation(view));
        product("forward", left, right, self.activation(output), Accumulate::Overwrite)
    }

    /// Where a bias begins, or `NONE`.
    pub(super) fn bias(self, bias: Option<usize>) -> u32 {
        bias.map_or(NONE, |bias| self.tensors.at(bias))
    }

    pub(super) fn sum_forward(self, inputs: &[View], bias: Option<usize>, output: View, drafts: &mut Vec<Draft<'a>>) {
        let (output, to) = self.activation(output);
        for (index, &view) in inputs.iter().enumerate() {
            let (input, from) = self.activation(view);
            let shape = SumShape {
                input,
                output,
                width: view.width as u32,
                bias: self.bias(bias),
                total: self.tensors.dense.placement.trained,
                add: (index > 0).into(),
            };
            let buffers = vec![(3, from), (4, &self.tensors.dense.slots.value), (5, to)];
            let grid = Grid::Rows {
                space: output.space(),
                threads: 1,
            };
            let draft = Draft::new(Shader::Sum, "forward", grid, Reads::Call, &shape, buffers)
                .of(format!("{}", view.width))
                .cost(view.width as u64, 16 * u64::from(input.width + 1));
            drafts.push(draft);
        }
    }
}
