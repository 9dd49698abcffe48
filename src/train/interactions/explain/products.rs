//! Which items of a user's history a score comes from, of models whose score is a product of two vectors.
//!
//! MF and GMF learn a vector `p` for each user, which is no function of the history as that of iALS is. But it was learnt from it: most
//! of it lies in the span of the vectors `q_h` of the history's items. So `p` is written as a sum of these as well as it can be,
//!
//! ```text
//! p = sum over h of c_h q_h + what is left,     c = argmin |p - sum over h of c_h q_h|^2 + ridge |c|^2
//! ```
//!
//! and the item `h` gives `c_h (q_h . q_i)` to the score of item `i`. What is left of `p` gives the rest, with the biases. The ridge, a
//! hundredth of the mean square of the `q_h`, keeps items that are alike from speaking against one another.

use alloc::{vec, vec::Vec};

use super::{dot, scale_of};
use crate::{
    Result,
    explain::{Explanation, Reason},
    train::Trainer,
};

/// The ridge over the mean square of the vectors of the history.
const RIDGE: f64 = 0.01;
/// Steps of conjugate gradients at most, beyond one for each column.
const MORE_STEPS: usize = 32;
/// Residual over the right side at which there is nothing left to do.
const ENOUGH: f64 = 1e-12;

/// The tables of users' and items' vectors, and the parameter that weighs their columns, if there is one.
pub(super) struct Tables {
    pub user: &'static str,
    pub item: &'static str,
    pub output: Option<&'static str>,
}

impl Trainer {
    /// The parts of a score that the history's vectors have in the user's.
    pub(super) fn explain_product(&mut self, tables: &Tables, user: u32, item: u32) -> Result<Explanation> {
        let score = self.score(&[(user, item)])?[0];
        let mut query = self.row(tables.user, user)?;
        let target = self.row(tables.item, item)?;
        let scale = scale_of(self.config.loss, &query, &target);
        if let Some(output) = tables.output {
            let weights = self.row(output, 0)?;
            query.iter_mut().zip(weights).for_each(|(x, weight)| *x *= weight);
        }
        let mut history = self.own_history(user);
        history.sort_unstable();
        history.dedup();
        let mut vectors = Vec::with_capacity(history.len());
        for &item in &history {
            vectors.push(self.row(tables.item, item)?);
        }
        let solution = ridge(&vectors, &query);
        let reason = |(&item, vector): (&u32, &Vec<f64>)| Reason {
            item,
            contribution: (dot(vector, &solution) * dot(vector, &target) * scale) as f32,
        };
        let reasons: Vec<Reason> = history.iter().zip(&vectors).map(reason).collect();
        let given: f64 = reasons.iter().map(|reason| f64::from(reason.contribution)).sum();
        Ok(Explanation::new(score, reasons, (f64::from(score) - given) as f32))
    }
}

/// `z` with `c_h = q_h . z`: the solution of `(sum over h of q_h q_h^T + ridge I) z = query`, by conjugate gradients.
fn ridge(vectors: &[Vec<f64>], query: &[f64]) -> Vec<f64> {
    let squares: f64 = vectors.iter().map(|vector| dot(vector, vector)).sum();
    let ridge = RIDGE * squares / vectors.len().max(1) as f64;
    let mut solution = vec![0.0; query.len()];
    if ridge <= 0.0 {
        return solution; // nothing to write the vector with
    }
    let (mut residual, mut direction) = (query.to_vec(), query.to_vec());
    let whole = dot(query, query);
    let mut square = whole;
    for _ in 0..query.len() + MORE_STEPS {
        if square <= ENOUGH * ENOUGH * whole {
            break;
        }
        let mut product: Vec<f64> = direction.iter().map(|x| ridge * x).collect();
        for vector in vectors {
            add_scaled(dot(vector, &direction), vector, &mut product);
        }
        let step = square / dot(&direction, &product);
        add_scaled(step, &direction, &mut solution);
        add_scaled(-step, &product, &mut residual);
        let next = dot(&residual, &residual);
        let turn = next / square;
        direction
            .iter_mut()
            .zip(&residual)
            .for_each(|(p, r)| *p = r + turn * *p);
        square = next;
    }
    solution
}

fn add_scaled(factor: f64, from: &[f64], to: &mut [f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Error,
        data::Interactions,
        device::Device,
        models::{Ccl, Gmf, Loss, Mf, Mlp, Model},
        plan::State,
        rng::Rng,
        train::TrainConfig,
    };

    /// A vector that is a sum of the history's is found again, but for the ridge.
    #[test]
    fn vectors_are_written_by_those_of_the_history() {
        let vectors = [vec![1.0, 0.0, 0.0], vec![0.0, 2.0, 0.0]];
        let z = ridge(&vectors, &[3.0, 4.0, 5.0]);
        let mean = (1.0 + 4.0) / 2.0;
        let want = [
            3.0 / (1.0 + RIDGE * mean),
            4.0 / (4.0 + RIDGE * mean),
            5.0 / (RIDGE * mean),
        ];
        assert!(
            z.iter().zip(want).all(|(z, want)| (z - want).abs() < 1e-6 * want),
            "{z:?}"
        );
        assert_eq!(ridge(&[], &[1.0]), [0.0]);
        assert_eq!(ridge(&[vec![0.0]], &[1.0]), [0.0]);
    }

    /// In circles of taste the history's own circle gives nearly all of the score of one of its items, and all adds up.
    #[test]
    fn what_the_history_gives_adds_up() {
        let pairs: Vec<(u32, u32)> = (0..80)
            .flat_map(|user| (0..6).map(move |n| (user, (user / 2 * 5 + n * 2) % 20 * 2 + user % 2)))
            .collect();
        let split = Interactions::from_pairs(&pairs).unwrap().leave_one_out().unwrap();
        let config = TrainConfig {
            epochs: 30,
            eval_every: 0,
            ..TrainConfig::default()
        };
        let mf: Model = Mf::new(80, 40).factors(8).into();
        let gmf: Model = Gmf::new(80, 40).factors(8).into();
        for model in [mf, gmf] {
            let mut trainer = Trainer::new(model, Device::cpu().threads(1), config).unwrap();
            trainer.fit(&split, |_| ()).unwrap();
            for user in [0, 1, 17] {
                let (item, score) = trainer.recommend(user, 1).unwrap()[0];
                let why = trainer.explain(user, item).unwrap();
                // The search adds the items' parts up in another order.
                assert!((why.score - score).abs() < 1e-5);
                assert!((why.sum() - f64::from(score)).abs() < 1e-5);
                assert_eq!(why.reasons.len(), split.train.of_user(user).len());
                assert_eq!(why.reasons[0].item % 2, item % 2);
                assert!(why.reasons[0].contribution > 0.0);
            }
            assert!(matches!(trainer.explain(80, 0), Err(Error::Id { .. })));
            assert!(matches!(trainer.explain(0, 40), Err(Error::Id { .. })));
        }
        let mut other = Trainer::new(Mlp::new(3, 3), Device::cpu().threads(1), TrainConfig::default()).unwrap();
        assert!(matches!(other.explain(0, 0), Err(Error::Config { .. })));
    }

    /// Where scores are cosines, so are their parts: those of the product over both lengths.
    #[test]
    fn parts_of_cosines_are_parts_of_products_over_the_lengths() {
        let of = |loss: Loss| {
            let model = Mf::new(2, 6).factors(4);
            let plan = model.plan_for(loss).unwrap();
            let mut state = State::initial(&plan, 5, false).unwrap();
            for (param, tensor) in plan.params().iter().zip(&mut state.tensors) {
                let rng = Rng::new(param.name.len() as u64);
                let spread = if param.name.ends_with("bias") { 0.0 } else { 1.0 };
                (0..)
                    .zip(&mut tensor.value)
                    .for_each(|(i, x)| *x = spread * rng.normal(i));
            }
            let config = TrainConfig {
                loss,
                ..TrainConfig::default()
            };
            let mut trainer = Trainer::with_state(model, Device::cpu().threads(1), config, state).unwrap();
            assert_eq!([0, 2, 5].map(|item| trainer.history.absorb(1, item)), [true; 3]);
            let why = trainer.explain(1, 3).unwrap();
            let rows = [
                trainer.row("user.weight", 1).unwrap(),
                trainer.row("item.weight", 3).unwrap(),
            ];
            (why, rows)
        };
        let ((product, rows), (cosine, same)) = (of(Loss::Bpr), of(Loss::Ccl(Ccl::default())));
        assert_eq!(rows, same);
        let lengths = rows.map(|row| libm::sqrt(dot(&row, &row))).iter().product::<f64>();
        let near = |got: f32, want: f32| {
            assert!(
                (f64::from(got) - f64::from(want) / lengths).abs() < 1e-6,
                "{got} {want}"
            )
        };
        near(cosine.score, product.score);
        near(cosine.rest, product.rest);
        assert_eq!(cosine.reasons.len(), 3);
        for (cosine, product) in cosine.reasons.iter().zip(&product.reasons) {
            assert_eq!(cosine.item, product.item);
            near(cosine.contribution, product.contribution);
        }
    }
}
