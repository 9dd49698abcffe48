//! `places`: the distance is worth more than who was where.

use std::path::Path;

use crate::{
    fields::{drawn, figures},
    printed, refused,
};

#[test]
fn a_model_that_knows_the_distance_is_nearest_to_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["RP3beta: who was where", "FM: the same and km", "recall@20"];
    let said = drawn("places", folder.path(), &["--quiet"], &names);
    let recall = |row| figures(&said, row)[0];
    let [popular, nearest] = ["popularity", "the nearest first"].map(recall);
    let [walks, graph] = ["RP3beta", "LightGCN"].map(recall);
    let [without, near, of_new] = ["FM: who", "FM: the same and km  ", "FM: the same and km, all"].map(recall);
    let truth = recall("the truth");
    assert!(walks.min(graph) > popular.max(nearest) + 0.04, "{said}");
    assert!(
        near > walks.max(graph).max(without) + 0.04 && truth > near + 0.1,
        "{said}"
    );
    // Of somebody new the address is known, and no visit.
    assert!(near > of_new && of_new > popular.max(nearest) + 0.08, "{said}");
    assert!(said.contains(" km; who was at "), "{said}");
}

/// Two quarters whose people stay there, a visit a row.
fn visits(folder: &Path) {
    let mut rows = String::from("user,item,time\n");
    for user in 0..60 {
        for at in 0..6 {
            let place = (user % 2) * 20 + (user * 3 + at * at) % 20;
            rows += &format!("ann{user},place{place},{at}\n");
        }
    }
    std::fs::write(folder.join("visits.csv"), rows).unwrap();
}

#[test]
fn visits_of_a_file_are_ranked_by_who_was_where() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    visits(folder);
    let of_file = ["--data", "visits.csv", "--epochs", "2", "--user", "ann3"];
    let said = printed("places", folder, &of_file);
    assert!(
        figures(&said, "RP3beta")[0] > figures(&said, "popularity")[0] + 0.1,
        "{said}"
    );
    assert!(said.contains("for user ann3") && !said.contains("FM"), "{said}");
    for (arguments, wanted) in [
        (&["--data", "nowhere"][..], "--data: there is no file or folder nowhere"),
        (
            &["--data", "visits.csv", "--user", "ann99"],
            "--user: \"ann99\" is none of",
        ),
        (&["--plot", "a.pdf"], "--plot: a.pdf does not end in .svg"),
    ] {
        let error = refused("places", folder, arguments);
        assert!(error.contains(wanted) && error.lines().count() == 1, "{error}");
    }
}
