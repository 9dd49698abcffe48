//! What an encoder knows of all items at once, and what it learns after training.

use alloc::{format, string::String, vec::Vec};

use super::{Encoder, Field, Kind, Samples, Values, Vocabulary, wiring::check_value};
use crate::{Error, Result};

impl Encoder {
    /// Every key of a field's vocabulary as a row of samples: row `r` is that of the key with id `r`, with the side
    /// tables' values for it; all other values are unknown. It is what sampled negatives are completed from: see
    /// [`decided_by`](Encoder::decided_by).
    ///
    /// ```
    /// # use pocketrec::data::clicks::{Field, Schema, SideTable, Training};
    /// let schema = Schema::new()
    ///     .field(Field::key("item"))
    ///     .field(Field::key("kind").from_table("items"))
    ///     .join("items", "item");
    /// let mut items = SideTable::new("items", ["kind"]);
    /// items.push("tea", &["drink"])?;
    /// items.push("rice", &["food"])?;
    /// let mut training = Training::new(schema, vec![items])?;
    /// training.push_row(&["rice"])?;
    /// training.push_row(&["tea"])?;
    /// let (encoder, _, _) = training.fit()?;
    /// let items = encoder.catalogue("item")?;
    /// assert_eq!((items.ids(0), items.ids(1)), (&[0, 1, 2][..], &[0, 1, 2][..]));
    /// assert_eq!(encoder.decided_by("item"), [0, 1]);
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such field, it comes from a side table, or its keys are not stored.
    pub fn catalogue(&self, field: &str) -> Result<Samples> {
        let refused = |reason: &str| Error::config(field, reason);
        let at = self
            .schema
            .field_named(field)
            .ok_or_else(|| refused("there is no such field"))?;
        let Field {
            kind,
            column,
            table,
            vocabulary,
            ..
        } = &self.schema.fields[at];
        if *kind != Kind::Key || table.is_some() {
            return Err(refused("it is not one key of the rows, such as the item"));
        }
        let Some(Vocabulary::Keys(keys)) = self.vocabulary(vocabulary) else {
            return Err(refused("its keys are hashed, so that they cannot be listed"));
        };
        let rows: Vec<String> = core::iter::once(String::new())
            .chain(keys.iter().map(|key| key.into_owned()))
            .collect();
        let rows: Vec<[(&str, &str); 1]> = rows.iter().map(|key| [(column.as_str(), key.as_str())]).collect();
        let rows: Vec<&Values> = rows.iter().map(|row| &row[..]).collect();
        self.request(&[], &[], &rows)
    }

    /// The places in [`Layout::ids`](super::Layout::ids) of the fields whose values follow from this field's: itself,
    /// others of its column, and what is joined by it.
    pub fn decided_by(&self, field: &str) -> Vec<usize> {
        let fields = &self.schema.fields;
        let Some(at) = self.schema.field_named(field).filter(|&at| fields[at].table.is_none()) else {
            return Vec::new();
        };
        let depends = fields.iter().zip(self.schema.depends_on(&fields[at].column));
        let depends = depends.filter(|(_, depends)| *depends);
        depends.filter_map(|(field, _)| self.layout.id(&field.name)).collect()
    }

    /// Gives a key a row of a vocabulary, a new one if it has none: for users and items that come after training. The
    /// tables of a model must grow with it ([`Layout::vocabularies`](super::Layout::vocabularies)).
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such vocabulary, it does not store keys, the key is empty, or rows run out.
    pub fn add_key(&mut self, vocabulary: &str, key: &str) -> Result<u32> {
        let at = self.wiring.vocabularies.iter().position(|(name, _)| name == vocabulary);
        let refused = |reason: String| Error::config(vocabulary, reason);
        let at = at.ok_or_else(|| refused("there is no such vocabulary".into()))?;
        let keys = &mut self.vocabularies[at];
        if key.trim().is_empty() || !matches!(keys, Vocabulary::Keys(_)) {
            return Err(refused(format!(
                "{key:?} cannot be added: it is empty, or no keys are stored"
            )));
        }
        let row = keys.row_or_insert(key).map_err(refused)?;
        self.count_rows();
        Ok(row)
    }

    /// Adds a row to a side table, such as the features of a new item. `values` are one a column, in the order of the
    /// table; their keys are not added to vocabularies.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such table, the key is empty or there already, or a value is no number
    /// though a field reads one; [`Error::Length`] where the values are not one a column.
    pub fn add_side_row(&mut self, table: &str, key: &str, values: &[&str]) -> Result<()> {
        let found = self.tables.iter_mut().find(|found| found.name() == table);
        let found = found.ok_or_else(|| Error::config(table, "there is no such side table"))?;
        for (index, value) in values.iter().enumerate() {
            let column = found.column_name(index);
            let fields = self.schema.fields.iter();
            let mut readers =
                fields.filter(|field| field.table.as_deref() == Some(table) && Some(&*field.column) == column);
            readers.try_for_each(|field| check_value(field, table, value))?;
        }
        found.push(key, values)
    }
}
