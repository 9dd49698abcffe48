//! Keys, ratings and times from the bytes of a field; a refusal is the reason, to which the caller adds the place.

use super::records::utf8;
use crate::data::{
    IdMap,
    interactions::canonical_number,
    text::{digits, number, shown},
};

/// A rating, which is finite.
pub(super) fn rating(field: &[u8]) -> Result<f32, String> {
    number("rating", field)
}

/// A dense id: a whole number from 0 on.
pub(super) fn dense_id(column: &str, field: &[u8]) -> Result<u32, String> {
    match digits(field) {
        Some(id) if id < u64::from(u32::MAX) => Ok(id as u32),
        Some(_) => Err(format!(
            "the {column} id {} is too large: ids are at most 4294967294",
            shown(field)
        )),
        None if is_negative(field) => Err(format!(
            "the {column} id {} is negative; ids count from 0",
            shown(field)
        )),
        None => Err(format!(
            "{} is no {column} id, which is a whole number from 0 on",
            shown(field)
        )),
    }
}

fn is_negative(field: &[u8]) -> bool {
    field.first() == Some(&b'-') && core::str::from_utf8(field).is_ok_and(|text| text.parse::<f64>().is_ok())
}

/// Numbers keys in order of first appearance, with a table for small numbers as keys: most files have those.
pub(super) struct Keys {
    map: IdMap,
    column: &'static str,
    /// 1 + the index of the key that is the number at this place; 0 where it has none yet.
    direct: Vec<u32>,
}

/// Keys below this go through the table, which then takes 16 MiB.
const DIRECT: usize = 1 << 22;

impl Keys {
    pub fn new(column: &'static str) -> Self {
        Keys {
            map: IdMap::new(),
            column,
            direct: Vec::new(),
        }
    }

    #[inline]
    pub fn index(&mut self, field: &[u8]) -> Result<u32, String> {
        let Some(number) = canonical_number(field)
            .map(|number| number as usize)
            .filter(|&number| number < DIRECT)
        else {
            return self.text_index(field);
        };
        match self.direct.get(number) {
            Some(&index) if index > 0 => Ok(index - 1),
            _ => {
                let index = self.text_index(field)?;
                if self.direct.len() <= number {
                    self.direct.resize((number + 1).next_power_of_two(), 0);
                }
                self.direct[number] = index + 1;
                Ok(index)
            }
        }
    }

    /// The key in a field: any text but none.
    #[inline]
    pub fn check<'f>(&self, field: &'f [u8]) -> Result<&'f str, String> {
        let column = self.column;
        let key = utf8(field).map_err(|reason| format!("the {column} {reason}"))?.trim();
        match key.is_empty() {
            true => Err(format!("the {column} is empty")),
            false => Ok(key),
        }
    }

    fn text_index(&mut self, field: &[u8]) -> Result<u32, String> {
        let key = self.check(field)?;
        self.map.get_or_insert(key).map_err(|error| error.to_string())
    }

    pub fn into_map(self) -> IdMap {
        self.map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratings_are_finite_numbers() {
        for (text, expected) in [
            ("5", 5.0),
            ("4.5", 4.5),
            ("0.1", 0.1),
            ("-1", -1.0),
            ("1e1", 10.0),
            ("3.25", 3.25),
            ("3,5", 3.5),
            ("-3,25", -3.25),
        ] {
            assert_eq!(rating(text.as_bytes()), Ok(expected), "{text}");
        }
        for text in ["", "x", "NaN", "-inf", "1e99", "4,500"] {
            assert!(rating(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_are_numbered_by_first_appearance_whatever_they_are() {
        let mut keys = Keys::new("item");
        let fields = [
            "7",
            "x",
            "007",
            "4194303",
            "4194304",
            "7",
            "99999999999",
            "x",
            " 7 ",
            "-3",
        ];
        let indices: Vec<u32> = fields
            .iter()
            .map(|field| keys.index(field.as_bytes()).unwrap())
            .collect();
        assert_eq!(indices, [0, 1, 2, 3, 4, 0, 5, 1, 0, 6]);
        for (field, reason) in [(&b""[..], "empty"), (b" ", "empty"), (b"\xff", "UTF-8")] {
            assert!(keys.index(field).unwrap_err().contains(reason));
        }
        assert_eq!(keys.into_map().len(), 7);
    }
}
