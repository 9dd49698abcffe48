//! The first layer of DIN's attention, around its matrix products (`linear.rs`): `shaders/attention_unit.wgsl`, and
//! `shaders/attention_unit_weights.wgsl` for its weight.

use crate::{
    gpu::{
        memory::layout::needs::Scratch,
        ops::{context::NONE, linear::number_of, pool::sum_steps, prelude::*},
    },
    ops::AttentionUnit,
    plan::{Accumulate, Activation},
};

/// Operands of DIN's attention unit.
const ATTENTION_UNIT: Shader = shader!("attention_unit", "sigmoid", "tanh", "attention_unit");
/// Their weight, folded.
const ATTENTION_UNIT_WEIGHTS: Shader = shader!("attention_unit", "attention_unit_weights");

uniform! {
    struct UnitShape as AttentionUnit {
        samples: ViewShape,
        steps: ViewShape,
        rows: ViewShape,
        key: ViewShape,
        add: u32,
        activation: u32,
        ones: u32,
        pad: u32,
    }
}

uniform! {
    struct WeightsShape as UnitWeights {
        weight: u32,
        folded: u32,
        outputs: u32,
        width: u32,
        total: u32,
        pad: [u32; 3],
    }
}

impl Shaders for AttentionUnit {
    const SHADERS: &'static [Shader] = &[ATTENTION_UNIT, ATTENTION_UNIT_WEIGHTS];
    const UNIFORMS: &'static [UniformLayout] = &[UnitShape::LAYOUT, WeightsShape::LAYOUT];
}

/// Where the folded weights begin: `[B - C, E]`, `A + C`, and both transposed.
#[derive(Clone, Copy)]
struct Folded {
    steps: u32,
    query: u32,
    steps_transposed: u32,
    query_transposed: u32,
}

impl GpuOp for AttentionUnit {
    fn stored(&self) -> Vec<(usize, Stored)> {
        let (key, output) = (self.inputs[1], self.output);
        let weight = (self.weight, Stored::UnitWeight { key, output });
        vec![weight, (self.bias, Stored::Vector(output))]
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![self.inputs.to_vec()]
    }

    /// The rows `[k, q * k]`, and what the query comes to.
    fn scratch(&self) -> Vec<Scratch> {
        let [query, key] = self.inputs;
        let rows = Scratch {
            part: key,
            parts: 2,
            rows: key,
        };
        let of_query = Scratch {
            part: self.output,
            parts: 1,
            rows: query,
        };
        vec![rows, of_query]
    }

    fn folded(&self) -> Option<usize> {
        Some(self.weight)
    }

    fn activation(&self) -> Option<(View, Activation)> {
        Some((self.output, self.activation))
    }

    fn forward<'a>(&self, ctx: Context<'a>, pass: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [query, key] = self.inputs.map(|view| ctx.activation(view));
        let [rows, part] = views(ctx, pass.stage)?.map(|view| ctx.activation(view));
        let output = ctx.activation(self.output);
        let (weights, folded) = (weights_shape(self, ctx)?, folded(self, ctx)?);
        let grid = Grid::Threads(u64::from(weights.outputs) * u64::from(weights.width));
        let buffers = vec![(3, ctx.dense()), (4, ctx.transposed())];
        let (shader, reads) = (ATTENTION_UNIT_WEIGHTS, Reads::Nothing);
        drafts.push(Draft::new(shader, "fold", grid, reads, &weights, buffers).cost(12, 160));
        let shape = UnitShape {
            samples: query.0,
            steps: key.0,
            rows: rows.0,
            ..UnitShape::default()
        };
        drafts.push(dispatch("rows", shape, vec![(3, query.1), (4, key.1), (5, rows.1)]));
        let plain = (Activation::Identity, 0);
        let bias = ctx.at(self.bias)?;
        drafts.push(ctx.mapped((query, part), [folded.query_transposed, bias], plain));
        drafts.push(ctx.mapped((rows, output), [folded.steps_transposed, NONE], plain));
        let shape = UnitShape {
            samples: part.0,
            steps: output.0,
            activation: number_of(self.activation),
            ones: ctx.ones(self.output, self.activation)?,
            ..UnitShape::default()
        };
        let buffers = vec![(3, part.1), (5, output.1), (7, ctx.dense())];
        drafts.push(dispatch("activate", shape, buffers));
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let delta = ctx.gradient(self.output);
        if self.activation != Activation::Identity && !pass.fused {
            drafts.push(ctx.activation_gradient(self.output, self.activation));
        }
        let [rows, part] = views(ctx, pass.stage)?;
        drafts.push(sum_steps(delta, ctx.gradient(part)));
        weight_gradient(self, ctx, [rows, part], pass.params, drafts)?;
        let (folded, weights) = (folded(self, ctx)?, ctx.transposed());
        let of_query = (ctx.gradient(part), self.inputs[0]);
        drafts.push(ctx.mapped_back(of_query, (folded.query, weights), None, pass.accumulate[0]));
        drafts.push(ctx.mapped_back((delta, rows), (folded.steps, weights), None, Accumulate::Overwrite));
        let [query, key] = self.inputs.map(|view| ctx.activation(view));
        let [of_query, of_key] = self.inputs.map(|view| ctx.gradient(view));
        let of_rows = ctx.gradient(rows);
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
            add: is_added(pass.accumulate[1]),
            ..UnitShape::default()
        };
        let buffers = vec![(3, query.1), (5, of_key.1), (6, of_rows.1)];
        drafts.push(dispatch("key_gradient", shape, buffers));
        Ok(())
    }
}

/// Samples give the gradient of A and of the bias, steps those of B and E; C's is the difference.
fn weight_gradient<'a>(
    op: &AttentionUnit,
    ctx: Context<'a>,
    [rows, part]: [View; 2],
    params: Accumulate,
    drafts: &mut Vec<Draft<'a>>,
) -> Result<()> {
    let shape = weights_shape(op, ctx)?;
    let stride = 4 * shape.width;
    let of_samples = (ctx.gradient(part), ctx.activation(op.inputs[0]));
    let places = [shape.weight, ctx.at(op.bias)?];
    drafts.push(ctx.gradient_into(places, stride, params, of_samples));
    let of_steps = (ctx.gradient(op.output), ctx.activation(rows));
    let places = [shape.weight + 2 * shape.width, NONE];
    drafts.push(ctx.gradient_into(places, stride, params, of_steps));
    let grid = Grid::Slots {
        space: 0,
        x: (shape.outputs * shape.width).div_ceil(256),
        y: 1,
    };
    let (shader, buffers) = (ATTENTION_UNIT_WEIGHTS, vec![(5, &ctx.buffers.slots)]);
    drafts.push(Draft::new(shader, "difference", grid, Reads::Nothing, &shape, buffers));
    Ok(())
}

/// The rows `[k, q * k]`, and what the query comes to.
fn views(ctx: Context<'_>, stage: usize) -> Result<[View; 2]> {
    Ok([ctx.scratch(stage, 0)?, ctx.scratch(stage, 1)?])
}

fn weights_shape(op: &AttentionUnit, ctx: Context<'_>) -> Result<WeightsShape> {
    Ok(WeightsShape {
        weight: ctx.at(op.weight)?,
        folded: ctx.folded(op.weight)?,
        outputs: 4 * ctx.columns.range(op.output).width,
        width: ctx.columns.range(op.inputs[1]).width,
        total: ctx.trained(),
        pad: [0; 3],
    })
}

fn folded(op: &AttentionUnit, ctx: Context<'_>) -> Result<Folded> {
    let steps = ctx.folded(op.weight)?;
    let part = 4 * ctx.columns.range(op.output).width * ctx.columns.range(op.inputs[1]).width;
    Ok(Folded {
        steps,
        query: steps + 2 * part,
        steps_transposed: steps + 3 * part,
        query_transposed: steps + 5 * part,
    })
}

/// A thread a sample and vec4 of its row.
fn dispatch<'a>(entry: &'static str, shape: UnitShape, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Draft<'a> {
    let (grid, width) = (Grid::elements(shape.samples), shape.samples.width);
    let along = match entry {
        "query_gradient" => shape.key,
        _ => shape.steps,
    };
    Draft::new(ATTENTION_UNIT, entry, grid, Reads::CallAndBatch, &shape, buffers)
        .of(format!("{}", 4 * width))
        .cost_a_row(along, 8 * u64::from(width), 48 * u64::from(width))
}
