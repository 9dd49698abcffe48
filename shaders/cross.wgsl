// cross: output = x0 u + x, elementwise, where u is a linear map that linear.wgsl has made. Specification: src/ops/cross.rs.
//
// forward           binding 3  read   x0: [rows, stride]
//                   binding 4  read   u
//                   binding 5  write  the output
//                   binding 6  read   x
// product_gradient  binding 3  read   x0
//                   binding 4  read   u
//                   binding 5  write  the gradient of x0, overwritten or added to: d u
//                   binding 6  read   d, the gradient of the output
//                   binding 7  write  the gradient of u, overwritten: d x0
// pass_on           binding 5  write  the gradient of x, overwritten or added to: d
//                   binding 6  read   d
//
// One thread a vec4; bound by memory. What is left of the backward pass are linear.wgsl's products on the gradient of u.
// The gradients of x0 and of x may lie in one buffer, which a dispatch may bind for writing only once.

struct Cross {
    x0: View,
    u: View,
    target_: View, // forward: the output; backward: the gradient that is delivered
    other: View,   // forward: x; backward: d
    delta: View,   // product_gradient: the gradient of u
    add: u32,      // 1: add to what is there
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(2) var<uniform> shape: Cross;
@group(0) @binding(3) var<storage, read> x0: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> target_: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> other: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> delta: array<vec4<f32>>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.target_.width;
    let column = index % shape.target_.width;
    if row < rows_of(shape.target_) {
        let x = other[at(shape.other, row) + column];
        target_[at(shape.target_, row) + column] =
            fma(x0[at(shape.x0, row) + column], u[at(shape.u, row) + column], x);
    }
}

/// Delivers a vec4 of a gradient.
fn deliver(row: u32, column: u32, gradient: vec4<f32>) {
    let to = at(shape.target_, row) + column;
    var sum = gradient;
    if shape.add != 0u {
        sum += target_[to];
    }
    target_[to] = sum;
}

@compute @workgroup_size(256)
fn product_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.target_.width;
    let column = index % shape.target_.width;
    if row >= rows_of(shape.target_) {
        return;
    }
    let d = other[at(shape.other, row) + column];
    delta[at(shape.delta, row) + column] = d * x0[at(shape.x0, row) + column];
    deliver(row, column, d * u[at(shape.u, row) + column]);
}

@compute @workgroup_size(256)
fn pass_on(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.target_.width;
    let column = index % shape.target_.width;
    if row < rows_of(shape.target_) {
        deliver(row, column, other[at(shape.other, row) + column]);
    }
}
