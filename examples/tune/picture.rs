//! The picture: the metric of each trial over its epochs, and the best of each trial against each setting.

use std::path::Path;

use plotters::{prelude::*, style::text_anchor::HPos};
use pocketrec::{
    Result,
    tune::{Domain, Parameter, Study, Tuner, Value},
};

use crate::common::plot::{self, Area, Axis, COLOURS, Drawn, Legend, STRIP, TITLE, mesh, text};

const WIDTH: u32 = 1000;
const CURVES: u32 = 440;
/// Height of a row of panels of settings, and how many are side by side.
const ROW: u32 = 300;
const ACROSS: usize = 3;

/// Draws a study to a file, which replaces an older one once it is whole.
pub fn draw(path: &Path, tuner: &Tuner) -> Result<()> {
    plot::save(path, |svg| render(svg, tuner))
}

fn render(svg: &mut String, tuner: &Tuner) -> Drawn {
    let (study, parameters) = (tuner.study(), tuner.search().space.parameters());
    let rows = parameters.len().div_ceil(ACROSS) as u32;
    let all = SVGBackend::with_string(svg, (WIDTH, TITLE + CURVES + rows * ROW)).into_drawing_area();
    all.fill(&WHITE)?;
    let (head, body) = all.split_vertically(TITLE);
    let title = format!("{} trials, {} epochs", study.trials().len(), study.epochs());
    head.draw(&Text::new(title, (WIDTH as i32 / 2, 24), text(20, HPos::Center)))?;
    let (top, bottom) = body.split_vertically(CURVES);
    curves(&top, study)?;
    let panels = bottom.split_evenly((rows as usize, ACROSS));
    for (panel, parameter) in panels.iter().zip(parameters) {
        setting(panel, study, parameter)?;
    }
    all.present()?;
    Ok(())
}

/// A line a trial; the winner's stands out.
fn curves(area: &Area, study: &Study) -> Drawn {
    let (strip, body) = area.split_vertically(STRIP);
    let best = study.winner().map(|winner| winner.trial);
    let points = |trial: usize| -> Vec<(f64, f64)> {
        let curve = study.trials()[trial].curve.iter().copied();
        (1..).map(f64::from).zip(curve).collect()
    };
    let all: Vec<(f64, f64)> = (0..study.trials().len()).flat_map(points).collect();
    if all.is_empty() {
        return Ok(());
    }
    let x = Axis::of_epochs(all.iter().map(|point| point.0));
    let y = Axis::of(all.iter().map(|point| point.1));
    let mut chart = ChartBuilder::on(&body)
        .margin_left(12)
        .margin_right(24)
        .margin_bottom(10)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    mesh(chart.configure_mesh().y_desc("NDCG@10 on validation items"), "epoch")?;
    let faint = COLOURS[0].mix(0.45);
    let others = (0..study.trials().len()).filter(|&trial| Some(trial) != best);
    for trial in others {
        chart.draw_series(LineSeries::new(points(trial), faint))?;
        chart.draw_series(
            points(trial)
                .into_iter()
                .map(|point| Circle::new(point, 2, faint.filled())),
        )?;
    }
    if let Some(best) = best {
        chart.draw_series(LineSeries::new(points(best), COLOURS[1].stroke_width(2)))?;
        chart.draw_series(
            points(best)
                .into_iter()
                .map(|point| Circle::new(point, 4, COLOURS[1].filled())),
        )?;
    }
    let mut legend = Legend::new(&strip);
    legend.line("a trial", COLOURS[0])?;
    legend.line("the winner", COLOURS[1])
}

/// A point a trial at its value of the setting; those that were trained longer are larger.
fn setting(area: &Area, study: &Study, parameter: &Parameter) -> Drawn {
    let place = |value: &Value| match (&parameter.domain, value) {
        (Domain::Choice(values), value) => values.iter().position(|own| own == value).map(|at| at as f64),
        (Domain::LogUniform { .. }, Value::Number(number)) => Some(number.log10()),
        (_, Value::Number(number)) => Some(*number),
        (_, Value::Whole(number)) => Some(*number as f64),
        (_, Value::Text(_)) => None,
    };
    let trials = study.trials().iter().enumerate();
    let points: Vec<(f64, f64, u32, bool)> = trials
        .filter_map(|(at, trial)| {
            let x = place(trial.settings.get(&parameter.name)?)?;
            let best = study.winner().is_some_and(|winner| winner.trial == at);
            Some((x, trial.value()?, trial.epochs(), best))
        })
        .collect();
    if points.is_empty() {
        return Ok(());
    }
    let (x, name) = match &parameter.domain {
        Domain::Choice(values) => (
            Axis::of_names(values.iter().map(Value::to_string).collect()),
            parameter.name.clone(),
        ),
        Domain::LogUniform { .. } => (
            Axis::of(points.iter().map(|point| point.0)),
            format!("{}, as a power of ten", parameter.name),
        ),
        _ => (Axis::of(points.iter().map(|point| point.0)), parameter.name.clone()),
    };
    let y = Axis::of(points.iter().map(|point| point.1));
    let mut chart = ChartBuilder::on(area)
        .margin_top(16)
        .margin_right(24)
        .margin_bottom(10)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    mesh(&mut chart.configure_mesh(), &name)?;
    chart.draw_series(points.into_iter().map(|(x, y, epochs, best)| {
        let colour = if best { COLOURS[1].mix(1.0) } else { COLOURS[0].mix(0.6) };
        Circle::new((x, y), 3 + epochs.max(1).ilog2().min(5) as i32, colour.filled())
    }))?;
    Ok(())
}
