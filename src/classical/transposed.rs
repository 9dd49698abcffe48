//! Interactions from both sides: the items of each user, and the users of each item.

use alloc::{vec, vec::Vec};

/// Lists of numbers, one after the other: list `n` is `entries[offsets[n]..offsets[n + 1]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lists {
    pub offsets: Vec<usize>,
    pub entries: Vec<u32>,
}

impl Lists {
    /// So many lists.
    pub fn collect<I: IntoIterator<Item = u32>>(lists: impl Iterator<Item = I>) -> Self {
        let mut all = Lists {
            offsets: vec![0],
            entries: Vec::new(),
        };
        for list in lists {
            all.entries.extend(list);
            all.offsets.push(all.entries.len());
        }
        all
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The entries of a list.
    #[inline]
    pub fn get(&self, list: usize) -> &[u32] {
        &self.entries[self.offsets[list]..self.offsets[list + 1]]
    }

    /// For each of so many entries, the lists that have it, in ascending order: a counting sort.
    pub fn transposed(&self, entries: usize) -> Lists {
        let mut offsets = vec![0; entries + 1];
        for &entry in &self.entries {
            offsets[entry as usize + 1] += 1;
        }
        for entry in 0..entries {
            offsets[entry + 1] += offsets[entry];
        }
        let (mut next, mut lists) = (offsets.clone(), vec![0; self.entries.len()]);
        for list in 0..self.len() {
            for &entry in self.get(list) {
                let place = &mut next[entry as usize];
                lists[*place] = list as u32;
                *place += 1;
            }
        }
        Lists {
            offsets,
            entries: lists,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_the_lists_that_have_them() {
        let lists = Lists::collect([vec![2, 0], vec![], vec![0, 3]].into_iter());
        let transposed = lists.transposed(4);
        let all: Vec<&[u32]> = (0..4).map(|entry| transposed.get(entry)).collect();
        assert_eq!(all, [&[0, 2][..], &[], &[0], &[2]]);
        let again = transposed.transposed(3);
        assert_eq!(
            (again.get(0), again.get(1), again.get(2)),
            (&[0, 2][..], &[][..], &[0, 3][..])
        );
    }
}
