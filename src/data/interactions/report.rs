//! What became of the rows of interactions that were read, and of the cases of a split.

use alloc::string::String;

/// What was read and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadReport {
    /// Rows that hold an interaction, kept or not.
    pub rows: u64,
    /// Rows left out because the same user has the same item at a later time, or further down at the same time.
    pub duplicates: u64,
    /// Rows left out because their rating is below the reader's `min_rating`.
    pub below_min_rating: u64,
    /// Rows that cannot be used and were left out, where the reader was told to (`Delimited::bad_rows`).
    pub skipped: u64,
    /// Line and reason of the first of these.
    pub first_skipped: Option<(u64, String)>,
    /// Blank lines.
    pub blank: u64,
    /// Rows that take more than one line, since a quoted field holds a line's end.
    pub multiline: u64,
    /// Digits behind the point that times have in the source: [`Interactions::times_of`](super::Interactions::times_of) counts in `10^-time_decimals`
    /// of its unit.
    pub time_decimals: u32,
    /// How the file was taken to be laid out, where a file was read by [`Interactions::read`](super::Interactions::read).
    #[cfg(feature = "std")]
    pub layout: Option<crate::data::FileLayout>,
    /// Users, those without an interaction included.
    pub users: u32,
    /// Items, those without an interaction included.
    pub items: u32,
}

/// How a split came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SplitReport {
    /// Users without a test item: they have fewer than two interactions, all in the training part (or, where test
    /// items were read from a file, are not in that file).
    pub untested_users: u32,
    /// The first of these users.
    pub first_untested: Option<u32>,
    /// Cases with fewer candidates than asked for, because the user has nearly everything.
    pub short_cases: u32,
    /// Cases without any candidate, because the user has everything: no evaluation counts them.
    pub no_candidates: u32,
    /// Cases left out because the user has the test item in the training part.
    pub trained_on: u32,
    /// The user and the item of the first of these.
    pub first_trained_on: Option<(u32, u32)>,
    /// Test items left out because nothing of their user is left to train on
    /// ([`Interactions::cold_items`](super::Interactions::cold_items)).
    pub no_history: u32,
    /// Users whose test item is the latest by the order of the source alone: at the time of it they have another.
    pub tied: u32,
    /// The first of these users.
    pub first_tied: Option<u32>,
    /// Candidates left out because they are the case's own test item (in files of given candidates).
    pub own_test_item: u32,
    /// Candidates left out because the case has them already (likewise).
    pub repeated_candidates: u32,
    /// Candidates that the user has in the training part (likewise); they are ranked.
    pub trained_candidates: u32,
    /// Candidates that nobody has in training or test (likewise); they are ranked.
    pub unused_candidates: u32,
    /// Items that nobody has in training or test: ids with gaps. They are not drawn as candidates.
    pub unused_items: u32,
}
