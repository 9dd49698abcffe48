//! DCN-v2: feature crosses of bounded degree beside or below a deep network.

use alloc::{format, vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    MAX_LAYERS, Unit, check_width,
    click::Widths,
    fields::{check_deep, check_fields, deep, embed},
    setters,
};
use crate::{
    Error, Result,
    data::clicks::Layout,
    ops::SigmoidCrossEntropy,
    plan::{Activation, Plan, PlanBuilder, View},
};

/// How the cross network and the deep network are joined (figure 1 of the paper).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// The deep network reads what the cross network gives.
    Stacked,
    /// Both read the embeddings, and the logit is a linear map of what both give.
    #[default]
    Parallel,
}

/// DCN-v2 (Wang et al., *DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank
/// Systems*, WWW 2021, equations 1 to 3): cross layers `x[l + 1] = x[0] * (W[l] x[l] + b[l]) + x[l]` over the fields'
/// embeddings and the numbers, side by side in `x[0]`, and a deep network. `l` layers make products of up to `l + 1`
/// features.
///
/// ```text
/// stacked   x[0] -- cross layers -- hidden layers -- output: logit
///
/// parallel  x[0] --+-- cross layers -- output --+
///                  +-- hidden layers - output --+-- sum: logit
/// ```
///
/// ```
/// use pocketrec::{data::clicks::PlantedClicks, models::DcnV2};
/// let data = PlantedClicks { users: 100, rows_per_user: 20, ..PlantedClicks::default() }.generate()?;
/// let plan = DcnV2::new(data.train.layout()).embedding_dim(8).cross(2).hidden([32]).plan()?;
/// let w = plan.param("cross.1.weight").map(|index| &plan.params()[index]);
/// assert!(w.is_some_and(|w| w.rows == w.width));
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DcnV2 {
    /// The fields.
    pub layout: Layout,
    /// Width of an embedding.
    pub embedding_dim: usize,
    /// Number of cross layers.
    pub cross: usize,
    /// Rank of their weights; nothing where these are whole.
    #[serde(default)]
    pub rank: Option<usize>,
    /// How both networks are joined.
    pub structure: Structure,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// What follows each of them.
    pub unit: Unit,
    /// Share of hidden values that is left out in training.
    pub dropout: f32,
}

impl DcnV2 {
    /// With embeddings 10 wide, three cross layers, and three hidden layers of 400 beside them, as the comparisons on
    /// public data have it.
    pub fn new(layout: &Layout) -> Self {
        DcnV2 {
            layout: layout.clone(),
            embedding_dim: 10,
            cross: 3,
            rank: None,
            structure: Structure::Parallel,
            hidden: vec![400, 400, 400],
            unit: Unit::Relu,
            dropout: 0.0,
        }
    }

    setters!(embedding_dim hidden unit dropout);

    /// Sets the number of cross layers.
    pub fn cross(mut self, layers: usize) -> Self {
        self.cross = layers;
        self
    }

    /// Sets the rank of their weights: with `U V` in place of `W` a layer has fewer parameters (equation 2).
    pub fn rank(mut self, rank: impl Into<Option<usize>>) -> Self {
        self.rank = rank.into();
        self
    }

    /// Sets how both networks are joined.
    pub fn structure(mut self, structure: Structure) -> Self {
        self.structure = structure;
        self
    }

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no fields or a size is out of range.
    pub fn plan(&self) -> Result<Plan> {
        check_fields(&self.layout)?;
        check_width("embedding_dim", self.embedding_dim)?;
        check_deep(&self.hidden, self.dropout)?;
        self.rank.map_or(Ok(()), |rank| check_width("rank", rank))?;
        if self.cross == 0 || self.cross > MAX_LAYERS {
            let reason = format!("{} cross layers; give 1 to {MAX_LAYERS}", self.cross);
            return Err(Error::config("cross", reason));
        }
        let mut plan = PlanBuilder::new();
        let x0 = embed(&mut plan, &self.layout, self.embedding_dim, true).all;
        let crossed = self.cross_network(&mut plan, x0);
        let logit = match self.structure {
            Structure::Stacked => deep(&mut plan, crossed, self.unit, &self.hidden, self.dropout),
            Structure::Parallel => {
                // A linear map of both side by side is the sum of a map of each; one bias is enough.
                let of_crossed = plan.linear_without_bias("cross.output", crossed, 1, Activation::Identity);
                let of_deep = deep(&mut plan, x0, self.unit, &self.hidden, self.dropout);
                plan.plain_sum(&[of_crossed, of_deep])
            }
        };
        plan.finish(SigmoidCrossEntropy { logit })
    }

    fn cross_network(&self, plan: &mut PlanBuilder, x0: View) -> View {
        (0..self.cross).fold(x0, |x, layer| plan.cross(&format!("cross.{layer}"), x0, x, self.rank))
    }
}

impl Widths for DcnV2 {
    fn widths(&self) -> (usize, &[usize]) {
        (self.embedding_dim, &self.hidden)
    }
}
