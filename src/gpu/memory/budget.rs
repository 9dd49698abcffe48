//! How much memory of a device training takes, known before anything is allocated.

use std::fmt;

use crate::{
    Error, Result,
    gpu::{
        device::gpu::Gpu,
        memory::{
            layout::{Columns, matrix::Matrix},
            placement::Placement,
        },
    },
    memory,
    plan::{ParamKind, Plan},
};

/// Sums of losses that are kept on the device, one of 256 samples: thousands of steps of small batches.
const LOSSES: u64 = 1 << 20;

/// Bytes of a device that training takes, by what they are for.
/// Shown as the sum, then each part with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What for, and bytes.
    pub parts: Vec<(String, u64)>,
}

impl Memory {
    /// Bytes of all parts.
    pub fn total(&self) -> u64 {
        self.parts.iter().map(|part| part.1).fold(0, u64::saturating_add)
    }

    /// Refuses what is more than [`GpuOptions::max_memory`](crate::gpu::GpuOptions::max_memory).
    pub(crate) fn check(&self, gpu: &Gpu) -> Result<()> {
        match gpu.options().max_memory {
            Some(most) if self.total() > most => Err(Error::Device(format!(
                "training takes more than the {most} bytes of {} that it may: {self}",
                gpu.name()
            ))),
            _ => Ok(()),
        }
    }
}

/// Refuses what is more than the machine has left, where a device is a program that takes the machine's own memory.
pub(crate) fn check_host(gpu: &Gpu, bytes: u64, what: impl FnOnce() -> String) -> Result<()> {
    match gpu.is_software() {
        true => memory::check(bytes, what),
        false => Ok(()),
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.total())?;
        for (index, (what, bytes)) in self.parts.iter().enumerate() {
            write!(f, "{} {what} {bytes}", if index == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// Bytes of the sums of losses that are kept on the device.
pub(crate) fn losses(gpu: &Gpu) -> u64 {
    (4 * LOSSES).min(gpu.max_binding())
}

/// What the parameters take, each table and all else; and the vec4s of all weights and biases that are trained.
pub(crate) fn parameters(gpu: &Gpu, plan: &Plan, columns: &Columns, moments: bool) -> Result<(Memory, u32)> {
    let matrices = Matrix::of_plan(plan, columns)?;
    let copies = if moments { 3 } else { 1 };
    let most = gpu.max_binding();
    let refuse = |what: String, bytes: u64| {
        let name = gpu.name();
        Error::Device(format!("{what} takes {bytes} bytes; {name} binds {most} at most"))
    };
    let mut parts = Vec::new();
    for (param, matrix) in plan.params().iter().zip(&matrices) {
        let ParamKind::Table { .. } = param.kind else { continue };
        let row = 16 * u64::from(matrix.stride);
        if row > most {
            return Err(refuse(format!("a row of {}", param.name), row));
        }
        parts.push((param.name.clone(), copies * row * param.rows as u64));
    }
    let Placement {
        layers,
        trained,
        total,
        transposed,
        ..
    } = Placement::new(plan, columns, &matrices);
    let dense = 16 * u64::from(total);
    let largest = dense.max(16 * u64::from(transposed));
    if largest > most {
        let name = gpu.name();
        let reason = format!("weights and biases take {largest} bytes; {name} binds {most} at most");
        return Err(Error::Device(reason));
    }
    parts.push((
        "weights and biases".into(),
        copies * dense + 16 * (u64::from(transposed) + layers.len() as u64),
    ));
    parts.push(("sums of losses".into(), losses(gpu)));
    Ok((Memory { parts }, trained))
}
