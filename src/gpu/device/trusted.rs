//! What wgpu takes on trust: the one place of the graphics devices with `unsafe`.

use std::borrow::Cow;

use crate::gpu::shaders::Shader;

/// A shader, compiled with checks of its indices and loops or without.
pub(super) fn shader_module(device: &wgpu::Device, shader: Shader, checked: bool) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some("pocketrec"),
        source: wgpu::ShaderSource::Wgsl(Cow::Borrowed(shader.source())),
    };
    if checked {
        return device.create_shader_module(descriptor);
    }
    // SAFETY: without checks a shader must form no index outside its buffers and must come to an end. The source is one of
    // this crate's own, and all that its indices and loops are made of is settled before a dispatch:
    // - Rows and columns stay below the shapes that the buffers were sized by: threads beyond them write nothing, and
    //   what a tile reads beyond its matrix stays within the buffer or is taken for zero.
    // - Ids are below the rows of their tables, offsets of sequences ascend, and known items and targets are items: the
    //   host has looked at each (`src/checks`, `src/gpu/executor/search.rs`). Orders and segments are those of these
    //   very ids, as `Batch::sort` made them and nothing has lent the ids out since (`Batch::is_sorted`), or the device
    //   made both, of positives whose users and items the host had looked at (`src/gpu/executor/resident.rs`).
    // - No float that a caller gives or training makes becomes an index or bounds a loop; the one root of a float,
    //   in `segments.wgsl`, is of a count, bounded on both sides and then corrected in whole numbers.
    // - Loops run over those counts, halve a range, or walk along a cycle of a permutation back into its domain
    //   (`sampler.wgsl`); what is divided by, widths and counts of samples, is never zero.
    unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
}

/// Leave to use wgpu's experimental features, for the matrices of mixed precision.
pub(super) fn experimental_features() -> wgpu::ExperimentalFeatures {
    // SAFETY: what is unsafe about an experiment are mistakes of wgpu's own. Of this one only loads and stores of whole
    // matrices in workgroup memory are used, at places that are the same for all threads of a subgroup.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}
