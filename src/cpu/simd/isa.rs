//! The instruction sets by name, and the choice between them.

use alloc::{format, string::ToString, vec::Vec};
use core::{fmt, str::FromStr};

#[cfg(target_arch = "x86_64")]
use super::Avx2;
#[cfg(all(feature = "avx512", target_arch = "x86_64"))]
use super::Avx512;
#[cfg(target_arch = "aarch64")]
use super::Neon;
#[cfg(any(feature = "plain", not(target_arch = "aarch64")))]
use super::Scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::Wasm;
use crate::{Error, Result};

/// An instruction set that the kernels are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Plain code for any processor.
    Scalar,
    /// x86-64 with AVX2 and FMA: 8 lanes.
    Avx2,
    /// x86-64 with AVX-512F: 16 lanes.
    Avx512,
    /// 64-bit ARM: 4 lanes.
    Neon,
    /// WebAssembly with `simd128`, turned on where it is built: 4 lanes, and plain code's bits.
    Wasm,
}

impl Isa {
    const ALL: [Isa; 5] = [Isa::Avx512, Isa::Avx2, Isa::Neon, Isa::Wasm, Isa::Scalar];

    /// Whether this processor, and this build, have it.
    pub fn is_available(self) -> bool {
        Proof::new(self).is_ok()
    }

    /// Whether that is its name, in letters of any case.
    fn is_called(self, name: &str) -> bool {
        self.to_string().eq_ignore_ascii_case(name.trim())
    }

    /// All that are available, best first.
    pub fn available() -> Vec<Isa> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// The best available, or what the environment variable `POCKETREC_SIMD` asks for.
    ///
    /// # Errors
    /// [`Error::Device`] where the variable names one that is unknown or not available.
    pub fn detect() -> Result<Isa> {
        #[cfg(feature = "std")]
        if let Some(name) = std::env::var_os("POCKETREC_SIMD") {
            let name = name.to_string_lossy();
            let has = || {
                Self::available()
                    .iter()
                    .map(Isa::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            return match Self::ALL.into_iter().find(|isa| isa.is_called(&name)) {
                Some(isa) if isa.is_available() => Ok(isa),
                Some(isa) => {
                    let reason = format!(
                        "POCKETREC_SIMD={isa}: this processor or this build lacks it; it has {}",
                        has()
                    );
                    Err(Error::Device(reason))
                }
                None => {
                    let reason = format!(
                        "POCKETREC_SIMD={name}: no such instruction set; this processor has {}",
                        has()
                    );
                    Err(Error::Device(reason))
                }
            };
        }
        Ok(Self::available()[0])
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
            Isa::Wasm => "wasm",
        })
    }
}

impl FromStr for Isa {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|isa| isa.is_called(name)).ok_or_else(|| {
            Error::Device(format!(
                "unknown instruction set {name:?}; known: scalar, avx2, avx512, neon, wasm"
            ))
        })
    }
}

/// The proof that goes with an [`Isa`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof {
    #[cfg(any(
        feature = "plain",
        not(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))
    ))]
    Scalar(Scalar),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(all(feature = "avx512", target_arch = "x86_64"))]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Wasm(Wasm),
}

impl Proof {
    /// The proof for `isa`.
    ///
    /// # Errors
    /// [`Error::Device`] where this processor or this build lacks it.
    pub(crate) fn new(isa: Isa) -> Result<Proof> {
        let proof = match isa {
            #[cfg(any(
                feature = "plain",
                not(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))
            ))]
            Isa::Scalar => Some(Proof::Scalar(Scalar)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Avx2::new().map(Proof::Avx2),
            #[cfg(all(feature = "avx512", target_arch = "x86_64"))]
            Isa::Avx512 => Avx512::new().map(Proof::Avx512),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Some(Proof::Neon(Neon::new())),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Wasm => Some(Proof::Wasm(Wasm::new())),
            #[allow(unreachable_patterns)]
            _ => None,
        };
        proof.ok_or_else(|| {
            let wants = match isa {
                Isa::Avx512 if cfg!(not(feature = "avx512")) => ", which wants the feature `avx512` of pocketrec",
                Isa::Scalar => ", which wants the feature `plain` of pocketrec",
                _ => "",
            };
            Error::Device(format!("this processor or this build lacks {isa}{wants}"))
        })
    }
}

/// Runs an expression with `$s` bound to the proof; the expression is compiled once for each instruction set.
macro_rules! dispatch {
    ($proof:expr, $s:ident => $body:expr) => {
        match $proof {
            #[cfg(any(
                feature = "plain",
                not(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))
            ))]
            $crate::cpu::simd::Proof::Scalar($s) => $body,
            #[cfg(target_arch = "x86_64")]
            $crate::cpu::simd::Proof::Avx2($s) => $body,
            #[cfg(all(feature = "avx512", target_arch = "x86_64"))]
            $crate::cpu::simd::Proof::Avx512($s) => $body,
            #[cfg(target_arch = "aarch64")]
            $crate::cpu::simd::Proof::Neon($s) => $body,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            $crate::cpu::simd::Proof::Wasm($s) => $body,
        }
    };
}
pub(crate) use dispatch;

#[cfg(test)]
mod tests {
    use super::*;

    /// What tests do on each available instruction set must not leave out the one that a target always has.
    #[test]
    fn every_build_has_plain_lanes_or_what_its_target_always_has() {
        let available = Isa::available();
        let has_better = cfg!(any(
            target_arch = "aarch64",
            all(target_arch = "wasm32", target_feature = "simd128")
        ));
        let plain = cfg!(feature = "plain") || !has_better;
        assert_eq!(available.last() == Some(&Isa::Scalar), plain);
        assert_eq!(available.contains(&Isa::Neon), cfg!(target_arch = "aarch64"));
    }
}
