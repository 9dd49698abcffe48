use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter,
};
use crate::plan::{Accumulate, View};

/// `Dice` in `shaders/dice.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct DiceShape {
    input: ViewShape,
    normal: ViewShape,
    output: ViewShape,
    delta: ViewShape,
    to_normal: ViewShape,
    alpha: u32,
    total: u32,
    add: u32,
    add_normal: u32,
}

impl<'a> Drafter<'a> {
    pub(in super::super) fn dice_forward(self, alpha: usize, inputs: [View; 2], output: View) -> Draft<'a> {
        let [(x, from), (normal, normals)] = inputs.map(|view| self.activation(view));
        let (y, to) = self.activation(output);
        let shape = DiceShape {
            output: y,
            ..self.dice_shape(alpha, (x, normal))
        };
        let dense = &self.tensors.dense.slots.value;
        let buffers = vec![(3, from), (4, normals), (5, dense), (6, to)];
        Draft::new(Shader::Dice, "forward", Grid::elements(y), Reads::Call, &shape, buffers)
            .of(format!("{}", output.width))
            .cost(8 * output.width as u64, 48 * u64::from(y.width))
    }

    /// `accumulate` is that of the gradients of `inputs`, and that of the slopes'.
    pub(in super::super) fn dice_backward(
        self,
        alpha: usize,
        inputs: [View; 2],
        output: View,
        accumulate: ([Accumulate; 2], Accumulate),
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let [(x, from), (normal, normals)] = inputs.map(|view| self.activation(view));
        let [(dx, to), (to_normal, to_normals)] = inputs.map(|view| self.gradient(view));
        let (delta, of) = self.gradient(output);
        let shape = DiceShape {
            delta,
            ..self.dice_shape(alpha, (x, normal))
        };
        let is_added = |accumulate: Accumulate| u32::from(accumulate == Accumulate::Add);
        let (dense, width) = (&self.tensors.dense.slots.value, x.width);
        let both = DiceShape {
            output: dx,
            to_normal,
            add: is_added(accumulate.0[0]),
            add_normal: is_added(accumulate.0[1]),
            ..shape
        };
        let buffers = vec![(3, from), (4, normals), (5, dense), (6, to), (7, of), (8, to_normals)];
        let grid = Grid::elements(dx);
        let draft = Draft::new(Shader::Dice, "input_gradient", grid, Reads::Call, &both, buffers)
            .of(format!("{}", output.width))
            .cost(
                14 * output.width as u64,
                16 * u64::from(width * (5 + both.add + both.add_normal)),
            );
        drafts.push(draft);
        let slopes = DiceShape {
            add: is_added(accumulate.1),
            ..shape
        };
        let buffers = vec![(3, from), (4, normals), (6, &self.buffers.slots), (7, of)];
        let grid = Grid::column_sums(x);
        let draft = Draft::new(Shader::Dice, "alpha_gradient", grid, Reads::Call, &slopes, buffers)
            .of(format!("{}", output.width))
            .cost(8 * output.width as u64, 48 * u64::from(width));
        drafts.push(draft);
    }

    fn dice_shape(self, alpha: usize, (input, normal): (ViewShape, ViewShape)) -> DiceShape {
        DiceShape {
            input,
            normal,
            output: ViewShape::default(),
            delta: ViewShape::default(),
            to_normal: ViewShape::default(),
            alpha: self.tensors.at(alpha),
            total: self.tensors.dense.placement.trained,
            add: 0,
            add_normal: 0,
        }
    }
}
