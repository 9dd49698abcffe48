// layer_norm: each row to mean 0 and variance 1, times weight, plus bias. Specification: src/ops/layer_norm.rs;
// column_sums.wgsl is put before it.
//
// forward             binding 3  read   x: [rows, stride]
//                     binding 4  read   the dense parameters; scales begin at vec4 `weight`, shifts at vec4 `bias`
//                     binding 5  write  the output
//                     binding 6  write  n, the rows before scale and shift
// input_gradient      binding 3  read   x
//                     binding 4  read   the dense parameters
//                     binding 5  write  the gradient of x, overwritten or added to
//                     binding 7  read   the gradient of the output
// parameter_gradient  binding 5  write  slots of the dense gradients: [slots, total]
//                     binding 6  read   n
//                     binding 7  read   the gradient of the output
//
// forward and input_gradient take a thread a row, which goes over its columns three times. What a vec4 has beyond the columns
// of its piece is no part of the row: `pieces` says where each ends. The parameters' gradients are a workgroup a slot and 16
// vec4s of columns.

struct LayerNorm {
    input: View,
    output: View,  // what is written beside n
    normal: View,
    delta: View,   // the output's gradient
    pieces: array<vec4<u32>, 8>, // the vec4 behind each piece's last, and the floats of that which are columns
    weight: u32,
    bias: u32,
    columns: u32,  // floats of a row
    total: u32,    // vec4s of a slot
    add: u32,
    epsilon: f32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(2) var<uniform> shape: LayerNorm;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> dense: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> target_: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> normal: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> delta: array<vec4<f32>>;

/// Which floats of a vec4 are columns.
fn mask(column: u32) -> vec4<f32> {
    for (var piece = 0u; piece < 8u; piece++) {
        let end = shape.pieces[piece];
        if column + 1u == end.x {
            return select(vec4(0.0), vec4(1.0), vec4(0u, 1u, 2u, 3u) < vec4(end.y));
        }
    }
    return vec4(1.0);
}

/// The mean of a row, and 1 over its deviation.
fn moments(row: u32) -> vec2<f32> {
    let from_ = at(shape.input, row);
    var sum = 0.0;
    for (var i = 0u; i < shape.input.width; i++) {
        sum += dot(input[from_ + i], vec4(1.0)); // what is beyond the columns is 0
    }
    let mean = sum / f32(shape.columns);
    var squares = 0.0;
    for (var i = 0u; i < shape.input.width; i++) {
        let difference = (input[from_ + i] - mean) * mask(i);
        squares += dot(difference, difference);
    }
    return vec2(mean, 1.0 / sqrt(squares / f32(shape.columns) + shape.epsilon));
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
    let of_row = moments(row);
    for (var i = 0u; i < shape.input.width; i++) {
        let n = (input[at(shape.input, row) + i] - of_row.x) * of_row.y * mask(i);
        normal[at(shape.normal, row) + i] = n;
        target_[at(shape.output, row) + i] = fma(dense[shape.weight + i], n, dense[shape.bias + i]);
    }
}

@compute @workgroup_size(256)
fn input_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= rows_of(shape.output) {
        return;
    }
    let of_row = moments(row);
    let from_ = at(shape.input, row);
    let of_delta = at(shape.delta, row);
    var sum = 0.0;
    var along = 0.0;
    for (var i = 0u; i < shape.input.width; i++) {
        let g = dense[shape.weight + i] * delta[of_delta + i]; // 0 beyond the columns
        sum += dot(g, vec4(1.0));
        along += dot(g, (input[from_ + i] - of_row.x) * of_row.y);
    }
    sum /= f32(shape.columns);
    along /= f32(shape.columns);
    for (var i = 0u; i < shape.input.width; i++) {
        let n = (input[from_ + i] - of_row.x) * of_row.y;
        var gradient = (dense[shape.weight + i] * delta[of_delta + i] - sum - n * along) * of_row.y * mask(i);
        let to = at(shape.output, row) + i;
        if shape.add != 0u {
            gradient += target_[to];
        }
        target_[to] = gradient;
    }
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
    let is_there = column < shape.normal.width;
    let rows = slot_rows(shape.normal, group.z);
    var of_weight = vec4(0.0);
    var of_bias = vec4(0.0);
    if is_there {
        for (var row = rows.x + local.y; row < rows.y; row += 16u) {
            let d = delta[at(shape.delta, row) + column];
            of_weight = fma(d, normal[at(shape.normal, row) + column], of_weight);
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
