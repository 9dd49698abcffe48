//! The ids of one column of a batch, and their sorted order, by which sparse updates go.

use alloc::vec::Vec;

/// A run of equal ids in a column's sorted order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The id, which is the row of the tables that this column reads.
    pub row: u32,
    /// Where the run begins in [`IdColumn::order`]; it ends where the next one begins.
    pub start: u32,
}

/// The ids of one column (`user`, `item`, ...) of a batch, and the plan of its sparse update.
#[derive(Clone, Debug, Default)]
pub struct IdColumn {
    /// One id a sample, or one a step of the samples' sequences.
    pub ids: Vec<u32>,
    /// One weight an id, which its row is multiplied by, where the plan's column is
    /// [weighted](crate::plan::Column::weighted).
    pub weights: Vec<f32>,
    /// The positions of `ids`, stably sorted by id; empty until the batch is [sorted](super::Batch::sort).
    pub order: Vec<u32>,
    /// The distinct ids in ascending order, with where their positions begin in `order`; empty until the batch is sorted.
    pub segments: Vec<Segment>,
    scratch: Vec<u32>,
}

/// An empty vector with room for so many, if there is memory for them: it grows on demand anyway.
pub(super) fn with_room<T>(capacity: usize) -> Vec<T> {
    let mut vector = Vec::new();
    let _ = vector.try_reserve_exact(capacity);
    vector
}

impl IdColumn {
    /// An empty column with room for so many ids, as far as there is memory.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        IdColumn {
            ids: with_room(capacity),
            weights: Vec::new(),
            order: with_room(capacity),
            segments: with_room(capacity),
            scratch: with_room(capacity),
        }
    }

    /// The samples (or steps) of segment `index`, as positions in the column, first come first.
    pub fn samples(&self, index: usize) -> &[u32] {
        let end = self
            .segments
            .get(index + 1)
            .map_or(self.order.len(), |next| next.start as usize);
        &self.order[self.segments[index].start as usize..end]
    }

    /// Sorts the positions by id (by inserting one after the other where they are few, else a radix sort by bytes, least
    /// significant first) and finds the segments.
    pub(super) fn sort(&mut self) {
        self.order.clear();
        self.order.extend(0..self.ids.len() as u32);
        if self.ids.len() <= FEW {
            insert_each(&self.ids, &mut self.order);
        } else {
            self.sort_by_bytes();
        }
        self.segments.clear();
        // At most one an id: no room is asked for within the loop.
        self.segments.reserve(self.ids.len());
        let mut last = None;
        for (start, &position) in (0..).zip(&self.order) {
            let row = self.ids[position as usize];
            if last.replace(row) != Some(row) {
                self.segments.push(Segment { row, start });
            }
        }
    }

    fn sort_by_bytes(&mut self) {
        self.scratch.resize(self.ids.len(), 0);
        let largest = self.ids.iter().copied().max().unwrap_or(0);
        let mut shift = 0;
        while shift < 32 && largest >> shift != 0 {
            sort_by_byte(&self.ids, shift, &self.order, &mut self.scratch);
            core::mem::swap(&mut self.order, &mut self.scratch);
            shift += 8;
        }
    }
}

/// So many positions are sorted with fewer comparisons than a pass by a byte has counters.
const FEW: usize = 32;

/// Sorts positions stably by their ids.
fn insert_each(ids: &[u32], order: &mut [u32]) {
    for end in 1..order.len() {
        let position = order[end];
        let id = ids[position as usize];
        let mut place = end;
        while place > 0 && ids[order[place - 1] as usize] > id {
            order[place] = order[place - 1];
            place -= 1;
        }
        order[place] = position;
    }
}

/// One pass of the sort: the positions in `from`, stably by the byte of their ids at `shift`, go to `to`.
// A function of slices: what the compiler cannot tell apart from the vectors' own fields it would load anew for each id.
fn sort_by_byte(ids: &[u32], shift: u32, from: &[u32], to: &mut [u32]) {
    let byte = |id: u32| (id >> shift & 0xff) as usize;
    let mut ends = [0u32; 256];
    for &id in ids {
        ends[byte(id)] += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        total += core::mem::replace(end, total);
    }
    for &position in from {
        let next = &mut ends[byte(ids[position as usize])];
        to[*next as usize] = position;
        *next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::Batch, rng::Rng};

    #[test]
    fn order_is_that_of_a_stable_sort() {
        for (len, rows) in [
            (0, 1),
            (1, 1),
            (7, 3),
            (32, 9),
            (33, 9),
            (256, 1),
            (300, 70_000),
            (1000, u32::MAX),
        ] {
            let rng = Rng::new(len).stream(rows);
            let ids: Vec<u32> = (0..len).map(|i| rng.below(i, rows)).collect();
            let labels = alloc::vec![0.0; ids.len()];
            let batch = Batch::from_columns(&[&ids], &labels).unwrap();
            let mut order: Vec<u32> = (0..len as u32).collect();
            order.sort_by_key(|&i| ids[i as usize]);
            let column = batch.column(0);
            assert_eq!(column.order, order);
            let mut rebuilt = Vec::new();
            for (index, segment) in column.segments.iter().enumerate() {
                assert!(column.samples(index).iter().all(|&i| ids[i as usize] == segment.row));
                rebuilt.extend_from_slice(column.samples(index));
            }
            assert_eq!(rebuilt, order);
        }
    }
}
