//! Data sets of lists, as LightGCN's authors publish them: `train.txt` and `test.txt`, each a user and the user's items a
//! line.

use std::path::{Path, PathBuf};

use super::{Delimited, dialect::may_be_lists, lines::Lines, ncf::Dataset, pairs, titles::compressed_or_not};
use crate::{
    Error, Result,
    data::{Interactions, Split},
};

/// The parts of such a data set.
const PARTS: [&str; 2] = ["train.txt", "test.txt"];

impl Dataset {
    /// Reads a training and a test file whose lines are lists, `user item item ...`: any number of items, none among them;
    /// a user may go on over several lines. Ids are numbers or names, with blanks, tabs, commas, semicolons, bars or `::`
    /// between, and are numbered together in order of first appearance, so that dense ids that come in order keep their
    /// numbers. A user with several test items has as many [cases](Split::test), to be ranked among all items.
    ///
    /// [`Interactions::read_parts`] reads other files of parts, with options; [`Split::from_parts`] makes a split of them.
    ///
    /// ```
    /// use pocketrec::data::Dataset;
    /// # let folder = tempfile::tempdir()?;
    /// # let (train, test) = (folder.path().join("train.txt"), folder.path().join("test.txt"));
    /// std::fs::write(&train, "0 0 1 2\n1 3\n2\n")?;
    /// std::fs::write(&test, "0 4 3\n1\n2 1\n")?;
    /// let split = Dataset::read_lists(&train, &test)?;
    /// assert_eq!((split.train.users(), split.train.items(), split.test.len()), (3, 5, 3));
    /// assert_eq!(split.train.of_user(0), [0, 1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] with file, line and reason, as [`Interactions::read`]; [`Error::Config`] where
    /// more than one test item in a hundred is in its user's training part.
    pub fn read_lists(train: impl AsRef<Path>, test: impl AsRef<Path>) -> Result<Split> {
        let options = Delimited {
            lists: Some(true),
            ..Delimited::default()
        };
        let [train, test] = Interactions::read_parts([train.as_ref(), test.as_ref()], &options)?;
        Split::from_parts(train, &test)
    }
}

/// The parts in a folder, compressed or not, or the two where one is named.
pub(super) fn parts_of(path: &Path) -> Option<[PathBuf; 2]> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_part = PARTS.contains(&name.strip_suffix(".gz").unwrap_or(name));
    let folder = match path.is_dir() {
        true => path,
        false if is_part => path.parent()?,
        false => return None,
    };
    let [train, test] = PARTS.map(|name| compressed_or_not(&folder.join(name)));
    Some([train?, test?])
}

/// Reads `train.txt` and `test.txt`: as lists where they are such, else as rows whose columns are found.
pub(super) fn read(parts: [PathBuf; 2]) -> Result<Split> {
    let (mut files, mut found) = (Vec::new(), Vec::new());
    for path in &parts {
        let mut lines = Lines::open(path)?;
        found.extend(may_be_lists(&mut lines)?);
        files.push(lines);
    }
    // A part whose rows are columns tells of the other too, whose few rows could be anything.
    let options = Delimited {
        lists: (!found.contains(&false) && found.contains(&true)).then_some(true),
        ..Delimited::default()
    };
    let [train, test] = <[Interactions; 2]>::try_from(pairs::read_parts(files, &options)?)
        .map_err(|_| Error::config("paths", "a file has no part"))?;
    Split::from_parts(train, &test)
}
