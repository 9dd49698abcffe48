//! Standing up to the shell: signals, closed pipes and full disks end a run with one line and a code, and what was
//! trained is saved.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::{example, printed, run};

/// A program that trains without end, until it is stopped.
struct Run {
    name: &'static str,
    /// What is trained, on what.
    begin: &'static [&'static str],
    /// The data alone, to go on.
    resume: &'static [&'static str],
}

const PAIRS: Run = Run {
    name: "train_ncf",
    begin: &["--data", "plays.csv", "--model", "mf", "--factors", "4", "--batch", "8"],
    resume: &["--data", "plays.csv"],
};

const CLICKS: Run = Run {
    name: "train_ctr",
    begin: &[
        "--data",
        ".",
        "--model",
        "din",
        "--factors",
        "4",
        "--hidden",
        "8",
        "--dropout",
        "0.2",
        "--batch",
        "4",
        "--patience",
        "0",
    ],
    resume: &["--data", "."],
};

const NEXT: Run = Run {
    name: "train_next",
    begin: &[
        "--data",
        "plays.csv",
        "--embedding-dim",
        "8",
        "--length",
        "20",
        "--batch",
        "4",
        "--candidates",
        "30",
        "--device",
        "cpu",
    ],
    resume: &["--data", "plays.csv", "--device", "cpu"],
};

/// Some thousand rows: an epoch is reported on several times.
fn data(folder: &Path) {
    let mut rows = String::from("user,item,timestamp\n");
    for (user, n) in (0..150).flat_map(|user| (0..40).map(move |n| (user, n))) {
        rows += &format!("u{user},i{},{n}\n", (user * 7 + n * 3) % 300);
    }
    std::fs::write(folder.join("plays.csv"), rows).unwrap();
    for (part, rounds) in [("train", 0..60), ("dev", 60..62), ("test", 62..64)] {
        let mut rows = String::from("user,item,time,label\n");
        for (time, user) in rounds.flat_map(|time| (0..100).map(move |user| (time, user))) {
            let item = (user * 7 + time * 11) % 40;
            rows += &format!("u{user},i{item},{time},{}\n", u8::from(user % 2 == item % 2));
        }
        std::fs::write(folder.join(part).with_extension("csv"), rows).unwrap();
    }
}

impl Run {
    fn start(&self, folder: &Path, more: &[&str]) -> Child {
        let mut command = Command::new(example(self.name));
        command.current_dir(folder).args(self.begin).args(more);
        command.args(["--epochs", "1000000"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Goes on with what was saved for two more epochs, and compares with a run that nothing stopped.
    fn check(&self, folder: &Path, done: u32) {
        let epochs = (done + 2).to_string();
        let to = ["--epochs", &epochs, "--checkpoint"];
        printed(
            self.name,
            folder,
            &[self.resume, &to, &["stopped", "--resume"]].concat(),
        );
        printed(self.name, folder, &[self.begin, &to, &["whole"]].concat());
        let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
        assert!(bytes("stopped") == bytes("whole"), "{}", self.name);
    }
}

/// Reads lines until one begins so.
fn wait_for(child: &mut Child, begin: &str) -> BufReader<std::process::ChildStdout> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with(begin) {
        line.clear();
        let read = lines.read_line(&mut line).unwrap();
        assert!(read > 0, "it ended before {begin:?}");
    }
    lines
}

/// The exit code and the one line on standard error.
fn ended(mut child: Child) -> (i32, String) {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!text.contains("panicked"), "{text}");
    (code.unwrap_or_else(|| panic!("a signal killed it: {text}")), text)
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// The epochs that are complete where a run stopped in or after an epoch.
fn epochs_done(text: &str) -> u32 {
    let number = |word: &str| -> Option<u32> { text.split_once(word)?.1.split([':', ' ']).next()?.parse().ok() };
    match (number("stopped in epoch "), number("stopped after epoch ")) {
        (Some(epoch), None) => epoch - 1,
        (None, Some(epoch)) => epoch,
        _ => panic!("{text}"),
    }
}

#[test]
fn a_signal_saves_where_training_stands_to_the_bit() {
    for (run, signal, wanted) in [(PAIRS, "-INT", 130), (CLICKS, "-TERM", 143), (NEXT, "-INT", 130)] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        data(folder);
        let mut child = run.start(folder, &["--checkpoint", "stopped"]);
        let lines = wait_for(&mut child, "epoch   1");
        send(signal, &child);
        let (code, text) = ended(child);
        drop(lines);
        assert_eq!(code, wanted, "{text}");
        assert!(text.contains(": saved to stopped; go on with --resume"), "{text}");
        run.check(folder, epochs_done(&text));
    }
}

#[test]
fn a_signal_without_a_checkpoint_says_that_nothing_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    data(folder);
    for run in [PAIRS, CLICKS, NEXT] {
        let mut child = run.start(folder, &[]);
        let lines = wait_for(&mut child, "epoch   1");
        send("-INT", &child);
        let (code, text) = ended(child);
        drop(lines);
        assert_eq!(code, 130, "{text}");
        assert!(
            text.contains("nothing was saved, as there is no --checkpoint"),
            "{text}"
        );
    }
}

/// Programs that save nothing while they train name no option that would.
#[test]
fn a_signal_to_a_program_without_checkpoints_says_no_more_than_that() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    data(folder);
    const GRAPH: Run = Run {
        name: "train_graph",
        begin: &["--data", "plays.csv", "--model", "lightgcn", "--device", "cpu"],
        resume: &[],
    };
    const SOCIAL: Run = Run {
        name: "social",
        begin: &["--data", "plays.csv", "--pages", "--device", "cpu"],
        resume: &[],
    };
    for run in [GRAPH, SOCIAL] {
        let mut child = run.start(folder, &[]);
        let lines = wait_for(&mut child, "epoch   1");
        send("-INT", &child);
        let (code, text) = ended(child);
        drop(lines);
        assert_eq!(code, 130, "{text}");
        assert!(text.trim_end().ends_with(": nothing was saved"), "{text}");
    }
}

#[test]
fn a_closed_pipe_ends_training_after_it_is_saved() {
    for run in [PAIRS, CLICKS, NEXT] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        data(folder);
        let mut child = run.start(folder, &["--checkpoint", "stopped"]);
        drop(wait_for(&mut child, "epoch   1"));
        let (code, text) = ended(child);
        assert_eq!(code, 1, "{text}");
        assert!(
            text.starts_with("error: standard output: ") && text.contains("saved to stopped"),
            "{text}"
        );
        run.check(folder, epochs_done(&text));
    }
}

/// Every program, at its first line.
#[cfg(target_os = "linux")]
#[test]
fn output_to_a_full_disk_is_an_error_of_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    data(folder);
    printed(
        "train_ncf",
        folder,
        &[PAIRS.begin, &["--epochs", "1", "--checkpoint", "a"]].concat(),
    );
    let programs: [(&str, &[&str]); 8] = [
        ("social", &["--data", "plays.csv", "--pages", "--device", "cpu"]),
        ("places", &["--data", "plays.csv", "--device", "cpu"]),
        ("train_ncf", PAIRS.begin),
        ("train_ctr", CLICKS.begin),
        ("train_next", NEXT.begin),
        ("recommend", &["--model", "a", "--user", "u1"]),
        ("device_report", &["--seconds", "0.01"]),
        (
            "throughput",
            &["paper8", "--steps", "1", "--runs", "1", "--device", "cpu"],
        ),
    ];
    for (name, arguments) in programs {
        let mut command = Command::new(example(name));
        command.current_dir(folder).args(arguments);
        command.stdout(File::options().write(true).open("/dev/full").unwrap());
        let (code, text) = ended(command.stderr(Stdio::piped()).spawn().unwrap());
        assert_eq!(code, 1, "{name}: {text}");
        assert!(text.starts_with("error: standard output: "), "{name}: {text}");
    }
}

/// No room for the file: the one of earlier stays whole. The shell's limit on the size of files stands for a full disk.
#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    data(folder);
    for Run { name, begin, resume } in [PAIRS, CLICKS, NEXT] {
        printed(
            name,
            folder,
            &[begin, &["--epochs", "1", "--checkpoint", name]].concat(),
        );
        let before = std::fs::read(folder.join(name)).unwrap();
        let mut command = Command::new("sh");
        let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
        command
            .current_dir(folder)
            .args(["-c", script])
            .arg(example(name))
            .args(resume);
        command
            .args(["--epochs", "3", "--resume", "--checkpoint", name])
            .stdout(Stdio::null());
        let (code, text) = ended(command.stderr(Stdio::piped()).spawn().unwrap());
        assert_eq!(code, 1, "{text}");
        assert!(text.starts_with(&format!("error: {name}: ")), "{text}");
        assert!(
            before.len() > 8 * 512 && std::fs::read(folder.join(name)).unwrap() == before,
            "{name}"
        );
    }
}

/// Help is read on narrow terminals too.
#[test]
fn help_fits_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let programs = [
        "train_ncf",
        "train_ctr",
        "train_graph",
        "train_next",
        "recommend",
        "device_report",
        "throughput",
        "federated",
        "shop",
        "social",
        "content",
        "ads",
        "places",
        #[cfg(feature = "tune")]
        "tune",
    ];
    for name in programs {
        for help in ["-h", "--help"] {
            let output = run(name, folder.path(), &[help]);
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(
                output.status.success() && text.contains(&format!("Usage: {name}")),
                "{text}"
            );
            let widest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
            assert!(widest.chars().count() <= 80, "{name} {help}: {widest}");
        }
    }
}

/// Where a link leads is what would be written.
#[test]
fn what_is_no_file_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::os::unix::fs::symlink("no/folder/file", folder.join("link")).unwrap();
    let error = crate::refused("train_ncf", folder, &["--checkpoint", "link"]);
    assert!(
        error.contains("--checkpoint: link is a link that leads nowhere"),
        "{error}"
    );
    let device = crate::refused("train_ncf", folder, &["--checkpoint", "/dev/null"]);
    assert!(device.contains("/dev/null is not a regular file"), "{device}");
}
