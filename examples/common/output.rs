//! Lines to standard output that may fail: a pipe can close and a disk be full, which is no reason to panic.

use std::{
    fmt,
    io::{self, Write},
};

use pocketrec::{Error, Result};

/// `println!` that returns what went wrong.
macro_rules! say {
    ($($text:tt)*) => { $crate::common::output::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// Writes a line, which is out when this returns.
///
/// # Errors
/// [`Error::Io`] with `standard output` for its path.
pub fn line(text: fmt::Arguments) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    written.map_err(|error| Error::io("standard output", error))
}

/// A count in so few signs that it can be read at a glance: `950`, `57k`, `1.25M`.
pub fn short(count: f64) -> String {
    match count {
        ..1e4 => format!("{count:.0}"),
        ..1e6 => format!("{:.0}k", count / 1e3),
        _ => format!("{:.2}M", count / 1e6),
    }
}

/// Writes a line to standard error, and nothing where that is closed: there is no other place to say so.
pub fn note(text: fmt::Arguments) {
    let _ = writeln!(io::stderr(), "{text}");
}
