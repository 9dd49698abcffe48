//! The same bytes through this crate's reader and through the `csv` crate: where both accept them, they hold the same
//! interactions.

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use pocketrec::data::{Column, Delimited, Delimiter, Interactions};

/// Each user's items by first appearance of the user, of repetitions the last, as the crate documents it.
fn by_user(rows: &[(String, String)]) -> Vec<(String, Vec<String>)> {
    let mut users: Vec<(String, Vec<String>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (user, item) in rows {
        let place = *places.entry(user).or_insert_with(|| {
            users.push((user.clone(), Vec::new()));
            users.len() - 1
        });
        let items = &mut users[place].1;
        items.retain(|other| other != item);
        items.push(item.clone());
    }
    users
}

fn by_csv(bytes: &[u8], delimiter: u8) -> Option<Vec<(String, String)>> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(bytes);
    let width = reader.byte_headers().ok()?.len();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.ok()?;
        let text = |index: usize| record.get(index).map(|text| text.trim().to_owned());
        rows.push((text(0)?, text(1)?));
    }
    (width >= 2 && !rows.is_empty()).then_some(rows)
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let delimiter = [b',', b';'][usize::from(choice & 1)];
    let options = Delimited {
        delimiter: Some(Delimiter::Char(delimiter)),
        header: Some(true),
        user: Some(Column::Number(1)),
        item: Some(Column::Number(2)),
        lists: Some(false),
        ..Delimited::default()
    };
    // A header that names a time, a name of rows, or a delimiter behind the last field is understood here alone.
    let Ok(data) = Interactions::read_bytes("fuzz", bytes, &options) else { return };
    let layout = data.report().layout.as_ref().expect("a file was read");
    let plain = layout.columns.iter().all(|(role, column)| *role != "time" || column.is_none());
    if !plain || layout.notes.iter().any(|note| note.contains("as R writes")) {
        return;
    }
    let Some(rows) = by_csv(bytes, delimiter) else { return };
    let of_user = |user: u32| {
        let items = data.of_user(user).iter();
        let items = items.map(|&item| data.item_ids().key(item).expect("an item has a key").into_owned());
        (data.user_ids().key(user).expect("a user has a key").into_owned(), items.collect())
    };
    let ours: Vec<(String, Vec<String>)> = (0..data.users()).map(of_user).collect();
    assert_eq!(ours, by_user(&rows));
});
