//! An objective whose values stand in a table, so that a search over it can be worked by hand.

use pocketrec::{
    Error, Result,
    train::{Control, ProgressReport},
    tune::*,
};

/// Values by trial, in the order in which trials are made, and epoch, counted from 1.
pub struct Table<F> {
    pub value: F,
    /// Trials made.
    pub made: usize,
    /// Epochs trained.
    pub epochs: u64,
}

impl<F: Fn(usize, u32) -> Result<f64>> Table<F> {
    pub fn new(value: F) -> Self {
        Table {
            value,
            made: 0,
            epochs: 0,
        }
    }
}

/// Which trial it is, and its epochs.
pub struct Row {
    trial: usize,
    epochs: u32,
}

impl<F: Fn(usize, u32) -> Result<f64>> Objective for Table<F> {
    type Trainer = Row;

    fn metric(&self) -> String {
        "value".into()
    }

    fn identity(&self) -> String {
        "a table".into()
    }

    fn make(&mut self, _: &Settings, _: u32) -> Result<Row> {
        let trial = self.made;
        self.made += 1;
        (self.value)(trial, 0)?;
        Ok(Row { trial, epochs: 0 })
    }

    fn save(&mut self, row: &mut Row) -> Result<Vec<u8>> {
        Ok(format!("{} {}", row.trial, row.epochs).into_bytes())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<Row> {
        let text = String::from_utf8_lossy(bytes);
        let mut numbers = text.split(' ').map(|number| number.parse::<u32>().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(trial), Some(epochs)) => Ok(Row {
                trial: trial as usize,
                epochs,
            }),
            _ => Err(Error::config("bytes", "they are no row")),
        }
    }

    fn epochs(&self, row: &Row) -> u32 {
        row.epochs
    }

    fn train_epoch(&mut self, row: &mut Row, _: &mut dyn FnMut(&ProgressReport) -> Control) -> Result<Option<f64>> {
        row.epochs += 1;
        self.epochs += 1;
        (self.value)(row.trial, row.epochs).map(Some)
    }
}

/// Runs a search and gives, in turn, each trial that was trained and the epochs that it then had.
pub fn ladder<O: Objective>(tuner: &mut Tuner, objective: &mut O) -> (Ended, Vec<(usize, u32)>) {
    let mut ladder = Vec::new();
    let ended = tuner.run(objective, |study, event| {
        if let Event::Ended { trial } = event {
            ladder.push((*trial, study.trials()[*trial].epochs()));
        }
    });
    (ended.unwrap(), ladder)
}
