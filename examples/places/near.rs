//! A model of clicks that knows how far it is: a row for each visit, and for places that were not visited.

use pocketrec::{
    Result,
    data::{
        Split,
        clicks::{Encoder, Field, Samples, Schema, Training},
    },
    device::Device,
    eval::{FullRanking, FullReport},
    models::Fm,
    plan::{AdamConfig, L2, Optimizer},
    rng::Rng,
    train::{ClickConfig, ClickTrainer},
};

use crate::{
    city::City,
    common::{
        ending::Ending,
        field::{
            clicks::{self, Rows},
            options::FieldOptions,
        },
    },
};

/// Places that are drawn for each visit, of those that the person was not at.
const DRAWN: u32 = 4;
/// Passes over the rows.
const EPOCHS: u32 = 12;

/// FM of who, where and what kind of place; and how far it is from home.
pub struct Near<'a> {
    city: &'a City,
    trainer: ClickTrainer,
    is_near: bool,
    /// By place.
    keys: Vec<String>,
}

impl<'a> Near<'a> {
    /// Trains it on the visits, with the distance or without.
    pub fn train(
        options: &FieldOptions,
        name: &str,
        (city, split): (&'a City, &Split),
        device: &Device,
        is_near: bool,
    ) -> Result<Self, Ending> {
        let (encoder, train) = rows(city, split, options.seed, is_near)?;
        let model = Fm::new(encoder.layout()).embedding_dim(8);
        let config = ClickConfig {
            epochs: options.epochs.unwrap_or(EPOCHS),
            batch_size: 128,
            optimizer: Optimizer::LazyAdam(AdamConfig {
                learning_rate: 0.003,
                ..AdamConfig::default()
            }),
            l2: L2 {
                tables: 3e-3,
                ..L2::default()
            },
            seed: options.seed,
            ..ClickConfig::default()
        };
        let rows = Rows {
            train: &train,
            dev: None,
            encoder: &encoder,
        };
        Ok(Near {
            trainer: clicks::train(options, name, model, device, config, &rows)?,
            keys: (0..city.places()).map(|place| place.to_string()).collect(),
            city,
            is_near,
        })
    }

    /// The logit of each place for somebody, or for somebody new who lives there.
    pub fn scores(&mut self, person: u32, is_new: bool) -> Result<Vec<f32>> {
        let places = 0..self.city.places();
        let far: Vec<String> = places
            .clone()
            .map(|place| kilometres(self.city, person, place))
            .collect();
        let values = places.map(|place| {
            let (key, kind) = (&*self.keys[place as usize], self.city.kind(place));
            [("place", key), ("kind", kind), ("km", &*far[place as usize])]
        });
        let values: Vec<[(&str, &str); 3]> = values.collect();
        let known = if self.is_near { 3 } else { 2 };
        let candidates: Vec<&[(&str, &str)]> = values.iter().map(|values| &values[..known]).collect();
        let who = if is_new { String::new() } else { person.to_string() };
        let mut scores = vec![0.0; candidates.len()];
        for (place, logit) in self.trainer.rank(&[("person", &who)], &[], &candidates)? {
            scores[place] = logit;
        }
        Ok(scores)
    }

    /// Ranks all places for all who are tested, as if they were new where `are_new` says so.
    pub fn full_ranking(&mut self, split: &Split, ranking: FullRanking, are_new: bool) -> Result<FullReport> {
        let places = self.city.places() as usize;
        ranking.of_scores(split, |people, scores| {
            for (&person, row) in people.iter().zip(scores.chunks_exact_mut(places)) {
                row.copy_from_slice(&self.scores(person, are_new)?);
            }
            Ok(())
        })
    }
}

fn kilometres(city: &City, person: u32, place: u32) -> String {
    format!("{:.3}", city.kilometres(person, place))
}

/// The places that somebody was at have label 1, drawn ones 0. They are drawn here and not by `ClickConfig::negatives`, as the
/// distance is of a person and a place: another place has another.
fn rows(city: &City, split: &Split, seed: u64, is_near: bool) -> Result<(Encoder, Samples)> {
    let schema = ["person", "place", "kind"].into_iter().map(Field::key);
    let schema = schema.fold(Schema::new(), Schema::field);
    let schema = if is_near {
        schema.field(Field::number("km"))
    } else {
        schema
    };
    let mut training = Training::new(schema.label("visited").group("person"), Vec::new())?;
    let (train, rng) = (&split.train, Rng::new(seed).stream(2000));
    let mut push = |person: u32, place: u32, visited: &str| {
        let (who, place_key, far) = (person.to_string(), place.to_string(), kilometres(city, person, place));
        let mut known = vec![&*who, &place_key, city.kind(place)];
        if is_near {
            known.push(&far);
        }
        known.push(visited);
        training.push_row(&known)
    };
    for (row, (person, place)) in train.iter().enumerate() {
        push(person, place, "1")?;
        let rng = rng.stream(row as u32);
        let drawn = (0..).map(|at| rng.below(at, city.places()));
        for place in drawn
            .filter(|&place| !train.contains(person, place))
            .take(DRAWN as usize)
        {
            push(person, place, "0")?;
        }
    }
    let (encoder, samples, _) = training.fit()?;
    Ok((encoder, samples))
}
