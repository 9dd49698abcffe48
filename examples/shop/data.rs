//! What customers bought, and which articles go with which.

use std::path::PathBuf;

use clap::Args;
use pocketrec::{
    Result,
    data::{Delimited, Interactions, Planted, PlantedData, RelationFile, Split, Triples},
};

use crate::common::{output::say, tables::wrapped};

/// Articles that are new: nobody's purchase of one is trained on.
const NEW: f32 = 0.2;
/// Purchases of the others that are to be found.
const HELD_OUT: f32 = 0.2;
/// Related articles that are made up for each.
const RELATED: u32 = 10;

#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub struct DataOptions {
    /// Purchases: a file with a customer and an article a row [default: made-up data]
    #[arg(long, value_name = "FILE", requires = "relations")]
    pub data: Option<PathBuf>,
    /// A table of articles with columns that name related ones
    #[arg(long, value_name = "FILE", requires = "data", requires = "related")]
    pub relations: Option<PathBuf>,
    /// These columns
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', requires = "relations")]
    related: Vec<String>,
}

/// Two splits of the same purchases: of articles that are new, and of what is left of the others.
pub struct Data {
    /// Trained on; its test part are purchases of articles that others have bought.
    pub known: Split,
    /// Its test part are all purchases of new articles.
    pub new: Split,
    pub related: Triples,
    /// The truth behind made-up data.
    pub truth: Option<PlantedData>,
}

impl Data {
    /// Reads the files, or makes data up, and holds out what is to be found.
    pub fn load(options: &DataOptions, seed: u64) -> Result<Self> {
        let (purchases, related, truth, name) = match (&options.data, &options.relations) {
            (Some(path), Some(relations)) => {
                let purchases = Interactions::read_with(path, &Delimited::default())?;
                let file = options.related.iter().fold(RelationFile::new(), RelationFile::items);
                let related = file.read(relations, purchases.item_ids())?;
                (purchases, related, None, path.display().to_string())
            }
            _ => {
                let planted = Planted {
                    seed,
                    ..Planted::default()
                };
                let planted = planted.generate()?;
                let related = planted.related(RELATED, seed)?;
                let purchases = planted.interactions.clone();
                (purchases, related, Some(planted), "made up, with planted tastes".into())
            }
        };
        let new = purchases.cold_items(NEW, seed)?;
        let data = Data {
            known: new.train.hold_out(HELD_OUT, seed)?,
            new,
            related,
            truth,
        };
        data.describe(&name)?;
        Ok(data)
    }

    fn describe(&self, name: &str) -> Result<()> {
        let (train, new) = (&self.known.train, self.new.cold_items().len());
        let text = format!(
            "{name}: {} customers, {} articles, {} related pairs, {} purchases to train on",
            train.users(),
            train.items(),
            self.related.len(),
            train.len()
        );
        say!("{}", wrapped("data", &text))?;
        let text = format!(
            "{} purchases among all articles, and {} of {new} new articles that nobody has in training, among these",
            self.known.test.len(),
            self.new.test.len()
        );
        say!("{}", wrapped("test", &text))
    }
}
