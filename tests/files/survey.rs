//! What is known of files before they are read: their columns, and whether they are as published; and what is said of
//! side tables behind.
#![cfg(feature = "std")]

use std::fs;

use pocketrec::data::{
    BadRows, Column, Dataset, SampleFiles, Survey,
    clicks::{Field, Schema},
};

#[test]
fn columns_are_found_by_name_or_number_in_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let mut text = String::from("\"User ID\";2;tags;price\n");
    for row in 0..5000 {
        let tags = if row == 4999 { "a|b" } else { "" };
        text += &format!(
            "u{row};x;{tags};{}\n",
            if row == 7 { "none".into() } else { row.to_string() }
        );
    }
    fs::write(&path, text).unwrap();
    let survey = Survey::of(&path, None, '|').unwrap();
    assert_eq!(
        (survey.rows, survey.user(), survey.item()),
        (5000, Some("User ID"), None)
    );
    assert_eq!(
        (
            survey.columns[2].several,
            survey.columns[2].blank,
            survey.columns[3].numbers
        ),
        (1, 4999, 4999)
    );
    let place = |column: Column| survey.place_of(&column);
    assert_eq!(place("price".into()), Ok((3, None)));
    assert_eq!(place("user_id".into()), Ok((0, None)));
    assert_eq!(place(4.into()), Ok((3, None)));
    assert_eq!(place("3".into()), Ok((2, None)));
    // A name wins; here it is that of the column with this number.
    assert_eq!(place("2".into()), Ok((1, None)));
    assert!(place("5".into()).unwrap_err().contains("no column 5"));
    assert!(place("pirce".into()).unwrap_err().contains("did you mean \"price\"?"));
}

#[test]
fn rows_of_side_tables_that_are_left_out_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.csv");
    fs::write(&path, "item,kind\ntea,drink\ntea,leaf\nrice,food\n").unwrap();
    let schema = Schema::new()
        .field(Field::key("item"))
        .field(Field::key("kind").from_table("items"))
        .join("items", "item");
    let files = SampleFiles::new(schema).bad_rows(BadRows::Skip);
    let files = files.table("items", &path, "item").unwrap();
    let report = files.table_report("items").unwrap();
    assert_eq!((report.rows, report.skipped), (2, 1));
    assert_eq!(report.first_skipped.as_ref().map(|(line, _)| *line), Some(3));
    assert!(files.table_report("users").is_none());
}

#[test]
fn published_files_are_known_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("plain.csv"), "user,item\nann,tea\n").unwrap();
    assert!(!Dataset::is_published(folder.path()).unwrap());
    fs::write(path("a.train.rating"), "0\t0\t1\t1\n").unwrap();
    for (name, published) in [
        ("", true),
        ("a", true),
        ("a.train.rating", true),
        ("a.test.rating", true),
        ("plain.csv", false),
    ] {
        assert_eq!(Dataset::is_published(path(name)).unwrap(), published, "{name}");
    }
    fs::write(path("b.train.rating"), "0\t0\t1\t1\n").unwrap();
    assert!(Dataset::is_published(folder.path()).is_err());
}
