//! Other numbers for a batch's ids, which keep their order.

use super::{Batch, IdColumn};

impl Batch {
    /// A copy with other numbers for ids, which keep their order: `number(column, id)`. A [sorted](Batch::sort) batch stays so.
    pub(crate) fn renumbered(&self, number: impl Fn(usize, u32) -> u32) -> Batch {
        let mut batch = self.clone();
        for (index, column) in batch.columns.iter_mut().enumerate() {
            column.renumber(|id| number(index, id));
        }
        batch
    }
}

impl IdColumn {
    /// Gives the ids of a sorted column other numbers, which keep their order: each distinct one is asked for once.
    fn renumber(&mut self, number: impl Fn(u32) -> u32) {
        for index in 0..self.segments.len() {
            let own = number(self.segments[index].row);
            self.segments[index].row = own;
            let end = self
                .segments
                .get(index + 1)
                .map_or(self.order.len(), |next| next.start as usize);
            for &position in &self.order[self.segments[index].start as usize..end] {
                self.ids[position as usize] = own;
            }
        }
    }
}
