//! Where a study is kept: in memory, or in a folder that a search goes on from.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, TryLockError},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use crate::{Error, Result, checkpoint::replace_file, file::open_regular};

/// What the study itself is called in its folder.
const STUDY: &str = "study.json";
/// The file by which a search has its folder for itself.
const LOCK: &str = "lock";
/// Bytes of a study's file beyond this are no study's.
const LARGEST: u64 = 1 << 28;

/// A checkpoint: of which trial, and which of its saves it is.
pub(super) type Key = (usize, u32);

#[derive(Debug)]
pub(super) enum Store {
    Memory(HashMap<Key, Vec<u8>>),
    /// The file is locked for as long as it is open: until the process ends, whatever ends it.
    Folder {
        path: PathBuf,
        _lock: File,
    },
}

impl Store {
    /// A folder that is there, empty or with a study; or one that is made. Gives what the study's file says.
    pub fn folder(path: &Path) -> Result<(Self, Option<String>)> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |error| Error::io(path, error)
        };
        match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(io(path)(error)),
            _ => {}
        }
        let study = path.join(STUDY);
        let is_there = study.try_exists().map_err(io(&study))?;
        if !is_there {
            for entry in fs::read_dir(path).map_err(io(path))? {
                let name = entry.map_err(io(path))?.file_name();
                if !is_ours(&name.to_string_lossy()) {
                    let reason = format!(
                        "{} has {} and no {STUDY}: name a new folder, or one of a study",
                        path.display(),
                        name.display()
                    );
                    return Err(Error::config("folder", reason));
                }
            }
        }
        let lock = path.join(LOCK);
        let locked = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(io(&lock))?;
        if let Err(TryLockError::WouldBlock) = locked.try_lock() {
            let reason = format!(
                "another search is at work in {}: wait for its end, or name another",
                path.display()
            );
            return Err(Error::config("folder", reason));
        }
        let text = if is_there { Some(read_study(&study)?) } else { None };
        let path = path.to_path_buf();
        Ok((Store::Folder { path, _lock: locked }, text))
    }

    /// Keeps a checkpoint.
    pub fn save(&mut self, key: Key, bytes: Vec<u8>) -> Result<()> {
        match self {
            Store::Memory(kept) => {
                kept.insert(key, bytes);
                Ok(())
            }
            Store::Folder { path, .. } => replace_file(&path.join(name_of(key)), |file| file.write_all(&bytes)),
        }
    }

    /// A checkpoint that was kept.
    pub fn load(&self, key: Key) -> Result<Vec<u8>> {
        match self {
            Store::Memory(kept) => kept.get(&key).cloned().ok_or_else(|| missing(name_of(key))),
            Store::Folder { path, .. } => {
                let path = path.join(name_of(key));
                let (mut file, mut bytes) = (open_regular(&path)?, Vec::new());
                file.read_to_end(&mut bytes).map_err(|error| Error::io(&path, error))?;
                Ok(bytes)
            }
        }
    }

    /// Replaces the study's file, where there is one, and only then lets go of checkpoints that it no longer names: at
    /// any moment the file that is there names checkpoints that are there.
    pub fn save_study(&mut self, text: &str, kept: &HashSet<Key>) -> Result<()> {
        match self {
            Store::Memory(all) => all.retain(|key, _| kept.contains(key)),
            Store::Folder { path, .. } => {
                replace_file(&path.join(STUDY), |file| file.write_all(text.as_bytes()))?;
                let kept: HashSet<String> = kept.iter().copied().map(name_of).collect();
                let entries = fs::read_dir(&*path).map_err(|error| Error::io(&*path, error))?;
                for entry in entries.flatten() {
                    let name = entry.file_name();
                    let name = name.to_string_lossy();
                    if is_checkpoint(&name) && !kept.contains(&*name) {
                        let _ = fs::remove_file(entry.path()); // what cannot be removed takes room and is not read
                    }
                }
            }
        }
        Ok(())
    }

    /// The folder, for messages.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Store::Memory(_) => None,
            Store::Folder { path, .. } => Some(path),
        }
    }
}

fn read_study(path: &Path) -> Result<String> {
    let mut text = String::new();
    let file = open_regular(path)?;
    file.take(LARGEST)
        .read_to_string(&mut text)
        .map_err(|error| Error::io(path, error))?;
    Ok(text)
}

fn missing(name: String) -> Error {
    Error::Checkpoint {
        path: name,
        reason: "the study names it and it is not there".into(),
    }
}

fn name_of((trial, save): Key) -> String {
    format!("trial-{trial}-{save}.safetensors")
}

fn is_checkpoint(name: &str) -> bool {
    let numbers = name
        .strip_prefix("trial-")
        .and_then(|rest| rest.strip_suffix(".safetensors"));
    let numbers = numbers.and_then(|numbers| numbers.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(trial, save)| is_number(trial) && is_number(save))
}

/// What a search that was killed before its first save can have left.
fn is_ours(name: &str) -> bool {
    name == LOCK || is_checkpoint(name) || (name.starts_with('.') && name.ends_with(".tmp"))
}
