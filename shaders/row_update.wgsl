// row_update: the rows of a table that a batch picks, each with the sum of its samples' gradients, and the optimiser
// on them. Specification: src/ops/row_update.rs; picked.wgsl and adam.wgsl or sgd.wgsl are put before it.
//
// binding 3      read            gradients of the picked rows: [rows of the batch in the column's space, stride]
// binding 4      read and write  sums of chunks: [chunks, width]
// binding 5..=7  read and write  the table, or a shard of it, and its moments: [shard.rows, width]
// binding 8      read and write  sums of segments of columns that share a table, column behind column: [segments, width]
//
// binding 9      read and write  of tables that are propagated, the gradients of all nodes: [nodes, width]
//
// The host sorts the samples by row (picked.wgsl). Few rows are picked by very many samples (Zipf),
// so the samples of a long segment are cut into chunks: `sum_chunks` adds each chunk up, then `sparse` adds the chunks.
// Both sums have at most about the square root of the segment's terms one after another.
//
// One thread a vec4 of a row: one writer a row, a fixed order of addition, no atomics, the same bits every run. The
// gradient of the table is never stored. `every` is for the optimiser that moves all rows: it looks each row up among
// the segments, which are sorted, and takes a gradient of zero where it is not there.
//
// A table that several columns share has their gradients in several buffers. `sum_segments` adds up the segments of each
// column; then `sparse_merged` takes a thread a segment of any column, leaves it to the first column that has the row,
// and adds the columns' sums in their order. `every_merged` is to that as `every` to `sparse`.
//
// A table that is propagated has its gradient by way of all nodes: `spread` lays the sums of its columns' segments there, and
// zeros for rows that none picks, propagate.wgsl takes them back over the edges, and `every_propagated` updates all rows.

struct Table {
    gradient: View, // `first` and `stride` count here
    width: u32,
    column: u32, // the id column
    first: u32,  // first row of the shard
    rows: u32,   // rows of the shard
    sources: u32, // columns that share the table
    place: u32,  // sum_segments: that of its column among them
    node: u32,   // the node of the table's first row, where it is propagated
    scale: f32,  // spread: what gradients are multiplied by
    columns: array<vec4<u32>, 2>, // their numbers
}

@group(0) @binding(2) var<uniform> shape: Table;
@group(0) @binding(3) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> chunk_sums: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> segment_sums: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> nodes: array<vec4<f32>>;

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

/// The gradients of a segment's samples, added up.
fn sum_segment(segment: u32, column: u32) -> vec4<f32> {
    let at = segment_at(shape.column, segment);
    let first_chunk = inputs[at + 2u];
    let end_chunk = inputs[at + 5u];
    if first_chunk == end_chunk {
        return sum_samples(inputs[at + 1u], inputs[at + 4u], column);
    }
    var sum = vec4(0.0);
    for (var chunk = first_chunk; chunk < end_chunk; chunk++) {
        sum += chunk_sums[chunk * shape.width + column];
    }
    return sum;
}

/// The L2 weight of a row that so many samples pick.
fn l2_weight(samples: u32) -> f32 {
    return call.l2_tables * f32(samples) + call.l2_per_row;
}

/// The gradient of a segment's row, whose vec4 `index` of the table is in column `column`.
fn row_gradient(segment: u32, index: u32, column: u32) -> vec4<f32> {
    return l2_weight(samples_of(shape.column, segment)) * value[index] + sum_segment(segment, column);
}

/// The number of an id column that shares the table.
fn source(place: u32) -> u32 {
    return shape.columns[place / 4u][place % 4u];
}

/// Segments of the columns before one.
fn segments_before(place: u32) -> u32 {
    var sum = 0u;
    for (var i = 0u; i < place; i++) {
        sum += column_word(source(i), SEGMENT_COUNT);
    }
    return sum;
}

/// The gradient of a row that any of the columns may pick.
fn merged_gradient(row: u32, index: u32, column: u32) -> vec4<f32> {
    var sum = vec4(0.0);
    var samples = 0u;
    var before = 0u;
    for (var place = 0u; place < shape.sources; place++) {
        let id_column = source(place);
        let segment = find(id_column, row);
        if segment != NONE {
            sum += segment_sums[(before + segment) * shape.width + column];
            samples += samples_of(id_column, segment);
        }
        before += column_word(id_column, SEGMENT_COUNT);
    }
    return l2_weight(samples) * value[index] + sum;
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
    let row = inputs[segment_at(shape.column, segment)] - shape.first;
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
    let segment = find(shape.column, row + shape.first);
    var gradient = vec4<f32>();
    if segment == NONE {
        gradient = l2_weight(0u) * value[index];
    } else {
        gradient = row_gradient(segment, index, index % shape.width);
    }
    update(index, gradient);
}

@compute @workgroup_size(256)
fn sum_segments(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let segment = index / shape.width;
    let column = index % shape.width;
    if segment < column_word(shape.column, SEGMENT_COUNT) {
        segment_sums[segments_before(shape.place) * shape.width + index] = sum_segment(segment, column);
    }
}

@compute @workgroup_size(256)
fn sparse_merged(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let column = index % shape.width;
    var segment = index / shape.width;
    var place = 0u;
    while place < shape.sources && segment >= column_word(source(place), SEGMENT_COUNT) {
        segment -= column_word(source(place), SEGMENT_COUNT);
        place++;
    }
    if place == shape.sources {
        return;
    }
    let picked = inputs[segment_at(source(place), segment)];
    for (var i = 0u; i < place; i++) {
        if find(source(i), picked) != NONE {
            return; // that column's thread updates the row
        }
    }
    let row = picked - shape.first;
    if row < shape.rows { // else another shard's
        let to = row * shape.width + column;
        update(to, merged_gradient(picked, to, column));
    }
}

@compute @workgroup_size(256)
fn every_merged(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.width;
    if row < shape.rows {
        update(index, merged_gradient(row + shape.first, index, index % shape.width));
    }
}

@compute @workgroup_size(256)
fn spread(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.width;
    if row >= shape.rows {
        return;
    }
    var sum = vec4(0.0);
    var before = 0u;
    for (var place = 0u; place < shape.sources; place++) {
        let segment = find(source(place), row);
        if segment != NONE {
            sum += segment_sums[(before + segment) * shape.width + index % shape.width];
        }
        before += column_word(source(place), SEGMENT_COUNT);
    }
    nodes[shape.node * shape.width + index] = shape.scale * sum;
}

@compute @workgroup_size(256)
fn every_propagated(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.width;
    if row >= shape.rows {
        return;
    }
    var samples = 0u;
    for (var place = 0u; place < shape.sources; place++) {
        let segment = find(source(place), row + shape.first);
        if segment != NONE {
            samples += samples_of(source(place), segment);
        }
    }
    let node = shape.node + shape.first + row;
    let reached = nodes[node * shape.width + index % shape.width];
    update(index, l2_weight(samples) * value[index] + reached);
}
