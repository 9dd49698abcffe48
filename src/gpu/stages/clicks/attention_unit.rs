use bytemuck::{Pod, Zeroable};

use super::{
    super::{
        super::{
            pipelines::Shader,
            program::{Draft, Grid, Reads, ViewShape},
            support::AttentionUnit,
        },
        Drafter, NONE, number_of,
    },
    pool::sum_steps,
};
use crate::plan::{Accumulate, Activation, View};

/// `AttentionUnit` in `shaders/attention_unit.wgsl`.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct UnitShape {
    samples: ViewShape,
    steps: ViewShape,
    rows: ViewShape,
    key: ViewShape,
    add: u32,
    activation: u32,
    ones: u32,
    pad: u32,
}

/// `UnitWeights` in `shaders/attention_unit_weights.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct WeightsShape {
    weight: u32,
    folded: u32,
    outputs: u32,
    width: u32,
    total: u32,
    pad: [u32; 3],
}

/// Where the folded weights begin: `[B - C, E]`, `A + C`, and both transposed.
#[derive(Clone, Copy)]
struct Folded {
    steps: u32,
    query: u32,
    steps_transposed: u32,
    query_transposed: u32,
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn unit_forward(self, unit: AttentionUnit, drafts: &mut Vec<Draft<'a>>) {
        let [query, key] = unit.inputs.map(|view| self.activation(view));
        let [rows, part] = self.unit_views(unit).map(|view| self.activation(view));
        let output = self.activation(unit.output);
        let (shape, folded) = (self.weights_shape(unit), self.folded(unit));
        let dense = &self.tensors.dense;
        let grid = Grid::Threads(u64::from(shape.outputs) * u64::from(shape.width));
        let buffers = vec![(3, &dense.slots.value), (4, &dense.transposed)];
        let fold = Draft::new(
            Shader::AttentionUnitWeights,
            "fold",
            grid,
            Reads::Nothing,
            &shape,
            buffers,
        );
        drafts.push(fold.cost(12, 160));
        let shape = UnitShape {
            samples: query.0,
            steps: key.0,
            rows: rows.0,
            ..UnitShape::default()
        };
        drafts.push(dispatch("rows", shape, vec![(3, query.1), (4, key.1), (5, rows.1)]));
        let plain = (Activation::Identity, 0);
        let bias = self.tensors.at(unit.bias);
        drafts.push(self.mapped((query, part), [folded.query_transposed, bias], plain));
        drafts.push(self.mapped((rows, output), [folded.steps_transposed, NONE], plain));
        let shape = UnitShape {
            samples: part.0,
            steps: output.0,
            activation: number_of(unit.activation),
            ones: dense.placement.ones(unit.output),
            ..UnitShape::default()
        };
        let buffers = vec![(3, part.1), (5, output.1), (7, &dense.slots.value)];
        drafts.push(dispatch("activate", shape, buffers));
    }

    /// `accumulate` is that of the gradients of query and key, and that of the parameters'.
    pub(in super::super) fn unit_backward(
        self,
        (unit, fused): (AttentionUnit, bool),
        (accumulate, params): (&[Accumulate], Accumulate),
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let delta = self.gradient(unit.output);
        if unit.activation != Activation::Identity && !fused {
            drafts.push(self.activation_gradient(unit.output, unit.activation));
        }
        let [rows, part] = self.unit_views(unit);
        drafts.push(sum_steps(delta, self.gradient(part)));
        self.unit_weight_gradient(unit, params, drafts);

        let (folded, weights) = (self.folded(unit), &self.tensors.dense.transposed);
        let of_query = (self.gradient(part), unit.inputs[0]);
        drafts.push(self.mapped_back(of_query, (folded.query, weights), None, accumulate[0]));
        drafts.push(self.mapped_back((delta, rows), (folded.steps, weights), None, Accumulate::Overwrite));
        let [query, key] = unit.inputs.map(|view| self.activation(view));
        let [of_query, of_key] = unit.inputs.map(|view| self.gradient(view));
        let of_rows = self.gradient(rows);
        let shape = UnitShape {
            samples: of_query.0,
            key: key.0,
            rows: of_rows.0,
            ..UnitShape::default()
        };
        let buffers = vec![(4, key.1), (5, of_query.1), (6, of_rows.1)];
        drafts.push(dispatch("query_gradient", shape, buffers));
        let shape = UnitShape {
            samples: query.0,
            steps: of_key.0,
            rows: of_rows.0,
            add: (accumulate[1] == Accumulate::Add).into(),
            ..UnitShape::default()
        };
        let buffers = vec![(3, query.1), (5, of_key.1), (6, of_rows.1)];
        drafts.push(dispatch("key_gradient", shape, buffers));
    }

    /// Samples give the gradient of A and of the bias, steps those of B and E; C's is the difference.
    fn unit_weight_gradient(self, unit: AttentionUnit, params: Accumulate, drafts: &mut Vec<Draft<'a>>) {
        let [rows, part] = self.unit_views(unit);
        let shape = self.weights_shape(unit);
        let stride = 4 * shape.width;
        let of_samples = (self.gradient(part), self.activation(unit.inputs[0]));
        let places = [shape.weight, self.tensors.at(unit.bias)];
        drafts.push(self.gradient_into(places, stride, params, of_samples));
        let of_steps = (self.gradient(unit.output), self.activation(rows));
        let places = [shape.weight + 2 * shape.width, NONE];
        drafts.push(self.gradient_into(places, stride, params, of_steps));
        let grid = Grid::Slots {
            space: 0,
            x: (shape.outputs * shape.width).div_ceil(256),
            y: 1,
        };
        let buffers = vec![(5, &self.buffers.slots)];
        drafts.push(Draft::new(
            Shader::AttentionUnitWeights,
            "difference",
            grid,
            Reads::Nothing,
            &shape,
            buffers,
        ));
    }

    /// The rows `[k, q * k]`, and what the query comes to.
    fn unit_views(self, unit: AttentionUnit) -> [View; 2] {
        [unit.weight, unit.bias].map(|param| self.columns.unit(param))
    }

    fn weights_shape(self, unit: AttentionUnit) -> WeightsShape {
        WeightsShape {
            weight: self.tensors.at(unit.weight),
            folded: self.folded(unit).steps,
            outputs: 4 * self.columns.range(unit.output).width,
            width: self.columns.range(unit.inputs[1]).width,
            total: self.tensors.dense.placement.trained,
            pad: [0; 3],
        }
    }

    fn folded(self, unit: AttentionUnit) -> Folded {
        let steps = self.tensors.dense.placement.folded(unit.weight);
        let part = 4 * self.columns.range(unit.output).width * self.columns.range(unit.inputs[1]).width;
        Folded {
            steps,
            query: steps + 2 * part,
            steps_transposed: steps + 3 * part,
            query_transposed: steps + 5 * part,
        }
    }
}

/// A thread a sample and vec4 of its row.
fn dispatch<'a>(entry: &'static str, shape: UnitShape, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Draft<'a> {
    let (grid, width) = (Grid::elements(shape.samples), shape.samples.width);
    let along = if entry == "query_gradient" {
        shape.key
    } else {
        shape.steps
    };
    Draft::new(Shader::AttentionUnit, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * width))
        .cost_a_row(along, 8 * u64::from(width), 48 * u64::from(width))
}
