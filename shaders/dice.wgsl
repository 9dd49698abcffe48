// dice: output = p x + (1 - p) alpha x with p = sigmoid(normal), where `normal` is the batch-normalised x. Specification:
// src/ops/dice.rs, whose normalisation is a stage of its own; sigmoid.wgsl and column_sums.wgsl are put before it.
//
// forward         binding 3  read   x: [rows, stride]
//                 binding 4  read   normal
//                 binding 5  read   the dense parameters; the slopes begin at vec4 `alpha`
//                 binding 6  write  the output
// input_gradient  bindings 3 to 5   as above
//                 binding 6  write  the gradient of x beside the normalisation, overwritten or added to
//                 binding 7  read   the gradient of the output
//                 binding 8  write  the gradient of normal, overwritten or added to
// alpha_gradient  bindings 3 and 4  as above
//                 binding 6  write  slots of the dense gradients: [slots, total]
//                 binding 7  read   the gradient of the output
//
// One thread a vec4. x and normal lie in different buffers, so one dispatch writes the gradients of both. The slopes'
// gradient is a workgroup a slot and 16 vec4s of columns.

struct Dice {
    input: View,
    normal: View,
    output: View, // forward: the output; input_gradient: the gradient of x
    delta: View,  // the output's gradient
    to_normal: View, // the gradient of normal
    alpha: u32,
    total: u32, // vec4s of a slot
    add: u32,   // to the gradient of x, or to the slots
    add_normal: u32,
}

@group(0) @binding(2) var<uniform> shape: Dice;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> normal: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> dense: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> delta: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> to_normal: array<vec4<f32>>;

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
        let p = sigmoid(normal[at(shape.normal, row) + column]);
        let slope = fma(1.0 - p, dense[shape.alpha + column], p);
        output[at(shape.output, row) + column] = slope * input[at(shape.input, row) + column];
    }
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
    let x = input[at(shape.input, row) + column];
    let p = sigmoid(normal[at(shape.normal, row) + column]);
    let alpha = dense[shape.alpha + column];
    let d = delta[at(shape.delta, row) + column];
    var of_x = d * fma(1.0 - p, alpha, p);
    let to = at(shape.output, row) + column;
    if shape.add != 0u {
        of_x += output[to];
    }
    output[to] = of_x;
    var of_normal = d * (1.0 - alpha) * x * (p * (1.0 - p));
    let there = at(shape.to_normal, row) + column;
    if shape.add_normal != 0u {
        of_normal += to_normal[there];
    }
    to_normal[there] = of_normal;
}

@compute @workgroup_size(16, 16)
fn alpha_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = 16u * group.x + local.x;
    let is_there = column < shape.input.width;
    let rows = slot_rows(shape.input, group.z);
    var sum = vec4(0.0);
    if is_there {
        for (var row = rows.x + local.y; row < rows.y; row += 16u) {
            let p = sigmoid(normal[at(shape.normal, row) + column]);
            let d = delta[at(shape.delta, row) + column];
            sum = fma(d * (1.0 - p), input[at(shape.input, row) + column], sum);
        }
    }
    sum = sum_column(local, sum);
    if is_there && local.y == 0u {
        let to = group.z * shape.total + shape.alpha + column;
        if shape.add != 0u || is_later() {
            sum += output[to];
        }
        output[to] = sum;
    }
}
