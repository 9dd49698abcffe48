use bytemuck::{Pod, Zeroable};

use super::super::{
    super::{
        inputs::random,
        pipelines::Shader,
        program::{Draft, Grid, Reads, ViewShape},
    },
    Drafter, Piece,
};
use crate::{
    ops::dropout,
    plan::{Accumulate, View},
};

/// `Dropout` in `shaders/dropout.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct DropoutShape {
    input: ViewShape,
    output: ViewShape,
    width: u32,
    start: u32,
    key: u32,
    threshold: u32,
    scale: f32,
    add: u32,
    pad: [u32; 2],
}

impl<'a> Drafter<'a> {
    /// The mask of stage `index`, whose output is `of`, from one operand to another: activations or gradients.
    pub(in super::super) fn dropout(
        self,
        index: usize,
        (from, to): (Vec<Piece<'a>>, Vec<Piece<'a>>),
        (of, rate): (View, f32),
        accumulate: Accumulate,
        drafts: &mut Vec<Draft<'a>>,
    ) {
        let threshold = dropout::threshold(rate);
        let key = random(self.plan).take_while(|&stage| stage != index as u32).count();
        let mut start = 0;
        for (((input, from), piece), ((output, to), _)) in from.into_iter().zip(to) {
            let shape = DropoutShape {
                input,
                output,
                width: of.width as u32,
                start,
                key: key as u32,
                threshold: threshold.into(),
                scale: dropout::scale(threshold) as f32,
                add: (accumulate == Accumulate::Add).into(),
                pad: [0; 2],
            };
            start += piece.width as u32;
            let (grid, reads) = (Grid::elements(output), Reads::CallAndBatch);
            let draft = Draft::new(Shader::Dropout, "apply", grid, reads, &shape, vec![(3, from), (4, to)])
                .of(format!("{}", piece.width))
                .cost(0, 16 * u64::from(output.width * (2 + shape.add)));
            drafts.push(draft);
        }
    }
}
