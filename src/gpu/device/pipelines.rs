//! The shaders' sources, and pipelines built of them: each once a device.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::gpu::{
    device::cooperative::Cooperative,
    shaders::{Shader, tile::Tile},
};

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    shader: Shader,
    entry: &'static str,
    tile: Option<Tile>,
}

/// The modules and pipelines of a device.
pub(crate) struct Pipelines {
    checked: bool,
    cooperative: Option<Cooperative>,
    modules: Mutex<HashMap<Shader, wgpu::ShaderModule>>,
    pipelines: Mutex<HashMap<Key, wgpu::ComputePipeline>>,
    created: AtomicU64,
}

impl Pipelines {
    pub fn new(checked: bool, cooperative: Option<Cooperative>) -> Self {
        Pipelines {
            checked,
            cooperative,
            modules: Mutex::default(),
            pipelines: Mutex::default(),
            created: AtomicU64::new(0),
        }
    }

    pub fn created(&self) -> u64 {
        self.created.load(Ordering::Relaxed)
    }

    /// The pipeline of an entry point.
    pub fn get(
        &self,
        device: &wgpu::Device,
        shader: Shader,
        entry: &'static str,
        tile: Option<Tile>,
    ) -> wgpu::ComputePipeline {
        let key = Key { shader, entry, tile };
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let build = || self.build(device, key);
        pipelines.entry(key).or_insert_with(build).clone()
    }

    fn build(&self, device: &wgpu::Device, key: Key) -> wgpu::ComputePipeline {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let module = modules
            .entry(key.shader)
            .or_insert_with(|| self.module(device, key.shader));
        let of_tile = key.tile.map(Tile::constants);
        let constants: &[(&str, f64)] = match (key.shader.is_mixed(), &self.cooperative) {
            (true, Some(units)) => &units.constants(),
            _ => of_tile.as_ref().map_or(&[], |constants| &constants[..]),
        };
        self.created.fetch_add(1, Ordering::Relaxed);
        device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(key.entry),
            layout: None,
            module,
            entry_point: Some(key.entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants,
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        })
    }

    fn module(&self, device: &wgpu::Device, shader: Shader) -> wgpu::ShaderModule {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some("pocketrec"),
            source: wgpu::ShaderSource::Wgsl(Cow::Borrowed(shader.source())),
        };
        if self.checked {
            return device.create_shader_module(descriptor);
        }
        // SAFETY: without checks a shader must form no index outside its buffers and must come to an end. The source is one of
        // this crate's own, and all that its indices and loops are made of is settled before a dispatch:
        // - Rows and columns stay below the shapes that the buffers were sized by: threads beyond them write nothing, and
        //   what a tile reads beyond its matrix stays within the buffer or is taken for zero.
        // - Ids are below the rows of their tables, offsets of sequences ascend, and known items and targets are items: the
        //   host has looked at each (`checks.rs`, `search.rs`). Orders and segments are those of these very ids, as
        //   `Batch::sort` made them and nothing has lent the ids out since (`Batch::is_sorted`), or the device made both, of
        //   positives whose users and items the host had looked at (`resident.rs`).
        // - No float that a caller gives or training makes becomes an index or bounds a loop; the one root of a float,
        //   in `segments.wgsl`, is of a count, bounded on both sides and then corrected in whole numbers.
        // - Loops run over those counts, halve a range, or walk along a cycle of a permutation back into its domain
        //   (`sampler.wgsl`); what is divided by, widths and counts of samples, is never zero.
        unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
    }
}
