use bytemuck::{Pod, Zeroable};

use crate::{
    gpu::{
        ops::Drafter,
        program::{
            draft::{Draft, Reads},
            grid::Grid,
            shapes::ViewShape,
        },
        shaders::Shader,
    },
    plan::View,
};

/// `Numeric` in `shaders/numeric.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct NumericShape {
    output: ViewShape,
    first: u32,
    width: u32,
    features: u32,
    pad: u32,
}

impl<'a> Drafter<'a> {
    /// Numeric features from number `first` on.
    pub(crate) fn numeric(self, first: usize, output: View, drafts: &mut Vec<Draft<'a>>) {
        for ((shape, to), piece) in self.activation_pieces(output) {
            let numeric = NumericShape {
                output: shape,
                first: (first + piece.start - output.start) as u32,
                width: piece.width as u32,
                features: self.plan.numerics() as u32,
                pad: 0,
            };
            let (grid, reads) = (Grid::elements(shape), Reads::CallAndBatch);
            let draft = Draft::new(Shader::Numeric, "forward", grid, reads, &numeric, vec![(4, to)])
                .of(format!("{}", piece.width))
                .cost(0, 32 * u64::from(shape.width));
            drafts.push(draft);
        }
    }
}
