//! A look at the lists of the full ranking.

use alloc::{format, string::String, vec::Vec};

use crate::{
    Error, Result,
    data::Split,
    eval::{Best, Query},
};

/// Checks lists, and counts what is recommended.
pub(super) struct Looked {
    /// The last list that has each item; lists count from 1.
    pub last: Vec<u64>,
    lists: u64,
    is_recommended: Vec<bool>,
    pub recommended: u64,
}

impl Looked {
    pub fn new(split: &Split) -> Self {
        let items = split.train.items() as usize;
        Looked {
            last: alloc::vec![0; items],
            lists: 0,
            is_recommended: alloc::vec![false; items],
            recommended: 0,
        }
    }

    pub fn recommend(&mut self, best: &[(u32, f32)]) {
        for &(item, _) in best {
            let new = !core::mem::replace(&mut self.is_recommended[item as usize], true);
            self.recommended += u64::from(new);
        }
    }

    /// Lists that are what was asked for.
    pub fn checked(&mut self, lists: Vec<Best>, queries: &[Query<'_>], places: usize) -> Result<Vec<Best>> {
        if lists.len() != queries.len() {
            return Err(Error::Length {
                what: "lists, one a query".into(),
                expected: queries.len(),
                got: lists.len(),
            });
        }
        for (best, query) in lists.iter().zip(queries) {
            let fault = self.fault(best, query, places);
            if let Some(fault) = fault {
                return Err(Error::config("list", format!("that of user {} {fault}", query.user)));
            }
        }
        Ok(lists)
    }

    fn fault(&mut self, best: &Best, query: &Query<'_>, places: usize) -> Option<String> {
        self.lists += 1;
        if best.len() > places {
            return Some(format!("has {} items where {places} were asked for", best.len()));
        }
        let mut worst = f32::INFINITY;
        for &(item, score) in best {
            let Some(last) = self.last.get_mut(item as usize) else {
                return Some(format!("has item {item}, which is not one of the split's"));
            };
            if core::mem::replace(last, self.lists) == self.lists {
                return Some(format!("has item {item} twice"));
            }
            if query.known.binary_search(&item).is_ok() {
                return Some(format!("has item {item}, which is to be left out"));
            }
            if score.is_nan() || score > worst {
                return Some(format!(
                    "is not in descending order: item {item} of score {score} comes after {worst}"
                ));
            }
            worst = score;
        }
        None
    }
}
