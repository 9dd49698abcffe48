// linear: the products of a fully connected layer, forward and its input's gradient, in f32. Operands:
// linear_operands.wgsl. Specification: src/ops/linear.rs.
//
// Tile: a thread holds 8 rows (WY apart, so that a warp's reads of A do not collide) by 4 columns: 8 vec4 sums, and
// 12 vec4 reads of workgroup memory for 128 multiply-adds. A workgroup of WX x WY threads makes 8 WY x 4 WX of C, with
// 4 DEPTH of the inner dimension in workgroup memory at a time. A's tile is stored inner vec4 by inner vec4, with a
// row of 2 vec4s more than it has rows: DEPTH threads that write one row then fall into different banks.
// The order of addition along the inner dimension is the same for every tile shape.

override WX: u32 = 16u;
override WY: u32 = 16u;
override DEPTH: u32 = 4u;

var<workgroup> a_tile: array<vec4<f32>, DEPTH * (8u * WY + 2u)>;
var<workgroup> b_tile: array<vec4<f32>, 4u * DEPTH * WX>;

/// A thread's part of C: rows WY apart.
struct Sums {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
    r3: vec4<f32>,
    r4: vec4<f32>,
    r5: vec4<f32>,
    r6: vec4<f32>,
    r7: vec4<f32>,
}

/// One row, four of the inner dimension: `sum + a B`.
fn four(a: vec4<f32>, b0: vec4<f32>, b1: vec4<f32>, b2: vec4<f32>, b3: vec4<f32>, sum: vec4<f32>) -> vec4<f32> {
    return fma(vec4(a.w), b3, fma(vec4(a.z), b2, fma(vec4(a.y), b1, fma(vec4(a.x), b0, sum))));
}

fn load_tiles(first_row: u32, first_column: u32, k: u32, lane: u32) {
    for (var i = lane; i < 8u * WY * DEPTH; i += WX * WY) {
        let row = i / DEPTH;
        let depth = i % DEPTH;
        var value = vec4(0.0);
        if first_row + row < rows_of(shape.a) && k + depth < shape.inner {
            value = a[at(shape.a, first_row + row) + k + depth];
        }
        a_tile[depth * (8u * WY + 2u) + row] = value;
    }
    for (var i = lane; i < 4u * DEPTH * WX; i += WX * WY) {
        let inner = 4u * k + i / WX;
        let column = first_column + i % WX;
        var value = vec4(0.0);
        if inner < 4u * shape.inner && column < shape.c.width {
            value = b[shape.matrix + inner * shape.c.width + column];
        }
        b_tile[i] = value;
    }
}

/// The thread's part of A B. `lane` is `ty * WX + tx`.
fn multiply(first_row: u32, first_column: u32, lane: u32) -> Sums {
    let tx = lane % WX;
    let ty = lane / WX;
    var sums = Sums();
    for (var k = 0u; k < shape.inner; k += DEPTH) {
        load_tiles(first_row, first_column, k, lane);
        workgroupBarrier();
        for (var depth = 0u; depth < DEPTH; depth++) {
            let b0 = b_tile[(4u * depth) * WX + tx];
            let b1 = b_tile[(4u * depth + 1u) * WX + tx];
            let b2 = b_tile[(4u * depth + 2u) * WX + tx];
            let b3 = b_tile[(4u * depth + 3u) * WX + tx];
            let row = depth * (8u * WY + 2u) + ty;
            sums.r0 = four(a_tile[row], b0, b1, b2, b3, sums.r0);
            sums.r1 = four(a_tile[row + WY], b0, b1, b2, b3, sums.r1);
            sums.r2 = four(a_tile[row + 2u * WY], b0, b1, b2, b3, sums.r2);
            sums.r3 = four(a_tile[row + 3u * WY], b0, b1, b2, b3, sums.r3);
            sums.r4 = four(a_tile[row + 4u * WY], b0, b1, b2, b3, sums.r4);
            sums.r5 = four(a_tile[row + 5u * WY], b0, b1, b2, b3, sums.r5);
            sums.r6 = four(a_tile[row + 6u * WY], b0, b1, b2, b3, sums.r6);
            sums.r7 = four(a_tile[row + 7u * WY], b0, b1, b2, b3, sums.r7);
        }
        workgroupBarrier();
    }
    return sums;
}

@compute @workgroup_size(WX, WY)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.y * 8u * WY;
    let sums = multiply(row, group.x * WX, lane);
    let column = group.x * WX + lane % WX;
    let first = row + lane / WX;
    store_output(first, column, sums.r0);
    store_output(first + WY, column, sums.r1);
    store_output(first + 2u * WY, column, sums.r2);
    store_output(first + 3u * WY, column, sums.r3);
    store_output(first + 4u * WY, column, sums.r4);
    store_output(first + 5u * WY, column, sums.r5);
    store_output(first + 6u * WY, column, sums.r6);
    store_output(first + 7u * WY, column, sums.r7);
}

@compute @workgroup_size(WX, WY)
fn input_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.y * 8u * WY;
    let sums = multiply(row, group.x * WX, lane);
    let column = group.x * WX + lane % WX;
    let first = row + lane / WX;
    store_gradient(first, column, sums.r0);
    store_gradient(first + WY, column, sums.r1);
    store_gradient(first + 2u * WY, column, sums.r2);
    store_gradient(first + 3u * WY, column, sums.r3);
    store_gradient(first + 4u * WY, column, sums.r4);
    store_gradient(first + 5u * WY, column, sums.r5);
    store_gradient(first + 6u * WY, column, sums.r6);
    store_gradient(first + 7u * WY, column, sums.r7);
}

@compute @workgroup_size(256)
fn activation_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.c.width;
    let column = index % shape.c.width;
    if row < rows_of(shape.c) {
        let to = at(shape.c, row) + column;
        let y = a[at(shape.a, row) + column];
        if shape.activation == RELU {
            c[to] = select(vec4(0.0), c[to], y > vec4(0.0));
        } else if shape.activation == TANH {
            c[to] *= 1.0 - y * y;
        } else {
            c[to] *= y * (1.0 - y);
        }
    }
}
