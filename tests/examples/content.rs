//! `content`: what somebody takes up next.

use crate::{
    fields::{drawn, firsts},
    printed, refused,
};

const MODELS: [&str; 4] = [
    "popularity",
    "MF, which knows no order",
    "SASRec, in order",
    "the truth behind the data",
];

#[test]
fn order_tells_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let text = drawn("content", folder.path(), &["--epochs", "3", "--user", "5"], &MODELS);
    let [popularity, by_pairs, in_order, truth] = firsts(&text, MODELS);
    assert!(
        popularity < in_order && by_pairs + 0.1 < in_order && in_order < truth,
        "{text}"
    );
    // Each click is on what came first, and not recommended again.
    let lists: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("at first  ").or(line.strip_prefix("and then  ")))
        .map(|line| line.split(", ").collect())
        .collect();
    let clicks: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("click     "))
        .collect();
    assert_eq!((lists.len(), clicks.len()), (4, 3), "{text}");
    for (at, click) in clicks.iter().enumerate() {
        assert_eq!(lists[at][0], *click, "{text}");
        assert!(lists[at + 1..].iter().all(|list| !list.contains(click)), "{text}");
    }
}

/// People who go round in a circle of thirty things.
#[test]
fn histories_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows = (0..60).flat_map(|user| (0..8).map(move |n| (user, (user + n) % 30, n)));
    let rows: String = rows
        .map(|(user, thing, time)| format!("u{user},t{thing},{time}\n"))
        .collect();
    std::fs::write(folder.join("walks.csv"), format!("who,what,time\n{rows}")).unwrap();
    let columns = ["--data", "walks.csv", "--user-column", "who", "--item-column", "what"];
    let text = printed(
        "content",
        folder,
        &[&columns[..], &["--quiet", "--user", "u3"]].concat(),
    );
    let [popularity, in_order] = firsts(&text, ["popularity", "SASRec, in order"]);
    assert!(
        popularity < 0.6 && in_order > 0.9 && !text.contains("the truth"),
        "{text}"
    );

    let error = refused("content", folder, &["--data", "nowhere.csv"]);
    assert!(error.contains("nowhere.csv"), "{error}");
    let error = refused("content", folder, &["--user", "nobody"]);
    assert!(error.contains("--user: "), "{error}");
}
