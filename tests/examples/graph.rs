//! `train_graph`, and `recommend` of what it saves.

use crate::{printed, refused};

/// Recall of a row of the table.
fn recall(text: &str, row: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(&format!("│ {row}")));
    let line = line.unwrap_or_else(|| panic!("{row}: {text}"));
    line.split('┆').nth(1).unwrap().trim().parse().unwrap()
}

#[test]
fn models_are_between_popularity_and_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    for model in ["rp3beta", "ials"] {
        let text = printed("train_graph", folder.path(), &["--model", model, "--save", model]);
        let (popularity, own, truth) = (
            recall(&text, "popularity"),
            recall(&text, model),
            recall(&text, "the truth"),
        );
        assert!(popularity < own && own < truth, "{text}");
        assert!(text.contains("most of it from"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let why = printed(
            "recommend",
            folder.path(),
            &["--model", model, "--user", "3", "--k", "4", "--why"],
        );
        assert!(why.contains("what it comes from"), "{why}");
        let absorbed = printed(
            "recommend",
            folder.path(),
            &[
                "--model",
                model,
                "--user",
                "new",
                "--absorb",
                "new:12,new:40",
                "--save",
                "more",
            ],
        );
        assert!(
            absorbed.contains("user new is new") && absorbed.contains("2 of which were not known"),
            "{absorbed}"
        );
        let again = printed("recommend", folder.path(), &["--model", "more", "--user", "new"]);
        assert!(again.contains("user new has 2 items"), "{again}");
    }
    let text = printed("train_graph", folder.path(), &["--model", "popularity"]);
    assert!(text.contains("popularity") && !text.contains("fitted"), "{text}");
}

/// Made-up relations, and a table of some beside a file of interactions.
#[test]
fn relations_are_edges_and_positives() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--model", "lightgcn", "--relate", "6", "--epochs", "4", "--quiet", "--save", "model",
    ];
    let text = printed("train_graph", folder.path(), &arguments);
    assert!(recall(&text, "popularity") < recall(&text, "lightgcn"), "{text}");
    assert!(recall(&text, "lightgcn") < recall(&text, "the truth"), "{text}");
    assert!(
        text.contains("6000 pairs of related items (related), positives and edges"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let again = printed(
        "recommend",
        folder.path(),
        &["--model", "model", "--user", "3", "--k", "4"],
    );
    assert!(again.contains("user 3"), "{again}");

    let pairs: String = (0..200)
        .map(|n| format!("u{},i{}\n", n % 20, (n * 3 + n / 20) % 25))
        .collect();
    std::fs::write(folder.path().join("plays.csv"), "user,item\n".to_owned() + &pairs).unwrap();
    let rows: String = (0..25)
        .map(|n| format!("i{n},\"['i{}', 'i{}', 'other']\",5\n", (n + 1) % 25, (n + 2) % 25))
        .collect();
    std::fs::write(folder.path().join("meta.csv"), "item,with,price\n".to_owned() + &rows).unwrap();
    let of_file = [
        "--model",
        "lightgcn",
        "--data",
        "plays.csv",
        "--relations",
        "meta.csv",
        "--related",
        "with",
    ];
    let positives_alone = [&of_file[..], &["--epochs", "2", "--quiet", "--edge-weight", "0"]].concat();
    let text = printed("train_graph", folder.path(), &positives_alone);
    assert!(text.contains("50 pairs of related items (with), positives;"), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("25 of unknown items left out"), "{text}");
    let lines = |text: &str| text.lines().all(|line| line.chars().count() <= 80);
    assert!(lines(&text), "{text}");
    for (more, part) in [
        (&["--edge-weight", "-1"][..], "--edge-weight: -1"),
        (&["--temperature", "0"], "--temperature: 0"),
        (&["--l2-tables", "0.1"], "--l2-tables: 0.1"),
        (&["--relate", "3"], "--relate"),
        (&["--save", "meta.csv"], "--save: meta.csv is the file of --relations"),
    ] {
        let error = refused("train_graph", folder.path(), &[&of_file[..], more].concat());
        assert!(error.contains(part), "{more:?}: {error}");
    }
    let wrong = [&of_file[..7], &["price"]].concat();
    let error = refused("train_graph", folder.path(), &wrong);
    assert!(error.contains("meta.csv"), "{error}");
}

#[test]
fn a_trained_graph_says_what_comes_over_its_edges() {
    let folder = tempfile::tempdir().unwrap();
    let train = ["--model", "lightgcn", "--epochs", "2", "--save", "a"];
    let text = printed("train_graph", folder.path(), &train);
    assert!(text.contains("most of it from"), "{text}");
    let why = printed(
        "recommend",
        folder.path(),
        &["--model", "a", "--user", "3", "--k", "4", "--why"],
    );
    let header = why.lines().find(|line| line.contains("what it comes from"));
    assert!(
        header.is_some_and(|line| line.contains("item") && line.contains("score")),
        "{why}"
    );
    assert!(why.contains("besides"), "{why}"); // the user's own row
    assert!(why.lines().all(|line| line.chars().count() <= 80), "{why}");
}

#[test]
fn what_is_known_of_items_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let train = ["--model", "kgcn", "--epochs", "3", "--quiet", "--save", "a"];
    let text = printed("train_graph", folder.path(), &train);
    assert!(recall(&text, "kgcn") < recall(&text, "the truth"), "{text}");
    assert!(
        text.contains("looked at of it") && text.contains("0 of 1000 items have no"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let why = ["--model", "a", "--user", "3", "--k", "4", "--why"];
    let why = printed("recommend", folder.path(), &why);
    assert!(why.contains("what of it was looked at"), "{why}");
    let absorb = [
        "--model",
        "a",
        "--user",
        "new",
        "--absorb",
        "new:12,new:40",
        "--save",
        "b",
    ];
    let absorbed = printed("recommend", folder.path(), &absorb);
    assert!(absorbed.contains("user new is new"), "{absorbed}");

    // Triples of a file, with links and without.
    let pairs: String = (0..200)
        .map(|n| format!("u{},i{}\n", n % 20, (n * 3 + n / 20) % 25))
        .collect();
    std::fs::write(folder.path().join("plays.csv"), "user,item\n".to_owned() + &pairs).unwrap();
    let triples: String = (0..24).map(|n| format!("i{n}\tkind\tkind {}\n", n % 4)).collect();
    std::fs::write(folder.path().join("kg.txt"), &triples).unwrap();
    std::fs::write(folder.path().join("entities.txt"), triples.replace('i', "e")).unwrap();
    let links: String = (0..24).map(|n| format!("i{n}\te{n}\n")).collect();
    std::fs::write(folder.path().join("links.txt"), &links).unwrap();
    let of_file = [
        "--model",
        "kgcn",
        "--data",
        "plays.csv",
        "--epochs",
        "2",
        "--quiet",
        "--save",
        "c",
    ];
    for known in [
        &["--triples", "kg.txt"][..],
        &["--triples", "entities.txt", "--links", "links.txt"],
    ] {
        let text = printed("train_graph", folder.path(), &[&of_file[..], known].concat());
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.contains("24 triples of 29 entities and 1 relations; 1 of 25 items have no"),
            "{text}"
        );
        let why = printed("recommend", folder.path(), &["--model", "c", "--user", "u3", "--why"]);
        assert!(why.contains("1.000"), "{why}"); // of the one thing that is known
    }
    for (more, part) in [
        (&[][..], "--triples: kgcn looks at what is known"),
        (&["--triples", "none.txt"], "none.txt"),
        (
            &["--triples", "entities.txt"],
            "none of 24 triples is of one of the 25 items",
        ),
        (&["--triples", "kg.txt", "--looked-at", "0"], "--looked-at: 0"),
        (&["--triples", "kg.txt", "--embedding-dim", "0"], "--embedding-dim"),
        (
            &["--triples", "kg.txt", "--layers", "2"],
            "--layers: it says nothing of --model kgcn",
        ),
        (&["--links", "links.txt"], "--triples"),
        (
            &["--triples", "kg.txt", "--save", "kg.txt"],
            "--save: kg.txt is the file of --triples",
        ),
    ] {
        let error = refused("train_graph", folder.path(), &[&of_file[..7], more].concat());
        assert!(error.contains(part), "{more:?}: {error}");
    }
}

#[test]
fn lists_are_read_as_published() {
    let folder = tempfile::tempdir().unwrap();
    let list = |shift: u32, count: u32| -> String {
        let items = |user: u32| (0..count).map(move |n| (user + 2 * (n + shift)) % 16);
        let line = |user: u32| items(user).fold(user.to_string(), |line, item| format!("{line} {item}"));
        (0..30).map(line).collect::<Vec<_>>().join("\n")
    };
    std::fs::write(folder.path().join("train.txt"), list(0, 4)).unwrap();
    std::fs::write(folder.path().join("test.txt"), list(4, 2)).unwrap();
    let text = printed(
        "train_graph",
        folder.path(),
        &["--data", ".", "--k", "3", "--neighbours", "5"],
    );
    assert!(
        text.contains("120 interactions to fit on") && text.contains("60 held-out items"),
        "{text}"
    );
    assert!(text.contains("recall@3") && !text.contains("the truth"), "{text}");
}

#[test]
fn what_would_be_ignored_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (
            &["--model", "ials", "--alpha", "0.5"][..],
            "--alpha: it says nothing of --model ials",
        ),
        (&["--factors", "8"], "--factors: it says nothing of --model rp3beta"),
        (&["--epochs", "3"], "--epochs"),
        (&["--alpha", "9"], "--alpha: 9 is not in 0..=4"),
        (&["--neighbours", "0"], "--neighbours"),
        (&["--model", "ials", "--ials-l2", "0"], "--ials-l2"),
        (&["--model", "ials", "--unobserved", "-1"], "--unobserved"),
        (&["--model", "popularity", "--save", "a"], "--save"),
        (&["--model", "lightgcn", "--patience", "2"], "--patience"),
        (&["--relate", "5"], "--relate: it says nothing of --model rp3beta"),
        (&["--model", "lightgcn", "--relate", "0"], "--relate: 0 related items"),
        (
            &["--model", "lightgcn", "--edge-weight", "2"],
            "--edge-weight: it says how related items are taken",
        ),
        (&["--model", "lightgcn", "--relations", "meta.csv"], "--related"),
        (&["--k", "0"], "--k"),
        (&["--user", "nobody"], "--user"),
        (&["--data", "missing"], "missing"),
        (&["--save", "no/folder"], "--save"),
    ] {
        let error = refused("train_graph", folder.path(), arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}
