//! Sampled softmax: `shaders/sampled_softmax.wgsl`.

use super::softmax_cross_entropy::{SoftmaxShape, Tiles, settings};
use crate::{
    gpu::{memory::layout::needs::Scratch, ops::prelude::*},
    ops::SampledSoftmax,
    plan::Accumulate,
};

const SHADER: Shader = shader!("sampled_softmax", "softmax_tiles", "sampled_softmax");

impl Shaders for SampledSoftmax {
    const SHADERS: &'static [Shader] = &[SHADER];
    /// That of the softmax over blocks.
    const UNIFORMS: &'static [UniformLayout] = &[];
}

impl GpuOp for SampledSoftmax {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![self.vectors.to_vec()]
    }

    /// Queries, own candidates and the list as they are compared, and four numbers of each query and of each of the list.
    fn scratch(&self) -> Vec<Scratch> {
        let [query, own, list] = self.vectors;
        let of = |(part, rows)| Scratch { part, parts: 1, rows };
        let all = [
            (query, query),
            (own, query),
            (list, list),
            (self.scored, query),
            (self.scored, list),
        ];
        all.map(of).to_vec()
    }

    /// The whole batch has one list.
    fn block(&self) -> Option<usize> {
        Some(usize::MAX)
    }

    /// A loss is taken where its gradient is.
    fn forward<'a>(&self, _: Context<'a>, _: Forward, _: &mut Vec<Draft<'a>>) -> Result<()> {
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [query, own, list] = self.vectors;
        let scratch = |place| ctx.scratch(pass.stage, place);
        let (queries, owns, listed) = (scratch(0)?, scratch(1)?, scratch(2)?);
        let (inverses, of_inverses) = ctx.activation(scratch(4)?);
        let mut shape = settings(self.similarity, self.temperature, self.log_sum);
        if let Some(columns) = self.columns {
            [shape.column, shape.listed] = columns.map(|column| column as u32);
        }
        let tiles = Tiles {
            ctx,
            shader: SHADER,
            shape,
            rows: ctx.activation(scratch(3)?),
            pairs: 1, // as many as the batch has
        };
        let ((from_list, from), (compared, to)) = (ctx.activation(list), ctx.activation(listed));
        let each = Grid::Rows {
            space: compared.space(),
            threads: 1,
        };
        let of_list = SoftmaxShape {
            candidates: from_list,
            own: compared,
            third: inverses,
            ..shape
        };
        tiles.directions([query, own], [queries, owns], drafts);
        let buffers = vec![(3, from), (5, to), (6, of_inverses)];
        drafts.push(Draft {
            reads: Reads::Call,
            ..tiles.draft("list_directions", each, of_list, buffers)
        });
        tiles.sums([queries, listed], drafts);
        tiles.gradients(0, [queries, listed], drafts);
        tiles.gradients(1, [listed, queries], drafts);
        let adds = |input: usize| pass.accumulate[input] == Accumulate::Add;
        tiles.deliver(0, query, [queries, owns], adds(0), drafts);
        // The own candidates are in no list: nothing but their own scores.
        tiles.deliver(2, own, [owns, queries], adds(1), drafts);
        let ((other, d), (gradient, of_gradient)) = (ctx.gradient(listed), ctx.gradient(list));
        let of_list = SoftmaxShape {
            other,
            to: gradient,
            add: adds(2).into(),
            ..of_list
        };
        let buffers = vec![(3, to), (4, d), (5, of_gradient), (9, of_inverses)];
        drafts.push(Draft {
            reads: Reads::Call,
            ..tiles.draft("deliver_list", each, of_list, buffers)
        });
        Ok(())
    }
}
