//! How the GPU executor behaves: the same bits, a known number of dispatches, nothing made in a warm step, errors
//! instead of panics, and states that go to the CPU and back.
#![cfg(feature = "gpu")]

mod common;
mod planted;

use common::{close, random_batch, random_state, trained_state};
use pocketrec::{
    Error,
    cpu::{CpuExecutor, Isa},
    data::Batch,
    device::Device,
    executor::Executor,
    gpu::{Gpu, GpuExecutor, GpuOptions, Select},
    models::{Mf, NeuMf},
    plan::{L2, Optimizer, Plan, State},
    train::{Control, StopReason, TrainConfig, Trainer},
};

fn open() -> Option<Gpu> {
    common::gpu::open(GpuOptions::default())
}

fn neumf(users: usize, items: usize) -> Plan {
    NeuMf::new(users, items).factors(8).layers([32, 16, 8]).plan().unwrap()
}

fn executor(gpu: &Gpu, plan: &Plan) -> GpuExecutor {
    GpuExecutor::new(gpu, plan.clone(), &random_state(plan, 0.2, 5)).unwrap()
}

fn step(executor: &mut dyn Executor, batch: &Batch) {
    executor
        .step(batch, &Optimizer::default(), L2::default(), &mut || ())
        .unwrap();
}

fn device_error<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Device(text)) => text,
        other => panic!("wanted Error::Device, got {other:?}"),
    }
}

/// Bits, so that a NaN or a signed zero cannot hide.
fn bits(state: &State) -> Vec<Vec<u32>> {
    let parts = state
        .tensors
        .iter()
        .flat_map(|tensor| [&tensor.value, &tensor.m, &tensor.v]);
    parts
        .map(|values| values.iter().map(|x| x.to_bits()).collect())
        .collect()
}

#[test]
fn runs_give_the_same_bits_and_resume_where_they_stopped() {
    let Some(gpu) = open() else { return };
    let plan = neumf(50, 60);
    // The last batch of an epoch is shorter than the others: what came before must not matter.
    let batches: Vec<_> = [700, 700, 90]
        .iter()
        .map(|&n| random_batch(&plan, n, n as u64))
        .collect();
    let mut whole = executor(&gpu, &plan);
    let mut again = executor(&gpu, &plan);
    for (index, batch) in batches.iter().enumerate() {
        step(&mut whole, batch);
        step(&mut again, batch);
        assert_eq!(
            bits(&whole.state().unwrap()),
            bits(&again.state().unwrap()),
            "step {index}"
        );
        assert_eq!(whole.take_loss().unwrap(), again.take_loss().unwrap());
        let state = again.state().unwrap();
        again = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    }
    assert_eq!(whole.state().unwrap().step, 3);
}

/// A change that adds a dispatch is seen here.
#[test]
fn a_step_is_one_submit_and_makes_nothing_once_warm() {
    let Some(gpu) = open() else { return };
    let plan = neumf(500, 600);
    let mut executor = executor(&gpu, &plan);
    let batches: Vec<_> = (0..4).map(|seed| random_batch(&plan, 1024, seed)).collect();
    step(&mut executor, &batches[0]);
    let (counts, created) = (executor.counts(), gpu.created());
    for batch in &batches[1..] {
        step(&mut executor, batch);
    }
    assert_eq!(gpu.created(), created, "made in a warm step");
    let more = executor.counts();
    assert_eq!(more.submits - counts.submits, 3);
    // Forward: 4 gathers, 1 product, 2 + 1 linear layers. Backward: 1 loss, 3 x 2 linear, 2 product. Updates: 1 for all
    // dense parameters, 4 tables with 2 passes each, as both columns have a row that more than 32 samples pick.
    assert_eq!(more.dispatches - counts.dispatches, 3 * (8 + 9 + 9));
    executor.take_loss().unwrap();
    let created = gpu.created();
    step(&mut executor, &batches[0]);
    executor.take_loss().unwrap();
    assert_eq!(gpu.created(), created, "made while a loss was taken");
}

#[test]
fn a_profiled_step_is_a_step() {
    let Some(gpu) = open() else { return };
    let plan = neumf(50, 60);
    let batch = random_batch(&plan, 1000, 1);
    let [mut timed, mut untimed] = [executor(&gpu, &plan), executor(&gpu, &plan)];
    step(&mut untimed, &batch);
    match timed.profile(&batch, &Optimizer::default(), L2::default()) {
        Ok(stages) => {
            assert_eq!(stages.len() as u64, timed.counts().dispatches);
            let forward = stages
                .iter()
                .find(|stage| stage.name == "linear forward 32 to 16")
                .unwrap();
            assert_eq!(forward.flops, 1000.0 * 2.0 * 32.0 * 16.0);
            assert!(stages.iter().map(|stage| stage.seconds).sum::<f64>() > 0.0);
            assert_eq!(bits(&timed.state().unwrap()), bits(&untimed.state().unwrap()));
        }
        Err(error) => assert!(error.to_string().contains("cannot take the time"), "{error}"),
    }
}

#[test]
fn losses_of_many_steps_keep_their_precision() {
    let Some(gpu) = open() else { return };
    let options = GpuOptions {
        max_binding: Some(16 << 10), // room for 4096 sums: they are fetched in between
        ..GpuOptions::default()
    };
    let Some(small) = common::gpu::open(options) else {
        return;
    };
    let plan = Mf::new(3, 3).factors(1).plan().unwrap();
    let batch = random_batch(&plan, 3, 1);
    let mut means = Vec::new();
    for gpu in [&gpu, &small] {
        let mut executor = executor(gpu, &plan);
        let still = Optimizer::Sgd { learning_rate: 1e-30 };
        executor.step(&batch, &still, L2::default(), &mut || ()).unwrap();
        let one = executor.take_loss().unwrap();
        for _ in 0..4200 {
            executor.step(&batch, &still, L2::default(), &mut || ()).unwrap();
        }
        let all = executor.take_loss().unwrap();
        assert_eq!(all.samples, 4200 * 3);
        assert!(
            (all.mean() - one.mean()).abs() < 1e-12,
            "{} and {}",
            all.mean(),
            one.mean()
        );
        assert_eq!(executor.take_loss().unwrap().samples, 0);
        means.push(all.mean());
    }
    assert_eq!(means[0], means[1]);
}

#[test]
fn states_go_to_the_cpu_and_back() {
    let Some(gpu) = open() else { return };
    for (name, plan) in common::odd_models(40, 50) {
        let state = trained_state(&plan, 0.2, 4, 9);
        let mut on_gpu = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        assert_eq!(bits(&on_gpu.state().unwrap()), bits(&state), "{name}");
        let batch = random_batch(&plan, 200, 3);
        step(&mut on_gpu, &batch);
        let trained = on_gpu.state().unwrap();
        let mut on_cpu = CpuExecutor::new(plan.clone(), trained.clone(), Isa::detect().unwrap(), 1).unwrap();
        let columns = common::id_columns(&batch);
        let (mut cpu, mut gpu_scores) = (vec![0.0; 200], vec![0.0; 200]);
        for _ in 0..2 {
            on_cpu.score(&columns, &mut cpu).unwrap();
            on_gpu.score(&columns, &mut gpu_scores).unwrap();
            close(&gpu_scores, &common::wide(&cpu), 1e-5, name);
            step(&mut on_cpu, &batch);
            on_gpu.set_state(&on_cpu.state().unwrap()).unwrap();
        }
    }
}

#[test]
fn a_catalogue_is_scored_as_its_pairs_are() {
    let options = GpuOptions {
        slice_rows: Some(70),
        ..GpuOptions::default()
    };
    let Some(gpu) = common::gpu::open(options) else { return };
    let plan = neumf(9, 80);
    let mut executor = executor(&gpu, &plan);
    let users = [3, 0, 8, 3];
    let (mut catalogue, mut pairs) = (vec![0.0; 4 * 80], vec![0.0; 4 * 80]);
    executor.score_catalogue(&users, &mut catalogue).unwrap();
    pocketrec::executor::score_pairs(&mut executor, &users, &mut pairs).unwrap();
    assert_eq!(catalogue, pairs);
    executor.score_catalogue(&[], &mut []).unwrap();
    assert!(matches!(
        executor.score_catalogue(&[9], &mut [0.0; 80]),
        Err(Error::Id { id: 9, .. })
    ));
    assert!(matches!(
        executor.score_catalogue(&[8], &mut [0.0; 79]),
        Err(Error::Length { .. })
    ));
}

#[test]
fn states_without_moments_come_back_without() {
    let Some(gpu) = open() else { return };
    let plan = neumf(9, 8);
    let mut executor = executor(&gpu, &plan);
    assert!(
        executor
            .state()
            .unwrap()
            .tensors
            .iter()
            .all(|tensor| tensor.m.is_empty() && tensor.v.is_empty())
    );
    let batch = random_batch(&plan, 30, 1);
    step(&mut executor, &batch);
    assert!(
        executor
            .state()
            .unwrap()
            .tensors
            .iter()
            .all(|tensor| !tensor.m.is_empty() && !tensor.v.is_empty())
    );
    // Moments that a state lacks begin at zero again.
    let fresh = random_state(&plan, 0.2, 5);
    executor.set_state(&fresh).unwrap();
    assert_eq!(executor.state().unwrap(), fresh);
    step(&mut executor, &batch);
    let mut other = GpuExecutor::new(&gpu, plan.clone(), &fresh).unwrap();
    step(&mut other, &batch);
    assert_eq!(bits(&executor.state().unwrap()), bits(&other.state().unwrap()));
}

#[test]
fn rows_are_read_written_and_grown_as_on_the_cpu() {
    for max_binding in [None, Some(8 << 10)] {
        let options = GpuOptions {
            max_binding,
            ..GpuOptions::default()
        };
        let Some(gpu) = common::gpu::open(options) else { return };
        let plan = NeuMf::new(90, 300).factors(3).layers([6, 5]).plan().unwrap();
        let state = trained_state(&plan, 0.2, 4, 9);
        let mut on_gpu = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        let mut on_cpu = CpuExecutor::new(plan.clone(), state, Isa::detect().unwrap(), 1).unwrap();
        let executors: [&mut dyn Executor; 2] = [&mut on_gpu, &mut on_cpu];
        let states = executors.map(|executor| {
            let mut rows = Vec::new();
            for rows_then in [301, 302, 700, 5000] {
                executor.grow(1, rows_then).unwrap();
                for (param, of) in plan.params().iter().enumerate() {
                    let last = executor.plan().params()[param].rows - 1;
                    let values: Vec<f32> = (0..of.width).map(|i| (param + i) as f32 / 100.0).collect();
                    executor.write_rows(param, last, &values).unwrap();
                    let mut read = vec![0.0; of.width * (last + 1).min(2)];
                    executor
                        .read_rows(param, (last + 1).saturating_sub(2), &mut read)
                        .unwrap();
                    rows.push(read);
                }
            }
            let batch = random_batch(executor.plan(), 64, 2);
            step(executor, &batch);
            (rows, executor.state().unwrap())
        });
        let [(gpu_rows, on_gpu), (cpu_rows, on_cpu)] = states;
        assert_eq!(gpu_rows, cpu_rows);
        for (a, b) in on_gpu.tensors.iter().zip(&on_cpu.tensors) {
            for (a, b) in [(&a.value, &b.value), (&a.m, &b.m), (&a.v, &b.v)] {
                close(a, &common::wide(b), 1e-5, "after growing");
            }
        }
    }
}

#[test]
fn bad_input_changes_nothing() {
    let Some(gpu) = open() else { return };
    let plan = neumf(9, 8);
    let mut executor = executor(&gpu, &plan);
    let before = bits(&executor.state().unwrap());
    let adam = Optimizer::default();
    let mut run = |batch: &Batch, optimizer: &Optimizer| executor.step(batch, optimizer, L2::default(), &mut || ());
    let outside = Batch::from_columns(&[&[9], &[0]], &[1.0]).unwrap();
    assert!(matches!(run(&outside, &adam), Err(Error::Id { id: 9, rows: 9, .. })));
    let narrow = Batch::from_columns(&[&[1]], &[1.0]).unwrap();
    assert!(matches!(run(&narrow, &adam), Err(Error::Length { .. })));
    let mut unsorted = Batch::new(2, 1);
    unsorted.push(&[1, 1], 1.0);
    assert!(matches!(run(&unsorted, &adam), Err(Error::Length { .. })));
    let fine = Batch::from_columns(&[&[1], &[1]], &[1.0]).unwrap();
    assert!(matches!(
        run(
            &fine,
            &Optimizer::Sgd {
                learning_rate: f32::NAN
            }
        ),
        Err(Error::Config { .. })
    ));
    run(&Batch::from_columns(&[&[], &[]], &[]).unwrap(), &adam).unwrap();

    let mut out = [0.0; 2];
    assert!(matches!(
        executor.score(&[&[1, 2], &[1, 8]], &mut out),
        Err(Error::Id { id: 8, .. })
    ));
    assert!(matches!(
        executor.score(&[&[1, 2], &[1]], &mut out),
        Err(Error::Length { .. })
    ));
    executor.score(&[&[], &[]], &mut []).unwrap();
    assert!(matches!(
        executor.read_rows(0, 9, &mut [0.0; 8]),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        executor.write_rows(0, 0, &[0.0; 7]),
        Err(Error::Length { .. })
    ));
    assert!(matches!(executor.write_rows(99, 0, &[]), Err(Error::Length { .. })));
    assert!(matches!(executor.grow(0, 3), Err(Error::Config { .. })));
    let other = State::initial(&neumf(9, 9), 1, true);
    assert!(matches!(executor.set_state(&other), Err(Error::Length { .. })));
    assert!(matches!(
        GpuExecutor::new(&gpu, plan, &other).map(|_| ()),
        Err(Error::Length { .. })
    ));
    assert_eq!(bits(&executor.state().unwrap()), before);
    assert_eq!(executor.take_loss().unwrap().samples, 0);
}

#[test]
fn values_that_are_not_finite_show_in_the_loss() {
    let Some(gpu) = open() else { return };
    for bad in [f32::NAN, f32::INFINITY] {
        let plan = neumf(9, 8);
        let mut state = random_state(&plan, 0.2, 5);
        let mlp = plan.param("mlp.user.weight").unwrap();
        state.tensors[mlp].value.fill(bad);
        let mut executor = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        step(&mut executor, &random_batch(&plan, 40, 1));
        assert!(!executor.take_loss().unwrap().sum.is_finite(), "{bad}");
    }
}

#[test]
fn a_lost_device_is_an_error_and_training_goes_on_from_the_last_state() {
    let Some(gpu) = open() else { return };
    let plan = neumf(50, 60);
    let batches: Vec<_> = (0..3).map(|seed| random_batch(&plan, 100, seed)).collect();
    let device = Device::on(&gpu);
    let mut executor = device.executor(plan.clone(), random_state(&plan, 0.2, 5)).unwrap();
    step(&mut *executor, &batches[0]);
    let kept = executor.state().unwrap();
    step(&mut *executor, &batches[1]);
    gpu.destroy();
    let lost = device_error(executor.step(&batches[2], &Optimizer::default(), L2::default(), &mut || ()));
    assert!(lost.contains("lost") && lost.contains("last state"), "{lost}");
    device_error(executor.take_loss());
    device_error(executor.state());
    device_error(executor.set_state(&kept));
    device_error(executor.score(&[&[1], &[1]], &mut [0.0]));
    device_error(executor.read_rows(0, 0, &mut [0.0; 8]));
    device_error(GpuExecutor::new(&gpu, plan.clone(), &kept).map(|_| ()));

    // The same device, opened anew, and the processor go on from the state that was kept.
    let mut again = device.executor(plan.clone(), kept.clone()).unwrap();
    let mut cpu = Device::cpu().executor(plan.clone(), kept).unwrap();
    for executor in [&mut again, &mut cpu] {
        step(&mut **executor, &batches[1]);
        step(&mut **executor, &batches[2]);
    }
    let (again, cpu) = (again.state().unwrap(), cpu.state().unwrap());
    for ((a, b), param) in again.tensors.iter().zip(&cpu.tensors).zip(plan.params()) {
        close(&a.value, &common::wide(&b.value), 1e-4, &param.name);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_sizes() {
    let options = GpuOptions {
        max_binding: Some(4 << 10),
        ..GpuOptions::default()
    };
    let Some(gpu) = common::gpu::open(options) else { return };
    let build = |plan: Plan| {
        let state = State::initial(&plan, 1, false);
        GpuExecutor::new(&gpu, plan, &state)
    };
    let created = gpu.created();
    let wide = NeuMf::new(5, 5).factors(8).layers([64, 64]).plan().unwrap();
    let text = device_error(build(wide).map(|_| ()));
    assert!(
        text.contains("weights and biases take") && text.contains("4096"),
        "{text}"
    );
    assert_eq!(gpu.created(), created);
    let mut executor = build(Mf::new(5, 5).factors(8).plan().unwrap()).unwrap();
    let batch = random_batch(executor.plan(), 1000, 1);
    let text = device_error(executor.step(&batch, &Optimizer::default(), L2::default(), &mut || ()));
    assert!(text.contains("a batch of 1000 samples takes"), "{text}");
    step(
        &mut executor,
        &random_batch(&Mf::new(5, 5).factors(8).plan().unwrap(), 50, 1),
    );
}

/// What is said to be taken is what is taken, to the byte; with a byte less allowed, nothing is.
#[test]
fn memory_is_known_before_it_is_taken() {
    let Some(gpu) = open() else { return };
    for (name, plan) in common::odd_models(40, 50) {
        for (batch, optimizer) in [(1, Optimizer::default()), (300, Optimizer::Sgd { learning_rate: 0.1 })] {
            let memory = GpuExecutor::memory(&gpu, &plan, batch as u32, optimizer.has_moments()).unwrap();
            let run = |gpu: &Gpu| {
                let mut executor = GpuExecutor::new(gpu, plan.clone(), &random_state(&plan, 0.2, 5))?;
                executor.step(&random_batch(&plan, batch, 1), &optimizer, L2::default(), &mut || ())
            };
            let before = gpu.created().bytes;
            run(&gpu).unwrap();
            assert_eq!(gpu.created().bytes - before, memory.total(), "{name}: {memory}");
            let limited = |most| {
                let options = GpuOptions {
                    max_memory: Some(most),
                    ..GpuOptions::default()
                };
                common::gpu::open(options).unwrap()
            };
            run(&limited(memory.total())).unwrap();
            let text = device_error(run(&limited(memory.total() - 1)));
            assert!(text.contains(&memory.to_string()), "{text} does not say {memory}");
            let parameters = memory.total() - memory.parts.last().unwrap().1;
            let gpu = limited(parameters / 4);
            device_error(GpuExecutor::new(&gpu, plan.clone(), &random_state(&plan, 0.2, 5)).map(|_| ()));
            assert_eq!(gpu.created().bytes, 0, "taken though it was too much");
        }
    }
}

#[test]
fn devices_are_found_by_name() {
    let Some(gpu) = open() else {
        assert!(device_error(Device::named("gpu")).contains("no graphics adapter"));
        return;
    };
    println!("adapters: {:#?}", Gpu::names());
    let text = device_error(Device::named("no such adapter"));
    assert!(
        text.contains("no such adapter") && text.contains(&Gpu::names()[0]),
        "{text}"
    );
    let plan = neumf(5, 5);
    let state = || State::initial(&plan, 1, false);
    let on_gpu = Device::named("gpu").unwrap().executor(plan.clone(), state()).unwrap();
    assert_eq!(on_gpu.device(), format!("gpu {}", gpu.name()));
    let part = &gpu.name()[..4].to_uppercase();
    assert!(
        Device::named(part)
            .unwrap()
            .executor(plan.clone(), state())
            .unwrap()
            .device()
            .starts_with("gpu")
    );
    // Small plans stay on the processor, and so do all where there is but software to play a device.
    let auto = Device::named("auto").unwrap();
    assert!(
        auto.executor(plan.clone(), state())
            .unwrap()
            .device()
            .starts_with("cpu")
    );
    let large = NeuMf::new(5, 5).factors(64).plan().unwrap();
    let state = State::initial(&large, 1, false);
    let device = auto.executor(large, state).unwrap().device();
    let hardware = Gpu::open(&Select::Hardware, GpuOptions::default()).is_ok();
    assert_eq!(device.starts_with("gpu"), hardware, "{device}");
}

/// Train, stop, save, load on the other device, recommend and absorb: the trainer sees no difference.
#[test]
fn the_trainer_runs_on_it() {
    let Some(gpu) = open() else { return };
    let split = planted::split();
    let config = TrainConfig {
        epochs: 2,
        ..planted::config()
    };
    let model = NeuMf::new(planted::USERS as usize, planted::ITEMS as usize).factors(4);
    let mut trainers =
        [Device::on(&gpu), Device::cpu()].map(|device| Trainer::new(model.clone(), device, config).unwrap());
    let losses = trainers.each_mut().map(|trainer| {
        let report = trainer.fit(&split, |_| ()).unwrap();
        report.last.unwrap().loss
    });
    assert!((losses[0] - losses[1]).abs() < 1e-4 * losses[1], "{losses:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    trainers[0].save(&path).unwrap();
    let mut loaded = Trainer::load(&path, Device::cpu()).unwrap();
    let user = 3;
    let on_gpu = trainers[0].recommend(user, 10).unwrap();
    let on_cpu = loaded.recommend(user, 10).unwrap();
    let items = |best: &[(u32, f32)]| best.iter().map(|(item, _)| *item).collect::<Vec<_>>();
    assert_eq!(items(&on_gpu), items(&on_cpu));
    let new_user = planted::USERS;
    for trainer in [&mut trainers[0], &mut loaded] {
        trainer.absorb(&[(new_user, 1), (new_user, 2)]).unwrap();
        assert_eq!(trainer.users(), new_user as usize + 1);
    }
}

/// Stopped in the middle of an epoch, saved, loaded and gone on with: the bits of a run that was not.
#[test]
fn a_resumed_run_equals_the_uninterrupted_one() {
    let Some(gpu) = open() else { return };
    let split = planted::split();
    let model = NeuMf::new(planted::USERS as usize, planted::ITEMS as usize).factors(4);
    let config = TrainConfig {
        epochs: 3,
        average_from: Some(2),
        ..planted::config()
    };
    let mut whole = Trainer::new(model.clone(), Device::on(&gpu), config).unwrap();
    whole.fit(&split, |_| ()).unwrap();
    let mut parts = Trainer::new(model, Device::on(&gpu), config).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut stops = 0;
    while parts.fit_events(&split, |_| Control::Stop).unwrap().reason == StopReason::Stopped {
        parts.save(&path).unwrap();
        parts = Trainer::load(&path, Device::on(&gpu)).unwrap();
        stops += 1;
    }
    assert!(stops > 2, "{stops}");
    assert_eq!(bits(&parts.state().unwrap()), bits(&whole.state().unwrap()));
    // What averaging keeps beside the device's parameters, and that the mean is not just the last ones.
    let [parts, whole] = [&mut parts, &mut whole].map(|trainer| trainer.checkpoint().unwrap());
    assert_eq!(bits(&parts.state), bits(&whole.state));
    assert!(parts.average_values == whole.average_values);
    assert_ne!(parts.average_values.unwrap()[0], parts.state.tensors[0].value);
}
