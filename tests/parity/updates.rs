//! The optimisers, on dense parameters and on rows of tables.

use pocketrec::{
    cpu::{
        Isa, Scalar, Simd,
        adam::{Slots, Update, dense_update},
        row_update::{self, RowStep, TableRows},
    },
    data::{Batch, IdColumn},
    ops,
    plan::{AdamConfig, Optimizer},
    rng::Rng,
};
use proptest::prelude::*;

use crate::{
    Padded, ROUND,
    common::{self, close, wide},
    near, sizes, values, widths,
};

const ADAM: Optimizer = Optimizer::LazyAdam(AdamConfig {
    learning_rate: 0.05,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
});
const SGD: Optimizer = Optimizer::Sgd { learning_rate: 0.05 };
/// Numbers of a step: the corrections are largest at the first and gone at the last.
const STEPS: [u64; 5] = [1, 2, 1000, 1 << 40, u64::MAX];

/// A parameter and its moments, as some steps leave them: of the size of the gradients, `v` above zero.
#[derive(Clone, Debug, PartialEq)]
struct Moving {
    value: Vec<f32>,
    m: Vec<f32>,
    v: Vec<f32>,
}

impl Moving {
    fn new(len: usize, optimizer: &Optimizer) -> Self {
        let moments = if optimizer.has_moments() { len } else { 0 };
        Moving {
            value: values(len, 20),
            m: values(moments, 21),
            v: values(moments, 22).iter().map(|v| 0.5 + v * v).collect(),
        }
    }

    fn slots(&mut self) -> Slots<'_> {
        Slots {
            value: &mut self.value,
            m: &mut self.m,
            v: &mut self.v,
        }
    }

    /// What the specification makes of a range, given its gradient.
    fn expect(&mut self, range: std::ops::Range<usize>, gradient: &[f64], optimizer: &Optimizer, step: u64) {
        let narrow = |to: &mut [f32], from: &[f64]| to.iter_mut().zip(from).for_each(|(to, x)| *to = *x as f32);
        let mut value = wide(&self.value[range.clone()]);
        match optimizer {
            Optimizer::Sgd { learning_rate } => ops::sgd::update(&mut value, gradient, (*learning_rate).into()),
            Optimizer::Adam(config) | Optimizer::LazyAdam(config) => {
                let (mut m, mut v) = (wide(&self.m[range.clone()]), wide(&self.v[range.clone()]));
                ops::adam::update(&mut value, &mut m, &mut v, gradient, step, config);
                narrow(&mut self.m[range.clone()], &m);
                narrow(&mut self.v[range.clone()], &v);
            }
        }
        narrow(&mut self.value[range], &value);
    }

    /// Compares with `want`, whose gradients have up to `depth` terms, relative to the largest magnitude.
    #[track_caller]
    fn check(&self, want: &Moving, depth: usize, what: &str) {
        let allowed = ROUND * (16.0 + 4.0 * (depth as f64).sqrt());
        for (name, got, want) in [
            ("value", &self.value, &want.value),
            ("m", &self.m, &want.m),
            ("v", &self.v, &want.v),
        ] {
            close(got, &wide(want), allowed, &format!("{what}: {name}"));
        }
    }
}

fn dense<S: Simd>(s: S, isa: &str, (len, partials): (usize, usize), optimizer: &Optimizer, step: u64) {
    let what = format!("{isa}: {optimizer:?} of {len} floats, {partials} partials, step {step}");
    let (offset, l2) = (len % 5, 0.25f32);
    let partials: Vec<Vec<f32>> = (0..partials as u32)
        .map(|seed| {
            let mut partial = vec![f32::NAN; offset];
            partial.extend(values(len, 30 + seed));
            partial
        })
        .collect();
    let mut got = Moving::new(len, optimizer);
    let mut want = got.clone();
    let mut gradient: Vec<f64> = got.value.iter().map(|&x| f64::from(l2) * f64::from(x)).collect();
    for partial in &partials {
        gradient
            .iter_mut()
            .zip(&partial[offset..])
            .for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let parts: Vec<&[f32]> = partials.iter().map(Vec::as_slice).collect();
    dense_update(s, Update::new(optimizer, step), l2, got.slots(), &parts, offset);
    want.expect(0..len, &gradient, optimizer, step);
    got.check(&want, partials.len() + 1, &what);
}

#[test]
fn dense_update_is_the_specification() {
    for (len, step) in widths().chain([1000]).zip(STEPS.into_iter().cycle()) {
        for partials in [1, 2, 16] {
            on_every_isa!(dense((len, partials), &ADAM, step));
            on_every_isa!(dense((len, partials), &SGD, step));
        }
    }
}

/// Parameters at rest stay at rest, to the last bit: the gradient of a row that was never picked is zero.
fn rest<S: Simd>(s: S, isa: &str, optimizer: &Optimizer) {
    let mut moving = Moving::new(37, optimizer);
    (moving.m, moving.v) = (vec![0.0; moving.m.len()], vec![0.0; moving.v.len()]);
    let before = moving.clone();
    dense_update(s, Update::new(optimizer, 1), 0.0, moving.slots(), &[&[0.0; 37]], 0);
    assert_eq!(moving, before, "{isa}: {optimizer:?}");
}

/// Moments that no gradient feeds any more end as good as at zero and never are subnormal numbers; nor are those of
/// gradients whose squares would be.
fn fade<S: Simd>(s: S, isa: &str) {
    for gradient in [0.0, 1e-16, 1e-19, 1e-22, -1e-30] {
        let what = format!("{isa}, gradient {gradient}");
        let mut moving = Moving::new(19, &ADAM);
        for step in 1..=10_000 {
            dense_update(s, Update::new(&ADAM, step), 0.0, moving.slots(), &[&[gradient; 19]], 0);
            let mut moments = moving.m.iter().chain(&moving.v);
            assert!(!moments.any(|x| x.is_subnormal()), "{what}, step {step}: {moving:?}");
        }
        assert!(moving.value.iter().all(|x| x.is_finite()), "{what}: {moving:?}");
        if gradient == 0.0 {
            let is_faded = |moments: &[f32], least: f32| moments.iter().all(|x| x.abs() < least);
            assert!(
                is_faded(&moving.m, 1e-29) && is_faded(&moving.v, 1e-32),
                "{what}: {moving:?}"
            );
        }
    }
}

#[test]
fn moments_fade() {
    on_every_isa!(fade());
}

#[test]
fn without_a_gradient_nothing_moves() {
    on_every_isa!(rest(&ADAM));
    on_every_isa!(rest(&SGD));
}

/// A table, and the run of its rows that one task updates.
#[derive(Clone, Debug)]
struct Piece {
    rows: usize,
    width: usize,
    samples: usize,
    pad: usize,
    /// The piece is this part of the rows, in quarters.
    quarters: std::ops::Range<usize>,
}

impl Piece {
    fn range(&self) -> std::ops::Range<usize> {
        self.rows * self.quarters.start / 4..self.rows * self.quarters.end / 4
    }

    /// The segments whose rows lie in the piece.
    fn segments(&self, column: &IdColumn) -> std::ops::Range<usize> {
        let before = |row: usize| column.segments.partition_point(|segment| (segment.row as usize) < row);
        before(self.range().start)..before(self.range().end)
    }
}

fn rows_of_table<S: Simd>(s: S, isa: &str, piece: &Piece, optimizer: &Optimizer, every: bool) {
    let Piece {
        rows,
        width,
        samples,
        pad,
        ..
    } = *piece;
    let what = format!("{isa}: {optimizer:?}, every row: {every}, {piece:?}");
    let (step, per_sample, per_row) = (3, 0.125f32, 0.25f32);
    let ids = common::zipf(samples, rows, Rng::new(samples as u64));
    let batch = Batch::from_columns(&[&ids], &vec![1.0; samples]).unwrap();
    let (column, range) = (batch.column(0), piece.range());
    let gradients = values(samples * width, 23);
    let mut got = Moving::new(rows * width, optimizer);
    let mut want = got.clone();

    let row_step = RowStep {
        update: Update::new(optimizer, step),
        per_sample,
        per_row,
        shared: true,
    };
    let mut slots = got.slots();
    let table = TableRows {
        slots: slots.part(range.start * width, range.len() * width),
        first: range.start,
        width,
    };
    let padded = Padded::new(&gradients, width, pad, 0);
    let update = if every { row_update::every } else { row_update::sparse };
    update(s, row_step, column, piece.segments(column), padded.rows(), table);

    let sums = ops::row_update::sum_by_id(&ids, &wide(&gradients), width);
    let counts = ops::row_update::counts(&ids);
    for row in range {
        let floats = row * width..(row + 1) * width;
        let (sum, count) = (sums.get(&(row as u32)), counts.get(&(row as u32)).copied().unwrap_or(0));
        let mut gradient = sum.cloned().unwrap_or(vec![0.0; width]);
        let value = wide(&want.value[floats.clone()]);
        ops::l2::add_gradient(&mut gradient, &value, per_sample.into(), count as f64);
        ops::l2::add_gradient(&mut gradient, &value, per_row.into(), 1.0);
        if every || count > 0 {
            want.expect(floats, &gradient, optimizer, step);
        }
    }
    let most = counts.values().copied().max().unwrap_or(0);
    got.check(&want, most + 1, &what);
    // Close is not enough for what should not have moved.
    for (index, (got, want)) in got.value.chunks(width).zip(want.value.chunks(width)).enumerate() {
        let moves = piece.range().contains(&index) && (every || counts.contains_key(&(index as u32)));
        assert!(moves || got == want, "{what}: row {index} moved");
    }
}

#[test]
fn row_update_is_the_specification() {
    for (turn, width) in widths().enumerate() {
        let piece = Piece {
            rows: [1, 7, 31, 64][turn % 4],
            width,
            samples: [1, 33, 65, 200, 7][turn % 5],
            pad: turn % 3,
            quarters: [0..4, 1..4, 0..3, 1..2][turn % 4].clone(),
        };
        for (optimizer, every) in [(&ADAM, false), (&ADAM, true), (&SGD, false)] {
            on_every_isa!(rows_of_table(&piece, optimizer, every));
        }
    }
}

/// The sum of a row's samples alone, by its own size: SGD of rate -1 on zeros.
fn segment_sum<S: Simd>(s: S, isa: &str, samples: usize, width: usize) {
    let gradients = values(samples * width, 24);
    let batch = Batch::from_columns(&[&vec![0; samples]], &vec![1.0; samples]).unwrap();
    let mut value = vec![0.0; width];
    let row_step = RowStep {
        update: Update::Sgd { learning_rate: -1.0 },
        per_sample: 0.5,
        per_row: 0.0,
        shared: true,
    };
    let slots = Slots {
        value: &mut value,
        ..Slots::default()
    };
    let table = TableRows { slots, first: 0, width };
    let padded = Padded::new(&gradients, width, 3, 0);
    row_update::sparse(s, row_step, batch.column(0), 0..1, padded.rows(), table);
    let sum = |values: &[f64]| ops::row_update::sum_by_id(&batch.column(0).ids, values, width)[&0].clone();
    let what = format!("{isa}: sum of {samples} samples, {width} wide");
    near(
        &value,
        &sum(&wide(&gradients)),
        &sum(&sizes(&gradients)),
        samples,
        &what,
    );
}

#[test]
fn long_segments_are_summed_to_the_last_sample() {
    for (samples, width) in [(1, 1), (2, 17), (255, 8), (256, 33), (257, 5), (5000, 8)] {
        on_every_isa!(segment_sum(samples, width));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_piece_of_any_table(
        rows in 1..300usize, width in 1..70usize, samples in 1..300usize, pad in 0..20usize,
        start in 0..4usize, more in 0..4usize,
    ) {
        let piece = Piece { rows, width, samples, pad, quarters: start..(start + 1 + more).min(4) };
        for (optimizer, every) in [(&ADAM, false), (&ADAM, true), (&SGD, false), (&SGD, true)] {
            on_every_isa!(rows_of_table(&piece, optimizer, every));
        }
    }
}
