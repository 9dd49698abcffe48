//! What the tests of the fields' examples look at: the table of models, and its picture.

use std::path::Path;

use crate::printed;

/// The numbers of a row of the table.
pub fn figures(text: &str, row: &str) -> Vec<f64> {
    let line = text.lines().find(|line| line.starts_with(&format!("│ {row}")));
    let line = line.unwrap_or_else(|| panic!("{row}: {text}"));
    let cells = line.trim_end_matches('│').split('┆').skip(1);
    cells.map(|cell| cell.trim().parse().unwrap_or(f64::NAN)).collect()
}

/// The first number of each row.
pub fn firsts<const N: usize>(text: &str, rows: [&str; N]) -> [f64; N] {
    rows.map(|row| figures(text, row)[0])
}

/// Runs an example, which draws its table, and looks whether lines fit a terminal and the picture has these names.
pub fn drawn(name: &str, folder: &Path, arguments: &[&str], names: &[&str]) -> String {
    let text = printed(name, folder, &[arguments, &["--plot", "drawn.svg"]].concat());
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let picture = std::fs::read_to_string(folder.join("drawn.svg")).unwrap();
    for name in names {
        assert!(picture.contains(name), "{name}: {picture}");
    }
    text
}
