//! Kernels are safe functions: whatever widths, strides, offsets and counts a caller claims, they panic at once, where
//! their documentation says so. None hangs, asks for terabytes, or reads rows that are not meant.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use pocketrec::{
    cpu::{
        Isa, Rows, RowsMut, Scalar, adam, affine, attention, attention_unit, auxiliary, batch_norm, bpr, dropout, fm,
        gather, gru, last_step,
        linear::{self, PackedWeight, WeightGradient},
        pair_with_next, pool, prelu, product, row_update, sigmoid_cross_entropy, softmax, sum,
    },
    data::Batch,
    ops::gru::Kind,
    plan::{Accumulate, Activation, Optimizer},
    rng::Rng,
};

const S: Scalar = Scalar;
const FLOATS: [f32; 64] = [0.5; 64];

#[track_caller]
fn panics<T>(what: &str, call: impl FnOnce() -> T) {
    let begin = Instant::now();
    assert!(
        catch_unwind(AssertUnwindSafe(call)).is_err(),
        "{what}: nothing was refused"
    );
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{what}: {:?}",
        begin.elapsed()
    );
}

fn rows(stride: usize, width: usize) -> Rows<'static> {
    Rows {
        data: &FLOATS,
        stride,
        width,
    }
}

fn out(data: &mut [f32], stride: usize, width: usize) -> RowsMut<'_> {
    RowsMut { data, stride, width }
}

/// Numbers that a product with a small one, or a sum, carries over the end of what can be counted.
const ABSURD: [usize; 5] = [65, 1 << 33, usize::MAX / 8, usize::MAX / 2 + 1, usize::MAX];

/// Shapes that no matrix of 64 floats has.
fn absurd_shapes() -> Vec<(usize, usize)> {
    let mut shapes: Vec<_> = ABSURD.iter().flat_map(|&n| [(8, n), (n, n)]).collect();
    shapes.extend([(0, 0), (0, 8), (1 << 40, 8), (usize::MAX, 8), (usize::MAX / 2 + 1, 8)]);
    shapes
}

#[test]
fn matrices_that_no_memory_holds() {
    for (stride, width) in absurd_shapes() {
        let what = format!("{width} wide, {stride} apart");
        for count in [2, 40, usize::MAX] {
            let bad = || rows(stride, width);
            let mut to = [0.0; 64];
            panics(&what, || {
                product::forward(S, count, bad(), bad(), out(&mut to, stride, width))
            });
            panics(&what, || {
                product::backward(S, count, bad(), bad(), out(&mut to, stride, width), Accumulate::Add)
            });
            panics(&what, || sum::forward_add(S, count, bad(), out(&mut to, stride, width)));
            panics(&what, || {
                sum::backward(S, count, bad(), out(&mut to, stride, width), Accumulate::Overwrite)
            });
            panics(&what, || fm::forward(S, count, bad(), 4, out(&mut to, stride, width)));
            let mask = dropout::Mask {
                rng: Rng::new(1),
                rate: 0.5,
                first_row: usize::MAX,
            };
            panics(&what, || {
                dropout::apply(
                    S,
                    count,
                    mask,
                    bad(),
                    out(&mut to, stride, width),
                    Accumulate::Overwrite,
                )
            });
            panics(&what, || {
                affine::forward(S, count, bad(), &FLOATS, &FLOATS, true, out(&mut to, stride, width))
            });
            panics(&what, || {
                prelu::forward(S, count, bad(), &FLOATS, out(&mut to, stride, width))
            });
            let statistics = batch_norm::Statistics {
                mean: &FLOATS,
                variance: &FLOATS,
                epsilon: 0.1,
            };
            panics(&what, || {
                batch_norm::forward(S, count, bad(), statistics, out(&mut to, stride, width))
            });
            panics(&what, || {
                linear::forward(
                    S,
                    count,
                    bad(),
                    &PackedWeight::new(S, 8, 8),
                    &[],
                    Activation::Relu,
                    out(&mut to, stride, width),
                )
            });
            panics(&what, || {
                sigmoid_cross_entropy::forward_backward(S, bad(), &FLOATS, 1.0, out(&mut to, stride, width))
            });
            panics(&what, || {
                let logits = [bad(), bad()];
                bpr::forward_backward(S, count, logits, &[], 1.0, out(&mut to, stride, width))
            });
            panics(&what, || {
                gather::forward(S, &FLOATS, &[0, 1], out(&mut to, stride, width))
            });
        }
    }
}

/// No rows at all are no reason to go over columns that nobody has.
#[test]
fn matrices_of_no_rows_and_endless_columns() {
    for width in [1 << 40, usize::MAX / 2, usize::MAX] {
        let empty = Rows {
            data: &[],
            stride: 8,
            width,
        };
        let none = || RowsMut {
            data: &mut [],
            stride: 8,
            width,
        };
        panics("product", || product::forward(S, 0, empty, empty, none()));
        let gradient = WeightGradient {
            weight: &mut [],
            bias: &mut [],
            accumulate: Accumulate::Overwrite,
        };
        panics("linear", || {
            let weight = PackedWeight::new(S, 0, 0);
            linear::backward(
                S,
                0,
                empty,
                &weight,
                empty,
                Activation::Relu,
                none(),
                gradient,
                none(),
                Accumulate::Overwrite,
            )
        });
        panics("steps", || fm::forward_steps(S, &[0, 0], empty, none()));
        panics("pool", || pool::forward(S, &[0, 0], true, empty, none()));
    }
    // Without rows there is nothing to refuse.
    let weight = PackedWeight::new(S, 3, 5);
    let (mut of_weight, mut of_bias) = ([1.0; 15], [1.0; 3]);
    let empty = |width| Rows {
        data: &[],
        stride: width,
        width,
    };
    let none = |width| RowsMut {
        data: &mut [],
        stride: width,
        width,
    };
    let gradient = WeightGradient {
        weight: &mut of_weight,
        bias: &mut of_bias,
        accumulate: Accumulate::Overwrite,
    };
    linear::backward(
        S,
        0,
        empty(5),
        &weight,
        empty(3),
        Activation::Relu,
        none(3),
        gradient,
        none(5),
        Accumulate::Overwrite,
    );
    assert_eq!((of_weight, of_bias), ([0.0; 15], [0.0; 3]));
}

#[test]
fn offsets_that_descend_or_lead_beyond_the_rows() {
    let offsets: [&[u32]; 5] = [&[0, 5, 3], &[4, 0], &[0, u32::MAX], &[3, 4, 2, 8], &[1, u32::MAX, 0]];
    for offsets in offsets {
        let what = format!("{offsets:?}");
        let x = || rows(4, 4);
        let mut to = [0.0; 64];
        panics(&what, || pool::forward(S, offsets, true, x(), out(&mut to, 4, 4)));
        panics(&what, || {
            pool::backward(S, offsets, false, x(), out(&mut to, 4, 4), Accumulate::Add)
        });
        panics(&what, || last_step::forward(offsets, x(), out(&mut to, 4, 4)));
        panics(&what, || {
            last_step::backward(offsets, x(), out(&mut to, 4, 4), Accumulate::Overwrite)
        });
        panics(&what, || pair_with_next::forward(offsets, x(), x(), out(&mut to, 8, 8)));
        panics(&what, || {
            pair_with_next::states_backward(offsets, rows(8, 8), out(&mut to, 4, 4), Accumulate::Overwrite)
        });
        panics(&what, || {
            pair_with_next::items_backward(offsets, rows(8, 8), out(&mut to, 4, 4), Accumulate::Overwrite)
        });
        panics(&what, || softmax::forward(S, offsets, x(), out(&mut to, 4, 4)));
        panics(&what, || {
            softmax::backward(S, offsets, x(), x(), out(&mut to, 4, 4), Accumulate::Add)
        });
        panics(&what, || attention::forward(S, offsets, x(), x(), out(&mut to, 4, 4)));
        panics(&what, || {
            attention::backward_weights(S, offsets, x(), x(), out(&mut to, 4, 4), Accumulate::Add)
        });
        panics(&what, || {
            attention::backward_values(S, offsets, x(), x(), out(&mut to, 4, 4), Accumulate::Add)
        });
        panics(&what, || {
            auxiliary::forward_backward(S, offsets, x(), 1.0, 1.0, out(&mut to, 4, 4), Accumulate::Overwrite)
        });
        panics(&what, || {
            let weights = vec![1.0; offsets.len() - 1];
            auxiliary::forward_backward_weighted(
                S,
                offsets,
                x(),
                1.0,
                &weights,
                1.0,
                out(&mut to, 4, 4),
                Accumulate::Overwrite,
            )
        });
        panics(&what, || {
            let (unit, mut work) = (attention_unit::PackedUnit::new(S, 4, 4), vec![0.0; 4096]);
            let none = Activation::Identity;
            attention_unit::forward(
                S,
                offsets,
                x(),
                x(),
                &unit,
                &FLOATS[..4],
                none,
                &mut work,
                out(&mut to, 4, 4),
            )
        });
        panics(&what, || {
            let weight = PackedWeight::new(S, 12, 4);
            let parameters = gru::Parameters {
                input_weight: &weight,
                hidden_weight: &weight,
                input_bias: &FLOATS[..12],
                hidden_bias: &FLOATS[..12],
            };
            let mut workspace = gru::Workspace::default();
            gru::forward(
                S,
                Kind::Gru,
                offsets,
                x(),
                None,
                parameters,
                &mut workspace,
                out(&mut to, 4, 4),
            )
        });
    }
    // Of steps that are rather a run of a sample's vectors, those that are there are taken.
    panics("fields", || {
        fm::forward_steps(
            S,
            &[2, 1],
            rows(4, 4),
            RowsMut {
                data: &mut [0.0; 4],
                stride: 1,
                width: 1,
            },
        )
    });
}

#[test]
fn sizes_that_no_memory_holds() {
    for (outputs, inputs) in [
        (usize::MAX, 2),
        (1 << 33, 1 << 33),
        (1 << 21, 1 << 22),
        (usize::MAX, usize::MAX),
    ] {
        panics("weight", || PackedWeight::new(S, outputs, inputs));
        panics("unit", || attention_unit::PackedUnit::new(S, outputs, inputs));
    }
    let input = rows(8, 8);
    for factors in [0, 3, 9, usize::MAX] {
        let mut to = [0.0; 64];
        let out = RowsMut {
            data: &mut to,
            stride: 8,
            width: 8,
        };
        panics("factors", || {
            fm::backward(S, 2, input, factors, input, out, Accumulate::Overwrite)
        });
        let mut to = [0.0; 64];
        let out = RowsMut {
            data: &mut to,
            stride: 8,
            width: 8,
        };
        panics("factors", || fm::forward(S, 2, input, factors, out));
    }
}

#[test]
fn tables_that_no_memory_holds() {
    let batch = Batch::from_columns(&[&[1, 2, 2, 7]], &[0.0; 4]).unwrap();
    let step = row_update::RowStep {
        update: adam::Update::new(&Optimizer::Sgd { learning_rate: 0.1 }, 1),
        per_sample: 0.0,
        per_row: 0.0,
        shared: true,
    };
    assert!(Isa::Scalar.is_available());
    for width in [33, 1 << 40, usize::MAX / 2 + 1, usize::MAX] {
        for first in [0, 3, usize::MAX] {
            let column = batch.column(0);
            let mut value = FLOATS;
            let of = |every: bool, value: &mut [f32]| {
                let slots = adam::Slots {
                    value,
                    ..adam::Slots::default()
                };
                let table = row_update::TableRows { slots, first, width };
                match every {
                    true => row_update::every(S, step, column, 0..3, rows(8, 8), table),
                    false => row_update::sparse(S, step, column, 0..3, rows(8, 8), table),
                }
            };
            panics("sparse", || of(false, &mut value));
            panics("every", || of(true, &mut value));
        }
    }
}
