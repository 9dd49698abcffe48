//! One step of one sample, and AIGRU's scaling of rows: what is done element by element.

use crate::{
    cpu::{
        accumulate::deliver_product,
        math::{sigmoid, tanh},
        rows::{Rows, RowsMut},
        simd::{InPieces, Simd},
    },
    ops::gru::Kind,
    plan::{Accumulate, padded},
};

/// One step of one sample: the gates from their sums, and the next state.
#[inline(always)]
pub(super) fn step_forward<S: Simd>(s: S, kind: Kind, score: f32, gates: &mut [f32], sums: &[f32], state: &mut [f32]) {
    let hidden = state.len();
    let score = s.splat(score);
    let (r_gate, rest) = gates.split_at_mut(hidden);
    let (z_gate, rest) = rest.split_at_mut(hidden);
    let (n_gate, from_state) = rest.split_at_mut(hidden);
    let (r_sum, rest) = sums.split_at(hidden);
    let (z_sum, n_sum) = rest.split_at(hidden);
    let mut first = 0;
    while first < hidden {
        let at = first..hidden.min(first + S::LANES);
        let r = s.add(s.load_partial(&r_gate[at.clone()]), s.load_partial(&r_sum[at.clone()]));
        let z = s.add(s.load_partial(&z_gate[at.clone()]), s.load_partial(&z_sum[at.clone()]));
        let (r, z) = (sigmoid(s, r), sigmoid(s, z));
        let of_state = s.load_partial(&n_sum[at.clone()]);
        let n = tanh(s, s.mul_add(r, of_state, s.load_partial(&n_gate[at.clone()])));
        let before = s.load_partial(&state[at.clone()]);
        // From the end that the gate or the score weighs: h + g (n - h), or n + z (h - n).
        let next = match kind {
            Kind::Gru | Kind::Aigru => s.mul_add(z, s.sub(before, n), n),
            Kind::Agru => s.mul_add(score, s.sub(n, before), before),
            Kind::Augru => s.mul_add(s.mul(score, z), s.sub(n, before), before),
        };
        s.store_partial(r, &mut r_gate[at.clone()]);
        s.store_partial(z, &mut z_gate[at.clone()]);
        s.store_partial(n, &mut n_gate[at.clone()]);
        s.store_partial(of_state, &mut from_state[at.clone()]);
        s.store_partial(next, &mut state[at.clone()]);
        first = at.end;
    }
}

/// One step of one sample backward. `back` is what flows back from the step after it, then what flows back through
/// the state itself to the step before; `sums` gets the gradients of the state's part of the sums, `gates` those of all
/// parts, which `biases` adds up. Gives the score's gradient, but not AIGRU's.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // operands
pub(super) fn step_backward<S: Simd>(
    s: S,
    kind: Kind,
    score: f32,
    gates: &mut [f32],
    before: Option<&[f32]>,
    d_state: &[f32],
    back: &mut [f32],
    sums: &mut [f32],
    biases: &mut [f32],
) -> f32 {
    let hidden = back.len();
    let (zero, one, score) = (s.splat(0.0), s.splat(1.0), s.splat(score));
    let mut of_score = zero;
    let mut first = 0;
    while first < hidden {
        let end = hidden.min(first + S::LANES);
        let part = |part: usize| part * hidden + first..part * hidden + end;
        let (r, z) = (s.load_partial(&gates[part(0)]), s.load_partial(&gates[part(1)]));
        let (n, of_state) = (s.load_partial(&gates[part(2)]), s.load_partial(&gates[part(3)]));
        let before = match before {
            Some(before) => s.load_partial(&before[first..end]),
            None => zero,
        };
        let reaching = s.add(s.load_partial(&d_state[first..end]), s.load_partial(&back[first..end]));
        let of_move = s.mul(reaching, s.sub(n, before));
        let z_slope = s.mul(z, s.sub(one, z));
        // How far the state moves, what it keeps, and the gradient of z's sum.
        let (moves, keeps, of_z) = match kind {
            Kind::Gru | Kind::Aigru => (s.sub(one, z), z, s.sub(zero, s.mul(of_move, z_slope))),
            Kind::Agru => (score, s.sub(one, score), zero),
            Kind::Augru => {
                let moves = s.mul(score, z);
                (moves, s.sub(one, moves), s.mul(s.mul(of_move, score), z_slope))
            }
        };
        of_score = match kind {
            Kind::Gru | Kind::Aigru => of_score,
            Kind::Agru => s.add(of_score, of_move),
            Kind::Augru => s.mul_add(of_move, z, of_score),
        };
        let n_slope = s.sub(one, s.mul(n, n));
        let of_n = s.mul(s.mul(reaching, moves), n_slope);
        let of_r = s.mul(s.mul(of_n, of_state), s.mul(r, s.sub(one, r)));
        let state_n = s.mul(of_n, r);
        // Lanes stay out of closures and iterators, which are not always inlined: see `Kernel`.
        let found = [of_n, of_r, of_z, state_n];
        let mut k = 0;
        while k < 4 {
            s.store_partial(found[k], &mut gates[part(k)]);
            let sum = s.add(s.load_partial(&biases[part(k)]), found[k]);
            s.store_partial(sum, &mut biases[part(k)]);
            if k > 0 {
                s.store_partial(found[k], &mut sums[part(k - 1)]);
            }
            k += 1;
        }
        s.store_partial(s.mul(reaching, keeps), &mut back[first..end]);
        first = end;
    }
    s.reduce_sum(of_score)
}

/// AIGRU's input: each step's row times its score.
#[inline(always)]
pub(super) fn scale<'a, S: Simd>(s: S, steps: usize, input: Rows<'_>, scores: Rows<'_>, to: &'a mut [f32]) -> Rows<'a> {
    let stride = padded(input.width);
    for t in 0..steps {
        let score = s.splat(scores.row(t)[0]);
        let row = &mut to[t * stride..][..input.width];
        for (x, to) in input.row(t).pieces(S::LANES).zip(row.pieces_mut(S::LANES)) {
            s.store_partial(s.mul(score, s.load_partial(x)), to);
        }
    }
    of_workspace(to, input.width)
}

/// From the gradient of the scaled input to those of the input and of the scores.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // operands
pub(super) fn scale_backward<S: Simd>(
    s: S,
    steps: usize,
    of_scaled: Rows<'_>,
    input: Rows<'_>,
    scores: Rows<'_>,
    of_scores: &mut [f32],
    d_input: &mut RowsMut<'_>,
    accumulate: Accumulate,
) {
    for (t, of_score) in of_scores[..steps].iter_mut().enumerate() {
        let (score, mut sum) = (s.splat(scores.row(t)[0]), s.splat(0.0));
        let operands = of_scaled.row(t).pieces(S::LANES).zip(input.row(t).pieces(S::LANES));
        for ((d, x), to) in operands.zip(d_input.row(t).pieces_mut(S::LANES)) {
            let d = s.load_partial(d);
            sum = s.mul_add(d, s.load_partial(x), sum);
            deliver_product(s, score, d, to, accumulate);
        }
        *of_score = s.reduce_sum(sum);
    }
}

pub(super) fn of_workspace(data: &[f32], width: usize) -> Rows<'_> {
    Rows {
        data,
        stride: padded(width),
        width,
    }
}
