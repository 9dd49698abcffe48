//! What was noted while rows were encoded: keys that training does not know, and numbers far off.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use super::Vocabulary;

/// Unknown keys of a field that are looked up in other forms, at most.
const TRIED: u32 = 1000;
/// The widest number with leading zeros that is tried.
const WIDEST: usize = 12;

/// Rows of samples with keys of a field that the encoder does not know: their id is 0, and the model knows nothing of
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownKeys {
    /// The field's name.
    pub field: String,
    /// Rows with an unknown key.
    pub rows: u64,
    /// Rows without a key, which are not among them.
    pub blank: u64,
    /// All rows.
    pub of: u64,
    /// The first unknown key.
    pub example: Option<String>,
    /// Where most of the unknown keys would be known if they were written otherwise: one of them and how it is known,
    /// such as `1.0` and `1`.
    pub otherwise: Option<(String, String)>,
}

/// `item: 40 of 60 rows have keys that training does not know, such as "1.0"; most are known in another form, as "1"`.
impl fmt::Display for UnknownKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.field)?;
        let UnknownKeys { rows, blank, of, .. } = self;
        if *rows > 0 {
            write!(f, "{rows} of {of} rows have keys that training does not know")?;
        }
        if let Some(example) = &self.example {
            write!(f, ", such as {example:?}")?;
        }
        if *blank > 0 {
            let and = if *rows > 0 { ", and " } else { "" };
            write!(f, "{and}{blank} of {of} have none")?;
        }
        match &self.otherwise {
            Some((key, known)) => write!(f, "; most are known in another form: {key:?} as {known:?}"),
            None => Ok(()),
        }
    }
}

/// Standardised numbers of a field that lay beyond [`Scale::LIMIT`](super::Scale::LIMIT) and count as that far off.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Clamped {
    /// The field's name.
    pub field: String,
    /// Numbers, one a row.
    pub rows: u64,
    /// The first of these rows, counted from 0.
    pub first: usize,
    /// Its number, as it was before it was scaled.
    pub number: f32,
}

/// `price: 1 of the rows is far beyond all of training, row 17 with 3e30; it counts as 4096 standard deviations`.
impl fmt::Display for Clamped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Clamped {
            field,
            rows,
            first,
            number,
        } = self;
        let limit = super::Scale::LIMIT;
        write!(
            f,
            "{field}: {rows} numbers are far beyond all of training, the first in row {first} with {number:e}; each \
             counts as {limit} standard deviations"
        )
    }
}

/// What became of the negatives that rows carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NegativesReport {
    /// Rows without a negative: they have nothing to be ranked among.
    pub none: u64,
    /// Negatives that were left out because the row has them already.
    pub repeated: u64,
    /// Negatives that were left out because they are the row's own candidate.
    pub own: u64,
}

/// What was noted of the rows of samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Notes {
    pub unknown: Vec<UnknownKeys>,
    pub unknown_negatives: Vec<UnknownKeys>,
    pub clamped: Vec<Clamped>,
    pub negatives: NegativesReport,
}

/// A row's value without an id of its own.
enum Missing {
    Blank,
    /// The key, where it is still to be looked up in other forms.
    Key(Option<String>),
}

#[derive(Default)]
struct Tally {
    counts: UnknownKeys,
    tried: u32,
    found: u32,
}

/// Counts unknown keys by wire; those of a row count once it is kept.
#[derive(Default)]
pub(super) struct Tallies {
    of: Vec<Tally>,
    row: Vec<(usize, Missing)>,
}

impl Tallies {
    pub fn new(wires: usize) -> Self {
        Tallies {
            of: (0..wires).map(|_| Tally::default()).collect(),
            row: Vec::new(),
        }
    }

    /// Whether anything is counted at all.
    pub fn is_on(&self) -> bool {
        !self.of.is_empty()
    }

    /// Notes a value of a row that is unknown or empty.
    pub fn note(&mut self, wire: usize, key: &str) {
        let Some(tally) = self.of.get(wire) else { return };
        let key = key.trim();
        let missing = match key.is_empty() {
            true => Missing::Blank,
            false => Missing::Key((tally.tried < TRIED).then(|| key.into())),
        };
        self.row.push((wire, missing));
    }

    /// Forgets the row.
    pub fn forget(&mut self) {
        self.row.clear();
    }

    /// Counts what was noted of the row. `vocabulary` gives that of a wire.
    pub fn commit<'v>(&mut self, vocabulary: impl Fn(usize) -> Option<&'v Vocabulary>) {
        for (wire, missing) in self.row.drain(..) {
            let tally = &mut self.of[wire];
            let key = match missing {
                Missing::Blank => {
                    tally.counts.blank += 1;
                    continue;
                }
                Missing::Key(key) => key,
            };
            tally.counts.rows += 1;
            let Some(key) = key else { continue };
            tally.tried += 1;
            if let Some(known) = vocabulary(wire).and_then(|vocabulary| known_otherwise(&key, vocabulary)) {
                tally.found += 1;
                tally.counts.otherwise.get_or_insert((key.clone(), known));
            }
            tally.counts.example.get_or_insert(key);
        }
    }

    /// The counts that are not 0, of `rows` rows; `name` gives the field of a wire.
    pub fn finish(self, rows: u64, name: impl Fn(usize) -> String) -> Vec<UnknownKeys> {
        let counted = self.of.into_iter().enumerate();
        let counted = counted.filter(|(_, tally)| tally.counts.rows > 0 || tally.counts.blank > 0);
        let named = |(wire, mut tally): (usize, Tally)| {
            tally.counts.field = name(wire);
            tally.counts.of = rows;
            if tally.found * 2 <= tally.tried {
                tally.counts.otherwise = None;
            }
            tally.counts
        };
        counted.map(named).collect()
    }
}

/// Another way to write an unknown key, by which it is known.
fn known_otherwise(key: &str, vocabulary: &Vocabulary) -> Option<String> {
    let Vocabulary::Keys(_) = vocabulary else {
        return None;
    };
    let known = |key: &str| vocabulary.row(key) != super::UNKNOWN;
    let plain = key.trim_matches(['"', '\'']);
    let mut forms = Vec::from([plain.to_string(), plain.to_lowercase(), plain.to_uppercase()]);
    let mut letters = plain.chars();
    if let Some(first) = letters.next() {
        let rest = letters.as_str().to_lowercase();
        forms.push(first.to_uppercase().collect::<String>() + &rest);
    }
    if let Ok(number) = plain.parse::<f64>() {
        // Above this, f64 does not hold every whole number.
        if number.abs() < 9e15 && libm::floor(number) == number {
            let whole = format!("{}", number as i64);
            forms.push(format!("{whole}.0"));
            let digits = whole.trim_start_matches('-');
            forms.extend((digits.len() + 1..=WIDEST).map(|width| format!("{digits:0>width$}")));
            forms.push(whole);
        }
    }
    forms.into_iter().find(|form| known(form))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::IdMap;

    #[test]
    fn keys_are_found_in_other_forms() {
        let vocabulary = Vocabulary::Keys(IdMap::from_keys(["1", "2.0", "Tea", "rice", "007", "-3"]).unwrap());
        for (key, known) in [
            ("1.0", Some("1")),
            ("01", Some("1")),
            ("+1", Some("1")),
            ("1e0", Some("1")),
            ("2", Some("2.0")),
            ("tea", Some("Tea")),
            ("RICE", Some("rice")),
            ("\"rice\"", Some("rice")),
            ("7", Some("007")),
            ("-3.0", Some("-3")),
            ("1.5", None),
            ("salt", None),
            ("nan", None),
        ] {
            assert_eq!(known_otherwise(key, &vocabulary).as_deref(), known, "{key}");
        }
    }

    #[test]
    fn a_row_counts_once_it_is_kept() {
        let vocabulary = Vocabulary::Keys(IdMap::from_keys(["1"]).unwrap());
        let mut tallies = Tallies::new(2);
        for (key, kept) in [("1.0", true), ("x", false), (" ", true), ("salt", true), ("01", true)] {
            tallies.note(1, key);
            match kept {
                true => tallies.commit(|_| Some(&vocabulary)),
                false => tallies.forget(),
            }
        }
        let counted = tallies.finish(5, |wire| format!("field {wire}"));
        let said = "field 1: 3 of 5 rows have keys that training does not know, such as \"1.0\", and 1 of 5 have none; \
                    most are known in another form: \"1.0\" as \"1\"";
        assert_eq!(counted.len(), 1);
        assert_eq!(counted[0].to_string(), said);
    }
}
