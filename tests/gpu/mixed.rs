//! Mixed precision: products of halves, summed in f32, within what rounding allows of the specification. Few software
//! drivers have it (lavapipe of Mesa 25 and later does); elsewhere it must be refused with the reason.

use pocketrec::{
    Error, Result,
    data::clicks::{IdField, Layout, SequenceField, Table},
    executor::Executor,
    gpu::{Gpu, GpuExecutor, GpuOptions, Select},
    models::{Dien, Din, NeuMf, Unit},
    plan::{Activation, L2, Plan, State},
    reference::Reference,
};

use crate::common::{check_parity, optimizers, plan_of, random_batch, random_state};

/// Relative to the largest magnitude of each tensor. A half has 11 bits: each factor is off by 2^-12 at most, a product by
/// twice that, and what is off adds up over three layers and back.
const TOLERANCE: f64 = 2e-3;

/// The device with mixed precision; without, the refusal is checked and the test over.
fn open_mixed(checked: bool) -> Option<Gpu> {
    let plain = crate::common::gpu::open(GpuOptions::default())?;
    let options = GpuOptions {
        mixed: true,
        checked,
        ..GpuOptions::default()
    };
    match Gpu::open(&Select::Named(plain.name()), options) {
        Ok(gpu) => Some(gpu),
        Err(Error::Device(text)) => {
            assert!(
                text.starts_with("mixed precision: ") && text.contains("lacks"),
                "{text}"
            );
            crate::common::skipped::skipped(&text);
            None
        }
        Err(other) => panic!("{other}"),
    }
}

/// Parameters that halves hold exactly, as they do the sums of their products, so that every ReLU cuts where it should.
fn exact_state(plan: &Plan, seed: u64) -> State {
    let mut state = random_state(plan, 0.25, seed);
    for value in state.tensors.iter_mut().flat_map(|tensor| &mut tensor.value) {
        *value = (*value * 16.0).round() / 16.0;
    }
    state
}

#[test]
fn linear_of_any_shape_is_near_the_specification() {
    // Both sides of the edges of a tile: 128 or 64 rows, 64 or 32 columns, 32 or 16 deep.
    let shapes = [
        (16, 16),
        (17, 19),
        (31, 64),
        (64, 33),
        (65, 67),
        (130, 129),
        (40, 132),
        (200, 20),
    ];
    for checked in [true, false] {
        let Some(gpu) = open_mixed(checked) else { return };
        for (inputs, outputs) in shapes {
            for activation in [
                Activation::Relu,
                Activation::Sigmoid,
                Activation::Tanh,
                Activation::Identity,
            ] {
                let plan = plan_of(inputs, |plan, x| {
                    let h = plan.linear("h", x, outputs, activation);
                    plan.linear("logit", h, 1, Activation::Identity)
                });
                let mut executor =
                    GpuExecutor::new(&gpu, plan.clone(), &State::initial(&plan, 3, false).unwrap()).unwrap();
                let (state, how) = (exact_state(&plan, 11), (&optimizers()[2].1, L2::default()));
                for n in [1, 33, 300] {
                    let batch = random_batch(&plan, n, n as u64);
                    let what = format!("{inputs} to {outputs}, {activation:?}, {n}, {:?}", gpu.options());
                    check_parity(&mut executor, &state, &[batch], how, TOLERANCE, &what);
                }
            }
        }
    }
}

#[test]
fn what_halves_hold_is_multiplied_exactly() {
    let Some(gpu) = open_mixed(false) else { return };
    let plan = plan_of(72, |plan, x| {
        let h = plan.linear("h", x, 40, Activation::Relu);
        plan.linear("logit", h, 1, Activation::Identity)
    });
    let state = exact_state(&plan, 5);
    let batch = random_batch(&plan, 200, 1);
    let mut logits = vec![f32::NAN; batch.len()];
    let mut executor = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    executor.score_batch(&batch, &mut logits).wait().unwrap();
    let want = Reference::new(&plan, &state).unwrap().forward_batch(&batch).unwrap();
    assert!(want.iter().any(|&logit| logit > 1.0), "{want:?}");
    assert_eq!(crate::common::wide(&logits), want);
}

/// NeuMF, and DIN and DIEN, whose attention and recurrent layers multiply parts of a weight.
fn models() -> [Plan; 3] {
    let layout = Layout {
        ids: vec![IdField::new("user", 0), IdField::new("item", 1)],
        vocabularies: [("user", 50), ("item", 60)]
            .map(|(name, rows)| Table {
                name: name.into(),
                rows,
            })
            .into(),
        sequences: vec![SequenceField {
            name: "history".into(),
            length: 7,
            fields: vec![1],
        }],
        ..Layout::default()
    };
    let din = Din::new(&layout)
        .embedding_dim(20)
        .attention([24], Unit::Sigmoid)
        .hidden([40, 16]);
    let dien = Dien::new(&layout)
        .embedding_dim(20)
        .attention([24])
        .hidden([40, 16])
        .auxiliary([20], 0.5);
    let neumf = NeuMf::new(50, 60).factors(16).layers([64, 32, 16]);
    [neumf.plan(), din.plan(), dien.plan()].map(Result::unwrap)
}

/// Whole training steps: the same bits run after run, near those in f32, and the loss falls.
#[test]
fn steps_are_reproducible_and_near_f32() {
    let Some(gpu) = open_mixed(false) else { return };
    let plain = Gpu::open(&Select::Named(gpu.name()), GpuOptions::default()).unwrap();
    let optimizer = &optimizers()[0].1;
    for plan in models() {
        let train = |gpu: &Gpu| {
            let mut executor = GpuExecutor::new(gpu, plan.clone(), &State::initial(&plan, 3, true).unwrap()).unwrap();
            let mut losses = Vec::new();
            for step in 0..40 {
                let batch = random_batch(&plan, 256, step % 4);
                executor
                    .step(&batch, optimizer, L2::default(), &mut || ())
                    .wait()
                    .unwrap();
                losses.push(executor.take_loss().wait().unwrap().mean());
            }
            (losses, executor.state().wait().unwrap())
        };
        let (first, again, exact) = (train(&gpu), train(&gpu), train(&plain));
        assert!(first == again);
        assert!(first.1 != exact.1, "mixed precision was asked for and not used");
        for (step, (loss, want)) in first.0.iter().zip(&exact.0).enumerate() {
            assert!((loss - want).abs() < 0.01 * want, "step {step}: {loss}, in f32 {want}");
        }
        assert!(first.0[39] < 0.9 * first.0[0], "{:?}", first.0);
    }
}
