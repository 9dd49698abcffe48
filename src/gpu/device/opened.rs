//! A graphics device that a [`Device`](crate::device::Device) holds, opened anew where it was lost.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    Result,
    gpu::device::{
        adapters::Select,
        gpu::{Gpu, GpuOptions},
    },
};

/// An open device, shared by its clones. Two are equal that are the same adapter, used in the same way.
#[derive(Clone)]
pub(crate) struct Opened(Arc<Mutex<Gpu>>);

impl Opened {
    /// Opens an adapter.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn open(select: &Select, options: GpuOptions) -> Result<Self> {
        Gpu::open(select, options).map(|gpu| Self::on(&gpu))
    }

    /// A device that is open already.
    pub fn on(gpu: &Gpu) -> Self {
        Opened(Arc::new(Mutex::new(gpu.clone())))
    }

    /// The device. One that was lost is opened anew, by its name and with its options, for all clones.
    ///
    /// # Errors
    /// As [`Gpu::open`], where it was lost and cannot be opened.
    pub fn get(&self) -> Result<Gpu> {
        let mut gpu = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gpu.check().is_err() {
            *gpu = Gpu::open(&Select::Named(gpu.name()), gpu.options().clone())?;
        }
        Ok(gpu.clone())
    }

    /// The adapter's name, and how it is used.
    fn which(&self) -> (String, GpuOptions) {
        let gpu = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (gpu.name(), gpu.options().clone())
    }
}

impl PartialEq for Opened {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.which() == other.which()
    }
}

impl Eq for Opened {}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.which().0.fmt(f)
    }
}

/// A device that is opened when it is first needed, once for all clones.
#[derive(Clone, Default)]
pub(crate) struct Lazily(Arc<Mutex<Option<Opened>>>);

impl Lazily {
    /// The best adapter in hardware.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn hardware(&self) -> Result<Gpu> {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match &*opened {
            Some(there) => there,
            None => opened.insert(Opened::open(&Select::Hardware, GpuOptions::default())?),
        };
        opened.get()
    }
}

/// All choose alike.
impl PartialEq for Lazily {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Lazily {}

impl fmt::Debug for Lazily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the best in hardware")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{device::Device, models::Gmf, plan::State};

    #[test]
    fn a_device_is_held_by_values_and_by_nothing_else() {
        let Ok(gpu) = Gpu::open(&Select::Any, GpuOptions::default()) else {
            return;
        };
        let alone = gpu.holders();
        let device = Device::on(&gpu);
        assert_eq!(device.clone(), device);
        assert_ne!(device.clone().threads(3), device);
        let plan = Gmf::new(3, 4).plan().unwrap();
        let state = State::initial(&plan, 1, false).unwrap();
        let executor = device.clone().executor(plan, state).unwrap();
        assert!(gpu.holders() > alone);
        drop((device, executor));
        assert_eq!(gpu.holders(), alone);
    }
}
