//! RP3beta and iALS against their definitions, written out in `f64` over dense matrices.

use pocketrec::{
    Error,
    classical::{Classical, Ials, IalsConfig, Method, Rp3Beta, Rp3BetaConfig, Solver},
    cpu::Isa,
    data::Interactions,
    device::Device,
    rng::Rng,
};

const USERS: u32 = 60;
const ITEMS: u32 = 40;

/// Users of four circles, each with the items of the circle and a few others.
fn circles(seed: u64) -> Interactions {
    let rng = Rng::new(seed);
    let mut pairs = Vec::new();
    for user in 0..USERS {
        for item in 0..ITEMS - 1 {
            // The last item is nobody's.
            let of_circle = user % 4 == item % 4;
            let chance = if of_circle { 7 } else { 1 };
            if rng.below(u64::from(user * ITEMS + item), 12) < chance {
                pairs.push((user, item));
            }
        }
    }
    let (users, items): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
    Interactions::from_columns((USERS + 1, ITEMS), &users, &items, &[]).unwrap() // the last user has nothing
}

fn cpu() -> Device {
    Device::cpu().threads(1)
}

/// Each item's users.
fn users_of(data: &Interactions, item: u32) -> Vec<u32> {
    (0..data.users()).filter(|&user| data.contains(user, item)).collect()
}

/// The weights of RP3beta as the formula has them.
fn walks(data: &Interactions, config: &Rp3BetaConfig) -> Vec<Vec<f64>> {
    let power = |count: usize, exponent: f32| (count as f64).powf(-f64::from(exponent));
    let mut all = Vec::new();
    for i in 0..data.items() {
        let mut row = vec![0.0; data.items() as usize];
        let of_i = users_of(data, i);
        for j in (0..data.items()).filter(|&j| j != i) {
            let of_j = users_of(data, j);
            for &user in of_i.iter().filter(|user| of_j.contains(user)) {
                row[j as usize] += power(of_i.len(), config.alpha)
                    * power(data.of_user(user).len(), config.alpha)
                    * power(of_j.len(), config.beta);
            }
        }
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        order.iter().skip(config.neighbours).for_each(|&j| row[j] = 0.0);
        if config.normalize {
            let sum: f64 = row.iter().sum();
            row.iter_mut()
                .filter(|weight| **weight > 0.0)
                .for_each(|weight| *weight /= sum);
        }
        all.push(row);
    }
    all
}

#[test]
fn rp3beta_is_what_the_formula_says() {
    let data = circles(1);
    for (alpha, beta, neighbours, normalize) in [(1.0, 0.6, 100, false), (0.7, 0.3, 7, true), (0.0, 0.0, 12, false)] {
        let config = Rp3BetaConfig {
            alpha,
            beta,
            neighbours,
            normalize,
        };
        let model = Rp3Beta::fit(&data, config, &cpu()).unwrap();
        let mut want = walks(&data, &config);
        for i in 0..ITEMS {
            let own = &mut want[i as usize];
            let similar = model.similar_items(i, 100).unwrap();
            assert!(similar.is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0)));
            for &(j, weight) in &similar {
                let want = own[j as usize];
                // Of weights that are equal but for rounding another may have been kept.
                assert!((f64::from(weight) - want).abs() <= 1e-6 * want.abs() || (want == 0.0 && neighbours < 50));
            }
            assert_eq!(similar.len(), own.iter().filter(|&&weight| weight > 0.0).count());
        }
        if neighbours < 50 {
            continue;
        }
        for user in 0..USERS {
            let history = data.of_user(user);
            let score = |j: u32| -> f64 { history.iter().map(|&i| want[i as usize][j as usize]).sum() };
            let pairs: Vec<(u32, u32)> = (0..ITEMS).map(|j| (user, j)).collect();
            for (&(_, j), got) in pairs.iter().zip(model.score(&pairs).unwrap()) {
                assert!((f64::from(got) - score(j)).abs() < 1e-6 * score(j).max(1e-3));
            }
        }
    }
}

/// Two users, three items: by hand.
#[test]
fn a_walk_by_hand() {
    let data = Interactions::from_pairs(&[(0, 0), (0, 1), (1, 1), (1, 2), (1, 0)]).unwrap();
    let config = Rp3BetaConfig {
        alpha: 1.0,
        beta: 1.0,
        neighbours: 5,
        normalize: false,
    };
    let model = Rp3Beta::fit(&data, config, &cpu()).unwrap();
    // From 0 half of the way to each user; from the first half on to 1, from the second a third; and 1 has two users.
    let to_1 = (0.5 * 0.5 + 0.5 / 3.0) / 2.0;
    let to_2 = 0.5 / 3.0;
    let best = model.recommend_for(&[0], 5).unwrap();
    assert_eq!(best.iter().map(|pair| pair.0).collect::<Vec<_>>(), [1, 2]);
    assert!((best[0].1 - to_1 as f32).abs() < 1e-7 && (best[1].1 - to_2 as f32).abs() < 1e-7);
}

/// What the vector of a history must fulfil: the gradient of the objective is zero there.
fn gradient(model: &Ials, history: &[u32], x: &[f32], config: &IalsConfig) -> Vec<f64> {
    let all = history.len() as f64 + f64::from(config.unobserved) * f64::from(ITEMS);
    let l2 = f64::from(config.l2) * all.powf(f64::from(config.l2_exponent));
    let mut sums: Vec<f64> = x.iter().map(|&x| l2 * f64::from(x)).collect();
    for item in 0..ITEMS {
        let y = model.item_vector(item).unwrap();
        let score: f64 = x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
        let mut slope = f64::from(config.unobserved) * score;
        if history.contains(&item) {
            slope += score - 1.0;
        }
        sums.iter_mut()
            .zip(y)
            .for_each(|(sum, &y)| *sum += slope * f64::from(y));
    }
    sums
}

#[test]
fn a_folded_in_vector_minimises_the_objective() {
    let data = circles(2);
    for factors in [1, 5, 16, 40] {
        let config = IalsConfig {
            factors,
            l2_exponent: 0.7,
            l2: 0.02,
            iterations: 3,
            ..IalsConfig::default()
        };
        let model = Ials::fit(&data, config, &cpu()).unwrap();
        for history in [&[3][..], &[1, 5, 9, 13], &[0, 39, 2]] {
            let x = model.fold_in(history).unwrap();
            assert_eq!(x.len(), factors);
            for slope in gradient(&model, history, &x, &config) {
                assert!(slope.abs() < 5e-5, "{factors} factors: {slope}");
            }
            let best = model.recommend_for(history, 100).unwrap();
            for &(item, score) in &best {
                let y = model.item_vector(item).unwrap();
                let want: f64 = x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
                assert!((f64::from(score) - want).abs() < 1e-5);
            }
            assert!(best.iter().all(|(item, _)| !history.contains(item)));
        }
        assert_eq!(model.fold_in(&[]).unwrap(), vec![0.0; factors]);
        assert_eq!(model.recommend(USERS, 5).unwrap(), []); // who has nothing gets nothing
        assert_eq!(model.item_vector(ITEMS - 1).unwrap(), vec![0.0; factors]); // nobody's
    }
}

/// The settings of Hu et al. are the same problem at another scale: in theirs the gradient is zero too.
#[test]
fn confidence_is_a_scale() {
    let data = circles(3);
    let (confidence, l2) = (41.0, 0.3);
    let config = IalsConfig {
        factors: 8,
        ..IalsConfig::from_confidence(confidence, l2)
    };
    let model = Ials::fit(&data, config, &cpu()).unwrap();
    let (confidence, l2) = (f64::from(confidence), f64::from(l2));
    let scale = (confidence / (confidence - 1.0)).sqrt();
    let scaled = |vector: &[f32]| -> Vec<f64> { vector.iter().map(|&v| scale * f64::from(v)).collect() };
    let history = [0, 4, 8, 11];
    let x = scaled(&model.fold_in(&history).unwrap());
    let mut sums: Vec<f64> = x.iter().map(|x| l2 * x).collect();
    for item in 0..ITEMS {
        let y = scaled(model.item_vector(item).unwrap());
        let score: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
        let slope = match history.contains(&item) {
            true => confidence * (score - 1.0),
            false => score,
        };
        sums.iter_mut().zip(&y).for_each(|(sum, y)| *sum += slope * y);
    }
    assert!(sums.iter().all(|slope| slope.abs() < 1e-4), "{sums:?}");
}

/// The objective as it is defined, with users' vectors that are exact.
fn objective(model: &Ials, data: &Interactions, config: &IalsConfig) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum() };
    let weight = |observed: usize, others: u32| {
        let all = observed as f64 + f64::from(config.unobserved) * f64::from(others);
        f64::from(config.l2) * all.powf(f64::from(config.l2_exponent))
    };
    let popularity = data.popularity();
    let items = (0..ITEMS).map(|item| model.item_vector(item).unwrap());
    let mut sum: f64 = (items.clone().zip(&popularity))
        .map(|(y, &count)| weight(count as usize, data.users()) * dot(y, y))
        .sum();
    for user in 0..data.users() {
        let history = data.of_user(user);
        let x = model.fold_in(history).unwrap();
        sum += weight(history.len(), ITEMS) * dot(&x, &x);
        for (item, y) in items.clone().enumerate() {
            let score = dot(&x, y);
            sum += f64::from(config.unobserved) * score * score;
            if history.contains(&(item as u32)) {
                sum += (1.0 - score) * (1.0 - score);
            }
        }
    }
    sum
}

/// Every iteration lowers the objective, exact solutions as far as there is to go, and few steps of conjugate gradients not less far in
/// the end.
#[test]
fn iterations_lower_the_objective() {
    let data = circles(4);
    let mut ends = Vec::new();
    for solver in [Solver::Cholesky, Solver::ConjugateGradient { steps: 3 }] {
        let config = IalsConfig {
            factors: 12,
            solver,
            l2: 0.01,
            ..IalsConfig::default()
        };
        let mut model = Ials::new(&data, config, &cpu()).unwrap();
        let mut last = f64::INFINITY;
        for iteration in 0..30 {
            model.train(1).unwrap();
            let now = objective(&model, &data, &config);
            assert!(
                now < last * (1.0 + 1e-6),
                "{solver:?}, iteration {iteration}: {last}, then {now}"
            );
            last = now;
        }
        ends.push(last);
    }
    assert!((ends[0] - ends[1]).abs() < 0.01 * ends[0], "{ends:?}");
}

/// With as many steps as there are factors both solvers are exact.
#[test]
fn both_solvers_agree() {
    let data = circles(5);
    let vectors = |solver| {
        let config = IalsConfig {
            factors: 20,
            iterations: 3,
            solver,
            ..IalsConfig::default()
        };
        let model = Ials::fit(&data, config, &cpu()).unwrap();
        (0..ITEMS)
            .flat_map(|item| model.item_vector(item).unwrap().to_vec())
            .collect::<Vec<f32>>()
    };
    let (exact, steps) = (
        vectors(Solver::Cholesky),
        vectors(Solver::ConjugateGradient { steps: 40 }),
    );
    let largest = exact.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()));
    assert!(largest > 0.05);
    for (a, b) in exact.iter().zip(&steps) {
        assert!((a - b).abs() < 1e-3 * largest, "{a}, {b}");
    }
}

/// The bytes of a file have all that a model knows.
#[cfg(feature = "std")]
fn bytes<M: Method>(model: &Classical<M>, write: impl Fn(&Classical<M>, &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(model, &mut bytes);
    bytes
}

#[test]
#[cfg(feature = "parallel")]
fn the_bits_do_not_depend_on_threads() {
    let data = circles(6);
    let fitted = |threads| {
        let device = Device::cpu().threads(threads);
        let mut walks = Rp3Beta::fit(&data, Rp3BetaConfig::default(), &device).unwrap();
        let all: Vec<u32> = (0..=USERS).collect();
        let mut results = vec![bytes(&walks, |model, to| model.write_to(to).unwrap())];
        let mut lists = vec![walks.recommend_many(&all, 7).unwrap()];
        for solver in [Solver::Cholesky, Solver::ConjugateGradient { steps: 3 }] {
            let config = IalsConfig {
                factors: 24,
                solver,
                ..IalsConfig::default()
            };
            let mut model = Ials::fit(&data, config, &device).unwrap();
            results.push(bytes(&model, |model, to| model.write_to(to).unwrap()));
            lists.push(model.recommend_many(&all, 7).unwrap());
            let alone: Vec<_> = all.iter().map(|&user| model.recommend(user, 7).unwrap()).collect();
            assert_eq!(lists.last(), Some(&alone));
        }
        (results, lists)
    };
    let one = fitted(1);
    assert!([2, 3, 7].map(fitted).iter().all(|other| *other == one));
}

/// What every instruction set gives is the same but for rounding.
#[test]
fn instruction_sets_agree() {
    let data = circles(7);
    let scores = |isa| {
        let model = Ials::fit(&data, IalsConfig::default(), &cpu().simd(isa)).unwrap();
        let pairs: Vec<(u32, u32)> = (0..USERS)
            .flat_map(|user| (0..ITEMS).map(move |item| (user, item)))
            .collect();
        model.score(&pairs).unwrap()
    };
    let scalar = scores(Isa::Scalar);
    for isa in Isa::available() {
        for (a, b) in scalar.iter().zip(scores(isa)) {
            assert!((a - b).abs() < 2e-4, "{isa}: {a}, {b}");
        }
    }
}

/// Training that was interrupted by a file goes on with the same bits, and two calls are one.
#[test]
#[cfg(feature = "std")]
fn training_goes_on_where_it_stood() {
    let data = circles(8);
    let config = IalsConfig {
        factors: 10,
        iterations: 5,
        ..IalsConfig::default()
    };
    let whole = Ials::fit(&data, config, &cpu()).unwrap();
    let mut part = Ials::new(&data, config, &cpu()).unwrap();
    part.train(2).unwrap();
    let file = bytes(&part, |model, to| model.write_to(to).unwrap());
    let mut resumed = Ials::from_bytes(&file, &cpu()).unwrap();
    resumed.train(3).unwrap();
    assert_eq!(resumed.iterations(), 5);
    let write = |model: &Ials, to: &mut Vec<u8>| model.write_to(to).unwrap();
    assert_eq!(bytes(&resumed, write), bytes(&whole, write));
}

/// Contributions add up; and what the largest comes from is what the score rests on: without it the score falls more than
/// without another item of the history.
fn reasons_hold<M: Method>(model: &Classical<M>, data: &Interactions) {
    let rng = Rng::new(3);
    let (mut by_top, mut by_other, mut of_circle, mut told) = (0.0, 0.0, 0, 0);
    for user in 0..USERS {
        let history = data.of_user(user);
        let (item, score) = model.recommend(user, 1).unwrap()[0];
        let why = model.explain(user, item).unwrap();
        assert_eq!((why.score, why.rest), (score, 0.0));
        assert!((why.sum() - f64::from(score)).abs() < 1e-5 * f64::from(score.abs()).max(1.0));
        assert!((why.sum() - f64::from(score)).abs() < 1e-4 * f64::from(score.abs()));
        assert!(why.reasons.iter().all(|reason| history.contains(&reason.item)));
        assert!(why.reasons.is_sorted_by(|a, b| a.contribution >= b.contribution));
        assert_eq!(model.explain_for(history, item).unwrap(), why);
        let without = |left_out: u32| {
            let rest: Vec<u32> = history.iter().copied().filter(|&item| item != left_out).collect();
            f64::from(model.explain_for(&rest, item).unwrap().score)
        };
        let others = &why.reasons[1..];
        let other = others[rng.below(u64::from(user), others.len() as u32) as usize].item;
        by_top += f64::from(score) - without(why.reasons[0].item);
        by_other += f64::from(score) - without(other);
        if item % 4 == user % 4 {
            of_circle += 1;
            told += u32::from(why.reasons[0].item % 4 == user % 4);
        }
    }
    // The circle's own items speak for an item of it.
    assert!(
        of_circle > USERS / 2 && told * 10 >= of_circle * 9,
        "{told} of {of_circle}"
    );
    assert!(by_top > 0.0 && by_top > 1.3 * by_other, "{by_top}, {by_other}");
}

#[test]
fn reasons_add_up_and_matter() {
    let data = circles(9);
    reasons_hold(&Rp3Beta::fit(&data, Rp3BetaConfig::default(), &cpu()).unwrap(), &data);
    let config = IalsConfig {
        factors: 8,
        ..IalsConfig::default()
    };
    reasons_hold(&Ials::fit(&data, config, &cpu()).unwrap(), &data);
}

/// Recommendations are of the circle, for those who were trained on and for those who come later.
#[test]
fn a_click_counts_at_once() {
    let data = circles(10);
    let config = IalsConfig {
        factors: 4,
        ..IalsConfig::default()
    };
    let mut model = Ials::fit(&data, config, &cpu()).unwrap();
    assert_eq!(model.users(), USERS as usize + 1);
    let new = USERS + 3;
    assert!(matches!(model.recommend(new, 3), Err(Error::Id { .. })));
    assert_eq!(model.absorb(&[(new, 5), (new, 9), (new, 5)]).unwrap(), 2);
    assert_eq!(model.users(), new as usize + 1);
    assert_eq!(
        model.recommend(new, 3).unwrap(),
        model.recommend_for(&[9, 5, 9], 3).unwrap()
    );
    assert!(model.recommend(new, 3).unwrap().iter().all(|(item, _)| item % 4 == 1));
    assert_eq!(model.user_ids().key(new).as_deref(), Some("63"));
    model.train(1).unwrap(); // those who came are trained on too
    assert_eq!(model.history().absorbed(new), [5, 9]);
    // Nothing changes where one of the pairs is wrong.
    assert!(matches!(
        model.absorb(&[(new + 1, 0), (0, ITEMS)]),
        Err(Error::Id { .. })
    ));
    assert_eq!(model.users(), new as usize + 1);
    assert!(matches!(model.absorb(&[(u32::MAX, 0)]), Err(Error::Id { .. })));
}

#[test]
fn bad_input_is_refused() {
    let data = circles(11);
    let refused = |config: Rp3BetaConfig, field: &str| match Rp3Beta::fit(&data, config, &cpu()) {
        Err(Error::Config { field: found, .. }) => assert_eq!(found, field),
        other => panic!("{other:?}"),
    };
    let config = Rp3BetaConfig::default();
    refused(
        Rp3BetaConfig {
            alpha: f32::NAN,
            ..config
        },
        "alpha",
    );
    refused(Rp3BetaConfig { beta: -0.1, ..config }, "beta");
    refused(
        Rp3BetaConfig {
            neighbours: 0,
            ..config
        },
        "neighbours",
    );
    let refused = |config: IalsConfig, field: &str| match Ials::fit(&data, config, &cpu()) {
        Err(Error::Config { field: found, .. }) => assert_eq!(found, field),
        other => panic!("{other:?}"),
    };
    let config = IalsConfig::default();
    refused(IalsConfig { factors: 0, ..config }, "factors");
    refused(
        IalsConfig {
            factors: usize::MAX,
            ..config
        },
        "factors",
    );
    refused(
        IalsConfig {
            unobserved: -1.0,
            ..config
        },
        "unobserved",
    );
    refused(
        IalsConfig {
            unobserved: f32::INFINITY,
            ..config
        },
        "unobserved",
    );
    refused(IalsConfig { l2: 0.0, ..config }, "l2");
    refused(
        IalsConfig {
            l2_exponent: f32::NAN,
            ..config
        },
        "l2_exponent",
    );
    refused(
        IalsConfig {
            init_std: 0.0,
            ..config
        },
        "init_std",
    );
    let solver = Solver::ConjugateGradient { steps: 0 };
    refused(IalsConfig { solver, ..config }, "steps");
    refused(IalsConfig::from_confidence(1.0, 0.1), "unobserved");
    let model = Rp3Beta::fit(&data, Rp3BetaConfig::default(), &cpu()).unwrap();
    let is_id = |result: Result<(), Error>| assert!(matches!(result, Err(Error::Id { .. })), "{result:?}");
    is_id(model.recommend(USERS + 1, 1).map(drop));
    is_id(model.recommend_for(&[0, ITEMS], 1).map(drop));
    is_id(model.similar_items(ITEMS, 1).map(drop));
    is_id(model.score(&[(0, 0), (0, ITEMS)]).map(drop));
    is_id(model.explain(0, ITEMS).map(drop));
    is_id(model.explain_for(&[ITEMS], 0).map(drop));
    assert_eq!(model.recommend(0, 0).unwrap(), []);
}

/// A file that is cut off, of another model, or has a bit that is another, is refused; a whole one gives the same answers.
#[test]
#[cfg(feature = "std")]
fn damaged_files_are_refused() {
    let data = circles(12);
    let config = IalsConfig {
        factors: 3,
        iterations: 2,
        ..IalsConfig::default()
    };
    let mut ials = Ials::fit(&data, config, &cpu()).unwrap();
    ials.absorb(&[(USERS + 2, 1)]).unwrap();
    let walks = Rp3Beta::fit(&data, Rp3BetaConfig::default(), &cpu()).unwrap();
    let files = [
        bytes(&ials, |model, to| model.write_to(to).unwrap()),
        bytes(&walks, |model, to| model.write_to(to).unwrap()),
    ];
    let again = Ials::from_bytes(&files[0], &cpu()).unwrap();
    assert_eq!(
        again.recommend(USERS + 2, 5).unwrap(),
        ials.recommend(USERS + 2, 5).unwrap()
    );
    assert_eq!(again.history(), ials.history());
    let again = Rp3Beta::from_bytes(&files[1], &cpu()).unwrap();
    assert_eq!(again.similar_items(3, 9).unwrap(), walks.similar_items(3, 9).unwrap());
    let is_checkpoint = |error: Option<Error>| assert!(matches!(error, Some(Error::Checkpoint { .. })), "{error:?}");
    let read = [
        (|file| Ials::from_bytes(file, &cpu()).err()) as fn(&[u8]) -> Option<Error>,
        |file| Rp3Beta::from_bytes(file, &cpu()).err(),
    ];
    for (at, (file, read)) in files.iter().zip(read).enumerate() {
        is_checkpoint(read(&files[1 - at]));
        let rng = Rng::new(at as u64);
        for trial in 0..300 {
            let place = rng.below(trial, file.len() as u32) as usize;
            let mut damaged = file.clone();
            damaged[place] ^= 1 << (trial % 8);
            is_checkpoint(read(&damaged));
            is_checkpoint(read(&file[..place]));
        }
    }
    // A folder, and a place that is not there, leave nothing behind.
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(ials.save(folder.path()), Err(Error::Io { .. })));
    ials.save(folder.path().join("a")).unwrap();
    assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), files[0]);
    assert!(Ials::load(folder.path().join("a"), &cpu()).is_ok());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
