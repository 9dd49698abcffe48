//! Every shader is valid and stays within WebGPU's default limits; no device is needed to know.

use naga::{
    AddressSpace, Module, ShaderStage, StorageAccess,
    back::{hlsl, msl, pipeline_constants::process_overrides},
    proc::Layouter,
    valid::{Capabilities, ModuleInfo, ValidationFlags, Validator},
};
use pocketrec::gpu::{Shader, Tile, shaders};

const MAX_STORAGE_BUFFERS: usize = 8;
const MAX_WORKGROUP_BYTES: u32 = 16 << 10;
const MAX_INVOCATIONS: u32 = 256;
/// What mixed precision may take instead.
const MAX_MIXED_WORKGROUP_BYTES: u32 = 23_040;

fn is_mixed(shader: Shader) -> bool {
    shader.is_mixed()
}

fn validate(shader: Shader, module: &Module) -> ModuleInfo {
    let capabilities = match is_mixed(shader) {
        true => Capabilities::SHADER_FLOAT16 | Capabilities::SUBGROUP | Capabilities::COOPERATIVE_MATRIX,
        // What packs and unpacks halves is part of WebGPU's core, but has a name of its own here.
        false => Capabilities::SHADER_FLOAT16_IN_FLOAT32,
    };
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    validator
        .validate(module)
        .unwrap_or_else(|error| panic!("{}", error.into_inner()))
}

fn parse(shader: Shader) -> Module {
    let source = shader.source();
    naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{shader:?}: {}", error.emit_to_string(source)))
}

/// The tiles that an entry point is built with.
fn tiles(shader: Shader, entry: &str) -> Vec<Option<Tile>> {
    match (shader.files().last().copied(), entry) {
        (Some("linear"), "forward" | "input_gradient") => Tile::LINEAR.map(Some).to_vec(),
        (Some("gru"), _) => Tile::GRU.map(Some).to_vec(),
        (Some("linear_weight_gradient"), _) => Tile::WEIGHT_GRADIENT.map(Some).to_vec(),
        _ => vec![None],
    }
}

#[test]
fn all_shaders_are_valid_within_the_default_limits() {
    let all = shaders();
    for (index, &shader) in all.iter().enumerate() {
        assert!(!all[..index].contains(&shader), "{shader:?} is there twice");
        let module = parse(shader);
        let info = validate(shader, &module);
        assert!(!module.entry_points.is_empty(), "{shader:?}");
        for entry in &module.entry_points {
            for tile in tiles(shader, &entry.name) {
                let constants = tile.map_or([].to_vec(), |tile| tile.constants().to_vec());
                let constants = constants
                    .into_iter()
                    .map(|(name, value)| (name.to_string(), value))
                    .collect();
                let stage = Some((entry.stage, entry.name.as_str()));
                let (module, info) = process_overrides(&module, &info, stage, &constants).unwrap();
                translate(shader, &module, &info, &entry.name);
                let most = match is_mixed(shader) {
                    true => MAX_MIXED_WORKGROUP_BYTES,
                    false => MAX_WORKGROUP_BYTES,
                };
                let what = format!("{shader:?}::{}, {tile:?}", entry.name);
                check_entry(&module, &info, &entry.name, most, &what);
            }
        }
    }
}

/// A file that is part of no module is one that nothing runs: that of an operation that does not name it.
#[test]
fn every_file_is_part_of_a_module() {
    let always = ["prelude", "mixed", "cooperative_8x8", "cooperative_16x16"];
    let used: Vec<&str> = shaders().iter().flat_map(|shader| shader.files()).copied().collect();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap();
        assert!(used.contains(&name) || always.contains(&name), "{name} is in no module");
    }
}

/// Metal and Direct3D get a translation, which can fail where Vulkan's does not. Direct3D has no mixed precision.
fn translate(shader: Shader, module: &Module, info: &ModuleInfo, entry: &str) {
    let entry_point = Some((ShaderStage::Compute, entry.to_string()));
    let metal = msl::Options {
        lang_version: if is_mixed(shader) { (2, 3) } else { (2, 0) },
        ..msl::Options::default()
    };
    let pipeline = msl::PipelineOptions {
        entry_point: entry_point.clone(),
        ..msl::PipelineOptions::default()
    };
    msl::write_string(module, info, &metal, &pipeline).unwrap();
    if is_mixed(shader) {
        return;
    }
    let pipeline = hlsl::PipelineOptions { entry_point };
    let (mut text, options) = (String::new(), hlsl::Options::default());
    hlsl::Writer::new(&mut text, &options, &pipeline)
        .write(module, info, None)
        .unwrap();
}

fn check_entry(module: &Module, info: &ModuleInfo, name: &str, most: u32, what: &str) {
    let index = module.entry_points.iter().position(|entry| entry.name == name).unwrap();
    let entry = &module.entry_points[index];
    let uses = info.get_entry_point(index);
    let mut layouter = Layouter::default();
    layouter.update(module.to_ctx()).unwrap();
    let [x, y, z] = entry.workgroup_size;
    assert!(x * y * z <= MAX_INVOCATIONS, "{what}: {x} x {y} x {z} threads");
    let (mut storage, mut shared) = (0, 0);
    for (handle, variable) in module.global_variables.iter() {
        if uses[handle].is_empty() {
            continue;
        }
        match variable.space {
            AddressSpace::Storage { access } => {
                storage += 1;
                assert!(access.contains(StorageAccess::LOAD), "{what}");
            }
            AddressSpace::WorkGroup => shared += layouter[variable.ty].size,
            AddressSpace::Uniform => assert!(layouter[variable.ty].size <= 256, "{what}"),
            _ => {}
        }
    }
    assert!(storage <= MAX_STORAGE_BUFFERS, "{what}: {storage} storage buffers");
    assert!(shared <= most, "{what}: {shared} bytes of workgroup memory");
}

/// A thread of `linear_weight_gradient` must load one column of delta's tile throughout, and the tile must hold a sum a
/// thread in the end.
#[test]
fn weight_gradient_tiles_fit_the_bias() {
    for tile in Tile::WEIGHT_GRADIENT {
        assert!((tile.wx * tile.wy).is_multiple_of(2 * tile.wy), "{tile:?}");
        assert!(tile.wx <= 2 * tile.depth, "{tile:?}");
    }
}
