//! Features of a batch's ids, filled in beside them, and rows that are composed of them.

use alloc::vec::Vec;

use super::Features;
use crate::{
    Result,
    data::Batch,
    memory,
    plan::{Param, ParamKind, Plan, Space, State, Tensor},
    shared::Arc,
};

/// The vocabulary of a table.
pub(crate) fn vocabulary_of(param: &Param) -> Option<usize> {
    match param.kind {
        ParamKind::Table { vocabulary } => Some(vocabulary),
        _ => None,
    }
}

/// The floats of a parameter, whatever its rows are kept as.
fn floats(tensor: &Tensor, param: &Param) -> Result<Vec<f32>> {
    match tensor.widened(&param.name)? {
        Some(tensor) => Ok(tensor.value),
        None => memory::copy(&tensor.value, || param.name.clone()),
    }
}

/// The features of users and of items that a plan has columns for ([`Plan::with_features`]).
#[derive(Clone, Debug)]
pub(crate) struct FeaturedBatch {
    /// By vocabulary.
    pub features: Vec<Option<Arc<Features>>>,
    /// The share of ids that is left out of a step.
    pub left_out: f32,
    plan: Plan,
}

impl FeaturedBatch {
    /// Of a plan with features.
    pub fn new(plan: &Plan, features: Vec<Option<Arc<Features>>>, left_out: f32) -> Self {
        FeaturedBatch {
            features,
            left_out,
            plan: plan.clone(),
        }
    }

    /// The features of an id; those that came later have none.
    pub fn of(&self, vocabulary: usize, id: u32) -> &[u32] {
        let features = self.features.get(vocabulary).and_then(Option::as_ref);
        features.map_or(&[], |features| features.of(id))
    }

    /// Fills the features of a batch in, and leaves that share of its ids out at random, each column's by a stream of the batch's
    /// noise.
    pub fn expand(&self, given: &Batch, left_out: f32, to: &mut Batch) {
        to.reset(self.plan.all_columns().len(), self.plan.all_sequences());
        for (column, ids) in given.columns().iter().enumerate() {
            let (own, weights) = to.ids_and_weights_mut(column);
            own.extend_from_slice(&ids.ids);
            weights.extend_from_slice(&ids.weights);
        }
        for featured in self.plan.featured() {
            let vocabulary = self.plan.all_columns()[featured.of].vocabulary;
            let rng = given.noise().stream(featured.of as u32);
            let ids = given.column(featured.of);
            for (sample, &id) in ids.ids.iter().enumerate() {
                let features = self.of(vocabulary, id);
                // An id that has no features is all there is of it.
                let stays = features.is_empty() || rng.uniform(sample as u64) >= left_out;
                let own = if stays { &[id][..] } else { &[] };
                for (column, rows) in [(featured.own, own), (featured.features, features)] {
                    let (filled, weights) = to.ids_and_weights_mut(column);
                    filled.extend_from_slice(rows);
                    if featured.is_weighted {
                        weights.resize(filled.len(), ids.weights[sample]);
                    }
                    if let Space::Steps(sequence) = self.plan.all_columns()[column].space {
                        to.end_sequence(sequence, rows.len());
                    }
                }
            }
        }
        to.labels_mut().extend_from_slice(given.labels());
        to.weights_mut().extend_from_slice(given.weights());
        to.log_q_mut().extend_from_slice(given.log_q());
        to.set_negatives(given.negatives());
        to.set_noise(given.noise());
        to.hold_statistics(given.holds_statistics());
        to.sort();
    }

    /// The parameter that has the rows of features of a table's ids, where these have some.
    pub fn of_features(plan: &Plan, table: &Param) -> Option<usize> {
        plan.param(&alloc::format!("{}.features", table.name))
    }

    /// The state of the plan without features whose look-ups give what those of the plan with them give, of all ids; in floats,
    /// whatever the rows are kept as.
    pub fn compose(&self, plan: &Plan, plain: &Plan, state: &State) -> Result<State> {
        let mut tensors = Vec::new();
        for (index, param) in plain.params().iter().enumerate() {
            // The parameters of the plain plan are the first, in the same order.
            let mut value = floats(&state.tensors[index], param)?;
            if let (Some(of_features), Some(vocabulary)) = (Self::of_features(plan, param), vocabulary_of(param)) {
                let rows = floats(&state.tensors[of_features], &plan.params()[of_features])?;
                for (id, row) in (0..).zip(value.chunks_exact_mut(param.width)) {
                    for &feature in self.of(vocabulary, id) {
                        let of_feature = &rows[feature as usize * param.width..][..param.width];
                        row.iter_mut().zip(of_feature).for_each(|(x, y)| *x += y);
                    }
                }
            }
            tensors.push(Tensor {
                value,
                ..Tensor::default()
            });
        }
        Ok(State {
            step: state.step,
            tensors,
        })
    }
}
