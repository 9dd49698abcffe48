//! Which files are read.

use std::path::{Path, PathBuf};

use pocketrec::{Error, Result, data::Parting};

use crate::{
    common::samples::{LIBFM, is_libfm},
    reading::{DataOptions, PartKind},
};

/// Seed of the draw that parts one file at random: always the same, so that --resume parts it the same way.
const SEED: u64 = 0;
/// Shares of dev and test rows, where the command line does not say.
const SHARE: f64 = 0.1;
/// How delimited files end; `.gz` may follow.
const DELIMITED: &[&str] = &["tsv", "csv", "txt"];

/// Where dev and test rows come from.
#[derive(Debug)]
pub enum Held {
    Files { dev: PathBuf, test: PathBuf },
    Parts(Parting),
}

/// The files.
#[derive(Debug)]
pub struct Source {
    /// Training rows; all rows, where one file is parted.
    pub train: PathBuf,
    pub held: Held,
    /// Files to join, by the names of their tables.
    pub tables: Vec<(&'static str, PathBuf)>,
    pub libfm: bool,
}

impl Source {
    /// Looks for what is read from a folder, or from one file.
    pub fn find(path: &Path, options: &DataOptions) -> Result<Source> {
        if path.is_dir() {
            if options.part.is_some() {
                let reason = "a folder has files for train, dev and test; name one file to part it";
                return Err(Error::config("--part", reason));
            }
            return folder(path);
        }
        if !path.exists() {
            let reason = format!("there is no file or folder {}", path.display());
            return Err(Error::config("data", reason));
        }
        let Some(part) = options.part else {
            let reason = format!(
                "{} is one file; part its rows by --part time or --part random, or give a folder with train, dev and \
                 test",
                path.display()
            );
            return Err(Error::config("data", reason));
        };
        let share = |given: Option<f64>| given.unwrap_or(SHARE);
        let (dev, test) = (share(options.dev_share), share(options.test_share));
        Ok(Source {
            train: path.into(),
            held: Held::Parts(match part {
                PartKind::Time => Parting::ByTime { dev, test },
                PartKind::Random => Parting::AtRandom { dev, test, seed: SEED },
            }),
            tables: Vec::new(),
            libfm: is_libfm(path),
        })
    }
}

fn folder(folder: &Path) -> Result<Source> {
    let (libfm, delimited) = (find(folder, &["train"], LIBFM)?, find(folder, &["train"], DELIMITED)?);
    let extensions = if libfm.is_some() { LIBFM } else { DELIMITED };
    let missing = |name: &str| {
        let [known, other] = [extensions[0], extensions[1]];
        let folder = folder.display();
        let reason = match libfm {
            Some(_) => format!("{folder} has no {name}.{known}, .{other} or .svmlight beside its train"),
            None => format!("{folder} has no {name}.{known}, {name}.{other} or {name}.txt (nor .gz of them)"),
        };
        Error::config("data", reason)
    };
    let part = |names: &[&str]| find(folder, names, extensions)?.ok_or_else(|| missing(names[0]));
    let train = match (&libfm, delimited) {
        (Some(one), Some(other)) => return Err(two(folder, one, &other)),
        (Some(train), None) => train.clone(),
        (None, Some(train)) => train,
        (None, None) => {
            let folder = folder.display();
            let reason = format!("{folder} has no train.tsv, train.csv, train.txt or train.libfm (nor .gz of them)");
            return Err(Error::config("data", reason));
        }
    };
    let mut tables = Vec::new();
    if libfm.is_none() {
        for name in ["items", "users"] {
            tables.extend(find(folder, &[name], DELIMITED)?.map(|path| (name, path)));
        }
    }
    Ok(Source {
        train,
        held: Held::Files {
            dev: part(&["dev", "validation", "valid"])?,
            test: part(&["test"])?,
        },
        tables,
        libfm: libfm.is_some(),
    })
}

/// The file in the folder whose name is one of `names` with one of the extensions, compressed or not.
fn find(folder: &Path, names: &[&str], extensions: &[&str]) -> Result<Option<PathBuf>> {
    let stems = names
        .iter()
        .flat_map(|name| extensions.iter().map(move |extension| format!("{name}.{extension}")));
    let paths = stems.flat_map(|stem| [folder.join(&stem), folder.join(stem + ".gz")]);
    let found: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    match &found[..] {
        [one, other, ..] => Err(two(folder, one, other)),
        _ => Ok(found.into_iter().next()),
    }
}

/// Which of two files is meant cannot be told.
fn two(folder: &Path, one: &Path, other: &Path) -> Error {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let reason = format!(
        "{} has both {} and {}; leave one of them there",
        folder.display(),
        name(one),
        name(other)
    );
    Error::config("data", reason)
}
