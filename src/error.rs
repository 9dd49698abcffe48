//! One error type: what went wrong, where, and what to do about it.

use alloc::string::String;
use core::fmt;

use crate::size::Size;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// What went wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A data file holds something that cannot be used.
    #[error("{file}{}: {reason}", Line(*line))]
    Data {
        /// The file as it was named by the caller.
        file: String,
        /// Line number, counted from 1; 0 where the fault is not on one line.
        line: u64,
        /// What is wrong with the line and what was expected.
        reason: String,
    },

    /// The operating system refused a file operation.
    #[cfg(feature = "std")]
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },

    /// A checkpoint is damaged, of another version, or of another model.
    #[error("checkpoint {path}: {reason}")]
    Checkpoint {
        /// The file.
        path: String,
        /// The tensor or metadata key at fault, and why.
        reason: String,
    },

    /// A setting is out of its range or contradicts another.
    #[error("{field}: {reason}")]
    Config {
        /// The setting, as it is spelled in the API.
        field: String,
        /// Why it is refused and what would be accepted.
        reason: String,
    },

    /// An id lies outside its table.
    #[error("{column} id {id} is out of range: the table has {rows} rows (0 to {last})", last = rows.saturating_sub(1))]
    Id {
        /// The id column: `user`, `item`, ...
        column: String,
        /// The id that was given.
        id: u64,
        /// Rows in the table.
        rows: u64,
    },

    /// Two lengths that must agree do not.
    #[error("{what}: expected {expected}, got {got}")]
    Length {
        /// The argument.
        what: String,
        /// The length that would fit.
        expected: usize,
        /// The length that was given.
        got: usize,
    },

    /// A plan was put together in a way that cannot run.
    #[error("plan: {0}")]
    Plan(String),

    /// The device asked for is not there, or this build cannot use it.
    #[error("device: {0}")]
    Device(String),

    /// There is not so much memory. It was noticed before anything was changed.
    #[error(
        "memory: {what} would take {}{}; take fewer rows, narrower layers or smaller batches",
        Size(*bytes),
        Left(*available)
    )]
    Memory {
        /// What it was for, with the parts: `the parameters (user 9.1 GiB, item 3.2 GiB)`.
        what: String,
        /// Bytes that were asked for.
        bytes: u64,
        /// Bytes that the system had left, where it says so.
        available: Option<u64>,
    },

    /// Training produced a loss that is not finite; the parameters are those of the last good state.
    #[error("training diverged at step {step}: the loss is {loss}; lower the learning rate or check the labels")]
    Diverged {
        /// The step, counted from the beginning of training.
        step: u64,
        /// The loss seen.
        loss: f64,
    },
}

/// `:17`, or nothing where the fault is not on one line.
struct Line(u64);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            line => write!(f, ":{line}"),
        }
    }
}

/// `, 4.0 GiB are left`, or nothing where the system does not say.
struct Left(Option<u64>);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |bytes| write!(f, ", and this machine has {} left", Size(bytes)))
    }
}

impl Error {
    /// A [`Error::Config`].
    pub fn config(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Config {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// A [`Error::Data`].
    pub fn data(file: impl Into<String>, line: u64, reason: impl Into<String>) -> Self {
        Error::Data {
            file: file.into(),
            line,
            reason: reason.into(),
        }
    }

    /// A [`Error::Io`].
    #[cfg(feature = "std")]
    pub fn io(path: impl AsRef<std::path::Path>, source: std::io::Error) -> Self {
        Error::Io {
            path: path.as_ref().display().to_string(),
            source,
        }
    }
}
