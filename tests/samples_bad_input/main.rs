//! What cannot be used of click data is refused with the file, the line and the reason, or counted; nothing panics.

mod settings;

use std::fs;

use pocketrec::{
    Error,
    data::{
        BadRows, SampleFiles, SampleFormat,
        clicks::{Field, Schema},
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
        (b"u,i,1,a,1,5,6\n", 2, "too many fields: 7, but there are 6 columns"),
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
            "missing column \"label\": the header has user, item",
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
