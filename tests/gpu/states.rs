//! States that go to the CPU and back, whole and by rows.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    executor::{Executor, RowRun, hold_back, keep_rows, put_back},
    gpu::{Gpu, GpuExecutor, GpuOptions},
    models::NeuMf,
    plan::{Plan, RowType, State},
};

use crate::{
    bits,
    common::{self, close, random_batch, random_state, trained_state},
    executor, neumf, open, step,
};

#[test]
fn states_go_to_the_cpu_and_back() {
    let Some(gpu) = open() else { return };
    for (name, plan) in common::odd_models(40, 50) {
        let state = trained_state(&plan, 0.2, 4, 9);
        let mut on_gpu = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        assert_eq!(bits(&on_gpu.state().wait().unwrap()), bits(&state), "{name}");
        let batch = random_batch(&plan, 200, 3);
        step(&mut on_gpu, &batch);
        let trained = on_gpu.state().wait().unwrap();
        let mut on_cpu = CpuExecutor::new(plan.clone(), trained.clone(), Isa::detect().unwrap(), 1).unwrap();
        let columns = common::id_columns(&batch);
        let (mut cpu, mut gpu_scores) = (vec![0.0; 200], vec![0.0; 200]);
        for _ in 0..2 {
            on_cpu.score(&columns, &mut cpu).wait().unwrap();
            on_gpu.score(&columns, &mut gpu_scores).wait().unwrap();
            close(&gpu_scores, &common::wide(&cpu), 1e-5, name);
            step(&mut on_cpu, &batch);
            on_gpu.set_state(&on_cpu.state().wait().unwrap()).wait().unwrap();
        }
    }
}

#[test]
fn states_without_moments_come_back_without() {
    let Some(gpu) = open() else { return };
    let plan = neumf(9, 8);
    let mut executor = executor(&gpu, &plan);
    assert!(
        executor
            .state()
            .wait()
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
            .wait()
            .unwrap()
            .tensors
            .iter()
            .all(|tensor| !tensor.m.is_empty() && !tensor.v.is_empty())
    );
    // Moments that a state lacks begin at zero again.
    let fresh = random_state(&plan, 0.2, 5);
    executor.set_state(&fresh).wait().unwrap();
    assert_eq!(executor.state().wait().unwrap(), fresh);
    step(&mut executor, &batch);
    let mut other = GpuExecutor::new(&gpu, plan.clone(), &fresh).unwrap();
    step(&mut other, &batch);
    assert_eq!(
        bits(&executor.state().wait().unwrap()),
        bits(&other.state().wait().unwrap())
    );
}

/// Weights lie on the device transposed as well. Only writing a weight makes that copy stale: `absorb` writes rows of
/// tables by the hundred, and each would cost a pass over all weights.
#[test]
fn rows_that_are_written_cost_a_transpose_only_where_they_are_a_weights() {
    let Some(gpu) = open() else { return };
    let plan = neumf(50, 60);
    let mut executor = executor(&gpu, &plan);
    let dispatches = |executor: &mut GpuExecutor, written: Option<&str>| {
        if let Some(name) = written {
            let param = plan.param(name).unwrap();
            let width = plan.params()[param].width;
            executor.write_rows(param, 0, &vec![0.25; width]).wait().unwrap();
        }
        let before = executor.counts().dispatches;
        executor.score(&[&[1, 2], &[3, 4]], &mut [0.0; 2]).wait().unwrap();
        executor.counts().dispatches - before
    };
    dispatches(&mut executor, None); // the first makes the transposes
    let scoring = dispatches(&mut executor, None);
    for vector in ["gmf.item.weight", "mlp.user.weight", "mlp.0.bias", "logit.bias"] {
        assert_eq!(dispatches(&mut executor, Some(vector)), scoring, "{vector}");
    }
    let written = dispatches(&mut executor, Some("mlp.0.weight"));
    assert!(written > scoring, "{written} {scoring}");
    assert_eq!(dispatches(&mut executor, None), scoring);
}

/// A plan of odd widths, trained, with a device whose bindings hold its tables and one where each lies in several buffers; none
/// where there is no device.
fn whole_and_in_shards() -> Vec<(Gpu, Plan, State)> {
    let of_bindings = |max_binding| {
        let gpu = crate::common::gpu::open(GpuOptions {
            max_binding,
            ..GpuOptions::default()
        })?;
        let plan = NeuMf::new(90, 300).factors(3).layers([6, 5]).plan().unwrap();
        let state = trained_state(&plan, 0.2, 4, 9);
        Some((gpu, plan, state))
    };
    [None, Some(8 << 10)].into_iter().filter_map(of_bindings).collect()
}

/// Copies stay on the device, and rows of tables in several buffers, of odd widths and of tables that have grown since find
/// theirs: put back they are the rows that there were, held back they go the share of their way that the host works out.
#[test]
fn rows_go_back_to_copies_that_were_not_read() {
    for (gpu, plan, state) in whole_and_in_shards() {
        let mut executor = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        let item = plan.param("mlp.item.weight").unwrap();
        let runs = plan.params().iter().enumerate().flat_map(|(param, of)| {
            let (first, rows) = (of.rows / 3, of.rows.div_ceil(2).min(of.rows - of.rows / 3));
            [RowRun { param, first, rows }]
        });
        let runs: Vec<RowRun> = runs.collect();
        let read = |executor: &mut GpuExecutor| {
            let all = runs.iter().flat_map(|run| {
                let mut values = vec![0.0; run.rows * plan.params()[run.param].width];
                executor.read_rows(run.param, run.first, &mut values).wait().unwrap();
                values
            });
            all.collect::<Vec<f32>>()
        };
        let old = read(&mut executor);
        let reads = gpu.reads();
        let kept = keep_rows(&mut executor, runs.clone()).unwrap();
        executor.grow(1, 700).wait().unwrap();
        for run in &runs {
            let values = vec![0.75; run.rows * plan.params()[run.param].width];
            executor.write_rows(run.param, run.first, &values).wait().unwrap();
        }
        let shares: Vec<f32> = (0..runs.iter().map(|run| run.rows).sum())
            .map(|row| row as f32 / 256.0)
            .collect();
        hold_back(&mut executor, &kept, &shares).unwrap();
        assert_eq!(gpu.reads(), reads, "nothing comes to the host");
        let held = read(&mut executor);
        let widths = runs
            .iter()
            .flat_map(|run| std::iter::repeat_n(plan.params()[run.param].width, run.rows));
        let of_floats = widths
            .zip(&shares)
            .flat_map(|(width, &share)| std::iter::repeat_n(share, width));
        let expected = old.iter().zip(of_floats);
        let expected: Vec<f64> = expected
            .map(|(&old, share)| f64::from(old) + f64::from(share) * (0.75 - f64::from(old)))
            .collect();
        close(&held, &expected, 1e-6, "held back");
        put_back(&mut executor, &kept).unwrap();
        assert_eq!(read(&mut executor), old);
        // Scores are those of the weights that were put back, whose transposes are made anew.
        let mut again = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        let (mut scores, mut of_again) = ([0.0; 2], [0.0; 2]);
        executor.score(&[&[40, 41], &[150, 200]], &mut scores).wait().unwrap();
        again.score(&[&[40, 41], &[150, 200]], &mut of_again).wait().unwrap();
        assert_eq!(scores, of_again);
        // Mistakes are told, and nothing is changed by them.
        assert!(hold_back(&mut executor, &kept, &[0.5]).is_err());
        let beyond = RowRun {
            param: item,
            first: 699,
            rows: 2,
        };
        assert!(keep_rows(&mut executor, vec![beyond]).is_err());
        let mut on_cpu = CpuExecutor::new(plan.clone(), state, Isa::detect().unwrap(), 1).unwrap();
        assert!(
            put_back(&mut on_cpu, &kept)
                .unwrap_err()
                .to_string()
                .contains("another executor")
        );
    }
}

#[test]
fn rows_are_read_written_and_grown_as_on_the_cpu() {
    for (gpu, plan, state) in whole_and_in_shards() {
        let mut on_gpu = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        let mut on_cpu = CpuExecutor::new(plan.clone(), state, Isa::detect().unwrap(), 1).unwrap();
        let executors: [&mut dyn Executor; 2] = [&mut on_gpu, &mut on_cpu];
        let states = executors.map(|executor| {
            let mut rows = Vec::new();
            for rows_then in [301, 302, 700, 5000] {
                executor.grow(1, rows_then).wait().unwrap();
                for (param, of) in plan.params().iter().enumerate() {
                    let last = executor.plan().params()[param].rows - 1;
                    let values: Vec<f32> = (0..of.width).map(|i| (param + i) as f32 / 100.0).collect();
                    executor.write_rows(param, last, &values).wait().unwrap();
                    let mut read = vec![0.0; of.width * (last + 1).min(2)];
                    executor
                        .read_rows(param, (last + 1).saturating_sub(2), &mut read)
                        .wait()
                        .unwrap();
                    rows.push(read);
                }
            }
            let batch = random_batch(executor.plan(), 64, 2);
            step(executor, &batch);
            (rows, executor.state().wait().unwrap())
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

/// A graphics device makes floats of rows that are kept as halves or bytes: it scores and learns as on these, and gives the state
/// back as it is kept, with the rows beside that have changed.
#[test]
fn stored_rows_are_floats_there() {
    let Some(gpu) = open() else { return };
    for (name, plan) in common::odd_models(40, 50) {
        for kind in [RowType::F16, RowType::I8] {
            let stored = random_state(&plan, 0.3, 9).with_tables_as(&plan, kind).unwrap();
            let floats = |state: &State| state.with_tables_as(&plan, RowType::F32).unwrap();
            let small = plan.clone().with_tables_as(kind);
            let mut on_rows = GpuExecutor::new(&gpu, small.clone(), &stored).unwrap();
            let mut on_floats = GpuExecutor::new(&gpu, plan.clone(), &floats(&stored)).unwrap();
            assert_eq!(on_rows.state().wait().unwrap(), stored, "{name}");
            let batch = random_batch(&plan, 30, 3);
            step(&mut on_rows, &batch);
            step(&mut on_floats, &batch);
            let learnt = on_rows.state().wait().unwrap();
            assert_eq!(learnt.row_type(), kind);
            let want = floats(&on_floats.state().wait().unwrap());
            assert_eq!(floats(&learnt), want, "{name}");
            // Exact are the rows that the batch picks and none else.
            for (param, tensor) in small.params().iter().zip(&learnt.tensors) {
                if let Some(stored) = &tensor.stored {
                    assert!(
                        stored.exact().len() <= 30 && !stored.exact().is_empty(),
                        "{name}: {}",
                        param.name
                    );
                }
            }
            let mut on_cpu = CpuExecutor::new(small, learnt.clone(), Isa::detect().unwrap(), 1).unwrap();
            assert_eq!(on_cpu.state().wait().unwrap(), learnt, "{name}");
        }
    }
}
