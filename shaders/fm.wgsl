// fm: output[s] = the sum over pairs of fields of <v_i, v_j>. Specification: src/ops/fm.rs.
//
// forward         binding 3  read   the input: [samples, stride], fields side by side, `factors` vec4s each
//                 binding 4  write  the output: (sum, 0, 0, 0)
// input_gradient  binding 3  read   the input
//                 binding 4  write  its gradient, overwritten or added to
//                 binding 5  read   the gradient of the output
// forward_steps, steps_gradient    the same where the input is [steps, stride] and a sample's fields are its steps
//
// In linear time, by half of the square of the fields' sum less the sum of their squares. forward takes a thread a
// sample, as rows lie together; input_gradient one a sample and vec4 of the factors, which adds the fields up again. So
// do steps_gradient, and forward_steps one a sample.

struct Fm {
    input: View,  // along steps: their rows
    output: View, // forward: the output; input_gradient: the input's gradient
    delta: View,  // input_gradient: the output's gradient
    factors: u32, // vec4s of a field
    add: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(2) var<uniform> shape: Fm;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> delta: array<vec4<f32>>;

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
    let from_ = at(shape.input, row);
    var sum = vec4(0.0);
    for (var i = 0u; i < shape.factors; i++) {
        var total = vec4(0.0);
        var squares = vec4(0.0);
        for (var field = i; field < shape.input.width; field += shape.factors) {
            let v = input[from_ + field];
            total += v;
            squares = fma(v, v, squares);
        }
        sum += total * total - squares;
    }
    output[at(shape.output, row)] = vec4(0.5 * ((sum.x + sum.y) + (sum.z + sum.w)), 0.0, 0.0, 0.0);
}

@compute @workgroup_size(256)
fn input_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.factors;
    let i = index % shape.factors;
    if row >= rows_of(shape.output) {
        return;
    }
    let from_ = at(shape.input, row);
    let to = at(shape.output, row);
    let gradient = delta[at(shape.delta, row)].x;
    var total = vec4(0.0);
    for (var field = i; field < shape.input.width; field += shape.factors) {
        total += input[from_ + field];
    }
    for (var field = i; field < shape.input.width; field += shape.factors) {
        var value = gradient * (total - input[from_ + field]);
        if shape.add != 0u {
            value += output[to + field];
        }
        output[to + field] = value;
    }
}

@compute @workgroup_size(256)
fn forward_steps(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= rows_of(shape.output) {
        return;
    }
    let steps = steps_of(shape.input, row);
    var sum = vec4(0.0);
    for (var i = 0u; i < shape.factors; i++) {
        var total = vec4(0.0);
        var squares = vec4(0.0);
        for (var step = steps.x; step < steps.y; step++) {
            let v = input[at(shape.input, step) + i];
            total += v;
            squares = fma(v, v, squares);
        }
        sum += total * total - squares;
    }
    output[at(shape.output, row)] = vec4(0.5 * ((sum.x + sum.y) + (sum.z + sum.w)), 0.0, 0.0, 0.0);
}

@compute @workgroup_size(256)
fn steps_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.factors;
    let i = index % shape.factors;
    if row >= rows_of(shape.delta) {
        return;
    }
    let steps = steps_of(shape.input, row);
    let gradient = delta[at(shape.delta, row)].x;
    var total = vec4(0.0);
    for (var step = steps.x; step < steps.y; step++) {
        total += input[at(shape.input, step) + i];
    }
    for (var step = steps.x; step < steps.y; step++) {
        var value = gradient * (total - input[at(shape.input, step) + i]);
        let to = at(shape.output, step) + i;
        if shape.add != 0u {
            value += output[to];
        }
        output[to] = value;
    }
}
