//! Replaces a file at once or not at all.

use std::{
    ffi::OsStr,
    fs::{self, File, Metadata, TryLockError},
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::format::digest;
use crate::{Error, Result, file::refuse_others};

/// Symbolic links that are followed one after the other, as Linux has it.
const MAX_LINKS: usize = 40;
/// Bytes of a file's name that its temporary file's name begins with, for people who find one.
const NAME_PART: usize = 32;
/// How many letters and digits make a temporary name one of its own, and what stands behind them.
const RANDOM: usize = 8;
const SUFFIX: &str = ".tmp";
/// Temporary files that are made before a save gives up, where others take them away.
const TRIES: usize = 8;

/// Writes a file through a temporary one in the same folder: `write` gets its contents, they are forced to the disk,
/// and only then does the file take the name `path`, in one step. A failure anywhere, or a crash, leaves what was
/// there; after a crash a file `.NAME.*.tmp` may be left over, which nothing reads and the next call for the same file
/// removes.
///
/// Where `path` is a symbolic link, the file that it points to is replaced, or made if it is missing; a folder, a pipe or
/// a device is refused. The new file has the mode of the old one, its group and its owner as far as the operating system
/// allows that; other hard links go on naming the old contents.
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
/// [`Error::Io`] where `path` names no regular file, and where the operating system or `write` refuses. The message says
/// whether the file was replaced.
pub fn replace_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let with =
        |error: io::Error, what: &str| Error::io(path, io::Error::new(error.kind(), format!("{error} ({what})")));
    let in_place =
        try_replace(path, write).map_err(|error| with(error, "nothing was replaced: an older file is as it was"))?;
    in_place.map_err(|error| {
        let what = "the new file is whole and in place, but its folder could not be forced to the disk: after a power \
                    cut an older file may be there again";
        with(error, what)
    })
}

/// The outer result is that of everything up to the replacement, the inner one of what is left to do after it.
fn try_replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<io::Result<()>> {
    let (path, old) = target_of(path)?;
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the path names no file"))?;
    let (folder, prefix) = (folder_of(&path), prefix_of(name));
    remove_leftovers(&folder, &prefix);
    let temporary = create(&folder, &prefix, old.is_none())?;
    let mut to = BufWriter::with_capacity(1 << 16, temporary.as_file());
    write(&mut to)?;
    to.flush()?;
    drop(to);
    if let Some(old) = old {
        keep_access(temporary.as_file(), &old)?;
    }
    temporary.as_file().sync_all()?;
    let file = temporary.persist(&path).map_err(|error| error.error)?;
    Ok(sync_folder(&folder, &file))
}

/// The regular file that a path names, with what is known of it, or the one that the path would make. A symbolic link
/// stays one: its target is meant, though it may be missing.
fn target_of(path: &Path) -> io::Result<(PathBuf, Option<Metadata>)> {
    match fs::metadata(path) {
        Ok(about) => {
            refuse_others(about.file_type())?;
            let is_link = fs::symlink_metadata(path)?.is_symlink();
            let path = if is_link { fs::canonicalize(path)? } else { path.into() };
            Ok((path, Some(about)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((end_of_links(path)?, None)),
        Err(error) => Err(error),
    }
}

/// Where links lead whose target is missing.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            // A relative target counts from the link's folder.
            Ok(next) => path = folder_of(&path).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "too many symbolic links"))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// What the names of a file's temporary files begin with. It is short, whatever the file's own name is: file systems
/// take names of 255 bytes as a rule. The digest of the whole name stands for what is cut off.
fn prefix_of(name: &OsStr) -> String {
    let readable = name.to_string_lossy();
    let mut end = readable.len().min(NAME_PART);
    while !readable.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}.{}-", &readable[..end], digest(name.as_encoded_bytes()))
}

/// Whether a file in the folder is a temporary one of the file that `prefix` stands for.
fn is_temporary(name: &OsStr, prefix: &str) -> bool {
    let random = name
        .to_str()
        .and_then(|name| name.strip_prefix(prefix)?.strip_suffix(SUFFIX));
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A temporary file, locked for as long as it is open.
///
/// The lock is what tells a save in progress from one that was killed: the operating system takes it away with its
/// process, whatever ended that, and gives it to nobody while the process lives. Between making a file and locking it
/// another save may take it for a left-over and lock it first; then its lock is seen here, or the file is gone, and the
/// next one is made. Where a file system has no locks, nobody gets one, and nothing is removed either.
fn create(folder: &Path, prefix: &str, is_new: bool) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(SUFFIX).rand_bytes(RANDOM);
    // A new file gets what any new file gets; one that takes another's place is its owner's alone until it has the
    // other's rights.
    #[cfg(unix)]
    if is_new {
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    let _ = is_new; // not asked for elsewhere
    for _ in 0..TRIES {
        let temporary = builder.tempfile_in(folder).map_err(|error| no_folder(folder, error))?;
        match temporary.as_file().try_lock() {
            Ok(()) if fs::symlink_metadata(temporary.path()).is_err() => {}
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(temporary),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    let reason = "other programs take the temporary files away";
    Err(io::Error::new(ErrorKind::ResourceBusy, reason))
}

fn no_folder(folder: &Path, error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::NotFound => io::Error::new(
            ErrorKind::NotFound,
            format!("there is no folder {}; make it first", folder.display()),
        ),
        _ => error,
    }
}

/// Removes what killed saves of the same file left. What stands in the way of that is no fault of this save.
fn remove_leftovers(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else {
        return; // a folder that may be written in and not be read
    };
    for entry in entries.flatten() {
        if is_temporary(&entry.file_name(), prefix) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let path = entry.path();
            // Some file systems want a file that is locked for oneself to be open for writing.
            if let Ok(file) = File::options().read(true).write(true).open(&path)
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

/// Gives a new file the mode, the group and the owner of the one whose place it takes. To give files away is root's right
/// as a rule; a group can be given by its members.
#[cfg(unix)]
fn keep_access(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let new = file.metadata()?;
    let kept_owner = old.uid() == new.uid() || fchown(file, Some(old.uid()), None).is_ok();
    let kept_group = old.gid() == new.gid() || fchown(file, None, Some(old.gid())).is_ok();
    let mut mode = old.mode() & if kept_owner && kept_group { 0o7777 } else { 0o777 };
    if !kept_group {
        // What the old group might do is not meant for another: that has the rights of all.
        mode = mode & 0o707 | (mode & 0o007) << 3;
    }
    // After the change of owner, which takes bits of the mode away.
    match file.metadata()?.mode() & 0o7777 {
        there if there == mode => Ok(()),
        _ => file.set_permissions(fs::Permissions::from_mode(mode)),
    }
}

#[cfg(not(unix))]
fn keep_access(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Forces a folder's new name to the disk.
#[cfg(unix)]
fn sync_folder(folder: &Path, file: &File) -> io::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    match synced.as_ref().map_err(io::Error::kind) {
        // A folder that may not be read, or a file system that does not sync folders: the usual ones force the file's
        // name to the disk along with the file.
        Err(ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::Unsupported) => file.sync_all(),
        _ => synced,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_short_and_belong_to_one_file() {
        let long = "x".repeat(255);
        let other = format!("{}y", "x".repeat(254));
        let names = ["model", "model.a", "m", &long, &other, "ünïcödé-ünïcödé-ünïcödé"];
        let prefixes = names.map(|name| prefix_of(OsStr::new(name)));
        for (index, prefix) in prefixes.iter().enumerate() {
            assert!(prefix.len() + RANDOM + SUFFIX.len() <= 64, "{prefix}");
            let name = format!("{prefix}Ab3Ab3Ab{SUFFIX}");
            for (other, theirs) in prefixes.iter().enumerate() {
                assert_eq!(
                    is_temporary(OsStr::new(&name), theirs),
                    index == other,
                    "{name} {theirs}"
                );
            }
        }
        let prefix = &prefixes[0];
        assert!(prefix.starts_with(".model."));
        for name in ["model", ".model.tmp", ".model.Ab3Ab3.tmp"] {
            assert!(!is_temporary(OsStr::new(name), prefix));
        }
        for middle in ["", "short", "Ab3Ab3Abc", "Ab3.b3Ab"] {
            assert!(!is_temporary(OsStr::new(&format!("{prefix}{middle}{SUFFIX}")), prefix));
        }
    }
}
