//! Click-through models learn after training: a click shows, what was trained stays, new keys are welcome.

use pocketrec::{
    checkpoint::ClickCheckpoint,
    data::clicks::{PlantedClickData, PlantedClicks, Values},
    device::Device,
    models::{ClickModel, DeepFm, Dien, Din, Fm, Lr, Unit, WideDeep},
    plan::ParamKind,
    train::{ClickAbsorbConfig, ClickConfig, ClickRow, ClickTrainer},
};

use crate::common::{bits, click_config, files::bytes_of, means::values};

const ITEMS: u32 = 80;

/// Enough to learn users' tastes from.
fn planted() -> PlantedClickData {
    planted_for(200, 60)
}

/// Enough to have trained.
fn few() -> PlantedClickData {
    planted_for(60, 20)
}

fn planted_for(users: u32, rows_per_user: u32) -> PlantedClickData {
    let clicks = PlantedClicks {
        users,
        items: ITEMS,
        categories: 8,
        rows_per_user,
        taste: 2.0,
        bias: 0.0,
        ..PlantedClicks::default()
    };
    clicks.generate().unwrap()
}

fn models(data: &PlantedClickData) -> [ClickModel; 8] {
    let layout = data.train.layout();
    let (din, dien) = (Din::new(layout).embedding_dim(8), Dien::new(layout).embedding_dim(8));
    let wide_deep = WideDeep::new(layout).embedding_dim(8).hidden([32, 16]);
    [
        Lr::new(layout).into(),
        Fm::new(layout).embedding_dim(8).into(),
        wide_deep.clone().into(),
        DeepFm::new(layout)
            .embedding_dim(8)
            .hidden([32, 16])
            .dropout(0.1)
            .into(),
        wide_deep.unit(Unit::BatchNormRelu).into(),
        din.clone()
            .attention([8], Unit::Dice)
            .hidden([16])
            .unit(Unit::Dice)
            .into(),
        din.attention([8], Unit::Sigmoid).hidden([16]).into(),
        dien.attention([8]).hidden([16]).into(),
    ]
}

fn config(epochs: u32) -> ClickConfig {
    ClickConfig {
        patience: None,
        ..click_config(epochs)
    }
}

fn trained_on(model: ClickModel, data: &PlantedClickData, device: Device, config: ClickConfig) -> ClickTrainer {
    let mut trainer = ClickTrainer::new(model, device, config).unwrap();
    trainer.set_encoder(data.encoder.clone()).unwrap();
    trainer.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
    trainer
}

fn trained(model: ClickModel, data: &PlantedClickData) -> ClickTrainer {
    trained_on(model, data, Device::cpu(), config(4))
}

fn click<'v>(values: &'v Values<'v>) -> ClickRow<'v> {
    ClickRow {
        values,
        events: &[],
        label: 1.0,
    }
}

/// Logits of these items, by their keys.
fn logits(trainer: &mut ClickTrainer, user: &str, events: &[&Values], items: &[String]) -> Vec<f32> {
    let candidates: Vec<[(&str, &str); 1]> = items.iter().map(|item| [("item", item.as_str())]).collect();
    let candidates: Vec<&Values> = candidates.iter().map(|candidate| &candidate[..]).collect();
    let context = [("user", user), ("hour", "3")];
    let mut ranked = trainer.rank(&context, events, &candidates).unwrap();
    ranked.sort_by_key(|&(place, _)| place);
    ranked.into_iter().map(|(_, logit)| logit).collect()
}

fn items() -> Vec<String> {
    (0..ITEMS).map(|item| item.to_string()).collect()
}

fn mean(values: impl Iterator<Item = f32> + Clone) -> f32 {
    values.clone().sum::<f32>() / values.count() as f32
}

/// What clicks by 20 users on items from the middle of their rankings do.
struct Effect {
    /// Mean change of the logits of what was clicked, and of everything else for the same users.
    clicked: f32,
    rest: f32,
    /// Places that the clicked items rose on average.
    places: f32,
}

fn click_by_twenty(trainer: &mut ClickTrainer, config: &ClickAbsorbConfig) -> Effect {
    let items = items();
    let (mut clicked, mut rest, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..20 {
        let user = user.to_string();
        let old = logits(trainer, &user, &[], &items);
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by(|&a, &b| old[a].total_cmp(&old[b]));
        let item = order[items.len() / 2];
        let values = [("user", user.as_str()), ("item", items[item].as_str()), ("hour", "3")];
        let report = trainer.absorb_with(&[click(&values)], config).unwrap();
        assert!(report.after < report.before, "{report:?}");
        assert_eq!(
            (report.rows, report.new_keys, report.steps),
            (1, 0, u64::from(config.steps))
        );
        let new = logits(trainer, &user, &[], &items);
        assert!(new[item] > old[item], "{user}: {} after {}", new[item], old[item]);
        clicked.push(new[item] - old[item]);
        let others = (0..items.len()).filter(|&other| other != item);
        rest.push(mean(others.map(|other| new[other] - old[other])));
        places.push(new.iter().filter(|&&x| x < new[item]).count() as f32 - (items.len() / 2) as f32);
    }
    Effect {
        clicked: mean(clicked.into_iter()),
        rest: mean(rest.into_iter()),
        places: mean(places.into_iter()),
    }
}

/// Of those who did not click, no logit moves by more than 0.2, and by 0.02 on average; of batch normalisation's twice
/// that.
#[test]
fn a_click_shows_and_what_was_trained_stays() {
    let data = planted();
    let rows_of_others: Vec<usize> = (0..data.test.len())
        .filter(|&row| {
            let user = data.encoder.vocabulary("user").unwrap().key(data.test.ids(0)[row]);
            user.unwrap().parse::<u32>().unwrap() >= 20
        })
        .collect();
    assert!(rows_of_others.len() > 500);
    for model in models(&data) {
        let mut trainer = trained(model, &data);
        let name = trainer.model().name();
        let before = trainer.score(&data.test).unwrap();
        let Effect { clicked, rest, places } = click_by_twenty(&mut trainer, &ClickAbsorbConfig::default());
        println!("{name}: {clicked:.3}, the rest {rest:.3}, {places:.1} places");
        assert!(clicked > 0.15 && places > 0.0, "{name}: {clicked}, {places} places");
        // FM alone or beside a network is what this data rewards: there the item rises, not the user.
        if matches!(name, "fm" | "deepfm") {
            assert!(
                clicked > 2.0 * rest && places > 10.0,
                "{name}: {clicked} {rest} {places}"
            );
        }
        let after = trainer.score(&data.test).unwrap();
        let moved = rows_of_others.iter().map(|&row| (after[row] - before[row]).abs());
        // Batch normalisation spreads logits, and what moves them, more than twice as wide here.
        let is_spread = name == "wide_deep" && trainer.plan().params().iter().any(|p| p.kind == ParamKind::Statistic);
        let scale = if is_spread { 2.0 } else { 1.0 };
        assert!(moved.clone().all(|moved| moved < 0.2 * scale), "{name}");
        assert!(mean(moved.clone()) < 0.02 * scale, "{name}: {}", mean(moved));
    }
}

/// Without candidates to hold, a click would say of everything that the user clicks.
#[test]
fn held_predictions_keep_the_rest_in_place() {
    let data = planted();
    let [_, model, ..] = models(&data);
    let effect = |held| {
        let config = ClickAbsorbConfig {
            held,
            ..ClickAbsorbConfig::default()
        };
        click_by_twenty(&mut trained(model.clone(), &data), &config)
    };
    let (with, without) = (effect(4), effect(0));
    assert!(with.rest < 0.5 * without.rest, "{} {}", with.rest, without.rest);
}

/// Only table rows move: of the parameters that all share none does, nor does any moment or count.
#[test]
fn dense_parameters_moments_and_the_position_stay() {
    let data = few();
    for model in models(&data) {
        let mut trainer = trained(model, &data);
        let (before, progress) = (trainer.state().unwrap(), *trainer.progress());
        let values = [("user", "7"), ("item", "3"), ("hour", "5")];
        trainer.absorb(&[click(&values)]).unwrap();
        let after = trainer.state().unwrap();
        assert_eq!(after.step, before.step);
        let mut moved = 0;
        for (param, (after, before)) in trainer
            .plan()
            .params()
            .iter()
            .zip(after.tensors.iter().zip(&before.tensors))
        {
            assert!(after.m == before.m && after.v == before.v, "{}", param.name);
            match param.is_table() {
                false => assert_eq!(after.value, before.value, "{}", param.name),
                // Row 0 is everything that is unknown.
                true => assert_eq!(
                    after.value[..param.width],
                    before.value[..param.width],
                    "{}",
                    param.name
                ),
            }
            moved += usize::from(after.value != before.value);
        }
        assert!(moved > 0);
        let now = *trainer.progress();
        assert_eq!(
            (now.epoch, now.sample, now.step, now.absorbed),
            (progress.epoch, 0, progress.step, 1)
        );
        // Training goes on with the moments there were.
        trainer.set_config(config(5)).unwrap();
        trainer.fit(&data.train, None, |_| ()).unwrap();
        assert!(trainer.state().unwrap().step > before.step);
    }
}

#[test]
fn unknown_keys_become_known_and_survive_a_file() {
    let data = few();
    for model in models(&data) {
        let mut trainer = trained(model, &data);
        let known = trainer.encoder().unwrap().layout().clone();
        let values = [("user", "ann"), ("item", "durian"), ("hour", "3")];
        let report = trainer.absorb(&[click(&values), click(&values)]).unwrap();
        assert_eq!((report.rows, report.new_keys), (2, 2));
        let encoder = trainer.encoder().unwrap();
        for name in ["user", "item", "hour", "category"] {
            let rows = |layout: &pocketrec::data::clicks::Layout| {
                let found = layout.vocabularies.iter().find(|table| table.name == name);
                found.unwrap().rows
            };
            let more = u32::from(matches!(name, "user" | "item"));
            assert_eq!(rows(encoder.layout()), rows(&known) + more, "{name}");
        }
        let ann = encoder.vocabulary("user").unwrap().row("ann");
        assert_eq!(ann, known.vocabularies[0].rows);
        assert_eq!(trainer.model().layout(), encoder.layout());
        assert_eq!(*trainer.plan(), trainer.model().plan().unwrap());
        // The two are no longer what is unknown.
        let asked: Vec<String> = ["durian", "no such thing", "4"].map(String::from).into();
        let of_ann = logits(&mut trainer, "ann", &[], &asked);
        let of_nobody = logits(&mut trainer, "nobody", &[], &asked);
        assert!(
            of_ann[0] > of_nobody[0] && of_ann[0] != of_ann[1],
            "{of_ann:?} {of_nobody:?}"
        );

        let bytes = bytes_of(&mut trainer);
        let read = ClickCheckpoint::from_bytes(&bytes).unwrap();
        let mut again = ClickTrainer::from_checkpoint(read, Device::cpu()).unwrap();
        assert_eq!(
            again.history().clicks("ann"),
            2 * usize::from(!known.sequences.is_empty())
        );
        assert_eq!(logits(&mut again, "ann", &[], &asked), of_ann);
        assert_eq!(bytes_of(&mut again), bytes);
        // What is absorbed next is the same too.
        let more = [("user", "ann"), ("item", "4")];
        for trainer in [&mut trainer, &mut again] {
            assert_eq!(trainer.absorb(&[click(&more)]).unwrap().new_keys, 0);
        }
        assert_eq!(bytes_of(&mut again), bytes_of(&mut trainer));
        // Old rows still train.
        again.set_config(config(5)).unwrap();
        again.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
    }
}

/// Nothing is learnt in no steps, but the click is there for the next request, behind what that brings.
#[test]
fn the_next_prediction_sees_the_click() {
    let data = few();
    let [.., din, dien] = models(&data);
    let none = ClickAbsorbConfig {
        steps: 0,
        ..ClickAbsorbConfig::default()
    };
    let items = items();
    let events = [[("item", "3")], [("item", "9")], [("item", "20")]];
    let [three, nine, twenty] = [0, 1, 2].map(|at| &events[at][..]);
    for model in [din, dien] {
        let mut trainer = trained(model, &data);
        let without = logits(&mut trainer, "7", &[], &items);
        let with_three = logits(&mut trainer, "7", &[three], &items);
        let with_both = logits(&mut trainer, "7", &[twenty, three, nine], &items);
        assert!(without != with_three);
        let (first, second) = ([("user", "7"), ("item", "3")], [("user", " 7 "), ("item", "9")]);
        let shown = ClickRow {
            label: 0.0,
            ..click(&first)
        };
        trainer.absorb_with(&[shown], &none).unwrap();
        assert_eq!(logits(&mut trainer, "7", &[], &items), without); // not clicked on
        trainer.absorb_with(&[click(&first)], &none).unwrap();
        assert_eq!(logits(&mut trainer, "7", &[], &items), with_three);
        assert_eq!(
            logits(&mut trainer, "8", &[], &items),
            logits(&mut trainer, "8", &[], &items)
        );
        trainer.absorb_with(&[click(&second)], &none).unwrap();
        assert_eq!(logits(&mut trainer, "7", &[twenty], &items), with_both);
        // The last ones stay, as many as a history holds.
        let length = trainer.model().layout().sequences[0].length as usize;
        let many = vec![click(&first); length + 3];
        trainer.absorb_with(&many, &none).unwrap();
        assert_eq!((trainer.history().users(), trainer.history().clicks("7")), (1, length));
        let threes = vec![three; length];
        let full = logits(&mut trainer, "7", &[], &items);
        assert_eq!(logits(&mut trainer, "7", &[twenty], &items), full);
        assert_eq!(
            logits(&mut trained(trainer.model().clone(), &data), "7", &threes, &items),
            full
        );
    }
}

/// A row of a call sees the clicks before it, as in calls of their own.
#[test]
fn rows_see_the_rows_before_them() {
    let data = few();
    let din = models(&data)[4].clone();
    let one = ClickAbsorbConfig {
        group: 1,
        ..ClickAbsorbConfig::default()
    };
    let rows = [
        [("user", "7"), ("item", "3")],
        [("user", "7"), ("item", "9")],
        [("user", "8"), ("item", "3")],
    ];
    let rows: Vec<ClickRow> = rows.iter().map(|values| click(values)).collect();
    let [mut together, mut apart] = [(); 2].map(|()| trained(din.clone(), &data));
    together.absorb_with(&rows, &one).unwrap();
    for row in rows {
        apart.absorb_with(&[row], &one).unwrap();
    }
    assert_eq!(together.history().clicks("7"), 2);
    assert_eq!(bytes_of(&mut together), bytes_of(&mut apart));
}

#[test]
fn the_same_calls_give_the_same_bits() {
    let data = few();
    let rows = [
        [("user", "7"), ("item", "3")],
        [("user", "new"), ("item", "9")],
        [("user", "8"), ("item", "other")],
    ];
    let rows: Vec<ClickRow> = rows.iter().map(|values| click(values)).collect();
    for model in models(&data) {
        let run = |threads: usize| {
            let device = match cfg!(feature = "parallel") {
                true => Device::cpu().threads(threads),
                false => Device::cpu(),
            };
            let mut trainer = trained_on(model.clone(), &data, device, config(1));
            let reports = [&rows[..2], &rows[1..], &rows[..]].map(|rows| trainer.absorb(rows).unwrap());
            (reports, bits(&trainer.state().unwrap()), bytes_of(&mut trainer))
        };
        let first = run(1);
        assert!(first == run(1) && first == run(3));
    }
}

/// The mean becomes the parameters, and the best epoch, whose parameters are old, is forgotten.
#[test]
fn a_mean_and_a_best_epoch_end() {
    let data = few();
    let [_, fm, ..] = models(&data);
    let averaging = ClickConfig {
        average_from: Some(2),
        ..config(4)
    };
    let mut trainer = trained_on(fm, &data, Device::cpu(), averaging);
    let mean = values(&trainer.state().unwrap());
    assert_eq!(
        (trainer.progress().averaged, trainer.progress().best.is_some()),
        (3, true)
    );
    trainer.absorb(&[]).unwrap();
    assert_eq!(trainer.progress().averaged, 3);
    let none = ClickAbsorbConfig {
        steps: 0,
        ..ClickAbsorbConfig::default()
    };
    trainer
        .absorb_with(&[click(&[("user", "7"), ("item", "3")])], &none)
        .unwrap();
    let checkpoint = trainer.checkpoint().unwrap();
    assert_eq!(values(&checkpoint.state), mean);
    let progress = checkpoint.progress;
    assert_eq!(
        (progress.averaged, progress.best, progress.evaluations_since_best),
        (0, None, 0)
    );
    assert!(checkpoint.average_values.is_none() && checkpoint.best_values.is_none());
}
