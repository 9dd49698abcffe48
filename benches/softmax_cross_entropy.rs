//! The softmax over a block, a run of queries against the whole block: the three products of matrices against the multiply-add
//! ceiling, and the exponentials between them. `sampled_softmax` runs the same kernels on a list.

mod common;

use std::hint::black_box;

use common::{Group, Work, bench, data::Aligned, flops::EXP};
use pocketrec::{
    cpu::{
        Isa, Simd,
        softmax_cross_entropy::{Block, COLUMNS, QUERIES, exponentials, products, scores},
    },
    plan::Accumulate,
};

/// The block of the recipes, and the vectors of LightGCN.
const SHAPES: [(&str, usize, usize); 2] = [("lightgcn", 2048, 64), ("small", 512, 32)];

fn run<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, block, width): (&str, usize, usize)) {
    let panels = block / COLUMNS;
    let setup = || {
        let random = |len: usize, stream| Aligned::random(len, stream);
        let vectors = [
            random(block * width, 1),
            random(block * width, 2),
            random(block * width, 3),
        ];
        let zeros = [QUERIES * block, QUERIES * width, block * width].map(Aligned::zeros);
        (vectors, zeros, [[0.0; QUERIES]; 2], vec![0.0; block])
    };
    let pairs = QUERIES * block;
    let id = |pass: &str| format!("{pass}/{name}/{block}x{width}/{isa}");
    let work = |flops: usize| Work::computing(QUERIES, flops, isa);
    group.run(
        id("scores"),
        work(2 * pairs * width),
        setup,
        |(vectors, to, _, offsets)| {
            let [queries, candidates, transposed] = vectors;
            let block = Block {
                queries: queries.rows(width),
                candidates: candidates.rows(width),
                transposed: &transposed[..],
                offsets,
                len: block,
                columns: COLUMNS,
            };
            scores(s, &block, 0, QUERIES, &mut to[0][..]);
            black_box(&mut to[0][..]);
        },
    );
    group.run(
        id("exponentials"),
        work((EXP + 3) * pairs),
        setup,
        |(_, to, [largest, sums], _)| {
            largest.fill(f32::MIN);
            exponentials(s, [QUERIES, COLUMNS, panels], &mut to[0][..], largest, sums);
            black_box(&mut to[0][..]);
        },
    );
    group.run(
        id("products"),
        work(4 * pairs * width),
        setup,
        |(vectors, to, _, offsets)| {
            let [queries, candidates, transposed] = vectors;
            let block = Block {
                queries: queries.rows(width),
                candidates: candidates.rows(width),
                transposed: &transposed[..],
                offsets,
                len: block,
                columns: COLUMNS,
            };
            let [scores, of_queries, of_candidates] = to;
            let (mut of_queries, mut of_candidates) = (of_queries.rows_mut(width), of_candidates.rows_mut(width));
            let (weighted, add) = (queries.rows(width), Accumulate::Add);
            products(
                s,
                &block,
                QUERIES,
                &scores[..],
                weighted,
                &mut of_queries,
                &mut of_candidates,
                add,
            );
            black_box(of_candidates.data);
        },
    );
}

fn main() {
    bench("softmax_cross_entropy", |group| {
        for isa in Isa::available() {
            for shape in SHAPES {
                on_isa!(isa, run(group, shape));
            }
        }
    });
}
