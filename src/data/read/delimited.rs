//! Reads a file of delimited rows, whose layout is given or found from its name and first line.

use std::path::Path;

use super::{
    fields::{self, Fields},
    lines::Lines,
    options::{Column, Delimited, Delimiter},
    values::{self, Keys, shown},
};
use crate::{
    Error, Result,
    data::{Interactions, interactions::Rows},
};

/// Where things stand in a row, counted from 0.
#[derive(Debug, PartialEq)]
struct Layout {
    user: usize,
    item: usize,
    rating: Option<usize>,
    time: Option<usize>,
}

/// Names that columns go by, in lower case without signs between the words.
const USER: &[&str] = &[
    "user",
    "userid",
    "uid",
    "username",
    "reviewerid",
    "customerid",
    "visitorid",
];
const ITEM: &[&str] = &[
    "item",
    "itemid",
    "iid",
    "movieid",
    "productid",
    "asin",
    "artistid",
    "bookid",
    "songid",
    "trackid",
    "isbn",
];
const RATING: &[&str] = &[
    "rating",
    "ratings",
    "score",
    "overall",
    "stars",
    "bookrating",
    "weight",
    "label",
];
const TIME: &[&str] = &["time", "timestamp", "unixreviewtime"];

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Reads `path` by `options`, without titles.
pub(super) fn read(path: &Path, options: &Delimited) -> Result<Interactions> {
    let options = &with_layout_of_name(path, options);
    if options.min_rating.is_some_and(f32::is_nan) {
        return Err(Error::config(
            "min_rating",
            "it is not a number; give the lowest rating to keep",
        ));
    }
    let mut lines = Lines::open(path)?;
    let mut fields = Fields::default();
    let chosen = |line: &[u8]| options.delimiter.or_else(|| fields::detect(line));
    let everything = |line: &[u8]| (chosen(line).unwrap_or(Delimiter::Char(b',')), usize::MAX);
    // The first line: it decides the layout, and is a row unless it is the header.
    let first = fields::next_row(&mut lines, &mut fields, everything, |_, line, fields| {
        let texts: Vec<String> = (0..fields.len())
            .filter_map(|index| fields.get(line, index))
            .map(|field| String::from_utf8_lossy(field).trim().into())
            .collect();
        let delimiter =
            chosen(line).or((options.user.is_some() && options.item.is_some()).then_some(Delimiter::Char(b',')));
        let delimiter = delimiter.ok_or_else(|| {
            format!(
                "{} has no \"::\", tab, comma, semicolon, bar or blank between fields; set Delimited::delimiter",
                shown(line)
            )
        })?;
        let (layout, header) = Layout::find(&texts, options)?;
        let mut reader = Reader::new(layout, delimiter, options.min_rating);
        if !header {
            reader.push(line, fields)?;
        }
        Ok(reader)
    })?;
    let (mut blank, Some(mut reader)) = first else {
        return Err(lines.error_at(0, "the file is empty; expected one interaction a line"));
    };
    let shape = (reader.delimiter, reader.needed);
    loop {
        let (skipped, row) = fields::next_row(
            &mut lines,
            &mut fields,
            |_| shape,
            |_, line, fields| reader.push(line, fields),
        )?;
        blank += skipped;
        if row.is_none() {
            break;
        }
    }
    reader.finish(&lines, blank)
}

/// MovieLens' files without a header are known by name.
fn with_layout_of_name(path: &Path, options: &Delimited) -> Delimited {
    let mut options = options.clone();
    let delimiter = match path.file_name().and_then(|name| name.to_str()) {
        Some("ratings.dat") => Delimiter::Colons,
        Some("u.data") => Delimiter::Char(b'\t'),
        _ => return options,
    };
    let column = |number| Some(Column::Number(number));
    options.delimiter.get_or_insert(delimiter);
    options.header.get_or_insert(false);
    options.user = options.user.or(column(1));
    options.item = options.item.or(column(2));
    options.rating = options.rating.or(column(3));
    options.time = options.time.or(column(4));
    options
}

impl Layout {
    /// The layout of a file whose first line has these fields, and whether that line is a header.
    fn find(first: &[String], options: &Delimited) -> Result<(Layout, bool), String> {
        let columns = [&options.user, &options.item, &options.rating, &options.time];
        let known = |names: &[&str]| first.iter().position(|name| names.contains(&plain(name).as_str()));
        let by_names = [USER, ITEM, RATING, TIME].map(known);
        let named = columns.iter().any(|column| matches!(column, Some(Column::Name(_))));
        let header = options.header.unwrap_or(named || by_names.iter().any(Option::is_some));
        let guess = if header {
            by_names
        } else {
            Self::by_place(first, &columns)?
        };
        let mut places = [None; 4];
        for ((place, column), guess) in places.iter_mut().zip(columns).zip(guess) {
            *place = match column {
                Some(column) => Some(place_of(column, first, header)?),
                None => guess,
            };
        }
        let [user, item, rating, time] = places;
        let missing = |what: &str| {
            format!(
                "no column of the header is known to be the {what}; set Delimited::{what} to one of: {}",
                first.join(", ")
            )
        };
        let user = user.ok_or_else(|| missing("user"))?;
        let item = item.ok_or_else(|| missing("item"))?;
        if user == item {
            return Err(format!(
                "column {} is taken for the user and for the item; set both",
                user + 1
            ));
        }
        if options.min_rating.is_some() && rating.is_none() {
            return Err("min_rating is set, but no column is known to be the rating; set Delimited::rating".into());
        }
        Ok((
            Layout {
                user,
                item,
                rating,
                time,
            },
            header,
        ))
    }

    /// The columns of a file without header, if nothing is said about them.
    fn by_place(first: &[String], columns: &[&Option<Column>; 4]) -> Result<[Option<usize>; 4], String> {
        if columns.iter().any(|column| column.is_some()) {
            return Ok([Some(0), Some(1), None, None]);
        }
        let third_is_time = first
            .get(2)
            .and_then(|text| text.parse::<f64>().ok())
            .is_some_and(|value| value >= 1e8);
        match first.len() {
            0 | 1 => Err(format!(
                "too few fields: {}; expected a user and an item at least",
                first.len()
            )),
            2 => Ok([Some(0), Some(1), None, None]),
            3 if third_is_time => Ok([Some(0), Some(1), None, Some(2)]),
            3 => Ok([Some(0), Some(1), Some(2), None]),
            4 => Ok([Some(0), Some(1), Some(2), Some(3)]),
            many => Err(format!(
                "the first line has {many} fields and does not name them: say in Delimited which columns are the user, \
                 item, rating and time"
            )),
        }
    }
}

fn place_of(column: &Column, first: &[String], header: bool) -> Result<usize, String> {
    match column {
        Column::Number(number) => number
            .checked_sub(1)
            .ok_or_else(|| "columns count from 1; 0 is none".into()),
        Column::Name(name) if !header => Err(format!("column {name:?} is asked for by name, but header is false")),
        Column::Name(name) => {
            let exact = first.iter().position(|other| other == name);
            exact
                .or_else(|| first.iter().position(|other| plain(other) == plain(name)))
                .ok_or_else(|| format!("missing column {name:?}: the header has {}", first.join(", ")))
        }
    }
}

/// Collects rows.
struct Reader {
    layout: Layout,
    delimiter: Delimiter,
    /// Fields up to the last that is read.
    needed: usize,
    min_rating: Option<f32>,
    below_min_rating: u64,
    rows: Rows,
    users: Keys,
    items: Keys,
}

impl Reader {
    fn new(layout: Layout, delimiter: Delimiter, min_rating: Option<f32>) -> Self {
        let last = [Some(layout.user), Some(layout.item), layout.rating, layout.time];
        Reader {
            needed: last.into_iter().flatten().max().unwrap_or(0).saturating_add(1),
            layout,
            delimiter,
            min_rating,
            below_min_rating: 0,
            rows: Rows::default(),
            users: Keys::new("user"),
            items: Keys::new("item"),
        }
    }

    #[inline]
    fn push(&mut self, line: &[u8], fields: &Fields) -> Result<(), String> {
        let field = |index: usize, what: &str| {
            fields.get(line, index).ok_or_else(|| {
                format!(
                    "too few fields: {}, but the {what} is column {} (fields end at {})",
                    fields.len(),
                    index + 1,
                    self.delimiter
                )
            })
        };
        let user = field(self.layout.user, "user")?;
        let item = field(self.layout.item, "item")?;
        let mut keep = true;
        if let Some(index) = self.layout.rating {
            let rating = values::rating(field(index, "rating")?)?;
            keep = self.min_rating.is_none_or(|least| rating >= least);
        }
        let time = match self.layout.time {
            Some(index) => Some(values::time(field(index, "time")?)?),
            None => None,
        };
        if !keep {
            self.below_min_rating += 1;
            return Ok(());
        }
        self.rows.users.push(self.users.index(user)?);
        self.rows.items.push(self.items.index(item)?);
        self.rows.times.extend(time);
        Ok(())
    }

    fn finish(self, lines: &Lines, blank: u64) -> Result<Interactions> {
        if self.rows.users.is_empty() {
            let reason = match self.below_min_rating {
                0 => "there is a header but no interaction below it".into(),
                rows => format!("none of {rows} rows has a rating of min_rating or more; lower it"),
            };
            return Err(lines.error_at(0, reason));
        }
        let mut data = Interactions::from_rows(self.rows, self.users.into_map(), self.items.into_map())?;
        data.report.rows += self.below_min_rating;
        data.report.below_min_rating = self.below_min_rating;
        data.report.blank = blank;
        Ok(data)
    }
}
