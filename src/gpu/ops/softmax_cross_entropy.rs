//! Softmax cross-entropy over the samples of a block: `shaders/softmax_cross_entropy.wgsl`.

use crate::{
    gpu::{
        memory::layout::needs::Scratch,
        ops::{context::NONE, prelude::*},
    },
    ops::{Similarity, SoftmaxCrossEntropy},
};

const SHADER: Shader = shader!("softmax_cross_entropy", "softmax_cross_entropy");

/// Rows of a tile of scores, and vec4s of its columns.
const TILE: u32 = 16;

uniform! {
    struct SoftmaxShape as SoftmaxCrossEntropy {
        queries: ViewShape,
        candidates: ViewShape,
        own: ViewShape,
        other: ViewShape,
        rows: ViewShape,
        to: ViewShape,
        block: u32,
        column: u32,
        side: u32,
        add: u32,
        cosine: u32,
        pad0: u32,
        temperature: f32,
        log_sum: f32,
    }
}

impl Shaders for SoftmaxCrossEntropy {
    const SHADERS: &'static [Shader] = &[SHADER];
    const UNIFORMS: &'static [UniformLayout] = &[SoftmaxShape::LAYOUT];
}

impl GpuOp for SoftmaxCrossEntropy {
    fn stored(&self) -> Vec<(usize, Stored)> {
        Vec::new()
    }

    fn alike(&self) -> Vec<Vec<View>> {
        vec![self.vectors.to_vec()]
    }

    /// Queries and candidates as they are compared, and four numbers of each sample.
    fn scratch(&self) -> Vec<Scratch> {
        let [query, candidate] = self.vectors;
        [query, candidate, self.scored]
            .map(|part| Scratch {
                part,
                parts: 1,
                rows: query,
            })
            .to_vec()
    }

    fn block(&self) -> Option<usize> {
        Some(self.block)
    }

    /// A loss is taken where its gradient is.
    fn forward<'a>(&self, _: Context<'a>, _: Forward, _: &mut Vec<Draft<'a>>) -> Result<()> {
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [(queries, from), (candidates, from_too)] = self.vectors.map(|view| ctx.activation(view));
        let directions = [ctx.scratch(pass.stage, 0)?, ctx.scratch(pass.stage, 1)?];
        let compared = directions.map(|view| ctx.activation(view));
        // Their gradients, in the buffers that scratch has for that.
        let of_compared = directions.map(|view| ctx.gradient(view));
        let (rows, numbers) = ctx.activation(ctx.scratch(pass.stage, 2)?);
        let shape = SoftmaxShape {
            queries,
            candidates,
            own: compared[0].0,
            other: compared[1].0,
            rows,
            block: u32::try_from(self.block).unwrap_or(u32::MAX),
            column: self.column.map_or(NONE, |column| column as u32),
            cosine: (self.similarity == Similarity::Cosine).into(),
            temperature: self.temperature,
            log_sum: self.log_sum,
            ..SoftmaxShape::default()
        };
        let draft = |entry, grid, reads, shape: &SoftmaxShape, buffers| {
            Draft::new(SHADER, entry, grid, reads, shape, buffers).of(format!("{}", self.vectors[0].width))
        };
        let [(own, queries_to), (_, candidates_to)] = compared;
        let buffers = vec![
            (3, from),
            (4, from_too),
            (5, queries_to),
            (6, candidates_to),
            (7, numbers),
        ];
        drafts.push(draft("directions", Grid::SAMPLES, Reads::Call, &shape, buffers));
        // Scores of a sample, at most, over the whole block; a row is cheaper where batches are smaller.
        let flops = 2 * self.vectors[0].width as u64 * self.block.min(1 << 20) as u64;
        let buffers = vec![(3, queries_to), (4, candidates_to), (7, numbers)];
        let (groups, both) = (Grid::SampleGroups(TILE), Reads::CallAndBatch);
        drafts.push(draft("sums", groups, both, &shape, buffers).cost(flops, 0));
        let buffers = vec![(7, numbers), (8, ctx.losses)];
        drafts.push(draft("sum_losses", Grid::SAMPLES, both, &shape, buffers));
        let columns = own.width.div_ceil(TILE);
        for side in 0..2 {
            let (other, (to, d)) = (1 - side, of_compared[side]);
            let shape = SoftmaxShape {
                own: compared[side].0,
                other: compared[other].0,
                to,
                side: side as u32,
                ..shape
            };
            let buffers = vec![(3, compared[side].1), (4, compared[other].1), (5, d), (7, numbers)];
            let grid = Grid::Tiles {
                space: rows.space(),
                rows: TILE,
                columns,
            };
            drafts.push(draft("gradients", grid, both, &shape, buffers).cost(2 * flops, 0));
        }
        for side in 0..2 {
            let ((of, d), (to, gradient)) = (of_compared[side], ctx.gradient(self.vectors[side]));
            let shape = SoftmaxShape {
                own: compared[side].0,
                other: of,
                to,
                side: side as u32,
                add: is_added(pass.accumulate[side]),
                ..shape
            };
            let buffers = vec![(3, compared[side].1), (4, d), (5, gradient), (7, numbers)];
            drafts.push(draft("deliver", Grid::SAMPLES, Reads::Call, &shape, buffers));
        }
        Ok(())
    }
}
