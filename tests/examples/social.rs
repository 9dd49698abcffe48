//! `social`: whom to follow next.

use crate::{
    fields::{drawn, figures, firsts},
    printed, refused,
};

const MODELS: [&str; 4] = [
    "popularity",
    "friends of friends",
    "LightGCN",
    "the truth behind the data",
];

#[test]
fn circles_are_found_and_a_newcomer_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let text = drawn("social", folder.path(), &["--epochs", "4", "--user", "7"], &MODELS);
    let [popularity, friends, graph, truth] = firsts(&text, MODELS);
    assert!(popularity + 0.1 < friends && popularity + 0.1 < graph, "{text}");
    assert!(friends < truth && graph < truth, "{text}");
    // Popularity has the same few for everybody.
    assert!(
        figures(&text, "popularity")[2] < 0.1 && figures(&text, "LightGCN")[2] > 0.3,
        "{text}"
    );
    let newcomer = text
        .lines()
        .position(|line| line.starts_with("somebody new follows "))
        .unwrap();
    let lines: Vec<&str> = text.lines().skip(newcomer).collect();
    let [first, best] = [lines[0].trim_start_matches("somebody new follows "), lines[2]];
    let of = |line: &str| -> Vec<String> { line.split(", ").map(String::from).collect() };
    assert_eq!((of(first).len(), of(best).len()), (3, 8), "{text}");
    assert!(of(best).iter().all(|person| !of(first).contains(person)), "{text}");
}

/// Two rings of twenty people who follow those next to them. Nobody is told to follow themselves, though every key stands on
/// both sides; with pages nobody is among them, and a page of one's own name may be recommended.
#[test]
fn nobody_is_told_to_follow_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut follows = String::from("follower,followed\n");
    for (ring, person) in (0..40).map(|person| (person / 20, person % 20)) {
        for step in [1, 2, 3, 17, 18, 19] {
            follows += &format!("{ring}-{person},{ring}-{}\n", (person + step) % 20);
        }
    }
    // Somebody who is followed and follows nobody.
    follows += "0-3,fan of nobody\n";
    std::fs::write(folder.join("follows.csv"), follows).unwrap();
    let run = |more: &[&str]| {
        let arguments = [&["--data", "follows.csv", "--quiet", "--user", "0-3"], more].concat();
        printed("social", folder, &arguments)
    };
    let people = run(&[]);
    assert!(people.contains("41 follow, 41 are followed"), "{people}");
    let told = |text: &str, key: &str| text.lines().any(|line| line.contains(&format!("┆ {key} ")));
    assert!(!told(&people, "0-3"), "{people}");
    let [popularity, friends] = firsts(&people, ["popularity", "friends of friends"]);
    assert!(friends > popularity, "{people}");
    let pages = run(&["--pages"]);
    assert!(pages.contains("40 follow, 41 are followed"), "{pages}");
    assert!(told(&pages, "0-3"), "{pages}");

    let error = refused("social", folder, &["--pages"]);
    assert!(error.contains("--data"), "{error}");
    let error = refused("social", folder, &["--data", "follows.csv", "--user", "0-33"]);
    assert!(error.contains("--user: ") && error.contains("did you mean"), "{error}");
}
