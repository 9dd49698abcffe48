//! The GPU executor: shaders by hand (`shaders/`), run through wgpu on Vulkan, Metal and DX12.
//!
//! This folder is plumbing without mathematics. What a shader computes stands in the shader, and what it must compute
//! in [`ops`](crate::ops). Everything stays within WebGPU's default limits but for the sizes of buffers, and for mixed
//! precision, which must be asked for.
//!
//! - `shaders` says what a module of WGSL is made of, and has the tiles; `device` has the adapters and [`Gpu`], one that is open;
//! - `memory` holds parameters: `layout` pads columns to whole vec4s, `placement` and `tensors` say where they lie;
//! - `program` binds and records dispatches, and has the buffers of a batch and what is uploaded for it;
//! - `ops` turns each operation of a plan into dispatches, and the optimiser's updates;
//! - `sampling` draws and sorts batches on the device, `search` ranks whole catalogues there;
//! - `executor` is [`GpuExecutor`], which runs plans with all of these; `measure` says what a device reaches.

mod device;
mod executor;
mod measure;
mod memory;
mod ops;
mod program;
mod sampling;
mod search;
mod shaders;
mod shapes;
#[cfg(test)]
mod uniforms;

pub(crate) use device::opened::{Lazily, Opened};
pub use device::{
    adapters::{Adapter, Select},
    gpu::{Created, Gpu, GpuOptions},
};
pub use executor::{Counts, GpuExecutor};
pub use measure::Launch;
pub use memory::budget::Memory;
pub use sampling::batch_maker::BatchMaker;
pub use shaders::{Shader, side::Side, tile::Tile};

/// All modules of WGSL: those of operations and updates, of rows that are held back, of sampling and of search.
pub fn shaders() -> Vec<Shader> {
    let ops = ops::SHADERS.iter().copied();
    let others = [
        ops::updates::SHADERS,
        executor::kept::SHADERS,
        sampling::maker::SHADERS,
        search::catalogue::SHADERS,
    ];
    ops.chain(others).flatten().copied().collect()
}
