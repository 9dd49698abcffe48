//! A few threads that wait for short jobs, which a training step hands them twice.
//!
//! A 256-row step takes tens of microseconds, so waking a thread through the operating system would cost as much as
//! the work. A worker spins for [`SPINS`] rounds after a job before it goes to sleep; while training runs it never
//! sleeps, and when training stops it is asleep within a fraction of a millisecond. A job allocates nothing. A worker
//! that comes late, because the system gave its processor away, is not waited for: the others do its share.
//!
//! Of every list of tasks each thread begins with the same part, so that what a task reads and writes in every step,
//! such as the moments of a table's rows, is found in that thread's caches (3 to 6 % of a step of NeuMF by two threads
//! of a Xeon; values and gradients still wander). Only who has nothing left takes from others.
//!
//! Tried and lost: rayon, each task a job of its own and each thread's scratch behind a lock. Steps of NeuMF by two threads
//! make 0.73 of the rate in batches of 256 and 0.80 in batches of 1,024 (medians of seven pairs, Xeon).
//!
//! This is the one place outside `simd` with `unsafe`: a job borrows from its caller's stack, and safe Rust has no
//! way to lend that to a thread that outlives the call, other than starting a thread for each job.

use core::{
    cell::UnsafeCell,
    ops::Range,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle, Thread},
};

/// Rounds of spinning before a worker sleeps: about 50 microseconds.
const SPINS: u32 = 2_000;
/// Rounds of spinning before the caller gives its processor up to a worker that may need it.
const SPINS_BEFORE_YIELD: u32 = 10_000;

/// A job, without its lifetime.
#[derive(Clone, Copy)]
struct Job(*const (dyn Fn(usize) + Sync));

// SAFETY: the closure behind the pointer is Sync, and `Pool::broadcast` keeps it alive while anyone may use it.
unsafe impl Send for Job {}

struct Shared {
    /// Raised by one for each job.
    generation: AtomicUsize,
    /// The present job, while workers may still join it.
    job: Mutex<Option<Job>>,
    /// Workers that are in the present job.
    running: AtomicUsize,
    panicked: AtomicBool,
    stop: AtomicBool,
    asleep: Vec<AtomicBool>,
}

/// The tasks that are left of a thread's part: the first in the lower half of the bits, the end in the upper half. It
/// fills two cache lines, which processors fetch together, so that threads that take from their own do not meet.
#[repr(align(128))]
struct Share(AtomicUsize);

impl Share {
    const HALF: u32 = usize::BITS / 2;
    const LOWER: usize = usize::MAX >> Self::HALF;

    fn set(&self, tasks: Range<usize>) {
        assert!(tasks.end <= Self::LOWER);
        self.0.store(tasks.end << Self::HALF | tasks.start, Ordering::Relaxed); // `broadcast` publishes it
    }

    /// Takes the first task that is left.
    fn first(&self) -> Option<usize> {
        self.take(1).map(|left| left & Self::LOWER)
    }

    /// Takes the last task that is left.
    fn last(&self) -> Option<usize> {
        self.take(1usize.wrapping_neg() << Self::HALF)
            .map(|left| (left >> Self::HALF) - 1)
    }

    /// Adds to the two halves where a task is left; returns what they were.
    fn take(&self, change: usize) -> Option<usize> {
        let taken = |left: usize| ((left & Self::LOWER) < left >> Self::HALF).then(|| left.wrapping_add(change));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).ok()
    }
}

/// Threads that run jobs together with the caller. Dropping it ends them.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    shares: Box<[Share]>,
    workers: Vec<JoinHandle<()>>,
    handles: Vec<Thread>,
}

impl Pool {
    /// A pool of `threads` threads, of which the caller is one.
    ///
    /// # Errors
    /// Where the system refuses to start a thread.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            generation: AtomicUsize::new(0),
            job: Mutex::new(None),
            running: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            asleep: (1..threads).map(|_| AtomicBool::new(false)).collect(),
        });
        let mut pool = Pool {
            shared,
            shares: (0..threads.max(1)).map(|_| Share(AtomicUsize::new(0))).collect(),
            workers: Vec::new(),
            handles: Vec::new(),
        };
        for worker in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let name = format!("pocketrec {worker}");
            let thread = thread::Builder::new().name(name).spawn(move || work(&shared, worker))?;
            pool.handles.push(thread.thread().clone());
            pool.workers.push(thread);
        }
        Ok(pool)
    }

    /// Threads, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Hands each task to one thread, together with that thread's scratch: the first ones to the first thread and so
    /// on, in order; a thread that is through with its own takes from the end of another's. One task alone is the caller's.
    ///
    /// # Panics
    /// Where a task does, or where there is less scratch than threads.
    pub fn for_each<S: Send, T: Send>(
        &mut self,
        scratch: &mut [S],
        tasks: &mut [T],
        f: impl Fn(&mut S, &mut T) + Sync,
    ) {
        let threads = self.threads();
        assert!(scratch.len() >= threads);
        if tasks.len() <= 1 {
            return tasks.iter_mut().for_each(|task| f(&mut scratch[0], task));
        }
        for (thread, share) in self.shares.iter().enumerate() {
            share.set(tasks.len() * thread / threads..tasks.len() * (thread + 1) / threads);
        }
        let (scratch, tasks) = (Cells::new(scratch), Cells::new(tasks));
        self.broadcast(&|thread| {
            // SAFETY: each thread has a number of its own, and the scratch of that number is used by it alone.
            let scratch = unsafe { scratch.get(thread) };
            let (before, own) = self.shares.split_at(thread);
            let others = || own[1..].iter().chain(before).find_map(Share::last);
            while let Some(task) = own[0].first().or_else(others) {
                // SAFETY: the shares do not overlap, and each gives a number to one thread only.
                f(scratch, unsafe { tasks.get(task) });
            }
        });
    }

    /// Runs `f` on the caller and on each worker that comes before the caller is through, with the thread's number.
    /// One at a time: `for_each`, the only caller, has the pool for itself.
    fn broadcast(&self, f: &(dyn Fn(usize) + Sync)) {
        if self.workers.is_empty() {
            return f(0);
        }
        // Left where both the caller and a worker panicked in the last job: that one is over, all have left it.
        self.shared.panicked.store(false, Ordering::Relaxed);
        // SAFETY: only the lifetime changes. `Finish` takes the job back and waits until no worker is in it, even if
        // `f` panics here.
        let job = Job(unsafe { core::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(f) });
        *self.shared.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
        // SeqCst, here and in `wait`: either the worker sees the new generation or we see it asleep.
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
        for (asleep, handle) in self.shared.asleep.iter().zip(&self.handles) {
            if asleep.load(Ordering::SeqCst) {
                handle.unpark();
            }
        }
        let finish = Finish(&self.shared);
        f(0);
        drop(finish);
        if self.shared.panicked.load(Ordering::Relaxed) {
            panic!("a worker thread panicked; its message is above");
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            let _ = worker.join(); // a worker catches its jobs' panics, so this cannot fail
        }
    }
}

/// On drop, takes the job back and waits for the workers that are in it.
struct Finish<'a>(&'a Shared);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        *self.0.job.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut spins = 0;
        while self.0.running.load(Ordering::Acquire) > 0 {
            spins += 1;
            if spins < SPINS_BEFORE_YIELD {
                core::hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }
}

/// A worker's life: wait for a new generation, run its job, say so.
fn work(shared: &Shared, worker: usize) {
    let mut seen = 0;
    loop {
        seen = wait(shared, worker, seen);
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let job = {
            let job = shared.job.lock().unwrap_or_else(PoisonError::into_inner);
            if job.is_some() {
                shared.running.fetch_add(1, Ordering::Relaxed); // under the lock: before the job can be taken back
            }
            *job
        };
        let Some(Job(f)) = job else { continue };
        // SAFETY: `broadcast` does not return before `running` falls to zero, which is below.
        let run = std::panic::AssertUnwindSafe(|| unsafe { (*f)(worker) });
        if std::panic::catch_unwind(run).is_err() {
            shared.panicked.store(true, Ordering::Relaxed);
        }
        shared.running.fetch_sub(1, Ordering::Release);
    }
}

/// Returns the generation once it is another than `seen`.
fn wait(shared: &Shared, worker: usize, seen: usize) -> usize {
    for _ in 0..SPINS {
        let generation = shared.generation.load(Ordering::Acquire);
        if generation != seen {
            return generation;
        }
        core::hint::spin_loop();
    }
    let asleep = &shared.asleep[worker - 1];
    loop {
        asleep.store(true, Ordering::SeqCst);
        let generation = shared.generation.load(Ordering::SeqCst);
        if generation != seen {
            asleep.store(false, Ordering::Relaxed);
            return generation;
        }
        thread::park();
    }
}

/// A slice whose elements are handed out one by one.
struct Cells<'a, T>(&'a [UnsafeCell<T>]);

// SAFETY: elements are reached through `get` alone, whose caller hands each to one thread.
unsafe impl<T: Send> Sync for Cells<'_, T> {}

impl<'a, T> Cells<'a, T> {
    fn new(slice: &'a mut [T]) -> Self {
        let len = slice.len();
        // SAFETY: UnsafeCell<T> has the layout of T, and the slice is borrowed mutably for as long.
        Cells(unsafe { core::slice::from_raw_parts(slice.as_mut_ptr().cast(), len) })
    }

    /// # Safety
    /// No other reference to this element may be alive.
    #[allow(clippy::mut_from_ref)] // that is the contract
    unsafe fn get(&self, index: usize) -> &mut T {
        // SAFETY: the caller's.
        unsafe { &mut *self.0[index].get() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 5] {
            let mut pool = Pool::new(threads).unwrap();
            let mut scratch = vec![0usize; threads];
            let mut tasks: Vec<usize> = (0..100).collect();
            for round in 1..200 {
                pool.for_each(&mut scratch, &mut tasks, |count, task| {
                    *count += 1;
                    *task += 1000;
                });
                assert!(tasks.iter().enumerate().all(|(i, &t)| t == i + 1000 * round));
                if round % 50 == 0 {
                    thread::sleep(std::time::Duration::from_millis(5)); // workers fall asleep and wake again
                }
            }
            assert_eq!(scratch.iter().sum::<usize>(), 100 * 199);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let mut pool = Pool::new(3).unwrap();
        let mut scratch = [(); 3];
        let mut tasks: Vec<usize> = (0..50).collect();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.for_each(&mut scratch, &mut tasks, |_, &mut task| assert!(task != 30, "planted"));
        }));
        assert!(caught.is_err());
        pool.for_each(&mut scratch, &mut tasks, |_, task| *task = 0);
        assert!(tasks.iter().all(|&t| t == 0));
    }

    #[test]
    fn a_panic_of_caller_and_worker_at_once_does_not_reach_the_next_job() {
        let mut pool = Pool::new(2).unwrap();
        let mut scratch = [(); 2];
        for _ in 0..20 {
            // Neither leaves the job before both are in it, so both panic.
            let both = std::sync::Barrier::new(2);
            let mut tasks = [0, 1];
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pool.for_each(&mut scratch, &mut tasks, |_, task: &mut usize| {
                    both.wait();
                    panic!("planted {task}");
                });
            }));
            assert!(caught.is_err());
            pool.for_each(&mut scratch, &mut tasks, |_, task| *task = 7);
            assert_eq!(tasks, [7, 7]);
        }
    }
}
