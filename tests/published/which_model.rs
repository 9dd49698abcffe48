//! The page "Which model?" of the guide is what the files in `benches/measured` give, these are what `benches/README.md` and the
//! README have, and what follows from the code is so.

use std::{fs, path::Path};

use pocketrec::{
    Error,
    classical::{Ials, IalsConfig, Rp3Beta, Rp3BetaConfig},
    data::{Interactions, ItemLinks, Knowledge, Split, Triples},
    device::Device,
    explain::Kind,
    models::{ClickModel, Kgcn, Model},
    train::{ClickConfig, ClickRow, ClickTrainer, TrainConfig, Trainer},
};

use crate::measured::{Any, Row, SIZES, clicks, loss, model, rows};

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// As one line.
fn flat(path: &str) -> String {
    text(path).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The cells of one column of a model, by what makes one of a row that has something to say.
fn cells(of: &[Row], name: &str, cell: impl Fn(&Row) -> String) -> String {
    let own = of.iter().filter(|row| row["model"] == name).map(cell);
    own.filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("<br>")
}

fn first(figures: &str) -> &str {
    figures.split(" / ").next().unwrap()
}

/// The rows of both tables, without their headers.
fn tables() -> Vec<String> {
    let (accuracy, cost) = (rows("accuracy"), rows("cost"));
    let mut lines = Vec::new();
    for row in rows("models") {
        let name = &row["model"];
        let figures = cells(&accuracy, name, |row| match row["published"].as_str() {
            "" => format!("{} {}", row["task"], first(&row["here"])),
            published => format!("{} {}&nbsp;({})", row["task"], first(&row["here"]), first(published)),
        });
        let epoch = cells(&cost, name, |row| {
            let part = |column: &str, unit| match row[column].as_str() {
                "" => None,
                figure => Some((figure.to_owned() + unit).replace(' ', "&nbsp;")),
            };
            let parts: Vec<String> = [part("seconds", " s"), part("rate", "/s")]
                .into_iter()
                .flatten()
                .collect();
            match parts.is_empty() {
                true => String::new(),
                false => format!("{}: {}", row["of"], parts.join(", ")),
            }
        });
        let memory = cells(&cost, name, |row| match row["peak_mb"].as_str() {
            "" => String::new(),
            peak => format!("{peak}&nbsp;MB"),
        });
        let reasons = if row["reasons"].is_empty() {
            "none"
        } else {
            &row["reasons"]
        };
        let runs_on = match row["feature"].as_str() {
            "" => row["runs_on"].clone(),
            feature => format!("{}; `{feature}`", row["runs_on"]),
        };
        lines.push(format!(
            "//! | [{name}](crate::{}) | {} | {figures} | {epoch} | {memory} | {}; {} | {reasons} | {runs_on} |",
            row["path"], row["needs"], row["new_user"], row["new_item"]
        ));
    }
    let tasks = rows("tasks").into_iter();
    lines.extend(tasks.map(|row| format!("//! | {} | {} | {} |", row["task"], row["metric"], row["how"])));
    lines
}

#[test]
fn the_page_is_what_the_files_give() {
    let page = text("src/guide/which_model.rs");
    let begin = page.find("<!-- made by benches/which_model.py -->").unwrap();
    let made = &page[begin..page.find("<!-- end -->").unwrap()];
    let is_row = |line: &&str| line.starts_with("//! | ") && !line.contains("| --- |");
    let got: Vec<&str> = made.lines().filter(is_row).collect();
    let headers = ["//! | Model | Needs |", "//! | Task | Figure"];
    let got: Vec<&str> = got
        .into_iter()
        .filter(|line| !headers.iter().any(|header| line.starts_with(header)))
        .collect();
    assert_eq!(got, tables(), "run benches/which_model.py");
}

/// A figure with where it comes from.
#[test]
fn figures_are_those_that_were_written_down() {
    let (benches, tasks, models) = (flat("benches/README.md"), rows("tasks"), rows("models"));
    let accuracy = rows("accuracy");
    for row in &accuracy {
        assert!(benches.contains(&row["here"]), "{row:?} is not in benches/README.md");
        assert!(
            tasks.iter().any(|task| task["task"] == row["task"]),
            "{row:?}: no such task"
        );
        assert!(
            models.iter().any(|model| model["model"] == row["model"]),
            "{row:?}: no such model"
        );
        for column in ["command", "written_down", "date"] {
            assert!(!row[column].is_empty(), "{row:?}: {column}");
        }
        assert_eq!(row["published"].is_empty(), row["source"].is_empty(), "{row:?}");
    }
    for row in rows("cost") {
        assert!(
            models.iter().any(|model| model["model"] == row["model"]),
            "{row:?}: no such model"
        );
        let measured = ["seconds", "rate", "peak_mb"]
            .iter()
            .any(|&column| !row[column].is_empty());
        for column in ["command", "machine", "commit", "date"] {
            assert!(!measured || !row[column].is_empty(), "{row:?}: {column}");
        }
    }
    // And the README's tables of models have no others.
    let readme = flat("README.md");
    let section = &readme[readme.find("## Models").unwrap()..readme.find("## What is in it").unwrap()];
    let words: Vec<&str> = section.split([' ', ';', ',', '(', ')']).collect();
    let is_share = |word: &str| word.len() >= 5 && word.starts_with("0.") && word.parse::<f64>().is_ok();
    let pairs = words
        .windows(3)
        .filter(|w| is_share(w[0]) && w[1] == "/" && is_share(w[2]));
    let pairs: Vec<String> = pairs.map(|w| w.join(" ")).collect();
    assert!(pairs.len() > 20, "{pairs:?}");
    for pair in pairs {
        let is_there = accuracy
            .iter()
            .any(|row| row["here"] == pair || row["published"] == pair);
        assert!(is_there, "{pair} of the README is not in benches/measured/accuracy.csv");
    }
}

fn name_of(reasons: Option<Kind>) -> &'static str {
    match reasons {
        None => "",
        Some(Kind::Parts) => "parts",
        Some(Kind::Weights) => "weights",
        Some(Kind::Paths) => "paths",
        Some(Kind::Neighbours) => "neighbours",
    }
}

/// How somebody, or something, new is served.
fn by(steps: u64) -> &'static str {
    if steps == 0 { "at once" } else { "by steps" }
}

/// Thirty users with five of twenty items each.
fn interactions() -> Interactions {
    let [users, items, ..] = SIZES.map(|size| size as u32);
    let pairs: Vec<(u32, u32)> = (0..users)
        .flat_map(|user| (0..5).map(move |n| (user, (user * 3 + n * (1 + user % 4)) % items)))
        .collect();
    Interactions::from_pairs(&pairs).unwrap()
}

fn trained(model: Model) -> Trainer {
    let train = interactions();
    let config = TrainConfig {
        loss: loss(&model),
        negatives: 1,
        epochs: 1,
        eval_every: 0,
        ..TrainConfig::default()
    };
    let keys: Vec<String> = (0..SIZES[1]).map(|item| item.to_string()).collect();
    let links = ItemLinks::from_keys(keys.iter().map(|key| (&**key, &**key))).unwrap();
    let known = Triples::from_keys(keys.iter().map(|key| (&**key, "kind", "tea")))
        .unwrap()
        .with_items(train.item_ids(), &links)
        .unwrap();
    let knowledge = Knowledge::sample(&known, 4, 0).unwrap();
    let model = match model {
        Model::Kgcn(_) => Kgcn::of(SIZES[0], &knowledge).into(),
        model => model,
    };
    let knows = matches!(model, Model::Kgcn(_));
    let mut trainer = Trainer::new(model, Device::cpu().threads(1), config).unwrap();
    if knows {
        trainer.set_knowledge(knowledge).unwrap();
    }
    trainer.fit(&Split::from_cases(train, []).unwrap(), |_| ()).unwrap();
    trainer
}

/// Which models there are, which reasons they give, and how they take what is new.
#[test]
fn what_is_said_of_models_is_so() {
    let (samples, encoder) = clicks();
    let known = |column| encoder.vocabulary(column).unwrap().key(1).unwrap();
    let (somebody, something) = (known("user"), known("item"));
    let models = rows("models");
    assert_eq!(models.len(), 8 + ClickModel::NAMES.len() + 2);
    let mut names: Vec<&str> = Vec::new();
    for row in &models {
        let said = ["reasons", "new_user", "new_item"].map(|column| row[column].as_str());
        match model(row, &samples) {
            Any::Pairs(model) => {
                names.push(model.name());
                let reasons = name_of(model.reasons());
                let mut trainer = trained(model);
                let (user, item) = (SIZES[0] as u32, SIZES[1] as u32);
                let users = trainer.absorb(&[(user, 3)]).unwrap();
                let items = trainer.absorb(&[(3, item)]).unwrap();
                assert_eq!((users.new_users, items.new_items), (1, 1));
                // Of an item that is scored 0 nothing was learnt.
                let is_scored = trainer.score(&[(2, item)]).unwrap() != [0.0];
                let new_item = if is_scored { by(items.steps) } else { "fit anew" };
                assert_eq!(said, [reasons, by(users.steps), new_item], "{row:?}");
            }
            Any::Clicks(model) => {
                names.push(model.name());
                let reasons = name_of(model.reasons());
                let config = ClickConfig {
                    epochs: 1,
                    ..ClickConfig::default()
                };
                let mut trainer = ClickTrainer::new(*model, Device::cpu().threads(1), config).unwrap();
                trainer.fit(&samples, None, |_| ()).unwrap();
                trainer.set_encoder(encoder.clone()).unwrap();
                let mut absorb = |user: &str, item: &str| {
                    let values = &[("user", user), ("item", item)][..];
                    let report = trainer
                        .absorb(&[ClickRow {
                            values,
                            events: &[],
                            label: 1.0,
                        }])
                        .unwrap();
                    assert_eq!(report.new_keys, 1, "{row:?}");
                    by(report.steps)
                };
                assert_eq!(
                    said,
                    [reasons, absorb("new", &something), absorb(&somebody, "new")],
                    "{row:?}"
                );
            }
            Any::Classical => {
                names.push(row["path"].strip_prefix("classical::").unwrap());
                assert_eq!(said, ["parts", "at once", "fit anew"], "{row:?}");
            }
        }
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), models.len(), "{names:?}");
    // Both are asked alike: somebody new has a list at once, something new is refused.
    let (train, cpu) = (interactions(), Device::cpu().threads(1));
    let mut rp3beta = Rp3Beta::fit(&train, Rp3BetaConfig::default(), &cpu).unwrap();
    let mut ials = Ials::fit(
        &train,
        IalsConfig {
            factors: 4,
            ..IalsConfig::default()
        },
        &cpu,
    )
    .unwrap();
    let (user, item) = (SIZES[0] as u32, SIZES[1] as u32);
    rp3beta.absorb(&[(user, 3)]).unwrap();
    ials.absorb(&[(user, 3)]).unwrap();
    assert!(!rp3beta.recommend(user, 3).unwrap().is_empty() && !ials.recommend(user, 3).unwrap().is_empty());
    assert!(rp3beta.explain(user, 5).is_ok() && ials.explain(user, 5).is_ok());
    for refused in [rp3beta.absorb(&[(3, item)]), ials.absorb(&[(3, item)])] {
        assert!(matches!(refused, Err(Error::Id { .. })), "{refused:?}");
    }
}

/// Every plan runs on a graphics device, and what is fitted without one does not.
#[cfg(feature = "gpu")]
#[test]
fn models_run_where_it_is_said() {
    use pocketrec::{
        gpu::{GpuExecutor, GpuOptions},
        plan::State,
    };
    let Some(gpu) = crate::gpu::open(GpuOptions::default()) else {
        return;
    };
    let (samples, train) = (clicks().0, interactions());
    for row in rows("models") {
        let plan = match model(&row, &samples) {
            Any::Pairs(model) => model.plan_for(loss(&model)).unwrap(),
            Any::Clicks(model) => model.plan().unwrap(),
            Any::Classical => {
                assert_eq!(row["runs_on"], "CPU");
                continue;
            }
        };
        let state = State::initial(&plan, 1, true).unwrap();
        assert!(
            GpuExecutor::new(&gpu, plan, &state).is_ok() && row["runs_on"] == "CPU, GPU",
            "{row:?}"
        );
    }
    let device = Device::on(&gpu);
    let fitted = [
        Rp3Beta::fit(&train, Rp3BetaConfig::default(), &device).map(drop),
        Ials::fit(&train, IalsConfig::default(), &device).map(drop),
    ];
    assert!(fitted.iter().all(|fitted| matches!(fitted, Err(Error::Device(_)))));
}

/// The README's table of features has each model in the row of its own.
#[test]
fn the_readme_has_each_model_under_its_feature() {
    let readme = text("README.md");
    let (_, table) = readme.split_once("| feature | has the kernels of |").unwrap();
    let table: Vec<&str> = table
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with('|'))
        .collect();
    for row in rows("models")
        .iter()
        .filter(|row| !row["path"].starts_with("classical::"))
    {
        let feature = match row["feature"].as_str() {
            "" => "none".into(),
            feature => format!("`{feature}`"),
        };
        let line = table
            .iter()
            .find(|line| line.split('|').nth(1).is_some_and(|cell| cell.contains(&feature)));
        let line = line.unwrap_or_else(|| panic!("no row of {feature}"));
        assert!(
            line.split([',', ';', '|']).any(|cell| cell.trim() == row["model"]),
            "{row:?}: {line}"
        );
    }
}
