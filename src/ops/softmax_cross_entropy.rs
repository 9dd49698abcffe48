//! Softmax cross-entropy over a list: each query against the candidates of the samples around it, its own among them.
//!
//! A sample has a query's vector `u` and a candidate's `v`. Samples are cut into blocks of `block` in the order of the batch,
//! the last of which may be shorter, and in a block every sample's candidate is a negative of every other sample's query: so
//! a block of 2,048 gives each query 2,047 negatives for the vectors of one. With the score `s(u, v)`, which is
//! `u . v` or the cosine `u . v / (max(|u|, e) max(|v|, e))` ([`normalise`]), the loss of sample `i` of a block `B` is
//!
//! ```text
//! -s(u_i, v_i) / temperature + log_sum * ln( sum over j in B, without those left out, of exp(s(u_i, v_j) / temperature - log_q_j) )
//! ```
//!
//! and that of a batch the mean over its samples. With `log_sum` 1 it is the cross-entropy of a softmax over the block
//! (Chen, Sun, Shi, Hong, *On Sampling Strategies for Neural Network-based Collaborative Filtering*, KDD 2017; InfoNCE of van
//! den Oord et al. 2018 with a temperature); with another the BSL of Wu et al., *BSL: Understanding and Improving Softmax Loss
//! for Recommendation*, ICDE 2024, which has 0.84 for LightGCN on Gowalla.
//!
//! **Left out** are the other samples of the block with the id that the sample's own candidate has, where the operation knows
//! the column of ids: they are no negatives of it, and as such would push away what the first term pulls. Without the column
//! they count, as in the code of BSL and SimGCL. `log_q_j` corrects for how likely a candidate is drawn into a block: popular
//! ones are negatives more often, and the logarithm of the probability of being drawn is *subtracted* from the logit of every
//! candidate in the sum (Bengio and Senecal 2008; Yi et al., *Sampling-Bias-Corrected Neural Modeling*, RecSys 2019). It is 0
//! unless asked for.
//!
//! Backward, with `t_ij` the exponents above, `P_ij = exp(t_ij) / sum_j exp(t_ij)` and the share `w_i` of a sample in the mean:
//! `G_ij = w_i (log_sum P_ij - [i = j]) / temperature` is the gradient of the score, so that of `u_i` is `sum_j G_ij v_j` and
//! that of `v_j` `sum_i G_ij u_i`. Of cosines these are the gradients of `u / |u|` and `v / |v|`; what lies along the vector is
//! taken away, and the rest divided by its length.
//!
//! Where samples have weights, loss and gradients of a sample's own query are multiplied by its own; its candidate stays a
//! negative of the others. Labels are not read.
//!
//! What is [scored](crate::plan::Plan::logit) in use is not what is compared here: it is a view of its own, in the recipe of
//! LightGCN the plain dot product, where the loss takes cosines. Stages that only it depends on are not run in training.

use alloc::{format, string::String, vec, vec::Vec};
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{
    normalise,
    op::{Names, Op, Role, Spaces, describe_inputs},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// How a query and a candidate are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// The dot product of both vectors at length 1.
    #[default]
    Cosine,
    /// The dot product.
    Dot,
}

/// The softmax of a list of scores against the sample's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxCrossEntropy {
    /// The vectors of each sample's query and of its candidate, of one width.
    pub vectors: [View; 2],
    /// What a sample is scored with in use, one column.
    pub scored: View,
    /// The id column of the candidates: other samples of a block that have the sample's own id are left out. Without it all
    /// count.
    pub column: Option<usize>,
    /// How vectors are compared.
    pub similarity: Similarity,
    /// What scores are divided by, above 0.
    pub temperature: f32,
    /// How much the logarithm of the sum counts, from 0 up; 1 for the cross-entropy.
    pub log_sum: f32,
    /// Samples of a block, at least 1.
    pub block: usize,
    /// Whether the [logarithms of the candidates' probabilities](crate::data::Batch::log_q_mut), which batches then have, are
    /// subtracted in the sum.
    pub corrects: bool,
}

impl Op for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy"
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
        Spaces::One(Space::Samples)
    }

    fn multiply_adds(&self, rows: &dyn Fn(View) -> usize) -> usize {
        let ([query, _], block) = (self.vectors, self.block.max(1));
        let (rows, pairs) = (rows(query), |rows: usize| rows.saturating_mul(rows));
        let whole = pairs(block.min(rows)).saturating_mul(rows / block);
        whole.saturating_add(pairs(rows % block)).saturating_mul(query.width)
    }

    fn fault(&self) -> Option<String> {
        let [query, candidate] = self.vectors.map(|view| view.width);
        if query != candidate {
            return Some(format!(
                "softmax_cross_entropy compares queries of {query} columns with candidates of {candidate}: they must be as many"
            ));
        }
        check_settings(self.temperature, self.log_sum)
            .or_else(|| (self.block == 0).then(|| "blocks of 0 samples: give at least 1; 2048 is usual".into()))
    }

    fn id_columns(&self) -> Vec<(usize, View)> {
        self.column.iter().map(|&column| (column, self.vectors[1])).collect()
    }

    fn reads_log_q(&self) -> bool {
        self.corrects
    }

    fn describe(&self, names: &dyn Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe_inputs(&self.vectors, f)?;
        let (similarity, View { buffer, .. }) = (self.similarity, self.scored);
        let (temperature, block) = (self.temperature, self.block);
        write!(f, ", {similarity:?} / {temperature}, blocks of {block}")?;
        if self.log_sum != 1.0 {
            write!(f, ", log-sum times {}", self.log_sum)?;
        }
        if let Some(column) = self.column {
            write!(f, ", but for the same {}", names.column(column))?;
        }
        if self.corrects {
            write!(f, ", less log q")?;
        }
        write!(f, "; scored by b{buffer}[{:?}]", self.scored.range())
    }
}

impl Specification for SoftmaxCrossEntropy {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        self.on_lists(on, |lists| vec![loss(self, lists)])
    }

    fn backward(&self, on: &dyn Context, _d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        self.on_lists(on, |lists| gradients(self, lists).into())
    }
}

impl SoftmaxCrossEntropy {
    fn on_lists<T>(&self, on: &dyn Context, run: impl FnOnce(&Lists<'_>) -> T) -> T {
        let [queries, candidates] = self.vectors.map(|view| on.read(view));
        let (weights, log_q) = (on.sample_weights(), self.corrects.then(|| on.log_q()));
        run(&Lists {
            queries: &queries,
            candidates: &candidates,
            ids: self.column.map(|column| on.ids(column).0),
            log_q: log_q.as_deref(),
            weights: weights.as_deref(),
        })
    }
}

/// What the loss reads of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    /// `[rows, width]`.
    pub queries: &'a [f64],
    /// `[rows, width]`.
    pub candidates: &'a [f64],
    /// The candidates' ids, `[rows]`, where those of one id are no negatives of each other.
    pub ids: Option<&'a [u32]>,
    /// `[rows]`, or nothing to correct for.
    pub log_q: Option<&'a [f64]>,
    /// The samples' weights, `[rows]`.
    pub weights: Option<&'a [f64]>,
}

/// The mean loss of a batch; zero of none. Of `op` the settings are read.
///
/// ```
/// use pocketrec::{ops::{Similarity, SoftmaxCrossEntropy, softmax_cross_entropy::{Lists, loss}}, plan::View};
/// let view = View { buffer: 0, start: 0, width: 2 };
/// let mut op = SoftmaxCrossEntropy {
///     vectors: [view, view], scored: view, column: None, similarity: Similarity::Dot,
///     temperature: 0.5, log_sum: 1.0, block: 8, corrects: false,
/// };
/// let (queries, candidates) = ([1.0, 0.0, 0.0, 2.0], [0.5, 9.0, 9.0, 0.25]); // scores 0.5 and 9, 18 and 0.5
/// let lists = Lists { queries: &queries, candidates: &candidates, ids: None, log_q: None, weights: None };
/// let of = |own: f64, other: f64| (1.0 + ((other - own) / 0.5).exp()).ln();
/// assert!((loss(&op, &lists) - (of(0.5, 9.0) + of(0.5, 18.0)) / 2.0).abs() < 1e-12);
/// // Each in a block of its own: nothing to tell it from.
/// op.block = 1;
/// assert_eq!(loss(&op, &lists), 0.0);
/// ```
pub fn loss(op: &SoftmaxCrossEntropy, lists: &Lists<'_>) -> f64 {
    let terms = Terms::new(op, lists);
    let share = terms.share();
    (0..terms.rows).map(|i| share(i) * terms.loss(i)).sum()
}

/// The gradients of the mean loss by queries and candidates, `[rows, width]` each.
pub fn gradients(op: &SoftmaxCrossEntropy, lists: &Lists<'_>) -> [Vec<f64>; 2] {
    let terms = Terms::new(op, lists);
    let (rows, width, share) = (terms.rows, terms.width, terms.share());
    let [mut of_queries, mut of_candidates] = [(); 2].map(|()| vec![0.0; rows * width]);
    for i in 0..rows {
        let of_scores = terms.score_gradient(i).into_iter().map(|(j, g)| (j, g * share(i)));
        for (j, g) in of_scores {
            for c in 0..width {
                of_queries[i * width + c] += g * terms.candidates.directions[j * width + c];
                of_candidates[j * width + c] += g * terms.queries.directions[i * width + c];
            }
        }
    }
    [(&terms.queries, of_queries), (&terms.candidates, of_candidates)].map(|(vectors, d)| vectors.backward(d, width))
}

/// What is wrong with a temperature and with how much the logarithm of the sum counts.
pub(super) fn check_settings(temperature: f32, log_sum: f32) -> Option<String> {
    let is_positive = |x: f32| x > 0.0 && x.is_finite();
    if !is_positive(temperature) || !is_positive(1.0 / temperature) {
        return Some(format!(
            "a temperature of {temperature}: give a number above 0; 0.1 is usual"
        ));
    }
    let is_right = log_sum >= 0.0 && log_sum.is_finite();
    (!is_right).then(|| format!("{log_sum} times the logarithm of the sum: give a number from 0 up; 1 is usual"))
}

/// Vectors as they are compared.
pub(super) struct Vectors {
    /// `[rows, width]`: at length 1 where cosines are taken.
    pub directions: Vec<f64>,
    /// Likewise, before that, if cosines are taken.
    normalised: Option<Vec<f64>>,
}

impl Vectors {
    pub fn new(vectors: &[f64], width: usize, similarity: Similarity) -> Self {
        let vectors = vectors.to_vec();
        match similarity {
            Similarity::Dot => Vectors {
                directions: vectors,
                normalised: None,
            },
            Similarity::Cosine => Vectors {
                directions: normalise::forward(&vectors, width),
                normalised: Some(vectors),
            },
        }
    }

    /// From the gradient of the directions to that of the vectors.
    pub fn backward(&self, d: Vec<f64>, width: usize) -> Vec<f64> {
        match &self.normalised {
            None => d,
            Some(vectors) => normalise::backward(vectors, &d, width),
        }
    }
}

/// A batch with its vectors as they are compared.
struct Terms<'a> {
    op: &'a SoftmaxCrossEntropy,
    lists: &'a Lists<'a>,
    rows: usize,
    width: usize,
    queries: Vectors,
    candidates: Vectors,
}

impl<'a> Terms<'a> {
    fn new(op: &'a SoftmaxCrossEntropy, lists: &'a Lists<'a>) -> Self {
        let width = op.vectors[0].width;
        let vectors = |rows| Vectors::new(rows, width, op.similarity);
        assert_eq!(
            lists.queries.len(),
            lists.candidates.len(),
            "queries and candidates differ in length"
        );
        Terms {
            op,
            lists,
            rows: lists.queries.len() / width,
            width,
            queries: vectors(lists.queries),
            candidates: vectors(lists.candidates),
        }
    }

    /// Of a sample in the mean.
    fn share(&self) -> impl Fn(usize) -> f64 + use<'a> {
        let (rows, weights) = (self.rows as f64, self.lists.weights);
        move |i| weights.map_or(1.0, |weights| weights[i]) / rows
    }

    /// The score of query `i` with candidate `j`, over the temperature.
    fn logit(&self, i: usize, j: usize) -> f64 {
        let u = &self.queries.directions[i * self.width..][..self.width];
        let v = &self.candidates.directions[j * self.width..][..self.width];
        u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>() / f64::from(self.op.temperature)
    }

    /// The candidates that query `i` is compared with, with their exponents.
    fn exponents(&self, i: usize) -> Vec<(usize, f64)> {
        let first = i / self.op.block * self.op.block;
        let is_same = |j: usize| self.lists.ids.is_some_and(|ids| ids[i] == ids[j]);
        let there = (first..(first + self.op.block).min(self.rows)).filter(|&j| j == i || !is_same(j));
        there
            .map(|j| (j, self.logit(i, j) - self.lists.log_q.map_or(0.0, |log_q| log_q[j])))
            .collect()
    }

    fn loss(&self, i: usize) -> f64 {
        -self.logit(i, i) + f64::from(self.op.log_sum) * log_sum(&self.exponents(i))
    }

    /// The gradient of the loss of sample `i` by its scores, without its share.
    fn score_gradient(&self, i: usize) -> Vec<(usize, f64)> {
        let (mut of_scores, temperature) = (self.exponents(i), f64::from(self.op.temperature));
        let all = log_sum(&of_scores);
        for (j, t) in &mut of_scores {
            let target = f64::from(u8::from(*j == i));
            *t = (f64::from(self.op.log_sum) * libm::exp(*t - all) - target) / temperature;
        }
        of_scores
    }
}

/// The logarithm of the sum of exponentials, without overflow.
pub(super) fn log_sum(exponents: &[(usize, f64)]) -> f64 {
    let largest = exponents.iter().map(|(_, t)| *t).fold(f64::NEG_INFINITY, f64::max);
    largest + libm::log(exponents.iter().map(|(_, t)| libm::exp(t - largest)).sum::<f64>())
}
