//! Where training runs.

use alloc::{boxed::Box, format};

use crate::{
    Error, Result,
    cpu::{CpuExecutor, Isa},
    executor::Executor,
    plan::{Plan, State},
};

/// Where training runs, and how.
///
/// ```
/// use pocketrec::{device::Device, models::Gmf, plan::State};
/// let plan = Gmf::new(10, 20).plan()?;
/// let state = State::initial(&plan, 1, true);
/// let mut executor = Device::auto()?.threads(1).executor(plan, state)?;
/// let mut score = [0.0];
/// executor.score(&[&[3], &[7]], &mut score)?;
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device {
    threads: Option<usize>,
    isa: Option<Isa>,
}

impl Device {
    /// The best device of this machine, or the one that the environment variable `POCKETREC_DEVICE` names.
    ///
    /// # Errors
    /// As [`named`](Device::named).
    pub fn auto() -> Result<Self> {
        #[cfg(feature = "std")]
        if let Some(name) = std::env::var_os("POCKETREC_DEVICE") {
            return Self::named(&name.to_string_lossy());
        }
        Ok(Self::cpu())
    }

    /// The processor, on all its cores, with the best instruction set it has (or `POCKETREC_SIMD`).
    pub fn cpu() -> Self {
        Device::default()
    }

    /// The device of that name: `auto` or `cpu`.
    ///
    /// # Errors
    /// [`Error::Device`] where this build knows no such device.
    pub fn named(name: &str) -> Result<Self> {
        match name.trim() {
            "auto" | "cpu" => Ok(Self::cpu()),
            other => Err(Error::Device(format!(
                "{other:?} is not known to this version; known: auto, cpu"
            ))),
        }
    }

    /// Sets the number of threads; 0 means as many as the processor has cores.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = (threads > 0).then_some(threads);
        self
    }

    /// Sets the instruction set.
    pub fn simd(mut self, isa: Isa) -> Self {
        self.isa = Some(isa);
        self
    }

    /// An executor for `plan` that starts from `state`.
    ///
    /// # Errors
    /// [`Error::Device`] where the device lacks what was asked for, [`Error::Length`] where the state is of another
    /// plan.
    pub fn executor(&self, plan: Plan, state: State) -> Result<Box<dyn Executor>> {
        let isa = match self.isa {
            Some(isa) => isa,
            None => Isa::detect()?,
        };
        let threads = self.threads.unwrap_or_else(cores);
        Ok(Box::new(CpuExecutor::new(plan, state, isa, threads)?))
    }
}

fn cores() -> usize {
    #[cfg(feature = "parallel")]
    return std::thread::available_parallelism().map_or(1, usize::from);
    #[cfg(not(feature = "parallel"))]
    return 1;
}
