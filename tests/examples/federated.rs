//! `federated`: what devices send makes the model better.

use crate::printed;

#[test]
fn the_mean_of_deltas_ranks_better_than_the_base() {
    let folder = tempfile::tempdir().unwrap();
    let said = printed("federated", folder.path(), &["--devices", "10", "--epochs", "6"]);
    let of = |row: &str| -> f64 {
        let line = said
            .lines()
            .find(|line| line.starts_with(row))
            .unwrap_or_else(|| panic!("{said}"));
        line.split_whitespace().last().unwrap().parse().unwrap()
    };
    let [before, together, central] = ["before", "with the mean", "all clicks"].map(of);
    assert!(together > before + 0.01 && central > before + 0.01, "{said}");
}
