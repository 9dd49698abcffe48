//! Tables that fit a terminal.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of the narrowest terminal that tables are made for.
pub const TERMINAL: usize = 80;

/// A table whose columns that `right` names are numbers; in others text is broken into lines where there is too much.
pub fn table(header: Vec<String>, right: impl Fn(usize) -> bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header);
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(TERMINAL as u16);
    for (at, column) in table.column_iter_mut().enumerate() {
        if right(at) {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

/// Cuts a text to so many columns, with an ellipsis where something is missing. Control characters, which could do
/// anything to a terminal, become blanks.
pub fn cut(text: &str, width: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.width() <= width {
        return text;
    }
    let mut used = 1; // the ellipsis
    let kept = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= width
    });
    let kept: String = kept.collect();
    kept.trim_end().to_owned() + "…"
}

/// Cuts a title to what so many columns leave beside the item's key, which stands behind it in brackets.
pub fn titled(title: Option<&str>, key: &str, width: usize) -> String {
    match title {
        Some(title) => {
            let key = cut(key, width / 2);
            format!("{} [{key}]", cut(title, width.saturating_sub(key.width() + 3)))
        }
        None => cut(key, width),
    }
}

/// Joins as many of the texts as fit into so many columns; at least one.
pub fn listed(texts: impl IntoIterator<Item = String>, width: usize) -> String {
    let mut line = String::new();
    for text in texts {
        if !line.is_empty() {
            if line.width() + 2 + text.width() > width {
                break;
            }
            line.push_str(", ");
        }
        line.push_str(&text);
    }
    line
}

/// A line with a heading before it, broken where it would be wider than a terminal; what follows is indented to stand
/// below the text. Control characters become blanks, as where [`cut`] is used.
pub fn wrapped(heading: &str, text: &str) -> String {
    const INDENT: usize = 10;
    let mut out = format!("{heading:<INDENT$}");
    let mut used = out.width();
    let mut first = true;
    let clean = |word: &str| cut(word, usize::MAX);
    for word in text.split(' ').map(clean) {
        let width = word.width();
        if !first && used + 1 + width > TERMINAL && used > INDENT {
            out.push('\n');
            out.push_str(&" ".repeat(INDENT));
            used = INDENT;
        } else if !first {
            out.push(' ');
            used += 1;
        }
        out.push_str(&word);
        used += width;
        first = false;
    }
    out
}
