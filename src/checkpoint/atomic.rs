//! Replaces a file at once or not at all.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// Writes a file through a temporary one in the same folder: `write` gets its contents, they are forced to the disk,
/// and only then does the file take the name `path`, in one step. A failure anywhere, or a crash, leaves what was
/// there; after a crash a file `.NAME.*.tmp` may be left over, which nothing reads.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model");
/// use pocketrec::checkpoint::replace_file;
/// replace_file(&path, |to| to.write_all(b"old"))?;
/// let full = replace_file(&path, |to| {
///     to.write_all(b"ne")?;
///     Err(std::io::Error::other("no space left"))
/// });
/// assert!(full.is_err());
/// assert_eq!(std::fs::read(&path)?, b"old");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] where the operating system or `write` refuses.
pub fn replace_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let result = try_replace(path, write);
    result.map_err(|error| {
        let message = format!("{error} (nothing was replaced: an older file is as it was)");
        Error::io(path, io::Error::new(error.kind(), message))
    })
}

fn try_replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // A symbolic link stays one: its target is replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let folder = folder_of(path);
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    // What the file had, or what any new file gets; a temporary one would be its owner's alone.
    let permissions = fs::metadata(path).map(|about| about.permissions()).ok();
    #[cfg(unix)]
    let permissions = permissions.or_else(|| Some(std::os::unix::fs::PermissionsExt::from_mode(0o666)));
    if let Some(permissions) = permissions {
        builder.permissions(permissions);
    }
    let temporary = builder.tempfile_in(&folder)?;
    let mut to = BufWriter::with_capacity(1 << 16, temporary.as_file());
    write(&mut to)?;
    to.flush()?;
    drop(to);
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    // The new name is on the disk once the folder is. By now the new file is in place either way.
    #[cfg(unix)]
    fs::File::open(&folder)?.sync_all()?;
    Ok(())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
