//! All items for some users at once against the same pairs one by one.

mod common;

use common::{odd_models, random_state};
use pocketrec::{
    Error,
    cpu::{CpuExecutor, Isa},
    executor::{Executor, score_catalogue},
    ops::SigmoidCrossEntropy,
    plan::{Activation, Init, Plan, PlanBuilder},
    reference::Reference,
};

/// Scores users both ways; the catalogue must follow the parameters.
fn check(plan: &Plan, name: &str) {
    for isa in Isa::available() {
        for threads in [1, 2] {
            let state = random_state(plan, 0.3, 3);
            let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, threads).unwrap();
            let mut reference = Reference::new(plan, &state).unwrap();
            let pair = plan.pair().unwrap();
            let (users, items) = (plan.rows_of(pair.query) as u32, plan.rows_of(pair.candidate));
            // One user, some, and more than a task takes at a time; in any order, and twice.
            for count in [1, 3, 8 * threads + 1] {
                let chosen: Vec<u32> = (0..count as u32).map(|i| (i * 7 + 3) % users).collect();
                let mut got = vec![0.0; count * items];
                let mut want = got.clone();
                score_catalogue(&mut executor, &chosen, &mut got).wait().unwrap();
                let user: Vec<u32> = (0..want.len()).map(|pair| chosen[pair / items]).collect();
                let item: Vec<u32> = (0..want.len()).map(|pair| (pair % items) as u32).collect();
                reference.score(&pair.columns(&user, &item), &mut want).wait().unwrap();
                let largest = want.iter().fold(0.1f32, |m, x| m.max(x.abs()));
                for (index, (got, want)) in got.iter().zip(&want).enumerate() {
                    let error = (got - want).abs();
                    assert!(
                        error <= 1e-5 * largest,
                        "{name} {isa} {threads}: {index}: {got} not {want}"
                    );
                }
            }
        }
    }
}

#[test]
fn catalogue_equals_pairs() {
    for (name, plan) in odd_models(37, 131) {
        check(&plan, name);
    }
}

#[test]
fn a_plan_that_does_not_fall_apart_is_scored_by_pairs() {
    // The user's row is multiplied with itself: quadratic, so no matrix product of users and items.
    let mut plan = PlanBuilder::new();
    let (user, item) = (plan.query("user"), plan.candidate("item"));
    let init = Init::Normal { std: 0.3 };
    let (p, q) = (plan.buffer(5), plan.buffer(5));
    plan.gather("user", user, 20, init, p);
    plan.gather("item", item, 30, init, q);
    let (square, top) = (plan.buffer(5), plan.buffer(5));
    plan.product(p, p, square);
    plan.product(square, q, top);
    let logit = plan.linear("logit", top, 1, Activation::Identity);
    check(&plan.finish(SigmoidCrossEntropy { logit }).unwrap(), "quadratic");
}

#[test]
fn the_catalogue_follows_the_parameters() {
    let (_, plan) = odd_models(37, 131).into_iter().next_back().unwrap();
    let mut executor = CpuExecutor::new(plan.clone(), random_state(&plan, 0.3, 1), Isa::available()[0], 1).unwrap();
    let items = plan.rows(1);
    let (mut before, mut after) = (vec![0.0; items], vec![0.0; items]);
    score_catalogue(&mut executor, &[0], &mut before).wait().unwrap();
    executor.set_state(&random_state(&plan, 0.3, 2)).wait().unwrap();
    score_catalogue(&mut executor, &[0], &mut after).wait().unwrap();
    assert!(before.iter().zip(&after).all(|(b, a)| b != a));
    executor.grow(1, items + 3).wait().unwrap();
    let mut grown = vec![f32::NAN; items + 3];
    score_catalogue(&mut executor, &[0], &mut grown).wait().unwrap();
    assert_eq!(grown[..items], after[..]);
    assert!(grown[items..].iter().all(|score| score.is_finite()));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_, plan) = odd_models(37, 131).into_iter().next().unwrap();
    let mut executor = CpuExecutor::new(plan.clone(), random_state(&plan, 0.3, 1), Isa::Scalar, 1).unwrap();
    let items = plan.rows(1);
    let users = plan.rows(0) as u32;
    let error = score_catalogue(&mut executor, &[users], &mut vec![0.0; items])
        .wait()
        .unwrap_err();
    assert!(matches!(error, Error::Id { .. }), "{error}");
    let error = score_catalogue(&mut executor, &[0], &mut vec![0.0; items + 1])
        .wait()
        .unwrap_err();
    assert!(error.to_string().contains("users x items"), "{error}");
}
