//! Reads interactions from a file of delimited rows.

use super::{
    columns::{Role, listed, place_of},
    dialect::{Dialect, Wish, looks_like_lists},
    lines::Lines,
    options::{BadRows, Column, Delimited},
    records::Record,
    report::RowReport,
    values::{self, Keys},
};
use crate::{
    Error, Result,
    data::{
        FileLayout, IdMap, Interactions, ReadReport,
        interactions::Rows,
        text::{Times, Unit},
    },
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
    check(options)?;
    let (part, users, items) = Part::read(lines, options, Keys::new("user"), Keys::new("item"))?;
    part.group(None, users.into_map(), items.into_map())
}

/// Reads files whose keys are numbered together and whose times are counted in the same unit.
pub(super) fn read_parts(mut files: Vec<Lines>, options: &Delimited) -> Result<Vec<Interactions>> {
    check(options)?;
    let mut options = options.clone();
    if options.lists.is_none() && options.header != Some(true) {
        // Of the lists of two parts those of one may happen to be of the same length.
        for lines in &mut files {
            options.lists = options
                .lists
                .or(looks_like_lists(lines, options.delimiter)?.then_some(true));
        }
    }
    let (mut users, mut items) = (Keys::new("user"), Keys::new("item"));
    let (mut parts, mut unit) = (Vec::with_capacity(files.len()), None);
    for lines in files {
        let part;
        (part, users, items) = Part::read(lines, &options, users, items)?;
        if parts
            .last()
            .is_some_and(|last: &Part| last.has_times() != part.has_times())
        {
            let reason = "of the parts some have times and some have none; give all of them a column of times or none";
            return Err(Error::data(part.name, 0, reason));
        }
        let common = unit.unwrap_or(part.times.unit()).common(part.times.unit());
        unit = Some(common.map_err(|reason| Error::data(&*part.name, 0, reason))?);
        parts.push(part);
    }
    let (users, items) = (users.into_map(), items.into_map());
    let group = |part: Part| part.group(unit, users.clone(), items.clone());
    let mut parts = parts.into_iter().map(group).collect::<Result<Vec<_>>>()?;
    // An item that somebody has in one part is nobody's gap in the others.
    for part in &mut parts {
        part.unused.clear();
    }
    Ok(parts)
}

fn check(options: &Delimited) -> Result<()> {
    if options.min_rating.is_some_and(f32::is_nan) {
        let reason = "it is not a number; give the lowest rating to keep";
        return Err(Error::config("min_rating", reason));
    }
    Ok(())
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

/// What was read of a file, before its rows are grouped.
struct Part {
    name: String,
    rows: Rows,
    times: Times,
    lists: bool,
    report: RowReport,
    below_min_rating: u64,
}

impl Part {
    /// Reads a file, with keys numbered on.
    fn read(lines: Lines, options: &Delimited, users: Keys, items: Keys) -> Result<(Part, Keys, Keys)> {
        let wish = Wish {
            delimiter: options.delimiter,
            header: options.header.or_else(|| names_columns(options).then_some(true)),
            lists: options.lists,
        };
        let name = lines.name().to_owned();
        let (dialect, records) = Dialect::of(lines, &wish)?;
        let refused = |reason: String| Error::data(&*name, dialect.first_line, reason);
        let mut report = RowReport::new(options.bad_rows);
        let mut reader = Reader::new(options, users, items);
        if dialect.lists {
            report.layout = Some(layout_of_lists(&dialect, options).map_err(refused)?);
            records.each(&mut report, |_, record| reader.push_list(record))?;
        } else {
            let (layout, said) = Layout::find(&dialect, options).map_err(refused)?;
            report.layout = Some(said);
            records.each(&mut report, |_, record| reader.push(&layout, record))?;
        }
        if reader.rows.users.is_empty() {
            let reason = match reader.below_min_rating {
                0 => "there is no interaction".into(),
                rows => format!("none of {rows} rows has a rating of min_rating or more; lower it"),
            };
            return Err(Error::data(name, 0, reason));
        }
        let Reader {
            rows,
            times,
            users,
            items,
            below_min_rating,
            ..
        } = reader;
        let part = Part {
            name,
            rows,
            times,
            lists: dialect.lists,
            report,
            below_min_rating,
        };
        Ok((part, users, items))
    }

    fn has_times(&self) -> bool {
        !self.times.values().is_empty()
    }

    /// Groups the rows by user, their times counted in `unit`, or in their own.
    fn group(mut self, unit: Option<Unit>, users: IdMap, items: IdMap) -> Result<Interactions> {
        let own = self.times.unit();
        let unit = unit.unwrap_or(own);
        self.rows.times = self.times.into_values();
        own.rescale(unit, &mut self.rows.times);
        let mut data = Interactions::from_rows(self.rows, users, items)?;
        let report = self.report;
        data.report = ReadReport {
            rows: if self.lists { data.report.rows } else { report.rows },
            below_min_rating: self.below_min_rating,
            time_decimals: unit.decimals(),
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

/// Collects rows.
struct Reader {
    min_rating: Option<f32>,
    /// Whether reading goes on behind a bad row.
    skips: bool,
    below_min_rating: u64,
    rows: Rows,
    times: Times,
    users: Keys,
    items: Keys,
}

impl Reader {
    fn new(options: &Delimited, users: Keys, items: Keys) -> Self {
        Reader {
            min_rating: options.min_rating,
            skips: options.bad_rows == BadRows::Skip,
            below_min_rating: 0,
            rows: Rows::default(),
            times: Times::default(),
            users,
            items,
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
        Ok(())
    }
}
