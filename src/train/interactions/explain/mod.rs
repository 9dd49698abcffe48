//! Which items of a user's history a score comes from, by the kind of model: products of two vectors, vectors that are propagated
//! along the graph, attention over the history, and paths along relations.

mod paths;
mod products;
mod propagated;

use alloc::{format, string::String, vec, vec::Vec};

use super::{ITEM, Trainer, USER};
use crate::{
    Error, Result,
    data::Batch,
    executor::{composed_rows, score_with},
    explain::Explanation,
    models::{Loss, Model},
    ops::normalise::SHORTEST,
};
use products::Tables;

impl Trainer {
    /// Why a user gets an item, by what the user was trained on and has absorbed. [`Model::reasons`] says which kind of reasons a
    /// model gives, and [`explain`](crate::explain) has a table of all.
    ///
    /// - **LightGCN**: what each item of the history gives to the score over its edge, exactly; `rest` is what the user's own row
    ///   gives.
    /// - **MF, GMF**: the user's vector is written as a sum of those of the history, by least squares with a small ridge. How much of it
    ///   that explains, `rest` shows, in which biases are too.
    /// - **SASRec**: how much was read of each item for what the history comes to, which is scored with the item
    ///   ([`attention_rollout`](crate::executor::attention_rollout): all blocks, the mean of the heads). These are
    ///   [weights](crate::explain::Kind::Weights), no parts of the score, and the same for every item. Of a history that is longer than
    ///   what the model looks at, its end is read alone.
    ///
    /// - **CFKG**: the items from which a known relation leads to the item, each with how well: [paths](crate::explain::Kind::Paths),
    ///   no parts of the score.
    ///
    /// Where there are [relations](Trainer::set_relations), the best path along one is there besides
    /// ([`Explanation::path`]), of MF, LightGCN and CFKG.
    /// - **KGCN**: how much was read of each neighbour of the item in the knowledge graph, by what its relation is to the user:
    ///   [weights](crate::explain::Kind::Neighbours) of entities, and not of the history. None of an item without neighbours.
    ///
    /// ```
    /// # use pocketrec::{data::Interactions, device::Device, models::Mf, train::*};
    /// let split = Interactions::from_pairs(&[(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (1, 3)])?.leave_one_out()?;
    /// let mut trainer = Trainer::new(Mf::new(2, 4).factors(8), Device::cpu(), TrainConfig::default())?;
    /// trainer.fit(&split, |_| ())?;
    /// let why = trainer.explain(0, 3)?;
    /// assert_eq!(why.reasons.len(), 2); // 2 is held out
    /// assert!((why.sum() - f64::from(why.score)).abs() < 1e-5);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Id`] where the model has no row for the user or the item; [`Error::Config`] where the model has no reasons;
    /// [`Error::Device`] where the device does not hand out what they are made of.
    pub fn explain(&mut self, user: u32, item: u32) -> Result<Explanation> {
        self.check(USER, user)?;
        self.check(ITEM, item)?;
        match &self.model {
            Model::Mf(_) => {
                let tables = Tables {
                    user: "user.weight",
                    item: "item.weight",
                    output: None,
                };
                let mut why = self.explain_product(&tables, user, item)?;
                why.path = self.path_by_parts(&why.reasons, item);
                Ok(why)
            }
            Model::Gmf(_) => {
                let tables = Tables {
                    user: "gmf.user.weight",
                    item: "gmf.item.weight",
                    output: Some("logit.weight"),
                };
                self.explain_product(&tables, user, item)
            }
            Model::LightGcn(_) => self.explain_propagated(user, item),
            Model::SasRec(_) => self.explain_by_attention(user, item),
            Model::Cfkg(_) => self.explain_by_paths(user, item),
            Model::Kgcn(_) => self.explain_by_neighbours(user, item),
            Model::Mlp(_) | Model::NeuMf(_) => {
                let reason = format!(
                    "{} scores by layers over both embeddings, in which no item of the history has a part of its own; MF, GMF, CFKG, \
                     KGCN, LightGCN and SASRec can be explained, and classical::Rp3Beta and Ials",
                    self.model.name()
                );
                Err(Error::config("model", reason))
            }
        }
    }

    fn explain_by_attention(&mut self, user: u32, item: u32) -> Result<Explanation> {
        let score = self.score(&[(user, item)])?[0];
        let history = self.own_history(user);
        let Some(by) = self.by_history() else {
            return Ok(Explanation::weights(score, []));
        };
        let read = by.read(&mut *self.core.executor, &history)?;
        let seen = &history[history.len() - read.len()..];
        Ok(Explanation::weights(score, seen.iter().copied().zip(read)))
    }

    fn explain_by_neighbours(&mut self, user: u32, item: u32) -> Result<Explanation> {
        self.check_knows()?;
        let (batch, mut logit) = (Batch::from_columns(&[&[user], &[item]], &[1.0])?, [0.0]);
        let read = score_with(&mut *self.core.executor, &batch, "attention", &mut logit).wait()?;
        let neighbours = self.knowledge.iter().flat_map(|knowledge| knowledge.of_item(item));
        let entities = neighbours.map(|&(entity, _)| entity);
        Ok(Explanation::neighbours(logit[0], entities.zip(read)))
    }

    /// A row of a parameter, as scores see it.
    fn row(&mut self, name: &str, row: u32) -> Result<Vec<f64>> {
        let params = self.plan().params();
        let param = params.iter().position(|param| param.name == name);
        let param = param.ok_or_else(|| Error::config("model", String::from("it has no ") + name))?;
        let mut values = vec![0.0; params[param].width];
        let executor = &mut self.core.executor;
        composed_rows(&mut **executor, param, row as usize, &mut values).wait()?;
        Ok(values.into_iter().map(f64::from).collect())
    }
}

/// What a score is for each 1 of the product of a user's and an item's vectors: a cosine where the loss compares directions.
fn scale_of(loss: Loss, user: &[f64], item: &[f64]) -> f64 {
    let length = |vector| libm::sqrt(dot(vector, vector)).max(f64::from(SHORTEST));
    match loss {
        Loss::Ccl(_) => 1.0 / (length(user) * length(item)),
        _ => 1.0,
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
