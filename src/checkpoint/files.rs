//! Checkpoints as files, and through the standard library's writers: all that needs an operating system.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, ErrorKind, Read, Write},
    path::Path,
};

use super::{
    Checkpoint, ClickCheckpoint, Contents, Delta, Export, clicks, delta, fault,
    format::{Input, check_rest, header_size},
    header::Header,
    read, replace_file,
    sink::{Sink, Unwritten},
    write,
};
use crate::{
    Error, Result,
    classical::{Classical, Method},
    device::Device,
    file::open_regular,
    plan::{Plan, RowType, State},
    train::{ClickTrainer, Trainer, all_finite, not_finite},
};

impl Trainer {
    /// Writes everything to a safetensors file that [`Trainer::load`] reads and PyTorch opens
    /// ([`crate::checkpoint`]). An older file of that name is replaced once the new one is whole and on the
    /// disk, and not before.
    ///
    /// # Errors
    /// Those of [`Checkpoint::save`].
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let (state, mean) = self.core.both()?;
        save(&self.contents(&state, mean.as_deref()), path.as_ref())
    }

    /// A trainer that goes on where the saved one was: [`fit`](Trainer::fit) continues with the next sample, on the
    /// same kind of device with the same bits as if there had been no interruption.
    ///
    /// # Errors
    /// Those of [`Checkpoint::load`], and [`Error::Device`] where the device lacks what was
    /// asked for.
    pub fn load(path: impl AsRef<Path>, device: Device) -> Result<Self> {
        Self::from_checkpoint(Checkpoint::load(path)?, device)
    }

    /// Writes the file whose bytes [`export_to_bytes`](Trainer::export_to_bytes) gives: small, to use the model from.
    ///
    /// # Errors
    /// Those of [`Checkpoint::export`] and of [`Trainer::save`].
    pub fn export(&mut self, path: impl AsRef<Path>, export: &Export) -> Result<()> {
        self.checkpoint()?.export(export)?.save(path)
    }
}

impl ClickTrainer {
    /// Writes everything to a safetensors file that [`ClickTrainer::load`] reads and PyTorch opens
    /// ([`ClickCheckpoint`]).
    ///
    /// # Errors
    /// Those of [`ClickCheckpoint::save`].
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        self.checkpoint()?.save(path)
    }

    /// A trainer that goes on where the saved one was, on the same kind of device with the same bits.
    ///
    /// # Errors
    /// Those of [`ClickCheckpoint::load`], and [`Error::Device`] where the device lacks what was
    /// asked for.
    pub fn load(path: impl AsRef<Path>, device: Device) -> Result<Self> {
        Self::from_checkpoint(ClickCheckpoint::load(path)?, device)
    }

    /// Writes the file whose bytes [`export_to_bytes`](ClickTrainer::export_to_bytes) gives: small, to use the model from.
    ///
    /// # Errors
    /// [`Error::Config`] with table and row where a float does not fit `rows`; those of [`ClickTrainer::save`].
    pub fn export(&mut self, path: impl AsRef<Path>, rows: RowType) -> Result<()> {
        self.checkpoint()?.export(rows)?.save(path)
    }
}

impl Checkpoint {
    /// Writes the file: first to a temporary one in the same folder, which takes the place of `path` once it is whole
    /// and on the disk. Whatever happens before (a full disk, a read-only folder, a crash) leaves the old file as it is.
    /// Links, modes and what a crash leaves over: [`replace_file`].
    ///
    /// # Errors
    /// [`Error::Io`] where `path` names a folder, a pipe or a device, and where the operating system refuses, [`Error::Checkpoint`]
    /// where a value is not finite: it would not be read again.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(&self.contents(), path.as_ref())
    }

    /// Writes the bytes of a checkpoint file. The same contents give the same bytes.
    ///
    /// # Errors
    /// Those of the writer, and [`io::ErrorKind::InvalidInput`] where the state is not one of the model, or a mean of
    /// parameters contradicts settings and position.
    pub fn write_to(&self, to: &mut dyn Write) -> io::Result<()> {
        to_writer(to, |to| write::write(&self.contents(), to))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`] where it is no regular file or cannot be read, [`Error::Checkpoint`] with the tensor or metadata key at fault
    /// where it is damaged, of another version, or does not fit together.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        loaded(path.as_ref(), read::read)
    }
}

impl ClickCheckpoint {
    /// Writes the file: an older one of that name is replaced once the new one is whole and on the disk.
    ///
    /// # Errors
    /// [`Error::Io`] where the operating system refuses, [`Error::Checkpoint`] where a value is not finite.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let others = [self.best_values.as_deref(), self.average_values.as_deref()];
        check_finite(&self.model.plan()?, &self.state, others, path)?;
        replace_file(path, |to| self.write_to(to))
    }

    /// Writes the bytes of a checkpoint file.
    ///
    /// # Errors
    /// Those of the writer, and [`io::ErrorKind::InvalidInput`] where the parts do not fit together.
    pub fn write_to(&self, to: &mut dyn Write) -> io::Result<()> {
        to_writer(to, |to| self.write(to))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`] where it is no regular file or cannot be read, [`Error::Checkpoint`] with the tensor or metadata key at fault
    /// where it is damaged, of another version, of another kind of model, or does not fit together.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        loaded(path.as_ref(), clicks::read)
    }
}

impl Delta {
    /// Writes the file: an older one of that name is replaced once the new one is whole and on the disk.
    ///
    /// # Errors
    /// Those of [`Checkpoint::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        replace_file(path.as_ref(), |to| self.write_to(to))
    }

    /// Writes the bytes of a file: `rows/NAME`, I32 `[n]`, and `NAME`, F32 `[n, width]`, for each parameter that has rows that
    /// differ; `ids/user` and `ids/item` have the keys of new ones, and `clicks`, I32 `[n, 2]`, what was absorbed.
    ///
    /// # Errors
    /// Those of the writer, and [`io::ErrorKind::InvalidInput`] where a value is not finite.
    pub fn write_to(&self, to: &mut dyn Write) -> io::Result<()> {
        to_writer(to, |to| self.write(to))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`] where it is no regular file or cannot be read, [`Error::Checkpoint`] with the tensor or metadata key at fault
    /// where it is damaged, of another version or no delta.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        loaded(path.as_ref(), delta::read)
    }
}

impl<M: Method> Classical<M> {
    /// Writes everything to a safetensors file that [`load`](Classical::load) reads and PyTorch opens. An older file of that name is
    /// replaced once the new one is whole and on the disk, and not before.
    ///
    /// # Errors
    /// [`Error::Io`] where `path` names a folder, a pipe or a device, and where the operating system refuses.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        replace_file(path.as_ref(), |to| self.write_to(to))
    }

    /// Writes the bytes of a file. The same model gives the same bytes.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, to: &mut dyn Write) -> io::Result<()> {
        to_writer(to, |to| self.write(to))
    }

    /// Reads a file that [`save`](Classical::save) wrote.
    ///
    /// # Errors
    /// [`Error::Io`] where it is no regular file or cannot be read, [`Error::Checkpoint`] with the tensor or metadata key at fault
    /// where it is damaged, of another version, of another model, or does not fit together, and [`Error::Device`].
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let path = path.as_ref();
        Self::of_input(&input_of(path)?, path.display(), device)
    }
}

fn save(contents: &Contents, path: &Path) -> Result<()> {
    let others = [contents.best_values, contents.average_values];
    check_finite(&contents.plan()?, contents.state, others, path)?;
    replace_file(path, |to| to_writer(to, |to| write::write(contents, to)))
}

/// Refuses to save what would not be read again; `others` are the best parameters and the mean over epochs.
fn check_finite(plan: &Plan, state: &State, others: [Option<&[Vec<f32>]>; 2], path: &Path) -> Result<()> {
    let bad = |(prefix, values): (&str, Option<&[Vec<f32>]>)| {
        let mut named = plan.params().iter().zip(values?);
        let (param, _) = named.find(|(_, values)| !all_finite(values))?;
        Some(format!("{prefix}{}", param.name))
    };
    let name = not_finite(plan, state).map(String::from);
    let name = name.or_else(|| ["best/", "average/"].into_iter().zip(others).find_map(bad));
    name.map_or(Ok(()), |name| {
        let reason =
            format!("{name} holds a value that is not finite; nothing was written and an older file is as it was");
        Err(fault(path.display(), reason))
    })
}

/// Gives a writer what `write` writes.
fn to_writer(to: &mut dyn Write, write: impl FnOnce(&mut Sink) -> Result<(), Unwritten>) -> io::Result<()> {
    let written = write(&mut |block| to.write_all(block).map_err(Unwritten::Io));
    written.map_err(|unwritten| match unwritten {
        Unwritten::Refused(reason) => io::Error::new(ErrorKind::InvalidInput, reason),
        Unwritten::Failed(error) => io::Error::new(ErrorKind::InvalidInput, error),
        Unwritten::Io(error) => error,
    })
}

/// What `read` makes of a file.
fn loaded<T>(path: &Path, read: impl FnOnce(&Input) -> Result<T, String>) -> Result<T> {
    read(&input_of(path)?).map_err(|reason| fault(path.display(), reason))
}

/// What is in a file, as a container.
fn input_of(path: &Path) -> Result<Input<'static>> {
    let file = open_regular(path)?;
    let about = file.metadata().map_err(|error| Error::io(path, error))?;
    container(file, about.len()).map_err(|reason| fault(path.display(), reason))
}

/// The same of a file that is open and has `len` bytes. The header must account for every one of them before the rest is read.
fn container(mut from: File, len: u64) -> Result<Input<'static>, String> {
    let mut first = [0; 8];
    from.read_exact(&mut first)
        .map_err(|error| format!("it ends too early or cannot be read: {error}"))?;
    let size = header_size(first, len)?;
    let header = Header::parse(&bytes(&mut from, size as u64)?)?;
    let rest = len - 8 - size as u64;
    check_rest(&header, rest)?;
    Input::of_parts(header, Cow::Owned(bytes(&mut from, rest)?))
}

fn bytes(from: &mut File, len: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let size = usize::try_from(len).map_err(|_| format!("{len} bytes are more than this machine can address"))?;
    bytes
        .try_reserve_exact(size)
        .map_err(|_| format!("there is no memory for {len} bytes"))?;
    from.take(len)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.len() != size {
        return Err(format!("it is truncated: {} bytes where {size} should be", bytes.len()));
    }
    Ok(bytes)
}
