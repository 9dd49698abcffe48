//! Devices that the process has opened, so that executors share them and a [`Device`](crate::device::Device) stays a
//! small value that can be copied.

use std::sync::{Mutex, PoisonError};

use crate::{
    Error, Result,
    gpu::device::{
        adapters::Select,
        gpu::{Gpu, GpuOptions},
    },
};

/// How each was chosen, and the device.
static OPENED: Mutex<Vec<(Option<Select>, Gpu)>> = Mutex::new(Vec::new());

/// The number of the device that fits, opened now if it was not before.
pub(crate) fn open(select: &Select, mixed: bool) -> Result<usize> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |(by, gpu): &(Option<Select>, Gpu)| by.as_ref() == Some(select) && gpu.options().mixed == mixed;
    if let Some(index) = opened.iter().position(fits) {
        return Ok(index);
    }
    let options = GpuOptions {
        mixed,
        ..GpuOptions::default()
    };
    let gpu = Gpu::open(select, options)?;
    opened.push((Some(select.clone()), gpu));
    Ok(opened.len() - 1)
}

/// The number of a device that the caller has opened.
pub(crate) fn add(gpu: &Gpu) -> usize {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(index) = opened.iter().position(|(_, there)| there.is_same(gpu)) {
        return index;
    }
    opened.push((None, gpu.clone()));
    opened.len() - 1
}

/// The device of a number; opened anew where it was lost.
pub(crate) fn get(index: usize) -> Result<Gpu> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((_, gpu)) = opened.get_mut(index) else {
        return Err(Error::Device(format!("no device has the number {index}")));
    };
    if gpu.check().is_err() {
        *gpu = Gpu::open(&Select::Named(gpu.name()), gpu.options().clone())?;
    }
    Ok(gpu.clone())
}
