//! Ranking learnt from rows that are all choices: candidates are drawn that were not chosen.

use pocketrec::{
    Error,
    checkpoint::ClickCheckpoint,
    data::clicks::{Encoder, Field, Samples, Schema, SideTable, Training},
    device::Device,
    models::Fm,
    train::{ClickConfig, ClickMetric, ClickTrainer, Control},
};

const KINDS: usize = 4;
const ITEMS: usize = 80;

fn schema() -> Schema {
    Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .field(Field::key("kind").from_table("items"))
        .join("items", "item")
        .group("user")
        .negatives("negatives", "item", ' ')
}

/// Users choose items of one kind each. The candidates of dev rows are new, so that nothing but their kind, which
/// follows from a side table, tells them apart.
fn data(schema: Schema) -> (Encoder, Samples, Samples) {
    let mut items = SideTable::new("items", ["kind"]);
    for item in 0..2 * ITEMS {
        let kind = format!("k{}", item % KINDS);
        items.push(&format!("i{item}"), &[kind.as_str()]).unwrap();
    }
    let mut training = Training::new(schema, vec![items]).unwrap();
    for (user, round) in (0..60).flat_map(|user| (0..12).map(move |round| (user, round))) {
        let item = (user + KINDS * (7 * user + 5 * round)) % ITEMS;
        training.push_row(&[&format!("u{user}"), &format!("i{item}")]).unwrap();
    }
    let (encoder, train, mut past) = training.fit().unwrap();
    let mut dev = encoder.rows(&mut past, encoder.negatives_column().is_some());
    for user in 0..60 {
        let own = ITEMS + user % KINDS;
        let others = (ITEMS..2 * ITEMS).filter(|item| item % KINDS != user % KINDS).take(19);
        let others: Vec<String> = others.map(|item| format!("i{item}")).collect();
        dev.push_row(&[&format!("u{user}"), &format!("i{own}"), &others.join(" ")])
            .unwrap();
    }
    let dev = dev.finish().unwrap();
    (encoder, train, dev)
}

fn config(epochs: u32) -> ClickConfig {
    let mut config = ClickConfig {
        epochs,
        batch_size: 64,
        negatives: 3,
        metric: ClickMetric::Ndcg,
        k: 1,
        ..ClickConfig::default()
    };
    config.optimizer = config.optimizer.with_learning_rate(0.02);
    config
}

fn trainer(encoder: &Encoder, config: ClickConfig) -> ClickTrainer {
    let model = Fm::new(encoder.layout()).embedding_dim(8);
    let mut trainer = ClickTrainer::new(model, Device::cpu(), config).unwrap();
    trainer.set_encoder(encoder.clone()).unwrap();
    trainer
}

#[test]
fn new_items_are_ranked_by_what_their_side_table_says() {
    let (encoder, train, dev) = data(schema());
    let mut trainer = trainer(&encoder, config(10));
    let before = trainer.evaluate_ranking(&dev, 1).unwrap();
    assert!(before.hr < 0.5, "{before}"); // by chance 1 in 20
    let mut seen = Vec::new();
    let fit = trainer
        .fit(&train, Some(&dev), |epoch| {
            seen.push((
                epoch.samples,
                *epoch.evaluation.as_ref().unwrap().ranking().unwrap(),
                epoch.best,
            ))
        })
        .unwrap();
    assert!(seen.iter().all(|(samples, ..)| *samples == 4 * train.len() as u64));
    let after = trainer.evaluate_ranking(&dev, 1).unwrap();
    assert!(after.hr > 0.95, "{after}");
    // The parameters are those of the best evaluation.
    let best = seen.iter().rfind(|(.., best)| *best).unwrap().1;
    assert_eq!(after, best);
    assert_eq!(fit.best.unwrap().value, best.ndcg);
}

#[test]
fn a_resumed_run_draws_the_same() {
    let (encoder, train, dev) = data(schema());
    let mut whole = trainer(&encoder, config(4));
    whole.fit(&train, Some(&dev), |_| ()).unwrap();
    let mut first = trainer(&encoder, config(4));
    first.fit(&train, Some(&dev), |_| Control::Stop).unwrap();
    let saved: ClickCheckpoint = first.checkpoint().unwrap();
    let mut second = ClickTrainer::from_checkpoint(saved, Device::cpu()).unwrap();
    second.fit(&train, Some(&dev), |_| ()).unwrap();
    assert_eq!(whole.progress(), second.progress());
    assert!(whole.state().unwrap() == second.state().unwrap());
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let (encoder, train, dev) = data(schema());
    let refused = |trainer: &mut ClickTrainer, train: &Samples, dev: &Samples| -> String {
        let error = trainer.fit(train, Some(dev), |_| ()).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error}");
        error.to_string()
    };

    let model = Fm::new(encoder.layout());
    let mut without = ClickTrainer::new(model, Device::cpu(), config(1)).unwrap();
    assert!(refused(&mut without, &train, &dev).contains("set_encoder"));

    let cases = dev.cases(0..2).unwrap(); // has rows that are no choice, and no negatives
    let mut trainer_of_all = trainer(&encoder, config(1));
    let reason = refused(&mut trainer_of_all, &cases, &dev);
    assert!(reason.contains("row 1 has the label 0"), "{reason}");
    let reason = refused(&mut trainer_of_all, &train, &cases);
    assert!(reason.contains("NDCG wants dev rows with negatives"), "{reason}");
    let reason = refused(
        &mut trainer(
            &encoder,
            ClickConfig {
                negatives: u32::MAX,
                ..config(1)
            },
        ),
        &train,
        &dev,
    );
    assert!(reason.contains("4294967294"), "{reason}");

    let nameless = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .group("user");
    let mut training = Training::new(nameless, vec![]).unwrap();
    training.push_row(&["ann", "tea"]).unwrap();
    let (encoder, train, _) = training.fit().unwrap();
    let config = ClickConfig {
        metric: ClickMetric::Auc,
        ..config(1)
    };
    let reason = refused(&mut trainer(&encoder, config), &train, &train);
    assert!(reason.contains("Schema::negatives"), "{reason}");

    // Who has everything has no negatives.
    let everything = Schema::new()
        .field(Field::key("user"))
        .field(Field::key("item"))
        .group("user")
        .negatives("negatives", "item", ' ');
    let mut training = Training::new(everything, vec![]).unwrap();
    training.push_row(&["ann", "tea"]).unwrap();
    let (encoder, train, _) = training.fit().unwrap();
    let reason = refused(&mut trainer(&encoder, config), &train, &train);
    assert!(reason.contains("every one of the 1 items"), "{reason}");
}
