//! `train_ncf` that knows items and users by features, and `recommend` of what is new.

use std::path::Path;

use crate::{printed, refused};

const GENRES: [&str; 4] = ["jazz", "folk", "rock", "soul"];

/// Eighty people who hear three quarters of the songs of their genre, and one other; and tables of both.
fn songs(folder: &Path) {
    let mut plays = String::from("who,song,time\n");
    let mut people = String::from("who,likes,age\n");
    for person in 0..80 {
        let heard = (0..12).filter(|song| (song + person / 4) % 4 > 0);
        for (time, song) in heard
            .map(|song| 4 * song + person % 4)
            .chain([(person * 7 + 1) % 48])
            .enumerate()
        {
            plays += &format!("p{person},s{song},{time}\n");
        }
        people += &format!("p{person},{},{}\n", GENRES[person % 4], 20 + person % 50);
    }
    let songs = (0..48).map(|song| format!("s{song},{},A song of {}\n", GENRES[song % 4], GENRES[song % 4]));
    let songs: String = songs.collect();
    std::fs::write(folder.join("plays.csv"), plays).unwrap();
    std::fs::write(
        folder.join("songs.csv"),
        format!("song,genre,title\n{songs}s99,jazz,Nobody's\n"),
    )
    .unwrap();
    std::fs::write(folder.join("people.csv"), people).unwrap();
}

const DATA: [&str; 6] = ["--data", "plays.csv", "--user-column", "who", "--item-column", "song"];
const ITEMS: [&str; 4] = ["--item-features", "songs.csv", "--item-columns", "genre,title:words"];

/// The keys of the recommended items.
fn keys(said: &str) -> Vec<String> {
    let rows = said.lines().filter(|line| line.starts_with("│ ") && line.contains('┆'));
    let cells = rows.map(|line| line.split('┆').nth(1).unwrap().trim().to_owned());
    cells.filter(|key| key.starts_with(['s', 'n'])).collect()
}

#[test]
fn what_is_new_is_ranked_by_its_features() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    songs(folder);
    let people = ["--user-features", "people.csv", "--user-columns", "likes,age:numbers"];
    let training = [
        "--model",
        "mf",
        "--epochs",
        "30",
        "--lr",
        "0.01",
        "--quiet",
        "--checkpoint",
        "mf",
    ];
    let said = printed("train_ncf", folder, &[&DATA[..], &ITEMS, &people, &training].concat());
    let flat: Vec<&str> = said.split_whitespace().collect();
    let flat = flat.join(" ");
    assert!(
        flat.contains("songs.csv: 48 of 48 items have some of 2052 features (genre, title)"),
        "{said}"
    );
    assert!(flat.contains("; 1 rows of other items are left out"), "{said}");
    assert!(
        flat.contains("people.csv: 80 of 80 users have some of 14 features (likes, age)"),
        "{said}"
    );

    // Person 5 hears folk, person 6 rock.
    let new = [
        "--new-item",
        "new",
        "--item-known",
        "genre=folk",
        "--item-known",
        "title=A song of folk",
    ];
    let of = |user| {
        printed(
            "recommend",
            folder,
            &[&["--model", "mf", "--user", user][..], &new].concat(),
        )
    };
    let [folk, rock] = ["p5", "p6"].map(of);
    assert!(folk.contains("item new is new and has "), "{folk}");
    let place = |said: &str| keys(said).iter().position(|key| key == "new");
    assert!(place(&folk).is_some_and(|place| place < 4), "{folk}");
    assert_eq!(place(&rock), None, "{rock}");

    // Somebody new who likes soul gets soul before the first click; both are kept where that is asked for.
    let newcomer = [
        "--model",
        "mf",
        "--user",
        "ann",
        "--user-known",
        "likes=soul",
        "--user-known",
        "age=30",
    ];
    let said = printed(
        "recommend",
        folder,
        &[&newcomer[..], &new, &["--save", "later", "--k", "8"]].concat(),
    );
    assert!(said.contains("user ann is new and has 2 features"), "{said}");
    let soul = keys(&said)
        .iter()
        .filter(|key| key.as_str() != "new" && key[1..].parse::<u32>().unwrap() % 4 == 3)
        .count();
    assert!(soul >= 6, "{said}");
    let later = printed("recommend", folder, &["--model", "later", "--user", "ann", "--k", "8"]);
    assert_eq!(keys(&later), keys(&said));
}

#[test]
fn what_cannot_be_known_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    songs(folder);
    let train = |more: &[&str]| refused("train_ncf", folder, &[&DATA[..], more].concat());
    for (arguments, wanted) in [
        (&["--item-features", "songs.csv"][..], "--item-columns"),
        (&["--item-columns", "genre"], "--item-features"),
        (
            &["--item-features", "songs.csv", "--item-columns", "genre:colours"],
            "category, values, numbers and words",
        ),
        (&["--item-features", "songs.csv", "--item-columns", "genres"], "genres"),
        (
            &["--item-features", "songs.csv", "--item-columns", "title:numbers"],
            "songs.csv:2",
        ),
        (
            &["--item-features", "nowhere.csv", "--item-columns", "genre"],
            "nowhere.csv",
        ),
        (&["--left-out", "0.3"], "--item-features"),
        (
            &[&ITEMS[..], &["--left-out", "1"]].concat(),
            "--left-out: 1 is not in 0..1",
        ),
        (&[&ITEMS[..], &["--pretrain"]].concat(), "--pretrain"),
    ] {
        let error = train(arguments);
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
    let short = ["--epochs", "1", "--quiet", "--checkpoint"];
    printed("train_ncf", folder, &[&DATA[..], &short, &["plain"]].concat());
    printed("train_ncf", folder, &[&DATA[..], &ITEMS, &short, &["known"]].concat());
    let recommend = |model, more: &[&str]| {
        refused(
            "recommend",
            folder,
            &[&["--model", model, "--user", "p1"], more].concat(),
        )
    };
    for (model, arguments, wanted) in [
        (
            "plain",
            &["--new-item", "n", "--item-known", "genre=folk"][..],
            "--item-known: the checkpoint knows no items",
        ),
        (
            "known",
            &["--user-known", "likes=soul"],
            "--user-known: the checkpoint knows no users",
        ),
        (
            "known",
            &["--new-item", "n", "--item-known", "colour=red"],
            "--item-known: ",
        ),
        (
            "known",
            &["--new-item", "n", "--item-known", "folk"],
            "\"folk\" is not COLUMN=VALUE",
        ),
        ("known", &["--new-item", "n"], "--item-known"),
    ] {
        let error = recommend(model, arguments);
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
}

/// By the truth of the made-up data: who likes an item likes what is related to it.
#[test]
fn what_is_new_is_ranked_by_its_relations() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let training = [
        "--model", "lightgcn", "--relate", "10", "--epochs", "3", "--quiet", "--save", "related",
    ];
    printed("train_graph", folder, &training);
    let new = [
        "--new-item",
        "new",
        "--item-related",
        "related=12",
        "--item-related",
        "related=nothing",
    ];
    let base = ["--model", "related", "--user", "7", "--items", "new,12"];
    let said = printed("recommend", folder, &[&base[..], &new, &["--save", "later"]].concat());
    assert!(
        said.contains("item new is new and has relations that say something of it: 1, and 1 of which nothing is known"),
        "{said}"
    );
    let scores = |said: &str| -> Vec<String> {
        said.lines()
            .filter(|line| line.contains("┆ new ") || line.contains("┆ 12 "))
            .map(String::from)
            .collect()
    };
    assert_eq!(scores(&said).len(), 2, "{said}");
    assert_eq!(
        scores(&printed(
            "recommend",
            folder,
            &["--model", "later", "--user", "7", "--items", "new,12"]
        )),
        scores(&said)
    );
}
