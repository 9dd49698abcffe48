//! The kernels of attention, and PReLU, forward and backward.

use pocketrec::{
    cpu::{
        Isa, Scalar, Simd, attention,
        attention_unit::{self, InputGradients, PackedUnit},
        linear::{READ_AHEAD, WeightGradient},
        prelu, softmax,
    },
    ops,
    plan::{Accumulate, Activation},
    rng::Rng,
};

use crate::{
    ACCUMULATES, Padded, ROWS, added, begun,
    common::{close, close_or, wide},
    magnitudes, near, sizes, values, widths,
};

/// Histories of 0 to 20 steps as a batch counts them, from its step 5 on: an empty one first, and one of a single step.
fn offsets(samples: usize, seed: u64) -> Vec<u32> {
    let mut offsets = vec![5, 5, 6];
    for s in 2..samples as u64 {
        let last = offsets[offsets.len() - 1];
        offsets.push(last + Rng::new(seed).below(s, 21));
    }
    offsets.truncate(samples + 1);
    offsets
}

/// The same for a tile alone.
fn from_zero(offsets: &[u32]) -> Vec<u32> {
    offsets.iter().map(|offset| offset - offsets[0]).collect()
}

const SAMPLES: [usize; 5] = [1, 2, 3, 9, 16];

fn prelu_rows<S: Simd>(s: S, isa: &str, rows: usize, width: usize, pad: usize) {
    let what = format!("{isa}: prelu of {rows} x {width} + {pad}");
    let (x, alpha, dy) = (values(rows * width, 1), values(width, 2), values(rows * width, 3));
    let (before, sums) = (values(rows * width, 4), values(width, 5));
    let input = Padded::new(&x, width, pad, 0);
    let mut output = Padded::new(&vec![f32::NAN; x.len()], width, pad, 0);
    prelu::forward(s, rows, input.rows(), &alpha, output.rows_mut());
    let want = ops::prelu::forward(&wide(&x), &wide(&alpha));
    near(&output.values(&what), &want, &magnitudes(&want), 1, &what);

    let d_output = Padded::new(&dy, width, pad, 0);
    let found = ops::prelu::backward(&wide(&x), &wide(&alpha), &wide(&dy));
    let size = ops::prelu::backward(
        &sizes(&x).iter().map(|x| -x).collect::<Vec<_>>(),
        &sizes(&alpha),
        &sizes(&dy),
    );
    for accumulate in ACCUMULATES {
        let mut d_input = Padded::output(&before, accumulate, width, pad);
        let mut d_alpha = Padded::output(&sums, accumulate, width, 0).data;
        let d_rows = d_input.rows_mut();
        prelu::backward(
            s,
            rows,
            input.rows(),
            &alpha,
            d_output.rows(),
            d_rows,
            accumulate,
            &mut d_alpha,
            accumulate,
        );
        let (begin, begin_sums) = (begun(&before, accumulate), begun(&sums, accumulate));
        let of_input = added(&magnitudes(&begin), &magnitudes(&found.input));
        near(
            &d_input.values(&what),
            &added(&begin, &found.input),
            &of_input,
            2,
            &format!("{what}: dx"),
        );
        let of_alpha = added(&magnitudes(&begin_sums), &magnitudes(&size.alpha));
        near(
            &d_alpha,
            &added(&begin_sums, &found.alpha),
            &of_alpha,
            rows,
            &format!("{what}: d_alpha"),
        );
    }
}

#[test]
fn prelu_is_the_specification() {
    for (width, rows) in widths().zip(ROWS.into_iter().cycle()) {
        on_every_isa!(prelu_rows(rows, width, width % 4));
    }
}

fn softmax_steps<S: Simd>(s: S, isa: &str, samples: usize, scale: f32) {
    let what = format!("{isa}: softmax of {samples} samples times {scale}");
    let offsets = offsets(samples, 1);
    let all = from_zero(&offsets);
    let steps = all[samples] as usize;
    let x: Vec<f32> = values(steps, 6).iter().map(|x| scale * x).collect();
    let (dy, before) = (values(steps, 7), values(steps, 8));
    let mut output = Padded::new(&vec![f32::NAN; steps], 1, 2, 0);
    softmax::forward(s, &offsets, Padded::new(&x, 1, 3, 0).rows(), output.rows_mut());
    let want = ops::softmax::forward(&wide(&x), &all);
    // An exponential magnifies the rounding of its argument.
    close(&output.values(&what), &want, 4e-7 * (1.0 + f64::from(scale)), &what);
    let weights: Vec<f32> = want.iter().map(|&w| w as f32).collect();
    for accumulate in ACCUMULATES {
        let mut d_input = Padded::output(&before, accumulate, 1, 1);
        let (y, dy_rows) = (Padded::new(&weights, 1, 0, 0), Padded::new(&dy, 1, 2, 0));
        softmax::backward(s, &offsets, y.rows(), dy_rows.rows(), d_input.rows_mut(), accumulate);
        let want = added(
            &begun(&before, accumulate),
            &ops::softmax::backward(&wide(&weights), &wide(&dy), &all),
        );
        // Where one weight is all, nothing is left of gradients of about 1.
        close_or(
            &wide(&d_input.values(&what)),
            &want,
            1.0,
            1e-6,
            &format!("{what}, {accumulate:?}"),
        );
    }
}

#[test]
fn softmax_is_the_specification() {
    for samples in [3, 9, 40] {
        for scale in [1.0, 10.0, 1000.0] {
            on_every_isa!(softmax_steps(samples, scale));
        }
    }
}

fn softmax_of_nan<S: Simd>(s: S, isa: &str) {
    let x = [1.0, f32::NAN, 2.0, 3.0, 0.5];
    let mut output = [0.0; 5];
    let rows = Padded::new(&x, 1, 0, 0);
    let mut to = Padded::new(&output, 1, 0, 0);
    softmax::forward(s, &[0, 3, 5], rows.rows(), to.rows_mut());
    output.copy_from_slice(&to.data);
    assert!(output[..3].iter().all(|x| x.is_nan()), "{isa}: {output:?}");
    assert!(output[3..].iter().all(|x| x.is_finite()), "{isa}: {output:?}");
}

#[test]
fn a_diverged_score_shows_in_its_history_alone() {
    on_every_isa!(softmax_of_nan());
}

fn weighted_sum<S: Simd>(s: S, isa: &str, samples: usize, width: usize, pad: usize) {
    let what = format!("{isa}: attention of {samples} samples x {width} + {pad}");
    let offsets = offsets(samples, width as u64);
    let all = from_zero(&offsets);
    let steps = all[samples] as usize;
    let (w, v, dy) = (values(steps, 9), values(steps * width, 10), values(samples * width, 11));
    let (weights, value) = (Padded::new(&w, 1, pad, 0), Padded::new(&v, width, pad, 0));
    let mut output = Padded::new(&vec![f32::NAN; dy.len()], width, pad, 0);
    attention::forward(s, &offsets, weights.rows(), value.rows(), output.rows_mut());
    let want = ops::attention::forward(&wide(&w), &wide(&v), &all, width);
    let size = ops::attention::forward(&sizes(&w), &sizes(&v), &all, width);
    near(&output.values(&what), &want, &size, 20, &what);

    let normalisation = ops::attention::Normalisation::None;
    let want = ops::attention::backward(&wide(&w), &wide(&v), &all, &wide(&dy), normalisation);
    let size = ops::attention::backward(&sizes(&w), &sizes(&v), &all, &sizes(&dy), normalisation);
    let (d_output, before) = (Padded::new(&dy, width, pad, 0), values(steps * width, 12));
    for accumulate in ACCUMULATES {
        let what = format!("{what}, {accumulate:?}");
        let mut d_weights = Padded::output(&before[..steps], accumulate, 1, pad);
        attention::backward_weights(
            s,
            &offsets,
            value.rows(),
            d_output.rows(),
            d_weights.rows_mut(),
            accumulate,
        );
        let begin = begun(&before[..steps], accumulate);
        let (want_w, size_w) = (added(&begin, &want.score), added(&magnitudes(&begin), &size.score));
        near(&d_weights.values(&what), &want_w, &size_w, width, &what);
        let mut d_values = Padded::output(&before, accumulate, width, pad);
        attention::backward_values(
            s,
            &offsets,
            weights.rows(),
            d_output.rows(),
            d_values.rows_mut(),
            accumulate,
        );
        let begin = begun(&before, accumulate);
        let (want_v, size_v) = (added(&begin, &want.value), added(&magnitudes(&begin), &size.value));
        near(&d_values.values(&what), &want_v, &size_v, 2, &what);
    }
}

#[test]
fn attention_is_the_specification() {
    for (width, samples) in widths().zip(SAMPLES.into_iter().cycle()) {
        if samples > 1 {
            on_every_isa!(weighted_sum(samples, width, width % 3));
        }
    }
}

/// Sizes of an attention unit: samples, D and outputs.
type UnitShape = [usize; 3];

/// The layer on `[q, k, q - k, q * k]`, by the specification.
struct Specified {
    output: Vec<f64>,
    weight: Vec<f64>,
    bias: Vec<f64>,
    query: Vec<f64>,
    key: Vec<f64>,
}

/// Forward and backward of a unit by the specification, for these operands.
fn specified(
    [query, key, weight, bias, dy]: [&[f64]; 5],
    offsets: &[u32],
    [_, width, outputs]: UnitShape,
    activation: Activation,
) -> Specified {
    let rows = key.len() / width;
    let x = ops::attention::unit_input(query, key, offsets, width);
    let output = ops::linear::forward(&x, weight, bias, rows, activation);
    let found = ops::linear::backward(&x, weight, &output, dy, rows, activation);
    let of_x = if rows == 0 { vec![0.0; x.len()] } else { found.input };
    let [query, key] = ops::attention::unit_input_backward(query, key, offsets, &of_x, width);
    let or_zeros = |found: Vec<f64>, len: usize| if rows == 0 { vec![0.0; len] } else { found };
    Specified {
        output,
        weight: or_zeros(found.weight, 4 * width * outputs),
        bias: or_zeros(found.bias, outputs),
        query,
        key,
    }
}

/// Relative to the largest magnitude of each tensor: folding adds terms up in another order.
const UNIT_TOLERANCE: f64 = 3e-6;

fn unit<S: Simd>(s: S, isa: &str, shape: UnitShape, activation: Activation, pad: usize) {
    let [samples, width, outputs] = shape;
    let offsets = offsets(samples, (width + outputs) as u64);
    let all = from_zero(&offsets);
    let steps = all[samples] as usize;
    let what = format!("{isa}: {activation:?} unit of {samples} samples, {steps} steps x {width} -> {outputs} + {pad}");
    let (q, k) = (values(samples * width, 13), values(steps * width, 14));
    let (w, b, dy) = (
        values(4 * outputs * width, 15),
        values(outputs, 16),
        values(steps * outputs, 17),
    );
    let want = specified(
        [&wide(&q), &wide(&k), &wide(&w), &wide(&b), &wide(&dy)],
        &all,
        shape,
        activation,
    );

    let mut packed = PackedUnit::new(s, outputs, width);
    packed.pack(s, &vec![1e30; w.len()]); // nothing of it may be left
    packed.pack(s, &w);
    let mut work = vec![f32::NAN; packed.work_len(s, samples)];
    let query = Padded::new(&q, width, pad, READ_AHEAD);
    let key = Padded::new(&k, width, pad, READ_AHEAD);
    let mut output = Padded::new(&vec![f32::NAN; steps * outputs], outputs, pad, 0);
    let rows = output.rows_mut();
    attention_unit::forward(
        s,
        &offsets,
        query.rows(),
        key.rows(),
        &packed,
        &b,
        activation,
        &mut work,
        rows,
    );
    // A sum's error comes through tanh four times as large as through a sigmoid, and both end at 1.
    let tolerance = UNIT_TOLERANCE * if activation == Activation::Tanh { 4.0 } else { 1.0 };
    close(&output.values(&what), &want.output, tolerance, &what);

    // A unit near 1 or -1 has next to no gradient, and that by 1 - y^2, of a y that was rounded.
    let least = if activation == Activation::Tanh { 0.1 } else { 1e-3 };
    // What ReLU cuts off must be the same for both.
    let y: Vec<f32> = want.output.iter().map(|&y| y as f32).collect();
    let y = Padded::new(&y, outputs, pad, 0);
    let mut before = [
        values(w.len(), 18),
        values(b.len(), 19),
        values(q.len(), 20),
        values(k.len(), 21),
    ];
    // As an earlier tile leaves them.
    for row in before[0].chunks_mut(4 * width) {
        (0..width).for_each(|i| row[2 * width + i] = row[i] - row[width + i]);
    }
    for accumulate in ACCUMULATES {
        for (query_flow, key_flow) in [(accumulate, Accumulate::Overwrite), (Accumulate::Add, accumulate)] {
            let what = format!("{what}, {accumulate:?}, {query_flow:?}, {key_flow:?}");
            let mut d_weight = Padded::output(&before[0], accumulate, 4 * width, 0).data;
            let mut d_bias = Padded::output(&before[1], accumulate, outputs, 0).data;
            let mut d_query = Padded::output(&before[2], query_flow, width, pad);
            let mut d_key = Padded::output(&before[3], key_flow, width, pad);
            let mut dy = Padded::new(&dy, outputs, pad, 0);
            let gradient = WeightGradient {
                weight: &mut d_weight,
                bias: &mut d_bias,
                accumulate,
            };
            let inputs = InputGradients {
                query: d_query.rows_mut(),
                key: d_key.rows_mut(),
                accumulate: [query_flow, key_flow],
            };
            let (query, key, y, dy) = (query.rows(), key.rows(), y.rows(), dy.rows_mut());
            work.fill(f32::NAN);
            attention_unit::backward(
                s, &offsets, query, key, &packed, y, activation, dy, gradient, &mut work, inputs,
            );
            for (name, got, before, accumulate, want) in [
                ("weight", d_weight, &before[0], accumulate, &want.weight),
                ("bias", d_bias, &before[1], accumulate, &want.bias),
                ("query", d_query.values(&what), &before[2], query_flow, &want.query),
                ("key", d_key.values(&what), &before[3], key_flow, &want.key),
            ] {
                if !want.is_empty() {
                    close_to(
                        &got,
                        &added(&begun(before, accumulate), want),
                        least,
                        &format!("{what}: d {name}"),
                    );
                }
            }
        }
    }
}

/// Zero is wanted of a tile without steps.
#[track_caller]
fn close_to(got: &[f32], want: &[f64], least: f64, what: &str) {
    close_or(&wide(got), want, least, UNIT_TOLERANCE, what);
}

#[test]
fn attention_unit_is_the_specification() {
    let kinds = [
        Activation::Identity,
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
    ];
    let others = [1, 2, 5, 8, 9, 16, 17, 31, 33, 64].into_iter().cycle();
    let cases = widths().step_by(3).zip(others).zip(SAMPLES.into_iter().cycle());
    for (turn, ((width, other), samples)) in cases.enumerate() {
        on_every_isa!(unit([samples, width, other], kinds[turn % 4], width % 3));
        on_every_isa!(unit([samples, other, width], kinds[(turn + 1) % 4], width % 4));
    }
}
