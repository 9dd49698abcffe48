//! How a tile runs batch normalisation.

use super::{Statistics, backward, forward};
use crate::{
    cpu::{
        rows::RowsMut,
        simd::Simd,
        tile::{Memory, Normalised, Operands, StageGradients, TileOp},
    },
    ops,
};

impl TileOp for ops::BatchNorm {
    type Workspace = ();

    fn forward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, output: RowsMut<'_>) {
        forward(s, on.rows, on.activation(self.input), statistics(self, on), output);
    }

    fn backward<S: Simd>(&self, s: S, on: &Operands<'_>, _: Memory<'_, ()>, d: &mut StageGradients<'_, '_>) {
        let means = on.of_batch().map_or(&[][..], |of_batch| &of_batch.gradient_means);
        let (y, dy, dx) = (on.activation(self.output), d.output.rows(), d.inputs.of(self.input));
        backward(s, on.rows, y, statistics(self, on), means, dy, dx, d.accumulate[0]);
    }

    fn normalised(&self) -> Option<Normalised> {
        Some(Normalised {
            mean: self.mean,
            variance: self.variance,
            input: self.input,
            output: self.output,
            momentum: self.momentum,
        })
    }
}

/// The batch's statistics where there are any, else the running ones.
fn statistics<'a>(op: &ops::BatchNorm, on: &Operands<'a>) -> Statistics<'a> {
    let [mean, variance] = match on.of_batch() {
        Some(of_batch) => [&of_batch.mean[..], &of_batch.variance[..]],
        None => [on.network.value(op.mean), on.network.value(op.variance)],
    };
    Statistics {
        mean,
        variance,
        epsilon: op.epsilon,
    }
}
