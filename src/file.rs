//! Opening files for reading: regular ones alone.

use std::{
    fs::{self, File, FileType},
    io,
    path::Path,
};

use crate::{Error, Result};

/// Opens a regular file, through links too; anything else is refused for what it is.
///
/// What stands there is looked at before it is opened: opening a pipe waits until somebody writes to it, perhaps for
/// ever, and opening a device may set it in motion. It is looked at again afterwards, as it may have been exchanged
/// meanwhile.
///
/// # Errors
/// [`Error::Io`] where it is no regular file (`is a folder, not a regular file`), and where the operating system refuses.
pub(crate) fn open_regular(path: &Path) -> Result<File> {
    let open = || {
        refuse_others(fs::metadata(path)?.file_type())?;
        let file = File::open(path)?;
        refuse_others(file.metadata()?.file_type())?;
        Ok(file)
    };
    open().map_err(|error| Error::io(path, error))
}

/// Refuses what is no regular file, and says what it is.
pub(crate) fn refuse_others(kind: FileType) -> io::Result<()> {
    match kind.is_file() {
        true => Ok(()),
        false => {
            let reason = format!("is {}, not a regular file", name_of(kind));
            Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
        }
    }
}

/// What is no regular file, in words.
fn name_of(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else {
        "something else"
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, pipe) = (
            folder.path().join("file"),
            folder.path().join("link"),
            folder.path().join("pipe"),
        );
        fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open_regular(&file).is_ok() && open_regular(&link).is_ok());
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for (path, kind) in [
            (folder.path(), "is a folder, not a regular file"),
            (&pipe, "is a pipe, not a regular file"), // would hang if it were opened
            (Path::new("/dev/null"), "is a device, not a regular file"),
        ] {
            let error = open_regular(path).unwrap_err().to_string();
            assert!(
                error.contains(kind) && error.contains(path.to_str().unwrap()),
                "{error}"
            );
        }
        let error = open_regular(&folder.path().join("none")).unwrap_err();
        assert!(matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound));
    }
}
