//! Which trainer a checkpoint is of, by the names in its header.

use std::{fs::File, io::Read, path::Path};

use pocketrec::{Error, Result};

/// Whether it is that of a model of clicks. Where the header cannot be read it is not: to load it says what is wrong.
pub fn is_of_clicks(option: &str, path: &Path) -> Result<bool> {
    let is_there = |metadata: &serde_json::Value, key: &str| metadata.get(key).is_some();
    let metadata = metadata(option, path)?;
    Ok(metadata.is_some_and(|metadata| is_there(&metadata, "clicks") || is_there(&metadata, "click_progress")))
}

/// The name of the classical model that it is of, if it is one.
pub fn classical(option: &str, path: &Path) -> Result<Option<String>> {
    let name = |metadata: serde_json::Value| Some(metadata.get("classical")?.as_str()?.to_owned());
    Ok(metadata(option, path)?.and_then(name))
}

/// The strings in its header, where that can be read.
fn metadata(option: &str, path: &Path) -> Result<Option<serde_json::Value>> {
    let about = std::fs::metadata(path).map_err(|error| Error::io(path, error))?;
    if !about.is_file() {
        return Err(Error::config(
            option,
            format!("{} is not a regular file", path.display()),
        ));
    }
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    Ok(header(file, about.len()).map(|mut header| header["__metadata__"].take()))
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
