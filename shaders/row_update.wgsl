// row_update: the rows of a table that a batch picks, each with the sum of its samples' gradients, and the optimiser
// on them. Specification: src/ops/row_update.rs; adam.wgsl or sgd.wgsl is put before it.
//
// binding 3      read            gradients of the picked rows: [samples of the batch, stride]
// binding 4      read and write  sums of chunks: [chunks, width]
// binding 5..=7  read and write  the table, or a shard of it, and its moments: [shard.rows, width]
//
// The host sorts the samples by row. A segment of `inputs` is three words: a row, where its samples begin in the sorted
// order, and where its chunks begin; it ends where the next one begins. Few rows are picked by very many samples (Zipf),
// so the samples of a long segment are cut into chunks: `sum_chunks` adds each chunk up, then `sparse` adds the chunks.
// Both sums have at most about the square root of the segment's terms one after another.
//
// One thread a vec4 of a row: one writer a row, a fixed order of addition, no atomics, the same bits every run. The
// gradient of the table is never stored. `every` is for the optimiser that moves all rows: it looks each row up among
// the segments, which are sorted, and takes a gradient of zero where it is not there.

struct Table {
    gradient: View, // `first` and `stride` count here
    width: u32,
    column: u32, // the id column
    first: u32,  // first row of the shard
    rows: u32,   // rows of the shard
}

@group(0) @binding(2) var<uniform> shape: Table;
@group(0) @binding(3) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> chunk_sums: array<vec4<f32>>;

/// The gradients of samples `begin..end` of the sorted order, added up.
fn sum_samples(begin: u32, end: u32, column: u32) -> vec4<f32> {
    let order = column_word(shape.column, ORDER);
    let first = shape.gradient.first + column;
    var sum = vec4(0.0);
    for (var i = begin; i < end; i++) {
        sum += gradients[inputs[order + i] * shape.gradient.stride + first];
    }
    return sum;
}

/// The word where a segment begins.
fn segment_at(segment: u32) -> u32 {
    return column_word(shape.column, SEGMENTS) + 3u * segment;
}

/// The gradient of a segment's row, whose vec4 `index` of the table is in column `column`.
fn row_gradient(segment: u32, index: u32, column: u32) -> vec4<f32> {
    let at = segment_at(segment);
    let begin = inputs[at + 1u];
    let end = inputs[at + 4u];
    let first_chunk = inputs[at + 2u];
    let end_chunk = inputs[at + 5u];
    let decay = call.l2_tables * f32(end - begin) * value[index];
    if first_chunk == end_chunk {
        return decay + sum_samples(begin, end, column);
    }
    var sum = vec4(0.0);
    for (var chunk = first_chunk; chunk < end_chunk; chunk++) {
        sum += chunk_sums[chunk * shape.width + column];
    }
    return decay + sum;
}

@compute @workgroup_size(256)
fn sum_chunks(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let chunk = index / shape.width;
    if chunk < column_word(shape.column, CHUNK_COUNT) {
        let at = column_word(shape.column, CHUNKS) + 2u * chunk;
        chunk_sums[index] = sum_samples(inputs[at], inputs[at + 1u], index % shape.width);
    }
}

@compute @workgroup_size(256)
fn sparse(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let segment = index / shape.width;
    let column = index % shape.width;
    if segment >= column_word(shape.column, SEGMENT_COUNT) {
        return;
    }
    let row = inputs[segment_at(segment)] - shape.first;
    if row < shape.rows { // else another shard's
        let to = row * shape.width + column;
        update(to, row_gradient(segment, to, column));
    }
}

@compute @workgroup_size(256)
fn every(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.width;
    if row >= shape.rows {
        return;
    }
    let count = column_word(shape.column, SEGMENT_COUNT);
    var low = 0u; // the first segment that is not below the row
    var high = count;
    while low < high {
        let middle = (low + high) / 2u;
        if inputs[segment_at(middle)] < row + shape.first {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    var gradient = vec4(0.0);
    if low < count && inputs[segment_at(low)] == row + shape.first {
        gradient = row_gradient(low, index, index % shape.width);
    }
    update(index, gradient);
}
