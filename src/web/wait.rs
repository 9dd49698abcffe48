//! Waiting for a device: the browser parks the stack of WebAssembly and goes on.

use alloc::sync::Arc;
use core::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    task::{Context, Poll, Waker},
};
use std::task::Wake;

use wasm_bindgen::prelude::*;

use crate::{Result, executor::Running};

#[wasm_bindgen(inline_js = r"
const asleep = new Map();
export function sleep(id) {
  return new Promise(wake => asleep.set(id, wake));
}
export function wake(id) {
  asleep.get(id)?.();
  asleep.delete(id);
}
")]
extern "C" {
    /// Parks the stack until [`wake`] is called with this number.
    #[wasm_bindgen(suspending)]
    fn sleep(id: u32);
    fn wake(id: u32);
}

/// Who sleeps, told by a number: a waker may go anywhere, and what is JavaScript's may not.
struct Sleeper {
    id: u32,
    /// Whether it was woken since it last looked.
    is_woken: AtomicBool,
    is_asleep: AtomicBool,
}

impl Sleeper {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Sleeper {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            is_woken: AtomicBool::new(false),
            is_asleep: AtomicBool::new(false),
        }
    }

    /// Sleeps, unless it was woken meanwhile.
    fn sleep(&self) {
        if !self.is_woken.swap(false, Ordering::Relaxed) {
            self.is_asleep.store(true, Ordering::Relaxed);
            sleep(self.id);
            self.is_woken.store(false, Ordering::Relaxed);
        }
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Relaxed);
        if self.is_asleep.swap(false, Ordering::Relaxed) {
            wake(self.id);
        }
    }
}

/// The result of work, slept for where it is not there.
pub(crate) fn finish<T>(mut running: Running<'_, T>) -> Result<T> {
    let sleeper = Arc::new(Sleeper::new());
    let waker = Waker::from(Arc::clone(&sleeper));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(result) = running.as_mut().poll(&mut context) {
            return result;
        }
        sleeper.sleep();
    }
}
