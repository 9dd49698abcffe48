//! A picture of models side by side: a bar for each measure of each, longest at the value that is largest.

use std::path::Path;

use plotters::{prelude::*, style::text_anchor::HPos};
use pocketrec::Result;

use super::comparison::{Comparison, Row, shown};
use crate::common::plot::{self, Area, COLOURS, Drawn, Legend, STRIP, TITLE, text};

/// Pixels: of the picture, of the names on the left, left for numbers on the right, of a bar, and between models.
const WIDTH: u32 = 800;
const NAMES: i32 = 300;
const NUMBERS: i32 = 70;
const BAR: i32 = 18;
const GAP: i32 = 14;
/// What no model can pass stands back.
const CEILING: RGBColor = RGBColor(150, 150, 150);

/// Draws the first `measures` of a comparison to a file, which replaces an older one once it is whole.
///
/// # Errors
/// Where the file cannot be written.
pub fn save(comparison: &Comparison, title: &str, measures: usize, path: &Path) -> Result<()> {
    plot::save(path, |svg| render(comparison, title, measures, svg))
}

fn render(comparison: &Comparison, title: &str, measures: usize, svg: &mut String) -> Drawn {
    let block = measures as i32 * BAR + GAP;
    let height = TITLE + STRIP + (block * comparison.rows.len() as i32 + GAP) as u32;
    let all = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    all.fill(&WHITE)?;
    let (head, body) = all.split_vertically(TITLE);
    head.draw(&Text::new(
        title.to_owned(),
        (WIDTH as i32 / 2, 24),
        text(20, HPos::Center),
    ))?;
    let (strip, bars) = body.split_vertically(STRIP);
    let mut legend = Legend::new(&strip);
    for (name, colour) in comparison.measures.iter().take(measures).zip(COLOURS) {
        legend.line(name, colour)?;
    }
    let values = comparison.rows.iter().flat_map(|row| row.values.iter().take(measures));
    let most = values.flatten().fold(1e-9f64, |most, &value| most.max(value));
    for (at, row) in (0..).zip(&comparison.rows) {
        draw(&bars, row, measures, most, GAP / 2 + at * block)?;
    }
    Ok(all.present()?)
}

/// A model's name and its bars from this height on.
fn draw(area: &Area, row: &Row, measures: usize, most: f64, top: i32) -> Drawn {
    let middle = top + measures as i32 * BAR / 2;
    area.draw(&Text::new(
        row.name.clone(),
        (NAMES - 10, middle),
        text(15, HPos::Right),
    ))?;
    let room = f64::from(WIDTH as i32 - NAMES - NUMBERS);
    for ((at, value), colour) in (0..).zip(row.values.iter().take(measures)).zip(COLOURS) {
        let (above, length) = (top + at * BAR, value.map_or(0.0, |value| value / most * room));
        let end = NAMES + length.round() as i32;
        let colour = if row.is_ceiling { CEILING } else { colour };
        let bar = [(NAMES, above + 2), (end, above + BAR - 2)];
        area.draw(&Rectangle::new(bar, colour.filled()))?;
        let number = (end + 6, above + BAR / 2);
        area.draw(&Text::new(shown(*value), number, text(13, HPos::Left)))?;
    }
    Ok(())
}
