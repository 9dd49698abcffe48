// affine: output = weight x + bias, with a scale and a shift for each column, and max(output, 0) behind them or not.
// Specification: src/ops/affine.rs; column_sums.wgsl is put before it.
//
// forward             binding 3  read   x: [rows, stride]
//                     binding 4  read   the dense parameters; scales begin at vec4 `weight`, shifts at vec4 `bias`
//                     binding 5  write  the output
// input_gradient      binding 4  read   the dense parameters
//                     binding 5  write  the gradient of x, overwritten or added to
//                     binding 6  read   the gradient of the output
//                     binding 7  read   the output
// parameter_gradient  binding 3  read   x
//                     binding 5  write  slots of the dense gradients: [slots, total]
//                     binding 6  read   the gradient of the output
//                     binding 7  read   the output
//
// One thread a vec4; bound by memory. The parameters' gradients are a workgroup a slot and 16 vec4s of columns.

struct Affine {
    input: View,
    output: View,
    delta: View,    // the output's gradient
    to_input: View, // input_gradient: the gradient of x
    weight: u32,
    bias: u32,
    relu: u32,
    total: u32, // vec4s of a slot
    add: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(2) var<uniform> shape: Affine;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> dense: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> target_: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> delta: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> output: array<vec4<f32>>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.output.width;
    let column = index % shape.output.width;
    if row < rows_of(shape.output) {
        let x = input[at(shape.input, row) + column];
        let y = fma(dense[shape.weight + column], x, dense[shape.bias + column]);
        // Not max(y, 0): a NaN stays.
        let cut = select(y, vec4(0.0), y < vec4(0.0));
        target_[at(shape.output, row) + column] = select(y, cut, shape.relu != 0u);
    }
}

/// The gradient before the rectifier.
fn delta_at(row: u32, column: u32) -> vec4<f32> {
    let d = delta[at(shape.delta, row) + column];
    if shape.relu == 0u {
        return d;
    }
    return select(vec4(0.0), d, output[at(shape.output, row) + column] > vec4(0.0));
}

@compute @workgroup_size(256)
fn input_gradient(
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
    var gradient = dense[shape.weight + column] * delta_at(row, column);
    let to = at(shape.to_input, row) + column;
    if shape.add != 0u {
        gradient += target_[to];
    }
    target_[to] = gradient;
}

/// Writes a vec4 of a slot, or adds to what is there.
fn store(to: u32, sum: vec4<f32>) {
    if shape.add != 0u || is_later() {
        target_[to] += sum;
    } else {
        target_[to] = sum;
    }
}

@compute @workgroup_size(16, 16)
fn parameter_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = 16u * group.x + local.x;
    let is_there = column < shape.output.width;
    let rows = slot_rows(shape.output, group.z);
    var of_weight = vec4(0.0);
    var of_bias = vec4(0.0);
    if is_there {
        for (var row = rows.x + local.y; row < rows.y; row += 16u) {
            let d = delta_at(row, column);
            of_weight = fma(d, input[at(shape.input, row) + column], of_weight);
            of_bias += d;
        }
    }
    of_weight = sum_column(local, of_weight);
    of_bias = sum_column(local, of_bias);
    if is_there && local.y == 0u {
        store(group.z * shape.total + shape.weight + column, of_weight);
        store(group.z * shape.total + shape.bias + column, of_bias);
    }
}
