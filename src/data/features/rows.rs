//! Features of rows that come later.

use alloc::vec::Vec;

use super::Features;
use crate::{Error, Result, data::IdMap};

impl Features {
    /// Makes these the features of a row, in ascending order and each once. Rows before it that are not there yet have none; `keys` are
    /// those of all rows up to it, of which the present ones are the first.
    ///
    /// A row behind the last takes time in proportion to its features, another one to all that come after it.
    pub(crate) fn set_row(&mut self, row: u32, keys: &IdMap, mut features: Vec<u32>) -> Result<()> {
        features.sort_unstable();
        features.dedup();
        if let Some(&last) = features.last().filter(|&&last| last >= self.features()) {
            return Err(Error::Id {
                column: "feature".into(),
                id: last.into(),
                rows: self.features().into(),
            });
        }
        if row as usize >= self.rows() {
            match keys.is_numbered() {
                true => self.row_ids = IdMap::numbered(row + 1),
                false => {
                    for row in self.rows() as u32..=row {
                        self.row_ids.get_or_insert(&keys.key(row).unwrap_or_default())?;
                    }
                }
            }
            self.offsets.resize(row as usize + 2, self.ids.len());
        }
        let row = row as usize;
        let old = self.offsets[row]..self.offsets[row + 1];
        let (before, after) = (old.len(), features.len());
        self.ids.splice(old, features);
        for end in &mut self.offsets[row + 1..] {
            *end = *end + after - before;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::data::{FeatureKind, FeatureTable};

    #[test]
    fn rows_are_set_where_they_are_and_behind_the_last() {
        let table = FeatureTable::new(&IdMap::from_keys(["a", "b", "c"]).unwrap());
        let mut table = table.column("kind", FeatureKind::Values).unwrap();
        table.push("a", &["x|y|z"]).unwrap();
        table.push("c", &["y"]).unwrap();
        let mut features = table.finish().unwrap();
        let keys = IdMap::from_keys(["a", "b", "c", "d", "e"]).unwrap();
        features.set_row(4, &keys, vec![2, 1, 2]).unwrap();
        features.set_row(1, &keys, vec![0]).unwrap();
        let lists = [0, 1, 2, 3, 4, 5].map(|row| features.of(row).to_vec());
        assert_eq!(lists, [vec![0, 1, 2], vec![0], vec![1], vec![], vec![1, 2], vec![]]);
        assert_eq!(features.row_ids(), &keys);
        features.set_row(0, &keys, vec![]).unwrap();
        assert_eq!(
            (features.of(0), features.of(1), features.of(4)),
            (&[][..], &[0][..], &[1, 2][..])
        );
        assert!(matches!(
            features.set_row(0, &keys, vec![3]),
            Err(Error::Id { id: 3, .. })
        ));
    }
}
