//! What models are fitted on, and what they are to find.

use std::path::Path;

use pocketrec::{
    Error, Result,
    data::{Dataset, Interactions, Planted, PlantedData, Relations, Split},
};

use crate::{options::Options, related};

use crate::common::{interactions::options::DataOptions, messages::not_known, output::say, tables::wrapped};

/// What is held out where the data says nothing of it, and the seed of which.
const SHARE: f32 = 0.2;
const SEED: u64 = 1;

/// A split with any number of test items a user, and the truth behind it where it is made up.
pub struct Data {
    pub split: Split,
    pub truth: Option<PlantedData>,
    name: String,
}

impl Data {
    /// Reads the data, or makes it up: users and items in communities, with their tastes.
    pub fn load(options: &DataOptions) -> Result<Self> {
        let Some(path) = &options.data else {
            let planted = Planted::default().generate()?;
            return Ok(Data {
                split: planted.interactions.hold_out(SHARE, SEED)?,
                truth: Some(planted),
                name: "made up, with planted communities".into(),
            });
        };
        let split = match are_lists(path) {
            true => {
                options.check_published()?;
                Dataset::read(path)?
            }
            false => Interactions::read_with(path, &options.delimited())?.hold_out(SHARE, SEED)?,
        };
        Ok(Data {
            split,
            truth: None,
            name: path.display().to_string(),
        })
    }

    /// Relations of items, where they are asked for, and what is said of them.
    pub fn relations(&self, options: &Options) -> Result<Option<Relations>> {
        let Some(known) = options
            .related
            .known(self.split.train.item_ids(), self.truth.as_ref())?
        else {
            return Ok(None);
        };
        let relations = related::used(options.model, &known, options.edge_weight())?;
        say!("{}", wrapped("relations", &related::described(&known, &relations)))?;
        Ok(Some(relations))
    }

    pub fn describe(&self) -> Result<()> {
        let (train, cases) = (&self.split.train, self.split.test.len());
        let text = format!(
            "{}: {} users, {} items, {} interactions to fit on",
            self.name,
            train.users(),
            train.items(),
            train.len()
        );
        say!("{}", wrapped("data", &text))?;
        let text = format!("{cases} held-out items are to be found among all that a user does not have");
        say!("{}", wrapped("test", &text))
    }

    /// The user with this key, or else the first with a test item.
    pub fn user(&self, key: Option<&str>) -> Result<u32> {
        let ids = self.split.train.user_ids();
        let Some(key) = key else {
            return Ok(self.split.test.first().map_or(0, |case| case.user));
        };
        ids.get(key)
            .ok_or_else(|| Error::config("--user", not_known("user", ids, key)))
    }
}

/// Whether it is a folder with the two files of a published split.
fn are_lists(path: &Path) -> bool {
    ["train.txt", "train.txt.gz"]
        .iter()
        .any(|name| path.join(name).is_file())
}
