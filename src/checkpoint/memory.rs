//! Checkpoints in memory: the bytes of a file, written where there is room for them.

use std::{
    io::{self, ErrorKind, Write},
    path::Path,
};

use super::{IN_MEMORY, fault};
use crate::{Error, Result, memory};

/// Bytes that grow as they are written. Where memory is short that is an error, as a full disk is.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let what = || "a checkpoint in memory".into();
        memory::reserve(&mut self.0, bytes.len(), what)
            .map_err(|error| io::Error::new(ErrorKind::OutOfMemory, error))?;
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `write` writes.
///
/// # Errors
/// [`Error::Memory`] where there is too little; [`Error::Checkpoint`] with what `write` refuses.
pub(super) fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Vec<u8>> {
    let mut bytes = Bytes::default();
    match write(&mut bytes) {
        Ok(()) => Ok(bytes.0),
        Err(error) => Err(as_ours(error)),
    }
}

/// The error of this library that is within, or the checkpoint's.
fn as_ours(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours @ Error::Memory { .. }) => ours,
        Ok(other) => fault(Path::new(IN_MEMORY), other.to_string()),
        Err(error) => fault(Path::new(IN_MEMORY), error.to_string()),
    }
}
