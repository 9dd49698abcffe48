//! SASRec: what comes next, from what came before.

use alloc::format;

use serde::{Deserialize, Serialize};

use super::{EMBEDDING, Loss, MAX_LAYERS, SampledSoftmax, check_rows, check_width, setters};
use crate::{
    Error, Result,
    ops::Similarity,
    plan::{Activation, Plan, PlanBuilder, Space, View},
};

/// Added to the variance that layers are normalised by, as in the authors' code.
const EPSILON: f32 = 1e-8;
/// Steps of a history at most: each step reads all before it.
const LONGEST: usize = 1 << 14;

/// Self-attentive sequential recommendation (Kang and McAuley, ICDM 2018, figure 1): a user is what the history comes to, so
/// that nothing is learnt of users and whoever comes is served at once.
///
/// ```text
/// items of the history + positions
///   |  a block, blocks times over:
///   +-- LayerNorm -- query ----+
///   +-- key, value ------------+-- causal attention -- + query -- LayerNorm -- x
///   |                                                             x + two layers of x
///   LayerNorm: what is liked after each step
///   at the last step . item: logit
/// ```
///
/// Each step predicts the item behind it, of which the last is what is recommended. The loss is a softmax over items at every
/// step (the paper has one negative a step; Klenitskiy and Vasilev, *Turning Dross Into Gold Loss*, RecSys 2023, show how much a
/// softmax is worth).
///
/// ```
/// let plan = pocketrec::models::SasRec::new(100, 3416).embedding_dim(64).length(200).plan()?;
/// // Items and positions, then three layers of attention, two behind it and five vectors of norms and biases in each block.
/// assert_eq!(plan.weights(), (3416 + 200) * 64 + 2 * (5 * 64 * 64 + 8 * 64) + 2 * 64);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SasRec {
    /// Users whose histories are known; no parameter is theirs.
    pub users: usize,
    /// Rows of the item table.
    pub items: usize,
    /// Width of the embeddings and of all layers.
    pub embedding_dim: usize,
    /// Blocks of attention.
    pub blocks: usize,
    /// Heads of each, a divisor of `embedding_dim`.
    pub heads: usize,
    /// Steps of a history at most; older items are not seen.
    pub length: usize,
    /// Share of values that is left out in training: of embeddings and of the layers behind attention.
    pub dropout: f32,
}

impl SasRec {
    /// With two blocks of one head, 64 wide, histories of 200 steps at most and a dropout of 0.2, as the paper has it for
    /// MovieLens-1M (there 50 wide).
    pub fn new(users: usize, items: usize) -> Self {
        SasRec {
            users,
            items,
            embedding_dim: 64,
            blocks: 2,
            heads: 1,
            length: 200,
            dropout: 0.2,
        }
    }

    setters!(embedding_dim dropout);

    /// Sets the number of blocks.
    pub fn blocks(mut self, blocks: usize) -> Self {
        self.blocks = blocks;
        self
    }

    /// Sets the number of heads of each block.
    pub fn heads(mut self, heads: usize) -> Self {
        self.heads = heads;
        self
    }

    /// Sets the steps of a history.
    pub fn length(mut self, length: usize) -> Self {
        self.length = length;
        self
    }

    /// What it is trained by: a softmax over all items, of dot products. [`SampledSoftmax::candidates`] draws some for each
    /// batch instead, where there are too many.
    pub fn loss() -> Loss {
        Loss::SampledSoftmax(SampledSoftmax {
            temperature: 1.0,
            similarity: Similarity::Dot,
            candidates: None,
            ..SampledSoftmax::default()
        })
    }

    /// Builds the plan that is trained by [`loss`](SasRec::loss).
    ///
    /// # Errors
    /// [`Error::Config`] where a size is zero or too large, or heads do not divide the width.
    pub fn plan(&self) -> Result<Plan> {
        self.plan_for(Self::loss())
    }

    /// Builds the plan that is trained by a loss, which must be a [`SampledSoftmax`].
    ///
    /// # Errors
    /// As [`plan`](SasRec::plan), and [`Error::Config`] for another loss.
    pub fn plan_for(&self, loss: Loss) -> Result<Plan> {
        let Loss::SampledSoftmax(softmax) = loss else {
            let reason = format!(
                "{}: sasrec learns by a softmax over items at each step; give sampled-softmax (SasRec::loss)",
                loss.name()
            );
            return Err(Error::config("loss", reason));
        };
        self.check()?;
        loss.validate()?;
        let mut plan = PlanBuilder::new();
        let history = plan.sequence("history");
        let mut x = self.embed(&mut plan, history);
        // The item behind the last step is what is scored in use.
        let next = plan.column_in("next", "item", history);
        let listed = plan.list("listed", "item");
        for block in 0..self.blocks {
            x = self.block(&mut plan, &format!("block.{block}"), x);
        }
        let states = plan.layer_norm("norm", x, EPSILON);

        let [of_next, of_list] = [next, listed].map(|column| {
            let rows = plan.space_of_column(column);
            let vectors = plan.buffer_in(rows, self.embedding_dim);
            plan.gather("item.weight", column, self.items, EMBEDDING, vectors);
            vectors
        });
        let [query, item, terms] = [(); 3].map(|()| plan.buffer(self.embedding_dim));
        plan.last_step(states, query);
        plan.last_step(of_next, item);
        plan.expose("query", query);
        plan.product(query, item, terms);
        let scored = plan.plain_sum(&[terms]);
        plan.finish(softmax.op([states, of_next, of_list], scored, [next, listed]))
    }

    fn check(&self) -> Result<()> {
        check_rows(self.users, self.items)?;
        check_width("embedding_dim", self.embedding_dim)?;
        if self.heads == 0 || !self.embedding_dim.is_multiple_of(self.heads) {
            let reason = format!(
                "{}: give a divisor of embedding_dim, which is {}",
                self.heads, self.embedding_dim
            );
            return Err(Error::config("heads", reason));
        }
        if self.blocks == 0 || self.blocks > MAX_LAYERS {
            let reason = format!("{} blocks; give 1 to {MAX_LAYERS}", self.blocks);
            return Err(Error::config("blocks", reason));
        }
        if self.length == 0 || self.length > LONGEST {
            let reason = format!("{} steps; give 1 to {LONGEST}", self.length);
            return Err(Error::config("length", reason));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let reason = format!("{} is not in 0..1, 1 left out", self.dropout);
            return Err(Error::config("dropout", reason));
        }
        Ok(())
    }

    /// The embeddings of a history with those of its positions.
    fn embed(&self, plan: &mut PlanBuilder, history: Space) -> View {
        let seen = plan.column_in("seen", "item", history);
        let position = plan.column_in("position", "position", history);
        let (e, p) = (
            plan.buffer_in(history, self.embedding_dim),
            plan.buffer_in(history, self.embedding_dim),
        );
        plan.gather("item.weight", seen, self.items, EMBEDDING, e);
        plan.gather("position.weight", position, self.length, EMBEDDING, p);
        let x = plan.add(e, p);
        plan.dropout(x, self.dropout)
    }

    /// A block of attention and two layers, each with what went in added to what comes out.
    fn block(&self, plan: &mut PlanBuilder, name: &str, x: View) -> View {
        let width = self.embedding_dim;
        let layer = |part: &str| format!("{name}.{part}");
        let normal = plan.layer_norm(&layer("attention_norm"), x, EPSILON);
        let query = plan.linear(&layer("query"), normal, width, Activation::Identity);
        // A bias would add as much to all scores of a step, and so nothing to their softmax.
        let key = plan.linear_without_bias(&layer("key"), x, width, Activation::Identity);
        let value = plan.linear(&layer("value"), x, width, Activation::Identity);
        // Who asks what was read of a history computes it from these.
        plan.expose(&layer("query"), query);
        plan.expose(&layer("key"), key);
        let read = plan.causal_attention(query, key, value, self.heads);
        let x = plan.add(normal, read);

        let x = plan.layer_norm(&layer("forward_norm"), x, EPSILON);
        let hidden = plan.linear(&layer("forward.0"), x, width, Activation::Relu);
        let hidden = plan.dropout(hidden, self.dropout);
        let hidden = plan.linear(&layer("forward.1"), hidden, width, Activation::Identity);
        let hidden = plan.dropout(hidden, self.dropout);
        plan.add(x, hidden)
    }
}
