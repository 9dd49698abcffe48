//! The adapters of this machine: which there are, what they say of themselves, and which one is taken.

use crate::{Error, Result};

/// Which adapter to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Select {
    /// The best one: discrete, then integrated, then virtual, and a software rasteriser if there is nothing else.
    Any,
    /// The best one that is not a software rasteriser.
    Hardware,
    /// The best one whose name, driver or backend contains this text, whatever the case of its letters.
    Named(String),
}

/// What an adapter says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// Its name.
    pub name: String,
    /// Vulkan, Metal or Dx12.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// Discrete, integrated, virtual, or a processor that plays one.
    pub kind: String,
    /// Limits that matter here, by their names in WebGPU.
    pub limits: Vec<(&'static str, u64)>,
    /// Features that are there, of those that matter here.
    pub features: Vec<&'static str>,
}

impl Adapter {
    /// What an adapter says by these.
    pub(crate) fn new(info: &wgpu::AdapterInfo, limits: &wgpu::Limits, features: wgpu::Features) -> Adapter {
        let known = [
            ("timestamps", wgpu::Features::TIMESTAMP_QUERY),
            ("subgroups", wgpu::Features::SUBGROUP),
            ("f16", wgpu::Features::SHADER_F16),
            ("cooperative matrices", wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX),
        ];
        let there = |(name, feature)| features.contains(feature).then_some(name);
        Adapter {
            name: info.name.clone(),
            backend: format!("{:?}", info.backend),
            driver: format!("{} {}", info.driver, info.driver_info).trim().into(),
            kind: format!("{:?}", info.device_type),
            limits: vec![
                ("maxBufferSize", limits.max_buffer_size),
                ("maxStorageBufferBindingSize", limits.max_storage_buffer_binding_size),
                (
                    "maxStorageBuffersPerShaderStage",
                    limits.max_storage_buffers_per_shader_stage.into(),
                ),
                (
                    "maxComputeWorkgroupStorageSize",
                    limits.max_compute_workgroup_storage_size.into(),
                ),
                (
                    "maxComputeInvocationsPerWorkgroup",
                    limits.max_compute_invocations_per_workgroup.into(),
                ),
            ],
            features: known.into_iter().filter_map(there).collect(),
        }
    }
}

/// For people. Browsers tell neither names nor drivers.
pub(crate) fn name(info: &wgpu::AdapterInfo) -> String {
    let driver = format!("{} {}", info.driver, info.driver_info);
    let through = match driver.trim() {
        "" => format!("{:?}", info.backend),
        driver => format!("{:?}, {driver}", info.backend),
    };
    match info.name.trim() {
        "" => through,
        name => format!("{name} ({through})"),
    }
}

/// All adapters, best first.
pub(crate) async fn adapters() -> Vec<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends &= wgpu::Backends::PRIMARY;
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = instance.enumerate_adapters(wgpu::Backends::PRIMARY).await;
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    adapters
}

pub(crate) async fn choose(select: &Select) -> Result<wgpu::Adapter> {
    let fits = |adapter: &wgpu::Adapter| match select {
        Select::Any => true,
        Select::Hardware => adapter.get_info().device_type != wgpu::DeviceType::Cpu,
        Select::Named(part) => name(&adapter.get_info()).to_lowercase().contains(&part.to_lowercase()),
    };
    let mut adapters = adapters().await;
    if let Some(index) = adapters.iter().position(fits) {
        return Ok(adapters.swap_remove(index));
    }
    let names: Vec<String> = adapters.iter().map(|adapter| name(&adapter.get_info())).collect();
    let there = match names.is_empty() {
        true => {
            "no graphics adapter was found: a Vulkan, Metal or DX12 driver is needed (without one: auto, cpu)".into()
        }
        false => format!("there is only {} (and auto, cpu, gpu)", names.join("; ")),
    };
    Err(Error::Device(match select {
        Select::Any => there,
        Select::Hardware => format!("no graphics hardware; {there}"),
        Select::Named(part) => format!("no adapter is called {part:?}; {there}"),
    }))
}
