// attention: output[s] = the sum over the steps t of sample s of weight[t] value[t]. Specification: src/ops/attention.rs.
// dot_steps, whose products are weights' gradients and whose query's gradient is such a sum, is these entry points too:
// src/gpu/ops/dot_steps.rs says what stands where.
//
// forward          binding 3  read   the weights: [steps, stride], the first float of the view's vec4
//                  binding 4  read   the values: [steps, stride]
//                  binding 5  write  the output, overwritten or added to: [samples, stride]
// weight_gradient  binding 4  read   the values
//                  binding 5  write  the gradient of the weights, overwritten or added to
//                  binding 6  read   the gradient of the output
// value_gradient   binding 3  read   the weights
//                  binding 5  write  the gradient of the values, overwritten or added to
//                  binding 6  read   the gradient of the output
//
// forward and value_gradient take a thread a sample and vec4, which goes along the sample's steps; weight_gradient takes
// one a step, which looks its sample up and adds up a row.

struct Attention {
    weights: View,
    values: View,
    output: View, // what is written
    delta: View,  // the output's gradient
    add: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(2) var<uniform> shape: Attention;
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> delta: array<vec4<f32>>;

@compute @workgroup_size(256)
fn forward(
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
    let steps = steps_of(shape.values, sample);
    let to = at(shape.output, sample) + column;
    var sum = vec4(0.0);
    if shape.add != 0u {
        sum = output[to];
    }
    for (var step = steps.x; step < steps.y; step++) {
        sum = fma(vec4(weights[at(shape.weights, step)].x), values[at(shape.values, step) + column], sum);
    }
    output[to] = sum;
}

@compute @workgroup_size(256)
fn weight_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let step = flat_index(group, groups, lane);
    if step >= rows_of(shape.output) {
        return;
    }
    let from_ = at(shape.values, step);
    let of_sample = at(shape.delta, sample_of(shape.output, step));
    var sum = 0.0;
    for (var i = 0u; i < shape.values.width; i++) {
        sum += dot(delta[of_sample + i], values[from_ + i]);
    }
    let to = at(shape.output, step);
    if shape.add != 0u {
        sum += output[to].x;
    }
    output[to] = vec4(sum, 0.0, 0.0, 0.0);
}

@compute @workgroup_size(256)
fn value_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let sample = index / shape.delta.width;
    let column = index % shape.delta.width;
    if sample >= rows_of(shape.delta) {
        return;
    }
    let d = delta[at(shape.delta, sample) + column];
    let steps = steps_of(shape.output, sample);
    for (var step = steps.x; step < steps.y; step++) {
        var gradient = weights[at(shape.weights, step)].x * d;
        let to = at(shape.output, step) + column;
        if shape.add != 0u {
            gradient += output[to];
        }
        output[to] = gradient;
    }
}
