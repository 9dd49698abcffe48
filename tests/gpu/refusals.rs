//! Errors instead of panics, what is said to be taken of memory, and devices by name.

use pocketrec::{
    Error,
    cpu::Isa,
    data::Batch,
    device::Device,
    executor::Executor,
    gpu::{Gpu, GpuExecutor, GpuOptions, Select},
    models::{Mf, NeuMf},
    plan::{L2, Optimizer, Plan, State},
};

use crate::{
    bits,
    common::{self, close, random_batch, random_state},
    device_error, executor, neumf, open, step,
};

#[test]
fn bad_input_changes_nothing() {
    let Some(gpu) = open() else { return };
    let plan = neumf(9, 8);
    let mut executor = executor(&gpu, &plan);
    let before = bits(&executor.state().wait().unwrap());
    let adam = Optimizer::default();
    let mut run =
        |batch: &Batch, optimizer: &Optimizer| executor.step(batch, optimizer, L2::default(), &mut || ()).wait();
    let outside = Batch::from_columns(&[&[9], &[0]], &[1.0]).unwrap();
    assert!(matches!(run(&outside, &adam), Err(Error::Id { id: 9, rows: 9, .. })));
    let narrow = Batch::from_columns(&[&[1]], &[1.0]).unwrap();
    assert!(matches!(run(&narrow, &adam), Err(Error::Length { .. })));
    let mut unsorted = Batch::new(2, 1);
    unsorted.push(&[1, 1], 1.0);
    assert!(matches!(run(&unsorted, &adam), Err(Error::Config { .. })));
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
        executor.score(&[&[1, 2], &[1, 8]], &mut out).wait(),
        Err(Error::Id { id: 8, .. })
    ));
    assert!(matches!(
        executor.score(&[&[1, 2], &[1]], &mut out).wait(),
        Err(Error::Length { .. })
    ));
    executor.score(&[&[], &[]], &mut []).wait().unwrap();
    assert!(matches!(
        executor.read_rows(0, 9, &mut [0.0; 8]).wait(),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        executor.write_rows(0, 0, &[0.0; 7]).wait(),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        executor.write_rows(99, 0, &[]).wait(),
        Err(Error::Length { .. })
    ));
    assert!(matches!(executor.grow(0, 3).wait(), Err(Error::Config { .. })));
    let other = State::initial(&neumf(9, 9), 1, true).unwrap();
    assert!(matches!(executor.set_state(&other).wait(), Err(Error::Length { .. })));
    assert!(matches!(
        GpuExecutor::new(&gpu, plan, &other).map(|_| ()),
        Err(Error::Length { .. })
    ));
    assert_eq!(bits(&executor.state().wait().unwrap()), before);
    assert_eq!(executor.take_loss().wait().unwrap().samples, 0);
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
        assert!(!executor.take_loss().wait().unwrap().sum.is_finite(), "{bad}");
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
    let kept = executor.state().wait().unwrap();
    step(&mut *executor, &batches[1]);
    gpu.destroy();
    let lost = device_error(
        executor
            .step(&batches[2], &Optimizer::default(), L2::default(), &mut || ())
            .wait(),
    );
    assert!(lost.contains("lost") && lost.contains("last state"), "{lost}");
    device_error(executor.take_loss().wait());
    device_error(executor.state().wait());
    device_error(executor.set_state(&kept).wait());
    device_error(executor.score(&[&[1], &[1]], &mut [0.0]).wait());
    device_error(executor.read_rows(0, 0, &mut [0.0; 8]).wait());
    device_error(GpuExecutor::new(&gpu, plan.clone(), &kept).map(|_| ()));

    // The same device, opened anew, and the processor go on from the state that was kept.
    let mut again = device.executor(plan.clone(), kept.clone()).unwrap();
    let mut cpu = Device::cpu().executor(plan.clone(), kept).unwrap();
    for executor in [&mut again, &mut cpu] {
        step(&mut **executor, &batches[1]);
        step(&mut **executor, &batches[2]);
    }
    let (again, cpu) = (again.state().wait().unwrap(), cpu.state().wait().unwrap());
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
    let Some(gpu) = crate::common::gpu::open(options) else {
        return;
    };
    let build = |plan: Plan| {
        let state = State::initial(&plan, 1, false).unwrap();
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
    let text = device_error(
        executor
            .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
            .wait(),
    );
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
                executor
                    .step(&random_batch(&plan, batch, 1), &optimizer, L2::default(), &mut || ())
                    .wait()
            };
            let before = gpu.created().bytes;
            run(&gpu).unwrap();
            assert_eq!(gpu.created().bytes - before, memory.total(), "{name}: {memory}");
            let limited = |most| {
                let options = GpuOptions {
                    max_memory: Some(most),
                    ..GpuOptions::default()
                };
                crate::common::gpu::open(options).unwrap()
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
    let state = || State::initial(&plan, 1, false).unwrap();
    let on_gpu = Device::named("gpu").unwrap().executor(plan.clone(), state()).unwrap();
    assert_eq!(on_gpu.device(), format!("gpu {}", gpu.name()));
    for name in ["GPU", " Gpu "] {
        assert_eq!(Device::named(name).unwrap(), Device::named("gpu").unwrap());
    }
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
    let state = State::initial(&large, 1, false).unwrap();
    let device = auto.executor(large, state).unwrap().device();
    let hardware = Gpu::open(&Select::Hardware, GpuOptions::default()).is_ok();
    assert_eq!(device.starts_with("gpu"), hardware, "{device}");
}

/// The device would train on rows that the order does not name, and say nothing.
#[test]
fn batches_that_were_edited_or_hold_no_numbers_are_refused() {
    let Some(gpu) = open() else { return };
    let plan = neumf(30, 20);
    let state = random_state(&plan, 0.2, 5);
    let mut executor = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    let step = |executor: &mut GpuExecutor, batch: &Batch| {
        executor
            .step(batch, &Optimizer::default(), L2::default(), &mut || ())
            .wait()
    };
    let good = random_batch(&plan, 40, 1);
    type Edit = fn(&mut Batch);
    let edits: [(Edit, &str); 6] = [
        (|batch| batch.ids_mut(0)[3] = 29, "call Batch::sort"),
        (|batch| batch.ids_mut(1)[0] = u32::MAX, "call Batch::sort"),
        (|batch| batch.ids_mut(0).truncate(4), "call Batch::sort"),
        (|batch| batch.labels_mut()[7] = f32::NAN, "label of sample 7: NaN"),
        (|batch| batch.weights_mut().resize(40, -1.0), "weight of sample 0: -1"),
        (|batch| batch.weights_mut().resize(39, 1.0), "expected 40, got 39"),
    ];
    for (edit, telling) in edits {
        let mut batch = good.clone();
        edit(&mut batch);
        let text = step(&mut executor, &batch).unwrap_err().to_string();
        assert!(text.contains(telling), "{text} does not say {telling}");
        assert!(executor.state().wait().unwrap() == state, "{telling}");
    }
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        executor
            .step(&good, &Optimizer::default(), L2::default(), &mut || panic!("planted"))
            .wait()
    }));
    assert!(caught.is_err());
    let refused = [
        step(&mut executor, &good),
        executor.state().wait().map(drop),
        executor.take_loss().wait().map(drop),
    ];
    assert!(
        refused
            .into_iter()
            .all(|refused| refused.unwrap_err().to_string().contains("interrupted"))
    );
    executor.set_state(&state).wait().unwrap();
    let mut other = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    for executor in [&mut executor, &mut other] {
        step(executor, &good).unwrap();
    }
    assert!(executor.state().wait().unwrap() == other.state().wait().unwrap());
    assert_eq!(executor.take_loss().wait().unwrap(), other.take_loss().wait().unwrap());
}

/// Settings of the processor are not ignored on a graphics device.
#[test]
fn threads_and_instruction_sets_are_the_processors() {
    let Some(gpu) = open() else { return };
    let plan = Mf::new(9, 8).factors(2).plan().unwrap();
    let make = |device: Device| device.executor(plan.clone(), State::initial(&plan, 1, false).unwrap());
    let on = || Device::on(&gpu);
    for (device, set) in [
        (on().threads(2), "threads(2)"),
        (on().simd(Isa::Scalar), "simd(scalar)"),
    ] {
        let error = make(device).map(drop).unwrap_err();
        assert!(matches!(error, Error::Device(_)), "{error}");
        assert!(error.to_string().contains(set), "{error}");
    }
    // 0 threads are as many as there are: nothing is asked for.
    make(on().threads(0)).unwrap();
}
