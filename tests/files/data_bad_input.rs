//! What cannot be used is refused with the file, the line and the reason; nothing panics.

use std::{fs, path::Path};

use pocketrec::{
    Error,
    data::{Dataset, Delimited, Interactions},
};
use proptest::prelude::*;

/// Reads `content` from a file of this name; gives line and reason of the refusal.
fn refusal(name: &str, content: &[u8], options: &Delimited) -> (u64, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    match Interactions::read_with(&path, options) {
        Err(Error::Data { file, line, reason }) => {
            assert_eq!(file, path.display().to_string());
            (line, reason)
        }
        other => panic!("{name} {:?}: {other:?}", String::from_utf8_lossy(content)),
    }
}

#[test]
fn bad_rows_are_refused_at_their_line() {
    let cases: [(&str, &[u8], u64, &str); 22] = [
        (
            "ratings.dat",
            b"1::2::3::4\n1::2::3\n",
            2,
            "too few fields: 3, but there are 4 columns",
        ),
        ("ratings.dat", b"1::2::3::4\n\n::2::3::4\n", 3, "the user is empty"),
        ("ratings.dat", b"1::2::3::4\r\n1:: ::3::4\r\n", 2, "the item is empty"),
        ("ratings.dat", b"1::2::3::-inf\n", 1, "the time \"-inf\" is not finite"),
        ("ratings.dat", b"1::2::3::1e40\n", 1, "does not fit 64 bits"),
        ("ratings.dat", b"1::2::3::\n", 1, "\"\" is not a time"),
        ("ratings.dat", b"1::\xff\xfe::3::4\n", 1, "not valid UTF-8"),
        ("ratings.dat", b"", 0, "the file is empty"),
        ("ratings.dat", b"\n \r\n\n", 0, "the file is empty"),
        (
            "u.data",
            b"1\t2\t3\t4\n1\t2\n",
            2,
            "too few fields: 2, but there are 4 columns",
        ),
        (
            "ratings.csv",
            b"userId,movieId,rating,timestamp\n",
            0,
            "there is no row",
        ),
        (
            "ratings.csv",
            b"userId,movieId,rating,timestamp\n1,2,3,4\n\"1\n2,3",
            3,
            "a quoted field begins here",
        ),
        (
            "ratings.csv",
            b"userId,rating,timestamp\n1,2,3\n",
            1,
            "no column of the header is known to be the item",
        ),
        (
            "ratings.csv",
            b"userId,movieId,rating,timestamp\n1,2,3,4\n\"a\nb\",2,3,4\n1,2\n",
            5,
            "too few fields: 2",
        ),
        ("x.txt", b"12\n34\n", 1, "has no \"::\", tab, comma"),
        ("x.txt", b"1 2 3 4 5\n", 1, "rows have 5 fields and nothing names them"),
        ("x.txt", b"user\n1\n", 1, "has no \"::\", tab, comma"),
        ("x.txt", b"1,2\n3\n", 2, "too few fields: 1"),
        ("x.txt", b"\xef\xbb\xbf1,2,3,x\n", 1, "\"x\" is not a time"),
        ("x.txt", b"\0\0\0\0", 0, "no text, or text in UTF-16"),
        ("x.txt", b"u,i,1\nu,\"j\"k,2\n", 2, "text behind a closing quote"),
        ("x.txt", b"u,i,1,2\nu,j,1,2,3\n", 2, "too many fields: 5"),
    ];
    for (name, content, line, reason) in cases {
        let got = refusal(name, content, &Delimited::default());
        assert_eq!(got.0, line, "{got:?}");
        assert!(got.1.contains(reason), "{got:?}, not {reason:?}");
    }
}

#[test]
fn options_that_do_not_fit_the_file_are_refused() {
    let csv = b"user,item,score\n1,2,3\n";
    let cases = [
        (
            Delimited {
                time: Some("when".into()),
                ..Delimited::default()
            },
            1,
            "missing column \"when\": the header has user, item, score",
        ),
        (
            Delimited {
                time: Some("9".parse().unwrap()),
                ..Delimited::default()
            },
            1,
            "there is no column 9: rows have 3 fields",
        ),
        (
            Delimited {
                user: Some("item".into()),
                ..Delimited::default()
            },
            1,
            "column 2 is taken for the user and for the item",
        ),
        (
            Delimited {
                user: Some("user".into()),
                header: Some(false),
                ..Delimited::default()
            },
            1,
            "there is no header; give its number from 1",
        ),
        (
            Delimited {
                min_rating: Some(4.0),
                ..Delimited::default()
            },
            0,
            "none of 1 rows has a rating of min_rating or more",
        ),
    ];
    for (options, line, reason) in cases {
        let got = refusal("x.csv", csv, &options);
        assert!(got.0 == line && got.1.contains(reason), "{got:?}, not {reason:?}");
    }
    let options = Delimited {
        min_rating: Some(1.0),
        ..Delimited::default()
    };
    assert!(
        refusal("x.csv", b"user,item\n1,2\n", &options)
            .1
            .contains("no column is known to be the rating")
    );
    assert!("0".parse::<pocketrec::data::Column>().is_err());
    assert!("ab".parse::<pocketrec::data::Delimiter>().is_err());
}

#[test]
fn what_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.csv");
    for error in [
        Interactions::read(&missing).unwrap_err(),
        Dataset::read(&missing).unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::Io { path, .. } if *path == missing.display().to_string()),
            "{error}"
        );
    }
    for error in [
        Interactions::read(folder.path()).unwrap_err(),
        Dataset::read(folder.path()).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(
            text.contains("none of ratings.dat, ratings.csv, u.data (nor *.train.rating"),
            "{text}"
        );
    }
}

/// Reads a set of NCF files, with one of them replaced.
fn ncf(end: &str, content: &[u8]) -> Result<pocketrec::data::Split, Error> {
    let folder = tempfile::tempdir().unwrap();
    let write = |end: &str, content: &[u8]| fs::write(folder.path().join(format!("x{end}")), content).unwrap();
    write(".train.rating", b"0\t0\t5\t10\n1\t1\t3\t30\n");
    write(".test.rating", b"0\t3\t5\t40\n1\t0\t3\t50\n");
    write(".test.negative", b"(0,3)\t1\t4\n(1,0)\t2\t3\n");
    write(end, content);
    Dataset::read(folder.path())
}

#[test]
fn bad_ncf_files_are_refused_at_their_line() {
    let cases: [(&str, &[u8], u64, &str); 13] = [
        (".train.rating", b"", 0, "the file is empty"),
        (
            ".train.rating",
            b"0\t0\t5\t10\n\n1\t-1\t5\t10\n",
            3,
            "the item id \"-1\" is negative",
        ),
        (".train.rating", b"0\t0\t5\t10\nx\t1\t5\t10\n", 2, "\"x\" is no user id"),
        (
            ".train.rating",
            b"0\t0\t5\t10\n4294967295\t1\t5\t10\n",
            2,
            "the user id \"4294967295\" is too large",
        ),
        (
            ".train.rating",
            b"0\t0\t5\t10\n1\t1\n",
            2,
            "too few fields: 2, but there are 4 columns",
        ),
        (".train.rating", b"0\n", 1, "rows have 1 fields; expected user, item"),
        (".train.rating", b"0\t0\t5\tNaN\n", 1, "not finite"),
        (
            ".test.rating",
            b"0\t3\t5\t40\n0\t1\t5\t40\n",
            2,
            "user 0 has a test item on line 1 already",
        ),
        (".test.negative", b"(0,3)\t1\n(1,2)\t1\n", 2, "\"(1,2)\" is not (1,0)"),
        (".test.negative", b"(0,3)\t1\n", 1, "ends after 1 test items of 2"),
        (
            ".test.negative",
            b"(0,3)\t1\n(1,0)\t1\n(2,0)\t1\n",
            3,
            "there are only 2 test items",
        ),
        (".test.negative", b"(0,3)\t1\n(1,0)\n", 2, "no negatives"),
        (".test.negative", b"(0,3)\t1\n(1,0)\t\t1\n", 2, "\"\" is no item id"),
    ];
    for (end, content, expected_line, expected) in cases {
        match ncf(end, content) {
            Err(Error::Data { file, line, reason }) => {
                assert!(file.ends_with(&format!("x{end}")), "{file}");
                assert!(
                    line == expected_line && reason.contains(expected),
                    "{line}: {reason}, not {expected:?}"
                );
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.train.rating", "b.train.rating"] {
        fs::write(folder.path().join(name), "0\t0\t1\t1\n").unwrap();
    }
    let several = Dataset::read(folder.path()).unwrap_err().to_string();
    assert!(
        several.contains("several data sets") && several.contains("name one of them"),
        "{several}"
    );
    let lone = Dataset::read(folder.path().join("a")).unwrap_err().to_string();
    assert!(lone.contains("a.test.rating"), "{lone}");
}

#[test]
fn values_in_memory_are_checked() {
    assert!(
        Interactions::from_pairs(&[])
            .unwrap_err()
            .to_string()
            .contains("there are none")
    );
    let error = Interactions::from_pairs(&[(0, u32::MAX)]).unwrap_err().to_string();
    assert!(error.contains("item id 4294967295 is too large"), "{error}");
    let error = Interactions::from_columns((2, 2), &[0, 2], &[0, 1], &[]).unwrap_err();
    assert!(matches!(error, Error::Id { id: 2, rows: 2, .. }), "{error}");
    let error = Interactions::from_columns((2, 2), &[0, 1], &[0], &[]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Length {
                expected: 2,
                got: 1,
                ..
            }
        ),
        "{error}"
    );
    let error = Interactions::from_columns((2, 2), &[0, 1], &[0, 1], &[1]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Length {
                expected: 2,
                got: 1,
                ..
            }
        ),
        "{error}"
    );
    let data = Interactions::from_pairs(&[(0, 1)]).unwrap();
    assert!(data.of_user(u32::MAX).is_empty() && data.times_of(1).is_empty() && !data.contains(9, 9));
    assert!(data.with_titles(vec![]).is_err());
}

/// Reads whatever it is under every name; only a panic fails.
fn read_all(content: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ratings.dat", "ratings.csv", "u.data", "x.txt"] {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        for title in ["movies.dat", "movies.csv", "u.item"] {
            fs::write(folder.path().join(title), content).unwrap();
        }
        read_and_use(&path);
    }
    for end in [".train.rating", ".test.rating", ".test.negative"] {
        let _ = ncf(end, content);
    }
}

fn read_and_use(path: &Path) {
    if let Ok(data) = Interactions::read(path) {
        assert!(!data.is_empty());
        assert_eq!(data.iter().count(), data.len());
        let _ = data.leave_one_out();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_never_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&content);
    }

    #[test]
    fn random_rows_never_panic(content in "[0-9a,;:\t| .\\-\"\r\n\u{e9}]{0,120}") {
        read_all(content.as_bytes());
    }

    #[test]
    fn truncations_and_flips_never_panic(cut in 0usize..200, at in 0usize..200, byte: u8, csv: bool) {
        let whole: &[u8] = if csv {
            b"userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n1,\"2,9\",0.5,1.1e9\r\n\"x\ny\",29,1,5\n"
        } else {
            b"(0,3)\t1\t4\n(1,0)\t2\t3\n1::1193::5::978300760\n1::661::3::978302109\n2::914::3::978301968\n"
        };
        let mut content = whole[..cut.min(whole.len())].to_vec();
        if let Some(to) = content.get_mut(at) {
            *to = byte;
        }
        read_all(&content);
    }
}
