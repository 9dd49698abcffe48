//! The first layer of DIN's attention, 64 sigmoids, on tiles of 64 samples: forward, backward and packing.

mod common;

use std::hint::black_box;

use common::{
    Group, Work,
    attention_unit::{OUTPUTS, Unit, backward_flops, forward_flops},
    bench,
    ceilings::Ceiling,
    data::Aligned,
    tiles::{Histories, ITEMS, TILE},
};
use pocketrec::cpu::{Isa, Simd, attention_unit::PackedUnit};

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, width): (&str, usize)) {
    let (histories, setup) = (Histories::new(), || Unit::new(s, width));
    let work = Work::computing(TILE, forward_flops(&histories, width), isa);
    group.run(format!("forward/{name}/{width}/{isa}"), work, setup, |unit| {
        unit.forward(s);
    });
    let work = Work::computing(TILE, backward_flops(&histories, width), isa);
    group.run(format!("backward/{name}/{width}/{isa}"), work, setup, |unit| {
        unit.backward(s);
    });
}

/// Folding a weight and packing its parts in both orientations, once a step.
fn packing<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (name, width): (&str, usize)) {
    let setup = || {
        let packed = PackedUnit::new(s, OUTPUTS, width);
        (Aligned::weight(OUTPUTS, 4 * width, 1), packed)
    };
    // The first two parts read two of the weight's four, the third one; each is written, read and packed twice.
    let bytes = 4 * OUTPUTS * width * (5 + 3 * 4);
    let work = Work::bytes(bytes).of(bytes, Ceiling::CopyInCache);
    group.run(format!("pack/{name}/{width}/{isa}"), work, setup, |(weight, packed)| {
        packed.pack(s, weight);
        black_box(packed);
    });
}

fn main() {
    bench("attention_unit", |group| {
        for isa in Isa::available() {
            for items in ITEMS {
                on_isa!(isa, tile(group, items));
                on_isa!(isa, packing(group, items));
            }
        }
    });
}
