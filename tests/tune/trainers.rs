//! The trainers of clicks are tuned by the same search.

use pocketrec::{
    device::Device,
    models::ClickModel,
    plan::Optimizer,
    train::{ClickConfig, ClickMetric, ClickTrainer},
    tune::*,
};

use crate::planted::clicks_by_history;

#[test]
fn models_of_clicks_are_tuned_too() {
    let data = clicks_by_history();
    let space = Space::new().choice("model", ["lr", "fm"]).log_uniform("lr", 1e-3, 1e-1);
    let search = Search {
        halving: Halving {
            first: 1,
            last: 2,
            eta: 2,
        },
        budget: Budget::trials(4),
        ..Search::new(space)
    };
    let make = |settings: &Settings| {
        let model = ClickModel::named(settings.text("model")?, data.encoder.layout())?;
        let config = ClickConfig {
            optimizer: Optimizer::default().with_learning_rate(settings.number("lr")? as f32),
            batch_size: 512,
            ..ClickConfig::default()
        };
        ClickTrainer::new(model, Device::cpu(), config)
    };
    let mut clicks = Clicks::new(&data.train, &data.dev, Device::cpu(), make).by(ClickMetric::LogLoss);
    assert_eq!(clicks.metric(), "-log loss");
    let mut tuner = Tuner::new(search).unwrap();
    assert_eq!(tuner.run(&mut clicks, |_, _| ()).unwrap(), Ended::Finished);
    let winner = tuner.study().winner().unwrap().clone();
    let report = tuner.best(&mut clicks).unwrap().evaluate(&data.dev).unwrap();
    assert_eq!(-report.log_loss, winner.value);
    assert!(
        tuner
            .study()
            .trials()
            .iter()
            .all(|trial| trial.value() <= Some(winner.value))
    );
}
