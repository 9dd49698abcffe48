//! Features as a checkpoint holds them.

use alloc::{format, string::String, vec::Vec};

use super::{FeatureKind, FeatureReport, Features, column::FeatureColumn};
use crate::data::{IdMap, clicks::Vocabulary};

/// A column of features as a checkpoint holds it.
#[derive(Clone, Debug)]
pub(crate) struct StoredColumn {
    pub name: String,
    pub kind: FeatureKind,
    /// What its features stand for, where these are keys.
    pub keys: IdMap,
    /// The bounds of its quantiles, where these are numbers.
    pub edges: Vec<f32>,
}

impl StoredColumn {
    fn of(column: &FeatureColumn) -> Self {
        let (keys, edges) = match &column.vocabulary {
            Vocabulary::Keys(keys) => (keys.clone(), Vec::new()),
            Vocabulary::Quantiles { edges } => (IdMap::new(), edges.clone()),
            Vocabulary::Hashed { .. } => Default::default(),
        };
        StoredColumn {
            name: column.name.clone(),
            kind: column.kind,
            keys,
            edges,
        }
    }

    /// The column whose features begin at `first`, or why there is no such.
    fn column(self, first: u32) -> Result<FeatureColumn, String> {
        let name = self.name.clone();
        let mut column = FeatureColumn::new(self.name, self.kind).map_err(|error| format!("{error}"))?;
        column.first = first;
        match (&mut column.vocabulary, self.kind) {
            (Vocabulary::Keys(keys), _) => *keys = self.keys,
            (Vocabulary::Quantiles { edges }, FeatureKind::Quantiles(parts)) => {
                let is_fit = self.edges.is_sorted_by(|a, b| a < b) && self.edges.len() < parts as usize;
                if !is_fit {
                    return Err(format!(
                        "the bounds of {name:?} are no {parts} quantiles in ascending order"
                    ));
                }
                *edges = self.edges;
            }
            _ => {}
        }
        Ok(column)
    }
}

impl Features {
    /// The columns as a checkpoint holds them.
    pub(crate) fn stored_columns(&self) -> impl Iterator<Item = StoredColumn> {
        self.columns.iter().map(StoredColumn::of)
    }

    /// Where each row's features end, the first of which is 0, and all of these.
    pub(crate) fn lists(&self) -> (&[usize], &[u32]) {
        (&self.offsets, &self.ids)
    }

    /// Features of rows of these keys, from what a checkpoint holds; the reason where it does not fit together.
    pub(crate) fn of_stored(
        row_ids: IdMap,
        columns: Vec<StoredColumn>,
        offsets: Vec<usize>,
        ids: Vec<u32>,
    ) -> Result<Self, String> {
        let (mut first, mut all) = (0u32, Vec::new());
        for column in columns {
            let column = column.column(first)?;
            let next = first.checked_add(column.features()).filter(|&next| next < u32::MAX);
            first = next.ok_or("there are more than 4294967294 features")?;
            all.push(column);
        }
        let ends = (offsets.first().copied(), offsets.last().copied());
        if offsets.len() != row_ids.len() + 1 || ends != (Some(0), Some(ids.len())) || !offsets.is_sorted() {
            let (rows, ids) = (row_ids.len(), ids.len());
            return Err(format!("the ends of {rows} lists must rise from 0 to {ids}"));
        }
        for (row, ends) in offsets.windows(2).enumerate() {
            let own = &ids[ends[0]..ends[1]];
            if !own.is_sorted_by(|a, b| a < b) || own.last().is_some_and(|&last| last >= first) {
                return Err(format!("the features of row {row} are not {first} in ascending order"));
            }
        }
        let without = offsets.windows(2).filter(|ends| ends[0] == ends[1]).count() as u32;
        Ok(Features {
            report: FeatureReport {
                rows: row_ids.len() as u64 - u64::from(without),
                without,
                ..FeatureReport::default()
            },
            row_ids,
            columns: all,
            offsets,
            ids,
        })
    }

    /// Those of some rows, which become `0..rows.len()` with these keys.
    pub(crate) fn of_rows(&self, rows: &[u32], keys: &IdMap) -> Self {
        let (mut offsets, mut ids) = (alloc::vec![0], Vec::new());
        for &row in rows {
            ids.extend_from_slice(self.of(row));
            offsets.push(ids.len());
        }
        let mut row_ids = keys.clone();
        row_ids.truncate(rows.len());
        Features {
            row_ids,
            columns: self.columns.clone(),
            offsets,
            ids,
            report: self.report.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::FeatureTable;

    fn features() -> Features {
        let keys = IdMap::from_keys(["a", "b", "c"]).unwrap();
        let table = FeatureTable::new(&keys).column("kind", FeatureKind::Values).unwrap();
        let table = table.column("size", FeatureKind::Quantiles(2)).unwrap();
        let mut table = table.column("title", FeatureKind::Words(5)).unwrap();
        table.push("a", &["x|y", "1", "one"]).unwrap();
        table.push("c", &["y", "9", ""]).unwrap();
        table.finish().unwrap()
    }

    #[test]
    fn what_is_stored_is_read_again_and_what_does_not_fit_is_refused() {
        let features = features();
        let (offsets, ids) = features.lists();
        let columns: Vec<StoredColumn> = features.stored_columns().collect();
        let of = |columns: &[StoredColumn], offsets: &[usize], ids: &[u32]| {
            Features::of_stored(
                features.row_ids.clone(),
                columns.to_vec(),
                offsets.to_vec(),
                ids.to_vec(),
            )
        };
        let again = of(&columns, offsets, ids).unwrap();
        assert_eq!(again, features);
        assert_eq!(
            again.encode(&[("size", "100")]).unwrap(),
            features.encode(&[("size", "9")]).unwrap()
        );

        let mut damaged = columns.clone();
        damaged[1].edges = alloc::vec![2.0, 1.0];
        assert!(of(&damaged, offsets, ids).is_err());
        assert!(of(&columns, &offsets[1..], ids).is_err());
        assert!(of(&columns, offsets, &ids[1..]).is_err());
        let mut backwards = ids.to_vec();
        backwards.swap(0, 1);
        assert!(of(&columns, offsets, &backwards).is_err());
        assert!(of(&columns[..1], offsets, ids).is_err(), "features that no column has");
    }

    #[test]
    fn rows_are_chosen() {
        let features = features();
        let chosen = features.of_rows(&[2, 1, 0], &IdMap::from_keys(["c", "b", "a"]).unwrap());
        assert_eq!(
            [0, 1, 2].map(|row| chosen.of(row)),
            [2, 1, 0].map(|row| features.of(row))
        );
        assert_eq!(chosen.row_ids().key(0).as_deref(), Some("c"));
    }
}
