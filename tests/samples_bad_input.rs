//! What cannot be used of click data is refused with the file, the line and the reason, or counted; nothing panics.

use std::fs;

use pocketrec::{
    Error,
    data::{
        BadRows, SampleFiles, SampleFormat,
        samples::{Encoder, Field, Schema, SideTable, Training},
    },
};
use proptest::prelude::*;

fn schema() -> Schema {
    Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .field(Field::number("price"))
        .field(Field::keys("tags", '|'))
        .history("history", ["item"], 3)
        .label("label")
        .group("user")
        .time("time")
}

const HEADER: &str = "user,item,price,tags,label,time\n";

/// Reads `content` as the training file; gives line and reason of the refusal.
fn refusal(schema: Schema, format: SampleFormat, content: &[u8]) -> (u64, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    fs::write(&path, content).unwrap();
    match SampleFiles::new(schema).format(format).fit(&path) {
        Err(Error::Data { file, line, reason }) => {
            assert_eq!(file, path.display().to_string());
            (line, reason)
        }
        other => panic!("{:?}: {:?}", String::from_utf8_lossy(content), other.map(|read| read.0)),
    }
}

#[test]
fn bad_rows_are_refused_at_their_line() {
    let cases: [(&[u8], u64, &str); 17] = [
        (
            b"u,i,1,a,1,5\nu,i,1,a,1\n",
            3,
            "too few fields: 5, but there are 6 columns",
        ),
        (b"u,i,1,a,1,5,6\n", 2, "too many fields: there are 6 columns"),
        (
            b"u,i,1,a,1,5\n\nu,i,x,a,1,5\n",
            4,
            "\"x\" is not a price, which is a number",
        ),
        (b"u,i,NaN,a,1,5\n", 2, "the price \"NaN\" is not finite"),
        (b"u,i,1e99,a,1,5\n", 2, "the price \"1e99\" is not finite"),
        (b"u,i,1,a,,5\n", 2, "\"\" is not a label"),
        (b"u,i,1,a,2,5\n", 2, "the label 2 is not in 0..=1"),
        (b"u,i,1,a,-1,5\n", 2, "Schema::label_at_least"),
        (b"u,i,1,a,1,noon\n", 2, "\"noon\" is not a time"),
        (b"u,i,1,a,1,inf\n", 2, "the time \"inf\" is not finite"),
        (b" ,i,1,a,1,5\n", 2, "the user is empty"),
        (b"u,\xff,1,a,1,5\n", 2, "not valid UTF-8"),
        (b"u,i,1,\xc3|b,1,5\n", 2, "not valid UTF-8"),
        (b"u,\"i,1,a,1,5\n", 2, "a quoted field begins here"),
        (b"", 0, "there is no row"),
        (b"\n\n", 0, "there is no row"),
        (b"u,i,1,a,1,99999999999999999999\n", 2, "does not fit 64 bits"),
    ];
    for (rows, line, reason) in cases {
        let content = [HEADER.as_bytes(), rows].concat();
        let (got_line, got) = refusal(schema(), SampleFormat::default(), &content);
        assert!(got_line == line && got.contains(reason), "{got_line}: {got}");
    }
}

#[test]
fn bad_headers_are_refused() {
    for (content, line, reason) in [
        ("", 0, "the file is empty"),
        (
            "user,item,price,tags,time\n",
            1,
            "missing column \"label\": there are user, item",
        ),
        (
            "user,item,price,tags,label,time,item\n",
            1,
            "two columns are named \"item\"",
        ),
    ] {
        let (got_line, got) = refusal(schema(), SampleFormat::default(), content.as_bytes());
        assert!(got_line == line && got.contains(reason), "{got_line}: {got}");
    }
    let missing = SampleFiles::new(schema()).fit("/nowhere/train.csv").unwrap_err();
    assert!(
        matches!(&missing, Error::Io { path, .. } if path.contains("nowhere")),
        "{missing}"
    );
}

#[test]
fn bad_libfm_rows_are_refused_at_their_line() {
    let two = Schema::one_hot(2);
    for (schema, content, line, reason) in [
        (
            two.clone(),
            &b"1 3:1 4:1\n1 3:1\n"[..],
            2,
            "1 features; every row must have 2",
        ),
        (two.clone(), b"1 3:1 4:1 5:1\n", 1, "3 features"),
        (two.clone(), b"1 3:1 4:0.5\n", 1, "the value of \"4:0.5\" is not 1"),
        (two.clone(), b"1 3:1 4\n", 1, "\"4\" is not index:value"),
        (two.clone(), b"1 3:1 :1\n", 1, "\":1\" is not index:value"),
        (two.clone(), b"3:1 4:1\n", 1, "\"3:1\" is not a label"),
        (two.clone(), b"x 3:1 4:1\n", 1, "\"x\" is not a label"),
        (two.clone(), b"nan 3:1 4:1\n", 1, "the label \"nan\" is not finite"),
        (two.clone(), b"1 \xff:1 4:1\n", 1, "not valid UTF-8"),
        (two.clone(), b"# nothing\n", 0, "there is no row"),
        (Schema::features(), b"1 3:x\n", 1, "\"x\" is not a weight"),
        (
            Schema::features(),
            b"1 3:1\n1 3:inf\n",
            2,
            "the weight \"inf\" is not finite",
        ),
        (Schema::features(), b"1 3\n", 1, "\"3\" is not key:weight"),
        (
            Schema::features().group("user"),
            b"1 3:1\n",
            0,
            "asks for the column \"user\"",
        ),
        (Schema::features().group("qid"), b"1 3:1\n", 1, "the qid is empty"),
    ] {
        let (got_line, got) = refusal(schema, SampleFormat::LibFm, content);
        assert!(got_line == line && got.contains(reason), "{got_line}: {got}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty");
    fs::write(&path, "# nothing\n").unwrap();
    assert!(
        Schema::of_libfm(&path)
            .unwrap_err()
            .to_string()
            .contains("the file is empty")
    );
}

#[test]
fn bad_rows_are_skipped_and_counted_when_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rows = "u,i,1,a,1,5\nu,once,1,a,9,5\nu,j,2,c|d,1,6\nv,j\nu,j,3,a|zz,0,x\nv,j,2,a,0,7\n";
    fs::write(path("train"), [HEADER, rows].concat()).unwrap();
    fs::write(path("bad"), [HEADER, "u,i,1,a,1\n"].concat()).unwrap();
    let files = SampleFiles::new(schema()).bad_rows(BadRows::Skip);
    let (train, mut fitted) = files.clone().fit(path("train")).unwrap();
    let report = fitted.report().clone();
    assert_eq!((report.rows, report.skipped), (3, 3));
    let (line, reason) = report.first_skipped.unwrap();
    assert!(line == 3 && reason.contains("the label 9"), "{reason}");
    // Nothing is left of the rows that were skipped: neither values nor keys.
    assert_eq!((train.labels(), train.ids(1)), (&[1.0, 1.0, 0.0][..], &[1, 2, 2][..]));
    assert_eq!(
        (train.many(0).offsets(), train.many(0).ids()),
        (&[0, 1, 3, 4][..], &[1, 2, 3, 1][..])
    );
    assert_eq!(train.numbers().len(), 3);
    assert_eq!(fitted.encoder().vocabulary("item").unwrap().rows(), 3);
    assert_eq!(fitted.encoder().vocabulary("tags").unwrap().row("zz"), 0);

    for refused in [files.fit(path("bad")).map(|_| ()), fitted.read(path("bad")).map(|_| ())] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("bad:2: none of 1 rows can be used"), "{refused}");
    }
}

#[test]
fn side_tables_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items");
    let schema = Schema::new()
        .field(Field::key("item"))
        .field(Field::number("price").from_table("items"))
        .join("items", "item");
    let table = |content: &str| {
        fs::write(&path, content).unwrap();
        SampleFiles::new(schema.clone()).table("items", &path, "id")
    };
    for (content, reason) in [
        ("id,name\n1,x\n", "items:1: missing column \"price\""),
        ("id,price\n1,2\n1,3\n", "items:3: items: the key \"1\" comes twice"),
        ("id,price\n1,2\n,3\n", "items:3: items: the key is empty"),
        ("id,price\n", "items: there is no row"),
    ] {
        let refused = table(content).unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
    let files = table("id,price\n1,cheap\n").unwrap();
    let refused = files.fit(&path).unwrap_err().to_string();
    assert!(
        refused.contains("price: in the table \"items\": \"cheap\" is not a price"),
        "{refused}"
    );
    let refused = Training::new(schema.clone(), vec![]).err().unwrap().to_string();
    assert!(refused.contains("the side table \"items\" is not given"), "{refused}");
    let other = vec![SideTable::new("items", ["weight"])];
    let refused = Training::new(schema, other).err().unwrap().to_string();
    assert!(refused.contains("has no column \"price\", but weight"), "{refused}");
    let mut table = SideTable::new("t", ["a", "b"]);
    assert!(
        table
            .push("k", &["v"])
            .unwrap_err()
            .to_string()
            .contains("expected 2, got 1")
    );
}

#[test]
fn schemas_that_contradict_themselves_are_refused() {
    let base = || Schema::new().field(Field::key("user")).field(Field::key("item"));
    for (schema, reason) in [
        (Schema::new(), "there are no fields"),
        (base().field(Field::key("item")), "item: two times the same field"),
        (base().field(Field::key("")), "is empty"),
        (base().field(Field::key("x").min_count(0)), "x: min_count 0"),
        (base().field(Field::key("x").hashed(0)), "x: there must be 1 bucket"),
        (base().field(Field::key("x").hashed(u32::MAX)), "x: at most 4294967294"),
        (
            base().field(Field::key("x").hashed(9).min_count(2)),
            "x: hashed keys are not counted",
        ),
        (
            base().field(Field::number("x").hashed(9)),
            "x: a number has no vocabulary",
        ),
        (base().field(Field::quantile("x", 1)), "x: fewer than 2 quantiles"),
        (base().field(Field::quantile("x", u32::MAX)), "x: more than 1048576"),
        (
            base().field(Field::key("x").vocabulary("item").min_count(2)),
            "x: it shares the vocabulary",
        ),
        (
            base()
                .field(Field::quantile("item2", 3))
                .field(Field::key("x").vocabulary("item2")),
            "x: it shares",
        ),
        (base().field(Field::key("x").from_table("t")), "which is not joined"),
        (
            base().join("t", "item").join("t", "user"),
            "t: two times the same table",
        ),
        (base().history("h", ["item"], 3), "h: a history is that of a user"),
        (
            base().group("user").history("h", ["item"], 0),
            "h: a history needs a length",
        ),
        (
            base().group("user").history("h", ["items"], 3),
            "h: there is no field \"items\"",
        ),
        (
            base().group("user").history("item", ["item"], 3),
            "item: two times the same field",
        ),
        (
            base().group("user").history("h", ["item", "item"], 3),
            "two times the same field of a history",
        ),
        (
            base()
                .field(Field::keys("tags", '|'))
                .group("user")
                .history("h", ["tags"], 3),
            "h: the field \"tags\" has not one id a row",
        ),
        (base().label_at_least("l", f32::NAN), "label: the least value"),
        (
            base().negatives("n", "film", ','),
            "n: no field comes from the column \"film\"",
        ),
        (
            base().negatives("item", "item", ','),
            "item: the column of negatives cannot be a field",
        ),
    ] {
        let refused = schema.check().unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused} / {reason}");
    }
}

#[test]
fn requests_and_rows_that_do_not_fit_are_refused() {
    let training = || Training::new(schema(), vec![]).unwrap();
    assert!(
        training()
            .fit()
            .err()
            .unwrap()
            .to_string()
            .contains("there are no rows")
    );
    let mut training = training();
    let refused = training.push_row(&["u", "i"]).unwrap_err().to_string();
    assert!(refused.contains("training row:1: too few values: 2"), "{refused}");
    assert_eq!(training.inputs(), ["user", "item", "price", "tags", "label", "time"]);
    training.push_row(&["u", "i", "1", "a", "1", "5"]).unwrap();
    let (encoder, train, mut past) = training.fit().unwrap();
    let refused = |result: pocketrec::Result<_>| -> String {
        let _: pocketrec::data::samples::Samples = match result {
            Err(error) => return error.to_string(),
            Ok(samples) => samples,
        };
        panic!("not refused")
    };
    assert!(refused(encoder.request(&[], &[], &[])).contains("candidates: there are none"));
    let unknown = refused(encoder.request(&[("film", "x")], &[], &[&[]]));
    assert!(
        unknown.contains("film: the schema has no such column; it has user, item"),
        "{unknown}"
    );
    let event: &[(&str, &str)] = &[("itme", "x")];
    assert!(refused(encoder.request(&[], &[event], &[&[]])).contains("itme"));
    assert!(refused(encoder.request(&[("price", "cheap")], &[], &[&[]])).contains("is not a price"));
    assert!(refused(encoder.rows(&mut past, true).finish()).contains("there are no rows"));
    assert!(refused(train.cases(0..1)).contains("no negatives"));
    // All is unknown, and nothing is missing.
    let empty = encoder.request(&[], &[], &[&[], &[]]).unwrap();
    assert_eq!(
        (empty.ids(0), empty.numbers(), empty.many(0).offsets()),
        (&[0, 0][..], &[0.0, 0.0][..], &[0, 0, 0][..])
    );
    assert_eq!(empty.sequence(0).range(1), 0..0);
    // Beyond the end there is nothing.
    assert_eq!((train.sequence(0).range(99), train.many(0).of(99)), (0..0, &[][..]));
}

#[test]
fn damaged_encoders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    fs::write(&path, "user,item,price,cost,label\nu,i,1,1,1\nu,j,2,2,0\nu,j,3,3,0\n").unwrap();
    let schema = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("hash").column("item").hashed(4))
        .field(Field::number("price"))
        .field(Field::quantile("cost", 3))
        .label("label");
    let (_, files) = SampleFiles::new(schema).fit(&path).unwrap();
    let json = serde_json::to_string(files.encoder()).unwrap();
    let same: Encoder = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&same).unwrap(), json);
    for (from, to, reason) in [
        ("\"edges\":[2.0,3.0]", "\"edges\":[3.0,2.0]", "do not ascend"),
        ("{\"keys\":[\"u\"]}", "{\"hashed\":{\"buckets\":4}}", "of another kind"),
        (
            "{\"hashed\":{\"buckets\":4}}",
            "{\"hashed\":{\"buckets\":5}}",
            "of another kind",
        ),
        ("{\"keys\":[\"u\"]}", "{\"keys\":4294967295}", "too many keys"),
        ("{\"keys\":[\"u\"]},", "", "expected 3, got 2"),
        ("\"parts\":3", "\"parts\":1", "fewer than 2 quantiles"),
        (
            "\"tables\":[]",
            "\"tables\":[{\"name\":\"t\",\"keys\":1,\"columns\":[{\"name\":\"c\",\"values\":1,\"codes\":[1]}]}]",
            "the values do not fit",
        ),
    ] {
        assert!(json.contains(from), "{from} is not in {json}");
        let refused = serde_json::from_str::<Encoder>(&json.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(refused.contains(reason), "{refused} / {reason}");
    }
}

/// Bytes that mean something to the readers, in any order.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"ui1,\"|\n:. -#\xff\t5\r".to_vec()), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Anything at all is read or refused, and what is read has columns of one length.
    #[test]
    fn no_file_panics(content in bytes(), libfm: bool, skip: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train");
        let bytes = if libfm { content } else { [HEADER.as_bytes(), &content].concat() };
        fs::write(&path, bytes).unwrap();
        let (format, schema) = match libfm {
            true => (SampleFormat::LibFm, Schema::of_libfm(&path).unwrap_or(Schema::features())),
            false => (SampleFormat::default(), schema()),
        };
        let bad_rows = if skip { BadRows::Skip } else { BadRows::Refuse };
        let files = SampleFiles::new(schema).format(format).bad_rows(bad_rows);
        if let Ok((samples, _)) = files.fit(&path) {
            let layout = samples.layout();
            for field in 0..layout.ids.len() {
                prop_assert_eq!(samples.ids(field).len(), samples.len());
            }
            for field in 0..layout.many.len() {
                prop_assert_eq!(samples.many(field).rows(), samples.len());
            }
            prop_assert_eq!(samples.numbers().len(), samples.len() * layout.numbers.len());
        }
    }
}
