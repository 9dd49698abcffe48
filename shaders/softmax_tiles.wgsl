// What both losses over lists share: each query against a list of candidates. Specifications: src/ops/softmax_cross_entropy.rs
// and src/ops/sampled_softmax.rs, whose files say which candidates are in the list of a query (`list_of`, `is_compared`).
//
// The scores are computed tile by tile, 16 rows of one side by 16 of the other, and never stored: once for the sums, and once
// more for the gradients of either side.
//
// directions  binding 3  read   queries: [rows, stride]
//             binding 4  read   their own candidates
//             binding 5  write  queries as they are compared: at length 1 for cosines, over the temperature
//             binding 6  write  own candidates as they are compared
//             binding 7  write  a vec4 a row: what both were multiplied by for length 1, what `sums` has, and the own score
// sums        binding 3  read   queries as they are compared
//             binding 4  read   candidates as they are compared
//             binding 7  write  the logarithm of the sum of exponentials
// sum_losses  binding 7  read
//             binding 8  write  losses: one sum a workgroup, from float `call.losses` on
// gradients   binding 3  read   one side as it is compared
//             binding 4  read   the other
//             binding 5  write  the gradient of the first
//             binding 7  read
// deliver     binding 3  read   a side as it is compared
//             binding 4  read   its gradient from the list; nothing where it is in none
//             binding 5  write  the gradient of the vectors, overwritten or added to
//             binding 7  read
//             binding 9  read   the other side of the own score
//
// A workgroup of sums and gradients has 16 rows of one side and goes over those of the other that it is compared with; a thread
// has the score of one row with every 16th.

struct SoftmaxTiles {
    queries: View,    // of vectors, in `directions`
    candidates: View,
    own: View,        // as they are compared: the side whose gradient is made, else the queries
    other: View,      // the other side, or in `deliver` the gradient of the first
    third: View,      // in `deliver`, the other side of the own score
    rows: View,       // the vec4 a row
    to: View,         // what is written by gradients and deliver
    block: u32,       // samples of a block
    column: u32,      // the column of the own candidates' ids; NONE: all are compared
    listed: u32,      // that of the list's
    side: u32,        // 0: own are the queries; 1: the candidates; 2: own candidates that are in no list
    add: u32,
    cosine: u32,
    temperature: f32,
    log_sum: f32,
}

@group(0) @binding(2) var<uniform> shape: SoftmaxTiles;
@group(0) @binding(3) var<storage, read> first: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> second: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> output_too: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> rows: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> losses: array<f32>;
@group(0) @binding(9) var<storage, read> third: array<vec4<f32>>;

const SHORTEST = 1e-12; // as in src/ops/normalise.rs
const LOWEST = -3e38;
const SIDE = 16u; // rows and vec4s of a tile
const STRIDE = 17u; // so that the rows of a tile lie in different banks

var<workgroup> tile: array<vec4<f32>, 272>;
var<workgroup> other_tile: array<vec4<f32>, 272>;
var<workgroup> numbers: array<f32, 256>;
var<workgroup> numbers_too: array<f32, 256>;

/// Rows of queries.
fn queries() -> u32 {
    return rows_of(shape.rows);
}

fn inverse_length(squares: f32) -> f32 {
    return 1.0 / max(sqrt(squares), SHORTEST);
}

@compute @workgroup_size(256)
fn directions(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= queries() {
        return;
    }
    var inverses = vec2(1.0);
    if shape.cosine != 0u {
        var squares = vec2(0.0);
        for (var k = 0u; k < shape.queries.width; k++) {
            let u = first[at(shape.queries, row) + k];
            let v = second[at(shape.candidates, row) + k];
            squares += vec2(dot(u, u), dot(v, v));
        }
        inverses = vec2(inverse_length(squares.x), inverse_length(squares.y));
    }
    var score = 0.0;
    for (var k = 0u; k < shape.queries.width; k++) {
        let u = first[at(shape.queries, row) + k] * (inverses.x / shape.temperature);
        let v = second[at(shape.candidates, row) + k] * inverses.y;
        output[at(shape.own, row) + k] = u;
        output_too[at(shape.other, row) + k] = v;
        score += dot(u, v);
    }
    rows[at(shape.rows, row)] = vec4(inverses, 0.0, score);
}

fn log_q(sample: u32) -> f32 {
    if call.log_q == 0u {
        return 0.0;
    }
    return bitcast<f32>(inputs[call.log_q + call.spaces[0][FIRST] + sample]);
}

/// The id of a row of a column that lies beside a view.
fn id(column: u32, view: View, row: u32) -> u32 {
    return inputs[column_word(column, IDS) + call.spaces[view.space >> 1u][FIRST] + row];
}

fn own_at(row: u32, column: u32) -> vec4<f32> {
    if row >= rows_of(shape.own) || column >= shape.own.width {
        return vec4(0.0);
    }
    return first[at(shape.own, row) + column];
}

fn other_at(row: u32, column: u32) -> vec4<f32> {
    if row >= rows_of(shape.other) || column >= shape.other.width {
        return vec4(0.0);
    }
    return second[at(shape.other, row) + column];
}

/// The score of row `begin + lane / 16` of one side with row `other + lane % 16` of the other.
fn score(begin: u32, other: u32, lane: u32) -> f32 {
    let r = lane / SIDE;
    let c = lane % SIDE;
    var sum = 0.0;
    for (var column = 0u; column < shape.own.width; column += SIDE) {
        workgroupBarrier();
        tile[r * STRIDE + c] = own_at(begin + r, column + c);
        other_tile[r * STRIDE + c] = other_at(other + r, column + c);
        workgroupBarrier();
        for (var k = 0u; k < SIDE; k++) {
            sum += dot(tile[r * STRIDE + k], other_tile[c * STRIDE + k]);
        }
    }
    return sum;
}

@compute @workgroup_size(256)
fn sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let begin = SIDE * group.y;
    if begin >= queries() {
        return;
    }
    let query = begin + lane / SIDE;
    let bounds = list_of(begin, rows_of(shape.own), rows_of(shape.other));
    var most = LOWEST;
    var sum = 0.0;
    if lane % SIDE == 0u && query < queries() && !own_is_listed() {
        most = rows[at(shape.rows, query)].w;
        sum = 1.0;
    }
    for (var other = bounds.x; other < bounds.y; other += SIDE) {
        let candidate = other + lane % SIDE;
        let t = score(begin, other, lane);
        if is_compared(query, candidate) {
            let x = t - log_q(candidate);
            if x > most {
                sum = sum * exp(most - x) + 1.0;
                most = x;
            } else {
                sum += exp(x - most);
            }
        }
    }
    numbers[lane] = most;
    numbers_too[lane] = sum;
    workgroupBarrier();
    if lane % SIDE != 0u || query >= queries() {
        return;
    }
    var largest = most;
    for (var k = 1u; k < SIDE; k++) {
        largest = max(largest, numbers[lane + k]);
    }
    var all = 0.0;
    for (var k = 0u; k < SIDE; k++) {
        all += numbers_too[lane + k] * exp(numbers[lane + k] - largest);
    }
    let row = at(shape.rows, query);
    rows[row] = vec4(rows[row].xy, largest + log(all), rows[row].w);
}

/// How much a query counts.
fn query_weight(query: u32) -> f32 {
    if shape.rows.space < 2u {
        return sample_weight(query);
    }
    return sample_weight(sample_of(shape.rows, query));
}

/// Of a query in the mean, whose loss is one over all queries.
fn query_share(query: u32) -> f32 {
    if shape.rows.space < 2u {
        return call.scale * sample_weight(query);
    }
    return query_weight(query) / f32(queries()); // no slices: all queries are here
}

fn loss_of(query: u32) -> f32 {
    let found = rows[at(shape.rows, query)];
    return shape.log_sum * found.z - found.w;
}

@compute @workgroup_size(256)
fn sum_losses(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sample = flat_index(group, groups, lane);
    var loss = 0.0;
    if sample < call.spaces[0][ROWS] {
        if shape.rows.space < 2u {
            loss = loss_of(sample) * sample_weight(sample);
        } else {
            let steps = steps_of(shape.rows, sample);
            for (var query = steps.x; query < steps.y; query++) {
                loss += loss_of(query);
            }
            loss *= sample_weight(sample) * f32(call.spaces[0][ROWS]) / f32(max(queries(), 1u));
        }
    }
    numbers[lane] = loss;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            numbers[lane] += numbers[lane + half];
        }
    }
    if lane == 0u {
        losses[call.losses + group.y * groups.x + group.x] = numbers[0];
    }
}

/// The gradient of a score in the list, which is `t`.
fn score_gradient(query: u32, candidate: u32, t: f32) -> f32 {
    if !is_compared(query, candidate) {
        return 0.0;
    }
    return query_share(query) * shape.log_sum * exp(t - log_q(candidate) - rows[at(shape.rows, query)].z);
}

@compute @workgroup_size(256)
fn gradients(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let begin = SIDE * group.y;
    if begin >= rows_of(shape.own) {
        return;
    }
    let r = lane / SIDE;
    let c = lane % SIDE;
    let own = begin + r;
    let column = SIDE * group.x + c;
    let bounds = list_of(begin, rows_of(shape.own), rows_of(shape.other));
    var sum = vec4(0.0);
    for (var other = bounds.x; other < bounds.y; other += SIDE) {
        let t = score(begin, other, lane);
        if shape.side == 0u {
            numbers[lane] = score_gradient(own, other + c, t);
        } else {
            numbers[lane] = score_gradient(other + c, own, t);
        }
        workgroupBarrier();
        other_tile[r * STRIDE + c] = other_at(other + r, column);
        workgroupBarrier();
        for (var k = 0u; k < SIDE; k++) {
            sum += numbers[r * SIDE + k] * other_tile[k * STRIDE + c];
        }
    }
    if own < rows_of(shape.own) && column < shape.own.width {
        output[at(shape.to, own) + column] = sum;
    }
}

/// The gradient of the own score, beside what the list has of it.
fn own_gradient(query: u32) -> f32 {
    var gradient = -1.0;
    if !own_is_listed() {
        let found = rows[at(shape.rows, query)];
        gradient += shape.log_sum * exp(found.w - found.z);
    }
    return gradient * query_share(query);
}

fn gradient_at(row: u32, own: f32, k: u32) -> vec4<f32> {
    var gradient = own * third[at(shape.third, row) + k];
    if shape.side != 2u {
        gradient += second[at(shape.other, row) + k];
    }
    return gradient;
}

/// What a vector was multiplied by, and how long its direction is.
fn of_side(row: u32) -> vec2<f32> {
    if shape.side == 0u {
        return vec2(rows[at(shape.rows, row)].x, 1.0 / shape.temperature);
    }
    return vec2(rows[at(shape.rows, row)].y, 1.0);
}

@compute @workgroup_size(256)
fn deliver(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= queries() {
        return;
    }
    let own = own_gradient(row);
    let side = of_side(row);
    var along = 0.0;
    if shape.cosine != 0u && side.x < 1.0 / SHORTEST {
        for (var k = 0u; k < shape.own.width; k++) {
            along += dot(first[at(shape.own, row) + k], gradient_at(row, own, k));
        }
        along /= side.y * side.y;
    }
    for (var k = 0u; k < shape.own.width; k++) {
        let across = gradient_at(row, own, k) - along * first[at(shape.own, row) + k];
        var gradient = across * (side.x * side.y);
        let to = at(shape.to, row) + k;
        if shape.add != 0u {
            gradient += output[to];
        }
        output[to] = gradient;
    }
}
