//! All items for some users at once against the same pairs one by one.

use pocketrec::{
    Error,
    cpu::{CpuExecutor, Isa, top_k::FactorSearch},
    executor::{Executor, Query, Rank, rank_catalogue, score_catalogue, top_catalogue},
    ops::SigmoidCrossEntropy,
    plan::{Activation, Init, Plan, PlanBuilder},
    reference::Reference,
    rng::Rng,
};

use crate::common::{odd_models, random_state};

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

/// Scores of users with all items by [`score_catalogue`].
fn scores_of(executor: &mut CpuExecutor, users: &[u32], items: usize) -> Vec<Vec<f32>> {
    let mut scores = vec![0.0; users.len() * items];
    score_catalogue(executor, users, &mut scores).wait().unwrap();
    scores.chunks(items).map(<[f32]>::to_vec).collect()
}

/// The bits of the search are those of a sort of all scores, on any number of threads and for any number of users.
#[test]
fn searching_is_sorting_all_scores() {
    for (name, plan) in odd_models(290, 4_503) {
        let (users, items) = (290u32, 4_503u32);
        let state = random_state(&plan, 0.3, 5);
        for isa in Isa::available() {
            let mut expected: Option<(Vec<_>, Vec<_>)> = None;
            for threads in [1, 3] {
                let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, threads).unwrap();
                assert!(executor.search().is_some() || name.contains("MLP"), "{name}");
                for count in [1, 7, 100] {
                    let rng = Rng::new(count);
                    let of = |at: u64| -> Vec<u32> {
                        (0..items - 3)
                            .filter(|&item| rng.stream(at as u32).below(item.into(), 9) == 0)
                            .collect()
                    };
                    let known: Vec<Vec<u32>> = (0..count).map(of).collect();
                    let users: Vec<u32> = (0..count).map(|at| rng.below(at, users)).collect();
                    let queries: Vec<Query<'_>> = (users.iter().zip(&known))
                        .map(|(&user, known)| Query { user, known })
                        .collect();
                    let scores = scores_of(&mut executor, &users, items as usize);
                    let best = top_catalogue(&mut executor, &queries, 21).wait().unwrap();
                    // Some targets are known, some users come several times in a row.
                    let mut asked = Vec::new();
                    let mut targets = Vec::new();
                    for (at, query) in queries.iter().enumerate() {
                        for k in 0..=at as u64 % 3 {
                            asked.push(*query);
                            targets.push(rng.below(1000 + 3 * at as u64 + k, items - 3));
                        }
                    }
                    let ranks = rank_catalogue(&mut executor, &asked, &targets, items as usize - 3)
                        .wait()
                        .unwrap();
                    for (at, (scores, known)) in scores.iter().zip(&known).enumerate() {
                        let mut all: Vec<(u32, f32)> = (0..).zip(scores.iter().map(|score| score + 0.0)).collect();
                        all.retain(|(item, _)| known.binary_search(item).is_err());
                        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                        all.truncate(21);
                        assert_eq!(best[at], all, "{name} {isa} {threads} {count}");
                    }
                    let mut at = 0;
                    for (index, (scores, known)) in scores.iter().zip(&known).enumerate() {
                        for _ in 0..=index % 3 {
                            let target = targets[at];
                            let mut want = Rank { better: 0, ties: 0 };
                            for item in (0..items - 3).filter(|item| *item != target) {
                                if known.binary_search(&item).is_err() {
                                    want.better += u64::from(scores[item as usize] > scores[target as usize]);
                                    want.ties += u64::from(scores[item as usize] == scores[target as usize]);
                                }
                            }
                            assert_eq!(ranks[at], want, "{name} {isa} {threads} {count}");
                            at += 1;
                        }
                    }
                    if count == 100 {
                        let first = expected.get_or_insert_with(|| (best.clone(), ranks.clone()));
                        assert!(first.0 == best && first.1 == ranks, "{name} {isa}");
                    }
                }
            }
        }
    }
}

#[test]
fn factors_are_searched_like_a_model_of_them() {
    let (users, items, width) = (131usize, 2_500usize, 7usize);
    let floats = |len: usize, stream: u32| -> Vec<f32> {
        let rng = Rng::new(9).stream(stream);
        // Few distinct values, so that ties are common.
        (0..len as u64).map(|at| rng.below(at, 5) as f32 - 2.0).collect()
    };
    let (rows, columns) = (floats(users * width, 1), floats(items * width, 2));
    let known: Vec<u32> = (0..items as u32).step_by(3).collect();
    let queries: Vec<Query<'_>> = (0..users as u32)
        .map(|user| Query {
            user,
            known: if user % 2 == 0 { &known } else { &[] },
        })
        .collect();
    for isa in Isa::available() {
        for threads in [1, 2] {
            let mut search = FactorSearch::new(isa, threads, &columns, width).unwrap();
            assert_eq!(search.items(), items);
            for k in [0, 1, 40, 3000] {
                let best = search.top(&rows, &queries, k).unwrap();
                for (query, best) in queries.iter().zip(&best) {
                    let row = &rows[query.user as usize * width..][..width];
                    let score = |item: u32| -> f32 {
                        let column = &columns[item as usize * width..][..width];
                        row.iter().zip(column).map(|(a, b)| a * b).sum()
                    };
                    let mut all: Vec<(u32, f32)> = (0..items as u32).map(|item| (item, score(item) + 0.0)).collect();
                    all.retain(|(item, _)| query.known.binary_search(item).is_err());
                    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                    all.truncate(k);
                    assert_eq!(*best, all, "{isa} {threads} {k}");
                }
            }
            assert_eq!(search.top(&rows, &[], 5).unwrap(), Vec::<Vec<(u32, f32)>>::new());
        }
    }
}

#[test]
fn what_cannot_be_searched_is_refused_by_name() {
    let isa = Isa::available()[0];
    let refused = |result: pocketrec::Result<FactorSearch>| result.unwrap_err().to_string();
    assert!(refused(FactorSearch::new(isa, 0, &[1.0], 1)).contains("threads"));
    assert!(
        refused(FactorSearch::new(isa, 1, &[1.0; 5], 2)).contains("factors of items, rows of 2: expected 6, got 5")
    );
    assert!(refused(FactorSearch::new(isa, 1, &[], 0)).contains("width"));
    let mut none = FactorSearch::new(isa, 1, &[], 2).unwrap();
    let first = Query { user: 0, known: &[] };
    assert_eq!(none.top(&[1.0, 2.0], &[first], 3).unwrap(), [vec![]]);
    let mut items = vec![1.0f32; 200];
    let mut search = FactorSearch::new(isa, 1, &items, 2).unwrap();
    let mut error = |users: &[f32], query: Query<'_>| search.top(users, &[query], 3).unwrap_err().to_string();
    assert!(error(&[1.0; 4], Query { user: 2, known: &[] }).contains("user id 2"));
    assert!(error(&[1.0; 3], first).contains("factors of users, rows of 2"));
    let unsorted = Query {
        user: 0,
        known: &[4, 2],
    };
    assert!(error(&[1.0; 2], unsorted).starts_with("known: the items of user 0 are not in ascending order"));
    assert!(error(&[f32::NAN, 1.0], first).contains("user 0 and item 0 is NaN"));
    // Wherever it is, and whether known or not: of an infinite score nothing is said.
    for at in [0, 50, 63, 64, 99] {
        items[2 * at] = f32::NAN;
        let mut search = FactorSearch::new(isa, 1, &items, 2).unwrap();
        let error = search.top(&[1.0, 1.0], &[first], 3).unwrap_err().to_string();
        assert!(error.contains(&format!("user 0 and item {at} is NaN")), "{error}");
        items[2 * at] = 1.0;
    }
    items[130] = f32::INFINITY;
    let mut search = FactorSearch::new(isa, 1, &items, 2).unwrap();
    assert_eq!(
        search.top(&[1.0, 1.0], &[first], 1).unwrap(),
        [vec![(65, f32::INFINITY)]]
    );
    // The executor refuses the same.
    let (_, plan) = odd_models(37, 131).into_iter().next().unwrap();
    let mut executor = CpuExecutor::new(plan.clone(), random_state(&plan, 0.3, 1), isa, 2).unwrap();
    let error = top_catalogue(&mut executor, &[unsorted], 3)
        .wait()
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("known:"), "{error}");
    let mut state = random_state(&plan, 0.3, 1);
    let table = plan
        .params()
        .iter()
        .position(|param| param.name.contains("item"))
        .unwrap();
    let width = plan.params()[table].width;
    state.tensors[table].value[77 * width] = f32::NAN;
    executor.set_state(&state).wait().unwrap();
    for targets in [[5, 9], [77, 9]] {
        let error = rank_catalogue(&mut executor, &[first, first], &targets, 131)
            .wait()
            .unwrap_err()
            .to_string();
        assert!(error.contains("item 77 is NaN"), "{error}");
    }
}
