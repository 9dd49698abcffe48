//! Distances of rows: `shaders/distance.wgsl`.

use crate::{gpu::ops::prelude::*, ops::Distance};

const SHADER: Shader = shader!("distance", "distance");

uniform! {
    struct DistanceShape as Distance {
        own: ViewShape,
        other: ViewShape,
        score: ViewShape,
        output: ViewShape,
        add: u32,
        pad: [u32; 3],
    }
}

impl Shaders for Distance {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[DistanceShape::LAYOUT];
}

impl GpuOp for Distance {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![self.inputs.to_vec()]
    }

    fn forward<'a>(&self, ctx: Context<'a>, _: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [(own, left), (other, right)] = self.inputs.map(|view| ctx.activation(view));
        let (output, to) = ctx.activation(self.output);
        let shape = DistanceShape {
            own,
            other,
            output,
            ..DistanceShape::default()
        };
        let grid = Grid::Rows {
            space: output.space(),
            threads: 1,
        };
        let width = 4 * u64::from(own.width);
        let draft = Draft::new(
            SHADER,
            "forward",
            grid,
            Reads::Call,
            &shape,
            vec![(3, left), (4, right), (6, to)],
        );
        drafts.push(draft.of(format!("{width}")).cost(width, 8 * width + 16));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (score, of_output) = ctx.gradient(self.output);
        for k in [0, 1] {
            let [(own, left), (other, right)] = [k, 1 - k].map(|at| ctx.activation(self.inputs[at]));
            let (output, to) = ctx.gradient(self.inputs[k]);
            let shape = DistanceShape {
                own,
                other,
                score,
                output,
                add: is_added(pass.accumulate[k]),
                pad: [0; 3],
            };
            let floats = 4 * u64::from(output.width);
            let buffers = vec![(3, left), (4, right), (5, of_output), (6, to)];
            let grid = Grid::elements(output);
            let draft = Draft::new(SHADER, "backward", grid, Reads::Call, &shape, buffers).of(format!("{floats}"));
            drafts.push(draft.cost(floats, 4 * floats * u64::from(3 + shape.add) + 16));
        }
        Ok(())
    }
}
