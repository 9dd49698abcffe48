// normalise: rows at length 1. Specification: src/ops/normalise.rs.
//
// forward   binding 3  read   input:  [rows, stride]
//           binding 5  write  output: [rows, stride]
// backward  binding 3  read   input
//           binding 4  read   the gradient of the output
//           binding 5  write  the gradient of the input, overwritten or added to
//
// One thread a row, which is a vector of a few vec4s.

struct Normalise {
    input: View,
    output: View, // backward, where the gradient goes
    delta: View,
    add: u32, // 1: add to what is there
}

@group(0) @binding(2) var<uniform> shape: Normalise;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> delta: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;

const SHORTEST = 1e-12; // as in src/ops/normalise.rs

/// What a row is multiplied by.
fn inverse_length(row: u32) -> f32 {
    var squares = 0.0;
    for (var k = 0u; k < shape.input.width; k++) {
        let x = input[at(shape.input, row) + k];
        squares += dot(x, x);
    }
    return 1.0 / max(sqrt(squares), SHORTEST);
}

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= rows_of(shape.input) {
        return;
    }
    let inverse = inverse_length(row);
    for (var k = 0u; k < shape.input.width; k++) {
        output[at(shape.output, row) + k] = input[at(shape.input, row) + k] * inverse;
    }
}

@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= rows_of(shape.input) {
        return;
    }
    let inverse = inverse_length(row);
    var along = 0.0;
    if inverse < 1.0 / SHORTEST {
        for (var k = 0u; k < shape.input.width; k++) {
            along += dot(input[at(shape.input, row) + k] * inverse, delta[at(shape.delta, row) + k]);
        }
    }
    for (var k = 0u; k < shape.input.width; k++) {
        let across = delta[at(shape.delta, row) + k] - along * (input[at(shape.input, row) + k] * inverse);
        var gradient = across * inverse;
        let to = at(shape.output, row) + k;
        if shape.add != 0u {
            gradient += output[to];
        }
        output[to] = gradient;
    }
}
