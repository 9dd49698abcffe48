//! The header of a safetensors file, read within bounds.
//!
//! The readers of the format take headers of 100 MB and keep many times their size in memory. What a model here can ask
//! for is far less, and known: so many tensors, of one or two dimensions, beside a few strings. What goes beyond is
//! refused while it is read, and the rest takes about four times the header's bytes.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::{fmt, ops::Range};

use safetensors::Dtype;
use serde::{Deserialize, Deserializer, de};

/// Bytes of a header at most: about twice those of the largest model's.
pub(super) const MAX_HEADER: u64 = 1 << 24;
/// Tensors at most: a parameter has five (itself, two moments, the best, the mean).
pub(super) const MAX_TENSORS: usize = 1 << 17;
/// Metadata strings at most; a checkpoint has ten.
const MAX_STRINGS: usize = 64;
/// Dimensions at most, as in other libraries; a checkpoint's tensors have two.
const MAX_DIMENSIONS: usize = 8;

const METADATA: &str = "__metadata__";

/// What the header says of a tensor.
pub(super) struct Info {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Where it lies in the data.
    pub bytes: Range<usize>,
}

/// Everything but the data.
pub(super) struct Header {
    strings: BTreeMap<String, String>,
    tensors: BTreeMap<String, Info>,
    data_len: usize,
}

impl Header {
    /// Reads a header; its tensors lie one behind the other from 0 on, and are as long as their shapes say.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let Parts { strings, tensors } =
            serde_json::from_slice(json).map_err(|error| format!("its header cannot be used: {error}"))?;
        let data_len = check_places(&tensors)?;
        Ok(Header {
            strings,
            tensors,
            data_len,
        })
    }

    pub fn strings(&self) -> &BTreeMap<String, String> {
        &self.strings
    }

    /// Bytes of all tensors.
    pub fn data_len(&self) -> usize {
        self.data_len
    }

    /// A tensor, with its name as it stands here.
    pub fn tensor(&self, name: &str) -> Option<(&str, &Info)> {
        let (name, info) = self.tensors.get_key_value(name)?;
        Some((name, info))
    }

    /// All tensors by name, in alphabetical order.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Info)> {
        self.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }
}

/// The bytes of all tensors, which have no gaps between them and do not overlap.
fn check_places(tensors: &BTreeMap<String, Info>) -> Result<usize, String> {
    let mut places: Vec<(&String, &Info)> = tensors.iter().collect();
    places.sort_by_key(|(_, info)| (info.bytes.start, info.bytes.end));
    let mut end = 0;
    for (name, Info { dtype, shape, bytes }) in places {
        let values = shape
            .iter()
            .try_fold(1usize, |product, &size| product.checked_mul(size));
        let bits = values.and_then(|values| values.checked_mul(dtype.bitsize()));
        let fits = bytes.start == end && bytes.start <= bytes.end;
        if !fits || bits.is_none_or(|bits| bits % 8 != 0 || bits / 8 != bytes.len()) {
            let (start, stop) = (bytes.start, bytes.end);
            return Err(format!(
                "tensor {name}, {dtype} of shape {shape:?}, is not what lies from {start} to {stop} behind byte {end}"
            ));
        }
        end = bytes.end;
    }
    Ok(end)
}

/// The two kinds of entries.
#[derive(Default)]
struct Parts {
    strings: BTreeMap<String, String>,
    tensors: BTreeMap<String, Info>,
}

/// A tensor's entry.
#[derive(Deserialize)]
struct Entry {
    dtype: Dtype,
    shape: Shape,
    data_offsets: (usize, usize),
}

struct Shape(Vec<usize>);

/// Metadata strings.
struct Strings(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Parts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by name")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Parts, A::Error> {
                let mut parts = Parts::default();
                let mut has_strings = false;
                while let Some(name) = entries.next_key::<String>()? {
                    if name == METADATA {
                        if core::mem::replace(&mut has_strings, true) {
                            return Err(twice(&name));
                        }
                        parts.strings = entries.next_value::<Strings>()?.0;
                        continue;
                    }
                    if parts.tensors.len() == MAX_TENSORS {
                        return Err(too_many("tensors", MAX_TENSORS));
                    }
                    let Entry {
                        dtype,
                        shape,
                        data_offsets: (start, end),
                    } = entries.next_value()?;
                    let info = Info {
                        dtype,
                        shape: shape.0,
                        bytes: start..end,
                    };
                    insert(&mut parts.tensors, name, info)?;
                }
                Ok(parts)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Strings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("strings by name")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Strings, A::Error> {
                let mut strings = BTreeMap::new();
                while let Some((key, value)) = entries.next_entry::<String, String>()? {
                    if strings.len() == MAX_STRINGS {
                        return Err(too_many("metadata strings", MAX_STRINGS));
                    }
                    insert(&mut strings, key, value)?;
                }
                Ok(Strings(strings))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sizes")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut sizes: A) -> Result<Shape, A::Error> {
                let mut shape = Vec::new();
                while let Some(size) = sizes.next_element()? {
                    if shape.len() == MAX_DIMENSIONS {
                        return Err(too_many("dimensions", MAX_DIMENSIONS));
                    }
                    shape.push(size);
                }
                Ok(Shape(shape))
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}

/// Adds an entry, of which there must be none yet: the checksum would not cover one that another hides.
fn insert<V, E: de::Error>(map: &mut BTreeMap<String, V>, key: String, value: V) -> Result<(), E> {
    match map.contains_key(&key) {
        true => Err(twice(&key)),
        false => {
            map.insert(key, value);
            Ok(())
        }
    }
}

fn twice<E: de::Error>(key: &str) -> E {
    E::custom(format_args!("{key} comes twice"))
}

fn too_many<E: de::Error>(what: &str, most: usize) -> E {
    E::custom(format_args!(
        "more than {most} {what}, which no model of this library has"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> String {
        Header::parse(json.as_bytes()).err().unwrap_or_default()
    }

    #[test]
    fn tensors_lie_one_behind_the_other() {
        let header = r#"{"b":{"dtype":"F32","shape":[2,1],"data_offsets":[3,11]},"__metadata__":{"k":"v"},
            "a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"c":{"dtype":"I64","shape":[0],"data_offsets":[11,11]}}"#;
        let parsed = Header::parse(header.as_bytes()).unwrap();
        assert_eq!((parsed.data_len(), &parsed.strings()["k"][..]), (11, "v"));
        let names: Vec<&str> = parsed.tensors().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let (_, b) = parsed.tensor("b").unwrap();
        assert_eq!(
            (&b.shape[..], b.bytes.clone(), b.dtype),
            (&[2, 1][..], 3..11, Dtype::F32)
        );
        for (from, to) in [
            ("[3,11]", "[4,12]"),
            ("[2,1]", "[3,1]"),
            ("[0,3]", "[3,0]"),
            ("[3]", "[18446744073709551615,9]"),
        ] {
            let reason = fault(&header.replace(from, to));
            assert!(reason.contains("is not what lies from"), "{reason}");
        }
    }

    #[test]
    fn headers_beyond_any_model_are_refused_by_name() {
        let tensor = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
        let entries =
            |count: usize, entry: &dyn Fn(usize) -> String| (0..count).map(entry).collect::<Vec<_>>().join(",");
        let tensors = entries(MAX_TENSORS + 1, &|i| format!("\"{i}\":{tensor}"));
        assert!(fault(&format!("{{{tensors}}}")).contains("more than 131072 tensors"));
        let strings = entries(MAX_STRINGS + 1, &|i| format!("\"{i}\":\"\""));
        assert!(fault(&format!("{{\"__metadata__\":{{{strings}}}}}")).contains("more than 64 metadata strings"));
        let sizes = entries(9, &|_| "1".into());
        let deep = format!(r#"{{"a":{{"dtype":"U8","shape":[{sizes}],"data_offsets":[0,1]}}}}"#);
        assert!(fault(&deep).contains("more than 8 dimensions"));
        assert!(fault(&format!("{{\"a\":{tensor},\"a\":{tensor}}}")).contains("a comes twice"));
        assert!(fault(r#"{"__metadata__":{},"__metadata__":{}}"#).contains("__metadata__ comes twice"));
        assert!(fault(r#"{"__metadata__":{"k":"","k":""}}"#).contains("k comes twice"));
    }
}
