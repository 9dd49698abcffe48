//! The processor's threads and instructions, for what runs no plan.

use alloc::{format, vec::Vec};
use core::fmt;

#[cfg(not(feature = "parallel"))]
use super::serial::Pool;
#[cfg(feature = "parallel")]
use super::threads::Pool;
use super::{Isa, simd::Proof};
use crate::{Error, Result};

/// Threads with an instruction set.
pub struct Workers {
    pub(crate) proof: Proof,
    isa: Isa,
    pool: Pool,
}

impl Workers {
    /// # Errors
    /// [`Error::Device`] where the processor lacks the instruction set, or threads cannot be had.
    pub fn new(isa: Isa, threads: usize) -> Result<Self> {
        let proof = Proof::new(isa)?;
        if threads == 0 || (threads > 1 && cfg!(not(feature = "parallel"))) {
            let reason = "threads: at least 1; more than 1 need the feature `parallel`";
            return Err(Error::Device(reason.into()));
        }
        let pool = Pool::new(threads).map_err(|e| Error::Device(format!("cannot start {threads} threads: {e}")))?;
        Ok(Workers { proof, isa, pool })
    }

    /// Hands each task to one thread, together with a scratch of that thread's.
    pub fn for_each<S: Send, T: Send>(
        &mut self,
        scratch: impl Fn() -> S,
        tasks: &mut [T],
        f: impl Fn(&mut S, &mut T) + Sync,
    ) {
        let mut scratch: Vec<S> = (0..self.pool.threads()).map(|_| scratch()).collect();
        self.pool.for_each(&mut scratch, tasks, f);
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }
}

impl fmt::Display for Workers {
    /// As an executor's: `cpu avx512, 2 threads`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.threads();
        let plural = if threads == 1 { "" } else { "s" };
        write!(f, "cpu {}, {threads} thread{plural}", self.isa)
    }
}
