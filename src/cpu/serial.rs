//! The pool of one thread, for builds without the feature `parallel`.

use core::convert::Infallible;

/// Runs jobs on the caller alone.
pub(crate) struct Pool;

impl Pool {
    /// A pool of one thread, however many are asked for.
    pub fn new(_threads: usize) -> Result<Self, Infallible> {
        Ok(Pool)
    }

    /// One.
    pub fn threads(&self) -> usize {
        1
    }

    /// Runs every task in order.
    pub fn for_each<S, T>(&mut self, scratch: &mut [S], tasks: &mut [T], f: impl Fn(&mut S, &mut T)) {
        for task in tasks {
            f(&mut scratch[0], task);
        }
    }
}
