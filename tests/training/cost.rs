//! What training takes, as it is told before, against counts by hand and against files as they are written.

use std::time::Duration;

use pocketrec::{
    data::Interactions,
    device::Device,
    models::{Gmf, LightGcn, SasRec},
    train::{TrainConfig, Trainer},
};

const BRIEF: Duration = Duration::from_millis(20);

/// Five users with three items each, of seven.
fn split() -> pocketrec::data::Split {
    let pairs: Vec<(u32, u32)> = (0..5)
        .flat_map(|user| (0..3).map(move |i| (user, (user + 2 * i) % 7)))
        .collect();
    let all = Interactions::from_pairs(&pairs).unwrap();
    all.leave_one_out().unwrap()
}

#[test]
fn what_can_be_counted_is_counted() {
    let config = TrainConfig {
        batch_size: 8,
        negatives: 4,
        epochs: 3,
        ..TrainConfig::default()
    };
    let make = || Trainer::new(Gmf::new(5, 7).factors(4), Device::cpu(), config).unwrap();
    let cost = make().cost(&split(), BRIEF).unwrap();
    // Two of each user's three items are trained on, with 4 negatives each.
    assert_eq!((cost.samples, cost.steps), (50, 7));
    // GMF multiplies 4 factors and then weighs them, and goes backward through both at twice the price.
    assert_eq!(cost.multiply_adds, 50 * 3 * (4 + 4));
    // Two tables, 4 weights, a bias; two moments of each; one copy of all to go back to.
    let parameters = 4 * (5 * 4 + 7 * 4 + 4 + 1);
    assert_eq!(
        (cost.parameters, cost.moments, cost.copies),
        (parameters, 2 * parameters, 3 * parameters)
    );
    // Six offsets, and 10 items.
    assert_eq!(cost.data, 6 * 8 + 10 * 4);
    assert!(cost.batch > 0 && cost.seconds > 0.0 && cost.evaluation_seconds > 0.0);
    let total = cost.parameters + cost.moments + cost.copies + cost.batch + cost.data;
    assert_eq!(cost.memory(), total);
    assert_eq!(cost.seconds_of(3, 2), 3.0 * cost.seconds + cost.evaluation_seconds);
}

#[test]
fn files_are_as_long_as_was_said() {
    let config = TrainConfig {
        epochs: 1,
        eval_every: 0,
        ..TrainConfig::default()
    };
    let make = || Trainer::new(Gmf::new(5, 7).factors(4), Device::cpu(), config).unwrap();
    let cost = make().cost(&split(), BRIEF).unwrap();
    assert_eq!(cost.evaluation_seconds, 0.0);
    let mut trained = make();
    trained.fit(&split(), |_| ()).unwrap();
    // Some numbers of the position have more digits by then.
    let file = trained.to_bytes().unwrap().len() as u64;
    assert!(
        cost.checkpoint <= file && file < cost.checkpoint + 256,
        "{} {file}",
        cost.checkpoint
    );
    let export = trained.export_to_bytes(&Default::default()).unwrap().len() as u64;
    assert!(
        cost.export <= export && export < cost.export + 256,
        "{} {export}",
        cost.export
    );
}

#[test]
fn whole_tables_count_once_a_step_and_steps_of_histories_one_by_one() {
    let config = TrainConfig {
        batch_size: 5,
        negatives: 1,
        eval_every: 0,
        loss: pocketrec::models::Loss::Bpr,
        ..TrainConfig::default()
    };
    let cost_of = |size| {
        let config = TrainConfig {
            batch_size: size,
            ..config
        };
        let trainer = Trainer::new(LightGcn::new(5, 7).embedding_dim(4).layers(2), Device::cpu(), config);
        trainer.unwrap().cost(&split(), BRIEF).unwrap()
    };
    // 10 samples in 2 steps or in 1: the difference is one propagation, forward and backward. A mean over 2 layers of 12 rows of
    // 4, counted three times; and a product over all edges on each way, where each of 10 stands at both its ends.
    let (two, one) = (cost_of(5), cost_of(10));
    assert_eq!((two.steps, one.steps), (2, 1));
    let (mean, product) = (2 * 12 * 4, 2 * 10 * 4);
    assert_eq!(two.multiply_adds - one.multiply_adds, 3 * mean + 2 * product);
    // The graph, what look-ups read, and the layer between; batches and gradients besides.
    let graph = pocketrec::data::Graph::bytes(12, 10) + 2 * 12 * 4 * 4;
    assert!(two.batch > graph, "{}", two.batch);

    let config = TrainConfig {
        loss: SasRec::loss(),
        eval_every: 0,
        ..TrainConfig::default()
    };
    let of_length = |length| {
        let trainer = Trainer::new(SasRec::new(5, 7).embedding_dim(4).length(length), Device::cpu(), config);
        trainer.unwrap().cost(&split(), BRIEF).unwrap()
    };
    // Each trains on a history of 2: one step, however long histories may be.
    assert_eq!(of_length(5).multiply_adds, of_length(50).multiply_adds);
}
