//! Floats in a study's file: as text, read back to the bit.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::checkpoint::Exact;

/// One.
pub(super) mod number {
    use super::*;

    pub fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Exact(*number).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Exact::deserialize(deserializer)?.0)
    }
}

/// A list.
pub(super) mod numbers {
    use super::*;

    pub fn serialize<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(numbers.iter().map(|&number| Exact(number)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let numbers: Vec<Exact> = Vec::deserialize(deserializer)?;
        Ok(numbers.into_iter().map(|number| number.0).collect())
    }
}
