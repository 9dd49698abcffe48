// gru: the recurrence of a recurrent layer, forward and backward through time. Specification: src/ops/gru.rs;
// sigmoid.wgsl and tanh.wgsl are put before it.
//
// The input's part of all sums, W x + b, is a linear layer over all steps (linear.wgsl) that is dispatched before forward,
// and after backward; here is what goes step by step. `gates` has four parts of a row, each as wide as the states:
//
// forward   binding 3  read and write  gates: the input's part of the sums of r, z and n; then r, z, n and U_n h + c_n
//           binding 4  read            the scores: [steps, stride], the first float of the view's vec4; not by GRU
//           binding 5  read            U transposed, [hidden, 3 hidden] from vec4 `matrix` on
//           binding 6  read            the dense parameters; c begins at vec4 `bias`
//           binding 7  write           the states: [steps, stride]
// backward  binding 3  read and write  gates: what forward left; then the gradients of the state's part of the sums of r, z
//                                      and n, and what the gradient of the score is the sum of
//           binding 4  read            the scores
//           binding 5  read            the dense parameters; U, [3 hidden, hidden], begins at vec4 `matrix`
//           binding 6  read            the states
//           binding 7  write           deltas, as wide as gates: the gradients of the input's part of the sums, and the
//                                      state before the step
//           binding 8  read            the gradient of the states
//
// So the gradients of both weights are those of linear layers over all steps: of W with the first three parts of deltas and
// the input, of U with the first three of gates and the last of deltas.
//
// WX threads take a sample, each DEPTH units of it, WX apart; a workgroup has WY samples and goes as many steps as the
// longest of them has, of which the others sit out what they have not. U is read along its rows, by neighbours side by
// side, and comes from the cache: in workgroup memory it would fit for narrow layers alone. A step of the forward pass
// reads one half of `state` and writes the other, so that a barrier a step is enough.

override WX: u32 = 32u;
override WY: u32 = 2u;
override DEPTH: u32 = 1u;

struct Gru {
    gates: View,
    deltas: View,
    states: View,
    d_states: View,
    scores: View,
    samples: View,
    kind: u32,
    matrix: u32,
    bias: u32,
    pad: u32,
}

/// Kinds; GRU and AIGRU, whose input is scaled before, are one here.
const AGRU = 1u;
const AUGRU = 2u;

@group(0) @binding(2) var<uniform> shape: Gru;
@group(0) @binding(3) var<storage, read_write> gates: array<f32>;
@group(0) @binding(4) var<storage, read> scores: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> weight: array<f32>;
@group(0) @binding(6) var<storage, read> side: array<f32>;
@group(0) @binding(7) var<storage, read_write> output: array<f32>;
@group(0) @binding(8) var<storage, read> d_states: array<f32>;

var<workgroup> state: array<f32, 2u * WX * WY * DEPTH>;
/// Of each sample, the gradients of the state's part of the sums, and what reaches the state.
var<workgroup> back: array<f32, 4u * WX * WY * DEPTH>;

/// The first float of a row.
fn row(view: View, step: u32) -> u32 {
    return 4u * at(view, step);
}

/// The steps of a sample; none behind the last.
fn steps_there(sample: u32) -> vec2<u32> {
    if sample < rows_of(shape.samples) {
        return steps_of(shape.gates, sample);
    }
    return vec2(0u);
}

/// Steps of the longest of a workgroup's samples.
fn longest(first: u32) -> u32 {
    var most = 0u;
    for (var i = 0u; i < WY; i++) {
        let steps = steps_there(first + i);
        most = max(most, steps.y - steps.x);
    }
    return most;
}

fn score_of(step: u32) -> f32 {
    if shape.kind == AGRU || shape.kind == AUGRU {
        return scores[at(shape.scores, step)].x;
    }
    return 1.0;
}

/// One unit of one step; `before` and `after` are where the sample's states begin in workgroup memory.
fn advance(unit: u32, step: u32, is_first: bool, before: u32, after: u32) {
    let hidden = 4u * shape.states.width;
    let bias = 4u * shape.bias + unit;
    var sums = vec3(side[bias], side[bias + hidden], side[bias + 2u * hidden]);
    var h = 0.0;
    if !is_first {
        h = state[before + unit];
        var from_ = 4u * shape.matrix + unit;
        for (var k = 0u; k < hidden; k++) {
            let u = vec3(weight[from_], weight[from_ + hidden], weight[from_ + 2u * hidden]);
            sums = fma(vec3(state[before + k]), u, sums);
            from_ += 3u * hidden;
        }
    }
    let gate = row(shape.gates, step) + unit;
    let rz = sigmoid(vec4(gates[gate] + sums.x, gates[gate + hidden] + sums.y, 0.0, 0.0));
    let n = tanh_of(fma(rz.x, sums.z, gates[gate + 2u * hidden]));
    // From the end that the gate or the score weighs: n + z (h - n), or h + g (n - h).
    var next = fma(rz.y, h - n, n);
    if shape.kind == AGRU {
        next = fma(score_of(step), n - h, h);
    } else if shape.kind == AUGRU {
        next = fma(score_of(step) * rz.y, n - h, h);
    }
    gates[gate] = rz.x;
    gates[gate + hidden] = rz.y;
    gates[gate + 2u * hidden] = n;
    gates[gate + 3u * hidden] = sums.z;
    state[after + unit] = next;
    output[row(shape.states, step) + unit] = next;
}

@compute @workgroup_size(WX, WY)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.y * groups.x + group.x) * WY;
    let steps = steps_there(first + lane / WX);
    let place = lane / WX * WX * DEPTH;
    let half = WX * WY * DEPTH;
    let most = longest(first);
    for (var i = 0u; i < most; i++) {
        let step = steps.x + i;
        if step < steps.y {
            let before = place + (i & 1u) * half;
            let after = place + half - (i & 1u) * half;
            for (var unit = lane % WX; unit < 4u * shape.states.width; unit += WX) {
                advance(unit, step, i == 0u, before, after);
            }
        }
        workgroupBarrier();
    }
}

/// What reaches a unit of the state: from its output, and from the step behind it.
fn reach(unit: u32, step: u32, is_last: bool, sums: u32, kept: u32) {
    let hidden = 4u * shape.states.width;
    var reaching = d_states[row(shape.d_states, step) + unit];
    if !is_last {
        reaching += back[kept + unit];
        var from_ = 4u * shape.matrix + unit;
        for (var k = 0u; k < 3u * hidden; k++) {
            reaching = fma(back[sums + k], weight[from_], reaching);
            from_ += hidden;
        }
    }
    back[kept + unit] = reaching;
}

/// One unit of one step backward: the gradients of its sums, and what flows back through the state itself.
fn retreat(unit: u32, step: u32, is_first: bool, sums: u32, kept: u32) {
    let hidden = 4u * shape.states.width;
    let gate = row(shape.gates, step) + unit;
    let r = gates[gate];
    let z = gates[gate + hidden];
    let n = gates[gate + 2u * hidden];
    let from_state = gates[gate + 3u * hidden];
    var before = 0.0;
    if !is_first {
        before = side[row(shape.states, step - 1u) + unit];
    }
    let reaching = back[kept + unit];
    let of_move = reaching * (n - before);
    let z_slope = z * (1.0 - z);
    // How far the state moves, what it keeps, the gradient of z's sum, and the unit's part of the score's.
    var moves = 1.0 - z;
    var keeps = z;
    var of_z = -of_move * z_slope;
    var of_score = 0.0;
    if shape.kind == AGRU {
        moves = score_of(step);
        keeps = 1.0 - moves;
        of_z = 0.0;
        of_score = of_move;
    } else if shape.kind == AUGRU {
        moves = score_of(step) * z;
        keeps = 1.0 - moves;
        of_z = of_move * score_of(step) * z_slope;
        of_score = of_move * z;
    }
    let of_n = reaching * moves * (1.0 - n * n);
    let of_r = of_n * from_state * r * (1.0 - r);
    back[sums + unit] = of_r;
    back[sums + hidden + unit] = of_z;
    back[sums + 2u * hidden + unit] = of_n * r;
    back[kept + unit] = reaching * keeps;
    gates[gate] = of_r;
    gates[gate + hidden] = of_z;
    gates[gate + 2u * hidden] = of_n * r;
    gates[gate + 3u * hidden] = of_score;
    let delta = row(shape.deltas, step) + unit;
    output[delta] = of_r;
    output[delta + hidden] = of_z;
    output[delta + 2u * hidden] = of_n;
    output[delta + 3u * hidden] = before;
}

@compute @workgroup_size(WX, WY)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.y * groups.x + group.x) * WY;
    let steps = steps_there(first + lane / WX);
    let hidden = 4u * shape.states.width;
    let sums = lane / WX * 4u * WX * DEPTH;
    let kept = sums + 3u * hidden;
    let most = longest(first);
    for (var i = 0u; i < most; i++) {
        let is_there = i < steps.y - steps.x;
        let step = steps.y - 1u - i;
        if is_there {
            for (var unit = lane % WX; unit < hidden; unit += WX) {
                reach(unit, step, i == 0u, sums, kept);
            }
        }
        workgroupBarrier();
        if is_there {
            for (var unit = lane % WX; unit < hidden; unit += WX) {
                retreat(unit, step, step == steps.x, sums, kept);
            }
        }
        workgroupBarrier();
    }
}
