//! What no machine has room for is refused by an error with the sizes, at once, and nothing is changed.
#![cfg(target_pointer_width = "64")]

use std::time::Instant;

use pocketrec::{
    Error,
    cpu::{CpuExecutor, Isa},
    data::Batch,
    device::Device,
    executor::Executor,
    models::{Mlp, NeuMf},
    plan::State,
    reference::Reference,
    train::{AbsorbConfig, TrainConfig, Trainer},
};

/// Two billion users of 40 floats, thrice with Adam's moments, twice with the executor's copy: 1.92 TB.
#[test]
fn a_model_beyond_memory_is_refused_before_anything_is_allocated() {
    let begin = Instant::now();
    let model = NeuMf::new(2_000_000_000, 100).factors(8);
    let error = Trainer::new(model, Device::cpu(), TrainConfig::default()).unwrap_err();
    let Error::Memory { bytes, .. } = error else {
        panic!("{error}")
    };
    assert!((1_920_000_000_000..1_921_000_000_000).contains(&bytes), "{bytes}");
    let text = error.to_string();
    for part in [
        "1.7 TiB",
        "mlp.user.weight 1.4 TiB",
        "gmf.user.weight 357.6 GiB",
        "take fewer rows",
    ] {
        assert!(text.contains(part), "{text} does not say {part}");
    }
    // It was not tried: filling so much would take minutes.
    assert!(begin.elapsed().as_secs() < 10);
}

fn plan() -> pocketrec::plan::Plan {
    Mlp::new(5, 7).layers([1024, 8]).plan().unwrap()
}

/// A row is 2 KiB wide, so that all rows there can be are 8 TiB.
#[test]
fn tables_that_outgrow_memory_stay_as_they_are() {
    let state = State::initial(&plan(), 1, true).unwrap();
    let cpu = CpuExecutor::new(plan(), state.clone(), Isa::available()[0], 1).unwrap();
    let executors: [Box<dyn Executor>; 2] = [Box::new(cpu), Box::new(Reference::new(&plan(), &state).unwrap())];
    for mut executor in executors {
        let error = executor.grow(0, u32::MAX as usize).wait().unwrap_err();
        assert!(
            matches!(
                error,
                Error::Memory {
                    bytes: 8_000_000_000_000..,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("4294967295 rows of"), "{error}");
        assert!(executor.state().wait().unwrap() == state);
        assert_eq!(executor.plan(), &plan());
        executor.grow(0, 6).wait().unwrap();
        assert_eq!(executor.plan().rows(0), 6);
    }
}

#[test]
fn new_ids_that_outgrow_memory_change_nothing() {
    let config = TrainConfig::default();
    let mut trainer = Trainer::new(Mlp::new(5, 7).layers([1024, 8]), Device::cpu().threads(1), config).unwrap();
    trainer.absorb(&[(0, 1)]).unwrap();
    let before = (
        trainer.state().unwrap(),
        trainer.users(),
        trainer.items(),
        trainer.history().clone(),
    );
    let absorb = AbsorbConfig {
        max_new_rows: u32::MAX,
        ..AbsorbConfig::default()
    };
    for pair in [(4_000_000_000, 1), (0, 4_000_000_000)] {
        let error = trainer.absorb_with(&[pair], &absorb).unwrap_err();
        assert!(matches!(error, Error::Memory { .. }), "{error}");
        let after = (
            trainer.state().unwrap(),
            trainer.users(),
            trainer.items(),
            trainer.history().clone(),
        );
        assert!(before == after);
    }
    trainer.absorb(&[(5, 7)]).unwrap();
    assert_eq!((trainer.users(), trainer.items()), (6, 8));
}

/// Room is a wish: what is filled takes what it takes.
#[test]
fn a_batch_with_room_for_everything_is_still_a_batch() {
    let mut batch = Batch::new(2, usize::MAX);
    batch.push(&[1, 2], 1.0);
    batch.sort();
    assert_eq!(batch.column(1).order, [0]);
}
