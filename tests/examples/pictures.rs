//! The pictures: labels at whole epochs, each once, and legends clear of the curves.

use std::path::Path;

use crate::{
    clicks::clicks,
    ncf::{plays, train},
    printed,
};

/// A text of an SVG and where it stands.
struct Label {
    /// What of it is at `x`: its start, middle or end.
    anchor: String,
    x: f64,
    y: f64,
    text: String,
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let from = tag.split_once(&format!(" {name}=\""))?.1;
    Some(from.split_once('"')?.0.to_owned())
}

fn labels(svg: &str) -> Vec<Label> {
    let label = |part: &str| {
        let (tag, text) = part.split_once('>')?;
        let number = |name| attribute(tag, name)?.parse().ok();
        let text = text.split_once('<')?.0.trim().to_owned();
        Some(Label {
            anchor: attribute(tag, "text-anchor")?,
            x: number("x")?,
            y: number("y")?,
            text,
        })
    };
    svg.split("<text").skip(1).filter_map(label).collect()
}

/// The points of all curves; frames and ticks are drawn thinner, legends thicker.
fn curves(svg: &str) -> Vec<Vec<[f64; 2]>> {
    let lines = svg.split("<polyline").skip(1).filter_map(|part| part.split_once('>'));
    let of_curves = lines.filter(|(tag, _)| attribute(tag, "stroke-width").as_deref() == Some("2"));
    let point = |pair: &str| {
        let (x, y) = pair.split_once(',').unwrap();
        [x.parse().unwrap(), y.parse().unwrap()]
    };
    of_curves
        .map(|(tag, _)| {
            attribute(tag, "points")
                .unwrap()
                .split_whitespace()
                .map(point)
                .collect()
        })
        .collect()
}

/// Labels of the axis whose description is `epoch`, one list an axis.
fn epochs(labels: &[Label]) -> Vec<Vec<String>> {
    let axes = labels.iter().filter(|label| label.text == "epoch");
    axes.map(|axis| {
        let below = |label: &&Label| {
            (axis.y - 60.0..axis.y - 10.0).contains(&label.y)
                && label.anchor == "middle"
                && (label.x - axis.x).abs() < 400.0
        };
        let numbers = labels.iter().filter(below).map(|label| label.text.clone());
        numbers.filter(|text| text.parse::<f64>().is_ok()).collect()
    })
    .collect()
}

/// Every legend stands above all curves of its panel, which begins below it.
fn check_legends(labels: &[Label], curves: &[Vec<[f64; 2]>], names: &[&str]) {
    for name in names {
        let legend = labels.iter().find(|label| label.text.starts_with(name));
        let legend = legend.unwrap_or_else(|| panic!("no legend {name}"));
        let near = |y: f64| (legend.y - 12.0..legend.y + 12.0).contains(&y);
        for point in curves.iter().flatten() {
            assert!(!near(point[1]), "{name} lies on a curve");
        }
    }
}

fn drawn(folder: &Path, name: &str) -> String {
    let svg = std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    svg
}

#[test]
fn a_learning_curve_has_labels_at_whole_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    plays(folder);
    for (count, wanted) in [
        ("1", vec![1]),
        ("3", vec![1, 2, 3]),
        ("20", (1..=10).map(|k| 2 * k).collect()),
        ("200", (1..=10).map(|k| 20 * k).collect::<Vec<u32>>()),
    ] {
        let model = ["--model", "mf", "--factors", "2", "--plot", "a.svg", "--epochs", count];
        printed("train_ncf", folder, &train(&model));
        let svg = drawn(folder, "a.svg");
        let (labels, curves) = (labels(&svg), curves(&svg));
        let wanted: Vec<String> = wanted.iter().map(u32::to_string).collect();
        assert_eq!(epochs(&labels), [wanted.clone(), wanted], "{count} epochs");
        let points: Vec<usize> = curves.iter().map(Vec::len).filter(|&points| points > 1).collect();
        let epochs: usize = count.parse().unwrap();
        assert_eq!(points, if epochs > 1 { vec![epochs; 3] } else { vec![] });
        check_legends(&labels, &curves, &["HR@10", "NDCG@10", "loss", "best epoch, "]);
    }
}

#[test]
fn clicks_have_a_curve_and_a_calibration() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clicks(folder);
    let model = [
        "--data",
        ".",
        "--model",
        "lr",
        "--batch",
        "100",
        "--patience",
        "0",
        "--epochs",
        "5",
        "--plot",
        "a.svg",
    ];
    printed("train_ctr", folder, &model);
    let svg = drawn(folder, "a.svg");
    let (labels, curves) = (labels(&svg), curves(&svg));
    let wanted = ["1", "2", "3", "4", "5"];
    assert_eq!(epochs(&labels), [wanted, wanted]);
    let names = [
        "AUC on dev rows",
        "by user",
        "loss in training",
        "log loss on dev rows",
        "test rows, up to",
        "as predicted",
    ];
    check_legends(&labels, &curves, &names);
    assert!(
        labels
            .iter()
            .any(|label| label.text == "predicted probability of a click")
    );
    // Shares from 0 on, each label once.
    let shares = labels
        .iter()
        .filter(|label| label.x > 800.0 && label.text.starts_with("0."));
    let mut shares: Vec<f64> = shares.map(|label| label.text.parse().unwrap()).collect();
    shares.sort_by(f64::total_cmp);
    assert!(
        shares.len() >= 6 && shares[0] == 0.0 && shares.chunks(2).all(|pair| pair[0] == pair[1]),
        "{shares:?}"
    );
}

/// Long titles are cut, so that no line of a table is wider than a terminal.
#[test]
fn tables_fit_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let title = "The Long and Winding Title of a Film That Nobody Ever Saw to Its End, 愛と平和の長い長い題名 (1999)";
    let ratings: String = (0..40)
        .flat_map(|user| (0..6).map(move |n| format!("{}::{}::5::{n}\n", user + 1, (user * 3 + n * 5) % 50 + 1)))
        .collect();
    let movies: String = (1..=50)
        .map(|movie| format!("{movie}::{movie} {title}::Drama\n"))
        .collect();
    std::fs::write(folder.join("ratings.dat"), ratings).unwrap();
    std::fs::write(folder.join("movies.dat"), movies).unwrap();
    let text = printed(
        "train_ncf",
        folder,
        &[
            "--data",
            "ratings.dat",
            "--epochs",
            "2",
            "--full",
            "--patience",
            "2",
            "--checkpoint",
            "a",
            "--quiet",
        ],
    );
    let absorb = ["--model", "a", "--user", "3", "--absorb", "3:7,3:8"];
    let both = text + &printed("recommend", folder, &absorb);
    let lines: Vec<&str> = both
        .lines()
        .filter(|line| line.starts_with(['│', '┌', '╞', '└']))
        .collect();
    // The key stands behind a title that was cut.
    assert!(both.contains("… [") && !both.contains("……"), "{both}");
    assert!(lines.len() > 30 && both.contains('…'), "{both}");
    for line in lines {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
    }
}
