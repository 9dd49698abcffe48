//! Any bytes as the JSON of a schema and of an encoder: refused, or fit to encode rows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketrec::data::clicks::{Encoder, Schema, Training};

fuzz_target!(|input: &[u8]| {
    if let Ok(schema) = serde_json::from_slice::<Schema>(input)
        && schema.check().is_ok()
        && let Ok(mut training) = Training::new(schema, Vec::new())
    {
        let values = vec!["1"; training.inputs().len()];
        if training.push_row(&values).is_ok() {
            let _ = training.fit();
        }
    }
    if let Ok(encoder) = serde_json::from_slice::<Encoder>(input) {
        let column = encoder.inputs().first().cloned().unwrap_or_default();
        let _ = encoder.request(&[], &[], &[&[(column.as_str(), "1")]]);
        let json = serde_json::to_string(&encoder).expect("an encoder is written");
        assert!(serde_json::from_str::<Encoder>(&json).is_ok());
    }
});
