//! The examples as a user runs them: what they print, how they refuse, and that a killed run loses nothing.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Cargo builds the examples beside the tests, but not when a single test file is asked for.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap().join("examples");
    let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        path.is_file(),
        "{} is not built: run plain `cargo test`",
        path.display()
    );
    path
}

fn run(name: &str, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(example(name));
    command.current_dir(folder).args(arguments);
    command.output().unwrap()
}

/// What a run that succeeds prints.
fn printed(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = run(name, folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a run that fails says, in one line that begins with `error: `.
fn refused(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = run(name, folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    let code = output.status.code();
    assert!(
        matches!(code, Some(1 | 2)) && errors.starts_with("error: "),
        "{arguments:?}: {code:?} {errors}"
    );
    errors
}

/// A hundred users who like even or odd items.
fn plays(folder: &Path) {
    let mut rows = String::from("who,what,when\n");
    for user in 0..100 {
        for n in 0..8 {
            let item = (user / 2 * 7 + n * 4) % 30 * 2 + user % 2;
            rows += &format!("u{user},i{item},{n}\n");
        }
    }
    std::fs::write(folder.join("plays.csv"), rows).unwrap();
}

const PLAYS: [&str; 9] = [
    "--data",
    "plays.csv",
    "--user-column",
    "who",
    "--item-column",
    "what",
    "--time-column",
    "when",
    "--quiet",
];

fn train(more: &[&'static str]) -> Vec<&'static str> {
    [&PLAYS[..], more].concat()
}

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

#[test]
fn a_resumed_run_saves_the_same_bytes_and_recommends() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let whole = printed(
        "train_ncf",
        folder,
        &train(&["--epochs", "4", "--checkpoint", "a", "--plot", "a.svg"]),
    );
    assert!(
        whole.contains("popularity") && whole.contains("neumf, epoch 4"),
        "{whole}"
    );
    assert!(
        std::fs::read_to_string(folder.join("a.svg"))
            .unwrap()
            .contains("</svg>")
    );

    printed("train_ncf", folder, &train(&["--epochs", "2", "--checkpoint", "b"]));
    printed(
        "train_ncf",
        folder,
        &train(&["--epochs", "4", "--checkpoint", "b", "--resume"]),
    );
    assert!(std::fs::read(folder.join("a")).unwrap() == std::fs::read(folder.join("b")).unwrap());

    averaged_runs(folder);

    let again = refused("train_ncf", folder, &train(&["--checkpoint", "a"]));
    assert!(again.contains("--resume"), "{again}");
    let other = refused("train_ncf", folder, &["--checkpoint", "a", "--resume"]);
    assert!(other.contains("not what the checkpoint was trained on"), "{other}");

    let best = printed("recommend", folder, &["--model", "a", "--user", "u7", "--k", "3"]);
    assert!(best.contains("user u7 has 7 items") && best.contains(" 3 "), "{best}");
    let unknown = refused("recommend", folder, &["--model", "a", "--user", "eve"]);
    assert!(unknown.contains("\"eve\"") && unknown.contains("u0"), "{unknown}");
    let absorb = [
        "--model",
        "a",
        "--user",
        "eve",
        "--absorb",
        "eve:i3,eve:tea",
        "--save",
        "c",
    ];
    let learnt = printed("recommend", folder, &absorb);
    assert!(learnt.contains("1 new users, 1 new items"), "{learnt}");
    assert!(printed("recommend", folder, &["--model", "c", "--user", "eve"]).contains("tea"));
}

/// The mean of late epochs is what is ranked, saved and recommended with, and a resumed run has the same.
fn averaged_runs(folder: &Path) {
    let averaged =
        |more: &[&'static str]| printed("train_ncf", folder, &[&train(more)[..], &["--user", "u7"]].concat());
    let whole = averaged(&["--average-from", "2", "--epochs", "4", "--checkpoint", "mean"]);
    assert!(whole.contains("neumf, mean of epochs 2 to 4"), "{whole}");
    averaged(&["--average-from", "2", "--epochs", "3", "--checkpoint", "parts"]);
    let parts = averaged(&["--epochs", "4", "--checkpoint", "parts", "--resume"]);
    let file = |name| std::fs::read(folder.join(name)).unwrap();
    assert!(file("mean") == file("parts") && file("mean") != file("a"));
    let scores = |text: &str| -> Vec<String> {
        let cells = |line: &str| {
            line.split(['│', '┆'])
                .map(|cell| cell.trim().to_owned())
                .collect::<Vec<_>>()
        };
        let rows = text
            .lines()
            .map(cells)
            .filter(|row| row.len() == 5 && row[2].starts_with('i'));
        rows.map(|row| row[2..4].join(" ")).collect()
    };
    let recommended = printed("recommend", folder, &["--model", "mean", "--user", "u7"]);
    assert_eq!(scores(&recommended).len(), 10, "{recommended}");
    assert_eq!(scores(&recommended), scores(&whole));
    assert_eq!(scores(&recommended), scores(&parts));
}

#[test]
fn validation_pretraining_and_time_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let tuned = printed(
        "train_ncf",
        folder,
        &train(&["--patience", "1", "--epochs", "3", "--full"]),
    );
    assert!(
        tuned.contains("best on validation items") && tuned.contains("all items"),
        "{tuned}"
    );
    let joined = ["--pretrain", "--pretrain-epochs", "1", "--epochs", "1", "--user", "u3"];
    assert!(printed("train_ncf", folder, &train(&joined)).contains("for user u3"));
    for part in ["gmf", "mlp"] {
        let saved = ["--model", part, "--epochs", "1", "--checkpoint", part];
        printed("train_ncf", folder, &train(&saved));
    }
    let joined = ["--pretrain-from", "gmf", "mlp", "--epochs", "1", "--user", "u3"];
    assert!(printed("train_ncf", folder, &train(&joined)).contains("for user u3"));
    let turned = ["--pretrain-from", "mlp", "gmf", "--factors", "4", "--epochs", "1"];
    let reason = refused("train_ncf", folder, &train(&turned));
    assert!(reason.contains("values are needed"), "{reason}");
    for model in ["mf", "gmf", "mlp"] {
        let timed = ["--model", model, "--minutes", "0.001", "--optimizer", "adam"];
        let timed = printed("train_ncf", folder, &[&PLAYS[..], &timed].concat());
        assert!(timed.contains("the time is over") && timed.contains(model), "{timed}");
    }
}

/// On a device that has a clock of its own: a line a stage, and the same training as without.
#[cfg(feature = "gpu")]
#[test]
fn a_profile_changes_nothing() {
    use pocketrec::gpu::{Gpu, GpuOptions, Select};
    if let Err(error) = Gpu::open(&Select::Any, GpuOptions::default()) {
        return eprintln!("skipped: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    // A batch that the device draws.
    let common = train(&["--device", "gpu", "--epochs", "1", "--batch", "2048"]);
    printed("train_ncf", folder, &[&common[..], &["--checkpoint", "a"]].concat());
    let timed = [&common[..], &["--checkpoint", "b", "--profile"]].concat();
    let output = run("train_ncf", folder, &timed);
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("cannot take the time") {
        return eprintln!("skipped: {errors}");
    }
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find(|line| line.contains("linear forward 64 to 32"))
        .unwrap();
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    assert_eq!(cells[2], "1", "{text}");
    for cell in &cells[3..7] {
        let number: f64 = cell.trim_end_matches(" %").parse().unwrap();
        assert!(number.is_finite() && number >= 0.0, "{line}");
    }
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(bytes("a") == bytes("b"));
}

/// On any machine the processor, and beside it a graphics device or the reason why there is none.
#[test]
fn a_device_report_has_rates_of_all_devices() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = printed("device_report", folder, &["--seconds", "0.01"]);
    let gpu = text.contains("| GPU ");
    assert_ne!(gpu, text.contains("No GPU: "), "{text}");
    assert_eq!(gpu, text.contains("copies, read and written"), "{text}");
    let rates = text.lines().filter(|line| line.starts_with("| factors "));
    let rates: Vec<Vec<&str>> = rates.map(|line| line.split('|').map(str::trim).collect()).collect();
    assert_eq!(rates.len(), 3, "{text}");
    for row in rates {
        let numbers = &row[2..row.len() - 1];
        assert_eq!(numbers.len(), if gpu { 4 } else { 2 });
        assert!(numbers.iter().all(|cell| cell.parse::<f64>().unwrap() > 0.0), "{row:?}");
    }
    let error = refused("device_report", folder, &["--seconds", "0"]);
    assert!(error.contains("--seconds"), "{error}");
    let error = refused("device_report", folder, &["--adapter", "no such adapter"]);
    assert!(
        error.contains("no such adapter") || error.contains("--adapter"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let cases: [(&[&str], &str); 18] = [
        (&["--data", "nowhere"], "nowhere"),
        (&["--data", "."], "name the file itself"),
        (&["--data", "plays.csv"], "hint: --delimiter"),
        (&["--data", "plays.csv", "--user-column", "whom"], "whom"),
        (&["--delimiter", ","], "--data"),
        (&["--lr", "-1"], "learning_rate"),
        (&["--average-from", "0"], "counted from 1"),
        (&["--epochs", "-1"], "--epochs"),
        (&["--minutes", "0"], "--minutes"),
        (&["--model", "gmf", "--layers", "8,4"], "--layers"),
        (&["--layers", "7,4"], "even"),
        (&["--pretrain", "--model", "mf"], "--pretrain"),
        (&["--pretrain", "--alpha", "2"], "--alpha"),
        (&["--plot", "curve.png"], ".svg"),
        (&["--checkpoint", "no/folder"], "folder"),
        (&["--checkpoint", "new", "--resume"], "leave --resume out"),
        (&["--user", "nobody"], "nobody"),
        (&["--device", "cpu", "--profile"], "only graphics devices do"),
    ];
    for (arguments, reason) in cases {
        let error = refused("train_ncf", folder, arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
    for (arguments, reason) in [
        (&["--model", "nowhere", "--user", "1"][..], "nowhere"),
        (&["--model", "plays.csv", "--user", "1"], "plays.csv"),
        (&["--user", "1"], "--model"),
    ] {
        let error = refused("recommend", folder, arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
}
