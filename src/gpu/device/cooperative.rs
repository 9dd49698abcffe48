//! Small matrices that the threads of a subgroup hold together, where an adapter has units that multiply them.

use crate::{Result, gpu::shaders::side::Side};

/// What an adapter's units are used for: square matrices of halves, summed in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cooperative {
    pub side: Side,
    /// Threads of a subgroup.
    subgroup: u32,
}

/// Subgroups of a workgroup, as in `shaders/mixed.wgsl`.
const SUBGROUPS: u32 = 8;
/// Threads of a workgroup at most, WebGPU's default.
const MAX_THREADS: u32 = 256;

impl Cooperative {
    pub const FEATURES: wgpu::Features = wgpu::Features::SHADER_F16
        .union(wgpu::Features::SUBGROUP)
        .union(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);
    /// Bytes of workgroup memory that `shaders/mixed.wgsl` takes at most.
    pub const WORKGROUP_BYTES: u32 = 23_040;

    /// What there is of an adapter.
    ///
    /// # Errors
    /// What it lacks.
    pub fn of(adapter: &wgpu::Adapter) -> Result<Self, String> {
        let missing = Self::FEATURES.difference(adapter.features());
        if !missing.is_empty() {
            let names: Vec<String> = missing.iter_names().map(|(name, _)| name.to_lowercase()).collect();
            return Err(names.join(", "));
        }
        let all = adapter.cooperative_matrix_properties();
        let has = |side: Side| {
            let square = [side.width(); 3];
            let types = (wgpu::CooperativeScalarType::F16, wgpu::CooperativeScalarType::F32);
            all.iter()
                .any(|one| [one.m_size, one.n_size, one.k_size] == square && (one.ab_type, one.cr_type) == types)
        };
        let Some(side) = [Side::Sixteen, Side::Eight].into_iter().find(|&side| has(side)) else {
            return Err("square matrices of f16, 8 or 16 wide, that are summed in f32".into());
        };
        let info = adapter.get_info();
        let (subgroup, most) = (info.subgroup_min_size, info.subgroup_max_size);
        if subgroup != most || SUBGROUPS * subgroup > MAX_THREADS {
            return Err(format!(
                "subgroups of one size, 32 at most (it has {subgroup} to {most})"
            ));
        }
        match adapter.limits().max_compute_workgroup_storage_size {
            0..Self::WORKGROUP_BYTES => Err(format!("{} bytes of workgroup memory", Self::WORKGROUP_BYTES)),
            _ => Ok(Cooperative { side, subgroup }),
        }
    }

    /// The values of the shaders' `override` constants.
    pub fn constants(&self) -> [(&'static str, f64); 1] {
        [("SUBGROUP", self.subgroup.into())]
    }
}
