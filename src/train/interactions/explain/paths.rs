//! Paths from the history to an item, along relations: `user -> item of the history -> relation -> item`.
//!
//! A link is a triple that is known, taken either way, or two that lead to one attribute. What a path along it is worth depends on
//! the model ([`explain`](crate::explain) has the words):
//!
//! ```text
//! edges of a graph     w_uh w_hi (sent_h . sent_h)      the part of e_u . e_i that comes to both from h over these two edges
//! a step of CFKG       -|u - h|^2 - |h + r - i|^2       and by an attribute a -|u - h|^2 - |a + r - h|^2 - |a + r - i|^2
//! elsewhere            what h gives to the score, of which the relation is a reason
//! ```

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    Result,
    data::Relations,
    explain::{Explanation, Path, Reason, Way},
    train::Trainer,
};

/// A way from an item of the history to another item.
pub(super) struct Link {
    /// The item of the history.
    pub item: u32,
    /// The place of the relation among all.
    pub relation: usize,
    pub by: By,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Forward,
    Backward,
    Attribute(u32),
}

/// All links to an item from those of a history, which is in ascending order.
pub(super) fn links(relations: &Relations, history: &[u32], item: u32) -> Vec<Link> {
    let has = |other: u32| other != item && history.binary_search(&other).is_ok();
    let mut links = Vec::new();
    for (relation, known) in relations.all.iter().enumerate() {
        let link = |item, by| Link { item, relation, by };
        links.extend(known.pairs.iter().filter_map(|&(head, tail)| match (head, tail) {
            (head, tail) if tail == item && has(head) => Some(link(head, By::Forward)),
            (head, tail) if head == item && has(tail) => Some(link(tail, By::Backward)),
            _ => None,
        }));
        let own = known.attributes.iter().filter(|pair| pair.0 == item);
        let mut own: Vec<u32> = own.map(|pair| pair.1).collect();
        own.sort_unstable();
        let shared = known.attributes.iter().filter(|pair| has(pair.0));
        let shared = shared.filter(|pair| own.binary_search(&pair.1).is_ok());
        links.extend(shared.map(|&(other, attribute)| link(other, By::Attribute(attribute))));
    }
    links
}

/// The best of some links, each with what it is worth; the first of equal ones.
pub(super) fn best(relations: &Relations, links: impl Iterator<Item = (Link, f64)>) -> Option<Path> {
    let better = |best: (Link, f64), next: (Link, f64)| {
        let is_better = next.1 > best.1 || (next.1 == best.1 && next.0.item < best.0.item);
        if is_better { next } else { best }
    };
    let (link, worth) = links.reduce(better)?;
    Some(Path {
        item: link.item,
        relation: relations.all.get(link.relation)?.name.clone(),
        way: match link.by {
            By::Forward => Way::Forward,
            By::Backward => Way::Backward,
            By::Attribute(attribute) => Way::Through(relations.attribute_key(attribute)),
        },
        contribution: worth as f32,
    })
}

impl Trainer {
    /// The path by the item of the history that gives the most, of those that have to do with the item.
    pub(super) fn path_by_parts(&self, reasons: &[Reason], item: u32) -> Option<Path> {
        let relations = self.relations.as_ref()?;
        let parts: BTreeMap<u32, f32> = reasons
            .iter()
            .map(|reason| (reason.item, reason.contribution))
            .collect();
        let history: Vec<u32> = parts.keys().copied().collect();
        let links = links(relations, &history, item).into_iter();
        let worth = links.map(|link| {
            let part = parts.get(&link.item).copied().unwrap_or_default();
            (link, f64::from(part))
        });
        best(relations, worth.filter(|(_, part)| *part > 0.0))
    }

    /// How well steps lead from the history to an item.
    pub(super) fn explain_by_paths(&mut self, user: u32, item: u32) -> Result<Explanation> {
        let score = self.score(&[(user, item)])?[0];
        let mut history = self.own_history(user);
        history.sort_unstable();
        let Some(relations) = self.relations.take() else {
            return Ok(Explanation::paths(score, [], None));
        };
        let found = self.worth_of_links(&relations, links(&relations, &history, item), [user, item]);
        let explanation = found.map(|links| {
            let mut reasons = BTreeMap::new();
            for (link, worth) in &links {
                let best = reasons.entry(link.item).or_insert(f64::NEG_INFINITY);
                *best = worth.max(*best);
            }
            let reasons = reasons.into_iter().map(|(item, worth)| (item, worth as f32));
            Explanation::paths(score, reasons, best(&relations, links.into_iter()))
        });
        self.relations = Some(relations);
        explanation
    }

    /// What each link is worth by the steps that its path takes.
    fn worth_of_links(
        &mut self,
        relations: &Relations,
        links: Vec<Link>,
        [user, item]: [u32; 2],
    ) -> Result<Vec<(Link, f64)>> {
        let (point, target) = (self.row("user.weight", user)?, self.row("item.weight", item)?);
        // The first step of each relation's: that of its positives, and behind it that of its attributes.
        let steps: Vec<u32> = relations
            .all
            .iter()
            .scan(0, |next: &mut u32, relation| {
                let first = *next;
                *next += u32::from(relation.is_positive) + u32::from(relation.has_attributes);
                Some(first)
            })
            .collect();
        let mut worth = Vec::with_capacity(links.len());
        for link in links {
            let known = &relations.all[link.relation];
            let mut step = steps[link.relation];
            let own = self.row("item.weight", link.item)?;
            let first = nearness(&point, None, &own);
            let rest = match link.by {
                By::Attribute(attribute) => {
                    step += u32::from(known.is_positive);
                    let (head, step) = (
                        self.row("attribute.weight", attribute)?,
                        self.row("relation.weight", step)?,
                    );
                    nearness(&head, Some(&step), &own) + nearness(&head, Some(&step), &target)
                }
                By::Forward => nearness(&own, Some(&self.row("relation.weight", step)?[..]), &target),
                By::Backward => nearness(&target, Some(&self.row("relation.weight", step)?), &own),
            };
            worth.push((link, first + rest));
        }
        Ok(worth)
    }
}

/// `-|from + step - to|^2`.
fn nearness(from: &[f64], step: Option<&[f64]>, to: &[f64]) -> f64 {
    let at = |k: usize| from[k] + step.map_or(0.0, |step| step[k]) - to[k];
    -(0..to.len()).map(|k| at(k) * at(k)).sum::<f64>()
}
