//! Files as people have them, each small: what is read of them, how they were taken, and what is refused by name.

use std::{fs, io::Write, path::Path};

use pocketrec::data::{
    BadRows, Dataset, Delimited, Interactions, Parting, SampleFiles, SampleFormat,
    clicks::{Field, Schema},
};

/// The file `name` with this content in a folder of its own.
fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

/// Users and their items by key, earliest first: `ann: tea rice`.
fn by_user(data: &Interactions) -> Vec<String> {
    let of_user = |user: u32| {
        let items: Vec<String> = data
            .of_user(user)
            .iter()
            .map(|&item| key(data.item_ids().key(item)))
            .collect();
        format!("{}: {}", key(data.user_ids().key(user)), items.join(" "))
    };
    (0..data.users()).map(of_user).collect()
}

fn key(key: Option<std::borrow::Cow<'_, str>>) -> String {
    key.unwrap().into_owned()
}

fn read(content: &str) -> Interactions {
    let (_folder, path) = file("plays.csv", content.as_bytes());
    Interactions::read(&path).unwrap_or_else(|error| panic!("{content:?}: {error}"))
}

fn layout(data: &Interactions) -> String {
    data.report().layout.as_ref().unwrap().to_string()
}

#[test]
fn whatever_is_well_formed_is_read_whole() {
    let cases: [(&str, &[&str]); 19] = [
        // A quote opens a field at its start alone.
        (
            "user,item,time\nann,7\" single,1\nann,tea,2\nbob,5\" tv,3\n",
            &["ann: 7\" single tea", "bob: 5\" tv"],
        ),
        (
            "\"user\",\"item\"\n\"ann\",\"tea, green\"\n\"ann\",\"rice\"\n",
            &["ann: tea, green rice"],
        ),
        ("\"user\";\"item\"\n\"ann\";\"tea; green\"\n", &["ann: tea; green"]),
        ("\"user\"\t\"item\"\n\"ann\"\t\"tea\tgreen\"\n", &["ann: tea\tgreen"]),
        ("\"user\"|\"item\"\n\"ann\"|\"a|b\"\n", &["ann: a|b"]),
        // In a file of tabs whose fields are not all quoted a quote is a sign.
        (
            "user\titem\nann\t\"Cats\" (1998)\nann\t\"x\n",
            &["ann: \"Cats\" (1998) \"x"],
        ),
        // RecBole's atomic files, with a weight that is not used.
        (
            "user_id:token\titem_id:token\trating:float\n0\t4\t\n0\t5\tx\n",
            &["0: 4 5"],
        ),
        // Words that are not known, above codes.
        ("wer,was\nc0,p4\nc0,p5\nc1,p4\n", &["c0: p4 p5", "c1: p4"]),
        // R's write.table: names of rows, which the header has no column for.
        (
            "\"user\" \"item\"\n\"1\" \"u0\" \"i4\"\n\"2\" \"u0\" \"i 5\"\n",
            &["u0: i4 i 5"],
        ),
        // LightGCN's lists; the first is as short as a row of three columns.
        ("0 5 7\n1 13 11 0\n2 5\n", &["0: 5 7", "1: 13 11 0", "2: 5"]),
        ("0\t5\t7\n1\t13\n", &["0: 5 7", "1: 13"]),
        // A decimal comma.
        ("u0;i4;3,5;20\nu0;i5;1,5;10\nu1;i4;4,5;30\n", &["u0: i5 i4", "u1: i4"]),
        // Times of any scale keep their order, and dates are times.
        (
            "user,item,time\nann,tea,0.011050\nann,rice,0.011040\nann,soup,0.5\n",
            &["ann: rice tea soup"],
        ),
        (
            "user,item,timestamp\nann,tea,2020-01-18T10:00:00Z\nann,rice,2020-01-18T11:30:00+02:00\n",
            &["ann: rice tea"],
        ),
        (
            "ann,tea,2020-02-01\nann,rice,2020-01-31\nbob,tea,2019-12-31\n",
            &["ann: rice tea", "bob: tea"],
        ),
        // Ratings are not looked at unless they choose.
        (
            "user,item,rating,timestamp\nann,tea,,2\nann,rice,good,1\n",
            &["ann: rice tea"],
        ),
        // Keys are text.
        (
            "user_id,item_id\n-8845298781299428018,-3499919498720038879\n-8845298781299428018, 1.0\n",
            &["-8845298781299428018: -3499919498720038879 1.0"],
        ),
        // A delimiter at the end of each row is no column.
        ("user,item\nann,tea,\nann,rice,\n", &["ann: tea rice"]),
        ("\n\n  \nuser,item\r\rann,tea\r\nann,rice", &["ann: tea rice"]),
    ];
    for (content, expected) in cases {
        assert_eq!(by_user(&read(content)), expected, "{content:?}");
    }
}

#[test]
fn a_column_of_times_is_known_by_its_usual_names() {
    for name in [
        "time",
        "timestamp",
        "date",
        "datetime",
        "ts",
        "created_at",
        "unixReviewTime",
        "Event Time",
    ] {
        let data = read(&format!("user,item,{name}\nann,tea,9\nann,rice,8\n"));
        assert_eq!(by_user(&data), ["ann: rice tea"], "{name}");
        assert!(
            layout(&data).contains(&format!("time = {name} (column 3)")),
            "{}",
            layout(&data)
        );
    }
}

#[test]
fn what_was_taken_for_what_is_said() {
    for (content, said) in [
        (
            "item;who;when\ntea;ann;9\n",
            "';' between fields, with a header; user = who (column 2), item = item (column 1), no rating, time = when (column 3)",
        ),
        (
            "1::7::5::978300760\n",
            "\"::\" between fields, no header; user = column 1, item = column 2, rating = column 3, time = column 4; \
             ratings are not used",
        ),
        (
            "0 5 7\n1 4\n",
            "blanks between fields, no header; a user and the user's items in each row",
        ),
    ] {
        assert_eq!(layout(&read(content)), said);
    }
    let unsure = layout(&read("name,drink\nann,tea\nbob,rice\n"));
    assert!(unsure.contains("the first row was taken for data"), "{unsure}");
    let by_order = layout(&read("user,item\nann,tea\n"));
    assert!(by_order.contains("the order of the rows counts"), "{by_order}");
}

#[test]
fn columns_are_given_by_name_or_number() {
    let read = |content: &str, user: &str, item: &str| {
        let (_folder, path) = file("x.csv", content.as_bytes());
        let options = Delimited {
            user: Some(user.into()),
            item: Some(item.parse().unwrap()),
            ..Delimited::default()
        };
        Interactions::read_with(&path, &options)
    };
    let rows = "1000,u0,i2,1,web\n1001,u0,i5,3,app\n";
    assert_eq!(by_user(&read(rows, "2", "3").unwrap()), ["u0: i2 i5"]);
    let refused = read(rows, "6", "3").unwrap_err().to_string();
    assert!(
        refused.contains(":1: there is no column 6: rows have 5 fields"),
        "{refused}"
    );
    // A header that has the number as a name wins, and this is said.
    let (_folder, path) = file("x.csv", b"3,2\nu0,i2\nu0,i5\n");
    let options = Delimited {
        header: Some(true),
        user: Some("3".into()),
        item: Some("2".into()),
        ..Delimited::default()
    };
    let named = Interactions::read_with(&path, &options).unwrap();
    assert_eq!(by_user(&named), ["u0: i2 i5"]);
    assert!(
        layout(&named).contains("user = 3 (column 1), item = 2 (column 2)"),
        "{}",
        layout(&named)
    );
    let unsure = "2,who\ni2,u0\n";
    let (_folder, path) = file("x.csv", unsure.as_bytes());
    let options = Delimited {
        header: Some(true),
        user: Some("who".into()),
        item: Some("2".into()),
        ..Delimited::default()
    };
    let named = layout(&Interactions::read_with(&path, &options).unwrap());
    assert!(
        named.contains("\"2\" was taken for the name of column 1, not for column 2"),
        "{named}"
    );
    let misspelt = read("user_key,item_key\nu,i\n", "user_kye", "item_key")
        .unwrap_err()
        .to_string();
    assert!(misspelt.contains("did you mean \"user_key\"?"), "{misspelt}");
}

#[test]
fn rows_unlike_the_rest_are_refused_or_counted() {
    for (content, line, reason) in [
        (
            "user,item,time\nann,tea,1\nann,rice\n",
            3,
            "too few fields: 2, but there are 3 columns",
        ),
        (
            "user,item,time\nann,tea,1\nann,rice,2,x\nbob,tea,3\n",
            3,
            "too many fields: 4",
        ),
        ("user,item,time\nann,tea,1\nann,rice,\n", 3, "\"\" is not a time"),
        ("user,item,time\nann,tea,1\n,rice,2\n", 3, "the user is empty"),
        ("user,item,time\nann,tea,1\nann,\" \",2\n", 3, "the item is empty"),
        (
            "user,item,time\nann,tea,1\nann,rice,2020-01-01\n",
            3,
            "is a date, where others are numbers",
        ),
        ("user,item,time\nann,\"tea\"s,1\n", 2, "text behind a closing quote"),
        (
            "\"user,item\nann,tea\n",
            1,
            "a quoted field begins here and is not closed",
        ),
        ("0 5 7\n1 13 11 0\n1 5 x 9 9\n", 2, "too many fields"),
    ] {
        let (_folder, path) = file("x.csv", content.as_bytes());
        let refused = Interactions::read(&path).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("x.csv:{line}: ")) && refused.contains(reason),
            "{refused}"
        );
        if content.starts_with("user") && content.lines().count() > 2 {
            let skip = Delimited {
                bad_rows: BadRows::Skip,
                ..Delimited::default()
            };
            let data = Interactions::read_with(&path, &skip).unwrap();
            assert_eq!(
                (data.report().skipped, data.users()),
                (1, 1 + u32::from(content.contains("bob")))
            );
            let (at, why) = data.report().first_skipped.clone().unwrap();
            assert!(at == line && why.contains(reason), "{why}");
            // Nothing of a row that is left out stays.
            assert!(data.item_ids().get("rice").is_none());
        }
    }
}

#[test]
fn ratings_that_choose_must_be_numbers() {
    let liked = |content: &str| {
        let (_folder, path) = file("x.csv", content.as_bytes());
        let options = Delimited {
            min_rating: Some(3.5),
            ..Delimited::default()
        };
        Interactions::read_with(&path, &options)
    };
    assert_eq!(by_user(&liked("u0;i4;3,5;20\nu0;i5;1,5;10\n").unwrap()), ["u0: i4"]);
    for (content, reason) in [
        ("user,item,rating\nu,i,\n", "\"\" is not a rating"),
        ("user,item,rating\nu,i,NaN\n", "not finite"),
        ("user;item;rating\nu;i;1,500\n", "is not a rating"),
        ("user,item\nu,i\n", "no column is known to be the rating"),
    ] {
        let refused = liked(content).unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn repetitions_are_counted() {
    let data = read("user,item,time\nann,tea,1\nann,tea,2\nann,tea,3\nann,rice,4\n");
    assert_eq!((data.report().rows, data.report().duplicates, data.len()), (4, 2, 2));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

#[test]
fn compressed_files_are_read_by_content_and_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("ratings.dat.gz"),
        gzip(b"7::50::5::20\n7::31::4::10\n"),
    )
    .unwrap();
    fs::write(folder.path().join("movies.dat.gz"), gzip(b"31::Alien (1979)::Horror\n")).unwrap();
    let data = Interactions::read(folder.path()).unwrap();
    assert_eq!(by_user(&data), ["7: 31 50"]);
    assert_eq!(data.title(1), Some("Alien (1979)"));
    let (_folder, path) = file("no-end-in-gz.csv", &gzip(b"user,item\nann,tea\n"));
    assert_eq!(by_user(&Interactions::read(&path).unwrap()), ["ann: tea"]);
}

#[test]
fn what_is_no_file_of_text_is_refused_by_name() {
    for (content, reason) in [
        (&b"\xff\xfeu\0,\0i\0\n\0"[..], "text in UTF-16; save it as UTF-8"),
        (b"PK\x03\x04\x14\0", "a zip archive or a spreadsheet"),
        (b"\0\x01\x02", "no text"),
    ] {
        let (_folder, path) = file("x.csv", content);
        let refused = Interactions::read(&path).unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
    let folder = tempfile::tempdir().unwrap();
    let refused = SampleFiles::new(Schema::new().field(Field::key("user")))
        .fit(folder.path())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("is a folder, not a regular file"), "{refused}");
    #[cfg(unix)]
    {
        let pipe = folder.path().join("pipe");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let refused = Interactions::read(&pipe).unwrap_err().to_string();
        assert!(refused.contains("is a pipe, not a regular file"), "{refused}");
    }
}

/// Ids of NCF's files that leave gaps have no rows of nobody.
#[test]
fn ids_with_gaps_are_numbered_anew() {
    let folder = tempfile::tempdir().unwrap();
    let write = |end: &str, content: &str| fs::write(folder.path().join(format!("a{end}")), content).unwrap();
    write(
        ".train.rating",
        "0\t300000\t5\t100\n0\t755000\t5\t101\n7\t1048575\t5\t9\n7\t300000\t5\t8\n",
    );
    write(".test.rating", "0\t1048575\t5\t200\n7\t755000\t5\t200\n");
    write(".test.negative", "(0,1048575)\t12\t13\n(7,755000)\t13\n");
    let split = Dataset::read(folder.path()).unwrap();
    assert_eq!((split.train.users(), split.train.items()), (2, 5));
    assert_eq!(by_user(&split.train), ["0: 300000 755000", "7: 300000 1048575"]);
}

fn clicks() -> Schema {
    let schema = Schema::new().field(Field::key("user")).field(Field::key("item"));
    schema.label("label").group("user").time("time")
}

#[test]
fn one_file_is_parted_by_time_without_tearing_moments() {
    // Ten moments of three rows, in no order.
    let mut rows = String::from("user,item,time,label\n");
    for row in 0..30 {
        let time = (row * 7) % 30 / 3;
        rows += &format!("u{},i{row},{time}.5,{}\n", row % 3, row % 2);
    }
    let (_folder, path) = file("clicks.csv", rows.as_bytes());
    let parting = Parting::ByTime { dev: 0.25, test: 0.15 };
    let ([train, dev, test], files) = SampleFiles::new(clicks()).fit_parts(&path, &parting).unwrap();
    // 60 % are 18 rows, six moments; 85 % end within the ninth moment, which stays whole in dev.
    assert_eq!((train.len(), dev.len(), test.len()), (18, 9, 3));
    assert_eq!(files.report().rows, 30);
    let known = files.encoder().vocabulary("item").unwrap();
    let times: Vec<usize> = (0..30)
        .filter(|row| known.row(&format!("i{row}")) > 0)
        .map(|row| row * 7 % 30 / 3)
        .collect();
    assert!(times.len() == 18 && times.iter().all(|&time| time < 6), "{times:?}");

    let at_random = Parting::AtRandom {
        dev: 0.3,
        test: 0.3,
        seed: 4,
    };
    let parts = |seed: u64| {
        let parting = match at_random.clone() {
            Parting::AtRandom { dev, test, .. } => Parting::AtRandom { dev, test, seed },
            other => other,
        };
        let (parts, _) = SampleFiles::new(clicks()).fit_parts(&path, &parting).unwrap();
        parts.map(|part| part.labels().to_vec())
    };
    assert_eq!(parts(4), parts(4));
    assert_ne!(parts(4), parts(5));
    assert_eq!(parts(4).iter().map(Vec::len).sum::<usize>(), 30);

    let none = Parting::ByTime { dev: 0.0, test: 0.2 };
    let refused = SampleFiles::new(clicks())
        .fit_parts(&path, &none)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("both must be above 0"), "{refused}");
}

/// Whole seconds in one file and fractions in the next are compared as what they are.
#[test]
fn times_of_files_in_different_units_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, rows: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("user,item,time,label\n{rows}")).unwrap();
        path
    };
    let train = path("train", "ann,tea,10,1\nann,rice,20,1\nann,soup,30,1\n");
    let dev = path("dev", "ann,tea,20.5,1\nann,rice,19.75,0\n");
    let dates = path("dates", "ann,tea,2020-01-01,1\n");
    let schema = clicks().history("history", ["item"], 5);
    let (_, mut files) = SampleFiles::new(schema).fit(&train).unwrap();
    let dev = files.read(&dev).unwrap();
    let history = dev.sequence(0);
    assert_eq!((history.of(0, 0), history.of(0, 1)), (&[1, 2][..], &[1][..]));
    let again = files.read(&train).unwrap();
    // 20.5 is between the second row and the third.
    assert_eq!(again.sequence(0).of(0, 2), [1, 1, 2, 2, 1]);
    let refused = files.read(&dates).unwrap_err().to_string();
    assert!(
        refused.contains("dates in one file and numbers in another"),
        "{refused}"
    );
}

#[test]
fn parts_of_a_file_skip_its_bad_rows_once() {
    let mut rows = String::from("user,item,time,label\n");
    (0..40).for_each(|row| rows += &format!("u{},i{row},{row},{}\n", row % 3, if row % 10 == 9 { "x" } else { "1" }));
    rows += "short\n";
    let (_folder, path) = file("clicks.csv", rows.as_bytes());
    let files = SampleFiles::new(clicks()).bad_rows(BadRows::Skip);
    let ([train, dev, test], files) = files
        .fit_parts(&path, &Parting::ByTime { dev: 0.2, test: 0.2 })
        .unwrap();
    assert_eq!((train.len() + dev.len() + test.len(), files.report().skipped), (36, 5));
    assert_eq!(files.report().first_skipped.as_ref().unwrap().0, 11);
}

#[test]
fn libfm_files_are_judged_by_all_of_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let even = path("even", "1 3:1 4:1\n0 5:1 6:1\n");
    let uneven = path("uneven", "-1 3:1 11:1 14:1\n+1 5:1 7:1\n");
    let fields = |schema: Schema| {
        schema
            .fields()
            .iter()
            .map(|field| field.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(fields(Schema::of_libfm(&even).unwrap()), ["1", "2"]);
    assert_eq!(fields(Schema::of_libfm(&uneven).unwrap()), ["features"]);
    assert_eq!(
        fields(Schema::of_libfm_files(&[even.as_path(), &uneven]).unwrap()),
        ["features"]
    );
    let files = SampleFiles::new(Schema::of_libfm(&uneven).unwrap()).format(SampleFormat::LibFm);
    let (samples, _) = files.fit(&uneven).unwrap();
    assert_eq!(
        (samples.labels(), samples.many(0).offsets()),
        (&[0.0, 1.0][..], &[0, 3, 5][..])
    );
    let late = path("late", "1 3:1 qid:4\n");
    let refused = Schema::of_libfm(Path::new(&late)).unwrap_err().to_string();
    assert!(refused.contains("late:1: qid stands among the features"), "{refused}");
}
