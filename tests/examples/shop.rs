//! `shop`: related articles find what nobody has bought yet.

use crate::{
    fields::{drawn, figures, firsts},
    printed, refused,
};

const MODELS: [&str; 5] = [
    "popularity",
    "LightGCN, purchases alone",
    "LightGCN, related articles too",
    "MF, articles by what they relate to",
    "the truth behind the data",
];

/// A model that knows purchases alone puts new articles in no order: 20 of some 200 are a tenth.
#[test]
fn related_articles_lead_to_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let text = drawn("shop", folder.path(), &["--epochs", "3"], &MODELS);
    let [popularity, alone, related, by_features, truth] = MODELS.map(|row| figures(&text, row));
    assert!(popularity[0] + 0.1 < alone[0] && related[0] < truth[0], "{text}");
    assert!(
        (0.07..0.14).contains(&popularity[1]) && (0.05..0.16).contains(&alone[1]),
        "{text}"
    );
    assert!(
        related[1] > 0.5 && by_features[1] > 0.5 && related[1] < truth[1],
        "{text}"
    );
    assert!(text.contains("-> related ->") && text.contains("new: "), "{text}");
    assert!(text.contains("beside the new article "), "{text}");
}

/// Thirty kinds of eight articles; who buys of a kind buys most of it. Each article is related to two others of its kind.
#[test]
fn purchases_are_read_with_a_table_of_relations() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (mut bought, mut related) = (String::from("who,what\n"), String::from("what,goes_with\n"));
    for customer in 0..150 {
        for n in (0..8).filter(|n| n % 5 != customer / 30 % 5) {
            bought += &format!("c{customer},a{}-{n}\n", customer % 30);
        }
    }
    for (kind, n) in (0..240).map(|article| (article / 8, article % 8)) {
        let beside = [(n + 1) % 8, (n + 3) % 8].map(|n| format!("'a{kind}-{n}'"));
        related += &format!("a{kind}-{n},\"[{}]\"\n", beside.join(", "));
    }
    std::fs::write(folder.join("bought.csv"), bought).unwrap();
    std::fs::write(folder.join("related.csv"), related).unwrap();
    let files = [
        "--data",
        "bought.csv",
        "--relations",
        "related.csv",
        "--related",
        "goes_with",
    ];
    let text = printed("shop", folder, &[&files[..], &["--quiet", "--user", "c7"]].concat());
    assert!(
        text.contains("150 customers, 240 articles, 480 related pairs"),
        "{text}"
    );
    let new = |row| figures(&text, row)[1];
    assert!(new("LightGCN, related") > new("LightGCN, purchases"), "{text}");
    assert!(!text.contains("the truth") && text.contains("user c7 bought"), "{text}");
    let [popularity, related] = firsts(&text, ["popularity", "LightGCN, related"]);
    assert!(popularity < related, "{text}");

    for (arguments, wanted) in [
        (&["--data", "bought.csv"][..], "--relations"),
        (&[&files[..], &["--user", "nobody"]].concat(), "--user: "),
        (&[&files[..5], &["other"]].concat(), "other"),
        (&["--epochs", "0"], "--epochs"),
        (&["--plot", "a.png"], "--plot: a.png"),
    ] {
        let error = refused("shop", folder, arguments);
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
}
