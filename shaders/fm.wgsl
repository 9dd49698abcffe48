// fm: output[s] = the sum over pairs of a sample's vectors of <v_i, v_j>. Specification: src/ops/fm.rs.
//
// forward         binding 3  read   the input: [samples, stride], fields side by side, `factors` vec4s each; or
//                                   [steps, stride], and a sample's vectors are its steps' rows
//                 binding 4  write  the output: (sum, 0, 0, 0)
// input_gradient  binding 3  read   the input
//                 binding 4  write  its gradient, overwritten or added to
//                 binding 5  read   the gradient of the output
//
// In linear time, by half of the square of the vectors' sum less the sum of their squares. forward takes a thread a
// sample, as rows lie together; input_gradient one a sample and vec4 of the factors, which adds the vectors up again.

struct Fm {
    input: View,
    output: View, // forward: the output; input_gradient: the input's gradient
    delta: View,  // input_gradient: the output's gradient
    factors: u32, // vec4s of a vector
    add: u32,
    steps: u32,   // 1: the input lies along steps
    pad: u32,
}

@group(0) @binding(2) var<uniform> shape: Fm;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> delta: array<vec4<f32>>;

/// The vectors of a sample.
struct Vectors {
    first: u32, // the first vec4 of the first
    stride: u32,
    count: u32,
}

fn vectors_of(view: View, sample: u32) -> Vectors {
    if shape.steps == 0u {
        return Vectors(at(view, sample), shape.factors, shape.input.width / shape.factors);
    }
    let steps = steps_of(shape.input, sample);
    return Vectors(at(view, steps.x), view.stride, steps.y - steps.x);
}

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
    let vectors = vectors_of(shape.input, row);
    var sum = vec4(0.0);
    for (var i = 0u; i < shape.factors; i++) {
        var total = vec4(0.0);
        var squares = vec4(0.0);
        for (var k = 0u; k < vectors.count; k++) {
            let v = input[vectors.first + k * vectors.stride + i];
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
    if row >= rows_of(shape.delta) {
        return;
    }
    let vectors = vectors_of(shape.input, row);
    let to = vectors_of(shape.output, row);
    let gradient = delta[at(shape.delta, row)].x;
    var total = vec4(0.0);
    for (var k = 0u; k < vectors.count; k++) {
        total += input[vectors.first + k * vectors.stride + i];
    }
    for (var k = 0u; k < vectors.count; k++) {
        var value = gradient * (total - input[vectors.first + k * vectors.stride + i]);
        let place = to.first + k * to.stride + i;
        if shape.add != 0u {
            value += output[place];
        }
        output[place] = value;
    }
}
