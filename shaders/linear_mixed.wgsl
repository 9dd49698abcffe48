// linear: the products of a fully connected layer, forward and its input's gradient, in mixed precision (mixed.wgsl).
// Operands: linear_operands.wgsl. Specification: src/ops/linear.rs.

fn load_tiles(first_row: u32, first_column: u32, k: u32, lane: u32, factor: f32) {
    for (var i = lane; i < TILE_ROWS * TILE_DEPTH / 4u; i += SUBGROUPS * SUBGROUP) {
        let row = i / (TILE_DEPTH / 4u);
        let depth = i % (TILE_DEPTH / 4u);
        var value = vec4(0.0);
        if first_row + row < rows_of(shape.a) && k + depth < shape.inner {
            value = factor * a[at(shape.a, first_row + row) + k + depth];
        }
        put_left(row * DEEP_STRIDE + 4u * depth, value);
    }
    for (var i = lane; i < TILE_DEPTH * TILE_COLUMNS / 4u; i += SUBGROUPS * SUBGROUP) {
        let inner = i / (TILE_COLUMNS / 4u);
        let column = i % (TILE_COLUMNS / 4u);
        var value = vec4(0.0);
        if 4u * k + inner < 4u * shape.inner && first_column + column < shape.c.width {
            value = b[shape.matrix + (4u * k + inner) * shape.c.width + first_column + column];
        }
        put_right(inner * RIGHT_STRIDE + 4u * column, value);
    }
}

/// Writes the matrices that all subgroups have put in `sums`, of those that they hold the one `down` and `across`.
fn store_sums(first: vec2<u32>, down: u32, across: u32, lane: u32, factor: f32, backward: bool) {
    for (var i = lane; i < SUBGROUPS * SIDE * SIDE / 4u; i += SUBGROUPS * SUBGROUP) {
        let subgroup = i / (SIDE * SIDE / 4u);
        let row = first.x + own_row(subgroup) + down + i / (SIDE / 4u) % SIDE;
        let column = first.y + (own_column(subgroup) + across) / 4u + i % (SIDE / 4u);
        if backward {
            store_gradient(row, column, factor * sums_at(4u * i));
        } else {
            store_output(row, column, sums_at(4u * i));
        }
    }
}

/// One tile of C. `group` counts tiles along the columns and the rows.
fn multiply(group: vec3<u32>, lane: u32, subgroup: u32, backward: bool) {
    let first = vec2(group.y * TILE_ROWS, group.x * TILE_COLUMNS / 4u); // in rows, and in vec4s
    var factor = 1.0;
    if backward {
        factor = enlargement();
    }
    let top = own_row(subgroup) * DEEP_STRIDE;
    let start = own_column(subgroup);
    var c00: Sum;
    var c01: Sum;
    var c10: Sum;
    var c11: Sum;
    for (var k = 0u; k < shape.inner; k += TILE_DEPTH / 4u) {
        load_tiles(first.x, first.y, k, lane, factor);
        workgroupBarrier();
        for (var depth = 0u; depth < TILE_DEPTH; depth += SIDE) {
            let upper = coopLoadT<Left>(&left_tile[top + depth], DEEP_STRIDE);
            let lower = coopLoadT<Left>(&left_tile[top + SIDE * DEEP_STRIDE + depth], DEEP_STRIDE);
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
    store_sums(first, 0u, 0u, lane, 1.0 / factor, backward);
    workgroupBarrier();
    coopStoreT(c01, &sums[own], SIDE);
    workgroupBarrier();
    store_sums(first, 0u, SIDE, lane, 1.0 / factor, backward);
    workgroupBarrier();
    coopStoreT(c10, &sums[own], SIDE);
    workgroupBarrier();
    store_sums(first, SIDE, 0u, lane, 1.0 / factor, backward);
    workgroupBarrier();
    coopStoreT(c11, &sums[own], SIDE);
    workgroupBarrier();
    store_sums(first, SIDE, SIDE, lane, 1.0 / factor, backward);
}

@compute @workgroup_size(SUBGROUPS * SUBGROUP)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    multiply(group, lane, subgroup, false);
}

@compute @workgroup_size(SUBGROUPS * SUBGROUP)
fn input_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    multiply(group, lane, subgroup, true);
}
