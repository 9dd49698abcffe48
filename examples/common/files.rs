//! Checks of output files before time is spent on what is to be written there.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use pocketrec::{Error, Result};

/// Checks the files of a training program: what is saved, which must be there to go on from and must not be to begin,
/// what is drawn, and what is exported.
pub fn check_training(
    checkpoint: &Option<PathBuf>,
    resume: bool,
    plot: &Option<PathBuf>,
    export: &Option<PathBuf>,
) -> Result<()> {
    let [checkpoint, plot, export] = [checkpoint, plot, export].map(Option::as_deref);
    let all = [("--checkpoint", checkpoint), ("--plot", plot), ("--export", export)];
    for (option, path) in all {
        path.map_or(Ok(()), |path| check_output(option, path))?;
    }
    check_distinct(&all)?;
    if let Some(path) = plot {
        check_extension("--plot", path, "svg", "pictures are drawn as SVG")?;
    }
    match checkpoint {
        Some(path) if resume && !path.exists() => {
            let reason = format!("there is no {}; leave --resume out to begin", path.display());
            Err(Error::config("--resume", reason))
        }
        Some(path) if !resume && path.exists() => {
            let reason = format!(
                "{} is there already; go on from it with --resume, remove it, or name another",
                path.display()
            );
            Err(Error::config("--checkpoint", reason))
        }
        _ => Ok(()),
    }
}

/// Refuses a path that cannot be written to: its folder must be there and take new files, and what has its name now, if
/// anything does, must be a file.
pub fn check_output(option: &str, path: &Path) -> Result<()> {
    let refused = |reason: String| Err(Error::config(option, reason));
    if path.file_name().is_none() || path.to_string_lossy().ends_with(['/', '\\']) {
        return refused(format!("{} names no file", path.display()));
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        return match folder.exists() {
            true => refused(format!("{} is no folder", folder.display())),
            false => refused(format!("there is no folder {}; make it first", folder.display())),
        };
    }
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => return refused(format!("{} is a folder; name a file in it", path.display())),
        Ok(about) if !about.is_file() => {
            return refused(format!("{} is not a regular file; name another", path.display()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                return refused(format!("{} is a link that leads nowhere; name a file", path.display()));
            }
        }
        Err(error) => return refused(format!("{}: {error}", path.display())),
    }
    // A link's target is what is written, in its own folder.
    let target = fs::canonicalize(path).map_or(folder, |target| folder_of(&target));
    match tempfile::tempfile_in(&target) {
        Ok(_) => Ok(()),
        Err(error) => refused(format!("no file can be written in {}: {error}", target.display())),
    }
}

/// Refuses two options that name the same file.
pub fn check_distinct(paths: &[(&str, Option<&Path>)]) -> Result<()> {
    let places: Vec<(&str, &Path, PathBuf)> = paths
        .iter()
        .filter_map(|&(option, path)| Some((option, path?, place(path?))))
        .collect();
    for (at, (option, path, place)) in places.iter().enumerate() {
        if let Some((first, ..)) = places[..at].iter().find(|(_, _, other)| other == place) {
            let reason = format!("{} is the file of {first}; name another", path.display());
            return Err(Error::config(*option, reason));
        }
    }
    Ok(())
}

/// Refuses a name with another end.
pub fn check_extension(option: &str, path: &Path, end: &str, why: &str) -> Result<()> {
    let found = path.extension().and_then(|end| end.to_str());
    if found.is_some_and(|found| found.eq_ignore_ascii_case(end)) {
        return Ok(());
    }
    let reason = format!("{} does not end in .{end}; {why}", path.display());
    Err(Error::config(option, reason))
}

/// Where a path leads, as far as it is there.
fn place(path: &Path) -> PathBuf {
    let folder = folder_of(path);
    let folder = fs::canonicalize(&folder).unwrap_or(folder);
    let name = path.file_name().map(|name| folder.join(name)).unwrap_or_default();
    fs::canonicalize(&name).unwrap_or(name)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
