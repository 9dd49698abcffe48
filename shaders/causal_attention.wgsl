// causal_attention: each step of a sequence reads itself and the steps before it, one head. Specification:
// src/ops/causal_attention.rs.
//
// forward         binding 3  read   the queries: [steps, stride]
//                 binding 4  read   the keys
//                 binding 5  read   the values
//                 binding 6  write  the output
//                 binding 7  write  of each step, the logarithm of the sum of its scores' exponentials
// query_gradient  bindings 3 to 5 as above
//                 binding 6  write  the gradient of the queries, overwritten or added to
//                 binding 7  write  of each step, beside that logarithm: the mean of the gradients of its weights
//                 binding 8  read   the gradient of the output
// key_gradient, value_gradient, behind query_gradient
//                 bindings 3 to 5, 7 and 8 as above
//                 binding 6  write  the gradient of the keys, or of the values
//
// A workgroup a step: of the queries' steps forward and in query_gradient, of the keys' in the others. Its threads take a
// score each, 256 at a time, and then the columns of what is added up by them: 16 vec4s by 16 shares of the steps. Scores
// are computed anew wherever they are needed, so that no matrix of steps by steps is ever in memory.

struct CausalAttention {
    query: View,
    key: View,
    value: View,
    output: View, // what is written
    stats: View,
    delta: View,  // the output's gradient
    scale: f32,   // 1 / sqrt(columns of a head)
    add: u32,     // 1: add to what is there
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(2) var<uniform> shape: CausalAttention;
@group(0) @binding(3) var<storage, read> query: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> key: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> value: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> stats: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> delta: array<vec4<f32>>;

/// Below all scores.
const LOWEST = -3.0e38;

const QUERY = 0u;
const KEY = 1u;
const VALUE = 2u;
const DELTA = 3u;

/// What rows are added up by.
var<workgroup> weights: array<f32, 256>;
var<workgroup> sums: array<vec4<f32>, 256>;
/// Largest scores, and sums of exponentials below them.
var<workgroup> pairs: array<vec2<f32>, 256>;

fn score(t: u32, u: u32) -> f32 {
    let of_query = at(shape.query, t);
    let of_key = at(shape.key, u);
    var sum = 0.0;
    for (var i = 0u; i < shape.query.width; i++) {
        sum += dot(query[of_query + i], key[of_key + i]);
    }
    return sum * shape.scale;
}

/// The gradient of the weight that step t gives step u.
fn slope(t: u32, u: u32) -> f32 {
    let of_delta = at(shape.delta, t);
    let of_value = at(shape.value, u);
    var sum = 0.0;
    for (var i = 0u; i < shape.value.width; i++) {
        sum += dot(delta[of_delta + i], value[of_value + i]);
    }
    return sum;
}

fn row_of(source: u32, row: u32, column: u32) -> vec4<f32> {
    switch source {
        case QUERY: { return query[at(shape.query, row) + column]; }
        case KEY: { return key[at(shape.key, row) + column]; }
        case VALUE: { return value[at(shape.value, row) + column]; }
        default: { return delta[at(shape.delta, row) + column]; }
    }
}

/// Adds `weights` times the rows from `first` on up into row `to`. All threads of the workgroup must call it.
fn add_rows(lane: u32, source: u32, first: u32, count: u32, to: u32, begins: bool) {
    workgroupBarrier(); // the weights are written
    let share = lane / 16u;
    for (var begin = 0u; begin < shape.output.width; begin += 16u) {
        let column = begin + lane % 16u;
        let is_there = column < shape.output.width;
        var sum = vec4(0.0);
        if is_there {
            for (var k = share; k < count; k += 16u) {
                sum = fma(vec4(weights[k]), row_of(source, first + k, column), sum);
            }
        }
        sums[lane] = sum;
        workgroupBarrier();
        if is_there && share == 0u {
            for (var i = 1u; i < 16u; i++) {
                sum += sums[16u * i + lane];
            }
            let place = at(shape.output, to) + column;
            if !begins || shape.add != 0u {
                sum += output[place];
            }
            output[place] = sum;
        }
        workgroupBarrier(); // sums and weights were read
    }
}

/// The largest of all threads' scores and the sum of all exponentials below it.
fn merge(lane: u32, pair: vec2<f32>) -> vec2<f32> {
    pairs[lane] = pair;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half >>= 1u) {
        if lane < half {
            let a = pairs[lane];
            let b = pairs[lane + half];
            let most = max(a.x, b.x);
            pairs[lane] = vec2(most, a.y * exp(a.x - most) + b.y * exp(b.x - most));
        }
        workgroupBarrier();
    }
    return pairs[0];
}

/// The row that a workgroup is for.
fn row_of_group(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let step = row_of_group(group, groups);
    if step >= rows_of(shape.output) {
        return;
    }
    let first = steps_of(shape.query, sample_of(shape.query, step)).x;
    var pair = vec2(LOWEST, 0.0);
    for (var u = first + lane; u <= step; u += 256u) {
        let x = score(step, u);
        let most = max(pair.x, x);
        pair = vec2(most, pair.y * exp(pair.x - most) + exp(x - most));
    }
    pair = merge(lane, pair);
    let total = pair.x + log(pair.y);
    if lane == 0u {
        stats[at(shape.stats, step)] = vec4(total, 0.0, 0.0, 0.0);
    }
    for (var begin = first; begin <= step; begin += 256u) {
        let count = min(256u, step + 1u - begin);
        if lane < count {
            weights[lane] = exp(score(step, begin + lane) - total);
        }
        add_rows(lane, VALUE, begin, count, step, begin == first);
    }
}

@compute @workgroup_size(256)
fn query_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let step = row_of_group(group, groups);
    if step >= rows_of(shape.query) {
        return;
    }
    let first = steps_of(shape.query, sample_of(shape.query, step)).x;
    let place = at(shape.stats, step);
    let total = stats[place].x;
    var sum = 0.0;
    for (var u = first + lane; u <= step; u += 256u) {
        sum += exp(score(step, u) - total) * slope(step, u);
    }
    weights[lane] = sum;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half >>= 1u) {
        if lane < half {
            weights[lane] += weights[lane + half];
        }
        workgroupBarrier();
    }
    let mean = weights[0];
    workgroupBarrier(); // it was read, and so was the step's total
    if lane == 0u {
        stats[place] = vec4(total, mean, 0.0, 0.0);
    }
    for (var begin = first; begin <= step; begin += 256u) {
        let count = min(256u, step + 1u - begin);
        if lane < count {
            let u = begin + lane;
            weights[lane] = exp(score(step, u) - total) * (slope(step, u) - mean) * shape.scale;
        }
        add_rows(lane, KEY, begin, count, step, begin == first);
    }
}

@compute @workgroup_size(256)
fn key_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let step = row_of_group(group, groups);
    if step >= rows_of(shape.key) {
        return;
    }
    let end = steps_of(shape.key, sample_of(shape.key, step)).y;
    for (var begin = step; begin < end; begin += 256u) {
        let count = min(256u, end - begin);
        if lane < count {
            let t = begin + lane;
            let of_step = stats[at(shape.stats, t)];
            weights[lane] = exp(score(t, step) - of_step.x) * (slope(t, step) - of_step.y) * shape.scale;
        }
        add_rows(lane, QUERY, begin, count, step, begin == step);
    }
}

@compute @workgroup_size(256)
fn value_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let step = row_of_group(group, groups);
    if step >= rows_of(shape.value) {
        return;
    }
    let end = steps_of(shape.value, sample_of(shape.value, step)).y;
    for (var begin = step; begin < end; begin += 256u) {
        let count = min(256u, end - begin);
        if lane < count {
            weights[lane] = exp(score(begin + lane, step) - stats[at(shape.stats, begin + lane)].x);
        }
        add_rows(lane, DELTA, begin, count, step, begin == step);
    }
}
