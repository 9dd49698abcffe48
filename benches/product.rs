//! The elementwise product of GMF and NeuMF, forward and one factor's gradient, on tiles of 64 rows.

mod common;

use std::hint::black_box;

use common::{Group, Work, ceilings::Ceiling, criterion, data::Aligned};
use pocketrec::{
    cpu::{Isa, Simd, product},
    plan::Flow,
};

const TILE: usize = 64;

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, name: &str, width: usize) {
    let setup = || {
        let random = |seed| Aligned::random(TILE * width, seed);
        (random(1), random(2), random(3))
    };
    let work = |operands: usize| Work::samples(TILE).of(operands * 4 * TILE * width, Ceiling::CopyInCache);
    group.run(format!("forward/{name}/{width}/{isa}"), work(3), setup, |(a, b, c)| {
        product::forward(s, TILE, a.rows(width), b.rows(width), c.rows_mut(width));
        black_box(&mut c[..]);
    });
    for (flow, operands) in [(Flow::Write, 3), (Flow::Add, 4)] {
        let id = format!("backward {flow:?}/{name}/{width}/{isa}").to_lowercase();
        group.run(id, work(operands), setup, |(a, b, c)| {
            product::backward(s, TILE, a.rows(width), b.rows(width), c.rows_mut(width), flow);
            black_box(&mut c[..]);
        });
    }
}

fn main() {
    let mut criterion = criterion();
    let mut group = Group::new(&mut criterion, "product");
    for isa in Isa::available() {
        on_isa!(isa, tile(&mut group, "paper8", 8));
        on_isa!(isa, tile(&mut group, "paper64", 64));
    }
    drop(group);
    criterion.final_summary();
}
