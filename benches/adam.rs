//! Adam on dense parameters: the layers of a model in cache, and `nvidia64`'s tables as the papers' dense Adam walks them at
//! every step (32 M floats, 507 MB with moments and gradient).

mod common;

use std::hint::black_box;

use common::{Group, Work, ceilings::Ceiling, criterion, data::Aligned, sized};
use pocketrec::{
    cpu::{
        Isa, Simd,
        adam::{Slots, Update, dense_update},
    },
    plan::Optimizer,
};

struct Parameter {
    value: Aligned,
    m: Aligned,
    v: Aligned,
    partials: Vec<Aligned>,
}

fn run<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, name: &str, [floats, partials]: [usize; 2], ceiling: Ceiling) {
    let setup = || Parameter {
        value: Aligned::random(floats, 1),
        m: Aligned::zeros(floats),
        v: Aligned::zeros(floats),
        partials: (0..partials as u64).map(|k| Aligned::random(floats, 2 + k)).collect(),
    };
    // Value and moments are read and written, partials read.
    let bytes = 4 * floats * (6 + partials);
    let work = Work::bytes(bytes).of(bytes, ceiling);
    let step = Update::new(&Optimizer::default(), 1000);
    group.run(
        format!("{name}/{floats}/{partials} partials/{isa}"),
        work,
        setup,
        |parameter| {
            let Parameter { value, m, v, partials } = parameter;
            let gradients: Vec<&[f32]> = partials.iter().map(|partial| &partial[..]).collect();
            dense_update(s, step, 0.0, Slots { value, m, v }, &gradients, 0);
            black_box(&mut value[..]);
        },
    );
}

fn main() {
    let mut criterion = criterion();
    let mut group = Group::new(&mut criterion, "adam");
    for isa in Isa::available() {
        // The first layers of the models; a batch of 256 has 8 partials of 32 rows, or 4 of 64.
        on_isa!(isa, run(&mut group, "paper8", [32 * 64, 8], Ceiling::CopyInCache));
        on_isa!(isa, run(&mut group, "paper64", [256 * 512, 4], Ceiling::CopyInCache));
        let large = sized(192 * (138_493 + 26_744), 1000);
        on_isa!(isa, run(&mut group, "nvidia64", [large, 1], Ceiling::UpdateInMemory));
    }
    drop(group);
    criterion.final_summary();
}
