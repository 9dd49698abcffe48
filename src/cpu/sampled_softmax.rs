//! Softmax of each row's own candidate among those of a list; the specification is
//! [`ops::sampled_softmax`](crate::ops::sampled_softmax). It is computed as one block of
//! [`softmax_cross_entropy`](super::softmax_cross_entropy) whose candidates are the list, with the own exponents beside it: tile by
//! tile where the list is [known](super::softmax_cross_entropy::KnownList) before, else of the whole batch.

use super::{
    rows::RowsMut,
    simd::Simd,
    softmax_cross_entropy::{AgainstList, OverLists, against_list, fetch},
    tile::{Memory, Operands, StageGradients, TileOp},
};
use crate::ops;

impl TileOp for ops::SampledSoftmax {
    type Workspace = AgainstList;

    fn forward<S: Simd>(&self, _: S, _: &Operands<'_>, _: Memory<'_, AgainstList>, _: RowsMut<'_>) {
        // A loss writes nothing.
    }

    fn backward<S: Simd>(
        &self,
        s: S,
        on: &Operands<'_>,
        memory: Memory<'_, AgainstList>,
        d: &mut StageGradients<'_, '_>,
    ) {
        match on.network.known_list {
            Some(known) => against_list(s, &known.loss, on, memory.workspace, d),
            None => fetch(s, &over_lists(self), on, &mut memory.workspace.row, d),
        }
    }

    fn over_lists(&self) -> Option<OverLists> {
        Some(over_lists(self))
    }
}

fn over_lists(op: &ops::SampledSoftmax) -> OverLists {
    let [query, own, list] = op.vectors;
    let columns = op.columns.map(|[own, list]| [Some(own), Some(list)]);
    OverLists {
        query,
        own,
        list: Some(list),
        columns: columns.unwrap_or_default(),
        similarity: op.similarity,
        temperature: op.temperature,
        log_sum: op.log_sum,
        block: usize::MAX,
        corrects: false,
    }
}
