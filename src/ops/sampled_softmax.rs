//! Sampled softmax: each query against its own candidate and a list of others that the whole batch shares.
//!
//! A row, of a sample or of a step of its sequence, has a query's vector `u` and its own candidate's `v`. The list `l` has `N`
//! vectors, gathered as the steps of a sequence whose samples do not matter: negatives that are drawn for the batch, or all
//! rows of a table, which makes the softmax a full one. With scores `s` and settings as in
//! [`softmax_cross_entropy`](super::softmax_cross_entropy), the loss of row `i` is
//!
//! ```text
//! -s(u_i, v_i) / temperature + log_sum * ln( exp(s(u_i, v_i) / temperature) + sum over j of exp(s(u_i, l_j) / temperature) )
//! ```
//!
//! where those of the list are left out that have the id of the row's own candidate: it is in the sum already. Negatives that
//! are drawn uniformly want no correction (Jean, Cho, Memisevic, Bengio, *On Using Very Large Target Vocabulary for Neural
//! Machine Translation*, ACL 2015; Klenitskiy and Vasilev, *Turning Dross Into Gold Loss: is BERT4Rec really better than
//! SASRec?*, RecSys 2023). The loss of a batch is the mean over its rows.
//!
//! Backward: with the probabilities `p_i` of the own candidate and `p_ij` of the list's, and the share `w_i` of a row in the
//! mean, the gradient of the own score is `w_i (log_sum p_i - 1) / temperature`, and that of the list's
//! `w_i log_sum p_ij / temperature`.
//!
//! Where samples have weights, loss and gradients of a sample's rows are multiplied by its own. Labels are not read.

use alloc::{format, string::String, vec, vec::Vec};
use core::fmt;

use super::{
    op::{Names, Op, Role, Spaces, describe_inputs},
    ragged::samples,
    softmax_cross_entropy::{Similarity, Vectors, check_settings, log_sum},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// The softmax of a row's own score among those of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledSoftmax {
    /// The vectors of each row's query, of its own candidate, and of the list, of one width. The first two have a row a sample,
    /// or a row a step of a sequence; the list has the steps of another.
    pub vectors: [View; 3],
    /// What a sample is scored with in use, one column.
    pub scored: View,
    /// The id columns of the own candidates and of the list; without them nothing is left out.
    pub columns: Option<[usize; 2]>,
    /// How vectors are compared.
    pub similarity: Similarity,
    /// What scores are divided by, above 0.
    pub temperature: f32,
    /// How much the logarithm of the sum counts, from 0 up; 1 for the cross-entropy.
    pub log_sum: f32,
}

impl Op for SampledSoftmax {
    fn name(&self) -> &'static str {
        "sampled_softmax"
    }

    fn inputs(&self) -> &[View] {
        &self.vectors
    }

    fn params(&self) -> Vec<usize> {
        Vec::new()
    }

    fn output(&self) -> Option<View> {
        None
    }

    fn role(&self) -> Role {
        Role::Loss { scored: self.scored }
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        let [query, own, list] = self.vectors;
        Spaces::Against {
            rows: vec![query, own],
            list,
        }
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        let [query, _, list] = self.vectors;
        let pairs = rows(query).saturating_mul(rows(list).saturating_add(1));
        pairs.saturating_mul(query.width)
    }

    fn fault(&self) -> Option<String> {
        let [query, own, list] = self.vectors.map(|view| view.width);
        if query != own || query != list {
            return Some(format!(
                "sampled_softmax compares queries of {query} columns with candidates of {own} and a list of {list}: they must be \
                 as many"
            ));
        }
        check_settings(self.temperature, self.log_sum)
    }

    fn id_columns(&self) -> Vec<(usize, View)> {
        let [_, own, list] = self.vectors;
        let of = |[of_own, of_list]: [usize; 2]| vec![(of_own, own), (of_list, list)];
        self.columns.map(of).unwrap_or_default()
    }

    fn describe(&self, names: &dyn Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe_inputs(&self.vectors, f)?;
        write!(f, ", {:?} / {}", self.similarity, self.temperature)?;
        if self.log_sum != 1.0 {
            write!(f, ", log-sum times {}", self.log_sum)?;
        }
        if let Some([own, list]) = self.columns {
            write!(f, ", but for {} in {}", names.column(own), names.column(list))?;
        }
        write!(f, "; scored by b{}[{:?}]", self.scored.buffer, self.scored.range())
    }
}

impl Specification for SampledSoftmax {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let rows = Rows::new(self, on);
        let loss = |i: usize| rows.shares[i] * (f64::from(self.log_sum) * log_sum(&rows.exponents(i)) - rows.own(i));
        vec![(0..rows.shares.len()).map(loss).sum()]
    }

    fn backward(&self, on: &dyn Context, _d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        let rows = Rows::new(self, on);
        let width = self.vectors[0].width;
        let mut gradients = rows
            .vectors
            .each_ref()
            .map(|vectors| vec![0.0; vectors.directions.len()]);
        let [of_queries, of_own, of_list] = &mut gradients;
        for (i, share) in rows.shares.iter().enumerate() {
            let exponents = rows.exponents(i);
            let all = log_sum(&exponents);
            for (at, t) in exponents {
                let target = f64::from(u8::from(at == OWN));
                let g = share * (f64::from(self.log_sum) * libm::exp(t - all) - target) / f64::from(self.temperature);
                let (candidates, j, to) = match at == OWN {
                    true => (&rows.vectors[1], i, &mut *of_own),
                    false => (&rows.vectors[2], at, &mut *of_list),
                };
                for c in 0..width {
                    of_queries[i * width + c] += g * candidates.directions[j * width + c];
                    to[j * width + c] += g * rows.vectors[0].directions[i * width + c];
                }
            }
        }
        let both = rows.vectors.iter().zip(gradients);
        both.map(|(vectors, d)| vectors.backward(d, width)).collect()
    }
}

/// The place of the own candidate, which is in no list.
const OWN: usize = usize::MAX;

/// A batch as the loss reads it.
struct Rows<'a> {
    op: &'a SampledSoftmax,
    vectors: [Vectors; 3],
    /// The ids of the own candidates and of the list.
    ids: Option<[&'a [u32]; 2]>,
    /// Of each row in the mean.
    shares: Vec<f64>,
}

impl<'a> Rows<'a> {
    fn new(op: &'a SampledSoftmax, on: &'a dyn Context) -> Self {
        let rows = on.rows(op.vectors[0]);
        let mut shares = vec![1.0 / rows as f64; rows];
        if let Some(weights) = on.sample_weights() {
            match on.offsets(op.vectors[0]) {
                [] => shares
                    .iter_mut()
                    .zip(&weights)
                    .for_each(|(share, weight)| *share *= weight),
                offsets => samples(offsets)
                    .zip(&weights)
                    .for_each(|(steps, weight)| shares[steps].iter_mut().for_each(|share| *share *= weight)),
            }
        }
        Rows {
            op,
            vectors: op
                .vectors
                .map(|view| Vectors::new(&on.read(view), view.width, op.similarity)),
            ids: op.columns.map(|columns| columns.map(|column| on.ids(column).0)),
            shares,
        }
    }

    /// A score over the temperature.
    fn logit(&self, i: usize, candidates: &Vectors, j: usize) -> f64 {
        let width = self.op.vectors[0].width;
        let u = &self.vectors[0].directions[i * width..][..width];
        let v = &candidates.directions[j * width..][..width];
        u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>() / f64::from(self.op.temperature)
    }

    fn own(&self, i: usize) -> f64 {
        self.logit(i, &self.vectors[1], i)
    }

    /// The candidates of a row, by their places in the list, with their exponents.
    fn exponents(&self, i: usize) -> Vec<(usize, f64)> {
        let count = self.vectors[2].directions.len() / self.op.vectors[0].width;
        let is_same = |j: &usize| self.ids.is_some_and(|[own, list]| own[i] == list[*j]);
        let listed = (0..count)
            .filter(|j| !is_same(j))
            .map(|j| (j, self.logit(i, &self.vectors[2], j)));
        core::iter::once((OWN, self.own(i))).chain(listed).collect()
    }
}
