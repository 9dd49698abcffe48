//! Bytes that are handed out, until they are freed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::{
    arguments::Out,
    status::{Failure, Result, entry, pocketrec_status, pocketrec_status::POCKETREC_HANDLE},
};

/// What is out, by where it lies: bytes that are not ours, or were freed before, are told from those that are, as long as nothing
/// else was handed out in the same place since.
static HANDED_OUT: Mutex<BTreeMap<usize, Vec<u8>>> = Mutex::new(BTreeMap::new());

/// Where bytes go that the caller is to free.
pub(super) struct OutBytes {
    start: Out<*mut u8>,
    len: Out<usize>,
}

impl OutBytes {
    /// # Safety
    /// Both are the caller's to write to, until the last use of this.
    pub unsafe fn new(bytes: *mut *mut u8, len: *mut usize) -> Result<Self> {
        // SAFETY: the caller's word.
        let (start, len) = unsafe {
            (
                Out::new("bytes", bytes, std::ptr::null_mut())?,
                Out::new("len", len, 0)?,
            )
        };
        Ok(OutBytes { start, len })
    }

    /// Hands them out. There is at least one: a vector without bytes has no place of its own.
    pub fn set(&self, mut bytes: Vec<u8>) {
        let (start, len) = (bytes.as_mut_ptr(), bytes.len());
        let mut out = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
        out.insert(start.addr(), bytes);
        self.start.set(start);
        self.len.set(len);
    }
}

/// Frees what pocketrec_trainer_save() or pocketrec_click_trainer_save() handed out. NULL is fine.
///
/// Errors: `POCKETREC_HANDLE` where these are no such bytes, or were freed before; nothing is done then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pocketrec_bytes_free(bytes: *mut u8) -> pocketrec_status {
    entry(|| {
        if bytes.is_null() {
            return Ok(());
        }
        let mut out = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
        match out.remove(&bytes.addr()) {
            Some(_) => Ok(()),
            None => {
                let reason = "these bytes were freed before, or the library did not hand them out";
                Err(Failure::new(POCKETREC_HANDLE, reason))
            }
        }
    })
}
