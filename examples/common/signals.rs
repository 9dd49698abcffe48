//! Ctrl-C and the like: the first asks training to stop, a second ends the program at once.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// Whether the program was asked to stop.
///
/// Until [`Stop::install`] a signal ends the program as it does any other.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// The number of the signal; 0 for none.
    signal: Arc<AtomicUsize>,
    /// Whether the next signal ends the program.
    armed: Arc<AtomicBool>,
}

impl Stop {
    /// Takes notice of signals from now on.
    ///
    /// # Errors
    /// Where the operating system refuses.
    pub fn install(&self) -> io::Result<()> {
        self.armed.store(false, Ordering::SeqCst);
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the way out closed and opens it for the second.
            flag::register_conditional_shutdown(signal, 128 + signal, self.armed.clone())?;
            flag::register_usize(signal, self.signal.clone(), signal as usize)?;
            flag::register(signal, self.armed.clone())?;
        }
        Ok(())
    }

    /// The signal that came.
    pub fn signal(&self) -> Option<u8> {
        match self.signal.load(Ordering::SeqCst) {
            0 => None,
            signal => u8::try_from(signal).ok(),
        }
    }

    /// Nobody asks any more whether a signal came: the next one ends the program.
    pub fn disarm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }
}
