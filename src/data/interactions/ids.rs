//! External keys (text) and the dense indices that stand for them in tables.

use alloc::borrow::Cow;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::keys::{Text, canonical_number};
use crate::{Error, Result};

/// Maps external keys (text) to dense indices `0..len`, given in order of first appearance, and back.
///
/// All keys lie in one string, so a key costs its bytes and about 14 more. A map of the numbers `0..n` as keys
/// ([`IdMap::numbered`]) stores nothing until another key comes.
///
/// With serde a map is a list of its keys, or just the count where the keys are the numbers.
///
/// ```
/// use pocketrec::data::IdMap;
/// let mut films = IdMap::new();
/// assert_eq!(films.get_or_insert("tt0114709")?, 0);
/// assert_eq!(films.get_or_insert("tt0113497")?, 1);
/// assert_eq!(films.get_or_insert("tt0114709")?, 0);
/// assert_eq!(films.key(1).as_deref(), Some("tt0113497"));
/// # Ok::<(), pocketrec::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct IdMap {
    keys: Keys,
}

#[derive(Clone)]
enum Keys {
    /// The keys are the numbers below this one, in decimal.
    Numbered(u32),
    Text(Text),
}

impl Default for Keys {
    fn default() -> Self {
        Keys::Text(Text::default())
    }
}

impl IdMap {
    /// A map without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// The map of the keys `"0"`, `"1"`, ... to their own values, for data that is numbered already. It takes no
    /// memory; a key other than the next number turns it into a map that stores its keys.
    pub fn numbered(len: u32) -> Self {
        IdMap {
            keys: Keys::Numbered(len),
        }
    }

    /// A map that gives the keys the indices 0, 1, ... in the order of `keys`.
    ///
    /// # Errors
    /// [`Error::Config`] where a key comes twice.
    pub fn from_keys<K: AsRef<str>>(keys: impl IntoIterator<Item = K>) -> Result<Self> {
        let mut map = IdMap::new();
        for key in keys {
            let key = key.as_ref();
            let len = map.len();
            if map.get_or_insert(key)? as usize != len {
                return Err(Error::config(
                    "ids",
                    alloc::format!("the key {key:?} comes twice; keys must differ"),
                ));
            }
        }
        Ok(map)
    }

    /// The index of `key`, if the key has one.
    pub fn get(&self, key: &str) -> Option<u32> {
        match &self.keys {
            Keys::Numbered(len) => canonical_number(key.as_bytes()).filter(|number| number < len),
            Keys::Text(text) => text.get(key),
        }
    }

    /// The index of `key`, which is the number of keys so far if the key is new.
    ///
    /// # Errors
    /// [`Error::Config`] where the indices run out (2^32 - 1 keys).
    pub fn get_or_insert(&mut self, key: &str) -> Result<u32> {
        if let Some(index) = self.get(key) {
            return Ok(index);
        }
        match &mut self.keys {
            Keys::Numbered(len) if canonical_number(key.as_bytes()) == Some(*len) && *len < u32::MAX => {
                *len += 1;
                Ok(*len - 1)
            }
            Keys::Numbered(len) => {
                let mut text = Text::default();
                for number in 0..*len {
                    text.push(&alloc::format!("{number}"))?;
                }
                let index = text.push(key)?;
                self.keys = Keys::Text(text);
                Ok(index)
            }
            Keys::Text(text) => text.push(key),
        }
    }

    /// Whether the keys are the numbers 0, 1, ..., however they are stored. Looks at no key.
    pub(crate) fn is_numbered(&self) -> bool {
        match &self.keys {
            Keys::Numbered(_) => true,
            Keys::Text(text) => text.is_numbered(),
        }
    }

    /// Takes the keys of the indices from `len` on away.
    pub fn truncate(&mut self, len: usize) {
        match &mut self.keys {
            Keys::Numbered(count) => *count = (*count).min(u32::try_from(len).unwrap_or(u32::MAX)),
            Keys::Text(text) => {
                for _ in len..text.len() {
                    text.pop();
                }
            }
        }
    }

    /// The key of `index`; `None` if there are not so many keys.
    pub fn key(&self, index: u32) -> Option<Cow<'_, str>> {
        match &self.keys {
            Keys::Numbered(len) => (index < *len).then(|| Cow::Owned(alloc::format!("{index}"))),
            Keys::Text(text) => text.key(index).map(Cow::Borrowed),
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        match &self.keys {
            Keys::Numbered(len) => *len as usize,
            Keys::Text(text) => text.len(),
        }
    }

    /// Whether it is a number of keys, without the keys: a few bytes of a file can claim as many as there are numbers.
    pub(crate) fn is_count(&self) -> bool {
        matches!(self.keys, Keys::Numbered(_))
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys, in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, str>> + '_ {
        // No more than u32::MAX keys are ever let in.
        (0..self.len() as u32).map_while(|index| self.key(index))
    }
}

impl PartialEq for IdMap {
    fn eq(&self, other: &Self) -> bool {
        match (&self.keys, &other.keys) {
            (Keys::Numbered(a), Keys::Numbered(b)) => a == b,
            _ => self.len() == other.len() && self.iter().eq(other.iter()),
        }
    }
}

impl Eq for IdMap {}

impl fmt::Debug for IdMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.keys {
            Keys::Numbered(len) => write!(f, "IdMap::numbered({len})"),
            Keys::Text(text) => write!(f, "IdMap of {} keys", text.len()),
        }
    }
}

impl Serialize for IdMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.keys {
            Keys::Numbered(len) => serializer.serialize_u32(*len),
            Keys::Text(_) => serializer.collect_seq(self.iter()),
        }
    }
}

impl<'de> Deserialize<'de> for IdMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = IdMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of different keys, or the number of keys where these are 0, 1, ...")
    }

    fn visit_u64<E: de::Error>(self, len: u64) -> Result<IdMap, E> {
        let len = u32::try_from(len).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(len), &self))?;
        Ok(IdMap::numbered(len))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut keys: A) -> Result<IdMap, A::Error> {
        let mut map = IdMap::new();
        while let Some(key) = keys.next_element::<Cow<'de, str>>()? {
            let len = map.len();
            if map.get_or_insert(&key).map_err(de::Error::custom)? as usize != len {
                return Err(de::Error::custom(format_args!("the key {key:?} comes twice")));
            }
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{
        string::{String, ToString},
        vec::Vec,
    };

    #[test]
    fn truncated_keys_are_gone_and_come_back_elsewhere() {
        let mut map = IdMap::from_keys(["a", "bb", "ccc"]).unwrap();
        map.truncate(1);
        assert_eq!((map.len(), map.get("bb"), map.key(1)), (1, None, None));
        assert_eq!(map.get_or_insert("ccc").unwrap(), 1);
        assert_eq!((map.get("a"), map.get("ccc")), (Some(0), Some(1)));
        let mut numbered = IdMap::numbered(5);
        numbered.truncate(2);
        assert_eq!((numbered.len(), numbered.get("2")), (2, None));
    }

    #[test]
    fn keys_get_indices_in_order_of_first_appearance() {
        let mut map = IdMap::new();
        for (index, key) in ["b", "a", "", "ä", "10"].iter().enumerate() {
            assert_eq!(map.get(key), None);
            assert_eq!(map.get_or_insert(key).unwrap() as usize, index);
        }
        assert_eq!(map.get_or_insert("ä").unwrap(), 3);
        assert_eq!(map.iter().collect::<Vec<_>>(), ["b", "a", "", "ä", "10"]);
        assert_eq!((map.key(5), map.len()), (None, 5));
    }

    #[test]
    fn numbered_keys_are_canonical_numbers_and_turn_into_text_when_they_must() {
        let mut map = IdMap::numbered(3);
        assert_eq!(
            (map.get("2"), map.get("3"), map.get("02"), map.get("+1"), map.get("")),
            (Some(2), None, None, None, None)
        );
        assert_eq!(map.get_or_insert("3").unwrap(), 3);
        assert!(matches!(map.keys, Keys::Numbered(4)));
        assert_eq!(map.get_or_insert("Alien").unwrap(), 4);
        assert_eq!(map.iter().collect::<Vec<_>>(), ["0", "1", "2", "3", "Alien"]);
        assert_eq!(map.get("3"), Some(3));
    }

    #[test]
    fn the_same_keys_are_equal_however_they_are_stored() {
        let text = IdMap::from_keys(["0", "1", "2"]).unwrap();
        assert_eq!(text, IdMap::numbered(3));
        assert_ne!(text, IdMap::numbered(2));
        assert!(text.is_numbered() && IdMap::numbered(3).is_numbered() && IdMap::new().is_numbered());
        let mut other = text.clone();
        other.get_or_insert("4").unwrap();
        other.get_or_insert("3").unwrap();
        assert!(!other.is_numbered() && !IdMap::from_keys(["1", "0"]).unwrap().is_numbered());
        other.truncate(3);
        assert!(other.is_numbered());
        assert!(
            IdMap::from_keys(["x", "y", "x"])
                .unwrap_err()
                .to_string()
                .contains("\"x\" comes twice")
        );
    }

    #[test]
    fn many_keys_are_found_again() {
        let keys: Vec<String> = (0..20_000)
            .map(|i: u32| i.wrapping_mul(2_654_435_761).to_string())
            .collect();
        let map = IdMap::from_keys(&keys).unwrap();
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(map.get(key), Some(index as u32));
            assert_eq!(map.key(index as u32).as_deref(), Some(key.as_str()));
        }
    }

    #[cfg(feature = "checkpoint")]
    #[test]
    fn serde_gives_back_the_map_and_refuses_twins() {
        for map in [
            IdMap::numbered(7),
            IdMap::from_keys(["a\"b", "ü", ""]).unwrap(),
            IdMap::new(),
        ] {
            let json = serde_json::to_string(&map).unwrap();
            assert_eq!(serde_json::from_str::<IdMap>(&json).unwrap(), map);
        }
        assert!(serde_json::from_str::<IdMap>(r#"["a","a"]"#).is_err());
        assert!(serde_json::from_str::<IdMap>("4294967296").is_err());
        assert!(serde_json::from_str::<IdMap>("-1").is_err());
    }
}
