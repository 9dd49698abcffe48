//! Each step's state beside the next item: `shaders/pair_with_next.wgsl`.

use crate::{gpu::ops::prelude::*, ops::PairWithNext};

const SHADER: Shader = shader!("pair_with_next", "pair_with_next");

uniform! {
    struct PairWithNextShape as PairWithNext {
        states: ViewShape,
        items: ViewShape,
        output: ViewShape,
        shift: u32,
        add: u32,
        pad: [u32; 2],
    }
}

impl Shaders for PairWithNext {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[PairWithNextShape::LAYOUT];
}

impl GpuOp for PairWithNext {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    /// Each input, and its part of the output.
    fn alike(&self) -> Vec<Vec<View>> {
        parts(self).map(|(input, part)| vec![input, part]).to_vec()
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [(states, from), (items, beside)] = self.inputs.map(|view| ctx.activation(view));
        let (output, to) = ctx.activation(self.output);
        let shape = PairWithNextShape {
            states,
            items,
            output,
            ..PairWithNextShape::default()
        };
        drafts.push(pair("forward", shape, vec![(3, from), (4, beside), (5, to)]));
        Ok(())
    }

    /// The gradient of the states, then that of the items.
    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        for (k, (input, part)) in parts(self).into_iter().enumerate() {
            let (states, from) = ctx.gradient(part);
            let (output, to) = ctx.gradient(input);
            let shape = PairWithNextShape {
                states,
                output,
                shift: k as u32,
                add: is_added(pass.accumulate[k]),
                ..PairWithNextShape::default()
            };
            drafts.push(pair("backward", shape, vec![(3, from), (5, to)]));
        }
        Ok(())
    }
}

/// The states and the items, each with its part of the output.
fn parts(op: &PairWithNext) -> [(View, View); 2] {
    let [states, items] = op.inputs;
    [
        (states, op.output.columns(0, states.width)),
        (items, op.output.columns(states.width, items.width)),
    ]
}

fn pair<'a>(entry: &'static str, shape: PairWithNextShape, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Draft<'a> {
    let (grid, reads) = (Grid::elements(shape.output), Reads::CallAndBatch);
    let width = shape.output.width;
    Draft::new(SHADER, entry, grid, reads, &shape, buffers)
        .of(format!("{}", 4 * width))
        .cost(0, 16 * u64::from((2 + shape.add) * width))
}
