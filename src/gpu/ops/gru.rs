//! A recurrent layer: a linear layer of its inputs, and the recurrence on what that gives: `shaders/gru.wgsl`, and
//! `shaders/gru_scores.wgsl` for the forms that scores steer.

use crate::{
    Error,
    gpu::{
        memory::layout::{Columns, needs::Scratch},
        ops::prelude::*,
        shaders::tile::Tile,
    },
    ops::{Gru, Linear, gru::Kind},
    plan::{Accumulate, Activation, Plan},
};

/// Recurrence of a recurrent layer.
const GRU: Shader = shader!("gru", "sigmoid", "tanh", "gru");
/// What scores do to a recurrent layer's input, and their gradients.
const GRU_SCORES: Shader = shader!("gru", "gru_scores");

uniform! {
    struct GruShape as Gru {
        gates: ViewShape,
        deltas: ViewShape,
        states: ViewShape,
        d_states: ViewShape,
        scores: ViewShape,
        samples: ViewShape,
        kind: u32,
        matrix: u32,
        bias: u32,
        pad: u32,
    }
}

uniform! {
    struct GruScoresShape as GruScores {
        rows: ViewShape,
        other: ViewShape,
        output: ViewShape,
        dot: u32,
        add: u32,
        pad: [u32; 2],
    }
}

/// The places of what a stage asks for.
const GATES: usize = 0;
const SCALED: usize = 1;

impl Shaders for Gru {
    const SHADERS: &'static [Shader] = &[GRU, GRU_SCORES];
    const UNIFORMS: &'static [UniformLayout] = &[GruShape::LAYOUT, GruScoresShape::LAYOUT];
}

impl GpuOp for Gru {
    fn stored(&self) -> Vec<(usize, Stored)> {
        let (input, output) = (self.inputs[0], self.output);
        let [weight, hidden_weight, bias, hidden_bias] = self.params;
        vec![
            (weight, Stored::Gates { input, output }),
            (hidden_weight, Stored::Gates { input: output, output }),
            (bias, Stored::GateVector(output)),
            (hidden_bias, Stored::GateVector(output)),
        ]
    }

    fn alike(&self) -> Vec<Vec<View>> {
        Vec::new()
    }

    /// The gates, and the scaled input of AIGRU.
    fn scratch(&self) -> Vec<Scratch> {
        let gates = Scratch {
            part: self.output,
            parts: 4,
            rows: self.output,
        };
        let scaled = Scratch {
            part: self.inputs[0],
            parts: 1,
            rows: self.inputs[0],
        };
        match self.kind {
            Kind::Aigru => vec![gates, scaled],
            Kind::Gru | Kind::Agru | Kind::Augru => vec![gates],
        }
    }

    /// A sample's state and its gradients are kept in workgroup memory.
    fn check(&self, plan: &Plan, columns: &Columns) -> Result<()> {
        let padded = columns.range(self.output).width;
        if Tile::gru(padded).is_some() {
            return Ok(());
        }
        let most: u32 = Tile::GRU.iter().map(|tile| tile.wx * tile.depth).max().unwrap_or(0);
        Err(Error::Device(format!(
            "gru: {} of a recurrent layer {} wide, whose states take {} columns of a graphics device: shaders hold {most} \
             at most, so make it narrower or take the CPU (--device cpu, Device::cpu())",
            plan.params()[self.params[0]].name,
            self.output.width,
            4 * padded
        )))
    }

    fn forward<'a>(&self, ctx: Context<'a>, pass: Forward, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let layer = input_layer(self, ctx, pass.stage)?;
        if self.kind == Kind::Aigru {
            let [input, scores, scaled] =
                [self.inputs[0], self.inputs[1], layer.input].map(|view| ctx.activation(view));
            drafts.push(scale(input, scores, scaled, Accumulate::Overwrite));
        }
        layer.forward(ctx, pass, drafts)?;
        let buffers = vec![
            (3, ctx.activation(ctx.scratch(pass.stage, GATES)?).1),
            (4, scores(self, ctx).1),
            (5, ctx.transposed()),
            (6, ctx.dense()),
            (7, ctx.activation(self.output).1),
        ];
        drafts.extend(recurrence(self, ctx, (pass.stage, "forward"), buffers)?);
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let (layer, rows) = (input_layer(self, ctx, pass.stage)?, ctx.scratch(pass.stage, GATES)?);
        let buffers = vec![
            (3, ctx.activation(ctx.scratch(pass.stage, GATES)?).1),
            (4, scores(self, ctx).1),
            (5, ctx.dense()),
            (6, ctx.activation(self.output).1),
            (7, ctx.gradient(rows).1),
            (8, ctx.gradient(self.output).1),
        ];
        drafts.extend(recurrence(self, ctx, (pass.stage, "backward"), buffers)?);
        // The first three parts, and the last.
        let (of_gates, last) = (layer.output, rows.columns(layer.output.width, self.output.width));
        if matches!(self.kind, Kind::Agru | Kind::Augru) {
            let (terms, to) = (ctx.activation(last), ctx.gradient(self.inputs[1]));
            drafts.push(scores_gradient(terms, None, to, pass.accumulate[1]));
        }
        let (weight, bias) = (self.params[1], Some(self.params[3]));
        let operands = (ctx.activation(of_gates), ctx.gradient(last));
        drafts.push(ctx.weight_gradient((weight, bias), pass.params, operands.0, operands.1)?);
        let of_layer = |accumulate| Backward {
            accumulate,
            fused: false,
            ..pass
        };
        if self.kind == Kind::Aigru {
            layer.backward(ctx, of_layer(&[Accumulate::Overwrite]), drafts)?;
            let (input, of_scaled) = (ctx.activation(self.inputs[0]), ctx.gradient(layer.input));
            let to = ctx.gradient(self.inputs[1]);
            drafts.push(scores_gradient(input, Some(of_scaled), to, pass.accumulate[1]));
            let (scores, to) = (ctx.activation(self.inputs[1]), ctx.gradient(self.inputs[0]));
            drafts.push(scale(of_scaled, scores, to, pass.accumulate[0]));
        } else {
            layer.backward(ctx, of_layer(pass.accumulate), drafts)?;
        }
        Ok(())
    }
}

/// The layer that makes the input's part of the sums, of AIGRU from the scaled input.
fn input_layer(op: &Gru, ctx: Context<'_>, stage: usize) -> Result<Linear> {
    let [weight, _, bias, _] = op.params;
    Ok(Linear {
        weight,
        bias: Some(bias),
        input: match op.kind {
            Kind::Aigru => ctx.scratch(stage, SCALED)?,
            Kind::Gru | Kind::Agru | Kind::Augru => op.inputs[0],
        },
        output: ctx.scratch(stage, GATES)?.columns(0, 3 * op.output.width),
        activation: Activation::Identity,
    })
}

/// Where there are none, what is bound instead and not read.
fn scores<'a>(op: &Gru, ctx: Context<'a>) -> Operand<'a> {
    match op.inputs.get(1) {
        Some(&scores) => ctx.activation(scores),
        None => (ViewShape::default(), ctx.dense()),
    }
}

/// Nothing of states that are too wide, which [`GpuOp::check`] has refused.
fn recurrence<'a>(
    op: &Gru,
    ctx: Context<'a>,
    (stage, entry): (usize, &'static str),
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Result<Option<Draft<'a>>> {
    let (states, gates) = (ctx.activation(op.output).0, ctx.scratch(stage, GATES)?);
    let [_, hidden_weight, _, hidden_bias] = op.params;
    let shape = GruShape {
        gates: ctx.activation(gates).0,
        deltas: ctx.gradient(gates).0,
        states,
        d_states: ctx.gradient(op.output).0,
        scores: scores(op, ctx).0,
        samples: ViewShape::default(),
        kind: match op.kind {
            Kind::Gru | Kind::Aigru => 0,
            Kind::Agru => 1,
            Kind::Augru => 2,
        },
        matrix: ctx.at(hidden_weight)?,
        bias: ctx.at(hidden_bias)?,
        pad: 0,
    };
    let width = u64::from(states.width);
    // A step reads and writes its rows; the weight is read from cache.
    let rows = if entry == "forward" { 3 + 4 + 1 } else { 4 + 2 + 4 + 4 };
    let draft = |tile: Tile| {
        let (grid, reads) = (Grid::SampleGroups(tile.wy), Reads::CallAndBatch);
        Draft::new(GRU, entry, grid, reads, &shape, buffers)
            .of(format!("{:?} {}", op.kind, 4 * width))
            .cost_a_row(states, 96 * width * width, 16 * rows * width)
            .tile(tile)
    };
    Ok(Tile::gru(states.width).map(draft))
}

/// Each row times its score.
fn scale<'a>(
    (rows, from): Operand<'a>,
    (other, scores): Operand<'a>,
    (output, to): Operand<'a>,
    accumulate: Accumulate,
) -> Draft<'a> {
    let add = is_added(accumulate);
    let shape = GruScoresShape {
        rows,
        other,
        output,
        dot: 0,
        add,
        pad: [0; 2],
    };
    let buffers = vec![(3, from), (4, scores), (5, to)];
    Draft::new(GRU_SCORES, "scale", Grid::elements(rows), Reads::Call, &shape, buffers)
        .of(format!("{}", 4 * rows.width))
        .cost(4 * u64::from(rows.width), 16 * u64::from(1 + (2 + add) * rows.width))
}

/// The sum of each row, times factors if there are any.
fn scores_gradient<'a>(
    (rows, from): Operand<'a>,
    factors: Option<Operand<'a>>,
    (output, to): Operand<'a>,
    accumulate: Accumulate,
) -> Draft<'a> {
    let dot = factors.is_some();
    let (other, beside) = factors.unwrap_or((rows, from)); // bound in any case
    let shape = GruScoresShape {
        rows,
        other,
        output,
        dot: dot.into(),
        add: is_added(accumulate),
        pad: [0; 2],
    };
    let grid = Grid::Rows {
        space: rows.space(),
        threads: 1,
    };
    let (shader, entry) = (GRU_SCORES, "scores_gradient");
    let width = u64::from(rows.width);
    Draft::new(
        shader,
        entry,
        grid,
        Reads::Call,
        &shape,
        vec![(3, from), (4, beside), (5, to)],
    )
    .of(format!("{}", 4 * width))
    .cost(4 * width, 16 * (1 + width * if dot { 2 } else { 1 }))
}
