//! Batch normalisation, its affine part and Dice, forward and backward.

use pocketrec::{
    cpu::{
        Isa, Scalar, Simd, affine,
        batch_norm::{self, Statistics},
        dice,
        linear::WeightGradient,
    },
    ops,
};

use crate::{
    ACCUMULATES, Padded, ROWS, added, begun,
    common::{close, close_or, wide},
    magnitudes, near, sizes, values, widths,
};

/// Relative to the largest magnitude of each tensor: means, roots and exponentials round more than once.
const TOLERANCE: f64 = 2e-6;
const EPSILON: f32 = 1e-3;

fn normalise<S: Simd>(s: S, isa: &str, rows: usize, width: usize, pad: usize) {
    let what = format!("{isa}: batch_norm of {rows} x {width} + {pad}");
    let (x, mean) = (values(rows * width, 1), values(width, 2));
    let variance: Vec<f32> = values(width, 3).iter().map(|x| x * x).collect();
    let statistics = Statistics {
        mean: &mean,
        variance: &variance,
        epsilon: EPSILON,
    };
    let mut output = Padded::new(&vec![f32::NAN; x.len()], width, pad, 0);
    batch_norm::forward(
        s,
        rows,
        Padded::new(&x, width, pad, 0).rows(),
        statistics,
        output.rows_mut(),
    );
    let specified = ops::batch_norm::Statistics {
        mean: wide(&mean),
        variance: wide(&variance),
    };
    let want = ops::batch_norm::normalise(&wide(&x), &specified, EPSILON.into());
    close(&output.values(&what), &want, TOLERANCE, &what);
}

/// From tile sums to the gradient, for a batch that is one tile.
fn normalise_backward<S: Simd>(s: S, isa: &str, rows: usize, width: usize, pad: usize) {
    let what = format!("{isa}: batch_norm backward of {rows} x {width} + {pad}");
    // Far from zero: sums of squares would cancel.
    let x: Vec<f32> = values(rows * width, 4).iter().map(|x| x + 100.0).collect();
    let (dy, before) = (values(rows * width, 5), values(rows * width, 6));
    let input = Padded::new(&x, width, pad, 0);
    let mut sums = vec![f32::NAN; 2 * width];
    batch_norm::moments(s, rows, input.rows(), &mut sums);
    let of_batch = ops::batch_norm::Statistics::of(&wide(&x), width);
    close(&sums[..width], &of_batch.mean, 1e-7, &what);
    let squares: Vec<f64> = of_batch.variance.iter().map(|v| v * rows as f64).collect();
    close_or(&wide(&sums[width..]), &squares, 1e-3, 1e-5, &what);

    let narrow = |x: &[f64]| -> Vec<f32> { x.iter().map(|&x| x as f32).collect() };
    let y = ops::batch_norm::normalise(&wide(&x), &of_batch, EPSILON.into());
    let (mean, variance) = (narrow(&of_batch.mean), narrow(&of_batch.variance));
    let (output, d_output) = (Padded::new(&narrow(&y), width, pad, 0), Padded::new(&dy, width, pad, 0));
    batch_norm::gradient_sums(s, rows, output.rows(), d_output.rows(), &mut sums);
    let column = |i: usize, weight: &dyn Fn(usize) -> f64| -> f64 {
        (0..rows)
            .map(|r| f64::from(dy[r * width + i]) * weight(r * width + i))
            .sum()
    };
    let plain: Vec<f64> = (0..width).map(|i| column(i, &|_| 1.0)).collect();
    let weighted: Vec<f64> = (0..width).map(|i| column(i, &|k| y[k])).collect();
    close_or(&wide(&sums[..width]), &plain, 1.0, TOLERANCE, &what);
    close_or(&wide(&sums[width..]), &weighted, 1.0, TOLERANCE, &what);

    let statistics = Statistics {
        mean: &mean,
        variance: &variance,
        epsilon: EPSILON,
    };
    let means: Vec<f32> = sums.iter().map(|x| x / rows as f32).collect();
    let want = ops::batch_norm::normalise_backward(&wide(&x), &of_batch, &wide(&dy), EPSILON.into());
    for accumulate in ACCUMULATES {
        let mut d_input = Padded::output(&before, accumulate, width, pad);
        let d_rows = d_input.rows_mut();
        batch_norm::backward(
            s,
            rows,
            output.rows(),
            statistics,
            &means,
            d_output.rows(),
            d_rows,
            accumulate,
        );
        let want = added(&begun(&before, accumulate), &want);
        // Of one row nothing is left but what the scale of 32 makes of rounding.
        close_or(
            &wide(&d_input.values(&what)),
            &want,
            1.0,
            1e-5,
            &format!("{what}, {accumulate:?}"),
        );
    }
    let want = ops::batch_norm::running_backward(&of_batch, &wide(&dy), EPSILON.into());
    for accumulate in ACCUMULATES {
        let what = format!("{what}, running, {accumulate:?}");
        let mut d_input = Padded::output(&before, accumulate, width, pad);
        let (y, dy, dx) = (output.rows(), d_output.rows(), d_input.rows_mut());
        batch_norm::backward(s, rows, y, statistics, &[], dy, dx, accumulate);
        let want = added(&begun(&before, accumulate), &want);
        close(&d_input.values(&what), &want, TOLERANCE, &what);
    }
}

#[test]
fn batch_norm_is_the_specification() {
    for (width, rows) in widths().zip(ROWS.into_iter().cycle()) {
        on_every_isa!(normalise(rows, width, width % 4));
        on_every_isa!(normalise_backward(rows, width, width % 3));
    }
}

fn scale_and_shift<S: Simd>(s: S, isa: &str, rows: usize, width: usize, relu: bool) {
    let what = format!("{isa}: affine of {rows} x {width}, relu {relu}");
    let (x, weight, bias) = (values(rows * width, 1), values(width, 2), values(width, 3));
    let (dy, before, sums) = (values(rows * width, 4), values(rows * width, 5), values(width, 6));
    let input = Padded::new(&x, width, 3, 0);
    let mut output = Padded::new(&vec![f32::NAN; x.len()], width, 1, 0);
    affine::forward(s, rows, input.rows(), &weight, &bias, relu, output.rows_mut());
    let want = ops::affine::forward(&wide(&x), &wide(&weight), &wide(&bias), relu);
    let size = ops::affine::forward(&sizes(&x), &sizes(&weight), &sizes(&bias), false);
    near(&output.values(&what), &want, &size, 2, &what);

    let y = wide(&output.values(&what));
    let d_output = Padded::new(&dy, width, 2, 0);
    let found = ops::affine::backward(&wide(&x), &wide(&weight), &y, &wide(&dy), relu);
    let size = ops::affine::backward(&sizes(&x), &sizes(&weight), &y, &sizes(&dy), relu);
    for accumulate in ACCUMULATES {
        let mut d_input = Padded::output(&before, accumulate, width, 1);
        let mut d_weight = Padded::output(&sums, accumulate, width, 0).data;
        let mut d_bias = d_weight.clone();
        let gradient = WeightGradient {
            weight: &mut d_weight,
            bias: &mut d_bias,
            accumulate,
        };
        let (d_rows, y) = (d_input.rows_mut(), output.rows());
        affine::backward(
            s,
            rows,
            input.rows(),
            &weight,
            y,
            relu,
            d_output.rows(),
            d_rows,
            accumulate,
            gradient,
        );
        let (begin, begin_sums) = (begun(&before, accumulate), begun(&sums, accumulate));
        for (got, begin, found, size, name) in [
            (&d_input.values(&what), &begin, &found.input, &size.input, "dx"),
            (&d_weight, &begin_sums, &found.weight, &size.weight, "d_weight"),
            (&d_bias, &begin_sums, &found.bias, &size.bias, "d_bias"),
        ] {
            let (want, size) = (added(begin, found), added(&magnitudes(begin), size));
            near(got, &want, &size, rows + 1, &format!("{what}: {name}"));
        }
    }
}

#[test]
fn affine_is_the_specification() {
    for (width, rows) in widths().zip(ROWS.into_iter().cycle()) {
        for relu in [false, true] {
            on_every_isa!(scale_and_shift(rows, width, relu));
        }
    }
}

fn constant_columns<S: Simd>(s: S, isa: &str) {
    for x in [0.1f32, 1e6, -3.3] {
        let mut sums = [f32::NAN; 2];
        let input = Padded::new(&[x; 37], 1, 0, 0);
        batch_norm::moments(s, 37, input.rows(), &mut sums);
        assert_eq!(sums, [x, 0.0], "{isa}");
    }
}

/// Behind it stands a division by the root of the variance and a small epsilon.
#[test]
fn a_constant_column_has_no_variance_at_all() {
    on_every_isa!(constant_columns());
}

fn dice_rows<S: Simd>(s: S, isa: &str, rows: usize, width: usize, pad: usize) {
    let what = format!("{isa}: dice of {rows} x {width} + {pad}");
    let (x, n, dy) = (
        values(rows * width, 7),
        values(rows * width, 8),
        values(rows * width, 9),
    );
    let (alpha, before, sums) = (values(width, 10), values(rows * width, 11), values(width, 12));
    let rows_of = |values: &[f32]| Padded::new(values, width, pad, 0);
    let (input, normal, d_output) = (rows_of(&x), rows_of(&n), rows_of(&dy));
    let mut output = rows_of(&vec![f32::NAN; x.len()]);
    dice::forward(s, rows, input.rows(), normal.rows(), &alpha, output.rows_mut());
    let want = ops::dice::gate(&wide(&x), &wide(&n), &wide(&alpha));
    close(&output.values(&what), &want, TOLERANCE, &what);

    let want = ops::dice::gate_backward(&wide(&x), &wide(&n), &wide(&alpha), &wide(&dy));
    for accumulate in ACCUMULATES {
        let what = format!("{what}, {accumulate:?}");
        let mut d_input = Padded::output(&before, accumulate, width, pad);
        let mut d_alpha = Padded::output(&sums, accumulate, width, 0).data;
        let (input, normal, dy) = (input.rows(), normal.rows(), d_output.rows());
        dice::backward(
            s,
            rows,
            input,
            normal,
            &alpha,
            dy,
            d_input.rows_mut(),
            accumulate,
            &mut d_alpha,
            accumulate,
        );
        let begin = begun(&before, accumulate);
        close(&d_input.values(&what), &added(&begin, &want.input), TOLERANCE, &what);
        let (begin_sums, depth) = (begun(&sums, accumulate), rows + 4);
        let size: Vec<f64> = (0..width)
            .map(|i| {
                (0..rows)
                    .map(|r| f64::from((x[r * width + i] * d_output.data[r * (width + pad) + i]).abs()))
                    .sum()
            })
            .collect();
        let size = added(&size, &magnitudes(&begin_sums));
        near(
            &d_alpha,
            &added(&begin_sums, &want.alpha),
            &size,
            depth,
            &format!("{what}: d_alpha"),
        );
        let mut d_normal = Padded::output(&before, accumulate, width, pad);
        dice::backward_normal(s, rows, input, normal, &alpha, dy, d_normal.rows_mut(), accumulate);
        close(&d_normal.values(&what), &added(&begin, &want.normal), TOLERANCE, &what);
    }
}

#[test]
fn dice_is_the_specification() {
    for (width, rows) in widths().zip(ROWS.into_iter().cycle()) {
        on_every_isa!(dice_rows(rows, width, width % 4));
    }
}
