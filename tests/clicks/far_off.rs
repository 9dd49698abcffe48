//! Predictions that are not finite, and metrics that cannot be: who is to blame, and when it is said.

use pocketrec::{
    Error,
    data::clicks::{Encoder, Field, Past, Samples, Schema, Training},
    device::Device,
    models::{ClickModel, DeepFm, Lr, WideDeep},
    plan::State,
    train::{ClickConfig, ClickMetric, ClickRow, ClickTrainer},
};

/// Items with a price that decides the label, and a time.
fn data(price: Field, dev_prices: &[&str]) -> (Encoder, Samples, Samples) {
    let schema = Schema::new().field(Field::key("item")).field(price).label("click");
    let mut training = Training::new(schema, vec![]).unwrap();
    for row in 0..200 {
        let price = (row * 37 % 100) as f32 / 100.0;
        let click = if price > 0.5 { "1" } else { "0" };
        training
            .push_row(&[&format!("i{}", row % 9), &price.to_string(), click])
            .unwrap();
    }
    let (encoder, train, mut past) = training.fit().unwrap();
    let dev = dev(&encoder, &mut past, dev_prices);
    (encoder, train, dev)
}

fn dev(encoder: &Encoder, past: &mut Past, prices: &[&str]) -> Samples {
    let mut rows = encoder.rows(past, false);
    for (row, price) in prices.iter().enumerate() {
        rows.push_row(&["i1", price, if row % 2 == 0 { "0" } else { "1" }])
            .unwrap();
    }
    rows.finish().unwrap()
}

fn models(encoder: &Encoder) -> [ClickModel; 3] {
    let layout = encoder.layout();
    [
        Lr::new(layout).into(),
        WideDeep::new(layout).embedding_dim(4).hidden([8, 8]).into(),
        DeepFm::new(layout).embedding_dim(4).hidden([8]).into(),
    ]
}

fn trainer(model: ClickModel, encoder: &Encoder) -> ClickTrainer {
    let mut config = ClickConfig {
        epochs: 20,
        batch_size: 32,
        patience: None,
        ..ClickConfig::default()
    };
    config.optimizer = config.optimizer.with_learning_rate(0.05);
    let mut trainer = ClickTrainer::new(model, Device::cpu(), config).unwrap();
    trainer.set_encoder(encoder.clone()).unwrap();
    trainer
}

#[test]
fn one_standardised_value_far_off_breaks_nothing() {
    let (encoder, train, dev) = data(Field::number("price"), &["0.1", "0.9", "1e30", "-3e38", "0.2", "0.8"]);
    assert_eq!((dev.clamped()[0].rows, dev.clamped()[0].first), (2, 2));
    for model in models(&encoder) {
        let mut trainer = trainer(model, &encoder);
        trainer.fit(&train, Some(&dev), |_| ()).unwrap();
        assert!(trainer.score(&dev).unwrap().iter().all(|logit| logit.is_finite()));
        let asked: [&[(&str, &str)]; 2] = [&[("price", "3e38")], &[("price", "0.3")]];
        let ranked = trainer.rank(&[("item", "i1")], &[], &asked).unwrap();
        assert!(ranked.iter().all(|(_, logit)| logit.is_finite()));
    }
}

#[test]
fn a_number_that_breaks_a_prediction_is_named_with_its_row() {
    let (encoder, train, dev) = data(Field::raw_number("price"), &["0.1", "0.9", "0.2", "3e38", "0.2", "0.8"]);
    // Wide & Deep and DeepFM multiply it; the sum of many such overflows.
    for model in models(&encoder).into_iter().skip(1) {
        let mut trainer = trainer(model, &encoder);
        trainer.fit(&train, None, |_| ()).unwrap();
        let before: State = trainer.state().unwrap();
        assert!(trainer.score(&dev).unwrap()[3].abs() >= f32::MAX || trainer.score(&dev).unwrap()[3].is_nan());
        let said = |error: Error| {
            assert!(!matches!(error, Error::Diverged { .. }), "{error}");
            error.to_string()
        };
        let evaluated = said(trainer.evaluate(&dev).unwrap_err());
        assert!(
            evaluated.starts_with("price: the prediction for row 3 is not finite"),
            "{evaluated}"
        );
        assert!(
            evaluated.contains("3e38") && evaluated.contains("Field::clip"),
            "{evaluated}"
        );
        let asked: [&[(&str, &str)]; 2] = [&[("price", "0.3")], &[("price", "3e38")]];
        let ranked = said(trainer.rank(&[("item", "i1")], &[], &asked).unwrap_err());
        assert!(ranked.contains("the prediction for candidate 1"), "{ranked}");
        let click = ClickRow {
            values: &[("item", "i1"), ("price", "3e38")],
            events: &[],
            label: 1.0,
        };
        let absorbed = said(trainer.absorb(&[click]).unwrap_err());
        assert!(absorbed.contains("price: the prediction for row 0"), "{absorbed}");
        assert!(trainer.state().unwrap() == before);
        // In training too: the epoch is undone, and the row is told.
        let mut config = *trainer.config();
        config.epochs += 1;
        trainer.set_config(config).unwrap();
        let trained = said(trainer.fit(&train, Some(&dev), |_| ()).unwrap_err());
        assert!(trained.starts_with("price: the prediction for row 3"), "{trained}");
    }
}

#[test]
fn parameters_that_are_too_large_are_divergence() {
    let (encoder, _, dev) = data(Field::raw_number("price"), &["0.1", "0.9"]);
    let mut trainer = trainer(models(&encoder)[1].clone(), &encoder);
    let mut checkpoint = trainer.checkpoint().unwrap();
    for tensor in &mut checkpoint.state.tensors {
        tensor.value.fill(3e38);
    }
    let mut huge = ClickTrainer::from_checkpoint(checkpoint, Device::cpu()).unwrap();
    assert!(matches!(huge.evaluate(&dev).unwrap_err(), Error::Diverged { .. }));
    let ranked = huge.rank(&[("item", "i1")], &[], &[&[("price", "1")]]);
    assert!(matches!(ranked.unwrap_err(), Error::Diverged { .. }));
}

#[test]
fn metrics_without_a_value_are_refused_before_training() {
    let schema = || {
        Schema::new()
            .field(Field::key("item"))
            .label("click")
            .negatives("others", "item", ',')
    };
    let samples = |schema: Schema, rows: &[(&str, &str, &str)]| {
        let mut training = Training::new(schema, vec![]).unwrap();
        let inputs: Vec<String> = training.inputs().iter().map(ToString::to_string).collect();
        let row = |item: &str, user: &str, click: &str| -> Vec<String> {
            let of = |name: &String| match name.as_str() {
                "item" => item.to_string(),
                "user" => user.to_string(),
                _ => click.to_string(),
            };
            inputs.iter().map(of).collect()
        };
        for (item, user, click) in [("a", "1", "1"), ("b", "2", "0")] {
            let values = row(item, user, click);
            training
                .push_row(&values.iter().map(String::as_str).collect::<Vec<_>>())
                .unwrap();
        }
        let (encoder, train, mut past) = training.fit().unwrap();
        let mut dev = encoder.rows(&mut past, true);
        for (item, user, click) in rows {
            let mut values = row(item, user, click);
            values.push(String::new());
            dev.push_row(&values.iter().map(String::as_str).collect::<Vec<_>>())
                .unwrap();
        }
        let dev = dev.finish().unwrap();
        (encoder, train, dev)
    };
    let refused = |metric: ClickMetric, schema: Schema, rows: &[(&str, &str, &str)]| {
        let (encoder, train, dev) = samples(schema, rows);
        let config = ClickConfig {
            metric,
            ..ClickConfig::default()
        };
        let mut trainer = ClickTrainer::new(Lr::new(encoder.layout()), Device::cpu(), config).unwrap();
        let result = trainer.fit(&train, Some(&dev), |_| ());
        let step = trainer.progress().step;
        result.map_err(|error| {
            assert_eq!(step, 0, "{error}");
            error.to_string()
        })
    };
    let zeros = [("a", "1", "0"), ("b", "2", "0")];
    let ones = [("a", "1", "1")];
    let apart = [("a", "1", "1"), ("b", "2", "0")];
    let both = [("a", "1", "1"), ("b", "1", "0")];
    let auc = |rows| refused(ClickMetric::Auc, schema(), rows).unwrap_err();
    assert!(auc(&zeros).contains("dev: AUC is undefined on the dev rows: none of 2 is a click"));
    assert!(auc(&ones).contains("all 1 are clicks"));
    assert!(refused(ClickMetric::LogLoss, schema(), &zeros).is_ok());
    assert!(refused(ClickMetric::Auc, schema(), &apart).is_ok());
    let gauc = |schema, rows| refused(ClickMetric::GroupedAuc, schema, rows);
    assert!(
        gauc(schema(), &both)
            .unwrap_err()
            .contains("no groups; name the user's column")
    );
    assert!(
        gauc(grouped(schema()), &apart)
            .unwrap_err()
            .contains("no group has both")
    );
    assert!(
        gauc(grouped(schema()), &zeros)
            .unwrap_err()
            .contains("none of 2 is a click")
    );
    assert!(gauc(grouped(schema()), &both).is_ok());
    let ndcg = refused(ClickMetric::Ndcg, schema(), &both).unwrap_err();
    assert!(ndcg.contains("no row has negatives"), "{ndcg}");
}

fn grouped(schema: Schema) -> Schema {
    schema.group("user")
}
