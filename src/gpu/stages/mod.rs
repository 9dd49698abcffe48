//! The dispatches of each stage, forward and backward, and of the updates: which shader, which buffers, which shapes.

mod backward;
mod forward;
mod shapes;
mod updates;

pub(super) use shapes::LinearShape;
use shapes::ProductShape;

use super::{
    activations::Buffers,
    layout::{Columns, Relus},
    pipelines::{Shader, Tile},
    program::{Draft, Grid, Reads, ViewShape},
    support::{Shaded, shaded},
    tensors::Tensors,
};
use crate::plan::{Flow, Optimizer, Plan, Stage, View};

/// What drafts are made of.
#[derive(Clone, Copy)]
pub(super) struct Drafter<'a> {
    pub plan: &'a Plan,
    pub columns: &'a Columns,
    pub tensors: &'a Tensors,
    pub buffers: &'a Buffers,
    pub layers: &'a wgpu::Buffer,
    pub losses: &'a wgpu::Buffer,
}

/// Which optimiser runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Updates {
    Sgd,
    LazyAdam,
    Adam,
}

impl Updates {
    pub fn of(optimizer: &Optimizer) -> Self {
        match optimizer {
            Optimizer::Sgd { .. } => Updates::Sgd,
            Optimizer::LazyAdam(_) => Updates::LazyAdam,
            Optimizer::Adam(_) => Updates::Adam,
        }
    }
}

/// Columns of a buffer, bound.
type Operand<'a> = (ViewShape, &'a wgpu::Buffer);

impl<'a> Drafter<'a> {
    /// The stages up to the logit.
    pub fn forward(self) -> Vec<Draft<'a>> {
        let mut drafts = Vec::new();
        for stage in shaded(self.plan) {
            match stage {
                Shaded::Gather { table, column, output } => self.gather(table, column, output, &mut drafts),
                Shaded::Linear(layer) => drafts.push(self.linear_forward(layer)),
                Shaded::Product { inputs, output } => drafts.push(self.product_forward(inputs, output)),
                Shaded::Sum { inputs, bias, output } => self.sum_forward(inputs, bias, output, &mut drafts),
                Shaded::SigmoidCrossEntropy { .. } => {}
            }
        }
        drafts
    }

    /// The loss, and all stages backward.
    pub fn backward(self) -> Vec<Draft<'a>> {
        let mut drafts = Vec::new();
        let relus = Relus::new(self.plan, self.columns);
        for backward in self.plan.backward() {
            let flow = &backward.flow;
            let Ok(stage) = Shaded::of(&self.plan.stages()[backward.stage]) else {
                continue; // `check_supported` has refused it
            };
            match stage {
                Shaded::SigmoidCrossEntropy { logit } => drafts.push(self.cross_entropy(logit)),
                Shaded::Sum { inputs, bias, output } => self.sum_backward(inputs, bias, output, flow, &mut drafts),
                Shaded::Product { inputs, output } => {
                    for k in [0, 1] {
                        drafts.push(self.product_backward(inputs[k], inputs[1 - k], output, flow[k]));
                    }
                }
                Shaded::Linear(layer) => {
                    self.linear_backward(layer, relus.fused[backward.stage], flow[0], &mut drafts);
                }
                Shaded::Gather { .. } => {} // the updates read the gradient where it lies
            }
        }
        drafts
    }

    fn activation(self, view: View) -> Operand<'a> {
        (self.view(view, false), &self.buffers.activations[view.buffer])
    }

    /// Gradients of gathered buffers are kept for the whole batch.
    fn gradient(self, view: View) -> Operand<'a> {
        let gathers = |stage: &Stage| matches!(stage, Stage::Gather { output, .. } if output.buffer == view.buffer);
        let whole = self.plan.stages().iter().any(gathers);
        (self.view(view, whole), &self.buffers.gradients[view.buffer])
    }

    fn view(self, view: View, batch: bool) -> ViewShape {
        let range = self.columns.range(view);
        ViewShape {
            first: range.first,
            stride: self.columns.stride(view.buffer),
            width: range.width,
            batch: batch.into(),
        }
    }
}

/// A matrix product of `linear`, with a form for few samples.
fn matmul<'a>(entry: &'static str, shape: LinearShape, buffers: Vec<(u32, &'a wgpu::Buffer)>) -> Draft<'a> {
    let (inner, width) = (shape.inner, shape.c.width);
    let form = |few: bool| {
        let tile = Tile::linear(width, few);
        let grid = Grid::Tiles {
            rows: tile.rows(),
            columns: width.div_ceil(tile.wx),
        };
        (tile, grid)
    };
    let (tile, grid) = form(false);
    let (few, few_grid) = form(true);
    // The mask is read where there is one; a gradient that is added to is read too.
    let read = inner + shape.mask_end - shape.mask_first + shape.add * width;
    let draft = Draft::new(Shader::Linear, entry, grid, Reads::Call, &shape, buffers)
        .of(format!("{} to {}", 4 * inner, 4 * width))
        .cost(32 * u64::from(inner) * u64::from(width), 16 * u64::from(read + width))
        .tile(tile);
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
    flow: Flow,
) -> Draft<'a> {
    let add = (flow == Flow::Add).into();
    let shape = ProductShape {
        left,
        right,
        output,
        add,
        pad: [0; 3],
    };
    let grid = Grid::Samples(output.width);
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
