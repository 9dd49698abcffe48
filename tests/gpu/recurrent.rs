//! Recurrent layers and the auxiliary loss on the GPU: what PyTorch computed (`tests/golden/README.md`), the specification
//! over odd shapes, the same bits every run, and a DIEN that learns. `tests/golden/dien.rs` has PyTorch's DIEN.

use pocketrec::{
    Error,
    data::{Batch, clicks::PlantedClicks},
    device::Device,
    executor::Executor,
    gpu::{Gpu, GpuExecutor, GpuOptions},
    models::Dien,
    ops::SigmoidCrossEntropy,
    plan::{Activation, AdamConfig, GruKind, Init, L2, Optimizer, Plan, PlanBuilder, Space, State},
    train::{ClickConfig, ClickTrainer},
};

use crate::common::{
    check_parity, close64, golden::Golden, gradients, random_batch, random_state, recurrent::recurrent_plans,
    trained_state,
};

/// Relative to the largest magnitude of each tensor.
const TOLERANCE: f64 = 2e-5;
const INIT: Init = Init::Normal { std: 0.1 };
const CONFIG: AdamConfig = AdamConfig {
    learning_rate: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};
const OPTIMIZERS: [Optimizer; 3] = [
    Optimizer::LazyAdam(CONFIG),
    Optimizer::Adam(CONFIG),
    Optimizer::Sgd { learning_rate: 0.1 },
];
const KINDS: [(&str, GruKind); 4] = [
    ("gru", GruKind::Gru),
    ("aigru", GruKind::Aigru),
    ("agru", GruKind::Agru),
    ("augru", GruKind::Augru),
];

/// With checks of shaders' accesses, without, and in slices that are shorter than some histories.
fn devices() -> Vec<Gpu> {
    let Some(gpus) = crate::common::gpu::open_both() else {
        return Vec::new();
    };
    let sliced = GpuOptions {
        slice_rows: Some(40),
        checked: true,
        ..GpuOptions::default()
    };
    gpus.into_iter().chain(crate::common::gpu::open(sliced)).collect()
}

/// A batch of these lengths of histories, in every sequence of the plan; ids are those of a random batch.
fn batch_of(plan: &Plan, lengths: &[usize]) -> Batch {
    let mut batch = random_batch(plan, lengths.len(), 5);
    let ids: Vec<Vec<u32>> = batch.columns().iter().map(|column| column.ids.clone()).collect();
    let labels = batch.labels().to_vec();
    batch.reset(ids.len(), plan.sequences().len());
    for sequence in 0..plan.sequences().len() {
        lengths.iter().for_each(|&steps| batch.end_sequence(sequence, steps));
    }
    for (index, (column, ids)) in plan.columns().iter().zip(ids).enumerate() {
        let rows = match column.space.index() {
            0 => lengths.len(),
            _ => lengths.iter().sum(),
        };
        let table = plan.rows(column.vocabulary) as u32;
        let fresh = (0..rows as u32).map(|i| ids.get(i as usize).copied().unwrap_or(7 * i % table));
        *batch.ids_mut(index) = fresh.collect();
    }
    *batch.labels_mut() = labels;
    batch.sort();
    batch
}

/// The functional of states and last states whose gradients the file has, as a loss: tables hold its coefficients and the
/// layer's operands, each step its own row, and a logit far below 0 has the gradient -1 / samples, whatever it is.
fn golden_plan(golden: &Golden, kind: GruKind) -> Plan {
    let (inputs, hidden): (usize, usize) = (golden.setting("inputs"), golden.setting("hidden"));
    let offsets = golden.ids("offsets");
    let (samples, steps) = (offsets.len() - 1, offsets[offsets.len() - 1] as usize);
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let mut rows = |name: &str, width: usize| {
        let column = plan.column_in(name, "step", history);
        let output = plan.buffer_in(history, width);
        plan.gather(name, column, steps, Init::Zeros, output);
        output
    };
    let (input, functional) = (rows("input", inputs), rows("functional/states", hidden));
    let scores = (kind != GruKind::Gru).then(|| rows("score", 1));
    let of_last = plan.buffer(hidden);
    let column = plan.column_in("functional/last", "sample", Space::Samples);
    plan.gather("functional/last", column, samples, Init::Zeros, of_last);
    let states = plan.gru("gru", kind, input, scores, hidden);
    let products = plan.buffer_in(history, hidden);
    let [pooled, last, both] = [(); 3].map(|()| plan.buffer(hidden));
    plan.product(states, functional, products);
    plan.pool(products, pooled, false);
    plan.last_step(states, last);
    plan.product(last, of_last, both);
    let logit = plan.sum("bias", &[pooled, both]);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

#[test]
fn recurrent_layers_equal_pytorch() {
    let golden = Golden::read(include_bytes!("../golden/recurrent.safetensors"));
    let offsets = golden.ids("offsets");
    let lengths: Vec<usize> = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize).collect();
    for (gpu, (name, kind)) in devices().iter().flat_map(|gpu| KINDS.map(|kind| (gpu, kind))) {
        let plan = golden_plan(&golden, kind);
        let mut state = State::initial(&plan, 0, false).unwrap();
        for (param, tensor) in plan.params().iter().zip(&mut state.tensors) {
            tensor.value = match &*param.name {
                "bias" => vec![-60.0],
                name => golden.floats(name.trim_start_matches("gru.")),
            };
            assert_eq!(tensor.value.len(), param.len(), "{}", param.name);
        }
        let mut batch = batch_of(&plan, &lengths);
        for index in 0..plan.columns().len() {
            let rows = batch.columns()[index].ids.len() as u32;
            *batch.ids_mut(index) = (0..rows).collect();
        }
        batch.labels_mut().fill(1.0);
        batch.sort();
        let mut executor = GpuExecutor::new(gpu, plan.clone(), &state).unwrap();
        let found = gradients(&mut executor, &batch, L2::default()).unwrap();
        for (param, found) in plan.params().iter().zip(found) {
            let want = match &*param.name {
                "bias" => continue,
                "functional/states" => format!("{name}/states"),
                "functional/last" => format!("{name}/last"),
                of => format!("{name}/grad/{}", of.trim_start_matches("gru.")),
            };
            let found: Vec<f64> = found.iter().map(|x| -x * lengths.len() as f64).collect();
            close64(
                &found,
                &golden.wide(&want),
                1e-5,
                &format!("{want}, {:?}", gpu.options()),
            );
        }
    }
}

/// A plan with one optimiser on these batches.
fn check(gpu: &Gpu, plan: &Plan, state: &State, batches: &[Batch], optimizer: &Optimizer, what: &str) {
    let decay = L2 {
        tables: 0.1,
        per_row: 0.01,
        dense: 0.01,
    };
    let mut executor = GpuExecutor::new(gpu, plan.clone(), state).unwrap();
    let what = format!("{what}, {optimizer:?}, {:?}", gpu.options());
    check_parity(&mut executor, state, batches, (optimizer, decay), TOLERANCE, &what);
}

/// Widths around whole vec4s and the tiles of threads; empty histories, single steps, and histories longer than a slice.
#[test]
fn recurrent_plans_equal_the_specification() {
    let devices = devices();
    for (round, hidden) in [[1, 1], [3, 6], [8, 5], [17, 33]].into_iter().enumerate() {
        for (name, plan) in recurrent_plans(hidden) {
            let mut batches: Vec<_> = [1, 7, 130].map(|n| random_batch(&plan, n, n as u64)).into();
            batches.push(batch_of(&plan, &[0, 0, 0]));
            batches.push(batch_of(&plan, &[1, 1, 0, 1]));
            batches.push(batch_of(&plan, &[0, 70, 2, 0, 0, 41, 1, 6, 300, 0]));
            let optimizer = &OPTIMIZERS[round % 3];
            let state = match optimizer.has_moments() {
                true => trained_state(&plan, 0.3, 7, 11),
                false => random_state(&plan, 0.3, 11),
            };
            for gpu in &devices {
                check(gpu, &plan, &state, &batches, optimizer, &format!("{name}, {hidden:?}"));
            }
        }
    }
}

/// Layers on columns within others, with scores among them, behind a ReLU, and read piece by piece: pads lie within the
/// states, and gradients of the same columns add up.
#[test]
fn layers_on_columns_of_others_equal_the_specification() {
    let devices = devices();
    for (name, kind) in KINDS {
        let mut plan = PlanBuilder::new();
        let history = plan.sequence("history");
        let seen = plan.column_in("seen", "item", history);
        let items = plan.buffer_in(history, 5);
        plan.gather("item.weight", seen, 23, INIT, items);
        let h = plan.linear("h", items, 9, Activation::Relu);
        let scores = (kind != GruKind::Gru).then(|| h.columns(8, 1));
        let states = plan.gru("first", kind, h.columns(1, 6), scores, 7);
        let again = plan.gru("again", kind, h.columns(1, 6), scores, 3);
        let top = plan.gru("top", kind, states, scores, 6);
        let read = plan.buffer(7 + 3 + 6 + 3);
        plan.last_step(states.columns(2, 3), read.columns(0, 3));
        plan.pool(states.columns(0, 2), read.columns(3, 2), true);
        plan.pool(states.columns(5, 2), read.columns(5, 2), false);
        plan.last_step(again, read.columns(7, 3));
        plan.last_step(top, read.columns(10, 6));
        for (k, column) in [0, 7, 8].into_iter().enumerate() {
            plan.pool(h.columns(column, 1), read.columns(16 + k, 1), true);
        }
        let beside = plan.pair_with_next(states.columns(2, 3), items);
        let total = plan.buffer(8);
        plan.pool(beside, total, true);
        let logit = plan.linear("logit", read, 1, Activation::Identity);
        let logit = plan.sum("bias", &[logit, total]);
        let plan = plan.finish(SigmoidCrossEntropy { logit }).unwrap();
        let batches: Vec<_> = [3, 90].map(|n| random_batch(&plan, n, n as u64)).into();
        let state = trained_state(&plan, 0.3, 7, 11);
        for gpu in &devices {
            check(gpu, &plan, &state, &batches, &OPTIMIZERS[0], name);
        }
    }
}

/// States of more units than a workgroup has threads.
#[test]
fn wide_states_equal_the_specification() {
    let Some(gpu) = crate::common::gpu::open(GpuOptions::default()) else {
        return;
    };
    for hidden in [[70, 130], [5, 261], [530, 3]] {
        for (name, plan) in recurrent_plans(hidden) {
            let batches = [batch_of(&plan, &[2, 0, 5, 1])];
            let state = State::initial(&plan, 3, true).unwrap();
            let what = format!("{name}, {hidden:?}");
            check(&gpu, &plan, &state, &batches, &OPTIMIZERS[2], &what);
        }
    }
}

/// More histories than a row of workgroups has room for: whole and in slices they give the same.
#[test]
fn many_histories_are_dealt_to_rows_of_workgroups() {
    let (_, plan) = recurrent_plans([33, 1]).swap_remove(3);
    let lengths: Vec<usize> = (0..66_000).map(|s| usize::from(s % 3 < 2)).collect();
    let batch = batch_of(&plan, &lengths);
    let state = State::initial(&plan, 3, false).unwrap();
    let mut found = Vec::new();
    for rows in [66_000, 5_000] {
        let options = GpuOptions {
            slice_rows: Some(rows),
            ..GpuOptions::default()
        };
        let Some(gpu) = crate::common::gpu::open(options) else {
            return;
        };
        let mut executor = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        let mut logits = vec![f32::NAN; lengths.len()];
        executor.score_batch(&batch, &mut logits).wait().unwrap();
        let gradients = gradients(&mut executor, &batch, L2::default()).unwrap();
        found.push((logits, gradients));
    }
    assert!(found[0].0 == found[1].0, "logits differ");
    for ((param, whole), sliced) in plan.params().iter().zip(&found[0].1).zip(&found[1].1) {
        close64(whole, sliced, TOLERANCE, &param.name);
    }
}

/// Two sequences with auxiliary losses of their own, one of them twice on the same logits.
#[test]
fn several_auxiliary_losses_equal_the_specification() {
    let mut plan = PlanBuilder::new();
    let mut totals = Vec::new();
    let mut losses = Vec::new();
    for (name, width) in [("history", 3), ("likes", 6)] {
        let steps = plan.sequence(name);
        let [clicked, negative] = ["clicked", "negative"].map(|kind| {
            let column = plan.column_in(&format!("{name}.{kind}"), "item", steps);
            let output = plan.buffer_in(steps, width);
            plan.gather(&format!("{name}.weight"), column, 23, INIT, output);
            output
        });
        let logit = format!("{name}.logit");
        let high = plan.linear(&logit, clicked, 1, Activation::Identity);
        let low = plan.shared(|plan| plan.linear(&logit, negative, 1, Activation::Identity));
        let total = plan.buffer(1);
        plan.pool(high, total, true);
        totals.push(total);
        losses.push((high, low));
    }
    for (k, weight) in [(1, 0.5), (0, 1.0), (1, 2.0)] {
        plan.auxiliary(losses[k].0, losses[k].1, weight);
    }
    let logit = plan.sum("bias", &totals);
    let plan = plan.finish(SigmoidCrossEntropy { logit }).unwrap();
    let batches: Vec<_> = [1, 20, 700].map(|n| random_batch(&plan, n, n as u64)).into();
    for gpu in devices() {
        let state = trained_state(&plan, 0.3, 7, 11);
        check(
            &gpu,
            &plan,
            &state,
            &batches,
            &OPTIMIZERS[0],
            "several auxiliary losses",
        );
    }
}

#[test]
fn states_that_shaders_cannot_hold_are_refused() {
    let Some(gpu) = crate::common::gpu::open(GpuOptions::default()) else {
        return;
    };
    let new = |hidden: [usize; 2]| {
        let (_, plan) = recurrent_plans(hidden).swap_remove(3);
        GpuExecutor::memory(&gpu, &plan, 8, false).unwrap_err();
        GpuExecutor::new(&gpu, plan.clone(), &State::initial(&plan, 1, false).unwrap())
    };
    let Err(Error::Device(text)) = new([4, 1025]) else {
        panic!("states of 1025 columns were taken")
    };
    for part in ["gru: evolution.weight_ih", "1025", "1024", "--device cpu"] {
        assert!(text.contains(part), "{text}");
    }
}

/// The same calls give the same bits, in whatever order sizes came before.
#[test]
fn runs_give_the_same_bits() {
    let Some(gpu) = crate::common::gpu::open(GpuOptions::default()) else {
        return;
    };
    for (name, plan) in recurrent_plans([9, 7]) {
        let state = trained_state(&plan, 0.3, 7, 11);
        let batches: Vec<_> = [300, 700, 90].map(|n| random_batch(&plan, n, n as u64)).into();
        let run = |warm: bool| {
            let mut executor = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
            let step = |executor: &mut GpuExecutor, batch: &Batch| {
                executor
                    .step(batch, &Optimizer::default(), L2::default(), &mut || ())
                    .wait()
                    .unwrap();
                let losses = [
                    executor.take_loss().wait().unwrap(),
                    executor.take_auxiliary().wait().unwrap(),
                ];
                losses.map(|loss| loss.sum.to_bits())
            };
            if warm {
                step(&mut executor, &random_batch(&plan, 900, 5));
                executor.set_state(&state).wait().unwrap();
            }
            let losses: Vec<_> = batches.iter().map(|batch| step(&mut executor, batch)).collect();
            let state = executor.state().wait().unwrap();
            let parts = state
                .tensors
                .iter()
                .flat_map(|tensor| [&tensor.value, &tensor.m, &tensor.v]);
            let bits: Vec<Vec<u32>> = parts
                .map(|values| values.iter().map(|x| x.to_bits()).collect())
                .collect();
            (losses, bits)
        };
        assert!(run(false) == run(true), "{name}");
    }
}

/// Losses of epochs on the GPU are those of the CPU, whose draws are the same.
#[test]
fn dien_learns_as_on_the_cpu() {
    let Some(gpu) = crate::common::gpu::open(GpuOptions::default()) else {
        return;
    };
    let data = PlantedClicks {
        users: 60,
        rows_per_user: 30,
        ..PlantedClicks::default()
    };
    let data = data.generate().unwrap();
    for (name, kind) in KINDS {
        let model = Dien::new(data.train.layout())
            .embedding_dim(4)
            .attention([8])
            .evolution(kind)
            .hidden([8]);
        let run = |device: Device| {
            let mut config = ClickConfig {
                epochs: 3,
                batch_size: 128,
                ..ClickConfig::default()
            };
            config.optimizer = config.optimizer.with_learning_rate(0.01);
            let mut trainer = ClickTrainer::new(model.clone(), device, config).unwrap();
            let mut losses = Vec::new();
            trainer.fit(&data.train, None, |epoch| losses.push(epoch.loss)).unwrap();
            let report = trainer.evaluate(&data.test).unwrap();
            (losses, report.auc.unwrap())
        };
        let (losses, auc) = run(Device::on(&gpu));
        let (want, want_auc) = run(Device::cpu());
        assert!(losses[2] < losses[0], "{name}: {losses:?}");
        close64(&losses, &want, 1e-3, name);
        assert!((auc - want_auc).abs() < 0.01, "{name}: {auc}, on the CPU {want_auc}");
    }
}
