// propagate: products of a graph's sparse matrix with the rows of its nodes, and their mean. Specification:
// src/ops/propagate.rs; picked.wgsl, and rows_f32.wgsl or rows_f16.wgsl, which say what layers are kept as, are put before it.
//
// binding 3  read            copy: a table, or a shard of it: [shape.rows, width]; else a layer: [nodes, width]
// binding 4  read and write  the next layer: [nodes, width]; last_back and only_back: the gradients of the first one, in floats
// binding 5  read and write  the sum of the layers so far, and in the end their mean, which look-ups read: [nodes, width].
//                            On the way back the gradients of that, which are zero but for the nodes that the batch picks
// binding 6  read            where each node's edges begin, and the last one's end: [nodes + 1]
// binding 7  read            edges: a neighbour, and the bits of the weight
//
// copy         lays a table's rows among those of all nodes, as the first layer and as the sum so far
// product      the next layer, which is added to the sum
// last         the last layer, with the mean; of all nodes
// last_picked  the same of those that the batch picks
// first_back   the first product of the way back, of the gradients of the mean, and these
// back         a later one, of what has come back so far
// last_back    the last one
// only_back    the one that is both first and last
//
// On the way back layers are kept times gradient_scale().
//
// One thread a vec4 of a row: one writer a row, and edges in their order, so that the same bits come every run.

struct Propagate {
    width: u32,   // vec4s of a row
    nodes: u32,
    first: u32,   // copy: the node of the first row; last_picked: that of the table's
    rows: u32,    // copy: rows of the shard that are the table's
    sources: u32, // last_picked: columns that look rows of the table up
    scale: f32,   // 1 / layers, the first among them
    pad0: u32,
    pad1: u32,
    columns: array<vec4<u32>, 2>, // their numbers
}

@group(0) @binding(2) var<uniform> shape: Propagate;
@group(0) @binding(3) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> before: array<Kept>;
@group(0) @binding(4) var<storage, read_write> layer: array<Kept>;
@group(0) @binding(4) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> offsets: array<u32>;
@group(0) @binding(7) var<storage, read> edges: array<vec2<u32>>;

/// What reaches a node over its edges.
fn reach(node: u32, column: u32) -> vec4<f32> {
    var sum = vec4(0.0);
    for (var edge = offsets[node]; edge < offsets[node + 1u]; edge++) {
        let weight = vec4(bitcast<f32>(edges[edge].y));
        sum = fma(weight, widen(before[edges[edge].x * shape.width + column]), sum);
    }
    return sum;
}

/// The number of an id column that looks rows up.
fn source(place: u32) -> u32 {
    return shape.columns[place / 4u][place % 4u];
}

@compute @workgroup_size(256)
fn copy(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    if index / shape.width < shape.rows {
        let to = shape.first * shape.width + index;
        layer[to] = narrow(table[index]);
        sums[to] = table[index];
    }
}

@compute @workgroup_size(256)
fn product(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let node = index / shape.width;
    if node < shape.nodes {
        let reached = narrow(reach(node, index % shape.width));
        layer[index] = reached;
        sums[index] += widen(reached);
    }
}

@compute @workgroup_size(256)
fn last(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let node = index / shape.width;
    if node < shape.nodes {
        sums[index] = (sums[index] + reach(node, index % shape.width)) * shape.scale;
    }
}

@compute @workgroup_size(256)
fn last_picked(
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
    let row = inputs[segment_at(source(place), segment)];
    for (var i = 0u; i < place; i++) {
        if find(source(i), row) != NONE {
            return; // that column's thread has the row
        }
    }
    let node = shape.first + row;
    let at = node * shape.width + column;
    sums[at] = (sums[at] + reach(node, column)) * shape.scale;
}

/// The gradient of a node's mean, and of those that it is joined to.
fn first_gradient(index: u32) -> vec4<f32> {
    let node = index / shape.width;
    var sum = vec4(0.0);
    for (var edge = offsets[node]; edge < offsets[node + 1u]; edge++) {
        let weight = vec4(bitcast<f32>(edges[edge].y));
        sum = fma(weight, sums[edges[edge].x * shape.width + index % shape.width], sum);
    }
    return sums[index] + sum;
}

@compute @workgroup_size(256)
fn first_back(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    if index / shape.width < shape.nodes {
        layer[index] = narrow(gradient_scale() * first_gradient(index));
    }
}

@compute @workgroup_size(256)
fn back(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    if index / shape.width < shape.nodes {
        layer[index] = narrow(gradient_scale() * sums[index] + reach(index / shape.width, index % shape.width));
    }
}

@compute @workgroup_size(256)
fn last_back(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    if index / shape.width < shape.nodes {
        gradient[index] = sums[index] + reach(index / shape.width, index % shape.width) / gradient_scale();
    }
}

@compute @workgroup_size(256)
fn only_back(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    if index / shape.width < shape.nodes {
        gradient[index] = first_gradient(index);
    }
}
