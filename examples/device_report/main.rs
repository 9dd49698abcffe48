//! What this machine's devices are and reach, as Markdown to paste into an issue.
//!
//! ```text
//! cargo run --release --example device_report [-- --adapter PART_OF_NAME]
//! ```
//!
//! Everything is measured within a time, so that a slow device takes no longer than a fast one: about half a minute.

#[path = "../common/mod.rs"]
#[allow(dead_code)] // other examples use the rest
mod common;
#[cfg(feature = "gpu")]
mod graphics;
mod training;

use std::process::ExitCode;

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use common::{ending::exit_code, output::say};
use pocketrec::{Error, Result, device::Device};

/// What this machine's devices are and reach, as Markdown to paste into an issue.
#[derive(Debug, Parser)]
#[command(name = "device_report", version, max_term_width = 80)]
struct Options {
    /// A part of the name of the graphics adapter [default: the best there is]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// Seconds of each measurement of a kernel; those of training take four times as long
    #[arg(long, value_name = "S", default_value_t = 0.25)]
    seconds: f64,
}

fn main() -> ExitCode {
    exit_code(report(&Options::parse()), &[])
}

fn report(options: &Options) -> Result<()> {
    if !(options.seconds > 0.0 && options.seconds <= 60.0) {
        let reason = format!("{} is not above 0 and at most 60", options.seconds);
        return Err(Error::config("--seconds", reason));
    }
    say!("## Device report of pocketrec {}\n", env!("CARGO_PKG_VERSION"))?;
    let mut devices = vec![("CPU", Device::cpu())];
    match graphics_device(options)? {
        Ok(device) => devices.push(("GPU", device)),
        Err(reason) => say!("No GPU: {reason}.\n")?,
    }
    training::measure(&devices, 4.0 * options.seconds)
}

/// The graphics device, after what it is and reaches was printed; or why there is none.
#[cfg(feature = "gpu")]
fn graphics_device(options: &Options) -> Result<Result<Device, String>> {
    use pocketrec::gpu::{Gpu, GpuOptions, Select};
    let select = options.adapter.clone().map_or(Select::Any, Select::Named);
    match Gpu::open(&select, GpuOptions::default()) {
        Ok(gpu) => {
            graphics::measure(&gpu, options.seconds)?;
            Ok(Ok(Device::on(&gpu)))
        }
        Err(error) if options.adapter.is_some() => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

#[cfg(not(feature = "gpu"))]
fn graphics_device(options: &Options) -> Result<Result<Device, String>> {
    match options.adapter {
        Some(_) => Err(Error::config("--adapter", "this build lacks the feature `gpu`")),
        None => Ok(Err("this build lacks the feature `gpu`".into())),
    }
}

/// A Markdown table whose columns but the first are numbers.
fn table(header: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_header(header.into_iter().collect::<Vec<_>>());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
