// linear, the gradient of its weights and bias in mixed precision (mixed.wgsl); the bias's is added up in f32. Operands:
// linear_weight_gradient_operands.wgsl. Specification: src/ops/linear.rs.
//
// Outputs are the rows of a tile, inputs its columns, samples the inner dimension.

/// Loads both tiles; gives what the thread loaded of delta, added up: it always loads the same column of vec4s.
fn load_tiles(first_row: u32, end: u32, first: vec2<u32>, lane: u32, factor: f32) -> vec4<f32> {
    var sum = vec4(0.0);
    let output = lane % (TILE_ROWS / 4u);
    for (var i = lane; i < TILE_DEPTH * TILE_ROWS / 4u; i += SUBGROUPS * SUBGROUP) {
        let depth = i / (TILE_ROWS / 4u);
        var value = vec4(0.0);
        if first_row + depth < end && first.x + output < shape.delta.width {
            value = delta[at(shape.delta, first_row + depth) + first.x + output];
        }
        put_left(depth * LEFT_STRIDE + 4u * output, factor * value);
        sum += value;
    }
    for (var i = lane; i < TILE_DEPTH * TILE_COLUMNS / 4u; i += SUBGROUPS * SUBGROUP) {
        let depth = i / (TILE_COLUMNS / 4u);
        let input = i % (TILE_COLUMNS / 4u);
        var value = vec4(0.0);
        if first_row + depth < end && first.y + input < shape.x.width {
            value = x[at(shape.x, first_row + depth) + first.y + input];
        }
        put_right(depth * RIGHT_STRIDE + 4u * input, value);
    }
    return sum;
}

/// Writes the matrices that all subgroups have put in `sums`, of those that they hold the one `down` and `across`.
fn store_sums(slot: u32, first: vec2<u32>, down: u32, across: u32, lane: u32, factor: f32) {
    for (var i = lane; i < SUBGROUPS * SIDE * SIDE / 4u; i += SUBGROUPS * SUBGROUP) {
        let subgroup = i / (SIDE * SIDE / 4u);
        let output = 4u * first.x + own_row(subgroup) + down + i / (SIDE / 4u) % SIDE;
        let input = first.y + (own_column(subgroup) + across) / 4u + i % (SIDE / 4u);
        if output < 4u * shape.delta.width && input < shape.x.width {
            store(slot * shape.total + shape.matrix + output * shape.stride + input, factor * sums_at(4u * i));
        }
    }
}

@compute @workgroup_size(SUBGROUPS * SUBGROUP)
fn weight_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let first = vec2(group.y * TILE_ROWS / 4u, group.x * TILE_COLUMNS / 4u); // vec4s of outputs and inputs
    let split = call.spaces[shape.delta.space >> 1u][SPLIT];
    let begin = group.z * split;
    let end = min(begin + split, rows_of(shape.delta)); // below begin in a slot without rows: it becomes zero
    let factor = enlargement();
    let top = own_row(subgroup);
    let start = own_column(subgroup);
    var bias = vec4(0.0);
    var c00: Sum;
    var c01: Sum;
    var c10: Sum;
    var c11: Sum;
    for (var row = begin; row < end; row += TILE_DEPTH) {
        bias += load_tiles(row, end, first, lane, factor);
        workgroupBarrier();
        for (var depth = 0u; depth < TILE_DEPTH; depth += SIDE) {
            let upper = coopLoad<Left>(&left_tile[depth * LEFT_STRIDE + top], LEFT_STRIDE);
            let lower = coopLoad<Left>(&left_tile[depth * LEFT_STRIDE + top + SIDE], LEFT_STRIDE);
            let near = coopLoadT<Right>(&right_tile[depth * RIGHT_STRIDE + start], RIGHT_STRIDE);
            let far = coopLoadT<Right>(&right_tile[depth * RIGHT_STRIDE + start + SIDE], RIGHT_STRIDE);
            c00 = coopMultiplyAdd(upper, near, c00);
            c01 = coopMultiplyAdd(upper, far, c01);
            c10 = coopMultiplyAdd(lower, near, c10);
            c11 = coopMultiplyAdd(lower, far, c11);
        }
        workgroupBarrier();
    }
    let own = subgroup * SIDE * SIDE;
    coopStoreT(c00, &sums[own], SIDE);
    workgroupBarrier();
    store_sums(group.z, first, 0u, 0u, lane, 1.0 / factor);
    workgroupBarrier();
    coopStoreT(c01, &sums[own], SIDE);
    workgroupBarrier();
    store_sums(group.z, first, 0u, SIDE, lane, 1.0 / factor);
    workgroupBarrier();
    coopStoreT(c10, &sums[own], SIDE);
    workgroupBarrier();
    store_sums(group.z, first, SIDE, 0u, lane, 1.0 / factor);
    workgroupBarrier();
    coopStoreT(c11, &sums[own], SIDE);
    workgroupBarrier();
    store_sums(group.z, first, SIDE, SIDE, lane, 1.0 / factor);
    workgroupBarrier();
    store_bias(group.z, first.x, bias, lane, group.x == 0u && shape.bias != NONE);
}

/// Adds up what the threads have of the bias, in the order of the threads; the first workgroup of a row writes it.
fn store_bias(slot: u32, first_output: u32, bias: vec4<f32>, lane: u32, is_first: bool) {
    sums[4u * lane] = bias.x;
    sums[4u * lane + 1u] = bias.y;
    sums[4u * lane + 2u] = bias.z;
    sums[4u * lane + 3u] = bias.w;
    workgroupBarrier();
    let output = first_output + lane;
    if is_first && lane < TILE_ROWS / 4u && output < shape.delta.width {
        var sum = vec4(0.0);
        for (var i = lane; i < SUBGROUPS * SUBGROUP; i += TILE_ROWS / 4u) {
            sum += sums_at(4u * i);
        }
        store(slot * shape.total + shape.bias + output, sum);
    }
}
