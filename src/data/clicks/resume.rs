//! Training rows that are read by an encoder there is already, which grows for what is new in them.

use alloc::{format, vec::Vec};

use super::{Encoder, Past, SideTable, Training, builder::Builder, rows::Saved, wiring::Wiring};
use crate::{Error, Result};

impl Training {
    /// Training rows for a model that was trained before: they are read by its encoder. Known keys keep their rows and
    /// new ones get rows behind them, if they are as frequent here as their field's `min_count` asks; scales of numbers
    /// and edges of quantiles stay; of `tables`, the side tables that the schema joins, the rows of new keys are added.
    /// [`fit`](Training::fit) then gives the grown encoder, which the trainer takes by
    /// [`set_encoder`](crate::train::ClickTrainer::set_encoder), and the samples. Histories begin with these rows.
    ///
    /// ```
    /// # use pocketrec::data::clicks::{Field, Schema, Training};
    /// # let schema = Schema::new().field(Field::key("item")).label("click");
    /// let mut training = Training::new(schema, vec![])?;
    /// for row in [["tea", "1"], ["rice", "0"]] {
    ///     training.push_row(&row)?;
    /// }
    /// let (encoder, _, _) = training.fit()?;
    /// let mut training = Training::with_encoder(encoder, vec![])?;
    /// for row in [["salt", "1"], ["rice", "0"]] {
    ///     training.push_row(&row)?;
    /// }
    /// let (encoder, samples, _) = training.fit()?;
    /// assert_eq!(samples.ids(0), [3, 2]); // salt is new, rice stays the second
    /// assert_eq!(encoder.vocabulary("item").map(|keys| keys.rows()), Some(4));
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where the encoder has no table of that name, or where a table lacks a column, has text where a
    /// field reads a number, or gives a known key another value than the one that the model was trained with.
    pub fn with_encoder(encoder: Encoder, tables: Vec<SideTable>) -> Result<Self> {
        let Encoder {
            schema,
            tables: mut known,
            vocabularies,
            scales,
            layout,
            ..
        } = encoder;
        for table in &tables {
            match known.iter_mut().find(|known| known.name() == table.name()) {
                Some(known) => known.extend(table)?,
                None => {
                    let names: Vec<&str> = known.iter().map(SideTable::name).collect();
                    let reason = format!("the encoder has no side table of that name, but [{}]", names.join(", "));
                    return Err(Error::config(table.name(), reason));
                }
            }
        }
        let wiring = Wiring::new(&schema, &known)?;
        Ok(Training {
            rows: Builder::training(&wiring),
            past: Past::new(schema.histories.len()),
            vocabularies,
            schema,
            tables: known,
            wiring,
            saved: Some(Saved { scales, layout }),
        })
    }
}
