//! Which trainer a checkpoint is of, by the names in its header.

use std::{fs::File, io::Read, path::Path};

use pocketrec::{Error, Result};

/// Whether it is that of a model of clicks. Where the header cannot be read it is not: to load it says what is wrong.
pub fn is_of_clicks(option: &str, path: &Path) -> Result<bool> {
    let about = std::fs::metadata(path).map_err(|error| Error::io(path, error))?;
    if !about.is_file() {
        return Err(Error::config(
            option,
            format!("{} is not a regular file", path.display()),
        ));
    }
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    Ok(header(file, about.len()).is_some_and(|header| {
        let metadata = &header["__metadata__"];
        metadata.get("clicks").is_some() || metadata.get("click_progress").is_some()
    }))
}

/// The JSON that a safetensors file begins with, after its length in eight bytes; none longer than the file.
fn header(mut file: File, length: u64) -> Option<serde_json::Value> {
    let mut size = [0; 8];
    file.read_exact(&mut size).ok()?;
    let size = u64::from_le_bytes(size);
    if size > length {
        return None;
    }
    serde_json::from_reader(file.take(size)).ok()
}
