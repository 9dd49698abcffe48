//! The sparse update of a table under LazyAdam: warm tables of MovieLens-1M's sizes, and tables of 1 GiB (value and both
//! moments) against random rows that are read and written.

mod common;

use std::{cell::RefCell, hint::black_box};

use common::{
    Group, Work,
    ceilings::{Ceiling, ROW, cold_floats, cold_table},
    criterion,
    data::Aligned,
};
use pocketrec::{
    cpu::{
        Isa, Simd,
        adam::{Slots, Update},
        row_update::{RowStep, TableRows, sparse},
    },
    data::{Batch, IdColumn},
    plan::Optimizer,
    rng::Rng,
};

struct Table {
    value: Aligned,
    m: Aligned,
    v: Aligned,
    width: usize,
}

impl Table {
    fn warm(rows: usize, width: usize) -> Self {
        Table {
            value: Aligned::random(rows * width, 1),
            m: Aligned::zeros(rows * width),
            v: Aligned::zeros(rows * width),
            width,
        }
    }

    fn cold() -> Self {
        Table {
            value: cold_table(),
            m: cold_table(),
            v: cold_table(),
            width: ROW,
        }
    }

    fn update<S: Simd>(&mut self, s: S, column: &IdColumn, gradients: &Aligned) {
        let step = RowStep {
            update: Update::new(&Optimizer::default(), 1000),
            per_sample: 0.0,
            per_row: 0.0,
            shared: false,
        };
        let slots = Slots {
            value: &mut self.value,
            m: &mut self.m,
            v: &mut self.v,
        };
        let rows = TableRows {
            slots,
            first: 0,
            width: self.width,
        };
        sparse(
            s,
            step,
            column,
            0..column.segments.len(),
            gradients.rows(self.width),
            rows,
        );
        black_box(&mut self.value[..]);
    }
}

/// Sorted random ids.
fn batch(rows: usize, samples: usize) -> Batch {
    let rng = Rng::new(9);
    let ids: Vec<u32> = (0..samples as u64).map(|i| rng.below(i, rows as u32)).collect();
    Batch::from_columns(&[&ids], &vec![0.0; samples]).expect("ids and labels are of one length")
}

/// Bytes read and written: a distinct row's value and moments both ways, and each sample's gradient.
fn bytes(batch: &Batch, width: usize) -> usize {
    4 * width * (6 * batch.column(0).segments.len() + batch.len())
}

fn warm<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, name: &str, [rows, width, samples]: [usize; 3]) {
    let batch = batch(rows, samples);
    let setup = || (Table::warm(rows, width), Aligned::random(samples * width, 2));
    // Three tables of nvidia64's users take 106 MB.
    let is_large = rows * width > 1 << 22;
    let (kind, ceiling) = match is_large {
        true => ("large", Ceiling::RandomUpdates),
        false => ("warm", Ceiling::CopyInCache),
    };
    let work = Work::samples(samples).of(bytes(&batch, width), ceiling);
    let id = format!("{kind}/{name}/{rows}x{width}/{samples}/{isa}");
    group.run(id, work, setup, |(table, gradients)| {
        table.update(s, batch.column(0), gradients)
    });
}

fn cold<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, table: &RefCell<Option<Table>>) {
    let samples = 16_384;
    // A new batch each time: the rows of one would stay in the last cache.
    let setup = || {
        table.borrow_mut().get_or_insert_with(Table::cold);
        let rows = cold_floats() / ROW;
        let rng = Rng::new(11);
        let batches: Vec<Batch> = (0..32)
            .map(|k| {
                let ids: Vec<u32> = (0..samples as u64)
                    .map(|i| rng.stream(k).below(i, rows as u32))
                    .collect();
                Batch::from_columns(&[&ids], &vec![0.0; samples]).expect("ids and labels are of one length")
            })
            .collect();
        (batches, 0, Aligned::random(samples * ROW, 2))
    };
    let bytes = bytes(&batch(cold_floats() / ROW, samples), ROW);
    let work = Work::samples(samples).of(bytes, Ceiling::RandomUpdates);
    group.run(
        format!("cold/1GiB/{ROW}/{samples}/{isa}"),
        work,
        setup,
        |(batches, next, gradients)| {
            *next = (*next + 1) % batches.len();
            if let Some(table) = &mut *table.borrow_mut() {
                table.update(s, batches[*next].column(0), gradients);
            }
        },
    );
}

fn main() {
    let mut criterion = criterion();
    let table = RefCell::new(None);
    let mut group = Group::new(&mut criterion, "row_update");
    for isa in Isa::available() {
        for (name, shape) in [
            ("paper8/item", [3706, 8, 256]),
            ("paper8/user", [6040, 32, 256]),
            ("paper8b16k/item", [3706, 8, 16_384]),
            ("paper8b16k/user", [6040, 32, 16_384]),
            ("paper64/user", [6040, 256, 256]),
            ("nvidia64/user", [138_493, 64, 16_384]),
        ] {
            on_isa!(isa, warm(&mut group, name, shape));
        }
        on_isa!(isa, cold(&mut group, &table));
    }
    drop(group);
    criterion.final_summary();
}
