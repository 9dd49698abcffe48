// attention_unit: the rows [q, k, q - k, q * k] of every step, with q of its sample, which a linear layer maps
// (linear.wgsl). Specification: `unit_input` in src/ops/attention.rs.
//
// forward         binding 3  read   the queries: [samples, stride]
//                 binding 4  read   the keys: [steps, stride]
//                 binding 5  write  the rows: [steps, 4 width]
// query_gradient  binding 4  read   the keys
//                 binding 5  write  the gradient of the queries, overwritten or added to
//                 binding 6  read   the gradient of the rows
// key_gradient    binding 3  read   the queries
//                 binding 5  write  the gradient of the keys, overwritten or added to
//                 binding 6  read   the gradient of the rows
//
// One thread a sample and vec4 of the query, which goes along the sample's steps.

struct AttentionUnit {
    query: View,
    key: View,
    rows: View,   // the rows, or their gradient
    output: View, // the gradient that is written
    add: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(2) var<uniform> shape: AttentionUnit;
@group(0) @binding(3) var<storage, read> query: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> key: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> delta: array<vec4<f32>>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let width = shape.query.width;
    let sample = index / width;
    let column = index % width;
    if sample >= rows_of(shape.query) {
        return;
    }
    let q = query[at(shape.query, sample) + column];
    let steps = steps_of(shape.key, sample);
    for (var step = steps.x; step < steps.y; step++) {
        let k = key[at(shape.key, step) + column];
        let to = at(shape.rows, step) + column;
        output[to] = q;
        output[to + width] = k;
        output[to + 2u * width] = q - k;
        output[to + 3u * width] = q * k;
    }
}

@compute @workgroup_size(256)
fn query_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let width = shape.output.width;
    let sample = index / width;
    let column = index % width;
    if sample >= rows_of(shape.output) {
        return;
    }
    let steps = steps_of(shape.key, sample);
    var sum = vec4(0.0);
    for (var step = steps.x; step < steps.y; step++) {
        let k = key[at(shape.key, step) + column];
        let from_ = at(shape.rows, step) + column;
        sum += fma(delta[from_ + 3u * width], k, delta[from_] + delta[from_ + 2u * width]);
    }
    let to = at(shape.output, sample) + column;
    if shape.add != 0u {
        sum += output[to];
    }
    output[to] = sum;
}

@compute @workgroup_size(256)
fn key_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let width = shape.query.width;
    let sample = index / width;
    let column = index % width;
    if sample >= rows_of(shape.query) {
        return;
    }
    let q = query[at(shape.query, sample) + column];
    let steps = steps_of(shape.output, sample);
    for (var step = steps.x; step < steps.y; step++) {
        let from_ = at(shape.rows, step) + column;
        var gradient = fma(delta[from_ + 3u * width], q, delta[from_ + width] - delta[from_ + 2u * width]);
        let to = at(shape.output, step) + column;
        if shape.add != 0u {
            gradient += output[to];
        }
        output[to] = gradient;
    }
}
