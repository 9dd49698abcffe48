//! The clicks that were absorbed, by user: what histories go on with.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    Result,
    data::{
        IdMap,
        clicks::{Events, Layout},
    },
};

/// The clicks that were absorbed, by user, as far as histories reach back: what is known of users beyond the events
/// that a request brings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClickHistory {
    users: IdMap,
    events: Vec<Events>,
}

impl ClickHistory {
    /// Number of users with absorbed clicks.
    pub fn users(&self) -> usize {
        self.events.len()
    }

    /// How many clicks of a user are kept.
    pub fn clicks(&self, user: &str) -> usize {
        let events = self.of(user).into_iter().flatten().flatten();
        events.map(Vec::len).max().unwrap_or(0)
    }

    pub(super) fn of(&self, user: &str) -> Option<&Events> {
        self.events.get(self.users.get(user.trim())? as usize)
    }

    /// Adds a click: by history and field the id in `click`.
    pub(super) fn push(&mut self, user: &str, click: &Events, layout: &Layout) -> Result<()> {
        let at = self.users.get_or_insert(user)? as usize;
        if at == self.events.len() {
            let none = |history: &Vec<Vec<u32>>| history.iter().map(|_| Vec::new()).collect();
            self.events.push(click.iter().map(none).collect());
        }
        for ((of, new), sequence) in self.events[at].iter_mut().zip(click).zip(&layout.sequences) {
            for (ids, new) in of.iter_mut().zip(new) {
                ids.extend_from_slice(new);
                ids.drain(..ids.len().saturating_sub(sequence.length as usize));
            }
        }
        Ok(())
    }

    /// What is known of these users, to go back to.
    pub(super) fn keep<'a>(&self, users: impl Iterator<Item = &'a str>) -> Kept {
        let known = users.filter_map(|user| self.users.get(user));
        Kept {
            users: self.events.len(),
            events: known.map(|at| (at, self.events[at as usize].clone())).collect(),
        }
    }

    /// Forgets what these users did since, and users that came since.
    pub(super) fn go_back(&mut self, kept: Kept) {
        self.users.truncate(kept.users);
        self.events.truncate(kept.users);
        for (at, events) in kept.events {
            self.events[at as usize] = events;
        }
    }

    /// Why it does not go with a model's fields.
    #[cfg_attr(not(feature = "checkpoint"), allow(dead_code))]
    pub(crate) fn fault(&self, layout: &Layout) -> Option<String> {
        if self.users.len() != self.events.len() {
            return Some("there is not one history a user".into());
        }
        let fits = |events: &Events| {
            let same = events.len() == layout.sequences.len();
            same && events.iter().zip(&layout.sequences).all(|(history, sequence)| {
                let first = history.first().map_or(0, Vec::len);
                history.len() == sequence.fields.len()
                    && first <= sequence.length as usize
                    && history.iter().zip(&sequence.fields).all(|(ids, &field)| {
                        let rows = layout.vocabularies[layout.ids[field].vocabulary].rows;
                        ids.len() == first && ids.iter().all(|&id| id < rows)
                    })
            })
        };
        let bad = self.events.iter().position(|events| !fits(events))?;
        let user = self.users.key(bad as u32).unwrap_or_default();
        Some(alloc::format!(
            "the history of {user:?} does not go with the fields of the model"
        ))
    }
}

/// Part of a history, to go back to.
pub(super) struct Kept {
    users: usize,
    events: Vec<(u32, Events)>,
}

/// Why what is known of rows and users does not go with a model's fields.
#[cfg(feature = "checkpoint")]
pub(crate) fn absorbed_fault(layout: &Layout, support: Option<&[Vec<u32>]>, history: &ClickHistory) -> Option<String> {
    let tables = &layout.vocabularies;
    let counted = support.is_none_or(|support| {
        let mut both = support.iter().zip(tables);
        support.len() == tables.len() && both.all(|(counts, table)| counts.len() == table.rows as usize)
    });
    match counted {
        true => history.fault(layout),
        false => Some("there is not one count of training rows for each row of the tables".into()),
    }
}
