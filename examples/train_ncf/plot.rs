//! The learning curve as an SVG.

use std::path::Path;

use plotters::prelude::*;
use pocketrec::{Error, Result, train::EpochReport};

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

/// Draws HR, NDCG and the loss against the epoch. The file replaces an older one once it is whole.
pub fn draw(path: &Path, title: &str, curve: &[EpochReport]) -> Result<()> {
    let mut svg = String::new();
    render(&mut svg, title, curve).map_err(|error| Error::config("--plot", error.to_string()))?;
    pocketrec::checkpoint::replace_file(path, |file| file.write_all(svg.as_bytes()))
}

fn render(svg: &mut String, title: &str, curve: &[EpochReport]) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, (800, 600)).into_drawing_area();
    area.fill(&WHITE)?;
    let (above, below) = area.split_vertically(360);
    let points = |value: &dyn Fn(&EpochReport) -> Option<f64>| -> Vec<(f64, f64)> {
        let point = |report: &EpochReport| Some((f64::from(report.epoch), value(report)?));
        curve.iter().filter_map(point).collect()
    };
    let k = curve
        .iter()
        .find_map(|report| report.ranking)
        .map_or(10, |ranking| ranking.k);
    let ranking = [
        (format!("HR@{k}"), points(&|report| Some(report.ranking?.hr)), BLUE),
        (format!("NDCG@{k}"), points(&|report| Some(report.ranking?.ndcg)), RED),
    ];
    chart(&above, title, &ranking)?;
    chart(
        &below,
        "",
        &[("loss".into(), points(&|report| Some(report.loss)), BLACK)],
    )?;
    area.present()?;
    Ok(())
}

type Series = (String, Vec<(f64, f64)>, RGBColor);

fn chart<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    title: &str,
    series: &[Series],
) -> Result<(), Box<dyn std::error::Error>>
where
    B::ErrorType: 'static,
{
    let all = || series.iter().flat_map(|(_, points, _)| points);
    let range = |pick: fn(&(f64, f64)) -> f64| {
        let low = all().map(pick).fold(f64::INFINITY, f64::min);
        let high = all().map(pick).fold(f64::NEG_INFINITY, f64::max);
        let margin = 0.05 * (high - low).max(1e-3);
        low - margin..high + margin
    };
    let mut builder = ChartBuilder::on(area);
    builder.margin(12).x_label_area_size(32).y_label_area_size(56);
    if !title.is_empty() {
        builder.caption(title, ("sans-serif", 18));
    }
    let mut chart = builder.build_cartesian_2d(range(|point| point.0), range(|point| point.1))?;
    let number = |value: &f64| format!("{value:.0}");
    chart
        .configure_mesh()
        .x_desc("epoch")
        .y_desc(if series.len() > 1 { "" } else { &series[0].0 })
        .x_label_formatter(&number)
        .light_line_style(WHITE)
        .draw()?;
    for (name, points, colour) in series {
        let colour = *colour;
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3))?
            .label(format!("{name}   ")) // room that the estimate of the text's width lacks
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    if series.len() > 1 {
        let legend = &mut chart.configure_series_labels();
        legend.position(SeriesLabelPosition::LowerRight).margin(16);
        legend.background_style(WHITE).border_style(BLACK).draw()?;
    }
    Ok(())
}
