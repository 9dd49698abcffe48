//! One update of many.

use alloc::{format, vec, vec::Vec};

use super::{Change, Delta};
use crate::{Error, Result};

impl Delta {
    /// One update of many that began from one base: a row is the mean over those that have it, so that a user's is the
    /// device's and an item's what most agree on. Clicks are left out.
    ///
    /// # Errors
    /// [`Error::Config`] where there are none, where bases differ, or where one has new users or items: they have no numbers
    /// that all know.
    pub fn mean(deltas: &[Delta]) -> Result<Delta> {
        let Some(first) = deltas.first() else {
            return Err(Error::config("deltas", "there are none to take a mean of"));
        };
        for (index, delta) in deltas.iter().enumerate() {
            let reason = match (delta.base == first.base, delta.before == delta.after) {
                (true, true) => continue,
                (false, _) => "it began from another base than the first",
                (true, false) => "it has new users or items, whose numbers others do not know",
            };
            return Err(Error::config("deltas", format!("delta {index}: {reason}")));
        }
        let mut names: Vec<&str> = deltas.iter().flat_map(|delta| delta.names()).collect();
        names.sort_unstable();
        names.dedup();
        let changes = names.into_iter().map(|name| {
            let of_name = |delta: &'_ Delta| delta.changes.iter().find(|change| change.name == name).cloned();
            mean_of(deltas.iter().filter_map(of_name).collect())
        });
        Ok(Delta {
            changes: changes.collect(),
            absorbed: deltas.iter().map(|delta| delta.absorbed).max().unwrap_or(0),
            clicks: Vec::new(),
            ..first.clone()
        })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.changes.iter().map(|change| &change.name[..])
    }
}

/// The mean of rows over those that have them, in their order and in `f64`.
fn mean_of(changes: Vec<Change>) -> Change {
    let width = changes[0].width;
    let mut rows: Vec<u32> = changes.iter().flat_map(|change| &change.rows).copied().collect();
    rows.sort_unstable();
    rows.dedup();
    let mut sums = vec![0.0f64; rows.len() * width];
    let mut counts = vec![0u32; rows.len()];
    for change in &changes {
        for (row, values) in change.rows.iter().zip(change.values.chunks_exact(width)) {
            let Ok(place) = rows.binary_search(row) else { continue };
            counts[place] += 1;
            let sums = &mut sums[place * width..][..width];
            sums.iter_mut().zip(values).for_each(|(sum, &x)| *sum += f64::from(x));
        }
    }
    let mean = |(place, sums): (usize, &[f64])| {
        let count = f64::from(counts[place]);
        sums.iter().map(move |sum| (sum / count) as f32).collect::<Vec<_>>()
    };
    Change {
        name: changes[0].name.clone(),
        width,
        values: sums.chunks_exact(width).enumerate().flat_map(mean).collect(),
        rows,
    }
}
