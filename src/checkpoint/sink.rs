//! Where the bytes of a file go, block by block: into memory, or to a writer of the standard library.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{IN_MEMORY, fault};
use crate::{Error, Result, memory};

/// Takes the next bytes of a file.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), Unwritten> + 'a;

/// Why a file was not written.
#[derive(Debug)]
pub enum Unwritten {
    /// It would not be read again; the tensor or metadata key at fault, and why.
    Refused(String),
    /// What the library refuses, or memory that is not there.
    Failed(Error),
    /// What the writer said.
    #[cfg(feature = "std")]
    Io(std::io::Error),
}

impl From<String> for Unwritten {
    fn from(reason: String) -> Self {
        Unwritten::Refused(reason)
    }
}

impl From<Error> for Unwritten {
    fn from(error: Error) -> Self {
        Unwritten::Failed(error)
    }
}

impl From<serde_json::Error> for Unwritten {
    fn from(error: serde_json::Error) -> Self {
        Unwritten::Refused(error.to_string())
    }
}

/// What `write` writes. Where memory is short that is an error, as a full disk is.
///
/// # Errors
/// [`Error::Memory`] where there is too little; [`Error::Checkpoint`] with what `write` refuses.
pub(super) fn written(write: impl FnOnce(&mut Sink) -> Result<(), Unwritten>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let took = write(&mut |block| {
        memory::reserve(&mut bytes, block.len(), || "a checkpoint in memory".into())?;
        bytes.extend_from_slice(block);
        Ok(())
    });
    let reason = match took {
        Ok(()) => return Ok(bytes),
        Err(Unwritten::Failed(ours @ Error::Memory { .. })) => return Err(ours),
        Err(Unwritten::Failed(other)) => other.to_string(),
        Err(Unwritten::Refused(reason)) => reason,
        #[cfg(feature = "std")]
        Err(Unwritten::Io(error)) => error.to_string(),
    };
    Err(fault(IN_MEMORY, reason))
}
