//! Causal self-attention, forward and backward: SASRec on MovieLens-1M, histories of 200 steps, and short ones of 10.

mod common;

use std::hint::black_box;

use common::{Group, Work, bench, data::Matrix, flops::EXP};
use pocketrec::cpu::{
    Isa, Simd,
    causal_attention::{self, Inputs, Workspace},
};

const WIDTH: usize = 64;

/// Four samples of so many steps.
fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (steps, heads): (usize, usize)) {
    let offsets = [0, 1, 2, 3, 4].map(|sample| (sample * steps) as u32);
    let rows = 4 * steps;
    let setup = || {
        let matrices = [1, 2, 3, 4].map(|seed| Matrix::random(rows, WIDTH, seed));
        (matrices, Workspace::default())
    };
    // Pairs of a step and one up to it: two products and an exponential for each head forward; three products more and the
    // exponential anew backward.
    let pairs = 4 * steps * (steps + 1) / 2;
    let id = |pass: &str| format!("{pass}/{steps} steps/{heads} heads/{isa}");
    let forward = Work::computing(rows, pairs * (4 * WIDTH + heads * (EXP + 4)), isa);
    group.run(
        id("forward"),
        forward,
        setup,
        |([query, key, value, output], workspace)| {
            let inputs = Inputs {
                query: query.rows(),
                key: key.rows(),
                value: value.rows(),
            };
            causal_attention::forward(s, &offsets, heads, inputs, workspace, output.rows_mut());
            black_box(output.floats());
        },
    );
    let backward = Work::computing(rows, pairs * (10 * WIDTH + heads * (EXP + 8)), isa);
    group.run(
        id("backward"),
        backward,
        setup,
        |([query, key, value, output], workspace)| {
            let inputs = Inputs {
                query: query.rows(),
                key: key.rows(),
                value: value.rows(),
            };
            causal_attention::backward(s, &offsets, heads, inputs, output.rows(), workspace);
            black_box(workspace.gradients(WIDTH)[0].data);
        },
    );
}

fn main() {
    bench("causal_attention", |group| {
        for isa in Isa::available() {
            for shape in [(200, 1), (200, 2), (10, 1)] {
                on_isa!(isa, tile(group, shape));
            }
        }
    });
}
