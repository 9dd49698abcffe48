// gru, what is done row by row where scores steer it. Specification: src/ops/gru.rs.
//
// scale            binding 3  read   rows: [steps, stride]
//                  binding 4  read   the scores: [steps, stride], the first float of the view's vec4
//                  binding 5  write  each row times its score, overwritten or added to: AIGRU's input from its input, and
//                                    the gradients the other way
// scores_gradient  binding 3  read   rows: of AIGRU its input, of the others what gru.wgsl has left
//                  binding 4  read   of AIGRU the gradient of its scaled input
//                  binding 5  write  the gradient of the scores, (sum, 0, 0, 0), overwritten or added to: the sum of a
//                                    row, or the dot product of two
//
// scale takes a thread a row and vec4, scores_gradient a thread a row.

struct GruScores {
    rows: View,
    other: View,
    output: View,
    dot: u32, // 1: a dot product
    add: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(2) var<uniform> shape: GruScores;
@group(0) @binding(3) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> other: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;

/// Writes a vec4, or adds it.
fn store(to: u32, value: vec4<f32>) {
    if shape.add != 0u {
        output[to] += value;
    } else {
        output[to] = value;
    }
}

@compute @workgroup_size(256)
fn scale(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_index(group, groups, lane);
    let row = index / shape.rows.width;
    let column = index % shape.rows.width;
    if row >= rows_of(shape.rows) {
        return;
    }
    let score = other[at(shape.other, row)].x;
    store(at(shape.output, row) + column, score * rows[at(shape.rows, row) + column]);
}

@compute @workgroup_size(256)
fn scores_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= rows_of(shape.rows) {
        return;
    }
    var sum = vec4(0.0);
    for (var i = 0u; i < shape.rows.width; i++) {
        let terms = rows[at(shape.rows, row) + i];
        if shape.dot != 0u {
            sum = fma(terms, other[at(shape.other, row) + i], sum);
        } else {
            sum += terms;
        }
    }
    store(at(shape.output, row), vec4((sum.x + sum.y) + (sum.z + sum.w), 0.0, 0.0, 0.0));
}
