//! What comes over each of a user's edges, of models that propagate along the graph.
//!
//! The user's vector is a sum over the edges ([`ops::propagate::sent`](crate::ops::propagate::sent)), and so is its product with the
//! item's:
//!
//! ```text
//! e_u = E0_u / (layers + 1) + sum over items h of the history of w_uh sent_h
//! e_u . e_i = E0_u . e_i / (layers + 1) + sum over h of w_uh (sent_h . e_i)
//! ```
//!
//! The first is the rest, what is learnt of the user alone: it is 0 of somebody who was folded in.

use alloc::{format, vec, vec::Vec};

use super::{dot, scale_of};
use crate::{
    Error, Result,
    executor::Propagation,
    explain::{Explanation, Reason},
    ops::Propagate,
    train::Trainer,
};

impl Trainer {
    /// The parts of a score that come over the edges to the history's items.
    pub(super) fn explain_propagated(&mut self, user: u32, item: u32) -> Result<Explanation> {
        let score = self.score(&[(user, item)])?[0];
        let plan = self.plan();
        let Some(&Propagate { tables, layers, .. }) = plan.propagation() else {
            return Err(Error::config("model", "it propagates no tables"));
        };
        let width = plan.params()[tables[0]].width;
        let own = self.row("user.weight", user)?;
        let propagation = self.propagation()?;
        let [of_user, of_item] = [(tables[0], user), (tables[1], item)];
        let vector = |propagation: &mut dyn Propagation, (table, row): (usize, u32)| {
            let mut values = vec![0.0; width];
            propagation.propagated_rows(table, row as usize, &mut values).wait()?;
            Ok::<_, Error>(wide(&values))
        };
        let of_user = vector(propagation, of_user)?;
        let of_item = vector(propagation, of_item)?;
        let scale = scale_of(self.config.loss, &of_user, &of_item);

        let propagation = self.propagation()?;
        let (items, weights) = edges(propagation, user);
        let mut sent = vec![0.0; items.len() * width];
        propagation.sent_rows(tables[1], &items, &mut sent).wait()?;
        let sent = sent.chunks_exact(width).map(wide);
        let reason = |((&item, weight), sent): ((&u32, f32), Vec<f64>)| Reason {
            item,
            contribution: (f64::from(weight) * dot(&sent, &of_item) * scale) as f32,
        };
        let reasons = items.iter().zip(weights).zip(sent).map(reason).collect();
        let rest = dot(&own, &of_item) * scale / (layers + 1) as f64;
        Ok(Explanation::new(score, reasons, rest as f32))
    }

    fn propagation(&mut self) -> Result<&mut dyn Propagation> {
        let device = self.device();
        self.core.executor.propagation().ok_or_else(|| {
            Error::Device(format!(
                "{device} does not hand out what is propagated: take the CPU (Device::cpu())"
            ))
        })
    }
}

/// The items that a user is joined to, and the weights of the edges.
fn edges(propagation: &dyn Propagation, user: u32) -> (Vec<u32>, Vec<f32>) {
    let Some(graph) = propagation.graph() else {
        return Default::default();
    };
    let (neighbours, weights) = graph.of_node(user as usize);
    // Users have edges to items alone.
    let items = neighbours.iter().map(|&node| node - graph.users());
    (items.collect(), weights.to_vec())
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
