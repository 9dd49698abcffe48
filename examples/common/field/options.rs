//! The options that all of them have.

use std::path::PathBuf;

use clap::Args;
use pocketrec::{Result, device::Device};

use crate::common::{
    device::DeviceOptions,
    files::{check_extension, check_output},
    messages::Names,
    watch::Watch,
};

/// What the library calls something, and the option that sets it.
pub const NAMES: Names = &[
    ("epochs", "--epochs"),
    ("seed", "--seed"),
    ("split", "--data"),
    ("device", "--device"),
    ("threads", "--threads"),
    ("simd", "--simd"),
];

#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct FieldOptions {
    /// Passes over the training part, of each model that makes several [default: few on made-up data, more on a file]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: Option<u32>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Recommend to this one [default: the first who is tested]
    #[arg(long, value_name = "KEY")]
    pub user: Option<String>,
    /// Draw the models side by side
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// No progress and no line an epoch, just the results
    #[arg(long)]
    pub quiet: bool,
    #[command(flatten)]
    device: DeviceOptions,
}

impl FieldOptions {
    /// Refuses what can be refused before time is spent, and opens the device.
    pub fn begin(&self) -> Result<Device> {
        if let Some(path) = &self.plot {
            check_output("--plot", path)?;
            check_extension("--plot", path, "svg", "pictures are drawn as SVG")?;
        }
        self.device.device()
    }

    /// What looks on while a model is trained, from now on.
    pub fn watch(&self) -> Result<Watch> {
        let watch = Watch::new(self.quiet, None);
        watch.begin()?;
        Ok(watch)
    }
}
