//! Searching the catalogue on the device: top-K and ranks are the specification's of the scores that the device gives.

use pocketrec::{
    Error,
    eval::{Protocol, Query, Rank, evaluate, evaluate_with},
    executor::{Executor, rank_catalogue, score_catalogue, top_catalogue},
    gpu::{GpuExecutor, GpuOptions},
    models::{Mf, NeuMf},
    ops,
    plan::{Plan, State},
    rng::Rng,
};

use crate::common::{close, odd_models, random_state, wide};

/// Few distinct values, so that scores tie.
fn coarse(plan: &Plan) -> State {
    let mut state = random_state(plan, 1.0, 3);
    for tensor in &mut state.tensors {
        tensor.value.iter_mut().for_each(|x| *x = (2.0 * *x).round() / 2.0);
    }
    state
}

/// Every `step`-th item from the user's number on.
fn known(user: u32, items: usize, step: usize) -> Vec<u32> {
    (user..items as u32).step_by(step).collect()
}

fn check(executor: &mut GpuExecutor, what: &str) {
    let plan = executor.plan();
    let pair = plan.pair().unwrap();
    let (users, items) = (plan.rows_of(pair.query) as u32, plan.rows_of(pair.candidate));
    let asked: Vec<u32> = (0..7).map(|i| (i * i) % users).collect();
    let mut scores = vec![0.0; asked.len() * items];
    score_catalogue(executor, &asked, &mut scores).wait().unwrap();
    let mut by_pairs = vec![0.0; scores.len()];
    let user: Vec<u32> = (0..scores.len()).map(|cell| asked[cell / items]).collect();
    let item: Vec<u32> = (0..scores.len()).map(|cell| (cell % items) as u32).collect();
    executor
        .score(&pair.columns(&user, &item), &mut by_pairs)
        .wait()
        .unwrap();
    close(&scores, &wide(&by_pairs), 1e-5, what);
    // Nothing, every item, every second one, a few.
    let list = |(index, &user): (usize, &u32)| match index % 4 {
        0 => Vec::new(),
        kind => known(user, items, [1, 2, 41][kind - 1]),
    };
    let lists: Vec<Vec<u32>> = asked.iter().enumerate().map(list).collect();
    let queries: Vec<Query> = asked
        .iter()
        .zip(&lists)
        .map(|(&user, known)| Query { user, known })
        .collect();
    for k in [0, 1, 2, 10, items, items + 9] {
        let best = top_catalogue(executor, &queries, k).wait().unwrap();
        assert_eq!(best.len(), queries.len());
        for ((best, scores), query) in best.iter().zip(scores.chunks_exact(items)).zip(&queries) {
            let wanted = ops::top_k::select(&wide(scores), query.known, k);
            let best: Vec<(u32, f64)> = best.iter().map(|&(item, score)| (item, score.into())).collect();
            assert!(best == wanted, "{what}, {k} best: {best:?}, wanted {wanted:?}");
        }
    }
    for limit in [items, items.div_ceil(2)] {
        let rng = Rng::new(limit as u64);
        let targets: Vec<u32> = (0..asked.len() as u64).map(|i| rng.below(i, limit as u32)).collect();
        let within = |list: &Vec<u32>| list.iter().copied().filter(|&item| (item as usize) < limit).collect();
        let lists: Vec<Vec<u32>> = lists.iter().map(within).collect();
        let queries: Vec<Query> = asked
            .iter()
            .zip(&lists)
            .map(|(&user, known)| Query { user, known })
            .collect();
        let ranks = rank_catalogue(executor, &queries, &targets, limit).wait().unwrap();
        assert_eq!(ranks.len(), queries.len());
        for (index, (rank, scores)) in ranks.iter().zip(scores.chunks_exact(items)).enumerate() {
            let (better, ties) = ops::rank::count(&wide(&scores[..limit]), targets[index], queries[index].known);
            assert_eq!(*rank, Rank { better, ties }, "{what}, first {limit}, query {index}");
        }
    }
}

#[test]
fn top_k_and_rank_are_the_specification() {
    let Some(gpus) = crate::common::gpu::open_both() else {
        return;
    };
    for gpu in &gpus {
        // One, both sides of a round of 256, a prime.
        for items in [1, 2, 255, 256, 257, 611] {
            let plan = Mf::new(20, items).factors(3).plan().unwrap();
            let mut executor = GpuExecutor::new(gpu, plan.clone(), &coarse(&plan)).unwrap();
            check(&mut executor, &format!("MF of {items} items, {:?}", gpu.options()));
        }
        for (name, plan) in odd_models(13, 300) {
            let mut executor = GpuExecutor::new(gpu, plan.clone(), &random_state(&plan, 0.5, 2)).unwrap();
            check(&mut executor, name);
        }
        let plan = NeuMf::new(9, 300).factors(3).layers([6, 5]).plan().unwrap();
        let mut executor = GpuExecutor::new(gpu, plan.clone(), &random_state(&plan, 0.5, 2)).unwrap();
        check(&mut executor, "NeuMF");
        // Longer tables, as after new items came.
        executor.grow(1, 310).wait().unwrap();
        check(&mut executor, "grown");
    }
}

/// More than one part of 16,384 items, and scores of which the last part has but some.
#[test]
fn parts_of_a_catalogue_are_merged() {
    let Some(gpu) = crate::common::gpu::open(GpuOptions::default()) else {
        return;
    };
    let items = 16_384 + 77;
    let plan = Mf::new(3, items).factors(1).plan().unwrap();
    let mut executor = GpuExecutor::new(&gpu, plan.clone(), &coarse(&plan)).unwrap();
    let mut scores = vec![0.0; items];
    score_catalogue(&mut executor, &[2], &mut scores).wait().unwrap();
    for step in [2, 3] {
        let known = known(1, items, step);
        let query = [Query { user: 2, known: &known }];
        let left_out = |item: u32| known.binary_search(&item).is_ok();
        // The specification, without its quadratic search of what is left out.
        let mut wanted: Vec<(u32, f32)> = (0..)
            .zip(scores.iter().copied())
            .filter(|&(item, _)| !left_out(item))
            .collect();
        wanted.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap());
        for k in [5, 300, 16_400, items] {
            let best = top_catalogue(&mut executor, &query, k).wait().unwrap();
            assert!(
                best[0] == wanted[..k.min(wanted.len())],
                "{k} best without every {step}nd"
            );
        }
        let target = items as u32 - 1;
        let rank = rank_catalogue(&mut executor, &query, &[target], items).wait().unwrap()[0];
        let others = || wanted.iter().filter(|&&(item, _)| item != target).map(|pair| pair.1);
        let own = scores[target as usize];
        let better = others().filter(|&score| score > own).count() as u64;
        let ties = others().filter(|&score| score == own).count() as u64;
        assert_eq!(rank, Rank { better, ties });
    }
}

/// Slices of few pairs, and bindings that hold no user's scores: then they come back and the host looks.
#[test]
fn slices_and_small_bindings_find_the_same() {
    let plan = Mf::new(20, 300).factors(3).plan().unwrap();
    for (slice_rows, max_binding) in [(Some(70), None), (None, Some(1 << 10))] {
        let options = GpuOptions {
            slice_rows,
            max_binding,
            ..GpuOptions::default()
        };
        let Some(gpu) = crate::common::gpu::open(options) else {
            return;
        };
        let mut executor = GpuExecutor::new(&gpu, plan.clone(), &coarse(&plan)).unwrap();
        check(&mut executor, &format!("{:?}", gpu.options()));
    }
}

#[test]
fn scores_without_an_order_are_named_and_infinite_ones_ordered() {
    let Some(gpus) = crate::common::gpu::open_both() else {
        return;
    };
    let plan = Mf::new(4, 300).factors(1).plan().unwrap();
    let bias = plan.param("item.bias").unwrap();
    for gpu in &gpus {
        let mut executor = GpuExecutor::new(gpu, plan.clone(), &random_state(&plan, 0.1, 5)).unwrap();
        for (item, score) in [(7, f32::INFINITY), (9, f32::NEG_INFINITY), (11, f32::INFINITY)] {
            executor.write_rows(bias, item, &[score]).wait().unwrap();
        }
        let query = [Query { user: 1, known: &[8] }];
        let best = top_catalogue(&mut executor, &query, 299).wait().unwrap();
        assert_eq!(best[0][..2], [(7, f32::INFINITY), (11, f32::INFINITY)]);
        assert_eq!(best[0][298], (9, f32::NEG_INFINITY));
        let rank = rank_catalogue(&mut executor, &query, &[11], 300).wait().unwrap();
        assert_eq!(rank, [Rank { better: 0, ties: 1 }]);
        // Of two, the first is named, whether or not it is left out.
        for item in [200, 8] {
            executor.write_rows(bias, item, &[f32::NAN]).wait().unwrap();
            let errors = [
                top_catalogue(&mut executor, &query, 3).wait().unwrap_err(),
                rank_catalogue(&mut executor, &query, &[0], 300).wait().unwrap_err(),
            ];
            for error in errors {
                let wanted = format!("the score of user 1 and item {item} is NaN");
                assert!(error.to_string().contains(&wanted), "{error}");
            }
        }
    }
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let Some(gpu) = crate::common::gpu::open(GpuOptions::default()) else {
        return;
    };
    let plan = Mf::new(4, 30).factors(1).plan().unwrap();
    let mut executor = GpuExecutor::new(&gpu, plan.clone(), &random_state(&plan, 0.1, 5)).unwrap();
    let query = |user, known| [Query { user, known }];
    assert!(matches!(
        top_catalogue(&mut executor, &query(4, &[]), 1).wait(),
        Err(Error::Id { id: 4, .. })
    ));
    assert!(matches!(
        rank_catalogue(&mut executor, &query(1, &[]), &[30], 30).wait(),
        Err(Error::Id { id: 30, .. })
    ));
    assert!(matches!(
        rank_catalogue(&mut executor, &query(1, &[29]), &[3], 20).wait(),
        Err(Error::Id { id: 29, .. })
    ));
    assert!(matches!(
        rank_catalogue(&mut executor, &query(1, &[]), &[], 30).wait(),
        Err(Error::Length { .. })
    ));
    assert!(top_catalogue(&mut executor, &[], 3).wait().unwrap().is_empty());
}

/// A warm search makes nothing, and evaluation over all items is what it is by scores that come back.
#[test]
fn full_evaluation_is_that_of_the_scores() {
    let Some(gpu) = crate::common::gpu::open(GpuOptions::default()) else {
        return;
    };
    let split = crate::planted::split();
    let plan = NeuMf::new(crate::planted::USERS as usize, crate::planted::ITEMS as usize)
        .factors(4)
        .plan()
        .unwrap();
    let mut executor = GpuExecutor::new(&gpu, plan.clone(), &random_state(&plan, 0.3, 5)).unwrap();
    let searched = evaluate(&mut executor, &split, Protocol::Full, 10).unwrap();
    let created = gpu.created();
    assert_eq!(evaluate(&mut executor, &split, Protocol::Full, 10).unwrap(), searched);
    assert_eq!(gpu.created(), created, "made in a warm search");
    let scored = evaluate_with(&split, Protocol::Full, 10, |users, items, out| {
        executor.score(&[users, items], out).wait()
    });
    assert_eq!(scored.unwrap(), searched);
}
