//! CFKG: users, items and what items have in common as points, and relations as steps from one to the other.

use alloc::format;

use serde::{Deserialize, Serialize};

use super::{EMBEDDING, Loss, check_rows, check_width, setters};
use crate::{
    Error, Result,
    data::Relations,
    plan::{Plan, PlanBuilder},
};

/// CFKG: `logit = -|h + r - t|^2`, where `h` is a user, an item or an attribute, `t` an item, and `r` the step that their relation
/// is: an item is near where its users, its relations and its attributes lead to.
///
/// Zhang, Ai, Chen, Wang: *Learning over Knowledge-Base Embeddings for Recommendation*, SIGIR 2018, sections 3.1 and 3.2, after
/// TransE (Bordes et al., NIPS 2013). The interaction is one relation among the others. Trained by [`Loss::Margin`], as published,
/// or by [`Loss::Bpr`], the logistic loss of the same difference; a triple is compared with one whose tail is drawn.
///
/// Two of the paper's parameters are one here, which changes no score:
///
/// - a user is the head of interactions alone, so that the user's point and the step of that relation are only ever added. What is
///   stored for a user is where their items are, `h + r`;
/// - that an item has an attribute, `item + r = attribute`, is the same distance as `attribute + (-r) = item`. So items are all
///   tails, what is drawn in their place is an item, and one catalogue is ranked.
///
/// Its relations are data: those of the [`Relations`] that a [`Trainer`](crate::train::Trainer) is
/// [handed](crate::train::Trainer::set_relations), their positives (pairs of items) and attributes. Without any it is metric
/// learning of users and items.
///
/// ```
/// use pocketrec::{data::*, device::Device, models::{Cfkg, Loss, Margin}, train::*};
/// let train = Interactions::from_columns((3, 4), &[0, 0, 1, 1, 2], &[0, 1, 0, 2, 2], &[])?; // nobody has item 3
/// let known = Triples::from_keys([("2", "also", "3"), ("2", "kind", "tea"), ("3", "kind", "tea"), ("0", "kind", "rice")])?;
/// let links = ItemLinks::from_keys(["0", "2", "3"].map(|key| (key, key)))?;
/// let known = known.with_items(train.item_ids(), &links)?;
/// let relations = Relations::of(&known)?.positives("also")?.attributes("kind")?;
///
/// let model = Cfkg::new(3, 4).embedding_dim(8).relations(&relations);
/// assert_eq!((model.relations, model.attributes), (2, 2));
/// let config = TrainConfig { loss: Loss::Margin(Margin::default()), negatives: 1, eval_every: 0, ..TrainConfig::default() };
/// let mut trainer = Trainer::new(model, Device::cpu(), config)?;
/// trainer.set_relations(relations)?;
/// trainer.fit(&Split::from_cases(train, [])?, |_| ())?;
/// assert_eq!(trainer.recommend(2, 4)?.len(), 3); // item 3 among them
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cfkg {
    /// Rows of the user table.
    pub users: usize,
    /// Rows of the item table.
    pub items: usize,
    /// Width of the embeddings.
    pub embedding_dim: usize,
    /// Rows of the table of relations, interactions aside.
    #[serde(default)]
    pub relations: usize,
    /// Rows of the table of attributes.
    #[serde(default)]
    pub attributes: usize,
}

impl Cfkg {
    /// CFKG with embeddings of 64 columns, of interactions alone.
    pub fn new(users: usize, items: usize) -> Self {
        Cfkg {
            users,
            items,
            embedding_dim: 64,
            relations: 0,
            attributes: 0,
        }
    }

    setters!(embedding_dim);

    /// Makes room for the relations and attributes of these that are in use, which a trainer of it is to be handed.
    pub fn relations(mut self, relations: &Relations) -> Self {
        (self.relations, self.attributes) = relations.typed_counts();
        self
    }

    /// Builds the plan that is trained as published, by [`Loss::Margin`].
    ///
    /// # Errors
    /// [`Error::Config`] where a size is zero or too large.
    pub fn plan(&self) -> Result<Plan> {
        self.plan_for(Loss::Margin(super::Margin::default()))
    }

    /// Builds the plan that is trained by a loss, which must be [`Loss::Margin`] or [`Loss::Bpr`].
    ///
    /// # Errors
    /// As [`plan`](Cfkg::plan), and [`Error::Config`] for another loss.
    pub fn plan_for(&self, loss: Loss) -> Result<Plan> {
        self.check(loss)?;
        let mut plan = PlanBuilder::new();
        let has_heads = self.relations > 0;
        let user = match has_heads {
            true => plan.weighted_query("user"),
            false => plan.query("user"),
        };
        let item = plan.candidate("item");
        plan.negative("negative", "item");

        let point = plan.buffer(self.embedding_dim);
        plan.gather("user.weight", user, self.users, EMBEDDING, point);
        let mut from = point;
        // A sample has one head, whose weight is 1, and the step of its relation; all others are 0.
        let heads = [
            ("head", "item", "item.weight", self.items),
            ("attribute", "attribute", "attribute.weight", self.attributes),
            ("relation", "relation", "relation.weight", self.relations),
        ];
        for (name, vocabulary, table, rows) in heads.into_iter().filter(|head| has_heads && head.3 > 0) {
            let column = plan.head(name, vocabulary);
            let vector = plan.buffer(self.embedding_dim);
            plan.gather(table, column, rows, EMBEDDING, vector);
            from = plan.add(from, vector);
        }
        loss.finish(plan, |plan, column| {
            let tail = plan.buffer(self.embedding_dim);
            plan.gather("item.weight", column, self.items, EMBEDDING, tail);
            if has_heads && column == item {
                let of_user = plan.distance(point, tail);
                plan.score_by(of_user);
            }
            plan.distance(from, tail)
        })
    }

    fn check(&self, loss: Loss) -> Result<()> {
        check_rows(self.users, self.items)?;
        check_width("embedding_dim", self.embedding_dim)?;
        for (field, rows) in [("relations", self.relations), ("attributes", self.attributes)] {
            if rows > u32::MAX as usize {
                return Err(Error::config(field, format!("{rows} rows; give {} at most", u32::MAX)));
            }
        }
        if self.attributes > 0 && self.relations == 0 {
            let reason = format!(
                "{} attributes and no relation that leads to them; make room for both by Cfkg::relations",
                self.attributes
            );
            return Err(Error::config("attributes", reason));
        }
        match loss {
            Loss::Margin(_) | Loss::Bpr => Ok(()),
            _ => {
                let reason = format!(
                    "{}: cfkg compares how near two items are; give margin, or bpr for the logistic loss",
                    loss.name()
                );
                Err(Error::config("loss", reason))
            }
        }
    }
}
