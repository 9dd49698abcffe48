//! What the options say of single fields.

use pocketrec::{
    Error, Result,
    data::{SurveyedColumn, clicks::Field},
};

use crate::reading::{ColumnOptions, Range};

/// What options say of fields, by the columns' own names.
pub struct Settings {
    pub skip: Vec<String>,
    numbers: Vec<String>,
    log: Vec<String>,
    clip: Vec<(String, [f32; 2])>,
    quantiles: Vec<(String, u32)>,
    hash: Vec<(String, u32)>,
    min_count: u32,
    separator: char,
}

impl Settings {
    /// `name` gives the own name of the column that an option names.
    pub fn of(options: &ColumnOptions, mut name: impl FnMut(&str, &str) -> Result<String>) -> Result<Settings> {
        let mut named = |option: &str, names: &mut dyn Iterator<Item = &String>| -> Result<Vec<String>> {
            names.map(|column| name(option, column)).collect()
        };
        let skip = named("--skip", &mut options.skip.iter())?;
        let numbers = named("--numbers", &mut options.numbers.iter())?;
        let log = named("--log", &mut options.log.iter())?;
        let clip = named("--clip", &mut options.clip.iter().map(|clip| &clip.column))?;
        let quantiles = named("--quantiles", &mut options.quantiles.iter().map(|of| &of.column))?;
        let hash = named("--hash", &mut options.hash.iter().map(|hash| &hash.column))?;
        let ranges = options.clip.iter().map(|clip| {
            let Range(range) = clip.value;
            range
        });
        let settings = Settings {
            skip,
            numbers,
            log,
            clip: clip.into_iter().zip(ranges).collect(),
            quantiles: quantiles
                .into_iter()
                .zip(options.quantiles.iter().map(|of| of.value))
                .collect(),
            hash: hash
                .into_iter()
                .zip(options.hash.iter().map(|hash| hash.value))
                .collect(),
            min_count: options.min_count.unwrap_or(1),
            separator: options.sign(),
        };
        settings.check()?;
        Ok(settings)
    }

    /// The options, and the columns that each names.
    fn columns(&self) -> [(&'static str, Vec<&String>); 6] {
        [
            ("--skip", self.skip.iter().collect()),
            ("--numbers", self.numbers.iter().collect()),
            ("--log", self.log.iter().collect()),
            ("--clip", self.clip.iter().map(|(column, _)| column).collect()),
            ("--quantiles", self.quantiles.iter().map(|(column, _)| column).collect()),
            ("--hash", self.hash.iter().map(|(column, _)| column).collect()),
        ]
    }

    /// Refuses a column that options want to be several things.
    fn check(&self) -> Result<()> {
        let together = [("--numbers", "--log"), ("--numbers", "--clip"), ("--log", "--clip")];
        let with_quantiles = [("--log", "--quantiles"), ("--clip", "--quantiles")];
        let all = self.columns();
        for (at, (option, columns)) in all.iter().enumerate() {
            for (place, column) in columns.iter().enumerate() {
                if columns[..place].contains(column) {
                    return Err(Error::config(*option, format!("{column} comes twice")));
                }
                let allowed = |other: &str| {
                    let pair = (other, *option);
                    together.contains(&pair) || with_quantiles.contains(&pair)
                };
                let mut others = all[..at].iter();
                if let Some((other, _)) = others.find(|(other, names)| names.contains(column) && !allowed(other)) {
                    let reason = format!("{column} is given to {other} already; leave one out");
                    return Err(Error::config(*option, reason));
                }
            }
        }
        Ok(())
    }

    /// Refuses columns that are no fields.
    pub fn check_roles<'c>(&self, roles: impl Iterator<Item = (&'c String, &'static str)>) -> Result<()> {
        let all = self.columns();
        for (column, what) in roles {
            if let Some((option, _)) = all.iter().find(|(_, names)| names.contains(&column)) {
                return Err(Error::config(*option, format!("{column} is the {what}, and no field")));
            }
        }
        Ok(())
    }

    /// Whether a column holds keys.
    pub fn is_key(&self, column: &String) -> bool {
        let clipped = self.clip.iter().any(|(clipped, _)| clipped == column);
        let cut = self.quantiles.iter().any(|(cut, _)| cut == column);
        !self.numbers.contains(column) && !self.log.contains(column) && !clipped && !cut
    }

    /// The field of a column.
    pub fn field(&self, column: &SurveyedColumn, several: bool) -> Field {
        let name = &column.name;
        let hashed = self.hash.iter().find(|(hashed, _)| hashed == name);
        let quantiles = self.quantiles.iter().find(|(cut, _)| cut == name);
        let mut field = match (quantiles, self.is_key(name)) {
            (Some((_, parts)), _) => Field::quantile(name, *parts),
            (None, false) => Field::number(name),
            (None, true) => {
                let field = if several {
                    Field::keys(name, self.separator)
                } else {
                    Field::key(name)
                };
                return match hashed {
                    Some((_, buckets)) => field.hashed(*buckets),
                    None => field.min_count(self.min_count),
                };
            }
        };
        if let Some((_, [low, high])) = self.clip.iter().find(|(clipped, _)| clipped == name) {
            field = field.clip(*low, *high);
        }
        match self.log.contains(name) {
            true => field.log(),
            false => field,
        }
    }
}
