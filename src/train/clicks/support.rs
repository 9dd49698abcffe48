//! How many training rows each row of a table rests on.

use alloc::{vec, vec::Vec};

use super::ClickTrainer;
use crate::data::clicks::{Layout, Samples};

/// The count of a row that was trained before rows were counted.
pub(super) const NEVER_COUNTED: u32 = u32::MAX;

impl ClickTrainer {
    /// Changes the counts of rows by one for each of these ids, in the vocabularies of the layout.
    pub(super) fn count(&mut self, ids: &[(usize, u32)], change: impl Fn(u32) -> u32) {
        let Some(support) = &mut self.support else { return };
        for &(vocabulary, id) in ids {
            let count = &mut support[vocabulary][id as usize];
            if *count != NEVER_COUNTED {
                *count = change(*count);
            }
        }
    }

    /// Counts of all rows; old ones that were never counted stay marked as such.
    pub(super) fn support_for(&mut self, layout: &Layout) {
        let support = self.support.get_or_insert_with(|| {
            let old = &self.model.layout().vocabularies;
            old.iter()
                .map(|table| vec![NEVER_COUNTED; table.rows as usize])
                .collect()
        });
        for (support, table) in support.iter_mut().zip(&layout.vocabularies) {
            support.resize(table.rows as usize, 0);
        }
    }
}

/// Counts in how many training rows each row of a table is; what more is known of it stays.
pub(super) fn count_training_rows(support: &mut Option<Vec<Vec<u32>>>, layout: &Layout, train: &Samples) {
    let (counted, names) = (train.count_ids(), &train.layout().vocabularies);
    let known = support.take().unwrap_or_default();
    let tables = layout.vocabularies.iter().enumerate();
    let counts = tables.map(|(index, table)| {
        let found = names.iter().position(|other| other.name == table.name);
        let mut counts = found.map_or_else(Vec::new, |at| counted[at].clone());
        counts.resize(table.rows as usize, 0);
        for (count, &known) in counts.iter_mut().zip(known.get(index).into_iter().flatten()) {
            if known != NEVER_COUNTED {
                *count = known.max(*count);
            }
        }
        counts
    });
    *support = Some(counts.collect());
}
