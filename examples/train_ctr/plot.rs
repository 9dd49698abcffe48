//! Calibration as an SVG: clicks as predicted and as observed.

use std::path::Path;

use plotters::prelude::*;
use pocketrec::{
    Error, Result,
    eval::{ClickReport, clicks::Bin},
};

/// Refuses what cannot be drawn before any time is spent on training.
pub fn check(path: &Path) -> Result<()> {
    match path.extension().and_then(|end| end.to_str()) {
        Some("svg") => Ok(()),
        _ => {
            let reason = format!("{} is not an .svg; other formats are not supported", path.display());
            Err(Error::config("--plot", reason))
        }
    }
}

/// Draws a point for each bin of about as many rows. The file replaces an older one once it is whole.
pub fn draw(path: &Path, title: &str, report: &ClickReport) -> Result<()> {
    let mut svg = String::new();
    render(&mut svg, title, &report.calibration.bins).map_err(|error| Error::config("--plot", error.to_string()))?;
    pocketrec::checkpoint::replace_file(path, |file| file.write_all(svg.as_bytes()))
}

fn render(svg: &mut String, title: &str, bins: &[Bin]) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, (640, 600)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc("predicted probability of a click")
        .y_desc("share of clicks")
        .light_line_style(WHITE)
        .draw()?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], BLACK.mix(0.4)))?;
    let points = bins.iter().map(|bin| (bin.predicted, bin.observed));
    chart.draw_series(LineSeries::new(points, BLUE.stroke_width(2)).point_size(4))?;
    area.present()?;
    Ok(())
}
