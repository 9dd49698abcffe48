// What products in mixed precision share: operands rounded to f16 (11 bits), multiplied exactly and added up in f32 by a
// device's units for small matrices.
//
// Tile: 8 subgroups, 4 along the rows and 2 along the columns, each of which holds 2 x 2 sums of SIDE x SIDE; so a
// workgroup makes TILE_ROWS x TILE_COLUMNS of the result, with TILE_DEPTH of the inner dimension in workgroup memory at a
// time. Strides are 8 halves more than whole, so that rows of a matrix fall into different banks.
// It takes 23,040 bytes of workgroup memory where SIDE is 16, more than WebGPU promises.

override SUBGROUP: u32 = 32u; // threads of a subgroup

const SUBGROUPS = 8u;
const TILE_ROWS = 8u * SIDE;
const TILE_COLUMNS = 4u * SIDE;
const TILE_DEPTH = 2u * SIDE;
const DEEP_STRIDE = TILE_DEPTH + 8u;    // of a left tile whose rows lie along the inner dimension
const LEFT_STRIDE = TILE_ROWS + 8u;     // of one whose columns do
const RIGHT_STRIDE = TILE_COLUMNS + 8u;

var<workgroup> left_tile: array<f16, TILE_ROWS * DEEP_STRIDE>; // which is the larger one
var<workgroup> right_tile: array<f16, TILE_DEPTH * RIGHT_STRIDE>;
var<workgroup> sums: array<f32, SUBGROUPS * 256u>; // a matrix a subgroup, and once a vec4 a thread

fn put_left(to: u32, value: vec4<f32>) {
    let halves = vec4<f16>(value);
    left_tile[to] = halves.x;
    left_tile[to + 1u] = halves.y;
    left_tile[to + 2u] = halves.z;
    left_tile[to + 3u] = halves.w;
}

fn put_right(to: u32, value: vec4<f32>) {
    let halves = vec4<f16>(value);
    right_tile[to] = halves.x;
    right_tile[to + 1u] = halves.y;
    right_tile[to + 2u] = halves.z;
    right_tile[to + 3u] = halves.w;
}

/// The first row of the tile that a subgroup makes.
fn own_row(subgroup: u32) -> u32 {
    return subgroup / 2u * 2u * SIDE;
}

/// The first column.
fn own_column(subgroup: u32) -> u32 {
    return subgroup % 2u * 2u * SIDE;
}

fn sums_at(first: u32) -> vec4<f32> {
    return vec4(sums[first], sums[first + 1u], sums[first + 2u], sums[first + 3u]);
}

/// What gradients are multiplied by before they are rounded, since the mean over a batch makes them too small for halves:
/// about 256 times the batch's size, a power of two. A sample's own gradient may then lie between 2e-10 and 255.
fn enlargement() -> f32 {
    return 256.0 * bitcast<f32>(bitcast<u32>(1.0 / call.scale) & 0x7f800000u);
}
