//! What models of clicks look at of a history.

use pocketrec::{
    Result,
    data::clicks::{Encoder, PlantedClickData, Samples, Values},
    explain::Kind,
    models::{ClickModel, Dien, Din, Unit},
    reference::Reference,
    train::{ClickRow, ClickTrainer},
};

use crate::{
    common::{click_config, random_state},
    cpu, falls, other,
    planted::clicks_by_history,
};

pub fn din(data: &PlantedClickData) -> Din {
    Din::new(data.train.layout())
        .embedding_dim(8)
        .attention([16], Unit::Sigmoid)
        .hidden([32, 16])
}

pub fn dien(data: &PlantedClickData) -> Dien {
    Dien::new(data.train.layout())
        .embedding_dim(8)
        .attention([16])
        .hidden([32, 16])
        .auxiliary([16], 1.0)
}

fn trained(model: impl Into<ClickModel>, data: &PlantedClickData, epochs: u32) -> ClickTrainer {
    let mut trainer = ClickTrainer::new(model, cpu(), click_config(epochs)).unwrap();
    trainer.set_encoder(data.encoder.clone()).unwrap();
    trainer.fit(&data.train, None, |_| ()).unwrap();
    trainer
}

/// The keys of a row's fields, and of the items of its history.
struct Asked {
    context: Vec<(&'static str, String)>,
    history: Vec<String>,
    candidate: String,
}

impl Asked {
    fn of(encoder: &Encoder, samples: &Samples, row: usize) -> Self {
        let key = |field: &str, id: u32| encoder.vocabulary(field).unwrap().key(id).unwrap_or_default();
        let own = |field: &'static str| {
            let at = samples.layout().id(field).unwrap();
            (field, key(field, samples.ids(at)[row]))
        };
        Asked {
            context: vec![own("user"), own("hour")],
            history: samples
                .sequence(0)
                .of(0, row)
                .iter()
                .map(|&id| key("item", id))
                .collect(),
            candidate: own("item").1,
        }
    }

    /// What `ask` says of the request without an item.
    fn without<T>(&self, left_out: Option<&str>, ask: impl FnOnce(&Values, &[&Values], &Values) -> Result<T>) -> T {
        let context: Vec<(&str, &str)> = self.context.iter().map(|(name, key)| (*name, &**key)).collect();
        let kept = self.history.iter().filter(|key| Some(key.as_str()) != left_out);
        let events: Vec<[(&str, &str); 1]> = kept.map(|key| [("item", &**key)]).collect();
        let events: Vec<&Values> = events.iter().map(|event| &event[..]).collect();
        ask(&context, &events, &[("item", &self.candidate)]).unwrap()
    }
}

fn click_falls(trainer: &mut ClickTrainer, data: &PlantedClickData, times: f64) {
    let mut scores = Vec::new();
    for row in (0..data.test.len())
        .filter(|&row| data.test.labels()[row] == 1.0)
        .take(400)
    {
        let asked = Asked::of(&data.encoder, &data.test, row);
        let why = asked.without(None, |context, events, candidate| {
            trainer.explain_request(context, events, &[candidate])
        });
        let [why] = &why[..] else { panic!("{why:?}") };
        if why.reasons.len() < 3 {
            continue;
        }
        let key = |item: u32| trainer.reason_key(item).unwrap();
        let named = [why.reasons[0].item, other(row as u32, &why.reasons[1..]).item].map(key);
        scores.push(why.score);
        for left_out in &named {
            let samples = asked.without(Some(left_out), |context, events, candidate| {
                data.encoder.request(context, events, &[candidate])
            });
            scores.extend(trainer.score(&samples).unwrap());
        }
    }
    falls(&scores, times);
}

#[test]
fn without_the_event_that_was_looked_at_most_a_click_is_less_likely() {
    let data = clicks_by_history();
    let models: [ClickModel; 3] = [din(&data).into(), din(&data).softmax(true).into(), dien(&data).into()];
    for model in models {
        click_falls(&mut trained(model, &data, 5), &data, 2.0);
    }
}

/// Weights by item are those of the specification by step, of each model and row; items that come twice have both.
#[test]
fn weights_of_events_are_those_of_the_specification() {
    let data = clicks_by_history();
    let models: [ClickModel; 3] = [din(&data).into(), din(&data).softmax(true).into(), dien(&data).into()];
    for model in models {
        let plan = model.plan().unwrap();
        let state = random_state(&plan, 0.3, 6);
        let reference = Reference::new(&plan, &state).unwrap();
        let mut want = ClickTrainer::with_executor(model.clone(), Box::new(reference), click_config(1)).unwrap();
        let steps = want.attention(&data.dev).unwrap();
        let scores = want.score(&data.dev).unwrap();
        let mut trainer = ClickTrainer::with_state(model.clone(), cpu(), click_config(1), state).unwrap();
        let whys = trainer.explain(&data.dev).unwrap();
        assert_eq!(whys.len(), data.dev.len());
        let mut twice = 0;
        for (row, why) in whys.iter().enumerate() {
            assert_eq!((why.kind, why.rest), (Kind::Weights, 0.0));
            assert!(
                (why.score - scores[row]).abs() < 1e-4,
                "{} for {}",
                why.score,
                scores[row]
            );
            assert!(why.reasons.is_sorted_by(|a, b| a.contribution >= b.contribution));
            let items = data.dev.sequence(0).of(0, row);
            twice += usize::from(why.reasons.len() < items.len());
            let of_item = |item: u32| -> f32 {
                let own = items.iter().zip(&steps[row]).filter(|step| *step.0 == item);
                own.map(|step| step.1).sum()
            };
            for reason in &why.reasons {
                let want = of_item(reason.item);
                assert!(
                    (reason.contribution - want).abs() < 1e-4 * want.abs().max(1.0),
                    "{why:?} {want}"
                );
            }
            assert!(
                items
                    .iter()
                    .all(|&item| why.reasons.iter().any(|reason| reason.item == item))
            );
        }
        assert!(twice > 10, "{twice}");
        assert_eq!(trainer.reason_key(1), None);
        trainer.set_encoder(data.encoder.clone()).unwrap();
        assert_eq!(trainer.reason_key(1), data.encoder.vocabulary("item").unwrap().key(1));
        assert_eq!((trainer.reason_key(0), trainer.reason_key(u32::MAX)), (None, None));
    }
}

/// Clicks that were absorbed are looked at behind the events of a request; without any there is nothing to look at.
#[test]
fn absorbed_clicks_are_looked_at() {
    let data = clicks_by_history();
    let mut trainer = trained(din(&data), &data, 1);
    let candidates: [&Values; 2] = [&[("item", "7")], &[("item", "8")]];
    let context: &Values = &[("user", "new"), ("hour", "3")];
    let none = trainer.explain_request(context, &[], &candidates).unwrap();
    assert!(none.len() == 2 && none.iter().all(|why| why.reasons.is_empty()));
    let click: &Values = &[("user", "new"), ("item", "9"), ("hour", "3")];
    let row = ClickRow {
        values: click,
        events: &[],
        label: 1.0,
    };
    trainer.absorb(&[row]).unwrap();
    let some = trainer
        .explain_request(context, &[&[("item", "8")]], &candidates)
        .unwrap();
    let ranked = trainer.rank(context, &[&[("item", "8")]], &candidates).unwrap();
    for (place, score) in ranked {
        assert_eq!(some[place].score, score);
        let mut keys: Vec<String> = some[place]
            .reasons
            .iter()
            .map(|reason| trainer.reason_key(reason.item).unwrap())
            .collect();
        keys.sort();
        assert_eq!(keys, ["8", "9"]);
    }
}
