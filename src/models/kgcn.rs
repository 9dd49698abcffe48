//! KGCN: what is known of an item, seen through the user.

use alloc::format;

use serde::{Deserialize, Serialize};

use super::{Loss, check_rows, check_width, setters};
use crate::{
    Error, Result,
    data::Knowledge,
    ops::SigmoidCrossEntropy,
    plan::{Activation, Init, Plan, PlanBuilder},
};

/// Knowledge graph convolutional network (Wang et al., *Knowledge Graph Convolutional Networks for Recommender Systems*, WWW
/// 2019, section 3) with the sum aggregator and one hop, as the authors have it for music and books: neighbours of an item in a
/// knowledge graph are weighed by what their relations are to the user.
///
/// ```text
/// user u --+---------------------------------------------------------+
///          |-- u . r, softmax over the neighbours: weights           |
/// relations r                    |                                   |
/// entities e ---------- weighted sum + item v -- layer, tanh -- dot product: logit
/// ```
///
/// The neighbours are those of a [`Knowledge`], some of each item's, which a [`Trainer`](crate::train::Trainer) is handed once
/// ([`set_knowledge`](crate::train::Trainer::set_knowledge)) and which checkpoints have. An item without any is known by its own
/// vector alone. It learns by [`Loss::CrossEntropy`]; in the paper Adam at 5e-4, batches of 128 and an L2 weight of 1e-4 on Last.FM,
/// with one negative for each positive.
///
/// Two things differ from the authors' code. There the product of user and relation is divided by the width, where the paper has
/// the product itself, as here; and items share their rows with the entities that they are, where here an item that is another's
/// neighbour has a row of its own in that place, so that items can be added later. The plan exposes the weights as `attention`.
///
/// ```
/// let plan = pocketrec::models::Kgcn::new(100, 60, 200, 5).embedding_dim(8).plan()?;
/// assert_eq!(plan.weights(), (100 + 60 + 200 + 5) * 8 + 8 * 8 + 8);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kgcn {
    /// Rows of the user table.
    pub users: usize,
    /// Rows of the item table.
    pub items: usize,
    /// Rows of the table of neighbours: entities of the knowledge graph, items among them.
    pub entities: usize,
    /// Rows of the table of relations.
    pub relations: usize,
    /// Width of the embeddings and of the layer.
    pub embedding_dim: usize,
}

impl Kgcn {
    /// KGCN with embeddings of 16 columns, as in the paper for Last.FM.
    pub fn new(users: usize, items: usize, entities: usize, relations: usize) -> Self {
        Kgcn {
            users,
            items,
            entities,
            relations,
            embedding_dim: 16,
        }
    }

    /// The same for so many users and what is known of the items.
    pub fn of(users: usize, knowledge: &Knowledge) -> Self {
        let [items, entities, relations] = knowledge.counts();
        Self::new(users, items, entities, relations)
    }

    setters!(embedding_dim);

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`] where a size is zero or too large.
    pub fn plan(&self) -> Result<Plan> {
        self.plan_for(Loss::CrossEntropy)
    }

    /// Builds the plan that is trained by a loss, which must be [`Loss::CrossEntropy`].
    ///
    /// # Errors
    /// As [`plan`](Kgcn::plan), and [`Error::Config`] for another loss.
    pub fn plan_for(&self, loss: Loss) -> Result<Plan> {
        if loss != Loss::CrossEntropy {
            let reason = format!(
                "{}: kgcn learns to tell positives from negatives; give cross-entropy",
                loss.name()
            );
            return Err(Error::config("loss", reason));
        }
        check_rows(self.users, self.items)?;
        check_width("embedding_dim", self.embedding_dim)?;
        for (field, rows) in [("entities", self.entities), ("relations", self.relations)] {
            if rows == 0 || rows > u32::MAX as usize {
                return Err(Error::config(field, format!("{rows} rows; give 1 to {}", u32::MAX)));
            }
        }
        let (mut plan, width) = (PlanBuilder::new(), self.embedding_dim);
        // In the order in which `Knowledge::expand` fills them.
        let (user, item) = (plan.query("user"), plan.candidate("item"));
        let neighbours = plan.sequence("neighbours");
        let relation = plan.column_in("relation", "relation", neighbours);
        let entity = plan.column_in("entity", "entity", neighbours);

        let [u, v, around] = [(); 3].map(|()| plan.buffer(width));
        let [r, e] = [(); 2].map(|()| plan.buffer_in(neighbours, width));
        for (name, column, rows, to) in [
            ("user.weight", user, self.users, u),
            ("item.weight", item, self.items, v),
            ("relation.weight", relation, self.relations, r),
            ("entity.weight", entity, self.entities, e),
        ] {
            plan.gather(name, column, rows, Init::glorot(rows, width), to);
        }

        let scores = plan.dot_steps(u, r);
        let weights = plan.softmax(scores);
        plan.expose("attention", weights);
        plan.attention(weights, e, around);
        let both = plan.add(v, around);
        let seen = plan.linear("aggregate", both, width, Activation::Tanh);
        let terms = plan.buffer(width);
        plan.product(u, seen, terms);
        let logit = plan.plain_sum(&[terms]);
        plan.finish(SigmoidCrossEntropy { logit })
    }
}
