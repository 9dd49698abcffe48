//! What models are fitted on, and what they are to find.

use std::path::Path;

use pocketrec::{
    Error, Result,
    data::{Dataset, Interactions, ItemLinks, Knowledge, Planted, PlantedData, Relations, Split, Triples},
};

use crate::{
    options::{KgcnOptions, Options},
    related,
};

use crate::common::{
    interactions::{options::DataOptions, ranking},
    output::say,
    tables::wrapped,
};

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

    /// What is known of items, and what is said of it: triples of a file, or on made-up data items that are alike.
    pub fn knowledge(&self, options: &KgcnOptions) -> Result<Knowledge> {
        let item_ids = self.split.train.item_ids();
        let known = match (&options.triples, &self.truth) {
            (Some(path), _) => {
                let triples = Triples::read(path)?;
                let links = match &options.links {
                    Some(path) => ItemLinks::read(path)?,
                    // An item is the entity of the same key.
                    None => {
                        let keys: Vec<String> = item_ids.iter().map(|key| key.into_owned()).collect();
                        ItemLinks::from_keys(keys.iter().map(|key| (key.as_str(), key.as_str())))?
                    }
                };
                triples.with_items(item_ids, &links)?
            }
            (None, Some(truth)) => truth.related(options.neighbours() as u32, SEED)?,
            (None, None) => {
                let reason = "kgcn looks at what is known of the items: give triples of a knowledge graph, and --links where items \
                              have other keys there";
                return Err(Error::config("--triples", reason));
            }
        };
        let knowledge = Knowledge::sample(&known, options.neighbours(), SEED)?;
        let [items, entities, relations] = knowledge.counts();
        let without = (0..items as u32)
            .filter(|&item| knowledge.of_item(item).is_empty())
            .count();
        let text = format!(
            "{} triples of {entities} entities and {relations} relations; {without} of {items} items have no neighbours",
            known.len()
        );
        say!("{}", wrapped("knowledge", &text))?;
        Ok(knowledge)
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
        ranking::user(&self.split, "--user", key)
    }
}

/// Whether it is a folder with the two files of a published split.
fn are_lists(path: &Path) -> bool {
    ["train.txt", "train.txt.gz"]
        .iter()
        .any(|name| path.join(name).is_file())
}
