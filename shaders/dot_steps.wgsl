// dot_steps: output[t] = <query[s], key[t]> for the steps t of sample s. Specification: src/ops/dot_steps.rs.
//
// forward         binding 3  read   the queries: [samples, stride]
//                 binding 4  read   the keys: [steps, stride]
//                 binding 6  write  the output: [steps, stride], the first float of the view's vec4
// query_gradient  binding 4  read   the keys
//                 binding 5  read   the gradient of the output
//                 binding 6  write  the gradient of the queries, overwritten or added to
// key_gradient    binding 3  read   the queries
//                 binding 5  read   the gradient of the output
//                 binding 6  write  the gradient of the keys, overwritten or added to
//
// forward takes a thread a step, which looks its sample up and adds up a row; the gradients one a sample and vec4, which goes
// along the sample's steps.

struct DotSteps {
    query: View,
    key: View,
    delta: View,  // the output's gradient
    output: View, // what is written
    add: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(2) var<uniform> shape: DotSteps;
@group(0) @binding(3) var<storage, read> query: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> key: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> delta: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let step = flat_index(group, groups, lane);
    if step >= rows_of(shape.output) {
        return;
    }
    let of_step = at(shape.key, step);
    let of_sample = at(shape.query, sample_of(shape.output, step));
    var sum = 0.0;
    for (var i = 0u; i < shape.key.width; i++) {
        sum += dot(query[of_sample + i], key[of_step + i]);
    }
    output[at(shape.output, step)] = vec4(sum, 0.0, 0.0, 0.0);
}

@compute @workgroup_size(256)
fn query_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let sample = index / shape.output.width;
    let column = index % shape.output.width;
    if sample >= rows_of(shape.output) {
        return;
    }
    let steps = steps_of(shape.key, sample);
    let to = at(shape.output, sample) + column;
    var sum = vec4(0.0);
    if shape.add != 0u {
        sum = output[to];
    }
    for (var step = steps.x; step < steps.y; step++) {
        sum = fma(vec4(delta[at(shape.delta, step)].x), key[at(shape.key, step) + column], sum);
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
    let sample = index / shape.query.width;
    let column = index % shape.query.width;
    if sample >= rows_of(shape.query) {
        return;
    }
    let q = query[at(shape.query, sample) + column];
    let steps = steps_of(shape.output, sample);
    for (var step = steps.x; step < steps.y; step++) {
        var gradient = delta[at(shape.delta, step)].x * q;
        let to = at(shape.output, step) + column;
        if shape.add != 0u {
            gradient += output[to];
        }
        output[to] = gradient;
    }
}
