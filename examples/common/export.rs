//! Small files, written once training is through.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use pocketrec::{
    Error, Result,
    checkpoint::Export,
    plan::RowType,
    train::{ClickTrainer, Trainer},
};

use super::output::say;

/// What a small file is and has.
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// Write a small file to use the model from, not to train on: without moments, its tables as --export-rows
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// What tables are kept as in --export [default: i8]
    #[arg(long, requires = "export", value_name = "TYPE")]
    export_rows: Option<Rows>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rows {
    F32,
    F16,
    I8,
}

impl ExportOptions {
    fn rows(&self) -> RowType {
        match self.export_rows {
            None | Some(Rows::I8) => RowType::I8,
            Some(Rows::F16) => RowType::F16,
            Some(Rows::F32) => RowType::F32,
        }
    }

    /// Writes the file, of some users or of all.
    pub fn write(&self, trainer: &mut Trainer, users: &[u32]) -> Result<()> {
        let Some(path) = &self.export else { return Ok(()) };
        let users = (!users.is_empty()).then_some(users);
        let rows = self.rows();
        trainer.export(path, &Export { rows, users })?;
        let whose = match users {
            None => "all users".into(),
            Some([_]) => "1 user".into(),
            Some(users) => format!("{} users", users.len()),
        };
        self.say(path, &whose)
    }

    /// The same of a click-through model.
    pub fn write_clicks(&self, trainer: &mut ClickTrainer) -> Result<()> {
        let Some(path) = &self.export else { return Ok(()) };
        trainer.export(path, self.rows())?;
        self.say(path, "the whole model")
    }

    fn say(&self, path: &Path, what: &str) -> Result<()> {
        let bytes = fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
        say!(
            "exported {what} as {} to {}, {:.1} KB: recommend reads it as it does a checkpoint",
            self.rows().name(),
            path.display(),
            bytes as f64 / 1000.0
        )
    }
}

/// Refuses to train on a small file.
pub fn check_trainable(path: &Path, row_type: RowType) -> Result<()> {
    if row_type == RowType::F32 {
        return Ok(());
    }
    let reason = format!(
        "{} is an export, with its tables as {}: go on from the checkpoint that it was made of; recommend uses it, and learns \
         by --absorb",
        path.display(),
        row_type.name()
    );
    Err(Error::config("--resume", reason))
}
