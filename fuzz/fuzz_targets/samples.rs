//! Any bytes as a file of clicks and as a side table: read or refused, and what is read has columns of one length.

#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use pocketrec::data::{
    BadRows, SampleFiles, Survey,
    clicks::{Field, Schema},
};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let (rows, table) = match bytes.iter().position(|&byte| byte == 0x1e) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &b"item,kind\na,b\n"[..]),
    };
    let mut content = b"user,item,price,tags,label,time\n".to_vec();
    content.extend_from_slice(rows);
    let schema = Schema::new()
        .field(Field::key("user").min_count(1 + u32::from(choice & 1)))
        .field(Field::key("item"))
        .field(Field::number("price"))
        .field(Field::keys("tags", '|'))
        .field(Field::key("kind").from_table("items"))
        .join("items", "item")
        .history("history", ["item"], 3)
        .label("label")
        .group("user")
        .time("time");
    let bad_rows = if choice & 2 != 0 { BadRows::Skip } else { BadRows::Refuse };
    let path = common::file("rows", &content);
    let _ = Survey::with(&path, None, '|', bad_rows);
    let files = SampleFiles::new(schema).bad_rows(bad_rows);
    let Ok(files) = files.table("items", common::file("items", table), "item") else { return };
    let Ok((train, mut files)) = files.fit(&path) else { return };
    let dev = files.read(&path).expect("what was read once is read again");
    for samples in [&train, &dev] {
        let layout = samples.layout();
        assert!((0..layout.ids.len()).all(|field| samples.ids(field).len() == samples.len()));
        assert!((0..layout.many.len()).all(|field| samples.many(field).rows() == samples.len()));
        assert!(samples.numbers().len() == samples.len() * layout.numbers.len());
        assert!(samples.numbers().iter().all(|number| number.is_finite()));
        assert!(samples.labels().iter().all(|label| (0.0..=1.0).contains(label)));
    }
    let json = serde_json::to_string(files.encoder()).expect("an encoder is written");
    let again: pocketrec::data::clicks::Encoder = serde_json::from_str(&json).expect("and read again");
    assert_eq!(again.layout(), files.encoder().layout());
});
