//! Embedding look-up: warm tables of MovieLens-1M's sizes against a copy in cache, and a cold table of 1 GiB against
//! random rows.

mod common;

use std::{cell::OnceCell, hint::black_box};

use common::{
    Group, Work,
    ceilings::{Ceiling, ROW, cold_floats, cold_table},
    criterion,
    data::Aligned,
    sized,
};
use pocketrec::{
    cpu::{Isa, Simd, gather},
    rng::Rng,
};

/// Rows that are looked up in an iteration, a tile at a time.
const ROWS: usize = 16_384;
/// Rows of a tile: they go to a small buffer that stays in the first-level cache, as in a step.
const TILE: usize = 64;

fn ids(rows: usize, count: usize) -> Vec<u32> {
    let rng = Rng::new(5);
    (0..count as u64).map(|i| rng.below(i, rows as u32)).collect()
}

fn look_up<S: Simd>(s: S, table: &[f32], ids: &[u32], width: usize, output: &mut Aligned) {
    for tile in ids.chunks(TILE) {
        gather::forward(s, table, tile, output.rows_mut(width));
        black_box(&mut output[..]);
    }
}

fn warm<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, name: &str, [rows, width]: [usize; 2]) {
    let setup = || {
        let (table, output) = (Aligned::random(rows * width, 1), Aligned::zeros(TILE * width));
        (table, ids(rows, ROWS), output)
    };
    // Read and written.
    let work = Work::moving(ROWS, 2 * width * ROWS);
    group.run(
        format!("warm/{name}/{rows}x{width}/{isa}"),
        work,
        setup,
        |(table, ids, output)| {
            look_up(s, table, ids, width, output);
        },
    );
}

fn cold<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, table: &OnceCell<Aligned>) {
    let count = sized(1 << 20, 256);
    let setup = || {
        let table = table.get_or_init(cold_table);
        (table, ids(cold_floats() / ROW, count), Aligned::zeros(TILE * ROW))
    };
    let work = Work::samples(count).of(4 * ROW * count, Ceiling::RandomRows { prefetch: true });
    group.run(format!("cold/1GiB/{ROW}/{isa}"), work, setup, |(table, ids, output)| {
        look_up(s, table, ids, ROW, output);
    });
}

fn main() {
    let mut criterion = criterion();
    let table = OnceCell::new();
    let mut group = Group::new(&mut criterion, "gather");
    for isa in Isa::available() {
        for (name, shape) in [
            ("paper8/item", [3706, 8]),
            ("paper8/user", [6040, 32]),
            ("paper64/item", [3706, 64]),
            ("paper64/user", [6040, 256]),
        ] {
            on_isa!(isa, warm(&mut group, name, shape));
        }
        on_isa!(isa, cold(&mut group, &table));
    }
    drop(group);
    criterion.final_summary();
}
