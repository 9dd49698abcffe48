//! How a program ends: one line on standard error and an exit code.

use std::process::ExitCode;

use pocketrec::Error;

use super::{messages, output::note};

/// Why a program ends before its end.
#[derive(Debug)]
pub enum Ending {
    /// Something went wrong.
    Failed(Error),
    /// A signal came. The text says where training stands and what was saved.
    Stopped { signal: u8, text: String },
}

impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        Ending::Failed(error)
    }
}

/// Says why, in the words of the command line, and gives the exit code: 1 for an error, and for a signal 128 more than
/// its number, as shells do.
pub fn exit_code(result: Result<(), impl Into<Ending>>, names: messages::Names) -> ExitCode {
    match result.map_err(Into::into) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ending::Failed(error)) => {
            note(format_args!("error: {}", messages::text(&error, names)));
            ExitCode::FAILURE
        }
        Err(Ending::Stopped { signal, text }) => {
            note(format_args!("{text}"));
            ExitCode::from(128u8.saturating_add(signal))
        }
    }
}
