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
//! The first is the rest, what is learnt of the user alone: of somebody who was folded in, of users who have the same items.

use alloc::{collections::BTreeMap, format, vec, vec::Vec};

use super::{
    dot,
    paths::{best, links},
    scale_of,
};
use crate::{
    Error, Result,
    executor::Propagation,
    explain::{Explanation, Path, Reason},
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
        let sent: Vec<Vec<f64>> = sent.chunks_exact(width).map(wide).collect();
        let reason = |((&item, &weight), sent): ((&u32, &f32), &Vec<f64>)| Reason {
            item,
            contribution: (f64::from(weight) * dot(sent, &of_item) * scale) as f32,
        };
        let reasons = items.iter().zip(&weights).zip(&sent).map(reason).collect();
        let rest = dot(&own, &of_item) * scale / (layers + 1) as f64;
        let mut why = Explanation::new(score, reasons, rest as f32);
        why.path = match self.relations.as_ref() {
            Some(relations) if relations.weighted_pairs().next().is_some() => {
                let squares = sent.iter().map(|sent| dot(sent, sent) * scale);
                let parts = weights
                    .iter()
                    .zip(squares)
                    .map(|(&weight, square)| f64::from(weight) * square);
                self.path_by_edges(items.iter().copied().zip(parts).collect(), item)?
            }
            _ => self.path_by_parts(&why.reasons, item),
        };
        Ok(why)
    }

    /// The edge of a relation over which the item gets the most of what the user gets too: of each item that the user has, `parts`
    /// has `w_uh (sent_h . sent_h)`.
    fn path_by_edges(&mut self, parts: BTreeMap<u32, f64>, item: u32) -> Result<Option<Path>> {
        let (neighbours, weights) = edges_of_item(self.propagation()?, item);
        let weights: BTreeMap<u32, f32> = neighbours.into_iter().zip(weights).collect();
        let Some(relations) = &self.relations else {
            return Ok(None);
        };
        let history: Vec<u32> = parts.keys().copied().collect();
        let mut links = links(relations, &history, item);
        links.retain(|link| relations.all[link.relation].weight > 0.0);
        let weight_of = |relation: usize| f64::from(relations.all[relation].weight);
        let mut whole = BTreeMap::new();
        for link in &links {
            *whole.entry(link.item).or_insert(0.0) += weight_of(link.relation);
        }
        let worth = links.into_iter().map(|link| {
            let edge = weights.get(&link.item).copied().unwrap_or_default();
            let share = weight_of(link.relation) / whole[&link.item];
            let part = parts[&link.item] * f64::from(edge) * share;
            (link, part)
        });
        Ok(best(relations, worth.filter(|(_, part)| *part > 0.0)))
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

/// The items that an item is joined to, and the weights of the edges.
fn edges_of_item(propagation: &dyn Propagation, item: u32) -> (Vec<u32>, Vec<f32>) {
    let Some(graph) = propagation.graph() else {
        return Default::default();
    };
    let (neighbours, weights) = graph.of_node(graph.users() as usize + item as usize);
    let all = neighbours.iter().zip(weights);
    all.filter_map(|(node, &weight)| Some((node.checked_sub(graph.users())?, weight)))
        .unzip()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
