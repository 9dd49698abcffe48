//! Every struct that shaders are told of lies here as it does there: names, offsets and sizes as naga computes them from
//! the shaders. A struct without a row in the table fails the test, and so does a row that no shader has.

use std::collections::BTreeSet;

use naga::{AddressSpace, Handle, Module, Type, TypeInner, proc::Layouter};

use crate::gpu::{
    executor::kept::HoldShape,
    memory::placement::Layer,
    ops::{self, updates},
    program::{call::Call, room::Draw},
    sampling::maker::SortShape,
    search::catalogue::SearchUniform,
    shaders,
    shapes::{Uniform, UniformLayout, ViewShape},
};

/// A struct's name, its bytes, and its fields without pads: each with its offset and its bytes.
type Row = (String, usize, Vec<(String, usize, usize)>);

fn table() -> Vec<UniformLayout> {
    let plumbing = [
        Call::LAYOUT,
        ViewShape::LAYOUT,
        Draw::LAYOUT,
        SortShape::LAYOUT,
        SearchUniform::LAYOUT,
        Layer::LAYOUT,
        HoldShape::LAYOUT,
    ];
    let ops = ops::UNIFORMS.iter().copied().flatten().copied();
    let updates = updates::UNIFORMS.iter().copied();
    plumbing.into_iter().chain(ops).chain(updates).collect()
}

fn is_pad(field: &str) -> bool {
    field.trim_start_matches("pad").chars().all(|c| c.is_ascii_digit())
}

fn of_host(layout: &UniformLayout) -> Row {
    let fields = layout.fields.iter().filter(|(name, ..)| !is_pad(name));
    let fields = fields.map(|&(name, offset, bytes)| (name.to_string(), offset, bytes));
    (layout.name.to_string(), layout.size, fields.collect())
}

/// The struct of a type, or of the elements of an array.
fn of_shader(module: &Module, layouts: &Layouter, mut of: Handle<Type>) -> Option<Row> {
    if let TypeInner::Array { base, .. } = module.types[of].inner {
        of = base;
    }
    let TypeInner::Struct { members, span } = &module.types[of].inner else {
        return None;
    };
    let members = members.iter().map(|member| {
        let name = member.name.clone().expect("WGSL names all members");
        (name, member.offset as usize, layouts[member.ty].size as usize)
    });
    let name = module.types[of].name.clone().expect("WGSL names all structs");
    let fields = members.filter(|(name, ..)| !is_pad(name)).collect();
    Some((name, *span as usize, fields))
}

#[test]
fn every_struct_lies_here_as_it_does_in_its_shader() {
    let table = table();
    let names: BTreeSet<&str> = table.iter().map(|layout| layout.name).collect();
    assert_eq!(names.len(), table.len(), "two rows of one name");
    let mut seen = BTreeSet::new();
    for shader in shaders() {
        let module = naga::front::wgsl::parse_str(shader.source()).unwrap();
        let mut layouts = Layouter::default();
        layouts.update(module.to_ctx()).unwrap();
        for (_, variable) in module.global_variables.iter() {
            let is_told = matches!(variable.space, AddressSpace::Uniform | AddressSpace::Storage { .. });
            let Some((name, span, fields)) = of_shader(&module, &layouts, variable.ty).filter(|_| is_told) else {
                continue;
            };
            let row = table.iter().find(|layout| layout.name == name);
            let row = row.unwrap_or_else(|| panic!("{shader:?}: `{name}` has no row"));
            let (_, bytes, of_host) = of_host(row);
            assert_eq!(of_host, fields, "{shader:?}: {name}");
            // What is behind the shader's last field is a pad; an array's elements have none.
            let pad = bytes - span;
            let is_array = matches!(variable.space, AddressSpace::Storage { .. });
            assert!(
                pad == 0 || !is_array && pad < 16,
                "{shader:?}: {name} has {bytes} bytes here, {span} there"
            );
            seen.insert(row.name);
        }
    }
    assert_eq!(seen, names, "rows that no shader has");
}

/// A uniform is bound from a multiple of 256 bytes on, and may be no larger.
#[test]
fn uniforms_are_no_larger_than_their_places() {
    for layout in table() {
        assert!(
            layout.size <= 256 && layout.size % 16 == 0,
            "{} has {} bytes",
            layout.name,
            layout.size
        );
    }
}
