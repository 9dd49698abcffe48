//! What the columns of delimited files mean: by the options, by usual names, and by what all rows hold.

use std::path::PathBuf;

use pocketrec::{
    Error, Result,
    data::{Column, Survey, SurveyedColumn, clicks::Schema},
};

use crate::{
    common::samples::{MARK, name_of},
    fields::Settings,
    joined::Joined,
    reading::{ColumnOptions, DataOptions},
    source::{Held, Source},
    view::listed,
};

/// Events of a history, where the command line does not say.
const HISTORY: u32 = 20;
/// What stands between the negatives of a row, unless they hold the sign between several values.
const BETWEEN_NEGATIVES: char = ',';

/// The columns that are more than fields.
#[derive(Default)]
struct Roles {
    user: Option<String>,
    item: Option<String>,
    time: Option<String>,
    label: Option<String>,
    weight: Option<String>,
    /// The column, and what stands between its keys.
    negatives: Option<(String, char)>,
}

impl Roles {
    /// The columns that are no fields, and what they are.
    fn no_fields(&self) -> impl Iterator<Item = (&String, &'static str)> {
        let columns = [
            (self.label.as_ref(), "label"),
            (self.time.as_ref(), "time"),
            (self.weight.as_ref(), "weight"),
            (self.negatives.as_ref().map(|(column, _)| column), "list of negatives"),
        ];
        columns.into_iter().filter_map(|(column, what)| Some((column?, what)))
    }
}

/// What files hold, and what is made of it.
pub struct Columns<'a> {
    options: &'a ColumnOptions,
    source: &'a Source,
    train: Survey,
    joined: Vec<Joined<'a>>,
    roles: Roles,
    /// What is to be said of choices that were made.
    pub notes: Vec<String>,
}

impl<'a> Columns<'a> {
    /// Looks at all rows to train on and at the files that are joined.
    pub fn look(options: &'a DataOptions, source: &'a Source) -> Result<Self> {
        let sign = options.columns.sign();
        let survey = |path, delimiter| Survey::with(path, delimiter, sign, options.bad_rows());
        let train = survey(&source.train, options.delimiter)?;
        let mut columns = Columns {
            options: &options.columns,
            source,
            train,
            joined: Vec::new(),
            roles: Roles::default(),
            notes: Vec::new(),
        };
        columns.find_roles()?;
        for (name, path) in &source.tables {
            let of_role = match *name {
                "items" => &columns.roles.item,
                _ => &columns.roles.user,
            };
            let of_table = survey(path, None)?;
            let joined = Joined::new(name, path, of_table, (&source.train, &columns.train), of_role.as_ref())?;
            columns.joined.push(joined);
        }
        if columns.roles.label.is_none() {
            columns.find_negatives(options)?;
        }
        Ok(columns)
    }

    /// A column of the rows, by its name or number.
    pub fn name(&mut self, option: &str, column: &Column) -> Result<String> {
        let (place, note) = self
            .train
            .place_of(column)
            .map_err(|reason| Error::config(option, format!("{}: {reason}", name_of(&self.source.train))))?;
        self.notes.extend(note.map(|note| format!("{option}: {note}")));
        Ok(self.train.columns[place].name.clone())
    }

    /// A column of any file.
    fn any_name(&mut self, option: &str, column: &str) -> Result<String> {
        let in_tables = |joined: &Joined| joined.survey.column(column).is_some();
        if self.train.place_of(&column.into()).is_ok() || !self.joined.iter().any(in_tables) {
            let near = self.joined.iter().find_map(|joined| joined.survey.nearest(column));
            if let (Some(near), None, Err(_)) = (near, self.train.nearest(column), self.train.place_of(&column.into()))
            {
                let reason = format!("no file has a column {column:?}; did you mean {near:?}?");
                return Err(Error::config(option, reason));
            }
            return self.name(option, &column.into());
        }
        Ok(column.into())
    }

    fn find_roles(&mut self) -> Result<()> {
        let options = self.options;
        let given = [
            ("--user-column", &options.user_column),
            ("--item-column", &options.item_column),
            ("--time-column", &options.time_column),
            ("--label", &options.label),
            ("--weight", &options.weight),
        ];
        let mut named: Vec<(&str, String)> = Vec::new();
        let mut roles = [const { None }; 5];
        for (role, (option, column)) in roles.iter_mut().zip(given) {
            let Some(column) = column else { continue };
            let name = self.name(option, column)?;
            if let Some((first, _)) = named.iter().find(|(_, other)| *other == name) {
                return Err(Error::config(
                    option,
                    format!("{name} is the column of {first}; name another"),
                ));
            }
            named.push((option, name.clone()));
            *role = Some(name);
        }
        let columns = &self.train;
        let places = options
            .skip
            .iter()
            .filter_map(|name| columns.place_of(&name.as_str().into()).ok());
        let skipped: Vec<&str> = places.map(|(place, _)| columns.columns[place].name.as_str()).collect();
        // Users who are no field may still have histories; a time or a label that is left out is none.
        let usual = [
            columns.user(),
            columns.item(),
            columns.time().filter(|name| !skipped.contains(name)),
            columns.label().filter(|name| !skipped.contains(name)),
        ];
        for (role, usual) in roles.iter_mut().zip(usual) {
            // What an option gives a meaning has no other by its name.
            let free = usual.filter(|usual| !named.iter().any(|(_, name)| name == usual));
            if role.is_none() {
                *role = free.map(String::from);
            }
        }
        let [user, item, time, label, weight] = roles;
        let of_clicks = self
            .train
            .label()
            .filter(|usual| label.as_deref().is_some_and(|label| label != *usual));
        if let Some(usual) = of_clicks.filter(|usual| !skipped.contains(usual)) {
            let note =
                format!("{MARK}{usual} is a field, though it has the name of a label; --skip {usual} leaves it out");
            self.notes.push(note);
        }
        self.roles = Roles {
            user,
            item,
            time,
            label,
            weight,
            negatives: None,
        };
        Ok(())
    }

    /// What dev and test rows are ranked among, where no column says what was clicked on.
    fn find_negatives(&mut self, options: &DataOptions) -> Result<()> {
        let train = name_of(&self.source.train);
        let has = || {
            let names: Vec<String> = self.train.columns.iter().map(|column| column.name.clone()).collect();
            format!("it has {}", listed(&names))
        };
        let Held::Files { dev, test } = &self.source.held else {
            let reason = format!(
                "{train} has no column that is known to be the label; name it; {}",
                has()
            );
            return Err(Error::config("--label", reason));
        };
        let mut negatives = None;
        for path in [dev, test] {
            let survey = Survey::with(path, options.delimiter, self.options.sign(), options.bad_rows())?;
            let Some(column) = survey.negatives() else {
                let reason = format!(
                    "{train} has no column named label, and {} none named negatives to rank its rows among; name the \
                     label by its column (and --label-at-least, for ratings); {}",
                    name_of(path),
                    has()
                );
                return Err(Error::config("--label", reason));
            };
            let several = survey.column(column).is_some_and(|column| column.several > 0);
            let sign = if several {
                self.options.sign()
            } else {
                BETWEEN_NEGATIVES
            };
            negatives.get_or_insert((column.to_string(), sign));
        }
        if self.roles.item.is_none() {
            let reason = format!(
                "rows without a label are choices of an item, and no column is known to be it; {}",
                has()
            );
            return Err(Error::config("--item-column", reason));
        }
        self.roles.negatives = negatives;
        Ok(())
    }

    /// The schema by which the rows are read.
    pub fn schema(&mut self) -> Result<Schema> {
        let settings = Settings::of(self.options, |option, column| self.any_name(option, column))?;
        self.check_ignored()?;
        settings.check_roles(self.roles.no_fields())?;
        let roles = &self.roles;
        let mut schema = match (&roles.label, self.options.label_at_least, &roles.negatives) {
            (Some(label), Some(least), _) => Schema::new().label_at_least(label, least),
            (Some(label), None, _) => Schema::new().label(label),
            (None, _, Some((column, sign))) => {
                Schema::new().negatives(column, roles.item.as_deref().unwrap_or_default(), *sign)
            }
            (None, ..) => Schema::new(),
        };
        let is_field = |column: &String| {
            let mut no_fields = roles.no_fields();
            !column.is_empty() && !settings.skip.contains(column) && no_fields.all(|(other, _)| other != column)
        };
        let mut event = Vec::new();
        let (mut split, mut notes) = (Vec::new(), Vec::new());
        for column in self.train.columns.iter().filter(|column| is_field(&column.name)) {
            let name = Some(&column.name);
            let of_negatives = roles.negatives.is_some() && name == roles.item.as_ref();
            let several = column.several > 0 && settings.is_key(&column.name) && !of_negatives;
            if several {
                split.push(column.name.clone());
            }
            schema = schema.field(settings.field(column, several));
            if name == roles.item.as_ref() && settings.is_key(&column.name) {
                match several {
                    true => notes.push(several_items(column, self.options.sign(), self.train.rows)),
                    false => event.push(column.name.clone()),
                }
            }
        }
        for joined in &self.joined {
            schema = schema.join(joined.name, joined.of_rows.clone());
            let more = joined.survey.columns[1..].iter();
            for column in more.filter(|column| is_field(&column.name) && self.train.column(&column.name).is_none()) {
                let several = column.several > 0 && settings.is_key(&column.name);
                if several {
                    split.push(column.name.clone());
                }
                schema = schema.field(settings.field(column, several).from_table(joined.name));
                if joined.name == "items" && !several && settings.is_key(&column.name) {
                    event.push(column.name.clone());
                }
            }
        }
        if let (Some(sign), true) = (self.options.separator, split.is_empty()) {
            // It still keeps the usual sign from parting keys.
            let of_negatives = roles.negatives.as_ref().is_some_and(|(_, own)| *own == sign);
            if !of_negatives {
                notes.push(format!(
                    "no row has {sign:?} in a column of keys, so that each holds one value"
                ));
            }
        }
        if let Some(column) = &roles.user {
            schema = schema.group(column);
        }
        if let Some(column) = &roles.time {
            schema = schema.time(column);
        }
        if let Some(column) = &roles.weight {
            schema = schema.weight(column);
        }
        if self.options.ties_in_order {
            schema = schema.ties_in_order();
        }
        let length = self.options.history.unwrap_or(HISTORY);
        let asked = self.options.history.is_some_and(|length| length > 0);
        if event.is_empty() && (asked || self.options.ties_in_order) {
            let option = if asked { "--history" } else { "--ties-in-order" };
            let reason = "there is no history, as no field is the item by one key a row; leave it out";
            return Err(Error::config(option, reason));
        }
        if roles.user.is_some() && !event.is_empty() && length > 0 {
            schema = schema.history("history", event, length);
        }
        self.notes.extend(notes);
        Ok(schema)
    }

    /// The files that are joined: name, path and column of keys.
    pub fn tables(&self) -> impl Iterator<Item = (&'static str, &PathBuf, &str)> {
        self.joined
            .iter()
            .map(|joined| (joined.name, joined.path, joined.key.as_str()))
    }

    /// Says how the files that are joined were taken.
    pub fn describe_tables(&self) -> Vec<String> {
        self.joined.iter().map(Joined::describe).collect()
    }

    /// Refuses options that come to nothing.
    fn check_ignored(&self) -> Result<()> {
        let Roles {
            user,
            item,
            time,
            label,
            ..
        } = &self.roles;
        let refused = |option: &str, reason: &str| Err(Error::config(option, reason));
        if self.options.label_at_least.is_some() && label.is_none() {
            return refused("--label-at-least", "no column is the label; name it by --label");
        }
        let has_history = user.is_some() && item.is_some() && self.options.history != Some(0);
        if self.options.history.is_some_and(|length| length > 0) && !has_history {
            let (option, what) = match user {
                None => ("--user-column", "user"),
                Some(_) => ("--item-column", "item"),
            };
            let reason = format!("no column is known to be the {what}; name it by {option}");
            return refused("--history", &reason);
        }
        if self.options.ties_in_order && !has_history {
            return refused("--ties-in-order", "there are no histories; leave it out");
        }
        if self.options.ties_in_order && time.is_none() {
            let reason =
                "no column is known to be the time, so that the order of rows counts in any case; leave it out";
            return refused("--ties-in-order", reason);
        }
        Ok(())
    }
}

/// What is said of items of several values: as a rule these are keys with a sign in them that another separator leaves
/// alone.
fn several_items(column: &SurveyedColumn, sign: char, rows: u64) -> String {
    format!(
        "{MARK}{} holds {sign:?} in {} of {rows} rows, and so has several values and no history; another --separator \
         leaves them whole",
        column.name, column.several
    )
}
