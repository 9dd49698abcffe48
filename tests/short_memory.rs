//! Memory that runs out in the middle: whichever allocation of the size of a table is refused, the call gives an error
//! instead of aborting the process, and what was there is as it was.

mod planted;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicI64, Ordering},
};

use planted::{config, split};
use pocketrec::{
    Error, Result,
    cpu::{CpuExecutor, Isa},
    device::Device,
    executor::Executor,
    models::Gmf,
    plan::{Plan, State},
    train::{AbsorbConfig, TrainConfig, Trainer},
};

/// Rows of the table of users: far more than there is data for, so that nothing else is as large.
const USERS: usize = 9001;
const FACTORS: usize = 8;
/// Bytes of the table, and of a copy of it that has grown.
const TABLE: std::ops::Range<usize> = 4 * USERS * FACTORS..8 * 4 * USERS * FACTORS;

/// How many allocations of a table's size are left to this process; negative where there is no bound.
static LEFT: AtomicI64 = AtomicI64::new(-1);

struct Short;

fn is_refused(size: usize) -> bool {
    let bounded = |left: i64| (left >= 0).then(|| (left - 1).max(0));
    TABLE.contains(&size) && LEFT.fetch_update(Ordering::SeqCst, Ordering::SeqCst, bounded) == Ok(0)
}

// SAFETY: everything is the system's, or refused by a null pointer, which callers must expect.
unsafe impl GlobalAlloc for Short {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match is_refused(layout.size()) {
            true => std::ptr::null_mut(),
            // SAFETY: the caller's promise.
            false => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match is_refused(layout.size()) {
            true => std::ptr::null_mut(),
            // SAFETY: the caller's promise.
            false => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match is_refused(size) {
            true => std::ptr::null_mut(),
            // SAFETY: the caller's promise.
            false => unsafe { System.realloc(memory, layout, size) },
        }
    }
}

#[global_allocator]
static ALLOCATOR: Short = Short;

/// Runs `call` on what `make` makes with 0, 1, 2 ... allocations of a table's size, until it works; `unchanged` looks at what
/// it leaves where it does not. Gives how often it did not.
fn run_out<T, R>(
    what: &str,
    mut make: impl FnMut() -> T,
    call: impl Fn(&mut T) -> Result<R>,
    unchanged: impl Fn(&mut T),
) -> usize {
    for left in 0..1000 {
        let mut subject = make();
        LEFT.store(left, Ordering::SeqCst);
        let done = call(&mut subject);
        LEFT.store(-1, Ordering::SeqCst);
        match done {
            Ok(_) => return left as usize,
            Err(Error::Memory { .. }) => unchanged(&mut subject),
            Err(error) => panic!("{what} with {left} allocations: {error}"),
        }
    }
    panic!("{what} takes more than 1000 tables");
}

fn model() -> Gmf {
    Gmf::new(USERS, 80).factors(FACTORS)
}

fn plan() -> Plan {
    model().plan().unwrap()
}

/// One test, because the allocator is everyone's.
#[test]
fn whichever_table_cannot_be_had_is_an_error_that_changes_nothing() {
    let state = State::initial(&plan(), 1, true).unwrap();
    let parts = run_out(
        "an initial state",
        || (),
        |()| State::initial(&plan(), 1, true),
        |()| (),
    );
    assert_eq!(parts, 3, "values and two moments");

    let executor = || CpuExecutor::new(plan(), state.clone(), Isa::available()[0], 1).unwrap();
    let same = |executor: &mut CpuExecutor| {
        assert_eq!(executor.plan(), &plan());
        assert!(executor.state().wait().unwrap() == state);
    };
    assert_eq!(run_out("a copy of the state", executor, |e| e.state().wait(), same), 3);
    assert_eq!(run_out("longer tables", executor, |e| e.grow(0, 9100).wait(), same), 3);

    // Training: with the mean of late epochs and the best parameters kept besides, each a table, and without.
    let split = split();
    let short = TrainConfig { epochs: 2, ..config() };
    for (patience, average_from) in [(None, None), (Some(1), Some(1))] {
        let config = TrainConfig {
            patience,
            average_from,
            ..short
        };
        let new = || {
            let mut trainer = Trainer::new(model(), Device::cpu().threads(1), config).unwrap();
            trainer.fit(&split, |_| ()).unwrap();
            trainer
        };
        let longer = run_out(
            "training",
            || Trainer::new(model(), Device::cpu().threads(1), config).unwrap(),
            |trainer| trainer.fit(&split, |_| ()),
            |trainer| assert!(trainer.fit(&split, |_| ()).is_ok()), // goes on where it stood
        );
        assert!(longer > 0);
        let mut twin = new();
        let (before, users) = (twin.state().unwrap(), twin.users());
        let absorb = AbsorbConfig {
            max_new_rows: 1000,
            ..AbsorbConfig::default()
        };
        run_out(
            "learning from a new user",
            new,
            |trainer| trainer.absorb_with(&[(USERS as u32 + 40, 3)], &absorb),
            |trainer| {
                assert_eq!(trainer.users(), users);
                assert!(trainer.state().unwrap() == before);
            },
        );
    }
}
