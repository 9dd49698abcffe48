//! `train_ctr`.

use std::path::Path;

use crate::{printed, refused};

/// Sixty users who click on items of their own parity, in three files.
pub fn clicks(folder: &Path) {
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
    let data = ["--data", ".", "--numbers", "age"];
    let model = ["--embedding-dim", "4", "--hidden", "8", "--batch", "100"];
    let with = |more: &[&'static str]| [&data[..], &model, more].concat();
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
        &[&data[..], &["--epochs", "4", "--checkpoint", "b", "--resume"]].concat(),
    );
    assert!(on.contains("epoch   3") && !on.contains("epoch   2"), "{on}");
    // What is not given is that of the checkpoint: batch 100, no patience, the model.
    let straight = ["--epochs", "4", "--checkpoint", "c", "--patience", "0"];
    printed("train_ctr", folder, &with(&straight));
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(bytes("b") == bytes("c"));
    let other = refused(
        "train_ctr",
        folder,
        &[&data[..], &["--checkpoint", "b", "--resume", "--embedding-dim", "8"]].concat(),
    );
    assert!(other.contains("--embedding-dim"), "{other}");

    let missing = refused("train_ctr", folder, &["--data", "nowhere"]);
    assert!(
        missing.contains("--data: there is no file or folder nowhere"),
        "{missing}"
    );
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
pub fn choices(folder: &Path) {
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
        "--embedding-dim",
        "4",
        "--hidden",
        "8",
        "--batch",
        "100",
    ];
    let with = |more: &[&'static str]| [&data[..], more].concat();
    let found = printed("train_ctr", folder, &with(&["--epochs", "3"]));
    assert!(found.contains("dev HR@10") && found.contains("test  HR@10"), "{found}");
    printed("train_ctr", folder, &with(&["--epochs", "1", "--plot", "a.svg"]));
    let svg = std::fs::read_to_string(folder.join("a.svg")).unwrap();
    assert!(
        svg.contains("NDCG@10 on dev rows") && !svg.contains("predicted probability"),
        "{svg}"
    );
    for (more, wanted) in [
        (["--metric", "auc"], "--metric: AUC and log loss compare clicks"),
        (["--negatives", "0"], "--negatives"),
    ] {
        let reason = refused("train_ctr", folder, &with(&more));
        assert!(reason.contains(wanted), "{reason}");
    }
}

/// One line each, before anything is trained or written.
#[test]
fn what_comes_to_nothing_is_refused_by_its_option() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    let lines = |rows: u32| {
        (0..rows)
            .map(|row| format!("{} {}:1 {}:1\n", row % 2, row % 7, 7 + row % 3))
            .collect::<String>()
    };
    std::fs::create_dir(folder.join("libfm")).unwrap();
    for part in ["train", "validation", "test"] {
        std::fs::write(folder.join("libfm").join(part).with_extension("libfm"), lines(30)).unwrap();
    }
    let cases: [(&[&str], &str); 30] = [
        (
            &["--model", "lr", "--embedding-dim", "4"],
            "--embedding-dim: lr has no such setting; fm, wide_deep",
        ),
        (&["--model", "lr", "--hidden", "4"], "--hidden"),
        (&["--model", "fm", "--dropout", "0.5"], "--dropout"),
        (&["--model", "fm", "--unit", "relu"], "--unit"),
        (
            &["--model", "deepfm", "--attention", "8"],
            "--attention: deepfm has no such setting; din, dien have it",
        ),
        (
            &["--model", "dien", "--softmax"],
            "--softmax: dien has no such setting; din",
        ),
        (&["--model", "dien", "--attention-unit", "dice"], "--attention-unit"),
        (&["--model", "dinn"], "din"),
        (
            &["--set", "layers=3"],
            "--set: layers: deepfm has no such setting; it has dropout, embedding_dim, hidden, unit",
        ),
        (&["--set", "dropout"], "--set: dropout is no setting with its value"),
        (&["--set", "hidden=8,many"], "--set: hidden: 8,many is no value of it"),
        (&["--dropout", "1"], "--dropout"),
        (&["--hidden", "0"], "--hidden"),
        (&["--lr", "0"], "--lr"),
        (&["--plateau", "2"], "--plateau"),
        (&["--l2-tables", "-1"], "--l2-tables"),
        (
            &["--average-from", "11"],
            "--average-from: epoch 11 does not come; training ends after epoch 10",
        ),
        (&["--numbers", "age"], "--data"),
        (&["--history", "5"], "--data"),
        (&["--data", "libfm", "--min-count", "2"], "--min-count: libfm's files"),
        (&["--data", "libfm", "--numbers", "age"], "--numbers"),
        (
            &["--data", "libfm", "--negatives", "2"],
            "--negatives: items are drawn for data without labels",
        ),
        (&["--data", ".", "--metric", "ndcg"], "--metric: ndcg ranks choices"),
        (&["--checkpoint", "new", "--resume"], "leave --resume out"),
        (&["--checkpoint", "train.csv"], "--resume"),
        (&["--checkpoint", "no/where"], "--checkpoint: there is no folder no"),
        (&["--plot", "curve.pdf"], "does not end in .svg"),
        (&["--plot", "libfm"], "--plot: libfm is a folder"),
        (&["--resume"], "--checkpoint"),
        (&["--device", "gpu", "--simd", "scalar"], "--simd"),
    ];
    for (arguments, reason) in cases {
        let error = refused("train_ctr", folder, arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
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
    if crate::gpu::open(Default::default()).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    for model in ["deepfm", "din"] {
        let run = |device: &'static str, checkpoint: &'static str, more: &[&'static str]| {
            let own = [
                "--data",
                ".",
                "--device",
                device,
                "--checkpoint",
                checkpoint,
                "--patience",
                "0",
            ];
            printed("train_ctr", folder, &[&own[..], more].concat())
        };
        let new = [
            "--model",
            model,
            "--embedding-dim",
            "4",
            "--hidden",
            "8",
            "--batch",
            "100",
            "--dropout",
            "0.1",
            "--epochs",
            "2",
        ];
        let on_gpu = run("gpu", "gpu", &new);
        let on_cpu = run("cpu", "cpu", &new);
        assert!(on_gpu.contains(" on gpu ") && on_cpu.contains(" on cpu "), "{on_gpu}");
        let [got, want] = [losses(&on_gpu), losses(&on_cpu)];
        assert_eq!((got.len(), want.len()), (2, 2), "{on_gpu}");
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 0.002;
        assert!(got.iter().zip(&want).all(near), "{model}: {got:?}, {want:?}");
        let on = run("cpu", "gpu", &["--epochs", "3", "--resume"]);
        assert_eq!(losses(&on).len(), 1, "{on}");
        for checkpoint in ["gpu", "cpu"] {
            std::fs::remove_file(folder.join(checkpoint)).unwrap();
        }
    }
}
