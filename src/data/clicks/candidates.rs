//! What a row's own item is to be ranked among.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Ragged, Samples, collect::Columns, samples::Candidates};
use crate::{Error, Result};

impl Samples {
    /// Whether rows carry negatives.
    pub fn has_negatives(&self) -> bool {
        self.candidates.is_some()
    }

    /// Number of negatives of a row.
    pub fn negatives(&self, row: usize) -> usize {
        self.candidates
            .as_ref()
            .map_or(0, |candidates| candidates.range(row).len())
    }

    /// The negatives of a row in a field of one id; none where the field does not depend on the candidate.
    pub fn negative_ids(&self, field: usize, row: usize) -> &[u32] {
        let Some(candidates) = &self.candidates else {
            return &[];
        };
        let ids = candidates.columns.ids.get(field).map_or(&[][..], Vec::as_slice);
        ids.get(candidates.range(row)).unwrap_or_default()
    }

    /// The rows of a ranking: each of `rows` with label 1, and behind it its negatives with label 0, in the context and
    /// with the history of the row. Row `r` takes `1 + negatives(r)` rows.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no negatives, [`Error::Length`] where there are not so many rows.
    pub fn cases(&self, rows: Range<usize>) -> Result<Samples> {
        let Some(candidates) = &self.candidates else {
            let reason = "the rows carry no negatives to rank among; see Schema::negatives";
            return Err(Error::config("samples", reason));
        };
        if rows.end > self.len() || rows.start > rows.end {
            return Err(Error::Length {
                what: "rows of samples up to the last case".into(),
                expected: self.len(),
                got: rows.end,
            });
        }
        // The row that each row of the result comes from.
        let source = || {
            rows.clone()
                .flat_map(|row| (0..=candidates.range(row).len()).map(move |_| row))
        };
        let columns = self.case_columns(candidates, rows.clone())?;
        let sequences = self.sequences.iter();
        let sequences = sequences.map(|sequence| sequence.with_rows(source())).collect();
        let ranked = |row: usize| (0..=candidates.range(row).len()).map(|at| f32::from(u8::from(at == 0)));
        let labels = rows.clone().flat_map(ranked).collect();
        let mut cases = Samples::new(self.layout.clone(), columns, sequences, labels);
        if !self.groups.is_empty() {
            cases.groups = source().map(|row| self.groups[row]).collect();
            cases.users = self.users.clone();
        }
        Ok(cases)
    }

    fn case_columns(&self, candidates: &Candidates, rows: Range<usize>) -> Result<Columns> {
        let Candidates { columns, dependent, .. } = candidates;
        let mut cases = Columns {
            many: alloc::vec![Ragged::default(); self.columns.many.len()],
            ..Columns::default()
        };
        for ((own, others), &depends) in self.columns.ids.iter().zip(&columns.ids).zip(&dependent.ids) {
            let mut ids = Vec::new();
            for row in rows.clone() {
                let range = candidates.range(row);
                ids.push(own[row]);
                match depends {
                    true => ids.extend_from_slice(&others[range]),
                    false => ids.resize(ids.len() + range.len(), own[row]),
                }
            }
            cases.ids.push(ids);
        }
        let width = dependent.numbers.len();
        for row in rows.clone() {
            let own = &self.columns.numbers[row * width..][..width];
            cases.numbers.extend_from_slice(own);
            for other in candidates.range(row) {
                let pick = |at: usize| match dependent.numbers[at] {
                    true => columns.numbers[other * width + at],
                    false => own[at],
                };
                cases.numbers.extend((0..width).map(pick));
            }
        }
        for (at, to) in cases.many.iter_mut().enumerate() {
            let (own, others) = (&self.columns.many[at], &columns.many[at]);
            for row in rows.clone() {
                to.push_row(own, row)?;
                for other in candidates.range(row) {
                    match dependent.many[at] {
                        true => to.push_row(others, other)?,
                        false => to.push_row(own, row)?,
                    }
                }
            }
        }
        Ok(cases)
    }
}
