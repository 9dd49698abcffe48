//! From saved bytes to a trainer and back: both kinds alike.

use std::ffi::c_char;

use super::{
    arguments::{Out, elements},
    bytes::OutBytes,
    handles::{Handles, pointer_of},
    status::Result,
    trainer::device_of,
};
use crate::device::Device;

/// Reads a trainer, and gives it a handle.
///
/// # Safety
/// So many bytes are there, the device is NULL or a text, and the handle is the caller's to write to.
pub(super) unsafe fn load<T, H>(
    trainers: &Handles<T>,
    (bytes, len): (*const u8, usize),
    (device, threads): (*const c_char, u32),
    trainer: *mut *mut H,
    read: impl FnOnce(&[u8], Device) -> crate::Result<T>,
) -> Result<()> {
    // SAFETY: the caller's word.
    let (out, bytes, device) = unsafe {
        (
            Out::new("trainer", trainer, pointer_of(0))?,
            elements("bytes", bytes, len)?,
            device_of(device, threads)?,
        )
    };
    out.set(trainers.insert(read(bytes, device)?)?);
    Ok(())
}

/// Writes a trainer to bytes that are handed out.
///
/// # Safety
/// The bytes and their number are the caller's to write to.
pub(super) unsafe fn save<T, H>(
    trainers: &Handles<T>,
    trainer: *mut H,
    bytes: *mut *mut u8,
    len: *mut usize,
    write: impl FnOnce(&mut T) -> Result<Vec<u8>>,
) -> Result<()> {
    // SAFETY: the caller's word.
    let out = unsafe { OutBytes::new(bytes, len) }?;
    out.set(trainers.with(trainer, write)?);
    Ok(())
}
