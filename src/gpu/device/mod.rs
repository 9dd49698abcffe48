//! Graphics devices: the adapters of this machine, and one that is open.

pub(crate) mod adapters;
pub(crate) mod cooperative;
pub(crate) mod gpu;
pub(crate) mod opened;
pub(crate) mod pipelines;
pub(crate) mod signal;
#[allow(unsafe_code)] // shaders without checks of indices, and wgpu's experiments
mod trusted;
