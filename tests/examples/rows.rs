//! `recommend --input`: what is written for the rows of a file.

use std::path::Path;

use crate::{
    clicks::clicks,
    ncf::{plays, train},
    printed, refused, run,
};

/// The rows of CSV, its header among them.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let cells = |row: csv::StringRecord| row.iter().map(String::from).collect();
    reader.records().map(|row| cells(row.unwrap())).collect()
}

fn model(folder: &Path) {
    clicks(folder);
    let data = ["--data", ".", "--numbers", "age", "--factors", "4", "--hidden", "8"];
    let saved = [
        "--epochs",
        "4",
        "--lr",
        "0.01",
        "--batch",
        "100",
        "--checkpoint",
        "a",
        "--quiet",
    ];
    printed("train_ctr", folder, &[&data[..], &saved].concat());
}

#[test]
fn a_model_of_clicks_predicts_for_unlabelled_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder);
    // No label and no time, columns in another order, a key with a comma, and a line break in one.
    let rows = "item,age,user\ni4,2,u2\ni5,2,u2\n\"i,4\",2,\"a\nb\"\ni4,2,u2\n";
    std::fs::write(folder.join("rows.csv"), rows).unwrap();
    let output = run("recommend", folder, &["--model", "a", "--input", "rows.csv"]);
    let (text, said) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(output.status.success(), "{said}");
    let found = records(&text);
    assert_eq!(found[0], ["row", "user", "item", "probability"]);
    let keys: Vec<String> = found[1..].iter().map(|row| row[..3].join(" ")).collect();
    assert_eq!(keys, ["1 u2 i4", "2 u2 i5", "3  ", "4 u2 i4"]);
    let probability = |row: usize| found[row][3].parse::<f32>().unwrap();
    assert!((1..5).all(|row| (0.0..=1.0).contains(&probability(row))), "{text}");
    // Users click on items of their own parity; and the same row is the same.
    assert!(
        probability(1) > probability(2) && probability(1) == probability(4),
        "{text}"
    );
    assert!(
        said.contains("user: 1 of 4 rows") && said.contains("item: 1 of 4 rows") && said.contains("more than one line"),
        "{said}"
    );

    let written = printed(
        "recommend",
        folder,
        &["--model", "a", "--input", "rows.csv", "--output", "out.csv"],
    );
    assert!(written.contains("4 predictions written to out.csv"), "{written}");
    assert_eq!(std::fs::read_to_string(folder.join("out.csv")).unwrap(), text);

    std::fs::write(folder.join("bare.csv"), "item,user\ni4,u2\n").unwrap();
    std::fs::write(folder.join("bad.csv"), "item,user,age\ni4,u2,1\ni4,u2,old\n").unwrap();
    let cases: [(&[&str], &str); 7] = [
        (&["--input", "bare.csv"], "bare.csv:1: missing column \"age\""),
        (&["--input", "bad.csv"], "bad.csv:3: \"old\""),
        (&["--input", "nowhere"], "nowhere"),
        (&["--input", "rows.csv", "--k", "3"], "--k: the rows of --input say all"),
        (&["--input", "rows.csv", "--absorb", "u1:i1"], "--absorb"),
        (&["--input", "rows.csv", "--user-column", "uesr"], "did you mean user?"),
        (
            &["--input", "rows.csv", "--output", "rows.csv"],
            "--output: rows.csv is the file of --input",
        ),
    ];
    for (more, reason) in cases {
        let error = refused("recommend", folder, &[&["--model", "a"], more].concat());
        let last = error.lines().last().unwrap();
        assert!(last.contains(reason), "{more:?}: {error}");
    }
}

/// A column of users, a key a line, compressed or quoted: the same users.
#[test]
fn users_are_read_from_a_table_or_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    printed("train_ncf", folder, &train(&["--epochs", "1", "--checkpoint", "a"]));
    let best = |input: &str| {
        std::fs::write(folder.join("users"), input).unwrap();
        let output = run("recommend", folder, &["--model", "a", "--input", "users", "--k", "2"]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{input:?}: {errors}");
        records(&String::from_utf8(output.stdout).unwrap())
    };
    let list = best("u7\nu3\nu7\n");
    assert_eq!(list.len(), 7);
    assert_eq!(list[0], ["user", "item", "rank", "score"]);
    assert!(
        list[1] == list[5] && list[3][0] == "u3" && list[4][2] == "2",
        "{list:?}"
    );
    for input in [
        "u7\n\nu3 \nu7",
        "user\nu7\nu3\nu7\n",
        "age,user_id\n1,u7\n2,u3\n3,u7\n",
        "\"User ID\";name\n\"u7\";\"Smith; Ann\"\n\"u3\";\"\"\n\"u7\";x\n",
    ] {
        assert_eq!(best(input), list, "{input:?}");
    }
    std::fs::write(folder.join("users"), "name/user\nx/u7\ny/u3\nz/u7\n").unwrap();
    let other = ["--model", "a", "--input", "users", "--k", "2", "--delimiter", "/"];
    assert_eq!(records(&printed("recommend", folder, &other)), list);
    std::fs::write(folder.join("users"), "user\nu7\nu3x\n").unwrap();
    let error = refused_last(folder, &["--model", "a", "--input", "users", "--output", "best.csv"]);
    assert!(
        error.contains("users, row 2: \"u3x\" is none of the 100 users"),
        "{error}"
    );
    assert!(!folder.join("best.csv").exists());
}

/// The last line of a run that fails.
fn refused_last(folder: &Path, arguments: &[&str]) -> String {
    refused("recommend", folder, arguments).lines().last().unwrap().into()
}
