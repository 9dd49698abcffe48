//! Causal self-attention, head by head: `shaders/causal_attention.wgsl`.

use crate::{
    gpu::{memory::layout::needs::Scratch, ops::prelude::*},
    ops::CausalAttention,
    plan::Accumulate,
};

const SHADER: Shader = shader!("causal_attention", "causal_attention");
/// Threads of a workgroup, each of which is for a step.
const THREADS: u32 = 256;

uniform! {
    struct CausalAttentionShape as CausalAttention {
        query: ViewShape,
        key: ViewShape,
        value: ViewShape,
        output: ViewShape,
        stats: ViewShape,
        delta: ViewShape,
        scale: f32,
        add: u32,
        pad: [u32; 2],
    }
}

impl Shaders for CausalAttention {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[CausalAttentionShape::LAYOUT];
}

impl GpuOp for CausalAttention {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    /// Heads begin at whole vec4s in all four.
    fn alike(&self) -> Vec<Vec<View>> {
        let [query, key, value] = self.inputs;
        let of_head = |head| {
            [query, key, value, self.output]
                .map(|view| of_head(self, view, head))
                .to_vec()
        };
        (0..self.heads).map(of_head).collect()
    }

    /// Two numbers a step and head, at the beginning of the head's columns.
    fn scratch(&self) -> Vec<Scratch> {
        vec![Scratch {
            part: self.output,
            parts: 1,
            rows: self.output,
        }]
    }

    fn forward<'a>(&self, ctx: Context<'a>, pass: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        for head in 0..self.heads {
            let output = ctx.activation(of_head(self, self.output, head));
            drafts.push(attend(self, ctx, (pass.stage, head), "forward", output, None)?);
        }
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let entries = ["query_gradient", "key_gradient", "value_gradient"];
        for ((entry, &input), &accumulate) in entries.into_iter().zip(&self.inputs).zip(pass.accumulate) {
            for head in 0..self.heads {
                let to = ctx.gradient(of_head(self, input, head));
                drafts.push(attend(self, ctx, (pass.stage, head), entry, to, Some(accumulate))?);
            }
        }
        Ok(())
    }
}

/// The columns of a head among a view's.
fn of_head(op: &CausalAttention, view: View, head: usize) -> View {
    let width = view.width / op.heads;
    view.columns(head * width, width)
}

/// A head's dispatch, which writes `output`; of gradients with how they are delivered.
fn attend<'a>(
    op: &CausalAttention,
    ctx: Context<'a>,
    (stage, head): (usize, usize),
    entry: &'static str,
    (output, to): Operand<'a>,
    gradient: Option<Accumulate>,
) -> Result<Draft<'a>> {
    let [(query, q), (key, k), (value, v)] = op.inputs.map(|view| ctx.activation(of_head(op, view, head)));
    let (stats, s) = ctx.activation(of_head(op, ctx.scratch(stage, 0)?, head));
    let (delta, of) = ctx.gradient(of_head(op, op.output, head));
    let width = (op.output.width / op.heads) as u64;
    let shape = CausalAttentionShape {
        query,
        key,
        value,
        output,
        stats,
        delta,
        scale: 1.0 / (width as f32).sqrt(),
        add: gradient.map_or(0, is_added),
        pad: [0; 2],
    };
    // The forward pass reads no gradient, but shares what adds rows up: a buffer has to be bound there.
    let of = gradient.map_or(v, |_| of);
    let buffers = vec![(3, q), (4, k), (5, v), (6, to), (7, s), (8, of)];
    let grid = Grid::Rows {
        space: query.space(),
        threads: THREADS,
    };
    // As if each step read itself alone: how long histories are is not known.
    let draft = Draft::new(SHADER, entry, grid, Reads::CallAndBatch, &shape, buffers);
    Ok(draft
        .of(format!("{width}"))
        .cost(8 * width, 64 * u64::from(query.width)))
}
