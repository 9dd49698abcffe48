//! The GPU executor: shaders by hand (`shaders/`), run through wgpu on Vulkan, Metal and DX12.
//!
//! This folder is plumbing without mathematics. What a shader computes stands in the shader, and what it must compute
//! in [`ops`](crate::ops). Everything stays within WebGPU's default limits but for the sizes of buffers, and for mixed
//! precision, which must be asked for.
//!
//! - [`Gpu`] is an open device; [`GpuExecutor`] runs plans on it.
//! - `layout` pads columns to whole vec4s, `placement` and `tensors` hold parameters, `activations` what a batch needs,
//!   `spaces` says how many rows it has, `cooperative` what mixed precision needs of an adapter;
//! - `maker` draws and sorts batches on the device, `resident` trains on them, `search` ranks whole catalogues;
//! - `stages` turns a plan into dispatches, `program` binds and records them, `inputs` packs a batch for upload.

mod activations;
mod batch_maker;
mod buffers;
mod cooperative;
mod device;
mod executor;
mod inputs;
mod layout;
mod maker;
mod measure;
mod memory;
mod pipelines;
mod placement;
mod profile;
mod program;
mod resident;
mod run;
mod score;
mod search;
pub(crate) mod shared;
mod spaces;
mod stages;
mod support;
mod tables;
mod tensors;

pub use batch_maker::BatchMaker;
pub use cooperative::Side;
pub use device::{Created, Gpu, GpuOptions, Select};
pub use executor::{Counts, GpuExecutor};
pub use measure::{Adapter, Launch};
pub use memory::Memory;
pub use pipelines::{Shader, Tile};
