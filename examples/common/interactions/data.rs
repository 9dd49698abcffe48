//! What is trained on and tested on.

use pocketrec::{
    Error, Result,
    data::{Candidates, Dataset, IdMap, Interactions, Planted, PlantedPaths, ReadReport, Split},
    train::Trainer,
};

use super::{options::DataOptions, ranking};
use crate::common::{
    output::say,
    samples::{MARK, say_all, several_lines, skipped_rows},
    tables::{cut, wrapped},
};

/// Seed of the candidates of the validation part, another than that of the test part.
const VALIDATION_SEED: u64 = 1;

/// What items are worth to users in data that is made up: ranking by it is the best that any model can do.
pub type Truth = Box<dyn Fn(u32, u32) -> f32>;

/// Data that is made up, the truth behind it, and what is planted in it.
pub struct MadeUp {
    pub interactions: Interactions,
    pub truth: Truth,
    pub planted: &'static str,
}

/// Data with planted tastes.
pub fn made_up() -> Result<MadeUp> {
    let planted = Planted::default().generate()?;
    Ok(MadeUp {
        interactions: planted.interactions.clone(),
        truth: Box::new(move |user, item| planted.score(user, item)),
        planted: "tastes",
    })
}

/// Histories in which each item leads to the next.
pub fn made_up_paths(seed: Option<u64>) -> Result<MadeUp> {
    let usual = PlantedPaths::default();
    let seed = seed.unwrap_or(usual.seed);
    let planted = PlantedPaths { seed, ..usual }.generate()?;
    let interactions = planted.interactions.clone();
    // What comes last is to be ranked by what came before.
    let truth = move |user, item| {
        let history = planted.interactions.of_user(user);
        planted.probability(&history[..history.len() - 1], item) as f32
    };
    Ok(MadeUp {
        interactions,
        truth: Box::new(truth),
        planted: "paths from item to item",
    })
}

/// A split, and the truth behind it where it is made up.
pub struct Data {
    pub split: Split,
    /// The split without the latest interaction of each user that is not a test item: to choose the epoch by.
    pub validation: Option<Split>,
    pub truth: Option<Truth>,
    name: String,
}

impl Data {
    /// Reads the data, numbered as those that `resumed` was trained on, if there is one; or has it made up.
    pub fn load(
        options: &DataOptions,
        validate: bool,
        resumed: Option<&Trainer>,
        make_up: impl FnOnce() -> Result<MadeUp>,
    ) -> Result<Self> {
        let (split, truth, name) = match &options.data {
            None => {
                let MadeUp {
                    interactions,
                    truth,
                    planted,
                } = make_up()?;
                let split = interactions.leave_one_out()?;
                (split, Some(truth), format!("made up, with planted {planted}"))
            }
            Some(path) if Dataset::is_published(path)? => {
                options.check_published()?;
                (Dataset::read(path)?, None, path.display().to_string())
            }
            Some(path) => {
                let read = Interactions::read_with(path, &options.delimited())?;
                let read = match resumed {
                    Some(trainer) => numbered_as(trainer, read)?,
                    None => read,
                };
                (read.leave_one_out()?, None, path.display().to_string())
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

    /// What is trained on, and how its file was taken.
    pub fn describe_train(&self) -> Result<()> {
        let train = &self.split.train;
        let text = format!(
            "{}: {} users, {} items, {} interactions to train on",
            self.name,
            train.users(),
            train.items(),
            self.trained_on().train.len()
        );
        say!("{}", wrapped("data", &text))?;
        say_all("", &of_rows(train.report()))
    }

    pub fn describe(&self) -> Result<()> {
        let Data { split, validation, .. } = self;
        self.describe_train()?;
        let cases = split.test.len();
        let candidates = (0..cases).map(|case| split.negatives(case).len());
        let most = candidates.max().unwrap_or(0);
        let text =
            format!("leave-one-out: {cases} items, one a user, each ranked among {most} that the user does not have");
        say!("{}", wrapped("test", &text))?;
        say_all("", &self.of_split())?;
        let text = match validation {
            Some(validation) => format!(
                "the best on {} validation items, held out likewise; the test items play no part in it",
                validation.test.len()
            ),
            None => "all are trained; the best is named afterwards, by the test items, as papers do".into(),
        };
        say!("{}", wrapped("epoch", &text))
    }

    /// What is to be said of the test part beside its size.
    fn of_split(&self) -> Vec<String> {
        let (report, train) = (self.split.report(), &self.split.train);
        let user = |user: Option<u32>| key(train.user_ids(), user.unwrap_or(0));
        let mut lines = Vec::new();
        let mut marked = |mark: &str, count: u32, text: &dyn Fn() -> String| {
            if count > 0 {
                lines.push(format!("{mark}{count} {}", text()));
            }
        };
        marked(MARK, report.trained_on, &|| {
            let (user, item) = report.first_trained_on.unwrap_or_default();
            let (user, item) = (key(train.user_ids(), user), key(train.item_ids(), item));
            format!("test items were trained on and are left out, the first {item} of user {user}")
        });
        // Some are in any data; where they are many, a ranking among them says little.
        let cases = self.split.test.len();
        let given: usize = (0..cases).map(|case| self.split.negatives(case).len()).sum();
        let mark = if report.unused_candidates as usize * 10 > given {
            MARK
        } else {
            ""
        };
        marked(mark, report.unused_candidates, &|| {
            "given candidates are items that nobody has: any model tells them".into()
        });
        let mut said = |count: u32, text: &dyn Fn() -> String| marked("", count, text);
        said(report.untested_users, &|| {
            let first = user(report.first_untested);
            format!("users have no test item and are trained on all the same, the first {first}")
        });
        said(report.tied, &|| {
            let first = user(report.first_tied);
            format!("test items are the latest by the order of rows alone, as others have their time: user {first}")
        });
        for (count, text) in [
            (
                report.no_candidates,
                "users have every item, so that theirs is ranked among nothing and does not count",
            ),
            (
                report.short_cases,
                "test items have fewer candidates, as their users have nearly everything",
            ),
            (
                report.own_test_item,
                "given candidates are the test item itself and are left out",
            ),
            (report.repeated_candidates, "given candidates come again and count once"),
            (
                report.trained_candidates,
                "given candidates are in the user's training part",
            ),
            (
                report.unused_items,
                "items are nobody's, as ids have gaps, and are no candidates",
            ),
        ] {
            said(count, &|| text.into());
        }
        lines
    }

    /// The user with this key, or else the first with a test item.
    pub fn user(&self, option: &'static str, key: Option<&str>) -> Result<u32> {
        ranking::user(&self.split, option, key)
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

/// The interactions under the numbers of those that a model was trained on: a file's rows may have another order since.
fn numbered_as(trainer: &Trainer, read: Interactions) -> Result<Interactions> {
    let first = |ids: &IdMap, of: &IdMap| (0..).zip(of.iter()).all(|(id, key)| ids.get(&key) == Some(id));
    let same = first(trainer.user_ids(), read.user_ids()) && first(trainer.item_ids(), read.item_ids());
    match same || trainer.progress().step == 0 {
        true => Ok(read),
        false => read.with_order_of(trainer.user_ids(), trainer.item_ids()),
    }
}

/// How a file was taken, and what became of its rows.
fn of_rows(report: &ReadReport) -> Vec<String> {
    let mut lines: Vec<String> = report.layout.iter().map(ToString::to_string).collect();
    if let Some((line, reason)) = &report.first_skipped {
        let all = report.rows + report.skipped;
        lines.push(skipped_rows(report.skipped, all, *line, reason));
    }
    if report.below_min_rating > 0 {
        lines.push(format!("{} rows are below --min-rating", report.below_min_rating));
    }
    if report.duplicates > 0 {
        let (duplicates, rows) = (report.duplicates, report.rows);
        lines.push(format!(
            "{duplicates} of {rows} rows are a pair that comes again; its latest counts"
        ));
    }
    if report.multiline > 0 {
        lines.push(several_lines(report.multiline));
    }
    lines
}

fn key(ids: &IdMap, id: u32) -> String {
    cut(&ids.key(id).unwrap_or_default(), 20)
}

/// An item as people know it: by its title, or else by its key.
pub fn name_of(data: &Interactions, item: u32) -> String {
    match data.title(item) {
        Some(title) => title.into(),
        None => data.item_ids().key(item).unwrap_or_default().into_owned(),
    }
}
