//! Columns by their usual names, by the names that a caller gives, and by number: in one place for all readers.

use super::options::Column;

/// What a column is to a recommender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Item,
    Rating,
    Time,
    Label,
    Negatives,
}

impl Role {
    /// What an interaction has.
    pub const OF_PAIRS: [Role; 4] = [Role::User, Role::Item, Role::Rating, Role::Time];

    pub fn name(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Item => "item",
            Role::Rating => "rating",
            Role::Time => "time",
            Role::Label => "label",
            Role::Negatives => "negatives",
        }
    }

    /// Names that such columns go by, in lower case without signs between the words; the first that is there counts.
    fn names(self) -> impl Iterator<Item = &'static str> {
        let names = match self {
            Role::User => {
                "user userid uid useridx userindex usercode username reviewerid customerid customer clientid \
                 client visitorid visitor memberid member accountid account personid person profileid playerid \
                 player sessionid session reviewer author who u"
            }
            Role::Item => {
                "item itemid iid itemidx itemindex movieid movie productid product parentasin asin artistid \
                 artist bookid book songid song trackid track isbn gameid game appid app articleid article newsid \
                 news businessid business venueid venue locationid location poiid poi placeid place recipeid \
                 recipe videoid video animeid anime sku stockcode what i"
            }
            Role::Rating => {
                "rating ratings score overall stars star bookrating rate weight value preference label count \
                 playcount plays"
            }
            Role::Time => {
                "timestamp time unixreviewtime unixtime datetime date ts createdat created eventtime \
                 eventtimestamp reviewtime reviewdate ratedat visittime checkintime purchasedate invoicedate \
                 orderdate timecreated utctime when t"
            }
            Role::Label => "label click clicked isclick clk target y",
            Role::Negatives => "negatives negitems negativeitems",
        };
        names.split_ascii_whitespace()
    }

    /// The column of a header that is known to be this.
    pub fn find(self, header: &[String]) -> Option<usize> {
        let plain: Vec<String> = header.iter().map(|name| self::plain(name)).collect();
        self.names()
            .find_map(|name| plain.iter().position(|other| other == name))
    }
}

/// A name in lower case without signs between the words.
pub(super) fn plain(name: &str) -> String {
    let name = untyped(name).unwrap_or(name);
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The name in RecBole's `name:type`.
pub(super) fn untyped(name: &str) -> Option<&str> {
    let (name, kind) = name.rsplit_once(':')?;
    matches!(kind, "token" | "float" | "token_seq" | "float_seq").then_some(name)
}

/// A header's names as they are meant: RecBole's without their types.
pub(super) fn names(header: Vec<String>) -> Vec<String> {
    match header.iter().all(|name| untyped(name).is_some()) {
        true => header
            .iter()
            .filter_map(|name| untyped(name))
            .map(String::from)
            .collect(),
        false => header,
    }
}

/// The place of a column, counted from 0, among `width` columns with these names (none where there is no header); and
/// what is to be said of the choice.
///
/// # Errors
/// The reason where there is no such column.
pub(super) fn place_of(
    column: &Column,
    header: Option<&[String]>,
    width: usize,
) -> Result<(usize, Option<String>), String> {
    let number = match column {
        Column::Number(number) => Some(*number),
        Column::Name(name) => name.trim().parse::<usize>().ok(),
    };
    if let (Column::Name(name), Some(header)) = (column, header) {
        let exact = header.iter().position(|other| other == name.trim());
        let found = exact.or_else(|| {
            header
                .iter()
                .position(|other| !name.is_empty() && plain(other) == plain(name))
        });
        if let Some(found) = found {
            let both = number.filter(|&number| number != found + 1 && (1..=width).contains(&number));
            let note = both.map(|number| {
                format!(
                    "{name:?} was taken for the name of column {}, not for column {number}",
                    found + 1
                )
            });
            return Ok((found, note));
        }
    }
    match (number, column, header) {
        (Some(0), ..) => Err("columns count from 1; 0 is none".into()),
        (Some(number), ..) if number <= width => Ok((number - 1, None)),
        (Some(number), ..) => Err(format!("there is no column {number}: rows have {width} fields")),
        (None, column, None) => Err(format!(
            "{column} is asked for by name, but there is no header; give its number from 1"
        )),
        (None, column, Some(header)) => {
            let name = if let Column::Name(name) = column {
                name.as_str()
            } else {
                ""
            };
            Err(missing(name, header))
        }
    }
}

/// The refusal of a name that no column has.
pub(super) fn missing(name: &str, header: &[String]) -> String {
    let nearest = nearest(name, header.iter().map(String::as_str));
    let meant = nearest.map_or_else(String::new, |nearest| format!(" (did you mean {nearest:?}?)"));
    format!("missing column {name:?}{meant}: the header has {}", listed(header))
}

/// Names for a message, not too many of them.
pub(super) fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let first = names[..names.len().min(MOST)].join(", ");
    match names.len() > MOST {
        true => format!("{first}, ... ({} in all)", names.len()),
        false => first,
    }
}

/// The name that is nearest to one that is not there, if any is near: by few edits for its length, or else by how it
/// begins.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    let length = wanted.chars().count();
    let mut edited: Option<(usize, &str)> = None;
    let mut alike: Option<(f64, &str)> = None;
    for other in names {
        let found = plain(other);
        let edits = strsim::osa_distance(&wanted, &found);
        if edits < length && edits <= (length / 3).max(1) && edited.is_none_or(|(least, _)| edits < least) {
            edited = Some((edits, other));
        }
        let score = strsim::jaro_winkler(&wanted, &found);
        if score > 0.75 && alike.is_none_or(|(most, _)| score >= most) {
            alike = Some((score, other));
        }
    }
    edited.map(|(_, name)| name).or(alike.map(|(_, name)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn usual_names_are_known_however_they_are_written() {
        for (names, expected) in [
            (
                &["when", "User ID", "movie-id", "Rating"][..],
                [Some(1), Some(2), Some(3), Some(0)],
            ),
            (
                &["asin", "reviewerID", "overall", "unixReviewTime"],
                [Some(1), Some(0), Some(2), Some(3)],
            ),
            (
                &["user_id:token", "item_id:token", "timestamp:float"],
                [Some(0), Some(1), None, Some(2)],
            ),
            (
                &["date", "timestamp", "username", "user_id"],
                [Some(3), None, None, Some(1)],
            ),
        ] {
            assert_eq!(
                Role::OF_PAIRS.map(|role| role.find(&header(names))),
                expected,
                "{names:?}"
            );
        }
    }

    #[test]
    fn the_nearest_name_is_found_by_few_edits_or_by_its_beginning() {
        let near = |name: &str| nearest(name, ["user", "item", "time", "age", "item_category"].into_iter());
        for (name, found) in [
            ("aeg", Some("age")),
            ("itme", Some("item")),
            ("itemcat", Some("item_category")),
            ("users", Some("user")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(near(name), found, "{name}");
        }
    }

    #[test]
    fn a_name_wins_over_a_number_and_this_is_said() {
        let names = header(&["3", "who", "what"]);
        let place = |column: Column| place_of(&column, Some(&names), 3);
        assert_eq!(place("who".into()), Ok((1, None)));
        assert_eq!(place("2".into()), Ok((1, None)));
        assert_eq!(place(3.into()), Ok((2, None)));
        let (found, note) = place("3".into()).unwrap();
        assert!(found == 0 && note.unwrap().contains("not for column 3"));
        assert!(place("0".into()).unwrap_err().contains("count from 1"));
        assert!(place("4".into()).unwrap_err().contains("rows have 3 fields"));
        assert!(place("waht".into()).unwrap_err().contains("did you mean \"what\"?"));
        assert!(place_of(&"who".into(), None, 3).unwrap_err().contains("no header"));
        assert_eq!(place_of(&"2".into(), None, 3), Ok((1, None)));
    }
}
