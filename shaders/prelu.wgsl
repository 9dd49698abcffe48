// prelu: output = x where x > 0, and alpha x elsewhere, with a slope for each column. Specification: src/ops/prelu.rs;
// column_sums.wgsl is put before it.
//
// forward         binding 3  read   x: [rows, stride]
//                 binding 4  read   the dense parameters; the slopes begin at vec4 `alpha`
//                 binding 5  write  the output
// input_gradient  binding 3  read   x
//                 binding 4  read   the dense parameters
//                 binding 5  write  the gradient of x, overwritten or added to
//                 binding 6  read   the gradient of the output
// alpha_gradient  binding 3  read   x
//                 binding 5  write  slots of the dense gradients: [slots, total]
//                 binding 6  read   the gradient of the output
//
// One thread a vec4; bound by memory. The slopes' gradient is a workgroup a slot and 16 vec4s of columns.

struct Prelu {
    input: View,
    output: View, // forward: the output; input_gradient: the input's gradient
    delta: View,  // the output's gradient
    alpha: u32,
    total: u32,   // vec4s of a slot
    add: u32,
    pad: u32,
}

@group(0) @binding(2) var<uniform> shape: Prelu;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> dense: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> delta: array<vec4<f32>>;

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
        output[at(shape.output, row) + column] = select(dense[shape.alpha + column] * x, x, x > vec4(0.0));
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
    let d = delta[at(shape.delta, row) + column];
    var gradient = select(dense[shape.alpha + column] * d, d, x > vec4(0.0));
    let to = at(shape.output, row) + column;
    if shape.add != 0u {
        gradient += output[to];
    }
    output[to] = gradient;
}

@compute @workgroup_size(16, 16)
fn alpha_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = 16u * group.x + local.x;
    let is_there = column < shape.input.width;
    let rows = slot_rows(shape.input, group.z);
    var sum = vec4(0.0);
    if is_there {
        for (var row = rows.x + local.y; row < rows.y; row += 16u) {
            let x = input[at(shape.input, row) + column];
            sum += select(x * delta[at(shape.delta, row) + column], vec4(0.0), x > vec4(0.0));
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
