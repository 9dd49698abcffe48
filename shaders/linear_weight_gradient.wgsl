// linear, the gradient of its weights and bias in f32. Operands: linear_weight_gradient_operands.wgsl. Specification:
// src/ops/linear.rs.
//
// Tile: a thread holds 8 outputs (two vec4s, WY apart) by 4 inputs; a workgroup of WX x WY threads makes 8 WY x 4 WX
// of the gradient from DEPTH samples at a time. Samples are the inner dimension, so both operands are read along
// their rows and no tile is transposed. The bias is added up from the registers that load delta's tile: each thread
// always loads the same column of vec4s.

override WX: u32 = 16u;
override WY: u32 = 16u;
override DEPTH: u32 = 16u;

var<workgroup> delta_tile: array<vec4<f32>, DEPTH * 2u * WY>; // and the bias's sums in the end, one a thread
var<workgroup> x_tile: array<vec4<f32>, DEPTH * WX>;

/// Loads both tiles; gives what the thread loaded of delta, added up.
fn load_tiles(first_row: u32, end: u32, first_output: u32, first_input: u32, lane: u32) -> vec4<f32> {
    var sum = vec4(0.0);
    let output = first_output + lane % (2u * WY);
    for (var i = lane; i < DEPTH * 2u * WY; i += WX * WY) {
        let row = first_row + i / (2u * WY);
        var value = vec4(0.0);
        if row < end && output < shape.delta.width {
            value = delta[at(shape.delta, row) + output];
        }
        delta_tile[i] = value;
        sum += value;
    }
    for (var i = lane; i < DEPTH * WX; i += WX * WY) {
        let row = first_row + i / WX;
        let input = first_input + i % WX;
        var value = vec4(0.0);
        if row < end && input < shape.x.width {
            value = x[at(shape.x, row) + input];
        }
        x_tile[i] = value;
    }
    return sum;
}

@compute @workgroup_size(WX, WY)
fn weight_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first_input = group.x * WX;
    let first_output = group.y * 2u * WY;
    let split = call.spaces[shape.delta.space >> 1u][SPLIT];
    let begin = group.z * split;
    let end = min(begin + split, rows_of(shape.delta)); // below begin in a slot without rows: it becomes zero
    let tx = lane % WX;
    let ty = lane / WX;
    var bias = vec4(0.0);
    var g0 = vec4(0.0);
    var g1 = vec4(0.0);
    var g2 = vec4(0.0);
    var g3 = vec4(0.0);
    var g4 = vec4(0.0);
    var g5 = vec4(0.0);
    var g6 = vec4(0.0);
    var g7 = vec4(0.0);
    for (var row = begin; row < end; row += DEPTH) {
        bias += load_tiles(row, end, first_output, first_input, lane);
        workgroupBarrier();
        for (var depth = 0u; depth < DEPTH; depth++) {
            let input = x_tile[depth * WX + tx];
            let low = delta_tile[depth * 2u * WY + ty];
            let high = delta_tile[depth * 2u * WY + WY + ty];
            g0 = fma(vec4(low.x), input, g0);
            g1 = fma(vec4(low.y), input, g1);
            g2 = fma(vec4(low.z), input, g2);
            g3 = fma(vec4(low.w), input, g3);
            g4 = fma(vec4(high.x), input, g4);
            g5 = fma(vec4(high.y), input, g5);
            g6 = fma(vec4(high.z), input, g6);
            g7 = fma(vec4(high.w), input, g7);
        }
        workgroupBarrier();
    }
    let slot = group.z * shape.total + shape.matrix;
    let input = first_input + tx;
    let low = first_output + ty;
    if low < shape.delta.width && input < shape.x.width {
        let to = slot + 4u * low * shape.stride + input;
        store(to, g0);
        store(to + shape.stride, g1);
        store(to + 2u * shape.stride, g2);
        store(to + 3u * shape.stride, g3);
    }
    let high = low + WY;
    if high < shape.delta.width && input < shape.x.width {
        let to = slot + 4u * high * shape.stride + input;
        store(to, g4);
        store(to + shape.stride, g5);
        store(to + 2u * shape.stride, g6);
        store(to + 3u * shape.stride, g7);
    }
    store_bias(group.z, first_output, bias, lane, group.x == 0u && shape.bias != NONE);
}

/// Adds up what the threads have of the bias, in the order of the threads; the first workgroup of a row writes it.
fn store_bias(slot: u32, first_output: u32, bias: vec4<f32>, lane: u32, is_first: bool) {
    delta_tile[lane] = bias;
    workgroupBarrier();
    let output = first_output + lane;
    if is_first && lane < 2u * WY && output < shape.delta.width {
        var sum = vec4(0.0);
        for (var i = lane; i < WX * WY; i += 2u * WY) {
            sum += delta_tile[i];
        }
        store(slot * shape.total + shape.bias + output, sum);
    }
}
