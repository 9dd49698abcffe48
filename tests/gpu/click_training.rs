//! ClickTrainer on the GPU: it learns what the processor learns, makes nothing once it is warm, takes the memory that was
//! said, and goes on where it stopped.

use pocketrec::{
    checkpoint::ClickCheckpoint,
    data::clicks::{Layout, PlantedClickData, PlantedClicks},
    device::Device,
    eval::{ClickReport, Query},
    executor::{Executor, score_catalogue, top_catalogue},
    gpu::{Gpu, GpuExecutor, GpuOptions},
    models::{ClickModel, DeepFm, Dien, Din, Fm, Lr, Unit, WideDeep},
    ops::SigmoidCrossEntropy,
    plan::{Activation, Init, L2, Optimizer, Plan, PlanBuilder},
    train::{ClickRow, ClickTrainer, Control, StopReason},
};

use crate::common::{bits, click_config as config, random_batch, random_state};

fn open() -> Option<Gpu> {
    crate::common::gpu::open(GpuOptions::default())
}

/// Clicks that ids and histories explain.
fn planted() -> PlantedClickData {
    let clicks = PlantedClicks {
        users: 200,
        items: 100,
        categories: 10,
        rows_per_user: 40,
        taste: 1.0,
        relevance: 2.0,
        bias: -1.0,
        ..PlantedClicks::default()
    };
    clicks.generate().unwrap()
}

fn models(layout: &Layout) -> Vec<(&'static str, ClickModel)> {
    let din = Din::new(layout)
        .embedding_dim(8)
        .attention([16], Unit::Sigmoid)
        .hidden([32, 16]);
    let wide_deep = WideDeep::new(layout).embedding_dim(8).hidden([32, 16]);
    vec![
        ("LR", Lr::new(layout).into()),
        ("FM", Fm::new(layout).embedding_dim(8).into()),
        ("Wide & Deep", wide_deep.unit(Unit::BatchNormRelu).into()),
        (
            "DeepFM",
            DeepFm::new(layout)
                .embedding_dim(8)
                .hidden([32, 16])
                .dropout(0.1)
                .into(),
        ),
        (
            "DIEN",
            Dien::new(layout).embedding_dim(4).attention([8]).hidden([16]).into(),
        ),
        ("DIN", din.clone().into()),
        ("DIN with Dice", din.softmax(true).unit(Unit::Dice).dropout(0.1).into()),
    ]
}

/// Batches, initial values and masks are the same on both, so that only rounding parts them.
#[test]
fn models_learn_what_they_learn_on_the_processor() {
    let Some(gpu) = open() else { return };
    let data = planted();
    for (name, model) in models(data.train.layout()) {
        let learnt: [(Vec<f64>, ClickReport); 2] = [Device::on(&gpu), Device::cpu()].map(|device| {
            let mut trainer = ClickTrainer::new(model.clone(), device, config(2)).unwrap();
            let mut losses = Vec::new();
            trainer
                .fit(&data.train, Some(&data.dev), |epoch| losses.push(epoch.loss))
                .unwrap();
            (losses, trainer.evaluate(&data.test).unwrap())
        });
        let [(losses, on_gpu), (wanted, on_cpu)] = learnt;
        for (loss, want) in losses.iter().zip(&wanted) {
            assert!((loss - want).abs() < 1e-3 * want, "{name}: {losses:?}, {wanted:?}");
        }
        assert!(losses[1] < losses[0], "{name} learns nothing: {losses:?}");
        let [a, b] = [on_gpu.auc.unwrap(), on_cpu.auc.unwrap()];
        assert!((a - b).abs() < 2e-3, "{name}: AUC {a} and {b}");
    }
}

/// Stopped after every epoch, saved, loaded and gone on with, beside one that was not.
#[test]
fn a_resumed_run_equals_the_uninterrupted_one() {
    let Some(gpu) = open() else { return };
    let data = planted();
    let (_, model) = models(data.train.layout()).pop().unwrap();
    let mut whole = ClickTrainer::new(model.clone(), Device::on(&gpu), config(3)).unwrap();
    whole.fit(&data.train, None, |_| ()).unwrap();
    let mut parts = ClickTrainer::new(model, Device::on(&gpu), config(3)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut stops = 0;
    while parts.fit(&data.train, None, |_| Control::Stop).unwrap().reason == StopReason::Stopped {
        parts.save(&path).unwrap();
        parts = ClickTrainer::load(&path, Device::on(&gpu)).unwrap();
        stops += 1;
    }
    assert!(stops >= 2, "{stops}");
    assert_eq!(bits(&parts.state().unwrap()), bits(&whole.state().unwrap()));
    // What the GPU saved is the processor's too.
    let checkpoint = ClickCheckpoint::load(&path).unwrap();
    let mut on_cpu = ClickTrainer::from_checkpoint(checkpoint, Device::cpu()).unwrap();
    let mut on_gpu = ClickTrainer::load(&path, Device::on(&gpu)).unwrap();
    let [a, b] = [&mut on_cpu, &mut on_gpu].map(|trainer| trainer.score(&data.test).unwrap());
    crate::common::close(&b, &crate::common::wide(&a), 1e-4, "logits");
}

/// From one file, on both: only rounding parts what they learn from clicks, by new users and on new items too.
#[test]
fn absorbed_clicks_teach_what_they_teach_the_processor() {
    let Some(gpu) = open() else { return };
    let data = planted();
    let clicks = [
        [("user", "ann"), ("item", "7")],
        [("user", "3"), ("item", "new")],
        [("user", "3"), ("item", "9")],
    ];
    let clicks = clicks.each_ref().map(|values| ClickRow {
        values,
        events: &[],
        label: 1.0,
    });
    for (name, model) in models(data.train.layout()) {
        let mut trained = ClickTrainer::new(model, Device::cpu(), config(1)).unwrap();
        trained.set_encoder(data.encoder.clone()).unwrap();
        trained.fit(&data.train, None, |_| ()).unwrap();
        let [on_cpu, on_gpu] = [Device::cpu(), Device::on(&gpu)].map(|device| {
            let mut trainer = ClickTrainer::from_checkpoint(trained.checkpoint().unwrap(), device).unwrap();
            assert_eq!(trainer.absorb(&clicks).unwrap().new_keys, 2);
            let state = trainer.state().unwrap();
            // Whatever the number of steps and rows: predictions before and after, and the loss.
            let before = gpu.reads();
            trainer.absorb(&clicks).unwrap();
            assert!(gpu.reads() - before <= 4, "{name}: {}", gpu.reads() - before);
            state
        });
        assert_eq!(on_gpu.step, on_cpu.step);
        for (a, b) in on_gpu.tensors.iter().zip(&on_cpu.tensors) {
            crate::common::close(&a.value, &crate::common::wide(&b.value), 1e-3, name);
        }
    }
}

fn step(executor: &mut GpuExecutor, plan: &Plan, samples: usize, seed: u64) {
    let batch = random_batch(plan, samples, seed);
    executor
        .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
        .wait()
        .unwrap();
}

/// Batches with fewer steps than one before make nothing; those with some more make room once for a quarter beyond.
#[test]
fn a_warm_step_is_one_submit_and_makes_nothing() {
    let Some(gpu) = open() else { return };
    let data = planted();
    for (name, model) in models(data.train.layout()) {
        let plan = model.plan().unwrap();
        let mut executor = GpuExecutor::new(&gpu, plan.clone(), &random_state(&plan, 0.1, 5)).unwrap();
        let steps = |seed: u64| {
            let batch = random_batch(&plan, 300, seed);
            (0..batch.sequences()).map(|s| batch.offsets(s)[300]).sum::<u32>()
        };
        let mut seeds: Vec<u64> = (0..6).collect();
        seeds.sort_by_key(|&seed| steps(seed));
        let last = seeds.pop().unwrap();
        step(&mut executor, &plan, 300, seeds[2]);
        step(&mut executor, &plan, 300, last);
        executor.take_loss().wait().unwrap(); // makes memory to read back
        let (counts, created) = (executor.counts(), gpu.created());
        for &seed in &seeds {
            step(&mut executor, &plan, 300, seed);
        }
        executor.take_loss().wait().unwrap();
        assert_eq!(gpu.created(), created, "{name}: made in a warm step");
        let more = executor.counts();
        assert_eq!(more.submits - counts.submits, seeds.len() as u64, "{name}");
        println!(
            "{name}: {} dispatches a step",
            (more.dispatches - counts.dispatches) / 5
        );
    }
}

/// A catalogue is scored by pairs of ids: plans that read more of a sample are refused on every device.
#[test]
fn catalogues_of_plans_with_histories_are_refused() {
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let (user, seen) = (plan.column("user"), plan.column_in("seen", "item", history));
    let (x, steps) = (plan.buffer(6), plan.buffer_in(history, 3));
    plan.gather("user.weight", user, 9, Init::Zeros, x.columns(0, 3));
    plan.gather("item.weight", seen, 7, Init::Zeros, steps);
    plan.pool(steps, x.columns(3, 3), true);
    let logit = plan.linear("logit", x, 1, Activation::Identity);
    let plan = plan.finish(SigmoidCrossEntropy { logit }).unwrap();
    let mut devices = vec![Device::cpu()];
    devices.extend(open().map(|gpu| Device::on(&gpu)));
    for device in devices {
        let mut executor = device.executor(plan.clone(), random_state(&plan, 0.1, 5)).unwrap();
        let query = Query { user: 3, known: &[] };
        let refusals = [
            (
                score_catalogue(&mut *executor, &[3], &mut [0.0; 7]).wait(),
                "no catalogue",
            ),
            (
                top_catalogue(&mut *executor, &[query], 2).wait().map(drop),
                "no catalogue",
            ),
            (executor.score(&[&[3], &[2]], &mut [0.0]).wait(), "sequences"),
        ];
        for (refused, telling) in refusals {
            let text = refused.unwrap_err().to_string();
            assert!(text.contains(telling), "{text} does not say {telling}");
        }
    }
}

/// What is said to be taken is what is taken, to the byte.
#[test]
fn memory_is_known_before_it_is_taken() {
    let Some(gpu) = open() else { return };
    let data = planted();
    for (name, model) in models(data.train.layout()) {
        let plan = model.plan().unwrap();
        let batch = random_batch(&plan, 130, 1);
        let steps: Vec<u32> = (0..batch.sequences()).map(|s| batch.offsets(s)[130]).collect();
        let memory = GpuExecutor::memory_with_steps(&gpu, &plan, 130, &steps, true).unwrap();
        let before = gpu.created().bytes;
        let mut executor = GpuExecutor::new(&gpu, plan.clone(), &random_state(&plan, 0.1, 5)).unwrap();
        step(&mut executor, &plan, 130, 1);
        assert_eq!(gpu.created().bytes - before, memory.total(), "{name}: {memory}");
    }
}

/// A batch normalisation's batch cannot be cut: one that does not fit is refused, and nothing is changed.
#[test]
fn batches_that_do_not_fit_are_refused_with_the_sizes() {
    let options = GpuOptions {
        max_binding: Some(64 << 10),
        ..GpuOptions::default()
    };
    let Some(gpu) = crate::common::gpu::open(options) else {
        return;
    };
    let data = planted();
    let models = models(data.train.layout());
    for name in ["Wide & Deep", "DIN with Dice"] {
        let (_, model) = models.iter().find(|(other, _)| *other == name).unwrap();
        let plan = model.plan().unwrap();
        let mut executor = GpuExecutor::new(&gpu, plan.clone(), &random_state(&plan, 0.1, 5)).unwrap();
        let before = bits(&executor.state().wait().unwrap());
        let batch = random_batch(&plan, 5000, 1);
        let refused = executor.step(
            &batch,
            &Optimizer::Sgd { learning_rate: 0.1 },
            L2::default(),
            &mut || (),
        );
        let text = refused.wait().unwrap_err().to_string();
        assert!(
            text.contains("5000 samples") && text.contains("65536"),
            "{name}: {text}"
        );
        assert_eq!(bits(&executor.state().wait().unwrap()), before);
        step(&mut executor, &plan, 30, 1);
    }
}
