//! Where training runs.

use alloc::boxed::Box;

#[cfg(feature = "gpu")]
use crate::gpu::{Gpu, GpuExecutor, GpuOptions, Lazily, Opened, Select};
use crate::{
    Result,
    cpu::{CpuExecutor, Isa, Workers},
    executor::Executor,
    plan::{Plan, State},
};

/// Multiply-adds of a sample from which on [`Device::auto`] takes a graphics device. A step costs such a device some 30
/// launches, 0.1 to 0.3 ms, whatever its size; in that time a laptop's processor trains a batch of 256 samples of this
/// size. NeuMF with 8 factors has 3 thousand, with 64 factors 170 thousand.
#[cfg(feature = "gpu")]
const GPU_PAYS_OFF: usize = 32 * 1024;

/// Where training runs, and how. One that has a graphics device holds it, and so do its clones: it is closed with the last of
/// them and of the executors on it. Two are equal that run on the same adapter in the same way.
///
/// [`threads`](Device::threads) and [`simd`](Device::simd) are the processor's. They count where a plan runs on it, also as
/// [`auto`](Device::auto)'s second choice; a graphics device that is asked for by name has neither, and refuses them.
///
/// ```
/// use pocketrec::{device::Device, models::Gmf, plan::State};
/// let plan = Gmf::new(10, 20).plan()?;
/// let state = State::initial(&plan, 1, true)?;
/// let mut executor = Device::auto()?.threads(1).executor(plan, state)?;
/// let mut score = [0.0];
/// executor.score(&[&[3], &[7]], &mut score).wait()?;
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    kind: Kind,
    threads: Option<usize>,
    isa: Option<Isa>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Cpu,
    /// Chosen when the plan is known.
    Auto(Hardware),
    #[cfg(feature = "gpu")]
    Gpu(Opened),
}

/// The graphics device that is taken where it pays off.
#[cfg(feature = "gpu")]
type Hardware = Lazily;
/// There is none to take.
#[cfg(not(feature = "gpu"))]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hardware {}

impl Device {
    /// The best device of this machine, or the one that the environment variable `POCKETREC_DEVICE` names.
    ///
    /// That is a graphics device where there is one in hardware, the plan has enough work for it (32 thousand
    /// multiply-adds a sample: small models train faster on the processor) and its parameters fit there; else the
    /// processor. Software that plays a graphics device is never chosen.
    /// [`Executor::device`] says which one it is.
    ///
    /// # Errors
    /// As [`named`](Device::named); where the name is the variable's, the message says so.
    pub fn auto() -> Result<Self> {
        #[cfg(feature = "std")]
        if let Some(name) = std::env::var_os("POCKETREC_DEVICE") {
            let name = name.to_string_lossy();
            return Self::named(&name).map_err(|error| match error {
                crate::Error::Device(reason) => crate::Error::Device(alloc::format!(
                    "POCKETREC_DEVICE={name}: {reason}; unset it to have one chosen"
                )),
                other => other,
            });
        }
        Ok(Self::automatic())
    }

    fn automatic() -> Self {
        Device {
            kind: Kind::Auto(Hardware::default()),
            ..Device::default()
        }
    }

    /// The processor, on all its cores, with the best instruction set it has (or `POCKETREC_SIMD`).
    pub fn cpu() -> Self {
        Device::default()
    }

    /// The best graphics device, and software that plays one if there is no other.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where there is none.
    #[cfg(feature = "gpu")]
    pub fn gpu() -> Result<Self> {
        Self::selected(&Select::Any, false)
    }

    /// A graphics device that is open already. Where it is lost, [`executor`](Device::executor) opens the same adapter anew,
    /// with the same options.
    #[cfg(feature = "gpu")]
    pub fn on(gpu: &Gpu) -> Self {
        Device {
            kind: Kind::Gpu(Opened::on(gpu)),
            ..Device::default()
        }
    }

    #[cfg(feature = "gpu")]
    fn selected(select: &Select, mixed: bool) -> Result<Self> {
        let options = GpuOptions {
            mixed,
            ..GpuOptions::default()
        };
        Ok(Device {
            kind: Kind::Gpu(Opened::open(select, options)?),
            ..Device::default()
        })
    }

    /// The device of that name: `auto`, `cpu`, `gpu`, or a part of a graphics adapter's name, in letters of any case. Behind
    /// the latter two can stand `+mixed`, for mixed precision ([`GpuOptions::mixed`](crate::gpu::GpuOptions::mixed)).
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where there is no such device, where it lacks mixed precision, or where this
    /// build has no support for graphics devices.
    pub fn named(name: &str) -> Result<Self> {
        let name = name.trim();
        match name.to_ascii_lowercase().as_str() {
            "" | "auto" => Ok(Self::automatic()),
            "cpu" => Ok(Self::cpu()),
            _ => Self::graphics(name),
        }
    }

    #[cfg(feature = "gpu")]
    fn graphics(name: &str) -> Result<Self> {
        const MIXED: &str = "+mixed";
        let (name, mixed) = match name
            .len()
            .checked_sub(MIXED.len())
            .and_then(|at| name.split_at_checked(at))
        {
            Some((name, end)) if end.eq_ignore_ascii_case(MIXED) => (name.trim_end(), true),
            _ => (name, false),
        };
        match name {
            any if any.eq_ignore_ascii_case("gpu") => Self::selected(&Select::Any, mixed),
            part => Self::selected(&Select::Named(part.into()), mixed),
        }
    }

    #[cfg(not(feature = "gpu"))]
    fn graphics(name: &str) -> Result<Self> {
        let reason =
            alloc::format!("{name:?} is not there: this build knows auto and cpu (graphics devices need `gpu`)");
        Err(crate::Error::Device(reason))
    }

    /// Sets the number of the processor's threads; 0 means as many as the processor has cores.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = (threads > 0).then_some(threads);
        self
    }

    /// Sets the processor's instruction set.
    pub fn simd(mut self, isa: Isa) -> Self {
        self.isa = Some(isa);
        self
    }

    /// An executor for `plan` that starts from `state`. A graphics device that was lost is opened anew.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where the device lacks what was asked for, [`Error::Length`](crate::Error::Length) where the state is of another
    /// plan, [`Error::Memory`](crate::Error::Memory) where memory is short.
    pub fn executor(&self, plan: Plan, state: State) -> Result<Box<dyn Executor>> {
        match &self.kind {
            Kind::Cpu => self.processor(plan, state),
            Kind::Auto(hardware) => self.best(hardware, plan, state),
            #[cfg(feature = "gpu")]
            Kind::Gpu(opened) => {
                self.refuse_processor_settings()?;
                Ok(Box::new(GpuExecutor::new(&opened.get()?, plan, &state)?))
            }
        }
    }

    /// Refuses settings of the processor where it is not to be used.
    #[cfg(feature = "gpu")]
    fn refuse_processor_settings(&self) -> Result<()> {
        let set = match (self.threads, self.isa) {
            (Some(threads), _) => alloc::format!("threads({threads})"),
            (None, Some(isa)) => alloc::format!("simd({isa})"),
            (None, None) => return Ok(()),
        };
        let reason = "is a setting of the processor, and this device is a graphics device: leave it out";
        Err(crate::Error::Device(alloc::format!("{set} {reason}")))
    }

    /// Refuses a model whose state, with the copy that is trained on, is more than there is memory for, before either is
    /// made.
    pub(crate) fn check_memory(&self, plan: &Plan, moments: bool) -> Result<()> {
        let copies = match self.kind {
            Kind::Cpu => 2,
            _ => 1, // the other may be a graphics device's
        };
        plan.need("training the parameters", moments, copies).check()
    }

    #[cfg(feature = "gpu")]
    fn best(&self, hardware: &Hardware, plan: Plan, state: State) -> Result<Box<dyn Executor>> {
        if plan.multiply_adds() >= GPU_PAYS_OFF
            && let Ok(gpu) = hardware.hardware()
        {
            // A state that does not fit the plan is an error on any device; parameters that do not fit this one are not.
            if let Ok(executor) = GpuExecutor::new(&gpu, plan.clone(), &state) {
                return Ok(Box::new(executor));
            }
        }
        self.processor(plan, state)
    }

    #[cfg(not(feature = "gpu"))]
    fn best(&self, _: &Hardware, plan: Plan, state: State) -> Result<Box<dyn Executor>> {
        self.processor(plan, state)
    }

    fn processor(&self, plan: Plan, state: State) -> Result<Box<dyn Executor>> {
        let (isa, threads) = self.on_processor()?;
        Ok(Box::new(CpuExecutor::new(plan, state, isa, threads)?))
    }

    /// The instruction set and the number of threads of the processor.
    fn on_processor(&self) -> Result<(Isa, usize)> {
        let isa = match self.isa {
            Some(isa) => isa,
            None => Isa::detect()?,
        };
        Ok((isa, self.threads.unwrap_or_else(cores)))
    }

    /// Threads for what runs no plan, and so on the processor alone: [`auto`](Device::auto) is the processor then.
    pub(crate) fn workers(&self) -> Result<Workers> {
        match &self.kind {
            Kind::Cpu | Kind::Auto(_) => {
                let (isa, threads) = self.on_processor()?;
                Workers::new(isa, threads)
            }
            #[cfg(feature = "gpu")]
            Kind::Gpu(_) => {
                let reason = "classical models run on the processor, not on a graphics device: take `cpu` or `auto`";
                Err(crate::Error::Device(reason.into()))
            }
        }
    }
}

fn cores() -> usize {
    #[cfg(feature = "parallel")]
    return std::thread::available_parallelism().map_or(1, usize::from);
    #[cfg(not(feature = "parallel"))]
    return 1;
}
