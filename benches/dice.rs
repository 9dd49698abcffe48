//! Dice, without its batch normalisation, behind the hidden layers of DIN.

mod common;

use std::hint::black_box;

use common::{
    BACKWARD, Group, Work, bench,
    data::{Aligned, Matrix},
    flops::SIGMOID,
    tiles::{Hidden, TILE, din_layers},
};
use pocketrec::{
    cpu::{Isa, Simd, dice},
    plan::Accumulate,
};

struct Layer {
    /// Alpha and its gradient.
    alpha: [Aligned; 2],
    x: Matrix,
    normal: Matrix,
    /// The output, or its gradient.
    y: Matrix,
    /// That of an input.
    dx: Matrix,
}

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, hidden: Hidden) {
    let Hidden { name, rows, width } = hidden;
    let random = |seed| Matrix::random(rows, width, seed);
    let setup = || Layer {
        alpha: [1, 2].map(|seed| Aligned::random(width, seed)),
        x: random(3),
        normal: random(4),
        y: random(5),
        dx: random(6),
    };
    let id = |pass: &str| format!("{pass}/{name}/{width}/{isa}");
    // A sigmoid of each value and what surrounds it.
    let work = |flops: usize| Work::computing(TILE, (SIGMOID + flops) * hidden.len(), isa);
    group.run(id("forward"), work(4), setup, |layer| {
        let (x, normal, [alpha, _]) = (layer.x.rows(), layer.normal.rows(), &layer.alpha);
        dice::forward(s, rows, x, normal, alpha, layer.y.rows_mut());
        black_box(layer.y.floats());
    });
    for (accumulate, pass, more) in BACKWARD {
        group.run(id(pass), work(8 + more), setup, |layer| {
            let [alpha, d_alpha] = &mut layer.alpha;
            let (x, normal, dy) = (layer.x.rows(), layer.normal.rows(), layer.y.rows());
            let dx = layer.dx.rows_mut();
            dice::backward(
                s,
                rows,
                x,
                normal,
                alpha,
                dy,
                dx,
                accumulate,
                d_alpha,
                Accumulate::Overwrite,
            );
            black_box(layer.dx.floats());
        });
        group.run(id(&format!("normal {pass}")), work(6 + more), setup, |layer| {
            let (x, normal, dy) = (layer.x.rows(), layer.normal.rows(), layer.y.rows());
            dice::backward_normal(s, rows, x, normal, &layer.alpha[0], dy, layer.dx.rows_mut(), accumulate);
            black_box(layer.dx.floats());
        });
    }
}

fn main() {
    bench("dice", |group| {
        for isa in Isa::available() {
            for hidden in din_layers() {
                on_isa!(isa, tile(group, hidden));
            }
        }
    });
}
