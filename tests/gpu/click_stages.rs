//! Stages of click-through models on the GPU against the specification: spaces, tables that columns share, layers applied
//! twice, and each stage over odd shapes.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    executor::{Executor, score_with},
    gpu::{Gpu, GpuExecutor, GpuOptions},
    ops::SigmoidCrossEntropy,
    plan::{Activation, Init, L2, Optimizer, Plan, PlanBuilder, Space, State, View},
};

use crate::common::{bits, check_parity, close, optimizers, random_batch, random_state, trained_state};

/// Relative to the largest magnitude of each tensor.
const TOLERANCE: f64 = 2e-5;
const INIT: Init = Init::Normal { std: 0.1 };

/// A plan with every optimiser on batches of these sizes.
fn check(gpu: &Gpu, plan: &Plan, sizes: &[usize], what: &str) {
    let decay = L2 {
        tables: 0.1,
        per_row: 0.03,
        dense: 0.01,
    };
    for (name, optimizer) in optimizers() {
        let mut executor = GpuExecutor::new(gpu, plan.clone(), &State::initial(plan, 3, false).unwrap()).unwrap();
        let batches: Vec<_> = sizes.iter().map(|&n| random_batch(plan, n, n as u64)).collect();
        let state = match optimizer.has_moments() {
            true => trained_state(plan, 0.3, 7, 11),
            false => random_state(plan, 0.3, 11),
        };
        let what = format!("{what}, {name}, {:?}", gpu.options());
        check_parity(&mut executor, &state, &batches, (&optimizer, decay), TOLERANCE, &what);
    }
}

/// The same with the checks of shaders' accesses on and off, and in slices.
fn check_all(plan: &Plan, sizes: &[usize], what: &str) {
    let Some(gpus) = crate::common::gpu::open_both() else {
        return;
    };
    let options = GpuOptions {
        slice_rows: Some(40),
        checked: true,
        ..GpuOptions::default()
    };
    let sliced = crate::common::gpu::open(options).unwrap();
    for gpu in gpus.iter().chain([&sliced]) {
        check(gpu, plan, sizes, what);
    }
}

/// Two tables, one of them looked up for samples and along a sequence, and a number; what `build` makes of the samples'
/// and the steps' rows, each `width` wide, becomes the logit.
fn plan_of(width: usize, build: impl FnOnce(&mut PlanBuilder, View, View) -> View) -> Plan {
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let (user, item) = (plan.column("user"), plan.column("item"));
    let seen = plan.column_in("seen", "item", history);
    let (x, steps) = (plan.buffer(width + 2), plan.buffer_in(history, width));
    let user_first = plan.buffer(1);
    plan.gather("item.weight", item, 23, INIT, x.columns(0, width));
    plan.gather("item.weight", seen, 23, INIT, steps);
    plan.gather("user.first", user, 19, INIT, user_first);
    plan.numeric(0, x.columns(width, 2));
    let logit = build(&mut plan, x.columns(0, width), steps);
    let rest = plan.linear("rest", x, 1, Activation::Identity);
    let logit = plan.sum("bias", &[logit, rest, user_first]);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

#[test]
fn pooled_sequences_equal_the_specification() {
    for (width, mean) in [(1, true), (5, false), (8, true)] {
        let plan = plan_of(width, |plan, _, steps| {
            let hidden = plan.linear("step", steps, 7, Activation::Relu);
            let (both, again) = (plan.buffer(7 + width), plan.buffer(width));
            plan.pool(hidden, both.columns(0, 7), mean);
            plan.pool(steps, both.columns(7, width), !mean);
            plan.pool(steps, again, mean);
            let both = plan.linear("both", both, 3, Activation::Identity);
            plan.plain_sum(&[both, again])
        });
        check_all(&plan, &[1, 7, 130], &format!("{width} wide, mean {mean}"));
    }
}

#[test]
fn dropout_draws_the_specifications_masks() {
    for (width, hidden) in [(1, 1), (3, 6), (5, 9), (4, 8)] {
        let plan = plan_of(width, |plan, x, steps| {
            let thinned = plan.dropout(x, 0.25);
            let h = plan.linear("h", thinned, hidden, Activation::Relu);
            let h = plan.dropout(h, 0.5);
            let steps = plan.dropout(steps, 0.3);
            let pooled = plan.buffer(width);
            plan.pool(steps, pooled, false);
            plan.plain_sum(&[h, pooled])
        });
        check_all(&plan, &[1, 33, 130], &format!("{width} wide, {hidden} hidden"));
    }
}

/// Sigmoids, whose pads must stay zero, with and without biases; views that cut what a sigmoid and a dropout wrote.
#[test]
fn sigmoids_and_missing_biases_equal_the_specification() {
    let plan = plan_of(6, |plan, x, steps| {
        let h = plan.linear("h", x, 9, Activation::Sigmoid);
        let own = plan.linear_without_bias("own", h.columns(2, 5), 5, Activation::Sigmoid);
        let step = plan.linear_without_bias("step", steps, 3, Activation::Relu);
        let pooled = plan.buffer(3);
        plan.pool(step, pooled, true);
        let product = plan.buffer(3);
        plan.product(h.columns(4, 3), pooled, product);
        let thinned = plan.dropout(h, 0.25);
        let top = plan.linear("top", thinned.columns(1, 8), 2, Activation::Sigmoid);
        plan.sum("own.sum", &[own, thinned.columns(0, 1), product, top])
    });
    check_all(&plan, &[5, 130], "sigmoids");
}

/// One layer over the steps twice and over the samples, whose gradients add up.
#[test]
fn layers_applied_again_equal_the_specification() {
    let plan = plan_of(5, |plan, x, steps| {
        let once = plan.linear("layer", steps, 5, Activation::Sigmoid);
        let (a, b) = (plan.buffer(5), plan.buffer(3));
        plan.pool(once.columns(1, 3), b, true);
        let [twice, sample] =
            [once, x].map(|input| plan.shared(|plan| plan.linear("layer", input, 5, Activation::Sigmoid)));
        plan.pool(twice, a, false);
        plan.plain_sum(&[a, b, sample])
    });
    check_all(&plan, &[3, 130], "layer applied again");
}

/// Tables beyond a binding that columns share, batches beyond the rows of a submit, and rows that came later.
#[test]
fn slices_shards_and_growth_equal_the_specification() {
    let options = GpuOptions {
        max_binding: Some(20 << 10),
        slice_rows: Some(60),
        checked: true,
        ..GpuOptions::default()
    };
    let Some(gpu) = crate::common::gpu::open(options) else {
        return;
    };
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let (item, seen) = (plan.column("item"), plan.column_in("seen", "item", history));
    let (x, steps) = (plan.buffer(10), plan.buffer_in(history, 5));
    plan.gather("item.weight", item, 900, INIT, x.columns(0, 5));
    plan.gather("item.weight", seen, 900, INIT, steps);
    plan.pool(steps, x.columns(5, 5), true);
    let hidden = plan.linear("h", x, 6, Activation::Relu);
    let logit = plan.linear("logit", hidden, 1, Activation::Identity);
    let plan = plan.finish(SigmoidCrossEntropy { logit }).unwrap();
    check(&gpu, &plan, &[59, 61, 150], "slices and shards");

    let (state, rows) = (trained_state(&plan, 0.3, 7, 11), 2000);
    let mut on_gpu = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    let mut on_cpu = CpuExecutor::new(plan.clone(), state, Isa::detect().unwrap(), 1).unwrap();
    let executors: [&mut dyn Executor; 2] = [&mut on_gpu, &mut on_cpu];
    let [grown, want] = executors.map(|executor| {
        executor.grow(0, rows).wait().unwrap();
        executor
            .write_rows(0, rows - 1, &[0.1, 0.2, 0.3, 0.4, 0.5])
            .wait()
            .unwrap();
        let batch = random_batch(executor.plan(), 150, 2);
        executor
            .step(&batch, &optimizers()[0].1, L2::default(), &mut || ())
            .wait()
            .unwrap();
        executor.state().wait().unwrap()
    });
    for (a, b) in grown.tensors.iter().zip(&want.tensors) {
        close(&a.value, &crate::common::wide(&b.value), TOLERANCE, "after growing");
    }
}

/// Long segments of columns that share a table, and histories that are all empty.
#[test]
fn shared_tables_equal_the_specification() {
    let Some([checked, _]) = crate::common::gpu::open_both() else {
        return;
    };
    let mut plan = PlanBuilder::new();
    let (history, likes) = (plan.sequence("history"), plan.sequence("likes"));
    let columns = [
        plan.column_in("item", "item", Space::Samples),
        plan.column_in("other", "item", Space::Samples),
        plan.column_in("seen", "item", history),
        plan.column_in("liked", "item", likes),
    ];
    let pair = plan.buffer(6);
    let (seen, liked) = (plan.buffer_in(history, 3), plan.buffer_in(likes, 3));
    for (column, view) in columns
        .into_iter()
        .zip([pair.columns(0, 3), pair.columns(3, 3), seen, liked])
    {
        plan.gather("item.weight", column, 90, INIT, view);
    }
    let pooled = plan.buffer(6);
    plan.pool(seen, pooled.columns(0, 3), false);
    plan.pool(liked, pooled.columns(3, 3), true);
    let product = plan.buffer(6);
    plan.product(pair, pooled, product);
    let top = plan.linear("top", pair, 1, Activation::Identity);
    let logit = plan.sum("bias", &[product, top]);
    let plan = plan.finish(SigmoidCrossEntropy { logit }).unwrap();
    check(&checked, &plan, &[20, 900], "shared by four");

    // No sample has any step.
    let mut batch = random_batch(&plan, 9, 4);
    let none: Vec<u32> = Vec::new();
    let ids: Vec<Vec<u32>> = batch.columns().iter().map(|column| column.ids.clone()).collect();
    batch.reset(4, 2);
    for (column, ids) in ids.into_iter().enumerate() {
        *batch.ids_mut(column) = if column < 2 { ids } else { none.clone() };
    }
    (0..2).for_each(|sequence| (0..9).for_each(|_| batch.end_sequence(sequence, 0)));
    *batch.labels_mut() = vec![1.0; 9];
    batch.sort();
    let (name, optimizer) = &optimizers()[0];
    let state = trained_state(&plan, 0.3, 7, 11);
    let mut executor = GpuExecutor::new(&checked, plan.clone(), &state).unwrap();
    check_parity(
        &mut executor,
        &state,
        &[batch],
        (optimizer, L2::default()),
        TOLERANCE,
        name,
    );
}

/// Every stage of the models, as the processor's executor is tested with them; statistics of the batch are never sliced.
#[test]
fn feature_plans_equal_the_specification() {
    for (name, plan) in crate::common::feature_plans() {
        check_all(&plan, &[1, 7, 130], name);
    }
}

#[test]
fn factorisation_machines_equal_the_specification() {
    for (fields, factors) in [(1, 3), (2, 4), (5, 1), (7, 6), (3, 17)] {
        let plan = plan_of(fields * factors, |plan, x, steps| {
            // Vectors that look-ups, and that a linear map and a pooled sequence, have made.
            let both = plan.buffer(fields * factors);
            plan.pool(steps, both, false);
            let mapped = plan.linear("mapped", both, 2 * factors, Activation::Relu);
            let terms = [plan.fm(x, factors), plan.fm(mapped, factors), plan.fm(both, factors)];
            plan.plain_sum(&terms)
        });
        check_all(&plan, &[1, 130], &format!("{fields} fields of {factors}"));
    }
}

#[test]
fn prelu_and_affine_equal_the_specification() {
    for (width, hidden) in [(1, 1), (5, 7), (8, 67)] {
        let plan = plan_of(width, |plan, x, steps| {
            let h = plan.linear("h", x, hidden, Activation::Identity);
            let bent = plan.prelu("h", h);
            let scaled = plan.affine("h.scale", bent, true);
            let steps = plan.prelu("steps", steps);
            let steps = plan.affine("steps.scale", steps, false);
            let pooled = plan.buffer(width);
            plan.pool(steps, pooled, true);
            plan.plain_sum(&[scaled, pooled])
        });
        check_all(&plan, &[1, 7, 300], &format!("{width} to {hidden}"));
    }
}

/// Statistics of the samples and of the steps of a batch, of no steps at all too; running ones in use.
#[test]
fn batch_norm_and_dice_equal_the_specification() {
    for (width, hidden) in [(1, 2), (5, 7), (6, 67)] {
        let plan = plan_of(width, |plan, x, steps| {
            // A bias would be taken out again, and its gradient be what is left of rounding.
            let h = plan.linear_without_bias("h", x, hidden, Activation::Identity);
            let h = plan.batch_norm("h", h, 0.2, 0.01);
            let h = plan.affine("h.scale", h, true);
            let step = plan.linear("step", steps, hidden, Activation::Identity);
            let step = plan.dice("step", step);
            let pooled = plan.buffer(hidden);
            plan.pool(step, pooled, false);
            let product = plan.buffer(hidden);
            plan.product(h, pooled, product);
            plan.plain_sum(&[product, h])
        });
        // Of one row, what is left of the variance is its rounding.
        check_all(&plan, &[3, 20, 300], &format!("{width} to {hidden}"));
        check_held(&plan, &format!("{width} to {hidden}, statistics held"));
    }
}

/// Batches that hold the running statistics, between those that move them.
fn check_held(plan: &Plan, what: &str) {
    let Some([gpu, _]) = crate::common::gpu::open_both() else {
        return;
    };
    let batches = [(7, true), (20, false), (300, true), (20, false)].map(|(samples, hold)| {
        let mut batch = random_batch(plan, samples, 5);
        batch.hold_statistics(hold);
        batch
    });
    let (_, optimizer) = &optimizers()[0];
    let state = trained_state(plan, 0.3, 7, 11);
    let mut executor = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    check_parity(
        &mut executor,
        &state,
        &batches,
        (optimizer, L2::default()),
        TOLERANCE,
        what,
    );
}

#[test]
fn attention_equals_the_specification() {
    for (width, hidden, softmax) in [(1, 1, true), (5, 7, false), (8, 12, true), (3, 33, true)] {
        for activation in [Activation::Relu, Activation::Sigmoid, Activation::Identity] {
            let plan = plan_of(width, |plan, x, steps| {
                let unit = plan.attention_unit("unit", x, steps, hidden, activation);
                let scores = plan.linear("score", unit, 1, Activation::Identity);
                let weights = if softmax { plan.softmax(scores) } else { scores };
                let interest = plan.buffer(width);
                plan.attention(weights, steps, interest);
                plan.linear("top", interest, 1, Activation::Identity)
            });
            check_all(
                &plan,
                &[1, 100],
                &format!("{width} wide, {hidden}, {activation:?}, {softmax}"),
            );
        }
    }
}

/// What a plan exposes comes back row by row, slice behind slice.
#[test]
fn attention_is_handed_out() {
    let options = GpuOptions {
        slice_rows: Some(20),
        ..GpuOptions::default()
    };
    let Some(gpu) = crate::common::gpu::open(options) else {
        return;
    };
    let plan = plan_of(5, |plan, x, steps| {
        let unit = plan.attention_unit("unit", x, steps, 3, Activation::Sigmoid);
        let scores = plan.linear("score", unit, 1, Activation::Identity);
        let weights = plan.softmax(scores);
        plan.expose("weights", weights);
        plan.expose("unit", unit);
        let interest = plan.buffer(5);
        plan.attention(weights, steps, interest);
        plan.plain_sum(&[interest])
    });
    let state = random_state(&plan, 0.3, 11);
    let mut on_gpu = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    let mut on_cpu = CpuExecutor::new(plan.clone(), state, Isa::detect().unwrap(), 1).unwrap();
    let batch = random_batch(&plan, 77, 1);
    for name in ["weights", "unit"] {
        let (mut a, mut b) = (vec![0.0; 77], vec![0.0; 77]);
        let found = score_with(&mut on_gpu, &batch, name, &mut a).wait().unwrap();
        let want = score_with(&mut on_cpu, &batch, name, &mut b).wait().unwrap();
        close(&found, &crate::common::wide(&want), TOLERANCE, name);
        close(&a, &crate::common::wide(&b), TOLERANCE, "logits");
    }
    assert!(
        score_with(&mut on_gpu, &batch, "nothing", &mut [0.0; 77])
            .wait()
            .is_err()
    );
}

/// What no logit depends on is computed in training alone: after scores its buffers hold what was there before.
#[test]
fn activations_of_training_alone_are_refused() {
    let plan = plan_of(5, |plan, x, steps| {
        let clicked = plan.linear("clicked", steps, 1, Activation::Identity);
        let negative = plan.linear("negative", steps, 1, Activation::Identity);
        plan.auxiliary(clicked, negative, 0.5);
        plan.expose("clicked", clicked);
        plan.expose("steps", steps);
        let pooled = plan.buffer(5);
        plan.pool(steps, pooled, true);
        plan.plain_sum(&[pooled, x])
    });
    let state = random_state(&plan, 0.3, 11);
    let cpu = CpuExecutor::new(plan.clone(), state.clone(), Isa::detect().unwrap(), 1).unwrap();
    let mut executors: Vec<Box<dyn Executor>> = vec![Box::new(cpu)];
    if let Some(gpu) = crate::common::gpu::open(GpuOptions::default()) {
        executors.push(Box::new(GpuExecutor::new(&gpu, plan.clone(), &state).unwrap()));
    }
    let batch = random_batch(&plan, 77, 1);
    for executor in &mut executors {
        executor
            .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
            .wait()
            .unwrap();
        let refused = score_with(&mut **executor, &batch, "clicked", &mut [0.0; 77])
            .wait()
            .unwrap_err();
        assert!(refused.to_string().contains("in training alone"), "{refused}");
        score_with(&mut **executor, &batch, "steps", &mut [0.0; 77])
            .wait()
            .unwrap();
    }
}

/// The same calls give the same bits, in whatever order sizes came before.
#[test]
fn runs_give_the_same_bits() {
    let Some(gpu) = crate::common::gpu::open(GpuOptions::default()) else {
        return;
    };
    for (name, plan) in crate::common::feature_plans() {
        let state = trained_state(&plan, 0.3, 7, 11);
        let batches: Vec<_> = [300, 700, 90].map(|n| random_batch(&plan, n, n as u64)).into();
        let run = |warm: bool| {
            let mut executor = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
            if warm {
                let batch = random_batch(&plan, 900, 5);
                executor
                    .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
                    .wait()
                    .unwrap();
                executor.take_loss().wait().unwrap();
                executor.set_state(&state).wait().unwrap();
            }
            for batch in &batches {
                executor
                    .step(batch, &Optimizer::default(), L2::default(), &mut || ())
                    .wait()
                    .unwrap();
            }
            let loss = executor.take_loss().wait().unwrap().sum.to_bits();
            (loss, bits(&executor.state().wait().unwrap()))
        };
        assert!(run(false) == run(true), "{name}");
    }
}
