//! The shaders' sources, and pipelines built of them: each once a device.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::gpu::{
    device::{cooperative::Cooperative, trusted},
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
            .or_insert_with(|| trusted::shader_module(device, key.shader, self.checked));
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
}
