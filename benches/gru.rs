//! DIEN's recurrent layers, the GRU and the three forms that attention steers, on tiles of 64 histories.

mod common;

use common::{
    Group, Work, bench,
    gru::{Layer, backward_flops, forward_flops},
    tiles::{Histories, TILE},
};
use pocketrec::{
    cpu::{Isa, Simd},
    plan::GruKind,
};

const KINDS: [(&str, GruKind); 4] = [
    ("gru", GruKind::Gru),
    ("aigru", GruKind::Aigru),
    ("agru", GruKind::Agru),
    ("augru", GruKind::Augru),
];

/// Units, and columns of the input.
const WIDTHS: [(&str, usize); 2] = [("dien16", 32), ("dien64", 128)];

fn tile<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, (form, kind): (&str, GruKind), (name, width): (&str, usize)) {
    let (histories, setup) = (Histories::new(), || Layer::new(s, kind, width));
    let id = |pass: &str| format!("{form}/{pass}/{name}/{width}/{isa}");
    let forward = forward_flops(&histories, width);
    let work = Work::computing(TILE, forward, isa);
    group.run(id("forward"), work, setup, |layer| layer.forward(s));
    let work = Work::computing(TILE, forward + backward_flops(&histories, width), isa);
    group.run(id("forward and backward"), work, setup, |layer| layer.both(s));
}

fn main() {
    bench("gru", |group| {
        for isa in Isa::available() {
            for kind in KINDS {
                for width in WIDTHS {
                    on_isa!(isa, tile(group, kind, width));
                }
            }
        }
    });
}
