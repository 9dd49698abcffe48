//! Softmax cross-entropy over the samples of a block: `shaders/softmax_cross_entropy.wgsl`, and what it shares with
//! [`sampled_softmax`](super::sampled_softmax).

use crate::{
    gpu::{
        memory::layout::needs::Scratch,
        ops::{context::NONE, prelude::*},
    },
    ops::{Similarity, SoftmaxCrossEntropy},
    plan::Accumulate,
};

const SHADER: Shader = shader!("softmax_cross_entropy", "softmax_tiles", "softmax_cross_entropy");

/// Rows of a tile of scores, and vec4s of its columns.
const TILE: u32 = 16;

uniform! {
    pub(super) struct SoftmaxShape as SoftmaxTiles {
        pub queries: ViewShape,
        pub candidates: ViewShape,
        pub own: ViewShape,
        pub other: ViewShape,
        pub third: ViewShape,
        pub rows: ViewShape,
        pub to: ViewShape,
        pub block: u32,
        pub column: u32,
        pub listed: u32,
        pub side: u32,
        pub add: u32,
        pub cosine: u32,
        pub temperature: f32,
        pub log_sum: f32,
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
        let of_rows = |part| Scratch {
            part,
            parts: 1,
            rows: query,
        };
        [query, candidate, self.scored].map(of_rows).to_vec()
    }

    fn block(&self) -> Option<usize> {
        Some(self.block)
    }

    /// A loss is taken where its gradient is.
    fn forward<'a>(&self, _: Context<'a>, _: Forward, _: &mut Vec<Draft<'a>>) -> Result<()> {
        Ok(())
    }

    fn backward<'a>(&self, ctx: Context<'a>, pass: Backward<'a>, drafts: &mut Vec<Draft<'a>>) -> Result<()> {
        let [query, candidate] = self.vectors;
        let (queries, candidates) = (ctx.scratch(pass.stage, 0)?, ctx.scratch(pass.stage, 1)?);
        let shape = SoftmaxShape {
            block: u32::try_from(self.block).unwrap_or(u32::MAX),
            column: self.column.map_or(NONE, |column| column as u32),
            ..settings(self.similarity, self.temperature, self.log_sum)
        };
        let tiles = Tiles {
            ctx,
            shader: SHADER,
            shape,
            rows: ctx.activation(ctx.scratch(pass.stage, 2)?),
            pairs: self.block,
        };
        tiles.directions([query, candidate], [queries, candidates], drafts);
        tiles.sums([queries, candidates], drafts);
        tiles.gradients(0, [queries, candidates], drafts);
        tiles.gradients(1, [candidates, queries], drafts);
        tiles.deliver(
            0,
            query,
            [queries, candidates],
            pass.accumulate[0] == Accumulate::Add,
            drafts,
        );
        tiles.deliver(
            1,
            candidate,
            [candidates, queries],
            pass.accumulate[1] == Accumulate::Add,
            drafts,
        );
        Ok(())
    }
}

/// The fields that settings fill.
pub(super) fn settings(similarity: Similarity, temperature: f32, log_sum: f32) -> SoftmaxShape {
    SoftmaxShape {
        block: 1,
        column: NONE,
        listed: NONE,
        cosine: (similarity == Similarity::Cosine).into(),
        temperature,
        log_sum,
        ..SoftmaxShape::default()
    }
}

/// The dispatches that both losses over lists have. Vectors as they are compared are buffers of the stage's own, and the
/// gradients of these lie in the buffers of such gradients.
pub(super) struct Tiles<'a> {
    pub ctx: Context<'a>,
    pub shader: Shader,
    pub shape: SoftmaxShape,
    /// Four numbers of each query.
    pub rows: Operand<'a>,
    /// Candidates of a query at most, where that is known: what a row costs.
    pub pairs: usize,
}

impl<'a> Tiles<'a> {
    /// A dispatch with some fields of its own.
    pub fn draft(
        &self,
        entry: &'static str,
        grid: Grid,
        shape: SoftmaxShape,
        buffers: Vec<(u32, &'a wgpu::Buffer)>,
    ) -> Draft<'a> {
        let shape = SoftmaxShape {
            rows: self.rows.0,
            ..shape
        };
        Draft::new(self.shader, entry, grid, Reads::CallAndBatch, &shape, buffers)
    }

    /// A thread a query.
    fn each_query(&self) -> Grid {
        Grid::Rows {
            space: self.rows.0.space(),
            threads: 1,
        }
    }

    /// Multiply-adds of a row's scores, for reports.
    fn flops(&self, width: ViewShape) -> u64 {
        8 * u64::from(width.width) * self.pairs.min(1 << 20) as u64
    }

    pub fn directions(&self, vectors: [View; 2], compared: [View; 2], drafts: &mut Vec<Draft<'a>>) {
        let [(queries, from), (candidates, from_too)] = vectors.map(|view| self.ctx.activation(view));
        let [(own, to), (other, to_too)] = compared.map(|view| self.ctx.activation(view));
        let shape = SoftmaxShape {
            queries,
            candidates,
            own,
            other,
            ..self.shape
        };
        let buffers = vec![(3, from), (4, from_too), (5, to), (6, to_too), (7, self.rows.1)];
        drafts.push(Draft {
            reads: Reads::Call,
            ..self.draft("directions", self.each_query(), shape, buffers)
        });
    }

    /// The sums of exponentials, and the loss that is made of them.
    pub fn sums(&self, compared: [View; 2], drafts: &mut Vec<Draft<'a>>) {
        let [(own, queries), (other, candidates)] = compared.map(|view| self.ctx.activation(view));
        let shape = SoftmaxShape {
            own,
            other,
            ..self.shape
        };
        let grid = Grid::Tiles {
            space: self.rows.0.space(),
            rows: TILE,
            columns: 1,
        };
        let buffers = vec![(3, queries), (4, candidates), (7, self.rows.1)];
        drafts.push(self.draft("sums", grid, shape, buffers).cost(self.flops(own), 0));
        let buffers = vec![(7, self.rows.1), (8, self.ctx.losses)];
        drafts.push(self.draft("sum_losses", Grid::SAMPLES, self.shape, buffers));
    }

    /// The gradient of the first side, as it is compared, from the scores of both.
    pub fn gradients(&self, side: u32, compared: [View; 2], drafts: &mut Vec<Draft<'a>>) {
        let [(own, first), (other, second)] = compared.map(|view| self.ctx.activation(view));
        let (to, d) = self.ctx.gradient(compared[0]);
        let shape = SoftmaxShape {
            own,
            other,
            to,
            side,
            ..self.shape
        };
        let grid = Grid::Tiles {
            space: own.space(),
            rows: TILE,
            columns: own.width.div_ceil(TILE),
        };
        let buffers = vec![(3, first), (4, second), (5, d), (7, self.rows.1)];
        drafts.push(
            self.draft("gradients", grid, shape, buffers)
                .cost(2 * self.flops(own), 0),
        );
    }

    /// The gradient of the vectors of the first side, with what the own scores of both add.
    pub fn deliver(&self, side: u32, to: View, compared: [View; 2], adds: bool, drafts: &mut Vec<Draft<'a>>) {
        let [(own, first), (third, other_side)] = compared.map(|view| self.ctx.activation(view));
        let ((other, d), (to, gradient)) = (self.ctx.gradient(compared[0]), self.ctx.gradient(to));
        let shape = SoftmaxShape {
            own,
            other,
            third,
            to,
            side,
            add: adds.into(),
            ..self.shape
        };
        let buffers = vec![(3, first), (4, d), (5, gradient), (7, self.rows.1), (9, other_side)];
        drafts.push(self.draft("deliver", self.each_query(), shape, buffers));
    }
}
