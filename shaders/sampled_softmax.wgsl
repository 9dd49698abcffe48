// sampled softmax of each row's own candidate among those of a list. Specification: src/ops/sampled_softmax.rs;
// softmax_tiles.wgsl is put before it. A batch is one slice.
//
// list_directions  binding 3  read   the list: [steps, stride]
//                  binding 5  write  the list as it is compared
//                  binding 6  write  a vec4 a row: what it was multiplied by for length 1
// deliver_list     binding 3  read   the list as it is compared
//                  binding 4  read   its gradient
//                  binding 5  write  the gradient of the vectors, overwritten or added to
//                  binding 9  read   what it was multiplied by

/// Whether a query's own candidate is in its list.
fn own_is_listed() -> bool {
    return false;
}

/// Whether a candidate is in the list of a query: all are that have another id.
fn is_compared(query: u32, candidate: u32) -> bool {
    let candidates = select_list();
    if query >= queries() || candidate >= rows_of(candidates) {
        return false;
    }
    return shape.column == NONE || id(shape.column, shape.rows, query) != id(shape.listed, candidates, candidate);
}

/// The side that is the list.
fn select_list() -> View {
    if shape.side == 0u {
        return shape.other;
    }
    return shape.own;
}

/// The whole other side.
fn list_of(begin: u32, all: u32, others: u32) -> vec2<u32> {
    return vec2(0u, others);
}

@compute @workgroup_size(256)
fn list_directions(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= rows_of(shape.candidates) {
        return;
    }
    var inverse = 1.0;
    if shape.cosine != 0u {
        var squares = 0.0;
        for (var k = 0u; k < shape.candidates.width; k++) {
            let v = first[at(shape.candidates, row) + k];
            squares += dot(v, v);
        }
        inverse = inverse_length(squares);
    }
    for (var k = 0u; k < shape.candidates.width; k++) {
        output[at(shape.own, row) + k] = first[at(shape.candidates, row) + k] * inverse;
    }
    output_too[at(shape.third, row)] = vec4(inverse, 0.0, 0.0, 0.0);
}

@compute @workgroup_size(256)
fn deliver_list(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= rows_of(shape.own) {
        return;
    }
    let inverse = third[at(shape.third, row)].x;
    var along = 0.0;
    if shape.cosine != 0u && inverse < 1.0 / SHORTEST {
        for (var k = 0u; k < shape.own.width; k++) {
            along += dot(first[at(shape.own, row) + k], second[at(shape.other, row) + k]);
        }
    }
    for (var k = 0u; k < shape.own.width; k++) {
        let across = second[at(shape.other, row) + k] - along * first[at(shape.own, row) + k];
        var gradient = across * inverse;
        let to = at(shape.to, row) + k;
        if shape.add != 0u {
            gradient += output[to];
        }
        output[to] = gradient;
    }
}
