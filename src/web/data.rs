//! What is trained on.

use alloc::{format, vec::Vec};

use wasm_bindgen::prelude::*;

use super::settings;
use crate::{
    Error, Result,
    data::{Delimited, Interactions, Split},
};

/// Interactions to train on, and each user's latest one to test with.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Data(Split);

#[wasm_bindgen]
impl Data {
    /// Of a file's bytes, in any format that [`Interactions::read_bytes`] reads; `name` stands for the file in messages. Titles
    /// come from one of the files that [`Interactions::with_titles_of_bytes`] reads.
    ///
    /// # Errors
    /// Those of both, and of [`Interactions::leave_one_out`].
    pub fn of_file(bytes: Vec<u8>, name: &str, titles: Option<Vec<u8>>, titles_name: &str) -> Result<Data, JsError> {
        let mut interactions = Interactions::read_bytes(name, bytes, &Delimited::default())?;
        if let Some(titles) = titles {
            interactions = interactions.with_titles_of_bytes(titles_name, titles)?;
        }
        Ok(Data(interactions.leave_one_out()?))
    }

    /// Of columns of one length; `times` may be empty: then the order of rows counts.
    ///
    /// # Errors
    /// [`Error::Length`] where lengths differ, [`Error::Config`] where a time is no whole number, and where an id is so large
    /// that ids cannot be dense; those of [`Interactions::leave_one_out`].
    pub fn of_columns(users: &[u32], items: &[u32], times: &[f64]) -> Result<Data, JsError> {
        Ok(Data(of_columns(users, items, times)?.leave_one_out()?))
    }

    /// Made up, as [`Planted`](crate::data::Planted) has it; what the JSON leaves out are its defaults.
    ///
    /// # Errors
    /// Those of [`Planted::generate`](crate::data::Planted::generate), and [`Error::Config`] where a setting is unknown or of another type.
    pub fn planted(settings: &str) -> Result<Data, JsError> {
        Ok(Data(
            settings::planted(settings)?.generate()?.interactions.leave_one_out()?,
        ))
    }
}

impl Data {
    pub(super) fn into_split(self) -> Split {
        self.0
    }
}

fn of_columns(users: &[u32], items: &[u32], times: &[f64]) -> Result<Interactions> {
    let others = [("items", items.len(), true), ("times", times.len(), !times.is_empty())];
    if let Some((what, got, _)) = others
        .into_iter()
        .find(|&(_, len, counts)| counts && len != users.len())
    {
        return Err(Error::Length {
            what: format!("{what}, which go with the users"),
            expected: users.len(),
            got,
        });
    }
    let pairs = users.iter().copied().zip(items.iter().copied());
    if times.is_empty() {
        return Interactions::from_pairs(&pairs.collect::<Vec<_>>());
    }
    let mut triples = Vec::with_capacity(users.len());
    for (row, ((user, item), &time)) in pairs.zip(times).enumerate() {
        // Whole numbers up to this are exact.
        const MOST: f64 = 9_007_199_254_740_992.0;
        if !(time.abs() <= MOST && time == time.trunc()) {
            let reason = format!("row {row} has {time}; give whole numbers, seconds by custom");
            return Err(Error::config("times", reason));
        }
        triples.push((user, item, time as i64));
    }
    Interactions::from_triples(&triples)
}
