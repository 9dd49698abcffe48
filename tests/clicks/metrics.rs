//! Metrics of predicted clicks against hand-computed values, brute force and scikit-learn; and made-up clicks, whose
//! best AUC is known.

use std::collections::HashMap;

use pocketrec::{
    Error,
    data::clicks::{Field, Part, PlantedClickData, PlantedClicks, PlantedLogit, Schema, Training},
    eval::{
        ClickReport, RankingReport,
        clicks::{Bin, auc, calibration, grouped_auc, log_loss},
        evaluate_cases,
    },
};
use proptest::prelude::*;

#[track_caller]
fn near(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance, "got {got}, wanted {want}");
}

#[test]
fn auc_counts_pairs_and_ties_by_half() {
    let cases: [(&[f32], &[f32], Option<f64>); 8] = [
        (&[0.1, 0.4, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0], Some(0.75)),
        (&[1.0, 2.0], &[0.0, 1.0], Some(1.0)),
        (&[2.0, 1.0], &[0.0, 1.0], Some(0.0)),
        (&[3.0; 5], &[0.0, 1.0, 1.0, 0.0, 0.0], Some(0.5)),
        (&[-0.0, 0.0], &[1.0, 0.0], Some(0.5)),
        (
            &[f32::INFINITY, f32::NEG_INFINITY, -1e-40, 1e-40],
            &[1.0, 0.0, 0.0, 1.0],
            Some(1.0),
        ),
        (&[1.0, 2.0], &[1.0, 1.0], None),
        (&[1.0, 2.0], &[0.0, 0.0], None),
    ];
    for (scores, labels, expected) in cases {
        assert_eq!(auc(scores, labels).unwrap(), expected, "{scores:?} {labels:?}");
    }
}

/// AUC by its definition: the share of pairs of a click and another row in which the click has the higher score.
fn auc_by_pairs(rows: &[(f32, f32)]) -> Option<f64> {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (click, _) in rows.iter().filter(|row| row.1 >= 0.5) {
        for (other, _) in rows.iter().filter(|row| row.1 < 0.5) {
            pairs += 1.0;
            wins += if click > other {
                1.0
            } else if click == other {
                0.5
            } else {
                0.0
            };
        }
    }
    (pairs > 0.0).then_some(wins / pairs)
}

proptest! {
    /// Few distinct scores, so that ties are common.
    #[test]
    fn auc_is_that_of_all_pairs(rows in prop::collection::vec((-4i8..4, 0u8..2, 0u32..5), 1..80)) {
        let scores: Vec<f32> = rows.iter().map(|row| f32::from(row.0) / 3.0).collect();
        let labels: Vec<f32> = rows.iter().map(|row| f32::from(row.1)).collect();
        let groups: Vec<u32> = rows.iter().map(|row| row.2).collect();
        let of = |group: Option<u32>| {
            let kept = (0..rows.len()).filter(|&row| group.is_none_or(|group| groups[row] == group));
            kept.map(|row| (scores[row], labels[row])).collect::<Vec<_>>()
        };
        let same = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-12,
            (a, b) => a == b,
        };
        prop_assert!(same(auc(&scores, &labels).unwrap(), auc_by_pairs(&of(None))));
        let parts: Vec<(f64, f64)> = (0..5)
            .filter_map(|group| Some((auc_by_pairs(&of(Some(group)))?, of(Some(group)).len() as f64)))
            .collect();
        let weight: f64 = parts.iter().map(|part| part.1).sum();
        let mean = parts.iter().map(|part| part.0 * part.1).sum::<f64>() / weight;
        let grouped = grouped_auc(&scores, &labels, &groups).unwrap();
        prop_assert!(same(grouped.map(|grouped| grouped.auc), (weight > 0.0).then_some(mean)));
    }
}

#[test]
fn grouped_auc_weighs_groups_by_rows() {
    // Group 5: AUC 1 of 2 rows; group 1: AUC 1 / 4 of 4 rows; group 9 has no click.
    let scores = [1.0, 4.0, 0.0, 2.0, 3.0, 7.0, 2.0];
    let labels = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
    let groups = [5, 1, 1, 5, 1, 9, 1];
    // In group 1 the clicks have 0 and 2, the others 4 and 3: no pair is right.
    let grouped = grouped_auc(&scores, &labels, &groups).unwrap().unwrap();
    assert_eq!((grouped.groups, grouped.rows, grouped.left_out), (2, 6, 1));
    near(grouped.auc, (1.0 * 2.0 + 0.0 * 4.0) / 6.0, 1e-15);
    assert_eq!(grouped_auc(&scores, &[0.0; 7], &groups).unwrap(), None);
}

/// scikit-learn 1.9.1 with numpy 2.4.6 in float64: `roc_auc_score`, `log_loss`, and the mean of `roc_auc_score` by
/// group.
#[test]
fn metrics_are_those_of_scikit_learn() {
    let n = 200i64;
    let logits: Vec<f32> = (0..n).map(|i| ((i * 7919) % 101 - 50) as f32 / 16.0).collect();
    let click = |(i, &z): (i64, &f32)| (((i * 104_729 + i * i * 31) % 97) as f32) < 30.0 + z * 6.0;
    let labels: Vec<f32> = (0..n).zip(&logits).map(|row| f32::from(u8::from(click(row)))).collect();
    let groups: Vec<u32> = (0..n).map(|i| ((i * i * i + 3 * i) % 61) as u32).collect();
    assert_eq!(labels.iter().sum::<f32>(), 58.0);
    let report = ClickReport::of(&logits, &labels, &groups).unwrap();
    near(report.auc.unwrap(), 0.615_225_837_785_332_8, 1e-14);
    near(report.log_loss, 0.889_129_879_165_737_6, 1e-14);
    let grouped = report.grouped.unwrap();
    near(grouped.auc, 0.611_678_004_535_147_4, 1e-14);
    assert_eq!((grouped.groups, grouped.rows, grouped.left_out), (33, 175, 8));
    let text = report.to_string();
    assert!(
        text.starts_with("AUC 0.6152  GAUC ") && text.contains("log loss 0.8891"),
        "{text}"
    );
}

/// `calibration_curve(strategy="quantile")` of the same version.
#[test]
fn calibration_is_that_of_scikit_learn() {
    let n = 120i64;
    let logits: Vec<f32> = (0..n).map(|i| ((i * 37) % 120 - 60) as f32 / 20.0).collect();
    let labels: Vec<f32> = (0..n)
        .map(|i| f32::from(u8::from((i * i * 13 + i * 5) % 29 < 12)))
        .collect();
    let result = calibration(&logits, &labels, 6).unwrap();
    let observed = [0.4, 0.45, 0.95, 0.4, 0.4, 0.5];
    let predicted = [
        0.076_558_695_056_195_47,
        0.182_609_301_791_271_16,
        0.374_120_151_868_459_8,
        0.614_326_919_200_04,
        0.809_903_773_241_334_7,
        0.919_852_452_501_577,
    ];
    assert_eq!(result.bins.len(), 6);
    for ((bin, observed), predicted) in result.bins.iter().zip(observed).zip(predicted) {
        assert_eq!(bin.rows, 20);
        near(bin.observed, observed, 1e-12);
        near(bin.predicted, predicted, 1e-7);
    }
    near(result.ratio(), 0.960_442_352_793_186_6, 1e-7);
    let off = observed.iter().zip(predicted).map(|(o, p)| (o - p).abs()).sum::<f64>() / 6.0;
    near(result.error(), off, 1e-7);
}

#[test]
fn log_loss_holds_at_the_ends() {
    let ln2 = std::f64::consts::LN_2;
    near(log_loss(&[0.0, 0.0], &[1.0, 0.3]).unwrap(), ln2, 1e-15);
    // A probability of 1 - exp(-100) is 1 in any float.
    near(log_loss(&[100.0], &[0.0]).unwrap(), 100.0, 1e-12);
    near(log_loss(&[100.0], &[1.0]).unwrap() / (-100f64).exp(), 1.0, 1e-12);
    assert_eq!(log_loss(&[f32::INFINITY, f32::NEG_INFINITY], &[1.0, 0.0]).unwrap(), 0.0);
    assert_eq!(log_loss(&[f32::INFINITY], &[0.5]).unwrap(), f64::INFINITY);
}

#[test]
fn equal_predictions_are_in_one_bin() {
    let result = calibration(&[0.0, 1.0, 0.0, 0.0, 0.0, 2.0], &[1.0, 1.0, 0.0, 0.0, 0.0, 1.0], 3).unwrap();
    let rows: Vec<u64> = result.bins.iter().map(|bin| bin.rows).collect();
    assert_eq!(rows, [4, 2]);
    assert_eq!((result.bins[0].predicted, result.bins[0].observed), (0.5, 0.25));
    assert_eq!(calibration(&[1.0], &[0.0], 50).unwrap().ratio(), f64::INFINITY);
}

#[test]
fn what_cannot_be_evaluated_is_refused() {
    let reason = |result: Result<ClickReport, Error>| result.unwrap_err().to_string();
    assert!(reason(ClickReport::of(&[], &[], &[])).contains("no rows"));
    assert!(reason(ClickReport::of(&[1.0], &[1.0, 0.0], &[])).contains("expected 2, got 1"));
    assert!(reason(ClickReport::of(&[1.0; 2], &[1.0, 0.0], &[0])).contains("groups"));
    assert!(reason(ClickReport::of(&[1.0, f32::NAN], &[1.0, 0.0], &[])).contains("row 1 is NaN"));
    assert!(reason(ClickReport::of(&[1.0, 2.0], &[1.0, 2.0], &[])).contains("label 2 of row 1"));
    assert!(reason(ClickReport::of(&[1.0], &[f32::NAN], &[])).contains("NaN of row 0"));
    assert!(calibration(&[1.0], &[1.0], 0).unwrap_err().to_string().contains("bins"));
    let one_class = ClickReport::of(&[1.0, 2.0], &[1.0, 1.0], &[3, 3]).unwrap();
    assert_eq!((one_class.auc, one_class.grouped), (None, None));
    assert!(one_class.to_string().contains("undefined"));
}

/// Ranking rows whose candidate and negatives have the numbers of their prices as scores.
#[test]
fn cases_are_ranked_among_their_own_negatives() {
    let schema = Schema::new()
        .field(Field::key("item"))
        .field(Field::raw_number("price").column("item"))
        .negatives("negatives", "item", ' ');
    let mut training = Training::new(schema, vec![]).unwrap();
    training.push_row(&["1"]).unwrap();
    let (encoder, _, mut past) = training.fit().unwrap();
    let mut rows = encoder.rows(&mut past, true);
    // More rows than are made at a time: cases of the ranks 0, 1 with a tie, and 3.
    for _ in 0..2000 {
        rows.push_row(&["9", "1 2 3 4 5 6"]).unwrap();
        rows.push_row(&["5", "1 7 5.0 2"]).unwrap();
        rows.push_row(&["2", "3 4 5"]).unwrap();
    }
    // Counted once each: what comes twice, and the row's own; not counted: a row with nothing to be ranked among.
    rows.push_row(&["2", "3 4 3 5 2 4"]).unwrap();
    rows.push_row(&["1", " "]).unwrap();
    let samples = rows.finish().unwrap();
    let report = samples.negatives_report();
    assert_eq!((report.none, report.repeated, report.own), (1, 2, 1));
    let score = |cases: &pocketrec::data::clicks::Samples, out: &mut [f32]| {
        out.copy_from_slice(cases.numbers());
        Ok(())
    };
    let report = evaluate_cases(&samples, 2, score).unwrap();
    let RankingReport {
        hr,
        ndcg,
        cases,
        left_out,
        scored,
        ..
    } = report;
    assert_eq!((cases, left_out, scored), (6001, 1, 2000 * 16 + 4 + 1));
    near(hr, 2000.0 * (1.0 + 0.5 + 0.0) / 6001.0, 1e-12);
    near(ndcg, 2000.0 * (1.0 + 0.5 / 3f64.log2()) / 6001.0, 1e-12);
    assert!(report.to_string().ends_with("  on 6001 of 6002 cases"), "{report}");
    let wrong = evaluate_cases(&samples, 2, |_, _| Ok(())).unwrap_err();
    assert!(wrong.to_string().contains("row 0"), "{wrong}");
    assert!(evaluate_cases(&samples, 0, score).is_err());
}

fn planted_auc(data: &PlantedClickData, score: impl Fn(usize, &PlantedLogit) -> f32) -> f64 {
    let truth = data.truth(Part::Test).iter().enumerate();
    let scores: Vec<f32> = truth.map(|(row, logit)| score(row, logit)).collect();
    auc(&scores, data.test.labels()).unwrap().unwrap()
}

/// What each kind of model can know, from the rows themselves: ids; which categories a history has; their order.
#[test]
fn planted_clicks_reward_histories_and_their_order() {
    let data = PlantedClicks::default().generate().unwrap();
    assert_eq!(
        (data.train.len(), data.dev.len(), data.test.len()),
        (320_000, 40_000, 40_000)
    );
    let category = data.test.layout().id("category").unwrap();
    let history = |row: usize| data.test.sequence(0).of(1, row);
    let own = |row: usize| data.test.ids(category)[row];
    let share = |row: usize| history(row).iter().filter(|&&id| id == own(row)).count() as f32;
    // The weight of an event halves from one to the one before.
    let recency = |row: usize| {
        history(row)
            .iter()
            .fold(0.0, |sum, &id| sum / 2.0 + f32::from(u8::from(id == own(row))))
    };
    let best = planted_auc(&data, |_, logit| logit.logit());
    let general = planted_auc(&data, |_, logit| logit.general);
    // The weights that fit best, by a grid.
    let fitted = |score: &dyn Fn(usize) -> f32| {
        let auc = |weight: u8| planted_auc(&data, |row, logit| logit.general + f32::from(weight) / 8.0 * score(row));
        (1..40).map(auc).fold(0.0, f64::max)
    };
    let unordered = fitted(&share).max(fitted(&|row| share(row).sqrt()));
    let ordered = fitted(&|row| share(row).min(1.0) + 2.0 * recency(row));
    // How often the user clicked on the category in training, which a model can learn from the two ids.
    let mut clicks = HashMap::<(u32, u32), [f32; 2]>::new();
    let train = &data.train;
    for row in 0..train.len() {
        let [clicked, shown] = clicks.entry((train.ids(0)[row], train.ids(category)[row])).or_default();
        *clicked += train.labels()[row];
        *shown += 1.0;
    }
    let rate = |row: usize| {
        let [clicked, shown] = clicks
            .get(&(data.test.ids(0)[row], own(row)))
            .copied()
            .unwrap_or_default();
        4.0 * (clicked + 0.8) / (shown + 2.0)
    };
    let ids = general.max(fitted(&rate));
    println!("AUC: ids {ids:.4}, histories {unordered:.4}, their order {ordered:.4}, best {best:.4}");
    assert!(ids + 0.1 < unordered && unordered + 0.02 < ordered && ordered + 0.03 < best);
    assert!((0.8..0.9).contains(&best), "{best}");
}

#[test]
fn planted_clicks_are_drawn_by_their_probabilities_and_the_seed() {
    let small = |seed| {
        let options = PlantedClicks {
            users: 400,
            seed,
            ..PlantedClicks::default()
        };
        options.generate().unwrap()
    };
    let data = small(1);
    for part in [Part::Train, Part::Dev, Part::Test] {
        let logits: Vec<f32> = data.truth(part).iter().map(PlantedLogit::logit).collect();
        let samples = data.samples(part);
        let report = ClickReport::of(&logits, samples.labels(), samples.groups()).unwrap();
        // Observed clicks lie within 4 standard errors of what was planted.
        let Bin {
            predicted, observed, ..
        } = report.calibration.total;
        near(observed, predicted, 4.0 * (0.25 / samples.len() as f64).sqrt());
        for bin in &report.calibration.bins {
            near(bin.observed, bin.predicted, 4.0 * (0.25 / bin.rows as f64).sqrt());
        }
    }
    assert_eq!((&data.train, &data.test), (&small(1).train, &small(1).test));
    assert_ne!(data.train.labels(), small(2).train.labels());
}

#[test]
fn planted_options_out_of_range_are_named() {
    let base = PlantedClicks::default;
    for (options, field) in [
        (PlantedClicks { users: 0, ..base() }, "users"),
        (
            PlantedClicks {
                users: u32::MAX,
                ..base()
            },
            "users",
        ),
        (PlantedClicks { items: 19, ..base() }, "items"),
        (
            PlantedClicks {
                items: u32::MAX,
                ..base()
            },
            "users",
        ),
        (
            PlantedClicks {
                rows_per_user: 9,
                ..base()
            },
            "rows_per_user",
        ),
        (
            PlantedClicks {
                interests: 41,
                ..base()
            },
            "interests",
        ),
        (PlantedClicks { history: 0, ..base() }, "history"),
        (
            PlantedClicks {
                history: u32::MAX,
                ..base()
            },
            "history",
        ),
        (PlantedClicks { stay: 1.5, ..base() }, "stay"),
        (
            PlantedClicks {
                renew: f32::NAN,
                ..base()
            },
            "renew",
        ),
        (
            PlantedClicks {
                recent: f32::INFINITY,
                ..base()
            },
            "recent",
        ),
    ] {
        let error = options.generate().unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    }
}
