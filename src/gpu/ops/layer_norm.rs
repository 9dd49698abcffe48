//! Layer normalisation: `shaders/layer_norm.wgsl`.

use crate::{
    Error,
    gpu::{
        memory::layout::{Columns, needs::Scratch},
        ops::prelude::*,
    },
    ops::LayerNorm,
    plan::{Accumulate, Plan},
};

const SHADER: Shader = shader!("layer_norm", "column_sums", "layer_norm");

/// Pieces of a row that the shader knows at most.
const PIECES: usize = 8;

uniform! {
    struct LayerNormShape as LayerNorm {
        input: ViewShape,
        output: ViewShape,
        normal: ViewShape,
        delta: ViewShape,
        pieces: [[u32; 4]; PIECES],
        weight: u32,
        bias: u32,
        columns: u32,
        total: u32,
        add: u32,
        epsilon: f32,
        pad: [u32; 2],
    }
}

impl Shaders for LayerNorm {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[LayerNormShape::LAYOUT];
}

impl GpuOp for LayerNorm {
    fn stored(&self) -> Vec<(usize, Stored)> {
        [self.weight, self.bias]
            .map(|param| (param, Stored::Vector(self.output)))
            .to_vec()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![vec![self.input, self.output]]
    }

    /// The rows before scale and shift, which the gradients of both read.
    fn scratch(&self) -> Vec<Scratch> {
        vec![Scratch {
            part: self.output,
            parts: 1,
            rows: self.output,
        }]
    }

    fn check(&self, plan: &Plan, columns: &Columns) -> Result<()> {
        let pieces = columns.runs(self.input).len();
        if pieces <= PIECES {
            return Ok(());
        }
        Err(Error::Device(format!(
            "layer_norm: the row that {} is for lies in {pieces} pieces, since other stages read parts of it: shaders hold \
             {PIECES} at most, so normalise fewer parts at once or take the CPU (--device cpu, Device::cpu())",
            plan.params()[self.weight].name,
        )))
    }

    fn forward<'a>(&self, ctx: Context<'a>, pass: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((_, from), (output, to)) = (ctx.activation(self.input), ctx.activation(self.output));
        let (normal, n) = ctx.activation(ctx.scratch(pass.stage, 0)?);
        let shape = LayerNormShape {
            output,
            normal,
            ..shape(self, ctx, Accumulate::Overwrite)?
        };
        let buffers = vec![(3, from), (4, ctx.dense()), (5, to), (6, n)];
        drafts.push(a_row(self, "forward", shape, buffers));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let ((_, from), (delta, of)) = (ctx.activation(self.input), ctx.gradient(self.output));
        let ((output, to), (normal, n)) = (ctx.gradient(self.input), ctx.activation(ctx.scratch(pass.stage, 0)?));
        let to_input = LayerNormShape {
            output,
            delta,
            ..shape(self, ctx, pass.accumulate[0])?
        };
        let buffers = vec![(3, from), (4, ctx.dense()), (5, to), (7, of)];
        drafts.push(a_row(self, "input_gradient", to_input, buffers));
        let to_params = LayerNormShape {
            normal,
            delta,
            ..shape(self, ctx, pass.params)?
        };
        let (grid, buffers) = (
            Grid::column_sums(normal),
            vec![(5, &ctx.buffers.slots), (6, n), (7, of)],
        );
        let draft = Draft::new(SHADER, "parameter_gradient", grid, Reads::Call, &to_params, buffers)
            .of(format!("{}", self.output.width))
            .cost(3 * self.output.width as u64, 32 * u64::from(normal.width));
        drafts.push(draft);
        Ok(())
    }
}

/// A dispatch with a thread a row.
fn a_row<'a>(
    op: &LayerNorm,
    entry: &'static str,
    shape: LayerNormShape,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let (width, vectors) = (op.output.width as u64, u64::from(shape.input.width));
    let grid = Grid::Rows {
        space: shape.input.space(),
        threads: 1,
    };
    Draft::new(SHADER, entry, grid, Reads::Call, &shape, buffers)
        .of(format!("{width}"))
        .cost(8 * width, 48 * vectors)
}

/// What is the same in all dispatches.
fn shape(op: &LayerNorm, ctx: Context<'_>, accumulate: Accumulate) -> Result<LayerNormShape> {
    let mut pieces = [[0; 4]; PIECES];
    for (piece, run) in pieces.iter_mut().zip(ctx.columns.runs(op.input)) {
        let floats = (run.to + run.len) as u32;
        *piece = [floats.div_ceil(4), (floats - 1) % 4 + 1, 0, 0];
    }
    Ok(LayerNormShape {
        input: ctx.activation(op.input).0,
        pieces,
        weight: ctx.at(op.weight)?,
        bias: ctx.at(op.bias)?,
        columns: op.input.width as u32,
        total: ctx.trained(),
        add: is_added(accumulate),
        epsilon: op.epsilon,
        ..LayerNormShape::default()
    })
}
