// distance: output[s] = -|left[s] - right[s]|^2. Specification: src/ops/distance.rs.
//
// forward   binding 3  read   left:  [rows, stride]
//           binding 4  read   right: [rows, stride]
//           binding 6  write  output: one vec4 a row, (score, 0, 0, 0)
// backward  binding 3  read   the input whose gradient it is
//           binding 4  read   the other input
//           binding 5  read   the gradient of the output
//           binding 6  write  the gradient of one input, overwritten or added to
//
// forward takes a thread a row: rows are short and lie together, so the cache serves the strided reads. backward takes a
// thread a vec4 and is dispatched once an input, because both gradients may lie in one buffer, which a dispatch may bind
// for writing only once.

struct Distance {
    own: View,
    other: View,
    score: View,
    output: View,
    add: u32, // 1: add to what is there
}

@group(0) @binding(2) var<uniform> shape: Distance;
@group(0) @binding(3) var<storage, read> own: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> other: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> score: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= rows_of(shape.output) {
        return;
    }
    let left = at(shape.own, row);
    let right = at(shape.other, row);
    var sum = 0.0;
    for (var i = 0u; i < shape.own.width; i++) {
        let apart = own[left + i] - other[right + i];
        sum += dot(apart, apart);
    }
    output[at(shape.output, row)] = vec4(-sum, 0.0, 0.0, 0.0);
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
    let apart = other[at(shape.other, row) + column] - own[at(shape.own, row) + column];
    var gradient = 2.0 * score[at(shape.score, row)].x * apart;
    let to = at(shape.output, row) + column;
    if shape.add != 0u {
        gradient += output[to];
    }
    output[to] = gradient;
}
