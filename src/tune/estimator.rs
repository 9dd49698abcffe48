//! What a new trial is trained with: random settings first, then those that a tree-structured Parzen estimator takes for
//! good.

use rand_core::Rng as _;
use tpe::{TpeOptimizer, categorical_range, histogram_estimator, parzen_estimator, range};

use super::{
    settings::{Settings, Value},
    space::{Domain, Parameter, Space},
    study::{State, Trial},
};
use crate::rng::{Draws, Rng, streams::TUNED_SETTINGS};

/// Draws after which settings that were tried already are given up for the first that were not.
const TRIES: u32 = 64;

/// The settings of a new trial; `None` where there are none that were not tried. They are a function of seed, space and
/// the trials so far, so that an interrupted search goes on with the same ones.
///
/// The first `random` trials are drawn at random. From then on each setting has an estimator of its own, which is told the
/// setting's value in all trials from the best to the worst ([`ranked`]): it draws some values from the density of the
/// best tenth, and takes the one whose density there is the highest against that of the others.
pub(super) fn propose(
    space: &Space,
    all: Option<&[Settings]>,
    trials: &[Trial],
    seed: u64,
    random: usize,
) -> Option<Settings> {
    let was_tried = |settings: &Settings| trials.iter().any(|trial| trial.settings == *settings);
    let mut draws = Rng::new(seed)
        .stream(TUNED_SETTINGS)
        .stream(trials.len() as u32)
        .draws();
    let ranked = ranked(trials);
    let is_random = trials.len() < random || ranked.is_empty();
    for _ in 0..TRIES {
        let mut settings: Vec<(String, Value)> = Vec::new();
        for parameter in space.parameters() {
            let so_far = Settings::new(settings.clone());
            if !parameter.is_in(&so_far) {
                continue;
            }
            let value = match is_random {
                true => parameter.domain.draw(&mut draws),
                false => estimated(parameter, &ranked, &mut draws).unwrap_or_else(|| parameter.domain.draw(&mut draws)),
            };
            settings.push((parameter.name.clone(), value));
        }
        let settings = Settings::new(settings);
        if !was_tried(&settings) {
            return Some(settings);
        }
    }
    // A small space whose good part is used up: any other.
    let left: Vec<&Settings> = all?.iter().filter(|settings| !was_tried(settings)).collect();
    let count = u32::try_from(left.len()).ok().filter(|&count| count > 0)?;
    Some(left[crate::rng::scale(draws.next_u32(), count) as usize].clone())
}

/// Trials in the order of what is known of them: those that were trained longer are before others, as they were better
/// than these where both stood; of the same length the better one is; failed ones come last. Trials whose first epoch is
/// not over are left out.
fn ranked(trials: &[Trial]) -> Vec<&Settings> {
    let mut known: Vec<(bool, u32, f64, &Settings)> = Vec::new();
    for trial in trials {
        match trial.value() {
            _ if trial.has_failed() => known.push((true, 0, 0.0, &trial.settings)),
            Some(value) if trial.state != State::Running => known.push((false, trial.epochs(), value, &trial.settings)),
            _ => {}
        }
    }
    known.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)).then(b.2.total_cmp(&a.2)));
    known.into_iter().map(|(.., settings)| settings).collect()
}

/// What the estimator of a setting takes for its best value; nothing where no trial had the setting.
fn estimated(parameter: &Parameter, ranked: &[&Settings], draws: &mut Draws) -> Option<Value> {
    let domain = &parameter.domain;
    let (estimator, range) = match domain {
        Domain::Uniform { low, high } => (parzen_estimator(), range(*low, *high)),
        Domain::LogUniform { low, high } => (parzen_estimator(), range(low.ln(), high.ln())),
        // Each number has an interval of the same width.
        Domain::Integers { low, high } => (parzen_estimator(), range(*low as f64 - 0.5, *high as f64 + 0.5)),
        Domain::Choice(values) => (histogram_estimator(), categorical_range(values.len())),
    };
    let mut optimizer = TpeOptimizer::new(estimator, range.ok()?);
    let mut told = 0;
    for (rank, settings) in ranked.iter().enumerate() {
        let place = settings.get(&parameter.name).and_then(|value| domain.place_of(value));
        // Less is better there; a trial without the setting still counts among the best or the others.
        if optimizer.tell(place.unwrap_or(f64::NAN), rank as f64).is_ok() && place.is_some() {
            told += 1;
        }
    }
    if told == 0 {
        return None;
    }
    optimizer.ask(draws).ok().map(|place| domain.value_at(place))
}

impl Domain {
    /// A value at random.
    fn draw(&self, draws: &mut Draws) -> Value {
        // 53 bits, all that a number in [0, 1) has.
        let uniform = (draws.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let between = |low: f64, high: f64| low + (high - low) * uniform;
        match self {
            Domain::Uniform { low, high } => self.value_at(between(*low, *high)),
            Domain::LogUniform { low, high } => self.value_at(between(low.ln(), high.ln())),
            Domain::Integers { low, high } => self.value_at(between(*low as f64 - 0.5, *high as f64 + 0.5)),
            Domain::Choice(values) => self.value_at(between(0.0, values.len() as f64)),
        }
    }

    /// Where a value lies on the estimator's line.
    fn place_of(&self, value: &Value) -> Option<f64> {
        match (self, value) {
            (Domain::Uniform { .. }, Value::Number(value)) => Some(*value),
            (Domain::LogUniform { .. }, Value::Number(value)) => Some(value.ln()),
            (Domain::Integers { .. }, Value::Whole(value)) => Some(*value as f64),
            (Domain::Choice(values), value) => values.iter().position(|own| own == value).map(|at| at as f64),
            _ => None,
        }
    }

    /// The value at a place on the estimator's line; the nearest there is, where rounding went beyond an end.
    fn value_at(&self, place: f64) -> Value {
        match self {
            Domain::Uniform { low, high } => Value::Number(place.clamp(*low, high.next_down())),
            Domain::LogUniform { low, high } => Value::Number(place.exp().clamp(*low, high.next_down())),
            Domain::Integers { low, high } => Value::Whole((place.round() as i64).clamp(*low, *high)),
            Domain::Choice(values) => values[(place as usize).min(values.len() - 1)].clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(settings: &[(&str, Value)], curve: &[f64], state: State) -> Trial {
        let mut trial = Trial::new(Settings::new(settings.iter().cloned()));
        (trial.curve, trial.state) = (curve.to_vec(), state);
        trial
    }

    /// Longer before shorter, better before worse, failed ones last, and those without a value not at all.
    #[test]
    fn trials_are_ranked_as_by_hand() {
        let failed = State::Failed("it diverged".into());
        let cases = [
            (0, &[0.9][..], State::Paused),
            (1, &[0.3, 0.5, 0.4], State::Paused),
            (2, &[0.95], failed.clone()),
            (3, &[0.8, 0.1], State::Running),
            (4, &[0.2, 0.6, 0.1], State::Finished),
            (5, &[], failed),
            (6, &[0.95], State::Paused),
        ];
        let trials: Vec<Trial> = cases
            .map(|(x, curve, state)| trial(&[("x", x.into())], curve, state))
            .into();
        let ranked: Vec<usize> = ranked(&trials)
            .iter()
            .map(|settings| settings.whole("x").unwrap())
            .collect();
        assert_eq!(ranked, [4, 1, 6, 0, 2, 5]);
    }

    /// Ten trials, of which the best, a tenth, is a b. With one added to each count, as the estimator's prior has it, the
    /// best have a, b, c as 1, 2, 1 of 4, the others as 6, 1, 5 of 12: b is 6 times as likely among the best, a .5 and c .6
    /// times. Of 24 draws of which half are b's, one is.
    #[test]
    fn the_choice_with_the_highest_ratio_is_taken() {
        let space = Space::new().choice("x", ["a", "b", "c"]).uniform("other", 0.0, 1.0);
        let values = ["a", "c", "a", "c", "b", "a", "c", "a", "c", "a"];
        let trials = (0..).zip(values).map(|(at, value)| {
            let result = if value == "b" { 1.0 } else { 0.01 * f64::from(at) };
            let other = Value::from(f64::from(at) / 10.0);
            trial(&[("x", value.into()), ("other", other)], &[result], State::Paused)
        });
        let trials: Vec<Trial> = trials.collect();
        for seed in 0..20 {
            let settings = propose(&space, None, &trials, seed, 10).unwrap();
            assert_eq!(settings.text("x").unwrap(), "b", "{seed}");
            assert!(space.has(&settings));
        }
    }

    /// 27 settings are tried once each, whatever the estimator would rather have, and then there are no more.
    #[test]
    fn a_small_space_is_gone_through_without_repeats() {
        let space = Space::new()
            .choice("a", [1, 2, 3])
            .integers("b", 0, 2)
            .choice("c", ["x", "y", "z"]);
        let (all, mut trials) = (space.all().unwrap(), Vec::new());
        while let Some(settings) = propose(&space, Some(&all), &trials, 5, 4) {
            assert!(space.has(&settings) && all.contains(&settings));
            let value = settings.number("a").unwrap() - settings.number("b").unwrap();
            let mut next = Trial::new(settings);
            (next.curve, next.state) = (vec![value], State::Paused);
            trials.push(next);
        }
        assert_eq!(trials.len(), 27);
        for (at, trial) in trials.iter().enumerate() {
            assert!(trials[..at].iter().all(|other| other.settings != trial.settings));
        }
    }

    /// Draws lie within their bounds, and half of a logarithmic range is half of its orders of magnitude; settings of other
    /// models are left out.
    #[test]
    fn draws_are_spread_over_the_space() {
        let space = Space::new()
            .choice("model", ["mf", "mlp"])
            .log_uniform("lr", 1e-4, 1.0)
            .integers("layers", 1, 4)
            .only_if("model", ["mlp"]);
        let drawn: Vec<Settings> = (0..400)
            .map(|seed| propose(&space, None, &[], seed, 1).unwrap())
            .collect();
        assert!(drawn.iter().all(|settings| space.has(settings)));
        let count = |is: &dyn Fn(&Settings) -> bool| drawn.iter().filter(|settings| is(settings)).count();
        assert!((160..240).contains(&count(&|settings| settings.number("lr").unwrap() < 1e-2)));
        let deep = count(&|settings| settings.get("layers").is_some());
        assert_eq!(deep, count(&|settings| settings.text("model").unwrap() == "mlp"));
        assert!((160..240).contains(&deep));
        for layers in 1..=4 {
            let of = count(&|settings| settings.whole("layers").ok() == Some(layers));
            assert!((deep / 8..deep / 2).contains(&of), "{layers}: {of} of {deep}");
        }
    }
}
