//! Readers, splits and sampling against small hand-written files, brute force and, where it is there, real data.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use pocketrec::data::{Batch, Candidates, Column, Dataset, Delimited, Interactions, Sampler};
use proptest::prelude::*;

/// A folder with files of these names and contents.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// The content of interactions by keys: (user, item, time), sorted.
fn by_keys(data: &Interactions) -> Vec<(String, String, i64)> {
    let mut rows = Vec::new();
    for user in 0..data.users() {
        for (at, &item) in data.of_user(user).iter().enumerate() {
            let key = data.user_ids().key(user).unwrap().into_owned();
            let time = data.times_of(user).get(at).copied().unwrap_or(-1);
            rows.push((key, data.item_ids().key(item).unwrap().into_owned(), time));
        }
    }
    rows.sort();
    rows
}

/// User, item and time.
type Row = (&'static str, &'static str, i64);

fn rows(expected: &[Row]) -> Vec<(String, String, i64)> {
    expected.iter().map(|row| (row.0.into(), row.1.into(), row.2)).collect()
}

#[test]
fn movielens_1m_files_are_read_with_titles() {
    let folder = folder(&[("ratings.dat", "7::50::5::20\r\n7::31::4::10\r\n9::31::1::10")]);
    fs::write(
        folder.path().join("movies.dat"),
        b"31::Les Mis\xe9rables (1995)::Drama\n99::Other::Drama\n",
    )
    .unwrap();
    for path in [folder.path().to_owned(), folder.path().join("ratings.dat")] {
        let data = Interactions::read(path).unwrap();
        assert_eq!(
            by_keys(&data),
            rows(&[("7", "31", 10), ("7", "50", 20), ("9", "31", 10)])
        );
        assert_eq!((data.of_user(0), data.of_user(1)), (&[1, 0][..], &[1][..]));
        assert_eq!(
            (data.title(1), data.title(0), data.title(9)),
            (Some("Les Misérables (1995)"), None, None)
        );
    }
}

#[test]
fn movielens_csv_files_are_read_with_titles() {
    let folder = folder(&[
        (
            "ratings.csv",
            "userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n1,29,0.5,1.112484676e9\n\n\n",
        ),
        (
            "movies.csv",
            "movieId,title,genres\n2,\"Jumanji, \"\"the\"\" film\",Adventure\n29,Cité,Drama\n",
        ),
    ]);
    let data = Interactions::read(folder.path()).unwrap();
    assert_eq!(
        by_keys(&data),
        rows(&[("1", "2", 1_112_486_027), ("1", "29", 1_112_484_676)])
    );
    assert_eq!(
        (data.title(0), data.title(1)),
        (Some("Jumanji, \"the\" film"), Some("Cité"))
    );
    assert_eq!((data.report().rows, data.report().blank), (2, 2));
}

#[test]
fn movielens_100k_files_are_read_with_titles() {
    let folder = folder(&[
        ("u.data", "196\t242\t3\t881250949\n186\t302\t3\t891717742\n"),
        (
            "u.item",
            "242|Kolya (1996)|24-Jan-1997||url|0\n302|L.A. Confidential (1997)|01-Jan-1997||url|0\n",
        ),
    ]);
    let data = Interactions::read(folder.path()).unwrap();
    assert_eq!(
        by_keys(&data),
        rows(&[("186", "302", 891_717_742), ("196", "242", 881_250_949)])
    );
    assert_eq!(data.title(0), Some("Kolya (1996)"));
}

#[test]
fn delimiters_headers_and_columns_are_found() {
    let cases: [(&str, &[Row]); 10] = [
        ("ann;tea\nbob;rice\n", &[("ann", "tea", -1), ("bob", "rice", -1)]),
        ("ann|tea|5|100\n", &[("ann", "tea", 100)]),
        ("ann tea   978300760\n", &[("ann", "tea", 978_300_760)]),
        ("ann tea   5\n", &[("ann", "tea", -1)]),
        ("1::2::3::4\n", &[("1", "2", 4)]),
        (
            "timestamp\tuser_id\titem_id\n5\tann\tgreen tea\n",
            &[("ann", "green tea", 5)],
        ),
        (
            "asin,reviewerID,overall,unixReviewTime\nB00,A1,5.0,77\n",
            &[("A1", "B00", 77)],
        ),
        (
            "\u{feff}userID\tartistID\tweight\r\n2\t51\t13883\r\n",
            &[("2", "51", -1)],
        ),
        (
            "user,item,time\n\"a,b\",\"say \"\"x\"\"\",3\n\"c\nd\",e,4\n",
            &[("a,b", "say \"x\"", 3), ("c\nd", "e", 4)],
        ),
        ("user,item,comment,time\na,b,\"c,7,and\",7\n", &[("a", "b", 7)]),
    ];
    for (content, expected) in cases {
        let folder = folder(&[("some.txt", content)]);
        let data = Interactions::read(folder.path().join("some.txt")).unwrap();
        assert_eq!(by_keys(&data), rows(expected), "{content:?}");
    }
}

#[test]
fn options_say_what_the_file_does_not() {
    let folder = folder(&[(
        "plays",
        "id,who,what,how,when\n1,ann,tea,4,30\n2,ann,rice,2,20\n3,bob,tea,5,10\n",
    )]);
    let path = folder.path().join("plays");
    let named = Delimited {
        user: Some("who".into()),
        item: Some("what".into()),
        rating: Some("how".into()),
        time: Some("when".into()),
        ..Delimited::default()
    };
    let whole = [("ann", "rice", 20), ("ann", "tea", 30), ("bob", "tea", 10)];
    assert_eq!(by_keys(&Interactions::read_with(&path, &named).unwrap()), rows(&whole));
    let numbered = Delimited {
        delimiter: Some(",".parse().unwrap()),
        header: Some(true),
        user: Some("2".parse().unwrap()),
        item: Some(Column::Number(3)),
        time: Some(Column::Number(5)),
        ..Delimited::default()
    };
    assert_eq!(
        by_keys(&Interactions::read_with(&path, &numbered).unwrap()),
        rows(&whole)
    );
    let liked = Delimited {
        min_rating: Some(4.0),
        ..named
    };
    let data = Interactions::read_with(&path, &liked).unwrap();
    assert_eq!(by_keys(&data), rows(&[("ann", "tea", 30), ("bob", "tea", 10)]));
    assert_eq!(
        (data.items(), data.report().rows, data.report().below_min_rating),
        (1, 3, 1)
    );
}

#[test]
fn repetitions_keep_the_latest() {
    let folder = folder(&[("a.csv", "user,item,time\n1,5,30\n1,6,20\n1,5,10\n1,6,20\n2,5,1\n")]);
    let data = Interactions::read(folder.path().join("a.csv")).unwrap();
    assert_eq!(by_keys(&data), rows(&[("1", "5", 30), ("1", "6", 20), ("2", "5", 1)]));
    assert_eq!((data.report().rows, data.report().duplicates), (5, 2));
    assert_eq!(data.popularity(), [2, 1]);
}

const NCF: [(&str, &str); 3] = [
    ("tiny.train.rating", "0\t0\t5\t10\n0\t2\t4\t20\n1\t1\t3\t30\n"),
    ("tiny.test.rating", "0\t3\t5\t40\n1\t0\t3\t50\n"),
    ("tiny.test.negative", "(0,3)\t1\t3\t4\n(1,0)\t2\t3\t4\n"),
];

#[test]
fn ncf_files_give_the_split_as_published() {
    let folder = folder(&NCF);
    fs::write(folder.path().join("ratings.dat"), "1::1::1::1\n").unwrap();
    let path = |name: &str| folder.path().join(name);
    for path in [
        folder.path().to_owned(),
        path("tiny"),
        path("tiny.train.rating"),
        path("tiny.test.negative"),
    ] {
        let split = Dataset::read(path).unwrap();
        assert_eq!((split.train.users(), split.train.items(), split.train.len()), (2, 5, 3));
        assert_eq!(split.train.of_user(0), [0, 2]);
        let cases: Vec<(u32, u32)> = split.test.iter().map(|case| (case.user, case.item)).collect();
        assert_eq!(cases, [(0, 3), (1, 0)]);
        assert_eq!((split.negatives(0), split.negatives(1)), (&[1, 4][..], &[2, 3, 4][..]));
        assert_eq!(split.report().own_test_item, 1);
        assert_eq!(split.train.user_ids().key(1).as_deref(), Some("1"));
    }
    fs::remove_file(path("tiny.test.negative")).unwrap();
    let split = Dataset::read_among(folder.path(), Candidates::Sampled { count: 2, seed: 0 }).unwrap();
    assert!(split.has_negatives());
    assert_eq!((split.negatives(0), split.negatives(1).len()), (&[1][..], 2));
}

#[test]
fn other_data_is_split_by_time() {
    let folder = folder(&[("ratings.dat", "7::50::5::20\n7::31::4::10\n9::31::1::10\n")]);
    let split = Dataset::read(folder.path()).unwrap();
    assert_eq!((split.test.len(), split.test[0].user, split.test[0].item), (1, 0, 0));
    assert_eq!(split.report().untested_users, 1);
}

/// All samples of an epoch, (user, item, label), filled `count` at a time.
fn epoch(sampler: &Sampler, epoch: u32, count: usize) -> Vec<(u32, u32, bool)> {
    let (mut batch, mut all, mut start) = (Batch::new(2, count), Vec::new(), 0);
    while start < sampler.samples_per_epoch() {
        sampler.fill(epoch, start, count, &mut batch);
        let ids = batch.column(0).ids.iter().zip(&batch.column(1).ids);
        all.extend(
            ids.zip(batch.labels())
                .map(|((&user, &item), &label)| (user, item, label == 1.0)),
        );
        start += count as u64;
    }
    all
}

#[test]
fn negatives_are_uniform_over_what_the_user_lacks() {
    let pairs: Vec<(u32, u32)> = (0..3)
        .flat_map(|user| (0..20).map(move |k| (user, (k * 2 + user) % 60)))
        .collect();
    let data = Interactions::from_columns(
        (3, 60),
        &pairs.iter().map(|pair| pair.0).collect::<Vec<_>>(),
        &pairs.iter().map(|pair| pair.1).collect::<Vec<_>>(),
        &[],
    );
    let data = data.unwrap();
    let sampler = Sampler::new(&data, 100, 5).unwrap();
    let mut counts = vec![[0u32; 60]; 3];
    for e in 0..10 {
        for (user, item, label) in epoch(&sampler, e, 256) {
            assert_eq!(label, data.contains(user, item));
            counts[user as usize][item as usize] += u32::from(!label);
        }
    }
    for (user, counts) in counts.iter().enumerate() {
        let expected = 20.0 * 100.0 * 10.0 / 40.0;
        let lacking = (0..60).filter(|&item| !data.contains(user as u32, item));
        let chi: f64 = lacking
            .map(|item| (f64::from(counts[item as usize]) - expected).powi(2) / expected)
            .sum();
        // 39 degrees of freedom: mean 39, standard deviation 8.8; 80 is beyond the 99.98th percentile.
        assert!(chi < 80.0, "user {user}: {chi}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_epoch_holds_each_positive_once_and_does_not_depend_on_chunks(
        pairs in prop::collection::vec((0u32..9, 0u32..30), 1..80),
        negatives in 0u32..5,
        seed: u64,
        chunk in 1usize..600,
    ) {
        let data = Interactions::from_pairs(&pairs).unwrap();
        let full = (0..data.users()).any(|user| data.of_user(user).len() == data.items() as usize);
        prop_assume!(!full);
        let sampler = Sampler::new(&data, negatives, seed).unwrap();
        let whole = epoch(&sampler, 1, 100_000);
        prop_assert_eq!(&epoch(&sampler, 1, chunk), &whole);
        prop_assert_eq!(whole.len(), data.len() * (1 + negatives as usize));
        let mut positives: Vec<(u32, u32)> = whole.iter().filter(|row| row.2).map(|row| (row.0, row.1)).collect();
        positives.sort_unstable();
        let mut expected: Vec<(u32, u32)> = data.iter().collect();
        expected.sort_unstable();
        prop_assert_eq!(positives, expected);
        for &(user, item, label) in &whole {
            prop_assert_eq!(label, pairs.contains(&(user, item)));
        }
        for user in 0..data.users() {
            let of_user = |label| whole.iter().filter(|row| row.0 == user && row.2 == label).count();
            prop_assert_eq!(of_user(false), of_user(true) * negatives as usize);
        }
    }
}

#[test]
fn epochs_and_seeds_differ() {
    let pairs: Vec<(u32, u32)> = (0..50)
        .flat_map(|user| (0..8).map(move |k| (user, (user * 7 + k * 11) % 200)))
        .collect();
    let data = Interactions::from_pairs(&pairs).unwrap();
    let sampler = Sampler::new(&data, 4, 1).unwrap();
    let (one, two) = (epoch(&sampler, 0, 256), epoch(&sampler, 1, 256));
    let other = epoch(&Sampler::new(&data, 4, 2).unwrap(), 0, 256);
    for (a, b) in [(&one, &two), (&one, &other)] {
        let negatives = |rows: &[(u32, u32, bool)]| -> HashSet<(u32, u32)> {
            rows.iter().filter(|row| !row.2).map(|row| (row.0, row.1)).collect()
        };
        let (a_set, b_set) = (negatives(a), negatives(b));
        assert!(a_set.intersection(&b_set).count() * 4 < a_set.len());
        assert!(a.iter().zip(b).filter(|(x, y)| x == y).count() * 20 < a.len());
    }
}

/// A folder of real data beside the checkout, if it is there.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if path.is_dir() {
        return Some(path);
    }
    crate::common::skipped::skipped(format!("{} is not there", path.display()));
    None
}

#[test]
fn movielens_1m_has_the_published_counts() {
    let Some(path) = real("ml-1m") else { return };
    let split = Dataset::read(&path).unwrap();
    assert_eq!(
        (split.train.users(), split.train.items(), split.train.len()),
        (6040, 3706, 994_169)
    );
    assert_eq!((split.test.len(), split.report().own_test_item), (6040, 156));
    let report = split.report();
    assert_eq!(
        (report.trained_on, report.repeated_candidates, report.no_candidates),
        (0, 0, 0)
    );
    assert_eq!(
        (report.trained_candidates, report.unused_candidates, report.unused_items),
        (0, 0, 0)
    );
    let counts: Vec<usize> = (0..6040).map(|at| split.negatives(at).len()).collect();
    assert_eq!(counts.iter().filter(|&&count| count == 98).count(), 156);
    assert_eq!(counts.iter().filter(|&&count| count == 99).count(), 6040 - 156);

    let data = Interactions::read(path.join("ratings.dat")).unwrap();
    assert_eq!((data.users(), data.items(), data.len()), (6040, 3706, 1_000_209));
    assert_eq!(data.report().duplicates, 0);
    assert_eq!(data.title(0), Some("One Flew Over the Cuckoo's Nest (1975)"));
    let split = data.leave_one_out().unwrap();
    assert_eq!((split.train.len(), split.test.len()), (994_169, 6040));
}

#[test]
fn movielens_100k_has_the_published_counts() {
    let Some(path) = real("ml-100k") else { return };
    let data = Interactions::read(path).unwrap();
    assert_eq!((data.users(), data.items(), data.len()), (943, 1682, 100_000));
}
