use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter,
};
use crate::plan::{Flow, View};

/// `Next` in `shaders/next.wgsl`.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct NextShape {
    states: ViewShape,
    items: ViewShape,
    output: ViewShape,
    shift: u32,
    add: u32,
    pad: [u32; 2],
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn next_forward(self, inputs: [View; 2], output: View) -> Draft<'a> {
        let [(states, from), (items, beside)] = inputs.map(|view| self.activation(view));
        let (output, to) = self.activation(output);
        let shape = NextShape {
            states,
            items,
            output,
            ..NextShape::default()
        };
        next("forward", shape, vec![(3, from), (4, beside), (5, to)])
    }

    /// The gradients of the states and of the items.
    pub(in super::super) fn next_backward(self, inputs: [View; 2], output: View, flow: &[Flow]) -> [Draft<'a>; 2] {
        let starts = [0, inputs[0].width];
        [0, 1].map(|k| {
            let (states, from) = self.gradient(output.columns(starts[k], inputs[k].width));
            let (output, to) = self.gradient(inputs[k]);
            let shape = NextShape {
                states,
                output,
                shift: k as u32,
                add: (flow[k] == Flow::Add).into(),
                ..NextShape::default()
            };
            next("backward", shape, vec![(3, from), (5, to)])
        })
    }
}

fn next<'a>(entry: &'static str, shape: NextShape, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Draft<'a> {
    let (grid, reads) = (Grid::elements(shape.output), Reads::CallAndBatch);
    let width = shape.output.width;
    Draft::new(Shader::Next, entry, grid, reads, &shape, buffers)
        .of(format!("{}", 4 * width))
        .cost(0, 16 * u64::from((2 + shape.add) * width))
}
