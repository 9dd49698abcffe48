//! Models that propagate along the graph of interactions: the graph, and how what is new is folded in.
//!
//! The graph is that of all that is trained on and was absorbed since, and of relations between items. It is made of the
//! histories and the relations, which checkpoints have, so that it is the same after loading. Items that are held out are no part of it.

use super::{AbsorbConfig, AbsorbReport, ITEM, Trainer, USER, keys::pad};
use crate::{Result, checks::nodes_of, data::GraphBuilder, executor::set_graph, shared::Arc};

impl Trainer {
    /// Hands the executor the graph of the histories and relations, where its plan propagates.
    pub(crate) fn give_graph(&mut self) -> Result<()> {
        if self.plan().propagation().is_none() {
            return Ok(());
        }
        let absorbed = self.history.absorbed_pairs();
        let users = self.history.offsets.len().saturating_sub(1) as u32;
        let trained = (0..users).flat_map(|user| self.history.trained(user).iter().map(move |&item| (user, item)));
        let nodes = nodes_of(self.plan());
        let mut graph = GraphBuilder::new(nodes)
            .pairs(self.history.items.len(), trained)?
            .pairs(absorbed.len(), absorbed.into_iter())?;
        if let Some(relations) = &self.relations {
            graph = graph.edges(&relations.node_edges(nodes[USER]))?;
        }
        let graph = graph.build()?;
        set_graph(&mut *self.core.executor, Arc::new(graph)).wait()
    }

    /// Adds interactions as edges. A new item's row is zero: what comes over its edges is all that it is. A new user's row is the mean
    /// of users who have the same items, as far as these have rows.
    pub(super) fn fold_in(&mut self, pairs: &[(u32, u32)], config: &AbsorbConfig) -> Result<AbsorbReport> {
        let old = [self.users(), self.items()];
        let needed = [self.rows_for(USER, pairs, config)?, self.rows_for(ITEM, pairs, config)?];
        if pairs.is_empty() {
            return Ok(AbsorbReport::default());
        }
        self.prepare_absorb()?;
        self.grow_zeroed(needed)?;
        if self.plan().propagation().is_some() {
            self.start_later_users(pairs, old[USER])?;
        }
        self.core.forget_best();

        let before = self.mean_logit(pairs)?;
        let fresh = self.record(pairs);
        self.give_graph()?;
        Ok(AbsorbReport {
            pairs: pairs.len(),
            known: pairs.len() - fresh,
            new_users: needed[USER] - old[USER],
            new_items: needed[ITEM] - old[ITEM],
            steps: 0,
            before,
            after: self.mean_logit(pairs)?,
        })
    }

    /// Makes the tables as long as they need to be. New rows are zero.
    pub(super) fn grow_zeroed(&mut self, needed: [usize; 2]) -> Result<()> {
        let old = [self.users(), self.items()];
        for side in [USER, ITEM] {
            if needed[side] > old[side] {
                if let Ok(vocabulary) = self.vocabulary(side) {
                    self.core.executor.grow(vocabulary, needed[side]).wait()?;
                }
                let (users, items) = self.model.rows_mut();
                *(if side == ITEM { items } else { users }) = needed[side];
            }
        }
        pad(&mut self.user_ids, needed[USER])?;
        pad(&mut self.item_ids, needed[ITEM])?;
        self.keyed = true;
        Ok(())
    }
}
