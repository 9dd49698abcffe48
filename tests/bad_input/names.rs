//! Instruction sets and devices by their names, given or in the environment.

use pocketrec::cpu::{CpuExecutor, Isa};
#[cfg(feature = "std")]
use pocketrec::device::Device;

use crate::{common::trained_state, plan};

/// What is said of a name that no instruction set has.
fn unknown(name: &str) -> String {
    format!("device: unknown instruction set {name:?}; known: scalar, avx2, avx512, neon, wasm")
}

/// One that belongs to another family of processors.
fn absent() -> Isa {
    if Isa::Neon.is_available() { Isa::Avx2 } else { Isa::Neon }
}

#[test]
fn instruction_sets_by_name() {
    for isa in Isa::available() {
        let name = isa.to_string();
        assert_eq!(name.parse::<Isa>().unwrap(), isa);
        assert_eq!(format!(" {} ", name.to_uppercase()).parse::<Isa>().unwrap(), isa);
    }
    for name in ["", "avx", "avx-512", "sse", "scalar,avx2", "\u{0}", "auto"] {
        assert_eq!(name.parse::<Isa>().unwrap_err().to_string(), unknown(name));
    }
    let made = CpuExecutor::new(plan(), trained_state(&plan(), 0.1, 0, 1), absent(), 1);
    let text = made.err().unwrap().to_string();
    assert!(text.contains(&format!("lacks {}", absent())), "{text}");
}

/// The environment belongs to a whole process, so each case is one: this test once more, told what to find.
#[cfg(feature = "std")]
#[test]
fn instruction_set_by_environment() {
    const FOUND: &str = "POCKETREC_TEST_FOUND";
    if let Ok(want) = std::env::var(FOUND) {
        let got = Isa::detect().map_or_else(|error| error.to_string(), |isa| isa.to_string());
        assert_eq!(got, want);
        return;
    }
    let has = Isa::available()
        .iter()
        .map(Isa::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let lacking = format!(
        "device: POCKETREC_SIMD={}: this processor or this build lacks it; it has {has}",
        absent()
    );
    let unknown = |name| format!("device: POCKETREC_SIMD={name}: no such instruction set; this processor has {has}");
    for (value, want) in [
        ("scalar", "scalar".to_string()),
        (" Scalar", "scalar".to_string()),
        ("sse9", unknown("sse9")),
        ("", unknown("")),
        (&absent().to_string(), lacking),
    ] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "names::instruction_set_by_environment"])
            .env("POCKETREC_SIMD", value)
            .env(FOUND, want)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{value:?}: {text}"
        );
    }
}

/// As above.
#[cfg(feature = "std")]
#[test]
fn device_by_environment() {
    const FOUND: &str = "POCKETREC_TEST_FOUND";
    if std::env::var_os(FOUND).is_some() {
        let text = Device::auto().map_or_else(|error| error.to_string(), |device| format!("{device:?}"));
        println!("found {text}");
        return;
    }
    let cpu = format!("{:?}", Device::cpu());
    for (value, parts) in [
        (" CPU", vec![cpu.as_str()]),
        ("Auto", vec!["Auto"]),
        (
            "no such thing",
            vec!["POCKETREC_DEVICE=no such thing: ", "auto", "cpu", "unset it"],
        ),
        ("no such+MIXED", vec!["POCKETREC_DEVICE=no such+MIXED: "]),
    ] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "names::device_by_environment", "--nocapture"])
            .env("POCKETREC_DEVICE", value)
            .env(FOUND, "")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(parts.iter().all(|part| text.contains(part)), "{value:?}: {text}");
    }
}
