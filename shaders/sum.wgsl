// sum: output[s] = bias + the sum of all columns of all inputs. Specification: src/ops/sum.rs.
//
// Dispatched once an input: the first overwrites and adds the bias, the others add.
//
// forward         binding 3  read   an input: [samples, stride]
//                 binding 4  read   the dense parameters; the bias is the first float of vec4 `bias`,
//                                if there is one
//                 binding 5  write  output: one vec4 a sample, (sum, 0, 0, 0)
// input_gradient  binding 3  read   the gradient of the output
//                 binding 5  write  the gradient of an input, overwritten or added to
// bias_gradient   binding 3  read   the gradient of the output
//                 binding 5  write  slots of the dense gradients: [slots, total], vec4 `bias` of each
//
// forward takes a thread a sample: rows are short and lie together, so the cache serves the strided reads.
// bias_gradient takes a workgroup a slot, and adds in a fixed order: each thread every 256th sample, then a tree.

struct Sum {
    input: View,
    output: View,
    width: u32, // floats of the input, without the pad
    bias: u32,  // NONE: there is no bias
    total: u32, // vec4s of a slot
    add: u32,
}

@group(0) @binding(2) var<uniform> shape: Sum;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> dense: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;

var<workgroup> sums: array<f32, 256>;

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
    let to = at(shape.output, row);
    var sum = 0.0;
    if shape.add != 0u {
        sum = output[to].x;
    } else if shape.bias != NONE {
        sum = dense[shape.bias].x;
    }
    let from_ = at(shape.input, row);
    for (var i = 0u; i < shape.input.width; i++) {
        let terms = input[from_ + i];
        sum += (terms.x + terms.y) + (terms.z + terms.w);
    }
    output[to] = vec4(sum, 0.0, 0.0, 0.0);
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
    let there = vec4(4u * column) + vec4(0u, 1u, 2u, 3u) < vec4(shape.width);
    var gradient = select(vec4(0.0), vec4(input[at(shape.input, row)].x), there);
    let to = at(shape.output, row) + column;
    if shape.add != 0u {
        gradient += output[to];
    }
    output[to] = gradient;
}

@compute @workgroup_size(256)
fn bias_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let slot = group.z;
    let split = call.spaces[shape.input.space >> 1u][SPLIT];
    let end = min((slot + 1u) * split, rows_of(shape.input));
    var sum = 0.0;
    for (var row = slot * split + lane; row < end; row += THREADS) {
        sum += input[at(shape.input, row)].x;
    }
    sums[lane] = sum;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            sums[lane] += sums[lane + half];
        }
    }
    if lane == 0u {
        let to = slot * shape.total + shape.bias;
        var gradient = vec4(sums[0], 0.0, 0.0, 0.0);
        if is_later() {
            gradient += output[to];
        }
        output[to] = gradient;
    }
}
