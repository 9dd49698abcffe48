// add: output = a + b, column by column. Specification: src/ops/add.rs.
//
// forward   binding 3  read   a: [rows, stride]
//           binding 4  read   b: [rows, stride]
//           binding 5  write  output: [rows, stride]
// backward  binding 3  read   the gradient of the output
//           binding 5  write  the gradient of one input, overwritten or added to
//
// One thread a vec4; bound by memory. Backward is dispatched once an input, because both gradients may lie in one
// buffer, which a dispatch may bind for writing only once.

struct Add {
    a: View,
    b: View,
    output: View,
    add: u32, // 1: add to what is there
}

@group(0) @binding(2) var<uniform> shape: Add;
@group(0) @binding(3) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.output.width;
    let column = index % shape.output.width;
    if row < rows_of(shape.output) {
        output[at(shape.output, row) + column] = a[at(shape.a, row) + column] + b[at(shape.b, row) + column];
    }
}

@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.output.width;
    let column = index % shape.output.width;
    if row >= rows_of(shape.output) {
        return;
    }
    var gradient = a[at(shape.a, row) + column];
    let to = at(shape.output, row) + column;
    if shape.add != 0u {
        gradient += output[to];
    }
    output[to] = gradient;
}
