use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter,
};
use crate::plan::{Accumulate, View};

/// `PairWithNext` in `shaders/pair_with_next.wgsl`.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct PairWithNextShape {
    states: ViewShape,
    items: ViewShape,
    output: ViewShape,
    shift: u32,
    add: u32,
    pad: [u32; 2],
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn pair_with_next_forward(self, inputs: [View; 2], output: View) -> Draft<'a> {
        let [(states, from), (items, beside)] = inputs.map(|view| self.activation(view));
        let (output, to) = self.activation(output);
        let shape = PairWithNextShape {
            states,
            items,
            output,
            ..PairWithNextShape::default()
        };
        next("forward", shape, vec![(3, from), (4, beside), (5, to)])
    }

    /// The gradients of the states and of the items.
    pub(in super::super) fn pair_with_next_backward(
        self,
        inputs: [View; 2],
        output: View,
        accumulate: &[Accumulate],
    ) -> [Draft<'a>; 2] {
        let starts = [0, inputs[0].width];
        [0, 1].map(|k| {
            let (states, from) = self.gradient(output.columns(starts[k], inputs[k].width));
            let (output, to) = self.gradient(inputs[k]);
            let shape = PairWithNextShape {
                states,
                output,
                shift: k as u32,
                add: (accumulate[k] == Accumulate::Add).into(),
                ..PairWithNextShape::default()
            };
            next("backward", shape, vec![(3, from), (5, to)])
        })
    }
}

fn next<'a>(entry: &'static str, shape: PairWithNextShape, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Draft<'a> {
    let (grid, reads) = (Grid::elements(shape.output), Reads::CallAndBatch);
    let width = shape.output.width;
    Draft::new(Shader::PairWithNext, entry, grid, reads, &shape, buffers)
        .of(format!("{}", 4 * width))
        .cost(0, 16 * u64::from((2 + shape.add) * width))
}
