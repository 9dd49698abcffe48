//! A schema compiled: which value of a row goes where.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use super::{
    Field, Kind, Schema, SideTable,
    field::Shape,
    values::{number, weights},
};
use crate::{Error, Result};

/// Where a field's value comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// A value of the row, by its place among the inputs.
    Input(usize),
    /// A column of a side table, whose key is an input.
    Table { table: usize, key: usize, column: usize },
}

/// Where a field's value goes to: the places count the fields of the same kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    Id {
        at: usize,
        vocabulary: usize,
    },
    Quantile {
        at: usize,
        vocabulary: usize,
        shape: Shape,
    },
    Number {
        at: usize,
        shape: Shape,
    },
    Keys {
        at: usize,
        vocabulary: usize,
        separator: char,
    },
    Weighted {
        at: usize,
        vocabulary: usize,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Wire {
    pub source: Source,
    pub slot: Slot,
    /// The field, by place in the schema.
    pub field: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Wiring {
    /// The columns of a row that are needed, each once.
    pub inputs: Vec<String>,
    /// One a field.
    pub wires: Vec<Wire>,
    pub label: Option<usize>,
    pub group: Option<usize>,
    pub time: Option<usize>,
    pub weight: Option<usize>,
    /// The inputs of the negatives' list and of what they stand for.
    pub negatives: Option<(usize, usize)>,
    /// The vocabularies' names, each once, and the field that says how they are made.
    pub vocabularies: Vec<(String, usize)>,
    /// Fields of one id, of numbers and of many ids.
    pub counts: [usize; 3],
}

impl Wiring {
    pub fn new(schema: &Schema, tables: &[SideTable]) -> Result<Self> {
        schema.check()?;
        let mut wiring = Wiring::default();
        let mut checked = BTreeSet::new();
        for (index, field) in schema.fields.iter().enumerate() {
            let source = wiring.source(schema, tables, field)?;
            if let Source::Table { table, column, .. } = source
                && field.reads_numbers()
                && checked.insert((table, column, field.kind == Kind::Weighted))
            {
                check_numbers(field, &tables[table], column)?;
            }
            let slot = wiring.slot(index, field);
            wiring.wires.push(Wire {
                source,
                slot,
                field: index,
            });
        }
        let label = schema.label.as_ref().map(|label| &label.column);
        wiring.label = label.map(|column| wiring.input(column));
        wiring.group = schema.group.as_ref().map(|column| wiring.input(column));
        wiring.time = schema.time.as_ref().map(|column| wiring.input(column));
        wiring.weight = schema.weight.as_ref().map(|column| wiring.input(column));
        // Last, as a file may lack it.
        if let Some(negatives) = &schema.negatives {
            let of = wiring.input(&negatives.of);
            wiring.negatives = Some((wiring.input(&negatives.column), of));
        }
        Ok(wiring)
    }

    /// Whether a file may lack an input.
    pub fn is_optional(&self, input: usize) -> bool {
        self.negatives.is_some_and(|(list, _)| list == input)
    }

    /// Whether rows to predict for may lack an input. Label and weight are not read then, and a row without a user or a
    /// time is one of an unknown user, or later than all.
    pub fn is_optional_without_labels(&self, input: usize) -> bool {
        let mut sources = self.wires.iter().map(|wire| wire.source);
        let is_used = sources.any(|source| match source {
            Source::Input(used) | Source::Table { key: used, .. } => used == input,
        });
        !is_used
    }

    fn input(&mut self, column: &str) -> usize {
        let found = self.inputs.iter().position(|other| other == column);
        found.unwrap_or_else(|| {
            self.inputs.push(column.into());
            self.inputs.len() - 1
        })
    }

    fn source(&mut self, schema: &Schema, tables: &[SideTable], field: &Field) -> Result<Source> {
        let Some(name) = &field.table else {
            return Ok(Source::Input(self.input(&field.column)));
        };
        let join = schema.joins.iter().find(|join| join.table == *name);
        let table = tables.iter().position(|table| table.name() == name);
        let (Some(join), Some(table)) = (join, table) else {
            let reason = format!("the side table {name:?} is not given");
            return Err(Error::config(field.name.clone(), reason));
        };
        let column = tables[table].column_named(&field.column).ok_or_else(|| {
            let has = tables[table].column_names();
            let reason = format!("the side table {name:?} has no column {:?}, but {has}", field.column);
            Error::config(field.name.clone(), reason)
        })?;
        Ok(Source::Table {
            table,
            key: self.input(&join.key),
            column,
        })
    }

    fn slot(&mut self, index: usize, field: &Field) -> Slot {
        let mut place = |kind: usize| {
            self.counts[kind] += 1;
            self.counts[kind] - 1
        };
        match field.kind {
            Kind::Number { .. } => Slot::Number {
                at: place(1),
                shape: field.shape(),
            },
            Kind::Key => Slot::Id {
                at: place(0),
                vocabulary: self.vocabulary(index, field),
            },
            Kind::Quantile { .. } => Slot::Quantile {
                at: place(0),
                vocabulary: self.vocabulary(index, field),
                shape: field.shape(),
            },
            Kind::Keys { separator } => Slot::Keys {
                at: place(2),
                vocabulary: self.vocabulary(index, field),
                separator,
            },
            Kind::Weighted => Slot::Weighted {
                at: place(2),
                vocabulary: self.vocabulary(index, field),
            },
        }
    }

    fn vocabulary(&mut self, index: usize, field: &Field) -> usize {
        let found = self.vocabularies.iter().position(|(name, _)| *name == field.vocabulary);
        found.unwrap_or_else(|| {
            self.vocabularies.push((field.vocabulary.clone(), index));
            self.vocabularies.len() - 1
        })
    }
}

/// Refuses a side table with numbers that cannot be read: later no row could be blamed. Once a column and way of reading it.
fn check_numbers(field: &Field, table: &SideTable, column: usize) -> Result<()> {
    let mut values = table.column(column).values.iter();
    values.try_for_each(|value| check_value(field, table.name(), &value))
}

/// Refuses a value of a side table that the field cannot read.
pub(super) fn check_value(field: &Field, table: &str, value: &str) -> Result<()> {
    let fine = match field.kind {
        Kind::Weighted => weights(value).try_for_each(|pair| pair.map(|_| ())),
        Kind::Number { .. } | Kind::Quantile { .. } => number(&field.name, value).map(|_| ()),
        Kind::Key | Kind::Keys { .. } => Ok(()),
    };
    fine.map_err(|reason| Error::config(field.name.clone(), format!("in the table {table:?}: {reason}")))
}
