//! Messages in the words of the command line: the library speaks of its types, a program of its options.

use std::borrow::Cow;

use pocketrec::{Error, data::IdMap};

/// What the library calls something, and the option that sets it.
pub type Names = &'static [(&'static str, &'static str)];

/// Keys that are compared with a misspelt one, at most.
const COMPARED: usize = 1_000_000;

/// What the library advises in Rust, for any program: the option, or words, that do the same. A program's own names go
/// first, so that none has to have all of these options.
const ADVICE: Names = &[
    ("Schema::label_at_least", "--label-at-least"),
    ("Schema::label", "--label"),
    ("see Schema::negatives", "add a column negatives to dev and test"),
    (
        "name the candidates' column by Schema::negatives",
        "dev and test want a column negatives",
    ),
    ("Schema::group", "--user-column"),
    ("Schema::time", "--time-column"),
    ("Field::hashed", "--hash"),
    (" (else read them as one weighted field: Schema::features)", ""),
    (
        "; read the features as one weighted field (Schema::features)",
        "; every value must be 1",
    ),
    (
        "; encode the rows with the model's own encoder (ClickTrainer::encoder, Training::with_encoder)",
        "",
    ),
    ("Delimited::delimiter", "--delimiter"),
    ("Delimited::header", "--header"),
    ("Delimited::user", "--user-column"),
    ("Delimited::item", "--item-column"),
    ("Delimited::rating", "--rating-column"),
    ("Delimited::time", "--time-column"),
    ("Delimited::min_rating", "--min-rating"),
    (
        "say in Delimited which columns are the user, item, rating and time",
        "name its columns by --user-column, --item-column and --time-column, as numbers from 1",
    ),
    ("set lists to false", "give --lists false"),
    (
        " (nor *.train.rating, which Dataset::read takes)",
        " (nor *.train.rating)",
    ),
    (", or None", ", or leave it out"),
];

/// An error's text, with options in place of what the library calls them.
pub fn text(error: &Error, names: Names) -> String {
    let text = match error {
        // It takes settings by the names that the library has for them.
        Error::Config { field, .. } if field == "--set" => return error.to_string(),
        Error::Config { field, reason } => {
            let option = names.iter().find(|(name, _)| name == field);
            format!("{}: {reason}", option.map_or(field.as_str(), |(_, option)| option))
        }
        other => other.to_string(),
    };
    // A plain word such as `epochs` may be meant as a word; one with a sign in it is a name.
    let telling = names.iter().filter(|(name, _)| name.contains(['_', '.', ':']));
    telling
        .chain(ADVICE)
        .fold(text, |text, (name, option)| replaced(&text, name, option))
}

/// Replaces a name where it stands by itself and not within another.
fn replaced(text: &str, name: &str, by: &str) -> String {
    let of_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, _) in text.match_indices(name) {
        let end = at + name.len();
        let before = text[..at].ends_with(|c| of_name(c) || c == ':' || c == '-');
        let after = text[end..].starts_with(of_name) || text[end..].starts_with("::");
        let within = after || before && name.starts_with(of_name);
        out.push_str(&text[copied..at]);
        out.push_str(if within { name } else { by });
        copied = end;
    }
    out + &text[copied..]
}

/// Why a key of a user or an item is refused, with the one that may be meant.
pub fn not_known(what: &str, ids: &IdMap, key: &str) -> String {
    let first: Vec<_> = ids.iter().take(3).collect();
    format!(
        "{key:?} is none of the {} {what}s, whose keys are like {}{}",
        ids.len(),
        first.join(", "),
        proposal(key, ids.iter())
    )
}

/// `; did you mean ann?`, where one of the known words is nearly this one; else nothing.
pub fn proposal<'a>(word: &str, known: impl IntoIterator<Item = Cow<'a, str>>) -> String {
    match nearest(word, known) {
        Some(near) => format!("; did you mean {near}?"),
        None => String::new(),
    }
}

/// The known word that the fewest edits make of this one, if they are few for its length; of equals the first.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = Cow<'a, str>>) -> Option<Cow<'a, str>> {
    let lower = word.to_lowercase();
    let length = lower.chars().count();
    let most = (length / 3).max(1);
    let mut best: Option<(usize, Cow<'a, str>)> = None;
    for candidate in known.into_iter().take(COMPARED) {
        if candidate.chars().count().abs_diff(length) > most {
            continue;
        }
        let edits = strsim::osa_distance(&lower, &candidate.to_lowercase());
        // As many edits as there are letters make any word of any other.
        if edits <= most && edits < length && best.as_ref().is_none_or(|(least, _)| edits < *least) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, word)| word)
}
