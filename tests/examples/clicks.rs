//! `train_ctr`.

use std::path::Path;

use crate::{printed, refused};

/// Sixty users who click on items of their own parity, in three files.
fn clicks(folder: &Path) {
    for (part, rounds) in [("train", 0..20), ("dev", 20..25), ("test", 25..30)] {
        let mut rows = String::from("user,item,time,age,label\n");
        for time in rounds {
            for user in 0..60 {
                let item = (user * 7 + time * 11) % 40;
                let label = u8::from(user % 2 == item % 2);
                rows += &format!("u{user},i{item},{time},{},{label}\n", user % 5);
            }
        }
        std::fs::write(folder.join(part).with_extension("csv"), rows).unwrap();
    }
    std::fs::write(folder.join("items.csv"), "item,kinds\ni0,a|b\ni1,b\n").unwrap();
}

#[test]
fn clicks_are_trained_on_saved_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    let data = [
        "--data",
        ".",
        "--numbers",
        "age",
        "--factors",
        "4",
        "--hidden",
        "8",
        "--batch",
        "100",
    ];
    let with = |more: &[&'static str]| [&data[..], more].concat();
    let whole = printed(
        "train_ctr",
        folder,
        &with(&["--epochs", "4", "--checkpoint", "a", "--plot", "a.svg"]),
    );
    assert!(
        whole.contains("1200 training rows, 300 dev, 300 test; 3 fields, 1 numbers"),
        "{whole}"
    );
    assert!(
        whole.contains("test  AUC")
            && std::fs::read_to_string(folder.join("a.svg"))
                .unwrap()
                .contains("</svg>")
    );
    printed(
        "train_ctr",
        folder,
        &with(&["--epochs", "2", "--checkpoint", "b", "--patience", "0"]),
    );
    let again = refused("train_ctr", folder, &with(&["--checkpoint", "b"]));
    assert!(again.contains("--resume"), "{again}");
    let on = printed(
        "train_ctr",
        folder,
        &with(&["--epochs", "4", "--checkpoint", "b", "--resume", "--patience", "0"]),
    );
    assert!(on.contains("epoch   3") && !on.contains("epoch   2"), "{on}");

    let missing = refused("train_ctr", folder, &["--data", "nowhere"]);
    assert!(missing.contains("nowhere has no train.tsv"), "{missing}");
    std::fs::write(folder.join("dev.csv"), "user,item,time,age,label\nu1,i1,21,x,1\n").unwrap();
    let bad = refused("train_ctr", folder, &with(&[]));
    assert!(bad.contains("dev.csv:2") && bad.contains("age"), "{bad}");
    std::fs::write(folder.join("train.csv"), "user,item\nu1,i1\n").unwrap();
    let bad = refused("train_ctr", folder, &with(&[]));
    assert!(
        bad.contains("no column named label") && bad.contains("none named negatives"),
        "{bad}"
    );
}

/// Sixty users who choose items of their own parity; dev and test rows name some of the others.
fn choices(folder: &Path) {
    for (part, rounds) in [("train", 0..8), ("dev", 8..9), ("test", 9..10)] {
        let others = if part == "train" { "" } else { ",negatives" };
        let mut rows = format!("user,item,time{others}\n");
        for time in rounds {
            for user in 0..60 {
                let item = (user + 2 * (user * 7 + time * 3)) % 40;
                rows += &format!("u{user},i{item},{time}");
                if part != "train" {
                    let other = |k: usize| format!("i{}", (item + 2 * k + 1) % 40);
                    rows += &format!(",\"{}\"", (0..9).map(other).collect::<Vec<_>>().join(","));
                }
                rows.push('\n');
            }
        }
        std::fs::write(folder.join(part).with_extension("csv"), rows).unwrap();
    }
}

#[test]
fn choices_are_ranked_among_what_was_not_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    choices(folder);
    let data = [
        "--data",
        ".",
        "--model",
        "din",
        "--factors",
        "4",
        "--hidden",
        "8",
        "--batch",
        "100",
    ];
    let with = |more: &[&'static str]| [&data[..], more].concat();
    let found = printed("train_ctr", folder, &with(&["--epochs", "3"]));
    assert!(found.contains("dev HR@10") && found.contains("test  HR@10"), "{found}");
    let reason = refused("train_ctr", folder, &with(&["--plot", "a.svg"]));
    assert!(reason.contains("--plot"), "{reason}");
    let reason = refused("train_ctr", folder, &with(&["--metric", "auc"]));
    assert!(reason.contains("AUC is undefined"), "{reason}");
}

/// The losses of a run's epochs, as printed.
#[cfg(feature = "gpu")]
fn losses(text: &str) -> Vec<f64> {
    let of_line = |line: &str| line.strip_prefix("epoch")?.split_whitespace().nth(2)?.parse().ok();
    text.lines().filter_map(of_line).collect()
}

/// The same losses as on the processor, but for rounding, and a checkpoint that goes on there.
#[cfg(feature = "gpu")]
#[test]
fn clicks_are_trained_on_a_graphics_device() {
    use pocketrec::gpu::{Gpu, GpuOptions, Select};
    if let Err(error) = Gpu::open(&Select::Any, GpuOptions::default()) {
        return eprintln!("skipped: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    for model in ["deepfm", "din"] {
        let run = |device: &'static str, checkpoint: &'static str, more: &[&'static str]| {
            let all = [
                "--data",
                ".",
                "--factors",
                "4",
                "--hidden",
                "8",
                "--batch",
                "100",
                "--dropout",
                "0.1",
            ];
            let own = ["--model", model, "--device", device, "--checkpoint", checkpoint];
            printed("train_ctr", folder, &[&all[..], &own, more].concat())
        };
        let on_gpu = run("gpu", "gpu", &["--epochs", "2", "--patience", "0"]);
        let on_cpu = run("cpu", "cpu", &["--epochs", "2", "--patience", "0"]);
        assert!(on_gpu.contains(" on gpu ") && on_cpu.contains(" on cpu "), "{on_gpu}");
        let [got, want] = [losses(&on_gpu), losses(&on_cpu)];
        assert_eq!((got.len(), want.len()), (2, 2), "{on_gpu}");
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 0.002;
        assert!(got.iter().zip(&want).all(near), "{model}: {got:?}, {want:?}");
        let on = run("cpu", "gpu", &["--epochs", "3", "--patience", "0", "--resume"]);
        assert_eq!(losses(&on).len(), 1, "{on}");
        for checkpoint in ["gpu", "cpu"] {
            std::fs::remove_file(folder.join(checkpoint)).unwrap();
        }
    }
}
