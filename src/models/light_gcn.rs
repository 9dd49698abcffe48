//! LightGCN: embeddings that reach one another along who has what, and a dot product.

use serde::{Deserialize, Serialize};

use super::{Loss, check_rows, check_width, setters};
use crate::{
    Error, Result,
    plan::{Init, Plan, PlanBuilder, Storage},
};

/// Layers beyond this are refused: everyone reaches everyone long before.
const MAX_LAYERS: usize = 16;

/// LightGCN: `logit = e_u . e_i`, where `e` is the mean of a node's own embedding and of what reaches it over one to `layers`
/// edges of the graph of interactions.
///
/// He, Deng, Wang, Li, Zhang, Wang: *LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation*, SIGIR
/// 2020, section 3.1; [`ops::propagate`](crate::ops::propagate) has the formula. As published it is trained by
/// [`Loss::Bpr`] with one negative, Adam at 1e-3 and an L2 weight of 1e-4
/// ([`L2::tables`](crate::plan::L2::tables)) in batches of 2,048. By [`Loss::Softmax`] it takes a fraction of the epochs, with one
/// layer (Wu et al., *BSL*, ICDE 2024).
///
/// Its graph is data: a [`Trainer`](crate::train::Trainer) makes it of what it trains on and has absorbed, and whoever runs
/// the plan on an executor hands it one ([`set_graph`](crate::executor::set_graph)). Every row of both tables moves at every
/// step, so that [`LazyAdam`](crate::plan::Optimizer::LazyAdam) and [`Adam`](crate::plan::Optimizer::Adam) are the same here.
///
/// ```
/// let plan = pocketrec::models::LightGcn::new(29_858, 40_981).plan()?;
/// assert_eq!(plan.weights(), (29_858 + 40_981) * 64);
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LightGcn {
    /// Rows of the user table.
    pub users: usize,
    /// Rows of the item table.
    pub items: usize,
    /// Width of the embeddings.
    pub embedding_dim: usize,
    /// How many edges an embedding reaches.
    pub layers: usize,
    /// What layers are kept as in training.
    #[serde(default)]
    pub storage: Storage,
}

impl LightGcn {
    /// LightGCN with embeddings of 64 columns and 3 layers.
    pub fn new(users: usize, items: usize) -> Self {
        LightGcn {
            users,
            items,
            embedding_dim: 64,
            layers: 3,
            storage: Storage::F32,
        }
    }

    setters!(embedding_dim);

    /// Sets how many edges an embedding reaches, 1 to 16.
    pub fn layers(mut self, layers: usize) -> Self {
        self.layers = layers;
        self
    }

    /// Sets what layers are kept as: in [halves](Storage::F16), an epoch takes less time with 2 layers and more, and what is
    /// learnt is as good (`benches/README.md`).
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Builds the plan that is trained as published, by [`Loss::Bpr`].
    ///
    /// # Errors
    /// [`Error::Config`] where a size is zero or too large.
    pub fn plan(&self) -> Result<Plan> {
        self.plan_for(Loss::Bpr)
    }

    /// Builds the plan that is trained by a loss.
    ///
    /// # Errors
    /// As [`plan`](LightGcn::plan).
    pub fn plan_for(&self, loss: Loss) -> Result<Plan> {
        check_rows(self.users, self.items)?;
        check_width("embedding_dim", self.embedding_dim)?;
        if self.layers == 0 || self.layers > MAX_LAYERS {
            let reason = alloc::format!("{}; give 1 to {MAX_LAYERS}", self.layers);
            return Err(Error::config("layers", reason));
        }
        let mut plan = PlanBuilder::new();
        let user = loss.query(&mut plan);
        let init = [self.users, self.items].map(|rows| self.init(loss, rows));
        let tables = [
            ("user.weight", "user", self.users, init[0]),
            ("item.weight", "item", self.items, init[1]),
        ];
        let nodes = plan.propagate(tables, self.embedding_dim, self.layers, self.storage);
        let p = plan.buffer(self.embedding_dim);
        plan.gather_propagated(nodes, user, p);
        let vector = |plan: &mut PlanBuilder, item| {
            let q = plan.buffer_in(plan.space_of_column(item), self.embedding_dim);
            plan.gather_propagated(nodes, item, q);
            q
        };
        if loss.is_of_vectors() {
            return loss.finish_vectors(plan, p, vector);
        }
        loss.finish(plan, |plan, item| {
            let (q, terms) = (vector(plan, item), plan.buffer(self.embedding_dim));
            plan.product(p, q, terms);
            plan.plain_sum(&[terms])
        })
    }

    /// How a table of so many rows begins: as in the authors' code, or, where vectors are compared by their directions, as in
    /// that of Wu et al. (*BSL*, ICDE 2024), Xavier's.
    fn init(&self, loss: Loss, rows: usize) -> Init {
        match loss.is_of_vectors() {
            true => Init::glorot(rows, self.embedding_dim),
            false => Init::Normal { std: 0.1 },
        }
    }
}
