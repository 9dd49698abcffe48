//! A cross layer of DCN-v2 on a tile, forward and backward: Frappe's 100 columns and MovieLens' 96, and one of 4 vectors.

mod common;

use std::hint::black_box;

use common::{
    Group, Work, bench,
    data::{Aligned, Matrix},
    tiles::TILE,
};
use pocketrec::{
    cpu::{
        Isa, Simd, cross,
        linear::{self, PackedWeight, WeightGradient},
    },
    plan::{Accumulate, Activation},
};

const WIDTHS: [(&str, usize); 3] = [("frappe", 100), ("ml-1m", 96), ("vectors", 64)];

/// A layer and its operands: `x0`, `x`, `u`, the output, and gradients in the same order.
struct Layer {
    packed: PackedWeight,
    bias: Aligned,
    values: [Matrix; 4],
    gradients: [Matrix; 4],
    of_weight: Aligned,
    of_bias: Aligned,
}

impl Layer {
    fn new<S: Simd>(s: S, width: usize) -> Self {
        let mut packed = PackedWeight::new(s, width, width);
        packed.pack(s, &Aligned::random(width * width, 1));
        Layer {
            packed,
            bias: Aligned::random(width, 2),
            values: [3, 4, 5, 6].map(|seed| Matrix::random(TILE, width, seed)),
            gradients: [7, 8, 9, 10].map(|seed| Matrix::random(TILE, width, seed)),
            of_weight: Aligned::zeros(width * width),
            of_bias: Aligned::zeros(width),
        }
    }

    fn forward<S: Simd>(&mut self, s: S) {
        let [x0, x, u, y] = &mut self.values;
        let (x0, x) = (x0.rows(), x.rows());
        cross::forward(s, TILE, x0, x, x, &self.packed, &self.bias, u.rows_mut(), y.rows_mut());
        black_box(y.floats());
    }

    fn backward<S: Simd>(&mut self, s: S) {
        let ([x0, x, u, _], [d_x0, d_x, delta, d]) = (&self.values, &mut self.gradients);
        let (overwrite, d) = (Accumulate::Overwrite, d.rows());
        cross::product_gradient(
            s,
            TILE,
            x0.rows(),
            u.rows(),
            d,
            delta.rows_mut(),
            d_x0.rows_mut(),
            overwrite,
        );
        let gradient = WeightGradient {
            weight: &mut self.of_weight,
            bias: &mut self.of_bias,
            accumulate: overwrite,
        };
        let (x, u, delta, identity) = (x.rows(), u.rows(), delta.rows_mut(), Activation::Identity);
        linear::backward(
            s,
            TILE,
            x,
            &self.packed,
            u,
            identity,
            delta,
            gradient,
            d_x.rows_mut(),
            Accumulate::Add,
        );
        black_box((d_x0.floats(), d_x.floats()));
    }
}

fn layer<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, width): (&str, usize)) {
    let work = |products: usize| Work::computing(TILE, products * 2 * TILE * width * width, isa);
    let id = |pass: &str| format!("{pass}/{name}/{width}/{isa}");
    group.run(
        id("forward"),
        work(1),
        || Layer::new(s, width),
        |layer| layer.forward(s),
    );
    group.run(
        id("backward"),
        work(2),
        || Layer::new(s, width),
        |layer| layer.backward(s),
    );
}

fn main() {
    bench("cross", |group| {
        for isa in Isa::available() {
            for shape in WIDTHS {
                on_isa!(isa, layer(group, shape));
            }
        }
    });
}
