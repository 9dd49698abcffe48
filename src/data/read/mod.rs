//! Readers of interaction files.

mod columns;
mod dialect;
mod features;
mod fields;
mod header;
mod keyed;
mod libfm;
mod lines;
mod lists;
mod ncf;
mod only;
mod options;
mod pairs;
mod parts;
mod records;
mod relations;
mod report;
mod samples;
mod sink;
mod source;
mod survey;
mod table;
mod titles;
mod trial;
mod triples;
mod values;

use std::path::{Path, PathBuf};

pub use features::FeatureFile;
pub use ncf::Dataset;
pub use options::{BadRows, Column, Delimited};
pub use parts::Parting;
pub use relations::RelationFile;
pub use report::RowReport;
pub use samples::{FittedFiles, SampleFiles, SampleFormat};
pub use survey::{Survey, SurveyedColumn};
pub use triples::TripleFile;

use crate::{Error, Result, data::Interactions};

/// What is looked for in a folder, in this order.
const KNOWN: [&str; 3] = ["ratings.dat", "ratings.csv", "u.data"];

impl Interactions {
    /// Reads a file of interactions: MovieLens' `ratings.dat`, `ratings.csv` or `u.data` (or a folder that holds one of
    /// them), or any other file of delimited rows or lists, compressed by gzip or not, whose delimiter and columns are
    /// found from its rows (see [`Delimited`]).
    ///
    /// Keys of users and items may be any text and are numbered in order of first appearance. Titles are read from
    /// MovieLens' `movies.dat`, `movies.csv` or `u.item` where these lie beside the ratings.
    ///
    /// ```
    /// use pocketrec::data::Interactions;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("ratings.dat");
    /// std::fs::write(&path, "7::50::5::20\n7::31::4::10\n9::31::1::10\n")?;
    /// let data = Interactions::read(&path)?;
    /// assert_eq!((data.users(), data.items(), data.of_user(0)), (2, 2, &[1, 0][..]));
    /// assert_eq!(data.item_ids().key(1).as_deref(), Some("31"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read; [`Error::Data`] with file, line and reason where a row has more or
    /// fewer fields than the others, an empty key or a time that cannot be read, where there is no row, and where
    /// it is no text in UTF-8.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::read_with(path, &Delimited::default())
    }

    /// Reads a file of delimited rows by `options`; what they leave open is found as [`Interactions::read`] does.
    ///
    /// # Errors
    /// Those of [`Interactions::read`], and [`Error::Data`] where a column is not in the file.
    pub fn read_with(path: impl AsRef<Path>, options: &Delimited) -> Result<Self> {
        let path = file_of(path.as_ref())?;
        titles::add(pairs::read(lines::Lines::open(&path)?, options)?, &path)
    }

    /// Reads the parts of a data set, such as training, dev and test files, as [`Interactions::read_with`] reads one file,
    /// but for titles: their keys are numbered together, in order of first appearance, so that an index means the same
    /// user or item in all parts. Where the rows of one file are lists, those of all are.
    ///
    /// ```
    /// use pocketrec::data::{Candidates, Delimited, Interactions, Split};
    /// # let folder = tempfile::tempdir()?;
    /// # let (train, test) = (folder.path().join("train.csv"), folder.path().join("test.csv"));
    /// std::fs::write(&train, "user,item\nann,tea\nbob,rice\n")?;
    /// std::fs::write(&test, "user,item\nbob,tea\nann,soup\n")?;
    /// let [train, test] = Interactions::read_parts([train, test], &Delimited::default())?;
    /// assert_eq!((train.users(), train.items(), test.of_user(1)), (2, 3, &[0][..]));
    /// let split = Split::from_parts(train, &test)?.among(Candidates::default());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Interactions::read_with`], and [`Error::Data`] where one file has times and another has none.
    pub fn read_parts<P: AsRef<Path>, const N: usize>(paths: [P; N], options: &Delimited) -> Result<[Self; N]> {
        let open = |path: P| lines::Lines::open(path.as_ref());
        let files = paths.into_iter().map(open).collect::<Result<Vec<_>>>()?;
        let parts = <[Self; N]>::try_from(pairs::read_parts(files, options)?);
        // As many parts as files.
        parts.map_err(|_| Error::config("paths", "a file has no part"))
    }

    /// Reads delimited rows that are in memory, compressed by gzip or not, as [`Interactions::read_with`] reads a file.
    /// `name` stands for the file in messages.
    ///
    /// ```
    /// use pocketrec::data::{Delimited, Interactions};
    /// let data = Interactions::read_bytes("upload", "user,item\nann,tea\n", &Delimited::default())?;
    /// assert_eq!(data.len(), 1);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Interactions::read_with`].
    pub fn read_bytes(name: &str, bytes: impl Into<Vec<u8>>, options: &Delimited) -> Result<Self> {
        let from = source::of_bytes(name, bytes.into())?;
        pairs::read(lines::Lines::new(from, name.into()), options)
    }

    /// The same interactions with the titles of a file that is in memory, compressed by gzip or not: MovieLens' `movies.dat`,
    /// `movies.csv` or `u.item`, which `name` says. [`Interactions::read`] finds such a file by itself.
    ///
    /// ```
    /// use pocketrec::data::{Delimited, Interactions};
    /// let data = Interactions::read_bytes("ratings.dat", "7::50::5::20\n7::31::4::10\n", &Delimited::default())?;
    /// let data = data.with_titles_of_bytes("movies.dat", "31::Heat (1995)::Crime\n")?;
    /// assert_eq!((data.title(0), data.title(1)), (None, Some("Heat (1995)")));
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] where it is no such file, with its line where a row has no title.
    pub fn with_titles_of_bytes(self, name: &str, bytes: impl Into<Vec<u8>>) -> Result<Self> {
        titles::add_bytes(self, name, bytes.into())
    }
}

/// The file itself, or the one to read in a folder.
fn file_of(path: &Path) -> Result<PathBuf> {
    let about = path.metadata().map_err(|source| Error::io(path, source))?;
    if !about.is_dir() {
        return Ok(path.into());
    }
    let found = KNOWN
        .iter()
        .find_map(|name| titles::compressed_or_not(&path.join(name)));
    found.ok_or_else(|| {
        Error::data(
            path.display().to_string(),
            0,
            format!(
                "the folder has none of {} (nor *.train.rating, or train.txt and test.txt, which Dataset::read takes); name the file itself",
                KNOWN.join(", ")
            ),
        )
    })
}
