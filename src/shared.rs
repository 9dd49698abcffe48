//! Ownership that is shared, on targets without atomic instructions (Cortex-M0, riscv32imc) too.
//!
//! There the counts are changed within critical sections, whose implementation is the program's: it links one, such as that of
//! the crate cortex-m.

#[cfg(target_has_atomic = "ptr")]
pub use alloc::sync::Arc;
#[cfg(not(target_has_atomic = "ptr"))]
pub use portable_atomic_util::Arc;
