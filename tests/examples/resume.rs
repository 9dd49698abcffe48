//! What goes on from a checkpoint with files that are not quite those it was trained on.

use crate::{
    clicks::clicks,
    ncf::{plays, train},
    printed, refused,
};

/// The line on the test rows.
fn of_test(text: &str) -> String {
    text.lines().find(|line| line.starts_with("test  AUC")).unwrap().into()
}

#[test]
fn clicks_in_another_order_mean_the_same_to_a_saved_model() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    let data = ["--data", ".", "--numbers", "age", "--factors", "4", "--hidden", "8"];
    let saved = ["--epochs", "3", "--patience", "0", "--checkpoint", "a"];
    let before = printed("train_ctr", folder, &[&data[..], &saved].concat());
    let file = || std::fs::read(folder.join("a")).unwrap();

    // Other keys come first, and the times say what was earlier.
    let text = std::fs::read_to_string(folder.join("train.csv")).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let turned: Vec<&str> = rows.lines().rev().collect();
    std::fs::write(folder.join("train.csv"), format!("{header}\n{}\n", turned.join("\n"))).unwrap();
    let on = ["--data", ".", "--checkpoint", "a", "--resume"];
    let same = printed("train_ctr", folder, &[&on[..], &["--epochs", "3"]].concat());
    assert_eq!(of_test(&same), of_test(&before));
    assert!(!same.contains("new keys"), "{same}");

    let whole = file();
    for (more, reason) in [
        (
            &["--numbers", "item"][..],
            "--numbers: a: for this model item is not a number",
        ),
        (&["--history", "5"], "--history: a: for this model it is 20"),
        (&["--label", "age"], "--label: a: for this model it is label"),
        (&["--label-at-least", "1"], "--label-at-least: a: this model's labels"),
        (&["--skip", "age"], "--skip: a: age is a field of this model"),
        (&["--hash", "user=9"], "--hash: a: for this model user is not hashed"),
        (&["--min-count", "2"], "--min-count: a: for user it is 1"),
        (&["--weight", "age"], "--weight: a: for this model there is none"),
        (&["--numbers", "aeg"], "did you mean \"age\"?"),
    ] {
        let error = refused("train_ctr", folder, &[&on[..], more].concat());
        assert!(error.contains(reason), "{more:?}: {error}");
    }
    let renamed = text.replacen("age", "years", 1);
    std::fs::write(folder.join("train.csv"), renamed).unwrap();
    let error = refused("train_ctr", folder, &on);
    assert!(error.contains("train.csv:1: missing column \"age\""), "{error}");
    let made_up = refused("train_ctr", folder, &["--checkpoint", "a", "--resume"]);
    assert!(
        made_up.contains("--resume: the data are not what a was trained on"),
        "{made_up}"
    );
    assert!(file() == whole, "a refused run writes");

    std::fs::write(folder.join("train.csv"), text + "eve,tea,20,2,1\neve,i0,21,2,1\n").unwrap();
    let grown = printed("train_ctr", folder, &[&on[..], &["--epochs", "4"]].concat());
    let line = grown.lines().find(|line| line.starts_with("new keys")).unwrap();
    assert!(
        line.contains("user 1") && line.contains("item 1") && !line.contains("kinds"),
        "{line}"
    );
    assert!(grown.contains("goes on after epoch 3") && file() != whole, "{grown}");
}

/// Rows in another order are the same interactions, and train the same bits.
#[test]
fn plays_in_another_order_go_on_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    let run = |epochs: &'static str, more: &[&'static str]| {
        printed("train_ncf", folder, &[&train(&["--epochs", epochs])[..], more].concat())
    };
    let whole = run("3", &["--checkpoint", "a", "--user", "u7"]);
    run("1", &["--checkpoint", "b"]);
    let text = std::fs::read_to_string(folder.join("plays.csv")).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let turned: Vec<&str> = rows.lines().rev().collect();
    std::fs::write(folder.join("plays.csv"), format!("{header}\n{}\n", turned.join("\n"))).unwrap();
    let parts = run("3", &["--checkpoint", "b", "--resume", "--user", "u7"]);
    let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(file("a") == file("b"));
    let tail = |text: &str| {
        text[text.find("user u7").unwrap()..]
            .lines()
            .take(5)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(tail(&whole), tail(&parts));

    std::fs::write(folder.join("plays.csv"), text.clone() + "u0,other,9\n").unwrap();
    let error = refused("train_ncf", folder, &train(&["--checkpoint", "b", "--resume"]));
    assert!(error.contains("not what the checkpoint was trained on"), "{error}");
    assert!(file("a") == file("b"), "a refused run writes");
}
