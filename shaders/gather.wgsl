// gather: output[s, ..] = table[ids[s], ..], an embedding look-up, for samples or for steps; times weights[s] where ids have
// weights. Specification: src/ops/gather.rs.
//
// forward   binding 3  read   the table, or a shard of it: [shard.rows, width]
//           binding 4  write  output: [rows, stride]
// gradient  binding 4  write  the gradient of the output, times the weights in place
//
// One thread a vec4, so that a warp reads whole rows: 16 threads for a row of 64 floats. A table above the binding
// limit is cut into shards of rows, with one dispatch each; a sample whose row lies in another shard is left to that
// one's. Ids are checked on the host.

struct Gather {
    output: View,
    column: u32, // the id column
    first: u32,  // first row of the shard
    rows: u32,   // rows of the shard
    pad: u32,
}

@group(0) @binding(2) var<uniform> shape: Gather;
@group(0) @binding(3) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

/// The weight of an id of the batch.
fn weight_of(place: u32) -> f32 {
    let weights = column_word(shape.column, WEIGHTS);
    if weights == 0u {
        return 1.0;
    }
    return bitcast<f32>(inputs[weights + place]);
}

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let width = shape.output.width;
    let row = index / width;
    let column = index % width;
    if row >= rows_of(shape.output) {
        return;
    }
    let place = call.spaces[shape.output.space >> 1u][FIRST] + row;
    let id = inputs[column_word(shape.column, IDS) + place] - shape.first;
    if id < shape.rows {
        output[at(shape.output, row) + column] = table[id * width + column] * weight_of(place);
    }
}

@compute @workgroup_size(256)
fn gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.output.width;
    if row >= rows_of(shape.output) {
        return;
    }
    let place = call.spaces[shape.output.space >> 1u][FIRST] + row;
    output[at(shape.output, row) + index % shape.output.width] *= weight_of(place);
}
