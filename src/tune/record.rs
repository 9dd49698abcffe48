//! A study's file.

use serde::{Deserialize, Serialize};

use super::{halving::Halving, search::Search, space::Space, study::Study};
use crate::{Error, Result};

/// The version that is written and read.
const VERSION: u32 = 1;

/// What a search goes on from, as JSON: the study, and what it was begun with.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pocketrec_study: u32,
    /// What all trials have in common.
    pub objective: String,
    seed: u64,
    random: usize,
    halving: Halving,
    space: Space,
    pub study: Study,
}

impl Record {
    pub fn of(search: &Search, objective: String, study: Study) -> Self {
        Record {
            pocketrec_study: VERSION,
            objective,
            seed: search.seed,
            random: search.random,
            halving: search.halving,
            space: search.space.clone(),
            study,
        }
    }

    pub fn text(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map_err(|error| error.to_string())
    }

    pub fn read(text: &str) -> Result<Self, String> {
        let record: Record = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match record.pocketrec_study {
            VERSION => Ok(record),
            other => Err(format!("it has version {other}, and {VERSION} is read")),
        }
    }

    /// Refuses to go on with another search than the one that the study was begun with.
    pub fn check(&self, search: &Search) -> Result<()> {
        let differs = [
            ("space", self.space != search.space),
            ("halving", self.halving != search.halving),
            ("seed", self.seed != search.seed),
            ("random", self.random != search.random),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((what, _)) => {
                let reason =
                    "the study was begun with another one; give the same, or another folder. The budget may differ";
                Err(Error::config(*what, reason))
            }
            None => Ok(()),
        }
    }
}
