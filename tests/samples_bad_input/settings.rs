//! Schemas, side tables, requests and stored encoders that do not fit.

use std::fs;

use pocketrec::data::{
    SampleFiles,
    clicks::{Encoder, Field, Schema, SideTable, Training},
};

use crate::schema;

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
        let _: pocketrec::data::clicks::Samples = match result {
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
