//! The linear layer with bias and ReLU, forward and backward, on tiles of rows: against the multiply-add ceiling, and
//! against the crate `gemm` with a separate pass for bias and ReLU (`peers/faer` puts faer in its place).
//!
//! `cargo bench --bench linear -- 64x64` measures one shape; names are `OUTPUTSxINPUTS/tile`. All shapes run on the best
//! instruction set, square ones in tiles of 64 on the others too. A table of all of them comes at the end.

mod common;

use std::hint::black_box;

use common::{
    Group, Work,
    ceilings::Ceiling,
    criterion,
    data::Aligned,
    linear::{Layer, Shape, Strided, compare, packed_layer, print_table},
};
use criterion::Criterion;
use gemm::Parallelism;
use pocketrec::{
    cpu::{
        Isa, RowsMut, Simd,
        linear::{self, PackedWeight},
    },
    plan::Activation,
};

/// `c = a b` by the crate `gemm`.
fn product(a: Strided<'_>, b: Strided<'_>, c: &mut [f32]) {
    let ([rows, depth], [_, columns]) = (a.size, b.size);
    assert!(b.size[0] == depth && c.len() >= rows * columns);
    let strides = |m: &Strided<'_>| (m.stride[1] as isize, m.stride[0] as isize);
    let ((a_column, a_row), (b_column, b_row)) = (strides(&a), strides(&b));
    let (c_column, c_row) = (1, columns as isize);
    let (a, b, c) = (a.data.as_ptr(), b.data.as_ptr(), c.as_mut_ptr());
    // SAFETY: `Strided::of` has checked the lengths of a and b, the assertion above checks c's.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            c,
            c_column,
            c_row,
            false,
            a,
            a_column,
            a_row,
            b,
            b_column,
            b_row,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

fn ours<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, shape: Shape) -> [Option<f64>; 2] {
    let setup = || packed_layer(s, shape);
    let work = |products: usize| Work::computing(shape.tile, products * shape.flops(), isa);
    let forward = group.run(format!("forward/{shape}/{isa}"), work(1), setup, |(layer, packed)| {
        layer.forward(s, packed);
    });
    let backward = group.run(format!("backward/{shape}/{isa}"), work(2), setup, |(layer, packed)| {
        layer.backward(s, packed);
    });
    [forward, backward]
}

fn theirs(isa: Isa, group: &mut Group<'_>, shape: Shape) -> [Option<f64>; 2] {
    let setup = || Layer::new(shape);
    let work = |products: usize| Work::computing(shape.tile, products * shape.flops(), isa);
    let forward = group.run(format!("forward/{shape}/gemm"), work(1), setup, |layer| {
        layer.forward_by(product);
    });
    let backward = group.run(format!("backward/{shape}/gemm"), work(2), setup, |layer| {
        layer.backward_by(product);
    });
    [forward, backward]
}

fn shapes(criterion: &mut Criterion) {
    let available = Isa::available();
    let mut rows = Vec::new();
    let mut group = Group::new(criterion, "linear");
    for shape in Shape::all() {
        let best = available[0];
        let seconds = [on_isa!(best, ours(&mut group, shape)), theirs(best, &mut group, shape)];
        if !seconds.as_flattened().contains(&None) {
            rows.push(on_isa!(best, compare(shape, product)));
        }
        if shape.outputs == shape.inputs && shape.tile == 64 {
            for &isa in &available[1..] {
                on_isa!(isa, ours(&mut group, shape));
            }
        }
    }
    print_table(available[0], "gemm", &rows);
}

/// Packing a weight in both orientations, once a step.
fn packing<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, [outputs, inputs]: [usize; 2]) {
    // A float is read once and written twice.
    let bytes = 3 * 4 * outputs * inputs;
    let setup = || {
        (
            Aligned::random(outputs * inputs, 1),
            PackedWeight::new(s, outputs, inputs),
        )
    };
    let work = Work::bytes(bytes).of(bytes, Ceiling::CopyInCache);
    group.run(format!("{outputs}x{inputs}/{isa}"), work, setup, |(weight, packed)| {
        packed.pack(s, weight);
        black_box(packed.len());
    });
}

/// One output: the logit of a NeuMF.
fn logit<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, [inputs, tile]: [usize; 2]) {
    let shape = Shape {
        outputs: 1,
        inputs,
        tile,
    };
    let setup = || packed_layer(s, shape);
    let work = Work::moving(tile, 2 * tile * inputs);
    group.run(format!("1x{inputs}/{tile}/{isa}"), work, setup, |(layer, packed)| {
        let (x, y) = (layer.x.rows(inputs), &mut layer.y);
        let y = RowsMut {
            data: y,
            stride: 1,
            width: 1,
        };
        linear::forward(s, tile, x, packed, &layer.bias, Activation::Identity, y);
        black_box(&mut layer.y[..]);
    });
}

fn main() {
    let mut criterion = criterion();
    let mut group = Group::new(&mut criterion, "pack");
    for isa in Isa::available() {
        for shape in [[32, 64], [16, 32], [8, 16], [256, 512], [128, 256], [64, 128]] {
            on_isa!(isa, packing(&mut group, shape));
        }
    }
    drop(group);
    let mut group = Group::new(&mut criterion, "logit");
    for isa in Isa::available() {
        for shape in [[16, 32], [128, 64]] {
            on_isa!(isa, logit(&mut group, shape));
        }
    }
    drop(group);
    shapes(&mut criterion);
    criterion.final_summary();
}
