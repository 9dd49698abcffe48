//! Waiting for the device: awaited, or blocked on where [`Pending::wait`](crate::executor::Pending::wait) polls.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use crate::{Error, Result, executor::may_block, gpu::device::gpu::Gpu};

/// How long to wait for the device before it is given up.
const PATIENCE: Duration = Duration::from_secs(300);

/// Is given when the device has come to a point.
#[derive(Clone, Default)]
pub(crate) struct Signal(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_given: bool,
    waker: Option<Waker>,
}

impl Signal {
    /// Gives the signal, and wakes who awaits it.
    pub fn give(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.is_given = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether it was given.
    pub fn is_given(&self) -> bool {
        !is_held_back() && self.0.lock().unwrap_or_else(PoisonError::into_inner).is_given
    }

    /// Whether it was given; if not, it will wake `waker`.
    fn is_given_or_wakes(&self, waker: &Waker) -> bool {
        if is_held_back() {
            return false; // who asks is polled again at once
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_given {
            match &mut state.waker {
                Some(there) => there.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        state.is_given
    }
}

/// Whether a test has the device seem busy.
fn is_held_back() -> bool {
    #[cfg(test)]
    return held_back::looks();
    #[cfg(not(test))]
    false
}

/// What was submitted, and the signal that it is done or, where it was for that, that its memory can be read.
pub(crate) struct Submitted {
    index: wgpu::SubmissionIndex,
    signal: Signal,
}

impl Submitted {
    /// Of a submit whose callback gives the signal.
    pub fn new(index: wgpu::SubmissionIndex, signal: Signal) -> Self {
        Submitted { index, signal }
    }

    /// Whether the device is known to be done.
    pub fn is_done(&self) -> bool {
        self.signal.is_given()
    }
}

impl Gpu {
    /// Submits commands.
    pub(crate) fn submit(&self, commands: impl IntoIterator<Item = wgpu::CommandBuffer>) -> Submitted {
        let (index, signal) = (self.queue().submit(commands), Signal::default());
        let done = signal.clone();
        self.queue().on_submitted_work_done(move || done.give());
        Submitted::new(index, signal)
    }

    /// Blocks until a submit is done, and all before it.
    fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        let poll = wgpu::PollType::Wait {
            submission_index: Some(submission),
            timeout: Some(PATIENCE),
        };
        let waited = self.device().poll(poll);
        self.check()?;
        match waited {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::Device(format!("{} does not answer: {error}", self.name()))),
        }
    }

    /// Lets the device get on, without blocking; gives whether it is done with all that was submitted.
    pub(crate) fn poll(&self) -> Result<bool> {
        let polled = self.device().poll(wgpu::PollType::Poll);
        self.check()?;
        Ok(polled.is_ok_and(|status| status.is_queue_empty()))
    }

    /// Ready when the device is done with what was submitted, and with all before it.
    pub(crate) fn done<'a>(&'a self, submitted: &'a Submitted) -> Done<'a> {
        Done {
            gpu: self,
            submitted,
            since: None,
        }
    }
}

/// The device is done with what was submitted.
///
/// Polled, it lets the device get on without blocking. Nothing else does so on native, hence it asks to be polled again at
/// once there; a browser's event loop brings the signal.
pub(crate) struct Done<'a> {
    gpu: &'a Gpu,
    submitted: &'a Submitted,
    since: Option<Instant>,
}

impl Done<'_> {
    /// Whether the device has taken too long. A browser has a watchdog of its own, and no clock here.
    fn is_late(&mut self) -> bool {
        match cfg!(target_family = "wasm") {
            true => false,
            false => self.since.get_or_insert_with(Instant::now).elapsed() > PATIENCE,
        }
    }
}

impl Future for Done<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let polled = match may_block(context) {
            true => self.gpu.wait(self.submitted.index.clone()),
            false => self.gpu.poll().map(drop),
        };
        if let Err(error) = polled {
            return Poll::Ready(Err(error));
        }
        if self.submitted.signal.is_given_or_wakes(context.waker()) {
            return Poll::Ready(Ok(()));
        }
        if self.is_late() {
            let name = self.gpu.name();
            return Poll::Ready(Err(Error::Device(format!("{name} does not answer"))));
        }
        if cfg!(not(target_family = "wasm")) {
            std::thread::yield_now(); // to the driver's threads, where there are fewer cores than work
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// Has the device seem busy to a test: drivers that run on the processor are done as soon as work is submitted.
#[cfg(test)]
pub(crate) mod held_back {
    use std::cell::Cell;

    std::thread_local! {
        static LOOKS: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// Lets this thread look so many times at what the device is done with; it seems busy to all looks after these.
    pub(crate) fn after(looks: u64) {
        LOOKS.set(Some(looks));
    }

    /// Ends that.
    pub(crate) fn end() {
        LOOKS.set(None);
    }

    /// Whether it seems busy.
    pub(crate) fn is_on() -> bool {
        LOOKS.get() == Some(0)
    }

    /// A look.
    pub(super) fn looks() -> bool {
        let is_on = is_on();
        LOOKS.set(LOOKS.get().map(|looks| looks.saturating_sub(1)));
        is_on
    }
}
