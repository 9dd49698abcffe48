//! Batches made on the device: sorted as the specification sorts, drawn as the host draws, and trained on to the same
//! bits as batches that are uploaded.

use pocketrec::{
    Error,
    data::{Batch, Interactions, Sampler},
    device::Device,
    executor::{Executor, keep_sampler, step_drawn},
    gpu::{BatchMaker, Gpu, GpuExecutor, GpuOptions},
    models::{Gmf, Loss, NeuMf},
    ops::sort,
    plan::{AdamConfig, L2, Optimizer, Plan, State},
    rng::Rng,
    train::{TrainConfig, Trainer},
};

use crate::common::random_state;

/// One, both sides of a round of 256 and of a block of 4096, and a prime.
const SIZES: [usize; 7] = [1, 255, 256, 257, 4096, 4097, 8209];

/// A device that draws batches of any size.
fn open(options: GpuOptions) -> Option<Gpu> {
    crate::common::gpu::open(GpuOptions {
        draw_from: Some(1),
        ..options
    })
}

/// With the checks of shaders' accesses on, and off.
fn open_both() -> Option<[Gpu; 2]> {
    let open = |checked| {
        open(GpuOptions {
            checked,
            ..GpuOptions::default()
        })
    };
    Some([open(true)?, open(false)?])
}

fn segments(batch: &Batch, column: usize) -> Vec<(u32, u32)> {
    let segments = batch.column(column).segments.iter();
    segments.map(|segment| (segment.row, segment.start)).collect()
}

/// Orders and segments are one thing, not one of many: they are compared number by number.
#[test]
fn sort_is_the_specification() {
    let Some(gpus) = open_both() else { return };
    // One to four bytes; few rows for long segments; as many columns as no model has.
    let tables: [&[usize]; 5] = [
        &[1, 2],
        &[200, 300],
        &[70_000, 3],
        &[1 << 24, 1 << 25],
        &[u32::MAX as usize, 256, 257],
    ];
    for gpu in &gpus {
        for rows in tables {
            // One maker for all sizes: what a larger batch left behind must not matter.
            let mut maker = BatchMaker::new(gpu, rows, 8209).unwrap();
            for size in SIZES.into_iter().rev() {
                let column = |(index, &rows): (usize, &usize)| -> Vec<u32> {
                    let rng = Rng::new(size as u64).stream(index as u32);
                    // Half of the ids uniform, half of them small.
                    let id = |i: u64| rng.below(i, (if i.is_multiple_of(2) { rows } else { rows.min(5) }) as u32);
                    (0..size as u64).map(id).collect()
                };
                let ids: Vec<Vec<u32>> = rows.iter().enumerate().map(column).collect();
                let mut batch = Batch::new(rows.len(), size);
                for sample in 0..size {
                    let ids: Vec<u32> = ids.iter().map(|ids| ids[sample]).collect();
                    batch.push(&ids, sample as f32);
                }
                maker.sort(&mut batch).wait().unwrap();
                for (index, ids) in ids.iter().enumerate() {
                    let order = sort::order(ids);
                    assert!(batch.column(index).ids == *ids, "{rows:?}, {size}: ids of {index}");
                    assert!(batch.column(index).order == order, "{rows:?}, {size}: order of {index}");
                    let wanted = sort::segments(ids, &order);
                    assert!(
                        segments(&batch, index) == wanted,
                        "{rows:?}, {size}: segments of {index}"
                    );
                }
                assert_eq!(batch.labels()[size - 1], (size - 1) as f32);
            }
        }
    }
}

/// Users with few items, with half of them, and with all but one or two: the last are served by rank.
fn hoarders() -> Interactions {
    let items = 97;
    let mut pairs: Vec<(u32, u32)> = (0..items).filter(|item| *item != 41).map(|item| (0, item)).collect();
    pairs.extend((0..items).filter(|item| ![0, 96].contains(item)).map(|item| (3, item)));
    pairs.extend((0..items / 2).map(|item| (1, 2 * item)));
    pairs.extend([(2, 96), (5, 0)]); // nothing of user 4
    Interactions::from_pairs(&pairs).unwrap()
}

#[test]
fn drawn_batches_are_the_hosts() {
    let Some(gpus) = open_both() else { return };
    let planted = crate::planted::split().train;
    for (data, negatives, seed) in [
        (&hoarders(), 4, 0),
        (&hoarders(), 1, u64::MAX),
        (&hoarders(), 0, 7),
        (&planted, 4, 3),
        (&Interactions::from_pairs(&[(0, 1)]).unwrap(), 2, 1),
    ] {
        let sampler = Sampler::new(data, negatives, seed).unwrap();
        let total = sampler.samples_per_epoch();
        for gpu in &gpus {
            let mut maker = BatchMaker::sampling(gpu, &sampler, 5000).wait().unwrap();
            let (mut host, mut device) = (Batch::new(2, 0), Batch::new(2, 0));
            for (epoch, start, count) in [
                (0, 0, 1),
                (0, 0, 5000),
                (7, 13, 300),
                (u32::MAX, total.saturating_sub(100), 300),
                (1, total, 9),
            ] {
                sampler.fill(epoch, start, count, &mut host);
                maker.fill(epoch, start, count, &mut device).wait().unwrap();
                for column in [0, 1] {
                    let what =
                        format!("column {column} of {count} from {start} of epoch {epoch}, {negatives} negatives");
                    assert!(host.column(column).ids == device.column(column).ids, "{what}");
                    assert!(host.column(column).order == device.column(column).order, "{what}");
                    assert_eq!(segments(&host, column), segments(&device, column), "{what}");
                }
                assert_eq!(host.labels(), device.labels());
            }
        }
    }
}

#[test]
fn what_cannot_be_made_is_refused() {
    let Some(gpu) = open(GpuOptions::default()) else {
        return;
    };
    let mut maker = BatchMaker::new(&gpu, &[5, 6], 3).unwrap();
    let batch = |users: &[u32], items: &[u32]| Batch::from_columns(&[users, items], &vec![0.0; users.len()]).unwrap();
    let error = maker.sort(&mut batch(&[1, 5], &[0, 0])).wait().unwrap_err();
    assert!(matches!(error, Error::Id { id: 5, rows: 5, .. }), "{error}");
    let error = maker.sort(&mut batch(&[0; 4], &[0; 4])).wait().unwrap_err();
    assert!(
        matches!(
            error,
            Error::Length {
                expected: 3,
                got: 4,
                ..
            }
        ),
        "{error}"
    );
    let error = maker.sort(&mut Batch::new(3, 1)).wait().unwrap_err();
    assert!(matches!(error, Error::Length { .. }), "{error}");
    assert!(matches!(
        maker.fill(0, 0, 1, &mut Batch::default()).wait(),
        Err(Error::Config { .. })
    ));
    maker.sort(&mut batch(&[], &[])).wait().unwrap();
    assert!(BatchMaker::new(&gpu, &[], 3).is_err() && BatchMaker::new(&gpu, &[1], 0).is_err());
    let sampler = Sampler::new(&hoarders(), 1, 0).unwrap();
    let mut maker = BatchMaker::sampling(&gpu, &sampler, 3).wait().unwrap();
    assert!(matches!(
        maker.fill(0, 0, 4, &mut Batch::default()).wait(),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        maker.sort(&mut Batch::new(2, 0)).wait(),
        Err(Error::Config { .. })
    ));
}

fn bits(state: &State) -> Vec<u32> {
    let parts = state
        .tensors
        .iter()
        .flat_map(|tensor| [&tensor.value, &tensor.m, &tensor.v]);
    parts.flatten().map(|x| x.to_bits()).collect()
}

fn optimizers() -> [Optimizer; 3] {
    [
        Optimizer::LazyAdam(AdamConfig::default()),
        Optimizer::Adam(AdamConfig::default()),
        Optimizer::Sgd { learning_rate: 0.1 },
    ]
}

/// An epoch and a bit in batches of `size`, on uploaded batches and on drawn ones.
fn streamed_and_drawn(
    gpu: &Gpu,
    plan: &Plan,
    sampler: &Sampler,
    size: usize,
    optimizer: &Optimizer,
) -> [GpuExecutor; 2] {
    let l2 = L2 {
        tables: 0.01,
        per_row: 0.01,
        dense: 0.01,
    };
    let state = random_state(plan, 0.2, 5);
    let [mut streamed, mut drawn] = [0, 1].map(|_| GpuExecutor::new(gpu, plan.clone(), &state).unwrap());
    assert!(keep_sampler(&mut drawn, sampler, size).wait().unwrap());
    let mut batch = Batch::default();
    for epoch in 0..2 {
        for start in (0..sampler.samples_per_epoch()).step_by(size).take(4) {
            sampler.fill(epoch, start, size, &mut batch);
            streamed.step(&batch, optimizer, l2, &mut || ()).wait().unwrap();
            let samples = step_drawn(&mut drawn, epoch, start, size, optimizer, l2)
                .wait()
                .unwrap();
            assert_eq!(samples, batch.len() as u64);
        }
    }
    assert_eq!(streamed.take_loss().wait().unwrap(), drawn.take_loss().wait().unwrap());
    [streamed, drawn]
}

#[test]
fn drawn_steps_give_the_bits_of_streamed_ones() {
    let Some(gpus) = open_both() else { return };
    let hoarders = hoarders();
    let planted = crate::planted::split().train;
    for gpu in &gpus {
        // All rows few enough that segments are cut into chunks, and batches that end with the epoch and within it.
        for (data, size) in [(&hoarders, 500), (&planted, 4500)] {
            let sampler = Sampler::new(data, 4, 9).unwrap();
            let (users, items) = (data.users() as usize, data.items() as usize);
            let plan = NeuMf::new(users, items).factors(3).layers([10, 6]).plan().unwrap();
            for optimizer in optimizers() {
                let [mut a, mut b] = streamed_and_drawn(gpu, &plan, &sampler, size, &optimizer);
                let (a, b) = (a.state().wait().unwrap(), b.state().wait().unwrap());
                assert_eq!(a.step, b.step);
                assert!(bits(&a) == bits(&b), "{optimizer:?}, batch {size}, {:?}", gpu.options());
            }
        }
    }
}

#[test]
fn drawn_slices_give_the_bits_of_streamed_ones() {
    let options = GpuOptions {
        slice_rows: Some(100),
        checked: true,
        ..GpuOptions::default()
    };
    let Some(gpu) = open(options) else { return };
    let data = hoarders();
    let sampler = Sampler::new(&data, 4, 9).unwrap();
    // More rows than the data has, as after growth.
    let plan = Gmf::new(data.users() as usize + 3, data.items() as usize + 1)
        .factors(4)
        .plan()
        .unwrap();
    let [mut a, mut b] = streamed_and_drawn(&gpu, &plan, &sampler, 350, &optimizers()[0]);
    assert!(bits(&a.state().wait().unwrap()) == bits(&b.state().wait().unwrap()));
}

/// A change that adds a dispatch or an upload is seen here.
#[test]
fn a_drawn_step_uploads_no_batch_and_makes_nothing_once_warm() {
    let Some(gpu) = open(GpuOptions::default()) else {
        return;
    };
    let data = crate::planted::split().train;
    let sampler = Sampler::new(&data, 4, 9).unwrap();
    let plan = NeuMf::new(data.users() as usize, data.items() as usize).plan().unwrap();
    let mut executor = GpuExecutor::new(&gpu, plan.clone(), &random_state(&plan, 0.2, 5)).unwrap();
    let (adam, l2) = (Optimizer::default(), L2::default());
    let error = step_drawn(&mut executor, 0, 0, 9, &adam, l2).wait().unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error}");
    assert!(keep_sampler(&mut executor, &sampler, 1024).wait().unwrap());
    step_drawn(&mut executor, 0, 0, 1024, &adam, l2).wait().unwrap();
    let (counts, created) = (executor.counts(), gpu.created());
    for step in 1..4 {
        step_drawn(&mut executor, 0, 1024 * step, 1024, &adam, l2)
            .wait()
            .unwrap();
    }
    let more = executor.counts();
    assert_eq!(gpu.created(), created, "made in a warm step");
    assert_eq!(more.submits - counts.submits, 3);
    // Ids of 2 bytes: 1 to draw, 2 x 3 to sort, 4 for segments and chunks; NeuMF with 4 layers: 8 + 1 forward, 1 + 8 + 2
    // backward, 1 + 8 for the updates.
    let bytes = plan.rows(0).max(plan.rows(1)).ilog2() / 8 + 1;
    assert_eq!(
        more.dispatches - counts.dispatches,
        3 * (1 + 3 * u64::from(bytes) + 4 + 9 + 11 + 9)
    );
    // The header of 64 words, 8 words a column, and 20 about what to draw.
    assert_eq!(more.uploaded - counts.uploaded, 3 * 4 * (64 + 2 * 8 + 20));

    // A batch that was uploaded in between, and one that is larger, change nothing.
    let mut batch = Batch::default();
    sampler.fill(5, 0, 2000, &mut batch);
    executor.step(&batch, &adam, l2, &mut || ()).wait().unwrap();
    assert_eq!(
        step_drawn(&mut executor, 0, sampler.samples_per_epoch(), 9, &adam, l2)
            .wait()
            .unwrap(),
        0
    );
    step_drawn(&mut executor, 0, 0, 1024, &adam, l2).wait().unwrap();
    assert!(executor.take_loss().wait().unwrap().sum.is_finite());
}

#[test]
fn what_does_not_fit_is_streamed_and_what_has_no_row_refused() {
    let data = crate::planted::split().train;
    let sampler = Sampler::new(&data, 4, 9).unwrap();
    let (users, items) = (data.users() as usize, data.items() as usize);
    let options = GpuOptions {
        max_binding: Some(data.len() as u64 * 4 / 256 * 256 - 256),
        ..GpuOptions::default()
    };
    let Some(small) = open(options) else {
        return;
    };
    let plan = Gmf::new(users, items).factors(2).plan().unwrap();
    let state = random_state(&plan, 0.2, 5);
    let mut executor = GpuExecutor::new(&small, plan.clone(), &state).unwrap();
    let created = small.created();
    assert!(!keep_sampler(&mut executor, &sampler, 64).wait().unwrap());
    assert_eq!(small.created(), created);
    let Some(gpu) = open(GpuOptions::default()) else {
        return;
    };
    let narrow = Gmf::new(users, items - 1).factors(2).plan().unwrap();
    let mut executor = GpuExecutor::new(&gpu, narrow.clone(), &random_state(&narrow, 0.2, 5)).unwrap();
    let error = keep_sampler(&mut executor, &sampler, 64).wait().unwrap_err();
    assert!(matches!(error, Error::Id { .. }), "{error}");

    // Nor are samples that the device does not draw, such as those of a positive and a negative.
    let pairs = Gmf::new(users, items).factors(2).plan_for(Loss::Bpr).unwrap();
    let pairwise = Sampler::pairwise(&data, 1, 3).unwrap();
    for plan in [&pairs, &plan] {
        let mut executor = GpuExecutor::new(&gpu, plan.clone(), &random_state(plan, 0.2, 5)).unwrap();
        assert!(!keep_sampler(&mut executor, &pairwise, 4096).wait().unwrap());
    }

    // Neither are small batches, unless that is asked for.
    let Some(plain) = crate::common::gpu::open(GpuOptions::default()) else {
        return;
    };
    let mut executor = GpuExecutor::new(&plain, plan.clone(), &state).unwrap();
    assert!(!keep_sampler(&mut executor, &sampler, 2047).wait().unwrap());
    assert!(keep_sampler(&mut executor, &sampler, 2048).wait().unwrap());

    // The trainer sees no difference, but for time.
    let config = TrainConfig {
        epochs: 1,
        ..crate::planted::config()
    };
    let states = [&small, &gpu].map(|gpu| {
        let mut trainer = Trainer::new(Gmf::new(users, items).factors(2), Device::on(gpu), config).unwrap();
        trainer.fit(&crate::planted::split(), |_| ()).unwrap();
        trainer.state().unwrap()
    });
    assert!(bits(&states[0]) == bits(&states[1]));
}
