// softmax cross-entropy of each query against the candidates of the samples of its block. Specification:
// src/ops/softmax_cross_entropy.rs.
//
// The scores are computed tile by tile, 16 queries by 16 candidates, and never stored: once for the sums, and once more for
// the gradients of either side.
//
// directions  binding 3  read   queries: [samples, stride]
//             binding 4  read   candidates
//             binding 5  write  queries as they are compared: at length 1 for cosines, over the temperature
//             binding 6  write  candidates as they are compared
//             binding 7  write  a vec4 a sample: what both were multiplied by for length 1, and what `sums` has
// sums        binding 3  read   queries as they are compared
//             binding 4  read   candidates as they are compared
//             binding 7  write  the logarithm of the sum of exponentials, and the sample's own score
// losses      binding 7  read
//             binding 8  write  losses: one sum a workgroup, from float `call.losses` on
// gradients   binding 3  read   one side as it is compared
//             binding 4  read   the other
//             binding 5  write  the gradient of the first
//             binding 7  read
// deliver     binding 3  read   a side as it is compared
//             binding 4  read   its gradient
//             binding 5  write  the gradient of the vectors, overwritten or added to
//             binding 7  read
//
// A workgroup of sums and gradients has 16 rows of one side and goes over those of the other in the blocks that they are of;
// a thread has the score of one row with every 16th. Slices begin with a block.

struct SoftmaxCrossEntropy {
    queries: View,    // of vectors, in `directions`
    candidates: View,
    own: View,        // as they are compared: the side whose gradient is made, else the queries
    other: View,
    rows: View,       // the vec4 a sample
    to: View,         // what is written by gradients and deliver
    block: u32,       // samples of a block
    column: u32,      // the column of the candidates' ids; NONE: all are compared
    side: u32,        // 0: own are the queries
    add: u32,
    cosine: u32,
    pad0: u32,
    temperature: f32,
    log_sum: f32,
}

@group(0) @binding(2) var<uniform> shape: SoftmaxCrossEntropy;
@group(0) @binding(3) var<storage, read> first: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> second: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> output_too: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> rows: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> losses: array<f32>;

const SHORTEST = 1e-12; // as in src/ops/softmax_cross_entropy.rs
const LOWEST = -3e38;
const SIDE = 16u; // rows and vec4s of a tile
const STRIDE = 17u; // so that the rows of a tile lie in different banks

var<workgroup> tile: array<vec4<f32>, 272>;
var<workgroup> other_tile: array<vec4<f32>, 272>;
var<workgroup> numbers: array<f32, 256>;
var<workgroup> numbers_too: array<f32, 256>;
var<workgroup> owns: array<f32, 256>;

fn samples() -> u32 {
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
    if row >= samples() {
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
    for (var k = 0u; k < shape.queries.width; k++) {
        output[at(shape.own, row) + k] = first[at(shape.queries, row) + k] * (inverses.x / shape.temperature);
        output_too[at(shape.other, row) + k] = second[at(shape.candidates, row) + k] * inverses.y;
    }
    rows[at(shape.rows, row)] = vec4(inverses, 0.0, 0.0);
}

fn log_q(sample: u32) -> f32 {
    if call.log_q == 0u {
        return 0.0;
    }
    return bitcast<f32>(inputs[call.log_q + call.spaces[0][FIRST] + sample]);
}

fn id(sample: u32) -> u32 {
    return inputs[column_word(shape.column, IDS) + call.spaces[0][FIRST] + sample];
}

/// Whether a candidate is in the list of a query.
fn is_compared(query: u32, candidate: u32) -> bool {
    if query >= samples() || candidate >= samples() || query / shape.block != candidate / shape.block {
        return false;
    }
    if query == candidate || shape.column == NONE {
        return true;
    }
    return id(query) != id(candidate);
}

/// Where the blocks of 16 rows begin, and where they end.
fn blocks_of(begin: u32) -> vec2<u32> {
    let last = min(begin + SIDE, samples()) - 1u;
    return vec2(begin / shape.block * shape.block, min((last / shape.block + 1u) * shape.block, samples()));
}

fn own_at(row: u32, column: u32) -> vec4<f32> {
    if row >= samples() || column >= shape.own.width {
        return vec4(0.0);
    }
    return first[at(shape.own, row) + column];
}

fn other_at(row: u32, column: u32) -> vec4<f32> {
    if row >= samples() || column >= shape.other.width {
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
fn sums(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = SIDE * (group.y * groups.x + group.x);
    if begin >= samples() {
        return;
    }
    let query = begin + lane / SIDE;
    let bounds = blocks_of(begin);
    var most = LOWEST;
    var sum = 0.0;
    var own = 0.0;
    for (var other = bounds.x; other < bounds.y; other += SIDE) {
        let candidate = other + lane % SIDE;
        let t = score(begin, other, lane);
        if is_compared(query, candidate) {
            if query == candidate {
                own = t;
            }
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
    owns[lane] = own;
    workgroupBarrier();
    if lane % SIDE != 0u || query >= samples() {
        return;
    }
    var largest = most;
    for (var k = 1u; k < SIDE; k++) {
        largest = max(largest, numbers[lane + k]);
    }
    var all = 0.0;
    own = 0.0;
    for (var k = 0u; k < SIDE; k++) {
        all += numbers_too[lane + k] * exp(numbers[lane + k] - largest);
        own += owns[lane + k];
    }
    let row = at(shape.rows, query);
    rows[row] = vec4(rows[row].xy, largest + log(all), own);
}

@compute @workgroup_size(256)
fn sum_losses(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    var loss = 0.0;
    if row < samples() {
        let found = rows[at(shape.rows, row)];
        loss = (shape.log_sum * found.z - found.w) * sample_weight(row);
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

/// The gradient of a score, which is `t`.
fn score_gradient(query: u32, candidate: u32, t: f32) -> f32 {
    if !is_compared(query, candidate) {
        return 0.0;
    }
    var gradient = shape.log_sum * exp(t - log_q(candidate) - rows[at(shape.rows, query)].z);
    if query == candidate {
        gradient -= 1.0;
    }
    return gradient * call.scale * sample_weight(query);
}

@compute @workgroup_size(256)
fn gradients(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let begin = SIDE * group.y;
    if begin >= samples() {
        return;
    }
    let r = lane / SIDE;
    let c = lane % SIDE;
    let own = begin + r;
    let column = SIDE * group.x + c;
    let bounds = blocks_of(begin);
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
    if own < samples() && column < shape.own.width {
        output[at(shape.to, own) + column] = sum;
    }
}

@compute @workgroup_size(256)
fn deliver(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_index(group, groups, lane);
    if row >= samples() {
        return;
    }
    // Queries are stored over the temperature.
    let scale = select(1.0, 1.0 / shape.temperature, shape.side == 0u);
    let inverse = select(rows[at(shape.rows, row)].y, rows[at(shape.rows, row)].x, shape.side == 0u);
    var along = 0.0;
    if shape.cosine != 0u && inverse < 1.0 / SHORTEST {
        for (var k = 0u; k < shape.own.width; k++) {
            along += dot(first[at(shape.own, row) + k], second[at(shape.other, row) + k]);
        }
        along /= scale * scale;
    }
    for (var k = 0u; k < shape.own.width; k++) {
        let across = second[at(shape.other, row) + k] - along * first[at(shape.own, row) + k];
        var gradient = across * (scale * inverse);
        let to = at(shape.to, row) + k;
        if shape.add != 0u {
            gradient += output[to];
        }
        output[to] = gradient;
    }
}
