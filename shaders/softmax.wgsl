// softmax: of one column over the steps of each sample. Specification: src/ops/softmax.rs.
//
// forward         binding 3  read   the input: [steps, stride], the first float of the view's vec4
//                 binding 4  write  the output: (weight, 0, 0, 0)
// input_gradient  binding 3  read   the output
//                 binding 4  write  the gradient of the input, overwritten or added to
//                 binding 5  read   the gradient of the output
//
// One thread a sample, which goes along its steps.

struct Softmax {
    input: View,  // forward: the input; input_gradient: the output
    output: View, // what is written
    delta: View,
    add: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(2) var<uniform> shape: Softmax;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> delta: array<vec4<f32>>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sample = flat_index(group, groups, lane);
    if sample >= call.spaces[0][ROWS] {
        return;
    }
    let steps = steps_of(shape.input, sample);
    var largest = -3.4028234e38; // max alone would drop a NaN, the exponentials do not
    for (var step = steps.x; step < steps.y; step++) {
        largest = max(largest, input[at(shape.input, step)].x);
    }
    var total = 0.0;
    for (var step = steps.x; step < steps.y; step++) {
        let weight = exp(input[at(shape.input, step)].x - largest);
        total += weight;
        output[at(shape.output, step)] = vec4(weight, 0.0, 0.0, 0.0);
    }
    for (var step = steps.x; step < steps.y; step++) {
        output[at(shape.output, step)] /= total;
    }
}

@compute @workgroup_size(256)
fn input_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sample = flat_index(group, groups, lane);
    if sample >= call.spaces[0][ROWS] {
        return;
    }
    let steps = steps_of(shape.input, sample);
    var mean = 0.0;
    for (var step = steps.x; step < steps.y; step++) {
        mean = fma(input[at(shape.input, step)].x, delta[at(shape.delta, step)].x, mean);
    }
    for (var step = steps.x; step < steps.y; step++) {
        var gradient = input[at(shape.input, step)].x * (delta[at(shape.delta, step)].x - mean);
        let to = at(shape.output, step);
        if shape.add != 0u {
            gradient += output[to].x;
        }
        output[to] = vec4(gradient, 0.0, 0.0, 0.0);
    }
}
