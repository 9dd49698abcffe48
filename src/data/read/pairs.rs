//! Reads interactions from a file of delimited rows.

use super::{
    columns::{Role, listed, place_of},
    dialect::{Dialect, Wish},
    lines::Lines,
    options::{BadRows, Column, Delimited},
    records::Record,
    report::RowReport,
    values::{self, Keys},
};
use crate::{
    Error, Result,
    data::{FileLayout, Interactions, ReadReport, interactions::Rows, text::Times},
};

/// Where things stand in a row, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layout {
    user: usize,
    item: usize,
    rating: Option<usize>,
    time: Option<usize>,
}

/// Reads `lines` by `options`, without titles.
pub(super) fn read(lines: Lines, options: &Delimited) -> Result<Interactions> {
    if options.min_rating.is_some_and(f32::is_nan) {
        let reason = "it is not a number; give the lowest rating to keep";
        return Err(Error::config("min_rating", reason));
    }
    let wish = Wish {
        delimiter: options.delimiter,
        header: options.header.or_else(|| names_columns(options).then_some(true)),
        lists: options.lists,
    };
    let name = lines.name().to_owned();
    let (dialect, records) = Dialect::of(lines, &wish)?;
    let refused = |reason: String| Error::data(&*name, dialect.first_line, reason);
    let mut report = RowReport::new(options.bad_rows);
    let mut reader = Reader::new(options);
    if dialect.lists {
        report.layout = Some(layout_of_lists(&dialect, options).map_err(refused)?);
        records.each(&mut report, |_, record| reader.push_list(record))?;
    } else {
        let (layout, said) = Layout::find(&dialect, options).map_err(refused)?;
        report.layout = Some(said);
        records.each(&mut report, |_, record| reader.push(&layout, record))?;
    }
    reader.finish(&name, report)
}

/// Whether a column is given by a name, which takes a header to be found.
fn names_columns(options: &Delimited) -> bool {
    let is_name = |column: &Option<Column>| match column {
        Some(Column::Name(name)) => name.trim().parse::<usize>().is_err(),
        _ => false,
    };
    [&options.user, &options.item, &options.rating, &options.time]
        .into_iter()
        .any(is_name)
}

fn layout_of_lists(dialect: &Dialect, options: &Delimited) -> Result<FileLayout, String> {
    let columns = [&options.user, &options.item, &options.rating, &options.time];
    if columns.iter().any(|column| column.is_some()) || options.min_rating.is_some() {
        return Err(
            "the rows are lists of a user and items, which have no columns; leave columns and ratings out, or set lists to false"
                .into(),
        );
    }
    Ok(FileLayout {
        delimiter: dialect.splitting.delimiter,
        header: dialect.header.is_some(),
        lists: true,
        columns: Vec::new(),
        notes: dialect.notes.clone(),
    })
}

impl Layout {
    /// Where things stand, and what is to be said of it.
    fn find(dialect: &Dialect, options: &Delimited) -> Result<(Layout, FileLayout), String> {
        let given = [&options.user, &options.item, &options.rating, &options.time];
        let header = dialect.header.as_deref();
        let is_given = given.iter().any(|column| column.is_some());
        let mut notes = dialect.notes.clone();
        let mut places = match header {
            Some(header) => by_names(header),
            None if is_given => [Some(0), Some(1), None, None],
            None => by_place(dialect)?,
        };
        for (place, column) in places.iter_mut().zip(given) {
            if let Some(column) = column {
                let (found, note) = place_of(column, header, dialect.columns())?;
                *place = Some(found);
                notes.extend(note);
            }
        }
        if let Some(header) = header {
            by_elimination(&mut places, header);
        }
        let [user, item, rating, time] = places;
        let user = user.ok_or_else(|| missing("user", header))?;
        let item = item.ok_or_else(|| missing("item", header))?;
        if user == item {
            let place = user + 1;
            return Err(format!(
                "column {place} is taken for the user and for the item; set both"
            ));
        }
        if options.min_rating.is_some() && rating.is_none() {
            return Err("min_rating is set, but no column is known to be the rating; set Delimited::rating".into());
        }
        let layout = Layout {
            user,
            item,
            rating: rating.filter(|_| options.min_rating.is_some()),
            time,
        };
        let column = |(role, place): (Role, Option<usize>)| {
            let name = |place: usize| header.and_then(|header| header.get(place)).cloned().unwrap_or_default();
            (role.name(), place.map(|place| (name(place), place + 1)))
        };
        if rating.is_some() && options.min_rating.is_none() {
            notes.push("ratings are not used".into());
        }
        if time.is_none() {
            notes.push("the order of the rows counts as that of time".into());
        }
        let said = FileLayout {
            delimiter: dialect.splitting.delimiter,
            header: header.is_some(),
            lists: false,
            columns: Role::OF_PAIRS
                .into_iter()
                .zip([Some(user), Some(item), rating, time])
                .map(column)
                .collect(),
            notes,
        };
        Ok((layout, said))
    }
}

/// What to do where no column is known to be `what`.
fn missing(what: &str, header: Option<&[String]>) -> String {
    match header {
        Some(header) => format!(
            "no column of the header is known to be the {what}; set Delimited::{what} to one of: {}",
            listed(header)
        ),
        None => format!("no column is known to be the {what}; set Delimited::{what}"),
    }
}

/// The columns that a header names as usual.
fn by_names(header: &[String]) -> [Option<usize>; 4] {
    let mut places = Role::OF_PAIRS.map(|role| role.find(header));
    // Two columns of names that are not known: as without a header.
    if header.len() == 2 && places.iter().all(Option::is_none) {
        places = [Some(0), Some(1), None, None];
    }
    places
}

/// Takes the one column that is left for a user or an item that is not known.
fn by_elimination(places: &mut [Option<usize>; 4], header: &[String]) {
    let left: Vec<usize> = (0..header.len())
        .filter(|&at| !header[at].is_empty() && !places.contains(&Some(at)))
        .collect();
    if let ([user, item, ..], [left]) = (&mut *places, &left[..]) {
        match (*user, *item) {
            (Some(_), None) => *item = Some(*left),
            (None, Some(_)) => *user = Some(*left),
            _ => {}
        }
    }
}

/// The columns of a file without header, if nothing is said about them.
fn by_place(dialect: &Dialect) -> Result<[Option<usize>; 4], String> {
    let third_is_time = || {
        let late = |text: &String| text.parse::<f64>().is_ok_and(|value| value >= 1e8);
        let date = |text: &String| text.parse::<f64>().is_err() && Times::default().push(text.as_bytes()).is_ok();
        let third = || dialect.sample.iter().filter_map(|row| row.get(2));
        third().all(late) || third().all(date)
    };
    match dialect.columns() {
        2 => Ok([Some(0), Some(1), None, None]),
        3 if third_is_time() => Ok([Some(0), Some(1), None, Some(2)]),
        3 => Ok([Some(0), Some(1), Some(2), None]),
        4 => Ok([Some(0), Some(1), Some(2), Some(3)]),
        few @ (0 | 1) => Err(format!("too few fields: {few}; expected a user and an item at least")),
        many => Err(format!(
            "rows have {many} fields and nothing names them: say in Delimited which columns are the user, item, rating and time"
        )),
    }
}

/// Collects rows.
struct Reader {
    min_rating: Option<f32>,
    /// Whether reading goes on behind a bad row.
    skips: bool,
    below_min_rating: u64,
    users_of_lists: u64,
    rows: Rows,
    times: Times,
    users: Keys,
    items: Keys,
}

impl Reader {
    fn new(options: &Delimited) -> Self {
        Reader {
            min_rating: options.min_rating,
            skips: options.bad_rows == BadRows::Skip,
            below_min_rating: 0,
            users_of_lists: 0,
            rows: Rows::default(),
            times: Times::default(),
            users: Keys::new("user"),
            items: Keys::new("item"),
        }
    }

    #[inline]
    fn push(&mut self, layout: &Layout, record: &Record) -> Result<(), String> {
        // Every record has as many fields as the layout knows.
        let field = |index: usize| record.get(index).unwrap_or_default();
        if let (Some(index), Some(least)) = (layout.rating, self.min_rating)
            && values::rating(field(index))? < least
        {
            self.below_min_rating += 1;
            return Ok(());
        }
        let (user, item) = (field(layout.user), field(layout.item));
        if self.skips {
            // Nothing of a row that is left out may stay.
            self.users.check(user)?;
            self.items.check(item)?;
        }
        if let Some(index) = layout.time {
            self.times.push(field(index))?;
        }
        self.rows.users.push(self.users.index(user)?);
        self.rows.items.push(self.items.index(item)?);
        Ok(())
    }

    /// A user and any number of items.
    fn push_list(&mut self, record: &Record) -> Result<(), String> {
        let mut fields = record.iter();
        let user = fields.next().unwrap_or_default();
        // The last of a list may be followed by a delimiter.
        let items: Vec<&[u8]> = fields.filter(|item| !item.trim_ascii().is_empty()).collect();
        if self.skips {
            self.users.check(user)?;
            items.iter().try_for_each(|item| self.items.check(item).map(|_| ()))?;
        }
        let user = self.users.index(user)?;
        for item in items {
            self.rows.users.push(user);
            self.rows.items.push(self.items.index(item)?);
        }
        self.users_of_lists += 1;
        Ok(())
    }

    fn finish(mut self, name: &str, report: RowReport) -> Result<Interactions> {
        if self.rows.users.is_empty() {
            let reason = match self.below_min_rating {
                0 => "there is no interaction".into(),
                rows => format!("none of {rows} rows has a rating of min_rating or more; lower it"),
            };
            return Err(Error::data(name, 0, reason));
        }
        let decimals = self.times.unit().decimals();
        self.rows.times = self.times.into_values();
        let mut data = Interactions::from_rows(self.rows, self.users.into_map(), self.items.into_map())?;
        data.report = ReadReport {
            rows: match self.users_of_lists {
                0 => report.rows,
                _ => data.report.rows,
            },
            below_min_rating: self.below_min_rating,
            time_decimals: decimals,
            skipped: report.skipped,
            first_skipped: report.first_skipped,
            blank: report.blank,
            multiline: report.multiline,
            layout: report.layout,
            ..data.report
        };
        Ok(data)
    }
}
