//! What happens where memory is short, and where a result is dropped before it is ready.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::{GpuExecutor, IN_FLIGHT};
use crate::{
    Error,
    data::Batch,
    executor::{Executor, Pending, Query, ScoreCatalogue, SearchCatalogue},
    gpu::{Gpu, GpuOptions, Select, device::signal::held_back},
    models::{Mf, NeuMf},
    plan::{L2, Optimizer, Plan, State},
};

fn batch(users: &[u32], items: &[u32]) -> Batch {
    let mut batch = Batch::new(2, users.len());
    batch.ids_mut(0).extend_from_slice(users);
    batch.ids_mut(1).extend_from_slice(items);
    batch.labels_mut().extend((0..users.len()).map(|i| (i % 2) as f32));
    batch.sort();
    batch
}

/// NeuMF has two tables of items. Whichever buffer of theirs cannot be made, the executor is as it was, trains on as
/// one that was never asked to grow, and grows once there is memory again.
#[test]
fn where_a_table_cannot_grow_nothing_is_lost() {
    let Ok(gpu) = Gpu::open(&Select::Any, GpuOptions::default()) else {
        return;
    };
    let plan = NeuMf::new(9, 8).factors(3).layers([6, 5]).plan().unwrap();
    let state = State::initial(&plan, 3, false).unwrap();
    let batch = batch(&[0, 8, 3, 3], &[7, 0, 7, 2]);
    let step = |executor: &mut GpuExecutor| {
        executor
            .step(&batch, &Optimizer::default(), L2::default(), &mut || ())
            .wait()
            .unwrap();
    };
    let new = || GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    let (mut kept, mut tried) = (new(), new());
    [&mut kept, &mut tried].into_iter().for_each(step);
    for buffers in 0..6 {
        gpu.fail_after(buffers);
        let refused = tried.grow(1, 500).wait();
        gpu.fail_after(u64::MAX);
        assert!(
            matches!(refused, Err(Error::Device(_))),
            "{buffers} buffers: {refused:?}"
        );
        assert_eq!(tried.plan(), &plan);
        assert_eq!(
            tried.state().wait().unwrap(),
            kept.state().wait().unwrap(),
            "{buffers} buffers"
        );
        [&mut kept, &mut tried].into_iter().for_each(step);
        assert_eq!(
            tried.state().wait().unwrap(),
            kept.state().wait().unwrap(),
            "{buffers} buffers, and a step"
        );
    }
    for executor in [&mut kept, &mut tried] {
        executor.grow(1, 500).wait().unwrap();
        step(executor);
    }
    assert_eq!(tried.state().wait().unwrap(), kept.state().wait().unwrap());
}

/// Something to be dropped midway, and what it is compared with.
fn two(plan: &Plan) -> Option<[GpuExecutor; 2]> {
    let gpu = Gpu::open(&Select::Any, GpuOptions::default()).ok()?;
    let state = State::initial(plan, 3, false).unwrap();
    Some([0, 1].map(|_| GpuExecutor::new(&gpu, plan.clone(), &state).unwrap()))
}

fn small() -> Plan {
    NeuMf::new(9, 8).factors(3).layers([6, 5]).plan().unwrap()
}

fn step(executor: &mut GpuExecutor) -> Pending<'_, ()> {
    let batch = batch(&[0, 8, 3, 3], &[7, 0, 7, 2]);
    executor.step(&batch, &Optimizer::default(), L2::default(), &mut || ())
}

fn assert_same([a, b]: [&mut GpuExecutor; 2], when: &str) {
    assert_eq!(a.state().wait().unwrap(), b.state().wait().unwrap(), "{when}");
}

/// Polls what a call gives until the device has been looked at so many times, and drops it; gives what it was where it was
/// ready before. A macro, because what the call borrows is of any lifetime.
macro_rules! dropped_after {
    ($looks:expr, $call:expr) => {{
        held_back::after($looks);
        let mut context = Context::from_waker(Waker::noop());
        let given = {
            let mut pending = pin!($call);
            loop {
                match pending.as_mut().poll(&mut context) {
                    Poll::Ready(given) => break Some(given.unwrap()),
                    Poll::Pending if held_back::is_on() => break None,
                    Poll::Pending => {}
                }
            }
        };
        held_back::end();
        given
    }};
}

#[test]
fn a_step_is_under_way_when_its_call_returns_and_ready_when_there_is_room() {
    struct Woken(AtomicU32);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let Some([mut dropped, mut other]) = two(&small()) else {
        return;
    };
    held_back::after(0);
    for index in 0..5 {
        assert_eq!(step(&mut dropped).is_ready(), index < IN_FLIGHT, "step {index}");
    }
    let woken = Arc::new(Woken(AtomicU32::new(0)));
    let waker = Waker::from(woken.clone());
    {
        let mut sixth = pin!(step(&mut dropped));
        for polls in 1..4 {
            assert!(sixth.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(woken.0.load(Ordering::SeqCst), polls); // nothing else lets the device get on
        }
        held_back::end();
        while sixth.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {}
    }
    while !dropped.poll().unwrap() {}
    (0..6).for_each(|_| step(&mut other).wait().unwrap());
    assert_eq!(dropped.take_loss().wait().unwrap(), other.take_loss().wait().unwrap());
    assert_same([&mut dropped, &mut other], "six steps");
}

/// Whatever a call is waiting for when it is dropped, the executor goes on as one that was never asked.
#[test]
fn reads_scores_and_searches_that_are_dropped_midway_lose_nothing() {
    let Some([mut dropped, mut other]) = two(&small()) else {
        return;
    };
    let batch = batch(&[1, 2, 3, 4], &[5, 6, 7, 0]);
    let (users, items) = ([1, 2, 3], [5, 6, 7]);
    let columns = [&users[..], &items[..]];
    let (mut rows, mut logits, mut all) = ([0.0; 9], [0.0; 4], [0.0; 16]);
    let queries = [Query { user: 3, known: &[1] }];
    let mut midway = [0; 9];
    for (call, midway) in midway.iter_mut().enumerate() {
        for looks in 0.. {
            for executor in [&mut dropped, &mut other] {
                step(executor).wait().unwrap();
            }
            let done = match call {
                0 => dropped_after!(looks, dropped.state()).is_some(),
                1 => dropped_after!(looks, dropped.read_rows(0, 2, &mut rows)).is_some(),
                2 => dropped_after!(looks, dropped.score(&columns, &mut logits[..3])).is_some(),
                3 => dropped_after!(looks, dropped.score_batch(&batch, &mut logits)).is_some(),
                4 => dropped_after!(looks, dropped.score_catalogue(&[4, 5], &mut all)).is_some(),
                5 => dropped_after!(looks, dropped.top_catalogue(&queries, 3)).is_some(),
                6 => dropped_after!(looks, dropped.rank_catalogue(&queries, &[2], 8)).is_some(),
                7 => {
                    step(&mut other).wait().unwrap(); // a step is whole, dropped or not
                    dropped_after!(looks, step(&mut dropped)).is_some()
                }
                _ => match dropped_after!(looks, dropped.take_loss()) {
                    Some(loss) => {
                        assert_eq!(loss, other.take_loss().wait().unwrap());
                        true
                    }
                    None => false,
                },
            };
            assert_same([&mut dropped, &mut other], &format!("call {call} after {looks} looks"));
            if done {
                break;
            }
            *midway += 1;
        }
    }
    // A step waits for nothing where there is room.
    assert!(
        midway.iter().enumerate().all(|(call, &times)| times > 0 || call == 7),
        "{midway:?}"
    );
}

/// Tables that are longer than a piece of an upload are written in several.
#[test]
fn changes_that_are_dropped_midway_are_refused_until_a_state_is_set() {
    let Some([mut executor, _]) = two(&Mf::new(70_000, 8).factors(64).plan().unwrap()) else {
        return;
    };
    let state = executor.state().wait().unwrap();
    let rows = vec![1.0; 70_000 * 64];
    for call in ["set_state", "write_rows"] {
        let mut midway = 0;
        for looks in 0.. {
            let done = match call {
                "set_state" => dropped_after!(looks, executor.set_state(&state)),
                _ => dropped_after!(looks, executor.write_rows(0, 0, &rows)),
            };
            if done.is_some() {
                break;
            }
            midway += 1;
            let refused = [
                step(&mut executor).wait(),
                executor.poll().map(drop),
                executor.take_loss().wait().map(drop),
                executor.state().wait().map(drop),
                executor.read_rows(0, 0, &mut [0.0; 64]).wait(),
                executor.write_rows(0, 0, &[0.0; 64]).wait(),
                executor.score(&[&[1], &[1]], &mut [0.0]).wait(),
                executor.grow(1, 50).wait(),
            ];
            for refused in refused {
                let text = refused.unwrap_err().to_string();
                assert!(text.contains("interrupted") && text.contains("set_state"), "{text}");
            }
            executor.set_state(&state).wait().unwrap();
            assert!(executor.state().wait().unwrap() == state, "{call} after {looks} looks");
        }
        assert!(midway > 0, "{call}");
    }
}

#[test]
fn a_growth_that_is_dropped_midway_has_not_begun() {
    let plan = small();
    let Some([mut dropped, mut other]) = two(&plan) else {
        return;
    };
    let mut midway = 0;
    for looks in 0.. {
        for executor in [&mut dropped, &mut other] {
            step(executor).wait().unwrap();
        }
        if dropped_after!(looks, dropped.grow(1, 500)).is_some() {
            break;
        }
        midway += 1;
        assert_eq!(dropped.plan(), &plan);
        assert_same([&mut dropped, &mut other], &format!("after {looks} looks"));
    }
    assert!(midway > 1, "{midway}"); // the plan has two tables of items
    other.grow(1, 500).wait().unwrap();
    for executor in [&mut dropped, &mut other] {
        step(executor).wait().unwrap();
    }
    assert_same([&mut dropped, &mut other], "grown");
}
