//! Scale and shift behind a batch normalisation, with ReLU, on tiles of 64 rows: DeepFM's hidden layers on Frappe.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::{Aligned, Matrix},
    tiles::{FRAPPE, Hidden, TILE},
};
use pocketrec::{
    cpu::{Isa, Simd, affine, linear::WeightGradient},
    plan::Accumulate,
};

struct Layer {
    /// Scale, shift, and the gradients of both.
    params: [Aligned; 4],
    x: Matrix,
    y: Matrix,
    dy: Matrix,
    dx: Matrix,
}

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, hidden: Hidden) {
    let Hidden { name, rows, width } = hidden;
    let random = |seed| Matrix::random(rows, width, seed);
    let setup = || Layer {
        params: [1, 2, 3, 4].map(|seed| Aligned::random(width, seed)),
        x: random(5),
        y: random(6),
        dy: random(7),
        dx: random(8),
    };
    let work = |operands: usize| Work::moving(TILE, operands * hidden.len());
    group.run(format!("forward/{name}/{width}/{isa}"), work(2), setup, |layer| {
        let [weight, bias, ..] = &layer.params;
        affine::forward(s, rows, layer.x.rows(), weight, bias, true, layer.y.rows_mut());
        black_box(layer.y.floats());
    });
    for (accumulate, pass, more) in BACKWARD {
        let id = format!("{pass}/{name}/{width}/{isa}");
        group.run(id, work(4 + more), setup, |layer| {
            let [weight, _, d_weight, d_bias] = &mut layer.params;
            let gradient = WeightGradient {
                weight: d_weight,
                bias: d_bias,
                accumulate: Accumulate::Overwrite,
            };
            let (x, y, dy) = (layer.x.rows(), layer.y.rows(), layer.dy.rows());
            affine::backward(
                s,
                rows,
                x,
                weight,
                y,
                true,
                dy,
                layer.dx.rows_mut(),
                accumulate,
                gradient,
            );
            black_box(layer.dx.floats());
        });
    }
}

fn main() {
    bench("affine", |group| {
        for isa in Isa::available() {
            on_isa!(isa, tile(group, FRAPPE));
        }
    });
}
