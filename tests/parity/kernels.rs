//! The stages' kernels, forward and backward.

use pocketrec::{
    cpu::{
        Isa, Scalar, Simd, dropout, gather,
        linear::{self, PackedWeight, READ_AHEAD, WeightGradient},
        product, sigmoid_cross_entropy, sum,
    },
    ops,
    plan::{Accumulate, Activation},
    rng::Rng,
};
use proptest::prelude::*;

use crate::{
    ACCUMULATES, Padded, ROUND, ROWS, added, begun,
    common::{self, wide},
    magnitudes, near, sizes, values, widths,
};

fn gather_rows<S: Simd>(s: S, isa: &str, rows: usize, width: usize, pad: usize) {
    let what = format!("{isa}: gather of {rows} x {width} + {pad}");
    let table = values(11 * width, 1);
    let ids = common::zipf(rows, 11, Rng::new(rows as u64));
    let mut output = Padded::new(&vec![f32::NAN; rows * width], width, pad, 0);
    gather::forward(s, &table, &ids, output.rows_mut());
    let want = ops::gather::forward(&wide(&table), width, &ids);
    assert_eq!(wide(&output.values(&what)), want, "{what}");
}

#[test]
fn gather_is_the_specification() {
    for (width, rows) in widths().zip(ROWS.into_iter().cycle()) {
        on_every_isa!(gather_rows(rows, width, width % 4));
    }
}

fn dropout_of_rows<S: Simd>(s: S, isa: &str, [rows, width, first_row]: [usize; 3], pad: usize) {
    let (x, before) = (values(rows * width, 26), values(rows * width, 27));
    let rng = Rng::new(9).stream(width as u32);
    for (accumulate, rate) in ACCUMULATES.into_iter().zip([0.2, 0.5]) {
        let what = format!("{isa}: {accumulate:?} dropout of {rows} x {width} + {pad} from row {first_row} on");
        let mask = dropout::Mask { rng, rate, first_row };
        let mut output = Padded::new(&before, width, pad, 0);
        dropout::apply(
            s,
            rows,
            mask,
            Padded::new(&x, width, pad, 0).rows(),
            output.rows_mut(),
            accumulate,
        );
        let kept = ops::dropout::forward(&wide(&x), rng, (first_row * width) as u64, rate);
        let want = added(&begun(&before, accumulate), &kept);
        let size = added(&magnitudes(&begun(&before, accumulate)), &magnitudes(&kept));
        near(&output.values(&what), &want, &size, 1, &what);
    }
}

/// Draws are made for 256 values at a time: tiles begin and end anywhere within.
#[test]
fn dropout_is_the_specification() {
    for (turn, (width, rows)) in widths().zip(ROWS.into_iter().cycle()).enumerate() {
        let first_row = [0, 1, 64, 4097][turn % 4];
        on_every_isa!(dropout_of_rows([rows, width, first_row], width % 4));
    }
    for width in [255, 256, 257, 513] {
        on_every_isa!(dropout_of_rows([3, width, 5], 1));
    }
}

fn linear_forward<S: Simd>(s: S, isa: &str, [rows, inputs, outputs]: [usize; 3], pad: usize) {
    let x = values(rows * inputs, 2);
    let (weight, bias) = (values(outputs * inputs, 3), values(outputs, 4));
    let mut packed = PackedWeight::new(s, outputs, inputs);
    packed.pack(s, &vec![1e30; weight.len()]); // nothing of it may be left
    packed.pack(s, &weight);
    for activation in [Activation::Identity, Activation::Relu] {
        let what = format!("{isa}: {activation:?} of linear {rows} x {inputs} -> {outputs} + {pad}");
        let mut y = Padded::new(&vec![f32::NAN; rows * outputs], outputs, pad, 0);
        let input = Padded::new(&x, inputs, pad, 0);
        linear::forward(s, rows, input.rows(), &packed, &bias, activation, y.rows_mut());
        let want = ops::linear::forward(&wide(&x), &wide(&weight), &wide(&bias), rows, activation);
        let size = ops::linear::forward(&sizes(&x), &sizes(&weight), &sizes(&bias), rows, activation);
        near(&y.values(&what), &want, &size, inputs, &what);
    }
}

fn linear_backward<S: Simd>(s: S, isa: &str, [rows, inputs, outputs]: [usize; 3], pad: usize) {
    use ops::linear::{activation_gradient, bias_gradient, input_gradient, weight_gradient};
    let (x, weight) = (values(rows * inputs, 5), values(outputs * inputs, 6));
    let (dy, dx) = (values(rows * outputs, 7), values(rows * inputs, 8));
    let (dw, db) = (values(outputs * inputs, 9), values(outputs, 10));
    // As ReLU leaves them: about half are zero.
    let y: Vec<f32> = values(rows * outputs, 11).iter().map(|y| y.max(0.0)).collect();
    let mut packed = PackedWeight::new(s, outputs, inputs);
    packed.pack(s, &weight);
    let input = Padded::new(&x, inputs, pad, READ_AHEAD);
    let output = Padded::new(&y, outputs, pad, 0);
    for (index, activation) in [Activation::Identity, Activation::Relu].into_iter().enumerate() {
        let delta = activation_gradient(&wide(&y), &wide(&dy), activation);
        let delta_size = magnitudes(&delta);
        for accumulate in ACCUMULATES {
            let dx_flow = ACCUMULATES[(index + (accumulate == Accumulate::Add) as usize) % 2];
            let what =
                format!("{isa}: {activation:?}, {accumulate:?}, {dx_flow:?}: {rows} x {inputs} -> {outputs} + {pad}");
            let mut dy = Padded::new(&dy, outputs, pad, 0);
            let mut d_input = Padded::output(&dx, dx_flow, inputs, pad);
            let mut weight_sum = Padded::output(&dw, accumulate, inputs, 0).data;
            let mut bias_sum = Padded::output(&db, accumulate, outputs, 0).data;
            let gradient = WeightGradient {
                weight: &mut weight_sum,
                bias: &mut bias_sum,
                accumulate,
            };
            let (input, output) = (input.rows(), output.rows());
            let d_rows = d_input.rows_mut();
            linear::backward(
                s,
                rows,
                input,
                &packed,
                output,
                activation,
                dy.rows_mut(),
                gradient,
                d_rows,
                dx_flow,
            );

            assert_eq!(wide(&dy.values(&what)), delta, "{what}: dy");
            let begin = begun(&dx, dx_flow);
            let want = added(&begin, &input_gradient(&delta, &wide(&weight), rows, inputs, outputs));
            let size = input_gradient(&delta_size, &sizes(&weight), rows, inputs, outputs);
            let size = added(&magnitudes(&begin), &size);
            near(&d_input.values(&what), &want, &size, outputs, &format!("{what}: dx"));
            let begin = begun(&dw, accumulate);
            let want = added(&begin, &weight_gradient(&delta, &wide(&x), rows, inputs, outputs));
            let size = weight_gradient(&delta_size, &sizes(&x), rows, inputs, outputs);
            near(
                &weight_sum,
                &want,
                &added(&magnitudes(&begin), &size),
                rows,
                &format!("{what}: dw"),
            );
            let begin = begun(&db, accumulate);
            let want = added(&begin, &bias_gradient(&delta, rows, outputs));
            let size = added(&magnitudes(&begin), &bias_gradient(&delta_size, rows, outputs));
            near(&bias_sum, &want, &size, rows, &format!("{what}: db"));
        }
    }
}

/// The other width of a layer, and the padding, by turns.
fn layers() -> impl Iterator<Item = ([usize; 3], usize)> {
    let others = [1, 2, 5, 8, 9, 16, 17, 31, 33, 64].into_iter().cycle();
    let layers = widths().zip(others).zip(ROWS.into_iter().cycle());
    layers.flat_map(|((width, other), rows)| [([rows, width, other], width % 3), ([rows, other, width], width % 5)])
}

#[test]
fn linear_forward_is_the_specification() {
    for (shape, pad) in layers() {
        on_every_isa!(linear_forward(shape, pad));
    }
    on_every_isa!(linear_forward([0, 5, 3], 0));
}

#[test]
fn linear_backward_is_the_specification() {
    for (shape, pad) in layers() {
        on_every_isa!(linear_backward(shape, pad));
    }
}

fn product_rows<S: Simd>(s: S, isa: &str, rows: usize, width: usize, pad: usize) {
    let what = format!("{isa}: product of {rows} x {width} + {pad}");
    let len = rows * width;
    let (a, b, before) = (values(len, 12), values(len, 13), values(len, 14));
    let (left, right) = (Padded::new(&a, width, pad, 0), Padded::new(&b, width, pad, 0));
    let want = ops::product::forward(&wide(&a), &wide(&b));
    let mut output = Padded::new(&vec![f32::NAN; len], width, pad, 0);
    product::forward(s, rows, left.rows(), right.rows(), output.rows_mut());
    near(&output.values(&what), &want, &magnitudes(&want), 1, &what);
    for accumulate in ACCUMULATES {
        let what = format!("{what}, {accumulate:?}");
        let mut d_input = Padded::output(&before, accumulate, width, pad);
        product::backward(s, rows, left.rows(), right.rows(), d_input.rows_mut(), accumulate);
        let begin = begun(&before, accumulate);
        let size = added(&magnitudes(&want), &magnitudes(&begin));
        near(&d_input.values(&what), &added(&begin, &want), &size, 2, &what);
    }
}

#[test]
fn product_is_the_specification() {
    for (width, rows) in widths().zip(ROWS.into_iter().cycle()) {
        on_every_isa!(product_rows(rows, width, width % 4));
    }
}

fn sum_columns<S: Simd>(s: S, isa: &str, rows: usize, width: usize, pad: usize) {
    let what = format!("{isa}: sum of {rows} x {width} + {pad}");
    let (x, before) = (values(rows * width, 15), values(rows, 16));
    let input = Padded::new(&x, width, pad, 0);
    let mut output = Padded::new(&before, 1, pad, 0);
    sum::forward_add(s, rows, input.rows(), output.rows_mut());
    let want = added(&wide(&before), &ops::sum::forward(&[&wide(&x)], 0.0, rows));
    let size = added(&sizes(&before), &ops::sum::forward(&[&sizes(&x)], 0.0, rows));
    near(&output.values(&what), &want, &size, width, &what);

    let d_output = Padded::new(&before, 1, pad, 0);
    for accumulate in ACCUMULATES {
        let what = format!("{what}, {accumulate:?}");
        let mut d_input = Padded::output(&x, accumulate, width, pad);
        sum::backward(s, rows, d_output.rows(), d_input.rows_mut(), accumulate);
        let (begin, d) = (begun(&x, accumulate), ops::sum::input_gradient(&wide(&before), width));
        let size = added(&magnitudes(&begin), &magnitudes(&d));
        near(&d_input.values(&what), &added(&begin, &d), &size, 1, &what);
    }
}

#[test]
fn sum_is_the_specification() {
    for (width, rows) in widths().zip(ROWS.into_iter().cycle()) {
        on_every_isa!(sum_columns(rows, width, width % 4));
    }
}

fn cross_entropy<S: Simd>(s: S, isa: &str, logits: &[f32], labels: &[f32], pad: usize) {
    let what = format!("{isa}: cross-entropy of {:?}.. ({}) + {pad}", logits[0], logits.len());
    let scale = 1.0 / logits.len() as f32;
    let mut gradients = Padded::new(&vec![f32::NAN; logits.len()], 1, pad, 0);
    let x = Padded::new(logits, 1, pad + 1, 0);
    let loss = sigmoid_cross_entropy::forward_backward(s, x.rows(), labels, scale, gradients.rows_mut());
    let (logits, labels) = (wide(logits), wide(labels));
    let want = ops::sigmoid_cross_entropy::gradient(&logits, &labels);
    // A probability near 1 is as coarse as 1.
    near(
        &gradients.values(&what),
        &want,
        &vec![scale.into(); want.len()],
        9,
        &what,
    );
    let want = ops::sigmoid_cross_entropy::loss(&logits, &labels) * logits.len() as f64;
    // Below e^-87 the loss is e^-87.
    let allowed = 10.0 * ROUND * want + 2e-38 * logits.len() as f64;
    assert!((loss - want).abs() <= allowed, "{what}: loss {loss}, wanted {want}");
}

/// The same with weights; ones give the bits of none.
fn weighted_cross_entropy<S: Simd>(s: S, isa: &str, logits: &[f32], labels: &[f32], weights: &[f32], pad: usize) {
    let what = format!("{isa}: weighted cross-entropy of {} + {pad}", logits.len());
    let (scale, x) = (1.0 / logits.len() as f32, Padded::new(logits, 1, pad + 1, 0));
    let run = |weights: &[f32]| {
        let mut gradients = Padded::new(&vec![f32::NAN; logits.len()], 1, pad, 0);
        let (x, to) = (x.rows(), gradients.rows_mut());
        let loss = sigmoid_cross_entropy::forward_backward_weighted(s, x, labels, weights, scale, to);
        (loss, gradients.values(&what))
    };
    let (loss, gradients) = run(weights);
    let (logits64, labels64, weights64) = (wide(logits), wide(labels), wide(weights));
    let want = ops::sigmoid_cross_entropy::weighted_gradient(&logits64, &labels64, &weights64);
    let size: Vec<f64> = weights64.iter().map(|w| w * f64::from(scale)).collect();
    near(&gradients, &want, &size, 10, &what);
    let want = ops::sigmoid_cross_entropy::weighted_loss(&logits64, &labels64, &weights64) * logits.len() as f64;
    assert!(
        (loss - want).abs() <= 10.0 * ROUND * want + 1e-36,
        "{what}: loss {loss}, wanted {want}"
    );

    let mut plain = Padded::new(&vec![f32::NAN; logits.len()], 1, pad, 0);
    let loss = sigmoid_cross_entropy::forward_backward(s, x.rows(), labels, scale, plain.rows_mut());
    assert_eq!(
        run(&vec![1.0; logits.len()]),
        (loss, plain.values(&what)),
        "{what}: ones"
    );
}

#[test]
fn weighted_cross_entropy_is_the_specification() {
    for rows in ROWS {
        let logits: Vec<f32> = common::normals(rows, 4.0, Rng::new(rows as u64));
        let labels: Vec<f32> = (0..rows).map(|r| (r % 3) as f32 / 2.0).collect();
        let weights: Vec<f32> = (0..rows).map(|r| [0.0, 1.0, 3.5, 0.01][r % 4]).collect();
        on_every_isa!(weighted_cross_entropy(&logits, &labels, &weights, rows % 3));
    }
}

/// A gradient that is next to nothing is nothing, before a subnormal number comes of it: in any batch.
fn confident<S: Simd>(s: S, isa: &str, logit: f32) {
    for label in [0.0, 1.0] {
        let (mut gradients, x) = (Padded::new(&[f32::NAN], 1, 0, 0), Padded::new(&[logit], 1, 0, 0));
        let scale = 1.0 / (1 << 20) as f32;
        sigmoid_cross_entropy::forward_backward(s, x.rows(), &[label], scale, gradients.rows_mut());
        let [got, ..] = gradients.data[..] else { unreachable!() };
        let want = ops::sigmoid_cross_entropy::gradient(&[logit.into()], &[label.into()])[0];
        assert!(got == 0.0 || got.abs() > 1e-26, "{isa}: {got} of {logit}, {label}");
        assert!(
            got != 0.0 || want.abs() < 6e-8,
            "{isa}: {got} of {logit}, {label}, not {want}"
        );
    }
}

#[test]
fn cross_entropy_is_the_specification() {
    for rows in ROWS.into_iter().chain([15, 16, 17, 1000]) {
        let logits: Vec<f32> = values(rows, 17).iter().map(|x| 4.0 * x).collect();
        let labels: Vec<f32> = (0..rows).map(|r| [0.0, 1.0, 0.25][r % 3]).collect();
        on_every_isa!(cross_entropy(&logits, &labels, rows % 3));
    }
    // One by one, so that each loss is judged by its own size.
    for step in -2000..=2000 {
        on_every_isa!(cross_entropy(&[step as f32 * 0.055], &[(step & 1) as f32], 0));
        on_every_isa!(confident(step as f32 * 0.055));
    }
    for x in [0.0, -0.0, 1e-30, 1e4, -1e4, f32::MAX, f32::MIN] {
        on_every_isa!(cross_entropy(&[x], &[0.0], 0));
        on_every_isa!(cross_entropy(&[x], &[1.0], 0));
    }
}

fn cross_entropy_of_nan<S: Simd>(s: S, isa: &str) {
    for (at, bad) in [
        (0, f32::NAN),
        (18, f32::NAN),
        (5, f32::INFINITY),
        (5, f32::NEG_INFINITY),
    ] {
        let mut logits = [0.5; 19];
        logits[at] = bad;
        let mut gradients = Padded::new(&[0.0; 19], 1, 0, 0);
        let x = Padded::new(&logits, 1, 0, 0);
        let loss = sigmoid_cross_entropy::forward_backward(s, x.rows(), &[0.5; 19], 1.0, gradients.rows_mut());
        assert!(
            !loss.is_finite(),
            "{isa}: {bad} among the logits, yet the loss is {loss}"
        );
        let nan = |x: &f32| x.is_nan();
        assert_eq!(
            gradients.data.iter().filter(|x| nan(x)).count(),
            bad.is_nan() as usize,
            "{isa}: {bad}"
        );
    }
}

#[test]
fn a_diverged_logit_shows_in_the_loss() {
    on_every_isa!(cross_entropy_of_nan());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn linear_of_any_shape(rows in 0..70usize, inputs in 1..140usize, outputs in 1..140usize, pad in 0..20usize) {
        on_every_isa!(linear_forward([rows, inputs, outputs], pad));
        if rows > 0 {
            on_every_isa!(linear_backward([rows, inputs, outputs], pad));
        }
    }
}
