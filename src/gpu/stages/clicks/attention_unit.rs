use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
        support::{AttentionUnit, Linear},
    },
    Drafter,
};
use crate::plan::Flow;

/// `AttentionUnit` in `shaders/attention_unit.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct UnitShape {
    query: ViewShape,
    key: ViewShape,
    rows: ViewShape,
    output: ViewShape,
    add: u32,
    pad: [u32; 3],
}

impl<'a> Drafter<'a> {
    /// The rows of a unit, then its layer, whose input they are.
    pub(in super::super) fn unit_forward(self, unit: AttentionUnit, drafts: &mut Vec<Draft<'a>>) {
        let (inputs, layer) = (unit.inputs, self.layer_of(unit));
        let [(query, queries), (key, keys)] = inputs.map(|view| self.activation(view));
        let (rows, to) = self.activation(layer.input);
        let shape = unit_shape(query, key, rows, (rows, Flow::Write));
        let buffers = vec![(3, queries), (4, keys), (5, to)];
        drafts.push(dispatch("forward", Grid::elements(query), shape, buffers));
        drafts.push(self.linear_forward(layer));
    }

    /// The layer backward, then the rows: the gradients of query and key. `flow` is that of both, and that of the
    /// parameters'.
    pub(in super::super) fn unit_backward(
        self,
        (unit, fused): (AttentionUnit, bool),
        (flow, params): (&[Flow], Flow),
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let (inputs, layer) = (unit.inputs, self.layer_of(unit));
        self.linear_backward(layer, fused, [Flow::Write, params], drafts);
        let [(query, queries), (key, keys)] = inputs.map(|view| self.activation(view));
        let [(to_query, of_query), (to_key, of_key)] = inputs.map(|view| self.gradient(view));
        let (rows, of_rows) = self.gradient(layer.input);
        let shape = unit_shape(query, key, rows, (to_query, flow[0]));
        let buffers = vec![(4, keys), (5, of_query), (6, of_rows)];
        drafts.push(dispatch("query_gradient", Grid::elements(to_query), shape, buffers));
        let shape = unit_shape(query, key, rows, (to_key, flow[1]));
        let buffers = vec![(3, queries), (5, of_key), (6, of_rows)];
        drafts.push(dispatch("key_gradient", Grid::elements(query), shape, buffers));
    }

    fn layer_of(self, unit: AttentionUnit) -> Linear {
        Linear {
            weight: unit.weight,
            bias: Some(unit.bias),
            input: self.columns.unit(unit.weight),
            output: unit.output,
            activation: unit.activation,
        }
    }
}

fn unit_shape(query: ViewShape, key: ViewShape, rows: ViewShape, (output, flow): (ViewShape, Flow)) -> UnitShape {
    UnitShape {
        query,
        key,
        rows,
        output,
        add: (flow == Flow::Add).into(),
        pad: [0; 3],
    }
}

fn dispatch<'a>(entry: &'static str, grid: Grid, shape: UnitShape, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Draft<'a> {
    Draft::new(Shader::AttentionUnit, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * shape.query.width))
        .cost_a_row(
            shape.rows,
            8 * u64::from(shape.key.width),
            16 * u64::from(5 * shape.key.width),
        )
}
