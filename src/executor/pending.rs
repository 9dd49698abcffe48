//! What a device may have to be waited for: awaited where nothing may block, waited for where something may.

use alloc::boxed::Box;
#[cfg(feature = "std")]
use core::ptr;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};
#[cfg(feature = "std")]
use std::{
    sync::{Arc, LazyLock},
    task::Wake,
};

use crate::{Error, Result};

/// The result of a call that a device may have to be waited for: a future, which [`wait`](Pending::wait) blocks on.
///
/// The work begins in the call that gives it, and goes on whenever this is polled. Any runtime can await it: the device
/// wakes it, and polling it lets the device get on without blocking. On desktops and phones nothing but polls makes a
/// device tell that it is done, so that there it asks to be polled again at once; who would rather have the thread sleep
/// calls [`wait`](Pending::wait) on one that may. A browser may not: it awaits, and its event loop does the rest.
///
/// What a processor computes is there when the call returns; nothing is allocated for it.
///
/// ```
/// use pocketrec::{device::Device, executor::Executor, models::Gmf, plan::State};
/// let plan = Gmf::new(10, 20).plan()?;
/// let state = State::initial(&plan, 1, true)?;
/// let mut executor = Device::cpu().executor(plan, state)?;
///
/// // Where a thread may block:
/// let mut score = [0.0];
/// executor.score(&[&[3], &[7]], &mut score).wait()?;
///
/// // Where it may not:
/// async fn score_of(executor: &mut dyn Executor, user: u32, item: u32) -> pocketrec::Result<f32> {
///     let mut score = [0.0];
///     executor.score(&[&[user], &[item]], &mut score).await?;
///     Ok(score[0])
/// }
/// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
/// # let awaited = pin!(score_of(&mut *executor, 3, 7)).poll(&mut Context::from_waker(Waker::noop()));
/// # assert!(matches!(awaited, Poll::Ready(Ok(again)) if again == score[0]));
/// # Ok::<(), pocketrec::Error>(())
/// ```
///
/// # Dropped before it is ready
///
/// What was submitted to the device runs all the same. A step is whole when its call returns. Nothing is lost where
/// something was read or scored, and a table that was to grow is as it was. Where a state or rows were being written they
/// may be half there: the executor is then interrupted, and gives [`Error::Device`] until
/// [`set_state`](super::Executor::set_state) has set a whole state.
#[must_use = "await it, or call `wait`: a device may not be done, and what went wrong is in here"]
pub struct Pending<'a, T>(Work<'a, T>);

pub(crate) type Running<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

enum Work<'a, T> {
    /// Taken when it is polled.
    Ready(Option<Result<T>>),
    Running(Running<'a, T>),
}

impl<'a, T> Pending<'a, T> {
    /// What is known already.
    pub fn ready(result: Result<T>) -> Self {
        Pending(Work::Ready(Some(result)))
    }

    /// What `compute` gives, computed before this returns.
    pub fn now(compute: impl FnOnce() -> Result<T>) -> Self {
        Self::ready(compute())
    }

    /// What `work` gives. It is begun at once, so that what it has to submit is under way when this returns, and goes on
    /// where this is polled. Pending results can be awaited in it; what waits for a device by itself must wake the waker
    /// that it is polled with, and may block where [`may_block`] says so.
    pub fn start(work: impl Future<Output = Result<T>> + Send + 'a) -> Self {
        let mut work: Running<'a, T> = Box::pin(work);
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Self::ready(result),
            Poll::Pending => Pending(Work::Running(work)),
        }
    }

    /// Whether the result is known.
    pub fn is_ready(&self) -> bool {
        matches!(self.0, Work::Ready(_))
    }

    /// Blocks until the device is done, where it is not yet.
    ///
    /// # Errors
    /// Those of the call that gave this; [`Error::Device`] where the device is lost or does not answer for minutes.
    pub fn wait(self) -> Result<T> {
        match self.0 {
            Work::Ready(Some(result)) => result,
            Work::Ready(None) => Err(given()),
            Work::Running(running) => finish(running),
        }
    }
}

/// Parks this stack until the work is done; the browser goes on.
#[cfg(all(feature = "web", feature = "gpu", target_arch = "wasm32", target_os = "unknown"))]
use crate::web::wait::finish;

/// Blocks this thread until the work is done.
#[cfg(not(all(feature = "web", feature = "gpu", target_arch = "wasm32", target_os = "unknown")))]
fn finish<T>(mut running: Running<'_, T>) -> Result<T> {
    let mut context = Context::from_waker(blocking());
    loop {
        if let Poll::Ready(result) = running.as_mut().poll(&mut context) {
            return result;
        }
        // Its work does not know how to block: another thread, or an interrupt, moves it.
        #[cfg(feature = "std")]
        std::thread::yield_now();
        #[cfg(not(feature = "std"))]
        core::hint::spin_loop();
    }
}

impl<T> Future for Pending<'_, T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let polled = match &mut self.0 {
            Work::Ready(result) => return Poll::Ready(result.take().unwrap_or_else(|| Err(given()))),
            Work::Running(running) => running.as_mut().poll(context),
        };
        if polled.is_ready() {
            self.0 = Work::Ready(None);
        }
        polled
    }
}

// A result is moved out whole, and the work is pinned by its box.
impl<T> Unpin for Pending<'_, T> {}

impl<T> fmt::Debug for Pending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Work::Ready(Some(Ok(_))) => "Pending(ready)",
            Work::Ready(Some(Err(_))) => "Pending(failed)",
            Work::Ready(None) => "Pending(given)",
            Work::Running(_) => "Pending(running)",
        })
    }
}

/// What one says that is polled again behind its result.
fn given() -> Error {
    Error::config("pending", "its result was given already; await it once")
}

/// Wakes nobody: its thread blocks in the poll instead. It is told by its address.
#[cfg(feature = "std")]
struct Blocking;

#[cfg(feature = "std")]
impl Wake for Blocking {
    fn wake(self: Arc<Self>) {}
}

#[cfg(feature = "std")]
static BLOCKING: LazyLock<Waker> = LazyLock::new(|| Waker::from(Arc::new(Blocking)));

/// The waker of [`Pending::wait`].
#[cfg_attr(
    all(feature = "web", feature = "gpu", target_arch = "wasm32", target_os = "unknown"),
    allow(dead_code)
)]
fn blocking() -> &'static Waker {
    #[cfg(feature = "std")]
    return &BLOCKING;
    #[cfg(not(feature = "std"))]
    return Waker::noop();
}

/// Whether work that is polled with this may block its thread until a device is done, because it is polled by
/// [`Pending::wait`]. Without `std` there is nothing to block on, and it never may.
pub fn may_block(context: &Context<'_>) -> bool {
    #[cfg(feature = "std")]
    return ptr::eq(context.waker().data(), BLOCKING.data());
    #[cfg(not(feature = "std"))]
    return {
        let _ = context;
        false
    };
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use core::{future::poll_fn, pin::pin};

    use super::*;

    /// Is ready when it has been polled so many times; gives how often it might have blocked.
    fn after(mut polls: u32) -> impl Future<Output = Result<u32>> + Send {
        let mut might_block = 0;
        poll_fn(move |context| {
            might_block += u32::from(may_block(context));
            match polls.checked_sub(1) {
                None => Poll::Ready(Ok(might_block)),
                Some(left) => {
                    polls = left;
                    Poll::Pending
                }
            }
        })
    }

    #[test]
    fn work_begins_in_the_call_and_may_block_in_wait_alone() {
        assert!(Pending::start(after(0)).is_ready());
        let polled_thrice = Pending::start(after(3));
        assert!(!polled_thrice.is_ready());
        let expected = if cfg!(feature = "std") { 3 } else { 0 };
        assert_eq!(polled_thrice.wait().unwrap(), expected);

        let mut awaited = pin!(Pending::start(after(2)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(awaited.as_mut().poll(&mut context).is_pending());
        assert!(matches!(awaited.as_mut().poll(&mut context), Poll::Ready(Ok(0))));
        match awaited.as_mut().poll(&mut context) {
            Poll::Ready(Err(error)) => assert!(error.to_string().contains("given already"), "{error}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn waiting_reaches_what_is_awaited_within() {
        let outer = Pending::start(async { Pending::start(after(2)).await });
        // Both starts have polled it.
        assert_eq!(outer.wait().unwrap(), if cfg!(feature = "std") { 1 } else { 0 });
    }
}
