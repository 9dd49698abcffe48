// attention_unit, its weight: what the matrix products take of it, and the part of its gradient that they do not give.
// See attention_unit.wgsl.
//
// The weight is [outputs, 4 width], its parts in the order A, C, B, E. Folded are F = [B - C, E], [outputs, 2 width], and
// G = A + C, [outputs, width], and behind them both transposed: [2 width, outputs] and [width, outputs].
//
// fold        binding 3  read   the dense parameters; the weight begins at vec4 `weight`
//             binding 4  write  the folded weights, from vec4 `folded` on
// difference  binding 5  write  slots of the dense gradients: C's gradient is A's less B's, as its input is q's less k's
//
// One thread a vec4 of a part.

struct UnitWeights {
    weight: u32,
    folded: u32,
    outputs: u32, // rows of the weight, with their pad
    width: u32,   // vec4s of a part
    total: u32,   // vec4s of a slot
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(2) var<uniform> shape: UnitWeights;
@group(0) @binding(3) var<storage, read> dense: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> folded: array<f32>;
@group(0) @binding(5) var<storage, read_write> slots: array<vec4<f32>>;

/// Writes vec4 `column` of row `row` of a matrix of `width` vec4s that begins at a float, and of its transpose.
fn store(plain: u32, transposed: u32, row: u32, column: u32, width: u32, value: vec4<f32>) {
    for (var i = 0u; i < 4u; i++) {
        folded[plain + 4u * (row * width + column) + i] = value[i];
        folded[transposed + (4u * column + i) * shape.outputs + row] = value[i];
    }
}

@compute @workgroup_size(256)
fn fold(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let width = shape.width;
    let row = index / width;
    let column = index % width;
    if row >= shape.outputs {
        return;
    }
    let from_ = shape.weight + 4u * row * width + column;
    let a = dense[from_];
    let c = dense[from_ + width];
    let b = dense[from_ + 2u * width];
    let e = dense[from_ + 3u * width];
    let part = 4u * shape.outputs * width; // floats
    let first = 4u * shape.folded;
    store(first, first + 3u * part, row, column, 2u * width, b - c);
    store(first, first + 3u * part, row, width + column, 2u * width, e);
    store(first + 2u * part, first + 5u * part, row, column, width, a + c);
}

@compute @workgroup_size(256)
fn difference(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = group.x * THREADS + lane;
    let width = shape.width;
    let row = index / width;
    if row < shape.outputs {
        let a = group.z * shape.total + shape.weight + 4u * row * width + index % width;
        slots[a + width] = slots[a] - slots[a + 2u * width];
    }
}
