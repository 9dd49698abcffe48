//! The dispatches of each stage, forward and backward, and of the updates: which shader, which buffers, which shapes.

mod backward;
mod clicks;
mod forward;
mod shapes;
mod updates;

pub(super) use clicks::{Affine, BatchNorm, Gru, auxiliary_losses, norm_widths};
pub(super) use shapes::LinearShape;
use shapes::ProductShape;

use super::{
    activations::Buffers,
    cooperative::Side,
    layout::{Columns, Relus},
    pipelines::{Shader, Tile},
    program::{Draft, Grid, Reads, ViewShape},
    support::Shaded,
    tensors::Tensors,
};
use crate::plan::{Accumulate, Activation, Backward, L2, Optimizer, Plan, Stage, View};

/// What stands for a parameter that is not there, as in `shaders/prelude.wgsl`.
const NONE: u32 = u32::MAX;

/// What stages run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Train,
    Score,
}

/// Whether the same dispatches go forward in training and in scoring.
pub(super) fn is_scored_alike(plan: &Plan) -> bool {
    let trained = plan.stages().iter().enumerate();
    let mut alone = trained.filter(|(index, stage)| match stage {
        Stage::BatchNorm(_) | Stage::Auxiliary(_) => true,
        stage => stage.output().is_some() && !plan.is_scored(*index),
    });
    alone.next().is_none()
}

/// What drafts are made of.
#[derive(Clone, Copy)]
pub(super) struct Drafter<'a> {
    pub plan: &'a Plan,
    pub columns: &'a Columns,
    pub tensors: &'a Tensors,
    pub buffers: &'a Buffers,
    pub layers: &'a wgpu::Buffer,
    pub losses: &'a wgpu::Buffer,
    /// Matrices of mixed precision.
    pub mixed: Option<Side>,
}

/// What an optimiser's dispatches are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Updates {
    /// Adam; else gradient descent.
    pub adam: bool,
    /// Whether rows outside the batch move too.
    pub every_row: bool,
}

impl Updates {
    pub fn of(optimizer: &Optimizer, l2: L2) -> Self {
        Updates {
            adam: optimizer.has_moments(),
            every_row: optimizer.moves_every_row(l2),
        }
    }
}

/// Columns of a buffer, bound.
type Operand<'a> = (ViewShape, &'a wgpu::Buffer);
/// Columns without a pad between them, and which they are.
type Piece<'a> = (Operand<'a>, View);

impl<'a> Drafter<'a> {
    /// The stages up to the logit.
    pub fn forward(self, purpose: Purpose) -> Vec<Draft<'a>> {
        let mut drafts = Vec::new();
        for (index, stage) in self.plan.stages().iter().enumerate() {
            if purpose == Purpose::Score && !self.plan.is_scored(index) {
                continue;
            }
            match Shaded::of(stage) {
                Shaded::Gather { table, column, output } => self.gather(table, column, output, &mut drafts),
                Shaded::Numeric { first, output } => self.numeric(first, output, &mut drafts),
                Shaded::Linear(layer) => drafts.push(self.linear_forward(layer)),
                Shaded::Product { inputs, output } => drafts.push(self.product_forward(inputs, output)),
                Shaded::Sum { inputs, bias, output } => self.sum_forward(inputs, bias, output, &mut drafts),
                Shaded::Pool { input, output, mean } => drafts.push(self.pool_forward(input, output, mean)),
                Shaded::Dropout { input, output, rate } => {
                    let operands = (self.activation_pieces(input), self.activation_pieces(output));
                    self.dropout(index, operands, (output, rate), Accumulate::Overwrite, &mut drafts);
                }
                Shaded::Fm { input, factors, output } => drafts.push(self.fm_forward(input, factors, output)),
                Shaded::Prelu { alpha, input, output } => drafts.push(self.prelu_forward(alpha, input, output)),
                Shaded::BatchNorm(norm) => self.batch_norm_forward((index, norm), purpose, &mut drafts),
                Shaded::Affine(affine) => drafts.push(self.affine_forward(affine)),
                Shaded::Dice { alpha, inputs, output } => drafts.push(self.dice_forward(alpha, inputs, output)),
                Shaded::AttentionUnit(unit) => self.unit_forward(unit, &mut drafts),
                Shaded::Softmax { input, output } => drafts.push(self.softmax_forward(input, output)),
                Shaded::Attention { inputs, output } => drafts.push(self.attention_forward(inputs, output)),
                Shaded::Gru(gru) => self.gru_forward(gru, &mut drafts),
                Shaded::LastStep { input, output } => drafts.push(self.last_step_forward(input, output)),
                Shaded::PairWithNext { inputs, output } => drafts.push(self.pair_with_next_forward(inputs, output)),
                Shaded::Auxiliary { .. } | Shaded::SigmoidCrossEntropy { .. } => {}
            }
        }
        drafts
    }

    /// The losses, and all stages backward.
    pub fn backward(self) -> Vec<Draft<'a>> {
        let mut drafts = Vec::new();
        let relus = Relus::new(self.plan, self.columns);
        for backward in self.plan.backward() {
            let Backward {
                stage: index,
                accumulate,
                params,
            } = backward;
            match Shaded::of(&self.plan.stages()[*index]) {
                Shaded::SigmoidCrossEntropy { logit } => drafts.push(self.cross_entropy(logit)),
                Shaded::Sum { inputs, bias, output } => {
                    self.sum_backward(inputs, bias, output, accumulate, &mut drafts)
                }
                Shaded::Product { inputs, output } => {
                    for k in [0, 1] {
                        drafts.push(self.product_backward(inputs[k], inputs[1 - k], output, accumulate[k]));
                    }
                }
                Shaded::Linear(layer) => {
                    self.linear_backward(layer, relus.fused[*index], [accumulate[0], *params], &mut drafts);
                }
                Shaded::Pool { input, output, mean } => {
                    drafts.push(self.pool_backward(input, output, mean, accumulate[0]))
                }
                Shaded::Dropout { input, output, rate } => {
                    let operands = (self.gradient_pieces(output), self.gradient_pieces(input));
                    self.dropout(*index, operands, (output, rate), accumulate[0], &mut drafts);
                }
                Shaded::Fm { input, factors, output } => {
                    drafts.push(self.fm_backward(input, factors, output, accumulate[0]));
                }
                Shaded::Prelu { alpha, input, output } => {
                    self.prelu_backward(alpha, input, output, [accumulate[0], *params], &mut drafts);
                }
                Shaded::BatchNorm(norm) => self.batch_norm_backward((*index, norm), accumulate[0], &mut drafts),
                Shaded::Affine(affine) => self.affine_backward(affine, [accumulate[0], *params], &mut drafts),
                Shaded::Dice { alpha, inputs, output } => {
                    self.dice_backward(
                        alpha,
                        inputs,
                        output,
                        ([accumulate[0], accumulate[1]], *params),
                        &mut drafts,
                    );
                }
                Shaded::AttentionUnit(unit) => {
                    self.unit_backward((unit, relus.fused[*index]), (accumulate, *params), &mut drafts);
                }
                Shaded::Softmax { input, output } => drafts.push(self.softmax_backward(input, output, accumulate[0])),
                Shaded::Attention { inputs, output } => {
                    drafts.extend(self.attention_backward(inputs, output, accumulate))
                }
                Shaded::Gru(gru) => self.gru_backward(gru, accumulate, *params, &mut drafts),
                Shaded::LastStep { input, output } => {
                    drafts.push(self.last_step_backward(input, output, accumulate[0]))
                }
                Shaded::PairWithNext { inputs, output } => {
                    drafts.extend(self.pair_with_next_backward(inputs, output, accumulate))
                }
                Shaded::Auxiliary { logits, weight } => {
                    drafts.extend(self.auxiliary(*index, logits, weight, accumulate))
                }
                Shaded::Gather { column, output, .. } => self.gather_backward(column, output, &mut drafts),
                Shaded::Numeric { .. } => {} // nothing to learn
            }
        }
        drafts
    }

    fn activation(self, view: View) -> Operand<'a> {
        (self.view(view, false), &self.buffers.activations[view.buffer])
    }

    /// Gradients of gathered buffers are kept for the whole batch.
    fn gradient(self, view: View) -> Operand<'a> {
        let whole = self.columns.is_gathered(view.buffer);
        (self.view(view, whole), &self.buffers.gradients[view.buffer])
    }

    /// An activation in pieces that have no pad but at their end, each with its place among the view's columns.
    fn activation_pieces(self, view: View) -> Vec<Piece<'a>> {
        let pieces = self.columns.split(view);
        pieces.map(|piece| (self.activation(piece), piece)).collect()
    }

    /// The same of a gradient.
    fn gradient_pieces(self, view: View) -> Vec<Piece<'a>> {
        let pieces = self.columns.split(view);
        pieces.map(|piece| (self.gradient(piece), piece)).collect()
    }

    fn view(self, view: View, batch: bool) -> ViewShape {
        let range = self.columns.range(view);
        ViewShape {
            first: range.first,
            stride: self.columns.stride(view.buffer),
            width: range.width,
            space: 2 * self.columns.space(view.buffer) as u32 + u32::from(batch),
        }
    }
}

/// The number of an activation in `shaders/linear.wgsl`.
fn number_of(activation: Activation) -> u32 {
    match activation {
        Activation::Identity => 0,
        Activation::Relu => 1,
        Activation::Sigmoid => 2,
    }
}

/// The matrices of mixed precision for a product, where both its widths (in vec4s) fill one.
fn mixed_for(mixed: Option<Side>, widths: [u32; 2]) -> Option<Side> {
    mixed.filter(|side| widths.into_iter().all(|width| 4 * width >= side.width()))
}

/// A matrix product of `linear`, in mixed precision or with a form for few samples.
pub(super) fn matmul<'a>(
    mixed: Option<Side>,
    entry: &'static str,
    shape: LinearShape,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
) -> Draft<'a> {
    let (inner, width) = (shape.inner, shape.c.width);
    let described = |draft: Draft<'a>| {
        // The mask is read where there is one; a gradient that is added to is read too.
        let read = inner + shape.mask_end - shape.mask_first + shape.add * width;
        draft
            .of(format!("{} to {}", 4 * inner, 4 * width))
            .cost(32 * u64::from(inner) * u64::from(width), 16 * u64::from(read + width))
    };
    if let Some(side) = mixed_for(mixed, [inner, width]) {
        let [rows, columns] = side.tile();
        let grid = Grid::Tiles {
            space: shape.c.space(),
            rows,
            columns: width.div_ceil(columns),
        };
        let shader = Shader::LinearMixed(side);
        return described(Draft::new(shader, entry, grid, Reads::Call, &shape, buffers));
    }
    let form = |few: bool| {
        let tile = Tile::linear(width, few);
        let grid = Grid::Tiles {
            space: shape.c.space(),
            rows: tile.rows(),
            columns: width.div_ceil(tile.wx),
        };
        (tile, grid)
    };
    let (tile, grid) = form(false);
    let (few, few_grid) = form(true);
    let draft = described(Draft::new(Shader::Linear, entry, grid, Reads::Call, &shape, buffers)).tile(tile);
    match few == tile {
        true => draft,
        false => draft.few(few, few_grid),
    }
}

fn product<'a>(
    entry: &'static str,
    (left, l): Operand<'a>,
    (right, r): Operand<'a>,
    (output, o): Operand<'a>,
    accumulate: Accumulate,
) -> Draft<'a> {
    let add = (accumulate == Accumulate::Add).into();
    let shape = ProductShape {
        left,
        right,
        output,
        add,
        pad: [0; 3],
    };
    let grid = Grid::elements(output);
    let floats = 4 * u64::from(output.width);
    Draft::new(
        Shader::Product,
        entry,
        grid,
        Reads::Call,
        &shape,
        vec![(3, l), (4, r), (5, o)],
    )
    .of(format!("{floats}"))
    .cost(floats, 4 * floats * u64::from(3 + add))
}
