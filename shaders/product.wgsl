// product: output = left * right, elementwise. Specification: src/ops/product.rs.
//
// forward   binding 3  read   left:  [samples, stride]
//           binding 4  read   right: [samples, stride]
//           binding 5  write  output: [samples, stride]
// backward  binding 3  read   the gradient of the output
//           binding 4  read   the other factor
//           binding 5  write  the gradient of one factor, overwritten or added to
//
// One thread a vec4; bound by memory. Backward is dispatched once a factor, because both gradients may lie in one
// buffer, which a dispatch may bind for writing only once.

struct Product {
    left: View,
    right: View,
    output: View,
    add: u32, // 1: add to what is there
}

@group(0) @binding(2) var<uniform> shape: Product;
@group(0) @binding(3) var<storage, read> left: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> right: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;

fn multiply(index: u32) {
    let row = index / shape.output.width;
    let column = index % shape.output.width;
    if row >= rows_of(shape.output) {
        return;
    }
    var value = left[at(shape.left, row) + column] * right[at(shape.right, row) + column];
    let to = at(shape.output, row) + column;
    if shape.add != 0u {
        value += output[to];
    }
    output[to] = value;
}

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    multiply(flat_index(group, groups, lane));
}

@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    multiply(flat_index(group, groups, lane));
}
