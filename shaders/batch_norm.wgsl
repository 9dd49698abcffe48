// batch_norm: every column brought to mean 0 and variance 1 over the batch, without an affine part. Specification:
// src/ops/batch_norm.rs; column_sums.wgsl is put before it.
//
// In training, a batch is one slice:
// moments          binding 3  read   the input: [rows, stride]
//                  binding 4  write  sums: [slots, 2, width]: the mean of each slot's rows, and the squares about it
// merge_moments    binding 4  read   sums
//                  binding 5  write  statistics of the stage: [4, width] from vec4 `statistics` on: mean, 1 / deviation
//                  binding 6  write  the dense parameters; the running mean and variance move towards the batch's
// normalise        binding 3  read   the input
//                  binding 5  read   statistics
//                  binding 7  write  the output
// gradient_sums    binding 3  read   the output
//                  binding 4  write  sums: of the output's gradient, and of its product with the output
//                  binding 8  read   the gradient of the output
// merge_gradients  binding 4  read   sums
//                  binding 5  write  statistics: the means of both
// input_gradient   binding 3  read   the output
//                  binding 5  read   statistics
//                  binding 7  write  the gradient of the input, overwritten or added to
//                  binding 8  read   the gradient of the output
// In use:
// running          binding 3  read   the input
//                  binding 6  read   the dense parameters
//                  binding 7  write  the output
//
// Where a batch holds the running statistics, the same passes run, but they are what merge_moments hands on; such batches
// are small, and what was summed in vain costs less than a second program would.
//
// Statistics of slots are merged as by Chan, Golub and LeVeque (1983), in the slots' order, so that no large sums of
// squares cancel. Within a slot, values are taken relative to its first row.

struct BatchNorm {
    input: View,  // what is normalised; backward the output
    output: View, // the output; input_gradient: the input's gradient
    delta: View,  // the output's gradient
    statistics: u32,
    mean: u32,     // vec4s of the dense parameters
    variance: u32,
    add: u32,
    momentum: f32,
    epsilon: f32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(2) var<uniform> shape: BatchNorm;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> statistics: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dense: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> delta: array<vec4<f32>>;

/// The place of one of the two sums of a slot.
fn sum_at(slot: u32, which: u32, column: u32) -> u32 {
    return (2u * slot + which) * shape.input.width + column;
}

/// The place of one of the four statistics.
fn statistic_at(which: u32, column: u32) -> u32 {
    return shape.statistics + which * shape.input.width + column;
}

fn store_sums(slot: u32, column: u32, first: vec4<f32>, second: vec4<f32>) {
    sums[sum_at(slot, 0u, column)] = first;
    sums[sum_at(slot, 1u, column)] = second;
}

@compute @workgroup_size(16, 16)
fn moments(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = 16u * group.x + local.x;
    let is_there = column < shape.input.width;
    let rows = slot_rows(shape.input, group.z);
    let count = slot_count(shape.input, group.z);
    var first = vec4(0.0);
    if is_there && count > 0u {
        first = input[at(shape.input, rows.x) + column];
    }
    var sum = vec4(0.0);
    if is_there {
        for (var row = rows.x + local.y; row < rows.y; row += 16u) {
            sum += input[at(shape.input, row) + column] - first;
        }
    }
    let mean = first + sum_column(local, sum) / f32(max(count, 1u));
    var squares = vec4(0.0);
    if is_there {
        for (var row = rows.x + local.y; row < rows.y; row += 16u) {
            let d = input[at(shape.input, row) + column] - mean;
            squares = fma(d, d, squares);
        }
    }
    squares = sum_column(local, squares);
    if is_there && local.y == 0u {
        store_sums(group.z, column, mean, squares);
    }
}

@compute @workgroup_size(256)
fn merge_moments(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let column = flat_index(group, groups, lane);
    if column >= shape.input.width {
        return;
    }
    var mean = vec4(0.0);
    var squares = vec4(0.0);
    var before = 0.0;
    for (var slot = 0u; slot < call.slots; slot++) {
        let count = f32(slot_count(shape.input, slot));
        if count > 0.0 {
            let between = sums[sum_at(slot, 0u, column)] - mean;
            let all = before + count;
            mean += between * (count / all);
            squares += sums[sum_at(slot, 1u, column)] + between * between * (before * (count / all));
            before = all;
        }
    }
    if call.held != 0u {
        statistics[statistic_at(0u, column)] = dense[shape.mean + column];
        statistics[statistic_at(1u, column)] = 1.0 / sqrt(dense[shape.variance + column] + shape.epsilon);
        return;
    }
    let variance = squares / max(before, 1.0);
    statistics[statistic_at(0u, column)] = mean;
    statistics[statistic_at(1u, column)] = 1.0 / sqrt(variance + shape.epsilon);
    if before > 0.0 { // no rows move nothing
        follow(shape.mean + column, mean);
        follow(shape.variance + column, squares / max(before - 1.0, 1.0));
    }
}

/// Moves a running statistic towards the batch's.
fn follow(running: u32, batch: vec4<f32>) {
    dense[running] = (1.0 - shape.momentum) * dense[running] + shape.momentum * batch;
}

@compute @workgroup_size(256)
fn normalise(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.output.width;
    let column = index % shape.output.width;
    if row < rows_of(shape.output) {
        let centred = input[at(shape.input, row) + column] - statistics[statistic_at(0u, column)];
        output[at(shape.output, row) + column] = centred * statistics[statistic_at(1u, column)];
    }
}

@compute @workgroup_size(256)
fn running(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.output.width;
    let column = index % shape.output.width;
    if row < rows_of(shape.output) {
        let centred = input[at(shape.input, row) + column] - dense[shape.mean + column];
        let deviation = sqrt(dense[shape.variance + column] + shape.epsilon);
        output[at(shape.output, row) + column] = centred / deviation;
    }
}

@compute @workgroup_size(16, 16)
fn gradient_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = 16u * group.x + local.x;
    let is_there = column < shape.input.width;
    let rows = slot_rows(shape.input, group.z);
    var plain = vec4(0.0);
    var weighted = vec4(0.0);
    if is_there {
        for (var row = rows.x + local.y; row < rows.y; row += 16u) {
            let d = delta[at(shape.delta, row) + column];
            plain += d;
            weighted = fma(d, input[at(shape.input, row) + column], weighted);
        }
    }
    plain = sum_column(local, plain);
    weighted = sum_column(local, weighted);
    if is_there && local.y == 0u {
        store_sums(group.z, column, plain, weighted);
    }
}

@compute @workgroup_size(256)
fn merge_gradients(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let column = flat_index(group, groups, lane);
    if column >= shape.input.width {
        return;
    }
    var plain = vec4(0.0);
    var weighted = vec4(0.0);
    for (var slot = 0u; slot < call.slots; slot++) {
        plain += sums[sum_at(slot, 0u, column)];
        weighted += sums[sum_at(slot, 1u, column)];
    }
    let rows = f32(max(rows_of(shape.input), 1u));
    let is_held = call.held != 0u; // then they do not depend on the input
    statistics[statistic_at(2u, column)] = select(plain / rows, vec4(0.0), is_held);
    statistics[statistic_at(3u, column)] = select(weighted / rows, vec4(0.0), is_held);
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
    let d = delta[at(shape.delta, row) + column] - statistics[statistic_at(2u, column)];
    let slope = input[at(shape.input, row) + column] * statistics[statistic_at(3u, column)];
    var gradient = (d - slope) * statistics[statistic_at(1u, column)];
    let to = at(shape.output, row) + column;
    if shape.add != 0u {
        gradient += output[to];
    }
    output[to] = gradient;
}
