//! The options that say where to run.

use clap::Args;
use pocketrec::{Error, Result, cpu::Isa, device::Device};

/// More are a slip, and could be more than the system grants.
const MOST_THREADS: usize = 1024;

/// Where to run.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Device")]
pub struct DeviceOptions {
    /// auto, cpu, gpu or a part of an adapter's name, the latter two with +mixed for mixed precision [default: auto, or
    /// POCKETREC_DEVICE]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Threads of the processor [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Instruction set: scalar, avx2, avx512 or neon [default: the best there is, or POCKETREC_SIMD]
    #[arg(long, value_name = "NAME")]
    pub simd: Option<Isa>,
}

impl DeviceOptions {
    /// The device.
    ///
    /// # Errors
    /// Where there is none of the name, and where an option says something of a processor that is not used.
    pub fn device(&self) -> Result<Device> {
        let name = self.device.as_deref().map(str::trim).unwrap_or_default();
        let graphics = !["", "auto", "cpu"].iter().any(|known| name.eq_ignore_ascii_case(known));
        for (option, given) in [("--threads", self.threads.is_some()), ("--simd", self.simd.is_some())] {
            if graphics && given {
                let reason = format!("--device {name} is no processor; leave it out");
                return Err(Error::config(option, reason));
            }
        }
        if let Some(threads) = self.threads.filter(|&threads| threads > MOST_THREADS) {
            let reason = format!("{threads} threads are more than any processor has; give up to {MOST_THREADS}");
            return Err(Error::config("--threads", reason));
        }
        let mut device = match &self.device {
            Some(name) => Device::named(name)?,
            None => Device::auto()?,
        };
        if let Some(threads) = self.threads {
            device = device.threads(threads);
        }
        if let Some(isa) = self.simd {
            device = device.simd(isa);
        }
        Ok(device)
    }
}

/// Whether a device as it describes itself is the processor.
pub fn is_processor(described: &str) -> bool {
    described.starts_with("cpu")
}

/// Steps between two reports of progress, at which training can be stopped: some ten thousand samples on a processor,
/// where asking costs nothing. A graphics device is waited for and is the faster one, so there it is more.
pub fn report_every(described: &str, batch: usize) -> u32 {
    let samples = if is_processor(described) { 1 << 13 } else { 1 << 17 };
    (samples / batch.max(1)).clamp(1, 512) as u32
}
