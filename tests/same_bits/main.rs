//! The same bits as before: checksums of what short runs compute, held against those in `tests/golden/same_bits/`.
//!
//! Code that is moved must not compute anything else, down to the last bit, and no tolerance shows that. There is a file for
//! what each case is about, and its lines are `backend/case checksum`; a checksum covers losses, logits, evaluations, recommendations and the whole state
//! (parameters, moments, count of steps) of all runs of its case. The kernels are the project's own, and elementary
//! functions come from `libm`, so that a processor's bits depend on the instruction set and on nothing else: lines of a
//! set that this processor lacks are left out, and said to be. A case runs on one thread and on two, through checkpoints
//! and without, and all must give the one line.
//!
//! A graphics driver compiles shaders as it likes: the lines `gpu/` hold for the adapter that the line `gpu = ` names, and
//! are left out on any other.
//!
//! Where a change of the bits is wanted, or a case is new, this writes the files anew, leaving lines as they are that cannot be computed
//! here; say in the commit what changed them:
//!
//! ```text
//! POCKETREC_WRITE_SAME_BITS=1 cargo test --test same_bits
//! ```
#![cfg(feature = "std")]

#[path = "../common/mod.rs"]
mod common;

mod checksum;
mod clicks;
mod pairs;
mod steps;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use common::skipped::skipped;
use pocketrec::{cpu::Isa, device::Device};

const ISAS: [&str; 4] = ["scalar", "avx2", "avx512", "neon"];
/// The key of the line with the adapter's name.
const ADAPTER: &str = "gpu =";

/// Devices that must compute the same, and the checksums of what they did.
pub struct Backend {
    name: String,
    pub devices: Vec<Device>,
    lines: BTreeMap<String, String>,
}

impl Backend {
    fn new(name: impl ToString, devices: Vec<Device>) -> Self {
        Backend {
            name: name.to_string(),
            devices,
            lines: BTreeMap::new(),
        }
    }

    /// Enters the case's checksum, which every device must give.
    pub fn enter(&mut self, case: &str, run: impl Fn(Device) -> u64) {
        let name = format!("{}/{case}", self.name);
        let sums: Vec<u64> = self.devices.iter().map(|device| run(device.clone())).collect();
        assert!(
            sums.iter().all(|sum| *sum == sums[0]),
            "{name}: {sums:x?} on {:?}",
            self.devices
        );
        let before = self.lines.insert(name, format!("{:016x}", sums[0]));
        assert_eq!(before, None, "{}/{case} is entered twice", self.name);
    }

    pub fn is_gpu(&self) -> bool {
        self.name == "gpu"
    }
}

/// Every instruction set of this processor, on one thread and on two.
fn processors() -> Vec<Backend> {
    let of = |isa: Isa| {
        let on = |threads| Device::cpu().simd(isa).threads(threads);
        Backend::new(isa, vec![on(1), on(2)])
    };
    Isa::available().into_iter().map(of).collect()
}

/// The graphics device with its name, where there is one.
#[cfg(feature = "gpu")]
fn graphics() -> Option<(String, Backend)> {
    let gpu = common::gpu::open(pocketrec::gpu::GpuOptions::default())?;
    Some((gpu.name(), Backend::new("gpu", vec![Device::on(&gpu)])))
}

#[cfg(not(feature = "gpu"))]
fn graphics() -> Option<(String, Backend)> {
    None
}

/// The folder of the stored lines.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/same_bits")
}

/// Keys and what follows the last space, of all lines of all files.
fn stored_lines() -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    for file in fs::read_dir(folder()).unwrap() {
        for line in fs::read_to_string(file.unwrap().path()).unwrap().lines() {
            let (name, sum) = match line.strip_prefix(ADAPTER) {
                Some(adapter) => (ADAPTER, adapter.trim()),
                None => line.split_once(' ').expect("a name and a checksum"),
            };
            lines.insert(name.to_string(), sum.to_string());
        }
    }
    lines
}

/// The file of a line: `step-DeepFM` of `avx2/step/DeepFM/Adam`.
fn file_of(line: &str) -> String {
    match line {
        ADAPTER => "adapter".to_string(),
        _ => line.split('/').skip(1).take(2).collect::<Vec<_>>().join("-"),
    }
}

/// Writes all files anew.
fn store(lines: &BTreeMap<String, String>) {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (name, sum) in lines {
        *files.entry(file_of(name)).or_default() += &format!("{name} {sum}\n");
    }
    for file in fs::read_dir(folder()).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    for (name, text) in files {
        fs::write(folder().join(name).with_extension("txt"), text).unwrap();
    }
}

#[test]
fn what_is_computed_is_what_was() {
    let mut stored = stored_lines();
    let is_written = env::var("POCKETREC_WRITE_SAME_BITS").is_ok_and(|value| value == "1");

    let mut backends = processors();
    let mut adapter = None;
    if let Some((name, backend)) = graphics() {
        if is_written || stored.get(ADAPTER) == Some(&name) {
            backends.push(backend);
        } else {
            let of = stored.get(ADAPTER).map_or("none", String::as_str);
            skipped(format!(
                "bits of graphics devices: they are stored of {of}, this is {name}"
            ));
        }
        adapter = Some(name);
    }
    for backend in &mut backends {
        steps::enter(backend);
        pairs::enter(backend);
        clicks::enter(backend);
    }
    let ran = |line: &str| backends.iter().any(|b| line.split('/').next() == Some(b.name.as_str()));
    if is_written {
        stored.retain(|name, _| !ran(name));
        stored.extend(backends.iter().flat_map(|backend| backend.lines.clone()));
        stored.extend(adapter.map(|name| (ADAPTER.to_string(), name)));
        store(&stored);
        return;
    }
    for isa in ISAS.iter().filter(|isa| !ran(isa)) {
        skipped(format!("bits of {isa}: this processor has it not, or this build"));
    }
    let stored_of = |backend: &Backend| {
        let of = stored
            .iter()
            .filter(|(line, _)| line.split('/').next() == Some(&backend.name));
        of.map(|(name, sum)| (name.clone(), sum.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let mut differing = Vec::new();
    for backend in &backends {
        let want = stored_of(backend);
        if want.is_empty() {
            skipped(format!("bits of {}: none are stored", backend.name));
            continue;
        }
        let names: std::collections::BTreeSet<&String> = want.keys().chain(backend.lines.keys()).collect();
        for name in names {
            let sums = [want.get(name), backend.lines.get(name)];
            if sums[0] != sums[1] {
                let [stored, now] = sums.map(|sum| sum.map_or("none", String::as_str));
                differing.push(format!("{name}: {stored} is stored, now it is {now}"));
            }
        }
    }
    assert!(stored.len() > 100, "{} lines are stored", stored.len());
    assert!(
        differing.is_empty(),
        "{} cases are not what they were:\n{}",
        differing.len(),
        differing.join("\n")
    );
}
