//! The whole way of data: interactions, written in any form that is read, come back as they were.

use std::{fs, io::Write};

use pocketrec::data::Interactions;
use proptest::prelude::*;

/// Users and their items.
type ByUser = Vec<(String, Vec<String>)>;

/// Rows in the order of the file: user, item, time.
type Rows = Vec<(String, String, i64)>;

/// How rows are written.
#[derive(Clone, Debug)]
struct Form {
    delimiter: &'static str,
    header: bool,
    /// All fields in quotes, and not just those that must be.
    quote_all: bool,
    line_end: &'static str,
    last_end: bool,
    mark: bool,
    blank_lines: bool,
    compressed: bool,
    /// Digits that times have behind the point.
    decimals: usize,
}

impl Form {
    /// Whether a field can hold anything.
    fn can_quote(&self) -> bool {
        matches!(self.delimiter, "," | ";") || (self.quote_all && self.delimiter != "::")
    }

    fn field(&self, text: &str) -> String {
        let must = text.contains(['"', '\n', '\r']) || text.contains(self.delimiter) || text.starts_with(' ');
        match self.can_quote() && (self.quote_all || must) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.into(),
        }
    }

    fn write(&self, rows: &Rows) -> Vec<u8> {
        let mut lines = Vec::new();
        if self.header {
            lines.push(
                ["user", "item", "rating", "time"]
                    .map(|name| self.field(name))
                    .join(self.delimiter),
            );
        }
        for (user, item, time) in rows {
            let time = match self.decimals {
                0 => time.to_string(),
                decimals => format!(
                    "{}.{:0decimals$}",
                    time.div_euclid(10),
                    time.rem_euclid(10) * 10i64.pow(decimals as u32 - 1)
                ),
            };
            lines.push(
                [user, item, "4", &time]
                    .map(|text| self.field(text))
                    .join(self.delimiter),
            );
            if self.blank_lines {
                lines.push(String::new());
            }
        }
        let mut text = lines.join(self.line_end);
        if self.last_end {
            text += self.line_end;
        }
        let mut bytes = if self.mark {
            b"\xef\xbb\xbf".to_vec()
        } else {
            Vec::new()
        };
        bytes.extend_from_slice(text.as_bytes());
        if self.compressed {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            to.write_all(&bytes).unwrap();
            bytes = to.finish().unwrap();
        }
        bytes
    }
}

fn form() -> impl Strategy<Value = Form> {
    let delimiter = prop::sample::select(vec![",", ";", "\t", "|", "::", " "]);
    let line_end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    let flags = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    (delimiter, line_end, flags, 0usize..4).prop_map(|(delimiter, line_end, flags, decimals)| Form {
        delimiter,
        header: flags.0,
        quote_all: flags.1,
        line_end,
        last_end: flags.2,
        mark: flags.3,
        blank_lines: flags.4,
        compressed: flags.5,
        decimals,
    })
}

/// Keys that any form can hold, or that take quotes and a header to tell them from delimiters.
fn keys(plain: bool) -> BoxedStrategy<String> {
    match plain {
        true => "[a-z]{1,2}[0-9]{1,2}".boxed(),
        false => "[a-c]{1,2}[0-9][ ,;|\t\"\u{e9}:-]{0,2}[a-c]".boxed(),
    }
}

fn form_and_rows() -> impl Strategy<Value = (Form, Rows)> {
    form().prop_flat_map(|form| {
        let plain = !(form.header && form.can_quote());
        let row = (keys(plain), keys(plain), 0i64..50);
        (Just(form), prop::collection::vec(row, 2..40))
    })
}

/// What reading is to give, worked out slowly: keys by first appearance, each user's items by time and then place, of
/// repetitions the last.
fn expected(rows: &Rows) -> ByUser {
    let mut users: Vec<&String> = Vec::new();
    rows.iter().for_each(|(user, ..)| {
        if !users.contains(&user) {
            users.push(user)
        }
    });
    let of_user = |user: &String| {
        let mut own: Vec<&(String, String, i64)> = rows.iter().filter(|row| row.0 == *user).collect();
        own.sort_by_key(|row| row.2);
        let is_last = |at: usize| own[at + 1..].iter().all(|later| later.1 != own[at].1);
        (0..own.len())
            .filter(|&at| is_last(at))
            .map(|at| own[at].1.clone())
            .collect()
    };
    users.into_iter().map(|user| (user.clone(), of_user(user))).collect()
}

fn read(bytes: &[u8]) -> Result<(ByUser, Interactions), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.txt");
    fs::write(&path, bytes).unwrap();
    let data = Interactions::read(&path).map_err(|error| error.to_string())?;
    let of_user = |user: u32| {
        let items = data
            .of_user(user)
            .iter()
            .map(|&item| data.item_ids().key(item).unwrap().into_owned());
        (data.user_ids().key(user).unwrap().into_owned(), items.collect())
    };
    Ok(((0..data.users()).map(of_user).collect(), data))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_come_back_from_any_form((form, rows) in form_and_rows()) {
        let bytes = form.write(&rows);
        let shown = || format!("{form:?}\n{}", String::from_utf8_lossy(&bytes));
        let (got, data) = read(&bytes).map_err(|error| TestCaseError::fail(format!("{error}\n{}", shown())))?;
        let expected = expected(&rows);
        prop_assert_eq!(&got, &expected, "{}", shown());
        let report = data.report();
        let kept: usize = expected.iter().map(|(_, items)| items.len()).sum();
        prop_assert_eq!((report.rows, report.duplicates), (rows.len() as u64, (rows.len() - kept) as u64));
        prop_assert_eq!((report.skipped, report.below_min_rating, report.multiline), (0, 0, 0));
        let blank = if form.blank_lines { rows.len() as u64 } else { 0 };
        // The end of the last line is no line, and a blank line at the end of a file that does not end is none.
        prop_assert!(report.blank == blank || (report.blank + 1 == blank && !form.last_end), "{}", shown());
        let layout = report.layout.as_ref().unwrap();
        prop_assert_eq!(layout.header, form.header);
    }

    #[test]
    fn lists_come_back(
        lists in prop::collection::vec(prop::collection::hash_set(0u32..30, 0..9), 3..20),
        tab: bool,
        compressed: bool,
    ) {
        let different = lists.iter().any(|items| items.len() != lists[0].len());
        prop_assume!(different && lists.iter().any(|items| items.len() > 1));
        let form = Form {
            delimiter: if tab { "\t" } else { " " },
            header: false,
            quote_all: false,
            line_end: "\n",
            last_end: true,
            mark: false,
            blank_lines: false,
            compressed,
            decimals: 0,
        };
        let lists: Vec<Vec<String>> = lists.iter().map(|items| items.iter().map(u32::to_string).collect()).collect();
        let text: Vec<String> = (0..).zip(&lists)
            .map(|(user, items): (u32, &Vec<String>)| [&[user.to_string()], &items[..]].concat().join(form.delimiter))
            .collect();
        let mut bytes = (text.join("\n") + "\n").into_bytes();
        if compressed {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            to.write_all(&bytes).unwrap();
            bytes = to.finish().unwrap();
        }
        let (got, data) = read(&bytes).map_err(TestCaseError::fail)?;
        let expected: ByUser = (0..).zip(lists).map(|(user, items): (u32, _)| (user.to_string(), items)).collect();
        prop_assert_eq!(got, expected);
        prop_assert!(data.report().layout.as_ref().unwrap().lists);
    }
}
