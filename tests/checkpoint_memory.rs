//! What loading a checkpoint takes: memory and time in proportion to the file, whatever it claims, and an error where
//! there is too little.
#![cfg(feature = "std")]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))] // a limit on memory is set as Linux takes it

mod common;
mod planted;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use common::files::{bytes_of, edited};
use pocketrec::{
    checkpoint::{Checkpoint, ClickCheckpoint},
    data::clicks::{Field, Schema, Training},
    device::Device,
    models::Lr,
    train::{ClickConfig, ClickTrainer},
};
use safetensors::Dtype;

/// The system's allocator, which knows how much is taken at most.
struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn take(bytes: usize) {
    let taken = TAKEN.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(taken, Ordering::Relaxed);
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while the one is copied into the other.
        take(size);
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A file of a logistic regression, with its encoder.
fn clicks() -> Vec<u8> {
    let schema = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .history("history", ["item"], 4)
        .label("click")
        .group("user");
    let mut training = Training::new(schema, vec![]).unwrap();
    for row in 0..8 {
        let (user, item) = (["ann", "bob"][row % 2], ["tea", "rice"][row / 2 % 2]);
        training.push_row(&[user, item, &(row / 4).to_string()]).unwrap();
    }
    let (encoder, train, _) = training.fit().unwrap();
    let mut trainer = ClickTrainer::new(Lr::new(train.layout()), Device::cpu(), ClickConfig::default()).unwrap();
    trainer.set_encoder(encoder).unwrap();
    bytes_of(&mut trainer)
}

/// A container with this header and no data.
fn container(header: &str) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes
}

/// So many of these, with commas between them.
fn list(count: usize, each: impl Fn(usize) -> String) -> String {
    (0..count).map(each).collect::<Vec<_>>().join(",")
}

/// Files of about a megabyte or two that are all structure and no substance, each with what it is refused for.
fn shapes() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let base = clicks();
    let with_string = |key: &str, value: String| edited(&base, |_, strings| drop(strings.insert(key.into(), value)));
    let with_tensor = |name: &str, json: String| {
        let bytes = json.into_bytes();
        edited(&base, |tensors, _| {
            drop(tensors.insert(name.into(), (Dtype::U8, vec![bytes.len()], bytes)))
        })
    };
    let tensor = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
    let model = |layout: String| format!(r#"{{"model":"lr","layout":{{{layout}}}}}"#);
    let fields = |numbers: String| {
        format!(
            r#""ids":[{{"name":"a","vocabulary":0}}],"numbers":[{numbers}],"many":[],"sequences":[],"vocabularies":[{{"name":"a","rows":1}}]"#
        )
    };
    let encoder = |fields: String, tables: String| {
        format!(
            r#"{{"schema":{{"fields":[{fields}],"histories":[],"joins":[],"label":null,"group":null,"time":null,"negatives":null}},"tables":[{tables}],"vocabularies":[],"scales":[]}}"#
        )
    };
    let field = |i: usize| {
        format!(
            r#"{{"name":"{i}","kind":"key","column":"{i}","table":null,"vocabulary":"{i}","min_count":1,"buckets":null}}"#
        )
    };
    vec![
        (
            "many tensors",
            "is missing",
            container(&format!("{{{}}}", list(30_000, |i| format!("\"{i}\":{tensor}")))),
        ),
        (
            "too many tensors",
            "more than 131072 tensors",
            container(&format!("{{{}}}", list(150_000, |i| format!("\"{i}\":{tensor}")))),
        ),
        (
            "many strings",
            "more than 64 metadata strings",
            container(&format!(
                "{{\"__metadata__\":{{{}}}}}",
                list(100_000, |i| format!("\"{i}\":\"\""))
            )),
        ),
        (
            "a shape of many ones",
            "more than 8 dimensions",
            container(&format!(
                r#"{{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[0,1]}}}}"#,
                list(500_000, |_| "1".into())
            )),
        ),
        (
            "a header of a long string",
            "is missing",
            container(&format!("{{\"__metadata__\":{{\"k\":\"{}\"}}}}", "\\n".repeat(500_000))),
        ),
        (
            "a huge header",
            "a header of 28000002 bytes",
            container(&format!("{{{}}}", " ".repeat(28_000_000))),
        ),
        (
            "many numbers",
            "1000007 values, at most 131072",
            with_string("model", model(fields(list(1_000_000, |_| "\"\"".into())))),
        ),
        (
            "as many as are read",
            "130001 columns do not fit a file",
            with_string("model", model(fields(list(130_000, |_| "\"\"".into())))),
        ),
        (
            "settings of no sense",
            "at most 131072",
            with_string("clicks", format!("[{}]", list(500_000, |_| "1".into()))),
        ),
        (
            "fields of an encoder",
            "fields: 15000; give 8192 at most",
            with_tensor("encoder", encoder(list(15_000, field), String::new())),
        ),
        (
            "tables of an encoder",
            "side tables: 50000 of them",
            with_tensor(
                "encoder",
                encoder(
                    field(0),
                    list(50_000, |_| r#"{"name":"","keys":[],"columns":[]}"#.into()),
                ),
            ),
        ),
        (
            "columns of a table",
            "more columns than there can be fields",
            with_tensor(
                "encoder",
                encoder(
                    field(0),
                    format!(
                        r#"{{"name":"","keys":[],"columns":[{}]}}"#,
                        list(30_000, |_| r#"{"name":"","values":[],"codes":[]}"#.into())
                    ),
                ),
            ),
        ),
        (
            "clicks of nobody",
            "not one history a user",
            with_tensor(
                "absorbed",
                format!(r#"{{"users":0,"events":[{}]}}"#, list(500_000, |_| "[]".into())),
            ),
        ),
        (
            "keys of nobody",
            "not one history a user",
            with_tensor(
                "absorbed",
                format!(r#"{{"users":[{}],"events":[]}}"#, list(200_000, |i| format!("\"{i}\""))),
            ),
        ),
    ]
}

/// The most bytes that `work` takes beside what is there before.
fn most(work: impl FnOnce()) -> usize {
    let before = TAKEN.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    work();
    MOST.load(Ordering::Relaxed) - before
}

/// One test, since all count for the whole process.
#[test]
fn memory_and_time_are_a_small_multiple_of_the_file() {
    // Short numbers and lists of empty lists: 24 to 32 bytes in memory for 2 or 3 of the file, and more while they grow.
    const MULTIPLE: usize = 18;
    const BASE: usize = 1 << 16;
    for (what, expected, bytes) in shapes() {
        let mut reason = String::new();
        let begun = Instant::now();
        let taken = most(|| {
            reason = match what.contains("header") || what.contains("tensors") {
                true => Checkpoint::from_bytes(&bytes).unwrap_err().to_string(),
                false => ClickCheckpoint::from_bytes(&bytes).unwrap_err().to_string(),
            }
        });
        let times = taken as f64 / bytes.len() as f64;
        println!(
            "{what}: {} bytes, {times:.1} times that, {:?}",
            bytes.len(),
            begun.elapsed()
        );
        assert!(reason.contains(expected), "{what}: {reason}");
        assert!(
            taken <= MULTIPLE * bytes.len() + BASE,
            "{what}: {taken} bytes for {}",
            bytes.len()
        );
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{what}: {:?}",
            begun.elapsed()
        );
    }
    // A good file takes itself, what is in it, and little else.
    let bytes = clicks();
    let taken = most(|| drop(ClickCheckpoint::from_bytes(&bytes).unwrap()));
    assert!(taken <= 8 * bytes.len() + BASE, "{taken} bytes for {}", bytes.len());
}

/// A file of one GMF with so many items, all of whose parameters are zero: hardly any of it is on the disk.
fn sparse_file(path: &Path, items: u64) {
    let mut header = format!(
        r#"{{"__metadata__":{{"pocketrec":"1","model":"{{\"model\":\"gmf\",\"users\":1,\"items\":{items},\"factors\":1}}","train":{train},"progress":{progress}}},"gmf.item.weight":{{"dtype":"F32","shape":[{items},1],"data_offsets":[0,{end}]}}"#,
        end = 4 * items,
        train = serde_json::to_string(&serde_json::to_string(&planted::config()).unwrap()).unwrap(),
        progress = r#""{\"epoch\":0,\"sample\":0,\"step\":0,\"optimizer_step\":0,\"loss_sum\":\"0\",\"loss_samples\":0,\"best\":null,\"stale\":0,\"at_best\":false,\"absorbed\":0,\"keyed\":false}""#,
    );
    let mut end = 4 * items;
    for (name, shape) in [
        ("gmf.user.weight", "[1,1]"),
        ("logit.weight", "[1,1]"),
        ("logit.bias", "[1]"),
    ] {
        header += &format!(
            r#","{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{end},{}]}}"#,
            end + 4
        );
        end += 4;
    }
    header += "}";
    let mut file = File::create(path).unwrap();
    file.write_all(&container(&header)).unwrap();
    file.set_len((8 + header.len()) as u64 + end).unwrap();
}

/// Where a child process finds the file that it is to load.
const PLACE: &str = "POCKETREC_TEST_PLACE";

#[cfg(target_os = "linux")]
#[test]
fn too_little_memory_is_an_error_with_the_bytes_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    // The first is too large to be read; of the second there is no room for a copy.
    for (items, expected) in [
        (1u64 << 31, "there is no memory for 8589934604 bytes".to_string()),
        (
            90_000_000,
            "tensor gmf.item.weight: there is no memory for 360000000 bytes".to_string(),
        ),
    ] {
        sparse_file(&path, items);
        let output = Command::new("sh")
            .args([
                "-c",
                "ulimit -v 700000; exec \"$0\" loads_a_file --exact --ignored --nocapture --test-threads 1",
            ])
            .arg(std::env::current_exe().unwrap())
            .env(PLACE, &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(said.contains(&expected), "{said}");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
#[ignore = "is run, with little memory, by another test"]
fn loads_a_file() {
    let path = std::env::var_os(PLACE).expect("is run by another test");
    println!("{}", Checkpoint::load(path).unwrap_err());
}
