//! What is trained on and tested on.

use pocketrec::{
    Error, Result,
    data::{Candidates, Dataset, Interactions, Planted, PlantedData, Split},
    train::Trainer,
};

use crate::{
    common::{messages::not_known, output::say},
    options::DataOptions,
};

/// Seed of the candidates of the validation part, another than that of the test part.
const VALIDATION_SEED: u64 = 1;

/// A split, and the truth behind it where it is made up.
pub struct Data {
    pub split: Split,
    /// The split without the latest interaction of each user that is not a test item: to choose the epoch by.
    pub validation: Option<Split>,
    pub truth: Option<PlantedData>,
    name: String,
}

impl Data {
    pub fn load(options: &DataOptions, validate: bool) -> Result<Self> {
        let (split, truth, name) = match &options.data {
            None => {
                let planted = Planted::default().generate()?;
                let split = planted.interactions.leave_one_out()?;
                (split, Some(planted), "made up, with planted tastes".into())
            }
            Some(path) => {
                let split = match options.delimited() {
                    Some(delimited) => Interactions::read_with(path, &delimited)?.leave_one_out()?,
                    None => Dataset::read(path)?,
                };
                (split, None, path.display().to_string())
            }
        };
        let among = Candidates::Sampled {
            count: 99,
            seed: VALIDATION_SEED,
        };
        let validation = match validate {
            true => Some(split.train.leave_one_out_among(among)?),
            false => None,
        };
        Ok(Data {
            split,
            validation,
            truth,
            name,
        })
    }

    /// The split that is trained on, whose cases are ranked after each epoch.
    pub fn trained_on(&self) -> &Split {
        self.validation.as_ref().unwrap_or(&self.split)
    }

    pub fn describe(&self) -> Result<()> {
        let Data {
            split,
            validation,
            name,
            ..
        } = self;
        let train = &split.train;
        say!(
            "data      {name}: {} users, {} items, {} interactions to train on",
            train.users(),
            train.items(),
            self.trained_on().train.len()
        )?;
        let cases = split.test.len();
        let candidates = (0..cases).map(|case| split.negatives(case).len());
        let most = candidates.max().unwrap_or(0);
        say!(
            "test      leave-one-out: {cases} items, one a user, each ranked among {most} that the user does not have"
        )?;
        let report = split.report();
        if report.own_test_item > 0 {
            let count = report.own_test_item;
            say!("          ({count} given candidates were the test item itself and are left out)")?;
        }
        if report.untested_users > 0 {
            let count = report.untested_users;
            say!("          ({count} users have no test item; they are trained on all the same)")?;
        }
        match validation {
            Some(validation) => say!(
                "epoch     the best on {} validation items, held out likewise; the test items play no part in it",
                validation.test.len()
            ),
            None => say!("epoch     all are trained; the best is named afterwards, by the test items, as papers do"),
        }
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

    /// Refuses to go on from a checkpoint with other data than it was trained on.
    pub fn check_trained_on(&self, trainer: &Trainer, option: &'static str) -> Result<()> {
        let train = &self.trained_on().train;
        let same = |user| trainer.history().trained(user) == train.of_user(user);
        let known = trainer.progress().step == 0 || (0..train.users()).all(same);
        if known && trainer.users() >= train.users() as usize {
            return Ok(());
        }
        let reason = "the data is not what the checkpoint was trained on; give the same --data and column options";
        Err(Error::config(option, reason))
    }
}

/// An item as people know it: by its title, or else by its key.
pub fn name_of(data: &Interactions, item: u32) -> String {
    match data.title(item) {
        Some(title) => title.into(),
        None => data.item_ids().key(item).unwrap_or_default().into_owned(),
    }
}
