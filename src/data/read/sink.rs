//! Where the rows of a file go, and which columns of it they need.

use super::columns::missing;

/// The columns that rows must have, or may.
pub(super) struct Inputs(pub Vec<(String, bool)>);

impl Inputs {
    pub fn iter(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().map(|(name, optional)| (name.as_str(), *optional))
    }

    /// Where each stands among the columns of a file.
    pub fn places(&self, columns: &[String]) -> Result<Vec<Option<usize>>, String> {
        let place = |(name, optional): (&str, bool)| {
            let mut found = columns.iter().enumerate().filter(|(_, column)| *column == name);
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => Err(format!("two columns are named {name:?}; rename one")),
                (Some((place, _)), None) => Ok(Some(place)),
                (None, _) if optional => Ok(None),
                (None, _) => Err(missing(name, columns)),
            }
        };
        self.iter().map(place).collect()
    }
}

/// What takes rows.
pub(super) trait Sink {
    fn push<'r>(&mut self, row: impl Fn(usize) -> Result<&'r str, String>) -> Result<(), String>;
}
