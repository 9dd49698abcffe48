//! Pictures as SVG: learning curves, and predicted against observed clicks.

use std::{ops::Range, path::Path};

use plotters::{
    coord::{
        Shift,
        ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter},
        types::RangedCoordf64,
    },
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use pocketrec::{Error, Result, eval::clicks::Bin};

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Colours that are told apart by all eyes, and in grey (Okabe and Ito, 2008).
pub const COLOURS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];
const INK: RGBColor = RGBColor(60, 60, 60);
const GRID: RGBColor = RGBColor(228, 228, 228);
/// Above each panel, for its legend.
pub const STRIP: u32 = 34;
/// Above everything.
pub const TITLE: u32 = 40;
/// Epochs up to which each has a point.
const POINTS: usize = 50;

/// Draws a picture to a file, which replaces an older one once it is whole.
///
/// # Errors
/// Where the file cannot be written.
pub fn save(path: &Path, render: impl FnOnce(&mut String) -> Drawn) -> Result<()> {
    let mut svg = String::new();
    render(&mut svg).map_err(|error| Error::config("--plot", error.to_string()))?;
    pocketrec::checkpoint::replace_file(path, |file| file.write_all(svg.as_bytes()))
}

/// A line with its name: values at epochs, or at predicted probabilities.
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// What is not finite is left out.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let points = points.into_iter().filter(|point| point.1.is_finite());
        Series {
            name: name.into(),
            points: points.map(|(epoch, value)| (f64::from(epoch), value)).collect(),
        }
    }
}

/// A picture that is about to be drawn.
pub struct Picture<'a> {
    pub title: &'a str,
    /// Panels one above the other, with the epoch for their common axis.
    pub panels: Vec<Vec<Series>>,
    /// The epoch that is marked as the best.
    pub best: Option<u32>,
    /// Rows of about the same prediction, in a panel beside the others.
    pub calibration: Option<&'a [Bin]>,
}

impl Picture<'_> {
    /// Draws it to a file, which replaces an older one once it is whole.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        save(path, |svg| self.render(svg))
    }

    fn render(&self, svg: &mut String) -> Drawn {
        let panels: Vec<&Vec<Series>> = self.panels.iter().filter(|panel| has_points(panel)).collect();
        let (curves, square) = (!panels.is_empty(), self.calibration.is_some());
        let width = if curves { 800 } else { 0 } + if square { 600 } else { 0 };
        let all = SVGBackend::with_string(svg, (width.max(600), 640)).into_drawing_area();
        all.fill(&WHITE)?;
        let (head, body) = all.split_vertically(TITLE);
        let middle = (head.dim_in_pixel().0 as i32 / 2, 24);
        head.draw(&Text::new(self.title.to_owned(), middle, text(20, HPos::Center)))?;
        let mut best = self.best;
        let (left, right) = body.split_horizontally(if curves { 800 } else { 0 });
        for (area, panel) in left.split_evenly((panels.len().max(1), 1)).iter().zip(panels) {
            self.curve(area, panel, &mut best)?;
        }
        if let Some(bins) = self.calibration {
            calibration(&right, bins)?;
        }
        all.present()?;
        Ok(())
    }

    /// One panel over the epochs. The first says what the mark of the best is.
    fn curve(&self, area: &Area, panel: &[Series], to_name: &mut Option<u32>) -> Drawn {
        let (strip, body) = area.split_vertically(STRIP);
        let points = || panel.iter().flat_map(|series| &series.points);
        let (x, y) = (
            Axis::of_epochs(points().map(|point| point.0)),
            Axis::of(points().map(|point| point.1)),
        );
        let last = x.range.end;
        let mut chart = ChartBuilder::on(&body)
            .margin_right(24)
            .margin_bottom(10)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)?;
        mesh(&mut chart.configure_mesh(), "epoch")?;
        let mut legend = Legend::new(&strip);
        for (series, colour) in panel.iter().zip(COLOURS) {
            let points = series.points.iter().copied();
            let size = if series.points.len() <= POINTS { 3 } else { 0 };
            chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)).point_size(size))?;
            if size > 0 {
                chart.draw_series(points.map(|point| Circle::new(point, 3, colour.filled())))?;
            }
            legend.line(&series.name, colour)?;
        }
        let Some(best) = self.best.map(f64::from).filter(|best| *best <= last) else {
            return Ok(());
        };
        let marked: Vec<(f64, f64)> = points().copied().filter(|point| point.0 == best).collect();
        if !marked.is_empty() {
            chart.draw_series(marked.iter().map(|&point| Circle::new(point, 7, INK.stroke_width(1))))?;
            if let Some(best) = to_name.take() {
                legend.ring(&format!("best epoch, {best}"))?;
            }
        }
        Ok(())
    }
}

fn has_points(panel: &[Series]) -> bool {
    panel.iter().any(|series| !series.points.is_empty())
}

/// A point for each bin; on the diagonal as many are clicked on as were predicted.
fn calibration(area: &Area, bins: &[Bin]) -> Drawn {
    let (strip, body) = area.split_vertically(STRIP);
    let values = || bins.iter().flat_map(|bin| [bin.predicted, bin.observed]);
    let most = values().fold(0.0, f64::max);
    let axis = || Axis::of([0.0, most.max(1e-3)].into_iter()).with_zero();
    let mut chart = ChartBuilder::on(&body)
        .margin_right(24)
        .margin_bottom(10)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(axis(), axis())?;
    mesh(
        chart.configure_mesh().y_desc("share of rows with a click"),
        "predicted probability of a click",
    )?;
    let end = axis().range.end;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (end, end)], INK.mix(0.5)))?;
    let points = bins.iter().map(|bin| (bin.predicted, bin.observed));
    chart.draw_series(LineSeries::new(points.clone(), COLOURS[0].stroke_width(2)))?;
    chart.draw_series(points.map(|point| Circle::new(point, 4, COLOURS[0].filled())))?;
    let mut legend = Legend::new(&strip);
    let rows = bins.iter().map(|bin| bin.rows).max().unwrap_or(0);
    legend.line(&format!("test rows, up to {rows} a point"), COLOURS[0])?;
    legend.line("as predicted", RGBColor(150, 150, 150))
}

/// Faint lines at the labels, which stand at the axes' own ticks.
pub fn mesh<'a, 'b, 'c>(mesh: &mut plotters::chart::MeshStyle<'a, 'b, Axis, Axis, SVGBackend<'c>>, x: &str) -> Drawn {
    mesh.x_desc(x)
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .max_light_lines(0)
        .axis_style(INK)
        .label_style(("sans-serif", 14).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
        .draw()?;
    Ok(())
}

pub fn text(size: u32, across: HPos) -> TextStyle<'static> {
    let style = TextStyle::from(("sans-serif", size).into_font()).color(&INK);
    style.pos(Pos::new(across, VPos::Center))
}

/// Names beside what stands for them, above a panel and so clear of its curves.
pub struct Legend<'a, 'b> {
    strip: &'a Area<'b>,
    at: i32,
}

impl<'a, 'b> Legend<'a, 'b> {
    pub fn new(strip: &'a Area<'b>) -> Self {
        Legend { strip, at: 64 }
    }

    pub fn line(&mut self, name: &str, colour: RGBColor) -> Drawn {
        let y = STRIP as i32 / 2;
        let line = PathElement::new([(self.at, y), (self.at + 24, y)], colour.stroke_width(3));
        self.strip.draw(&line)?;
        self.name(name)
    }

    fn ring(&mut self, name: &str) -> Drawn {
        let ring = Circle::new((self.at + 12, STRIP as i32 / 2), 7, INK.stroke_width(1));
        self.strip.draw(&ring)?;
        self.name(name)
    }

    fn name(&mut self, name: &str) -> Drawn {
        let at = (self.at + 32, STRIP as i32 / 2);
        self.strip.draw(&Text::new(name.to_owned(), at, text(15, HPos::Left)))?;
        // A letter of common fonts is some half as wide as it is high.
        self.at += 32 + 8 * name.chars().count() as i32 + 20;
        Ok(())
    }
}

/// An axis with labels at round numbers.
pub struct Axis {
    range: Range<f64>,
    ticks: Vec<f64>,
    decimals: usize,
    /// What stands at the ticks instead of their numbers.
    names: Vec<String>,
}

impl Axis {
    /// Room for all values and a little more.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        // Values that are all the same lie in the middle.
        let height = (high - low).max(0.01 * high.abs()).max(1e-4);
        let middle = 0.5 * (low + high);
        let range = middle - 0.56 * height..middle + 0.56 * height;
        Axis::over(range, round_step(height / 5.0))
    }

    /// Whole epochs alone.
    pub fn of_epochs(epochs: impl Iterator<Item = f64> + Clone) -> Self {
        let low = epochs.clone().fold(f64::INFINITY, f64::min);
        let high = epochs.fold(f64::NEG_INFINITY, f64::max);
        let margin = (0.03 * (high - low)).max(0.5);
        let step = round_step((high - low) / 12.0).max(1.0);
        let mut axis = Axis::over(low - margin..high + margin, step);
        axis.ticks.retain(|&tick| (low..=high).contains(&tick));
        axis
    }

    /// Names at 0, 1, 2 and so on.
    pub fn of_names(names: Vec<String>) -> Self {
        let last = names.len().max(1) as f64 - 1.0;
        let mut axis = Axis::over(-0.5..last + 0.5, 1.0);
        axis.names = names;
        axis
    }

    fn over(range: Range<f64>, step: f64) -> Self {
        let first = (range.start / step).ceil() as i64;
        let last = (range.end / step).floor() as i64;
        Axis {
            ticks: (first..=last).map(|tick| tick as f64 * step).collect(),
            decimals: (-step.log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize,
            names: Vec::new(),
            range,
        }
    }

    fn with_zero(mut self) -> Self {
        self.range.start = 0.0;
        self.ticks.retain(|tick| *tick >= 0.0);
        self
    }
}

/// 1, 2 or 5 times a power of ten, the next that is no less.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1e-9).log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range.clone()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        match self.names.get(value.round() as usize) {
            Some(name) => name.clone(),
            None => format!("{value:.*}", self.decimals),
        }
    }
}
