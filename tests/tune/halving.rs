//! Promotions, worked by hand after algorithm 2 of Li et al. (MLSys 2020); trials that fail; and the estimator's part.

use pocketrec::{Error, tune::*};

use crate::table::{Table, ladder};

/// Of nine trials.
const VALUES: [f64; 9] = [5.0, 3.0, 8.0, 1.0, 9.0, 2.0, 7.0, 6.0, 4.0];

/// Three trials stand on the first rung before one goes on, and three on the second; each goes on from where it stands.
#[test]
fn trials_are_promoted_as_by_hand() {
    let search = Search {
        budget: Budget::epochs(21),
        ..Search::new(Space::new().uniform("x", 0.0, 1.0))
    };
    let mut table = Table::new(|trial: usize, _| Ok(VALUES[trial]));
    let mut tuner = Tuner::new(search).unwrap();
    let (ended, ladder) = ladder(&mut tuner, &mut table);
    let by_hand = [
        (0, 1),
        (1, 1),
        (2, 1),
        (2, 3), // 8 is the best of 5, 3, 8
        (3, 1),
        (4, 1),
        (4, 3), // 9 is the best of five, and one of five goes on
        (5, 1),
        (6, 1),
        (7, 1),
        (8, 1),
        (6, 3), // of nine three go on: 9 and 8 have, 7 follows
        (4, 9), // of three on the second rung the best is 9
    ];
    assert_eq!(ladder, by_hand);
    assert_eq!(
        (ended, table.epochs, tuner.study().epochs()),
        (Ended::OutOfEpochs, 21, 21)
    );
    let winner = tuner.study().winner().unwrap();
    assert_eq!((winner.trial, winner.epoch, winner.value), (4, 1, 9.0));
    let states: Vec<&State> = tuner.study().trials().iter().map(|trial| &trial.state).collect();
    assert_eq!(states.iter().filter(|state| ***state == State::Finished).count(), 1);
    assert_eq!(*states[4], State::Finished);
}

/// Where there is nothing new to try, a part of a trial counts as one: the best goes on without waiting for a third.
#[test]
fn a_small_space_is_searched_to_its_end() {
    let search = Search::new(Space::new().integers("x", 1, 4));
    assert_eq!(search.halving.cost(4).unwrap(), 4 + 2 * 2 + 6);
    let mut table = Table::new(|trial: usize, _| Ok(VALUES[trial]));
    let mut tuner = Tuner::new(search).unwrap();
    let (ended, ladder) = ladder(&mut tuner, &mut table);
    assert_eq!(ladder, [(0, 1), (1, 1), (2, 1), (2, 3), (3, 1), (2, 9), (0, 3)]);
    assert_eq!((ended, table.epochs), (Ended::Finished, 14));
    let mut tried: Vec<usize> = tuner
        .study()
        .trials()
        .iter()
        .map(|trial| trial.settings.whole("x").unwrap())
        .collect();
    tried.sort_unstable();
    assert_eq!(tried, [1, 2, 3, 4]);
    // Another run has nothing to do.
    assert_eq!(tuner.run(&mut table, |_, _| ()).unwrap(), Ended::Finished);
    assert_eq!(table.epochs, 14);
}

/// A trial is as good as its best epoch so far; with as many trials as are allowed, the search goes on to the top.
#[test]
fn a_trial_is_judged_by_its_best_epoch() {
    let curves = [[1.0, 5.0, 2.0, 2.0], [3.0, 4.0, 1.0, 0.0], [2.0, 2.0, 2.0, 2.0]];
    let search = Search {
        halving: Halving {
            first: 2,
            last: 4,
            eta: 3,
        },
        budget: Budget::trials(3),
        ..Search::new(Space::new().log_uniform("x", 1e-3, 1.0))
    };
    let mut table = Table::new(|trial: usize, epoch: u32| Ok(curves[trial][epoch.saturating_sub(1) as usize]));
    let mut tuner = Tuner::new(search).unwrap();
    let (ended, ladder) = ladder(&mut tuner, &mut table);
    assert_eq!(ladder, [(0, 2), (1, 2), (2, 2), (0, 4)]);
    assert_eq!(ended, Ended::Finished);
    let winner = tuner.study().winner().unwrap();
    assert_eq!((winner.trial, winner.epoch, winner.value), (0, 2, 5.0));
    assert_eq!(tuner.study().trials()[0].best(), Some((2, 5.0)));
    let best = tuner.best(&mut table).unwrap();
    assert_eq!(table.epochs(&best), 2); // as it was at its best
}

#[test]
fn a_ladder_of_rungs_ends_where_it_is_told_to() {
    let rungs = |first, last, eta| Halving { first, last, eta }.rungs().unwrap();
    assert_eq!(rungs(1, 9, 3), [1, 3, 9]);
    assert_eq!(rungs(2, 20, 3), [2, 6, 18, 20]);
    assert_eq!(rungs(5, 5, 2), [5]);
    let least = |first, last, eta| Halving { first, last, eta }.least().unwrap();
    assert_eq!(least(1, 9, 3), 9 + 3 * 2 + 6);
    assert_eq!(least(1, 27, 3), 27 + 9 * 2 + 3 * 6 + 18);
    assert_eq!(least(4, 4, 3), 4);
}

#[test]
fn trials_that_fail_say_why_and_the_search_goes_on() {
    let fails = |trial: usize, epoch: u32| match (trial, epoch) {
        (1, 0) => Err(Error::config("layers", "there is no such tower")),
        (2, 1) => Err(Error::Diverged {
            step: 7,
            loss: f64::INFINITY,
        }),
        (3, 1) => Ok(f64::NAN),
        (4, 2) => Err(Error::Diverged { step: 9, loss: 1e30 }), // after it was promoted
        (trial, _) => Ok(VALUES[trial]),
    };
    let search = Search {
        budget: Budget::trials(9),
        ..Search::new(Space::new().uniform("x", 0.0, 1.0))
    };
    let mut table = Table::new(fails);
    let mut tuner = Tuner::new(search).unwrap();
    let (ended, ladder) = ladder(&mut tuner, &mut table);
    assert_eq!(ended, Ended::Finished);
    // 0, 4 and 5 are the first three on the first rung: 4 goes on and fails, so that with 6 it is 0, 5 and 6 again.
    let failed: Vec<(usize, &str)> = tuner.study().failed().collect();
    assert_eq!(failed.len(), 4);
    assert_eq!(failed[0], (1, "layers: there is no such tower"));
    assert!(
        failed[1].0 == 2 && failed[1].1.contains("diverged at step 7"),
        "{failed:?}"
    );
    assert!(
        failed[2].0 == 3 && failed[2].1.starts_with("metric: it is NaN"),
        "{failed:?}"
    );
    assert!(failed[3].0 == 4 && failed[3].1.contains("step 9"), "{failed:?}");
    // Those that fail stand where they did.
    let begin = [
        (0, 1),
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 1),
        (5, 1),
        (4, 1),
        (6, 1),
        (6, 3),
        (7, 1),
    ];
    assert_eq!(ladder[..10], begin);
    assert!(ladder.contains(&(6, 9)), "{ladder:?}"); // the best of those that live
    // What was the best before it failed is kept all the same.
    let winner = tuner.study().winner().unwrap();
    assert_eq!((winner.trial, winner.epoch), (4, 1));
    assert!(tuner.best(&mut table).is_ok());
}

#[test]
fn a_search_whose_trials_all_fail_ends_soon() {
    let search = Search {
        budget: Budget::trials(100),
        ..Search::new(Space::new().uniform("x", 0.0, 1.0))
    };
    let mut table = Table::new(|_: usize, _| Err(Error::config("rate", "the trial has no such setting")));
    let mut tuner = Tuner::new(search).unwrap();
    let error = tuner.run(&mut table, |_, _| ()).unwrap_err().to_string();
    assert!(
        error.contains("all of the first 8 trials failed") && error.contains("rate: "),
        "{error}"
    );
    let error = tuner.best(&mut table).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("no trial has a value"), "{error}");
}

/// The first trials are spread at random; once there is something to go by, trials come closer to what is good.
#[test]
fn the_estimator_comes_closer_than_chance() {
    let space = Space::new()
        .log_uniform("lr", 1e-5, 1.0)
        .choice("model", ["a", "b", "c"])
        .integers("n", 1, 20);
    // The best is at 1e-3, b and 5; kept here as settings are made.
    struct Distance(Vec<Settings>);
    impl Objective for Distance {
        type Trainer = (usize, u32);
        fn metric(&self) -> String {
            "closeness".into()
        }
        fn identity(&self) -> String {
            String::new()
        }
        fn make(&mut self, settings: &Settings, _: u32) -> pocketrec::Result<(usize, u32)> {
            self.0.push(settings.clone());
            Ok((self.0.len() - 1, 0))
        }
        fn save(&mut self, _: &mut (usize, u32)) -> pocketrec::Result<Vec<u8>> {
            Ok(Vec::new())
        }
        fn restore(&mut self, _: &[u8]) -> pocketrec::Result<(usize, u32)> {
            Err(Error::config("bytes", "nobody goes on"))
        }
        fn epochs(&self, trainer: &(usize, u32)) -> u32 {
            trainer.1
        }
        fn train_epoch(&mut self, trainer: &mut (usize, u32), _: Progress<'_>) -> pocketrec::Result<Option<f64>> {
            trainer.1 += 1;
            let settings = &self.0[trainer.0];
            let order = settings.number("lr")?.log10() + 3.0;
            let model = if settings.text("model")? == "b" { 0.0 } else { 2.0 };
            let count = (settings.whole("n")? as f64 - 5.0) / 5.0;
            Ok(Some(-(order * order + model + count * count)))
        }
    }
    let mut last = [0.0; 2];
    for (random, mean) in [(usize::MAX, 0), (10, 1)] {
        let search = Search {
            halving: Halving {
                first: 1,
                last: 1,
                eta: 3,
            },
            budget: Budget::trials(60),
            random,
            seed: 3,
            ..Search::new(space.clone())
        };
        let mut tuner = Tuner::new(search).unwrap();
        tuner.run(&mut Distance(Vec::new()), |_, _| ()).unwrap();
        let values: Vec<f64> = tuner.study().trials()[30..]
            .iter()
            .map(|trial| trial.value().unwrap())
            .collect();
        last[mean] = values.iter().sum::<f64>() / values.len() as f64;
    }
    // At random the three parts are 35/15, 4/3 and 1270/500 on average.
    assert!((-9.0..-4.0).contains(&last[0]), "{last:?}");
    assert!(last[1] > 0.5 * last[0], "{last:?}");
}
