//! The GPU against the specification: every shader and whole plans, over awkward shapes and repeated ids.

use pocketrec::{
    gpu::{Gpu, GpuExecutor, GpuOptions},
    plan::{Activation, L2, Optimizer, Plan, State},
};

use crate::common::{check_parity, odd_models, optimizers, plan_of, random_batch, random_state, trained_state};

/// Relative to the largest magnitude of each tensor.
const TOLERANCE: f64 = 2e-5;

/// One plan, its parameters as large as `std`, with one optimiser on batches of these sizes.
fn check(gpu: &Gpu, (plan, std): (&Plan, f32), sizes: &[usize], optimizer: &Optimizer, l2: L2, what: &str) {
    let mut executor = GpuExecutor::new(gpu, plan.clone(), &State::initial(plan, 3, false).unwrap()).unwrap();
    let batches: Vec<_> = sizes.iter().map(|&n| random_batch(plan, n, n as u64)).collect();
    let state = match optimizer.has_moments() {
        true => trained_state(plan, std, 7, 11),
        false => random_state(plan, std, 11),
    };
    check_parity(&mut executor, &state, &batches, (optimizer, l2), TOLERANCE, what);
}

#[test]
fn models_equal_the_specification() {
    let Some(gpus) = crate::common::gpu::open_both() else {
        return;
    };
    let decays = [
        L2::default(),
        L2 {
            tables: 0.1,
            per_row: 0.01,
            dense: 0.01,
        },
    ];
    for gpu in &gpus {
        for (model, plan) in odd_models(37, 29) {
            for (name, optimizer) in optimizers() {
                for l2 in decays {
                    let what = format!("{model}, {name}, {l2:?}, {:?}", gpu.options());
                    check(gpu, (&plan, 0.5), &[1, 7, 64, 257], &optimizer, l2, &what);
                }
            }
        }
    }
}

#[test]
fn linear_of_any_shape_equals_the_specification() {
    let Some(gpus) = crate::common::gpu::open_both() else {
        return;
    };
    // One, one past a vec4, primes, and both sides of the tiles' edges.
    let shapes = [
        (2, 1),
        (5, 3),
        (8, 5),
        (12, 16),
        (13, 33),
        (31, 64),
        (64, 17),
        (65, 67),
        (130, 7),
        (40, 132),
    ];
    for gpu in &gpus {
        for (inputs, outputs) in shapes {
            for activation in [Activation::Relu, Activation::Identity] {
                let plan = plan_of(inputs, |plan, x| {
                    let h = plan.linear("h", x, outputs, activation);
                    plan.linear("logit", h, 1, Activation::Identity)
                });
                let what = format!("{inputs} to {outputs}, {activation:?}, {:?}", gpu.options());
                check(
                    gpu,
                    (&plan, 0.3),
                    &[1, 33, 300],
                    &optimizers()[2].1,
                    L2::default(),
                    &what,
                );
            }
        }
    }
}

/// A ReLU read by a product, views that cut one another, a column read twice, a product of a view with itself.
#[test]
fn tangled_plans_equal_the_specification() {
    let Some(gpus) = crate::common::gpu::open_both() else {
        return;
    };
    let relu_into_product = plan_of(10, |plan, x| {
        let (a, b) = (
            plan.linear("a", x, 7, Activation::Relu),
            plan.linear("b", x, 7, Activation::Relu),
        );
        let p = plan.buffer(7);
        plan.product(a, b, p);
        plan.linear("logit", p, 1, Activation::Relu)
    });
    let cut_views = plan_of(11, |plan, x| {
        let p = plan.buffer(9);
        plan.product(x.columns(0, 3), x.columns(2, 3), p.columns(0, 3));
        plan.product(x.columns(5, 6), x.columns(5, 6), p.columns(3, 6));
        let s = plan.buffer(13);
        plan.linear_into("a", p, s.columns(0, 5), Activation::Relu);
        plan.linear_into("b", x, s.columns(5, 2), Activation::Identity);
        plan.linear_into("c", x, s.columns(7, 6), Activation::Relu);
        let h = plan.linear("h", s, 3, Activation::Relu);
        plan.sum("sum", &[h, p])
    });
    for gpu in &gpus {
        for (what, plan) in [("ReLU into product", &relu_into_product), ("cut views", &cut_views)] {
            for (name, optimizer) in optimizers() {
                check(
                    gpu,
                    (plan, 0.3),
                    &[5, 130],
                    &optimizer,
                    L2::default(),
                    &format!("{what}, {name}, {:?}", gpu.options()),
                );
            }
        }
    }
}

/// Segments of a thousand samples are added in two passes.
#[test]
fn frequent_rows_equal_the_specification() {
    let Some(gpus) = crate::common::gpu::open_both() else {
        return;
    };
    for gpu in &gpus {
        for rows in [1, 2, 90] {
            let plan = pocketrec::models::Gmf::new(rows, rows).factors(6).plan().unwrap();
            for (name, optimizer) in optimizers() {
                let what = format!("{rows} rows, {name}");
                check(
                    gpu,
                    (&plan, 0.3),
                    &[33, 2500],
                    &optimizer,
                    L2 {
                        tables: 0.1,
                        per_row: 0.01,
                        dense: 0.0,
                    },
                    &what,
                );
            }
        }
    }
}

/// Batches beyond the rows of a submit, and tables beyond a binding.
#[test]
fn slices_and_shards_equal_the_specification() {
    let options = GpuOptions {
        max_binding: Some(16 << 10),
        slice_rows: Some(100),
        checked: true,
        ..GpuOptions::default()
    };
    let Some(gpu) = crate::common::gpu::open(options) else {
        return;
    };
    let plan = pocketrec::models::NeuMf::new(700, 900)
        .factors(8)
        .layers([24, 10])
        .plan()
        .unwrap();
    for (name, optimizer) in optimizers() {
        check(
            &gpu,
            (&plan, 0.3),
            &[100, 101, 150],
            &optimizer,
            L2 {
                tables: 0.1,
                per_row: 0.01,
                dense: 0.1,
            },
            name,
        );
    }
}
