//! Items that nobody has, placed by ridge regression from their features, against a dense solution.

use pocketrec::{
    Error,
    classical::{Ials, IalsConfig},
    data::{FeatureKind, FeatureTable, Features, IdMap, Interactions, Split},
    device::Device,
    eval::FullRanking,
    rng::Rng,
};

const USERS: u32 = 60;
/// Items that users have; two more are nobody's.
const HAD: u32 = 40;
const ITEMS: u32 = HAD + 2;
const RIDGE: f32 = 3.0;

fn cpu() -> Device {
    Device::cpu().threads(1)
}

/// Users of four circles, each with items of the circle and a few others.
fn circles() -> Interactions {
    let rng = Rng::new(1);
    let pairs = (0..USERS).flat_map(|user| (0..HAD).map(move |item| (user, item)));
    let has = |&(user, item): &(u32, u32)| {
        let chance = if user % 4 == item % 4 { 7 } else { 1 };
        rng.below(u64::from(user * HAD + item), 12) < chance
    };
    let (users, items): (Vec<u32>, Vec<u32>) = pairs.filter(has).unzip();
    Interactions::from_columns((USERS, ITEMS), &users, &items, &[]).unwrap()
}

/// So many items with their circle and some words; every tenth has no feature.
fn known(items: u32) -> Features {
    let table = FeatureTable::new(&IdMap::numbered(items));
    let table = table.column("circle", FeatureKind::Category).unwrap();
    let mut table = table.column("words", FeatureKind::Values).unwrap();
    for item in (0..items).filter(|item| item % 10 != 7) {
        let words = format!("a{}|b{}|c{}", item % 3, item % 7, item % 11);
        let fields = [format!("circle {}", item % 4), words];
        table
            .push(&item.to_string(), &[fields[0].as_str(), &fields[1]])
            .unwrap();
    }
    table.finish().unwrap()
}

fn fitted(data: &Interactions, factors: usize, device: &Device) -> Ials {
    let config = IalsConfig {
        factors,
        ..IalsConfig::default()
    };
    Ials::fit(data, config, device).unwrap()
}

/// The solution of a dense system with several right sides, by elimination.
fn eliminate(mut matrix: Vec<Vec<f64>>, mut right: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let minus = |from: &mut [f64], factor: f64, row: &[f64]| {
        from.iter_mut().zip(row).for_each(|(x, y)| *x -= factor * y);
    };
    for pivot in 0..matrix.len() {
        // It is positive definite, so no rows need change places.
        let (row, own) = (matrix[pivot].clone(), right[pivot].clone());
        for other in (0..matrix.len()).filter(|&other| other != pivot) {
            let factor = matrix[other][pivot] / row[pivot];
            minus(&mut matrix[other], factor, &row);
            minus(&mut right[other], factor, &own);
        }
    }
    for (row, x) in right.iter_mut().enumerate() {
        x.iter_mut().for_each(|x| *x /= matrix[row][row]);
    }
    right
}

/// Where the items belong by the definition, and R squared.
fn dense(model: &Ials, features: &Features, had: u32, ridge: f64) -> (Vec<Vec<f64>>, f64) {
    let (columns, factors) = (features.features() as usize + 1, model.config().factors);
    let row = |item: u32| {
        let mut row = vec![0.0; columns];
        features.of(item).iter().for_each(|&f| row[f as usize] = 1.0);
        row[columns - 1] = 1.0;
        row
    };
    let vector = |item: u32| model.item_vector(item).unwrap().iter().map(|&x| f64::from(x));
    let mut matrix = vec![vec![0.0; columns]; columns];
    let mut right = vec![vec![0.0; factors]; columns];
    for item in 0..had {
        let own = row(item);
        for f in (0..columns).filter(|&f| own[f] > 0.0) {
            matrix[f].iter_mut().zip(&own).for_each(|(x, y)| *x += y);
            right[f].iter_mut().zip(vector(item)).for_each(|(x, y)| *x += y);
        }
    }
    (0..columns).for_each(|f| matrix[f][f] += ridge);
    let coefficients = eliminate(matrix, right);
    let place = |item: u32| -> Vec<f64> {
        let own = row(item);
        (0..factors)
            .map(|k| (0..columns).map(|f| own[f] * coefficients[f][k]).sum())
            .collect()
    };
    let (mut left, mut total) = (0.0, 0.0);
    let mean: Vec<f64> = (0..factors)
        .map(|k| (0..had).map(|item| vector(item).nth(k).unwrap()).sum::<f64>() / f64::from(had))
        .collect();
    for item in 0..had {
        let square = |to: &[f64]| vector(item).zip(to).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
        left += square(&place(item));
        total += square(&mean);
    }
    ((0..features.rows() as u32).map(place).collect(), 1.0 - left / total)
}

fn assert_at(model: &Ials, item: u32, want: &[f64]) {
    for (&got, want) in model.item_vector(item).unwrap().iter().zip(want) {
        assert!(
            (f64::from(got) - want).abs() < 1e-6,
            "item {item}: {got} in place of {want}"
        );
    }
}

/// Both of two items have the one feature, whose row is that of the constant too: `(2 + 1) b + 2 b = v1 + v2`.
#[test]
fn a_place_by_hand() {
    let data = Interactions::from_columns((2, 3), &[0, 1, 1], &[0, 0, 1], &[]).unwrap();
    let mut model = fitted(&data, 3, &cpu());
    let mut table = FeatureTable::new(&IdMap::numbered(3))
        .column("kind", FeatureKind::Category)
        .unwrap();
    (0..3).for_each(|item| table.push(&item.to_string(), &["x"]).unwrap());
    let report = model.place_items(&table.finish().unwrap(), 1.0).unwrap();
    assert_eq!((report.fitted, report.placed, report.new), (2, 1, 0));
    let vectors = [0, 1].map(|item| model.item_vector(item).unwrap().to_vec());
    let want: Vec<f64> = (0..3)
        .map(|k| 2.0 * f64::from(vectors[0][k] + vectors[1][k]) / 5.0)
        .collect();
    assert!(want.iter().any(|x| x.abs() > 0.05));
    assert_at(&model, 2, &want);
}

#[test]
fn places_are_those_of_a_dense_solution() {
    let (data, features) = (circles(), known(ITEMS + 6));
    // Narrower than a block of columns, and more than one.
    for (factors, ridge) in [(5, RIDGE), (40, 0.01), (70, 300.0)] {
        let mut model = fitted(&data, factors, &cpu());
        let (places, explained) = dense(&model, &features, HAD, f64::from(ridge));
        let report = model.place_items(&features, ridge).unwrap();
        let want = (HAD as usize, 7, 5, 1);
        assert_eq!(
            (report.fitted, report.placed, report.new, report.without_features),
            want
        );
        assert!((report.explained - explained).abs() < 1e-6, "{report:?}, {explained}");
        assert_eq!(model.placed(), [40, 41, 42, 43, 44, 45, 46]);
        model
            .placed()
            .iter()
            .for_each(|&item| assert_at(&model, item, &places[item as usize]));
        assert_eq!(model.item_vector(47).unwrap(), vec![0.0; factors]); // it has no features
    }
}

#[test]
fn placed_items_are_recommended_and_others_keep_their_scores() {
    let (data, features) = (circles(), known(ITEMS + 6));
    let mut model = fitted(&data, 16, &cpu());
    let all: Vec<(u32, u32)> = (0..USERS)
        .flat_map(|user| (0..HAD).map(move |item| (user, item)))
        .collect();
    let before = model.score(&all).unwrap();
    model.place_items(&features, RIDGE).unwrap();
    assert_eq!(model.score(&all).unwrap(), before);
    assert_eq!(
        (model.items(), model.item_ids()),
        (ITEMS as usize + 6, features.row_ids())
    );
    let (mut own, mut other) = (0.0, 0.0);
    for user in 0..USERS {
        let best = model.recommend(user, 100).unwrap();
        assert!(
            model
                .placed()
                .iter()
                .all(|&item| best.iter().any(|pair| pair.0 == item))
        );
        assert!(best.iter().all(|pair| pair.0 != 47));
        for &(item, score) in best.iter().filter(|pair| pair.0 >= HAD) {
            let why = model.explain(user, item).unwrap();
            assert!((why.sum() - f64::from(score)).abs() < 1e-5 * f64::from(score.abs()).max(1.0));
            assert_eq!(model.score(&[(user, item)]).unwrap(), [score]);
            match item % 4 == user % 4 {
                true => own += score,
                false => other += score / 3.0,
            }
        }
    }
    assert!(own > 2.0 * other.abs(), "{own}, {other}");
    // A split knows nothing of new items, which then are in nobody's way.
    let cold = Split::from_cases(data, [(0, 40, &[][..]), (1, 41, &[])]).unwrap();
    assert_eq!(
        model.full_ranking(&cold, FullRanking::new(50)).unwrap().items,
        u64::from(ITEMS)
    );
}

/// Somebody has a placed item: it counts at once; and training begins from its place, and leaves nothing of the others'.
#[test]
fn placed_items_are_absorbed_and_trained_on() {
    let (data, features) = (circles(), known(ITEMS + 6));
    let mut model = fitted(&data, 8, &cpu());
    model.place_items(&features, RIDGE).unwrap();
    let before = model.recommend(5, 3).unwrap();
    model.absorb(&[(5, 41)]).unwrap();
    assert_ne!(model.recommend(5, 3).unwrap(), before);
    let why = model.explain(5, 45).unwrap();
    assert!(why.reasons.iter().any(|reason| reason.item == 41));
    assert!((why.sum() - f64::from(why.score)).abs() < 1e-5);
    // What is placed is not what others are placed by.
    let place = model.item_vector(41).unwrap().to_vec();
    assert_eq!(model.place_items(&features, RIDGE).unwrap().fitted, HAD as usize);
    assert_eq!(model.item_vector(41).unwrap(), place);
    model.train(1).unwrap();
    assert!(model.placed().is_empty());
    assert_eq!(model.item_vector(40).unwrap(), [0.0; 8]);
    assert_ne!(model.item_vector(41).unwrap(), [0.0; 8]);
    let report = model.place_items(&features, RIDGE).unwrap();
    assert_eq!((report.fitted, report.placed, report.new), (HAD as usize + 1, 6, 0));
}

/// Training between which items are placed has the bits of training without.
#[test]
fn places_leave_no_trace_in_training() {
    let (data, features) = (circles(), known(ITEMS));
    let (mut model, mut other) = (fitted(&data, 8, &cpu()), fitted(&data, 8, &cpu()));
    model.place_items(&features, RIDGE).unwrap();
    for model in [&mut model, &mut other] {
        model.train(2).unwrap();
    }
    assert_eq!(model.to_bytes().unwrap(), other.to_bytes().unwrap());
}

#[test]
fn files_have_the_places() {
    let (data, features) = (circles(), known(ITEMS + 6));
    let mut model = fitted(&data, 8, &cpu());
    model.place_items(&features, RIDGE).unwrap();
    let file = model.to_bytes().unwrap();
    let mut again = Ials::from_bytes(&file, &cpu()).unwrap();
    assert_eq!(again.to_bytes().unwrap(), file);
    assert_eq!(again.placed(), model.placed());
    let all: Vec<u32> = (0..USERS).collect();
    assert_eq!(
        again.recommend_many(&all, 60).unwrap(),
        model.recommend_many(&all, 60).unwrap()
    );
    for model in [&mut model, &mut again] {
        model.train(1).unwrap();
        model.place_items(&features, RIDGE).unwrap();
    }
    assert_eq!(again.to_bytes().unwrap(), model.to_bytes().unwrap());
    // Of more items than there are, and of some that are not there.
    let text = |of: &[u8], from: &str, to: &str| {
        let at = of.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        [&of[..at], to.as_bytes(), &of[at + from.len()..]].concat()
    };
    for damaged in [
        text(&file, r#""trained_items":"42""#, r#""trained_items":"99""#),
        text(&file, r#""trained_items":"42""#, r#""trained_items":"-1""#),
    ] {
        assert!(matches!(
            Ials::from_bytes(&damaged, &cpu()),
            Err(Error::Checkpoint { .. })
        ));
    }
}

#[test]
#[cfg(feature = "parallel")]
fn the_bits_do_not_depend_on_threads() {
    let (data, features) = (circles(), known(ITEMS + 6));
    let placed = |threads| -> (pocketrec::classical::PlacedItems, Vec<u8>) {
        let mut model = fitted(&data, 100, &Device::cpu().threads(threads));
        let report = model.place_items(&features, RIDGE).unwrap();
        (report, model.to_bytes().unwrap())
    };
    let one = placed(1);
    assert!([2, 5].map(placed).iter().all(|other| *other == one));
}

#[test]
fn other_items_and_weights_are_refused_and_change_nothing() {
    let data = circles();
    let mut model = fitted(&data, 8, &cpu());
    let before = model.to_bytes().unwrap();
    let refused = |model: &mut Ials, features: &Features, ridge: f32, field: &str, says: &str| match model
        .place_items(features, ridge)
    {
        Err(Error::Config { field: found, reason }) => {
            assert_eq!(found, field);
            assert!(reason.contains(says), "{reason}");
        }
        other => panic!("{other:?}"),
    };
    for ridge in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        refused(&mut model, &known(ITEMS), ridge, "ridge", "10 is usual");
    }
    refused(&mut model, &known(ITEMS - 1), 1.0, "features", "after 41 of the 42");
    let keys = IdMap::from_keys((0..ITEMS).rev().map(|item| item.to_string())).unwrap();
    let mut table = FeatureTable::new(&keys).column("kind", FeatureKind::Category).unwrap();
    table.push("3", &["x"]).unwrap();
    refused(&mut model, &table.finish().unwrap(), 1.0, "features", "in place of");
    assert_eq!(model.to_bytes().unwrap(), before);
    let mut untrained = Ials::new(&data, *model.config(), &cpu()).unwrap();
    refused(&mut untrained, &known(ITEMS), 1.0, "features", "train the model first");
}
