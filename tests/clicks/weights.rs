//! Features with values, as libfm and svmlight files have them: the models read them.

use std::fs;

use pocketrec::{
    data::{
        SampleFiles, SampleFormat,
        clicks::{Encoder, Samples, Schema},
    },
    device::Device,
    models::{ClickModel, DeepFm, Fm, Lr, WideDeep},
    plan::{Plan, State},
    rng::Rng,
    train::ClickTrainer,
};

use crate::common::click_config as config;

/// Rows whose label is whether the values of their two features have one sign: what no sum of parts can tell. The second
/// feature of every third row is one of two others with the opposite value.
fn signs(rows: u64, seed: u64) -> String {
    let rng = Rng::new(seed);
    let value = |at| 2.0 * rng.uniform(at) - 1.0;
    let row = |r: u64| {
        let (x, y) = (value(2 * r), value(2 * r + 1));
        let label = u8::from(x * y > 0.0);
        let (feature, y) = if r.is_multiple_of(3) { (3 + r % 2, -y) } else { (2, y) };
        format!("{label} 1:{x} {feature}:{y}\n")
    };
    (0..rows).map(row).collect()
}

fn read(texts: [&str; 2]) -> ([Samples; 2], Encoder) {
    let folder = tempfile::tempdir().unwrap();
    let [train, test] = ["train.libfm", "test.libfm"].map(|name| folder.path().join(name));
    fs::write(&train, texts[0]).unwrap();
    fs::write(&test, texts[1]).unwrap();
    let schema = Schema::of_libfm(&train).unwrap();
    let (samples, mut files) = SampleFiles::new(schema)
        .format(SampleFormat::LibFm)
        .fit(&train)
        .unwrap();
    let test = files.read(&test).unwrap();
    ([samples, test], files.encoder().clone())
}

/// `w_0 + sum of w_i x_i + sum over pairs of <v_i, v_j> x_i x_j` (Rendle 2010, equation 1), from the parameters.
fn by_definition(plan: &Plan, state: &State, samples: &Samples, row: usize) -> f64 {
    let value = |name: &str| plan.param(name).map(|index| &state.tensors[index].value);
    let features: Vec<(usize, f64)> = {
        let (ids, weights) = (samples.many(0).of(row), samples.many(0).weights_of(row));
        ids.iter()
            .zip(weights)
            .map(|(&id, &x)| (id as usize, f64::from(x)))
            .collect()
    };
    let first = value("features.first").unwrap();
    let mut logit = f64::from(value("bias").unwrap()[0]);
    logit += features.iter().map(|&(i, x)| x * f64::from(first[i])).sum::<f64>();
    if let Some(embedding) = value("features.embedding") {
        let width = plan.params()[plan.param("features.embedding").unwrap()].width;
        let v = |i: usize| &embedding[i * width..][..width];
        for (at, &(i, x)) in features.iter().enumerate() {
            for &(j, y) in &features[at + 1..] {
                let dot = v(i)
                    .iter()
                    .zip(v(j))
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .sum::<f64>();
                logit += dot * x * y;
            }
        }
    }
    logit
}

#[test]
fn predictions_are_those_of_the_definition_and_pairs_are_learnt() {
    let ([train, test], encoder) = read([&signs(4000, 1), &signs(500, 2)]);
    let layout = train.layout();
    let models: [(ClickModel, bool); 2] = [
        (Lr::new(layout).into(), false),
        (Fm::new(layout).embedding_dim(5).into(), true),
    ];
    for (model, learns) in models {
        let mut trainer = ClickTrainer::new(model, Device::cpu(), config(30)).unwrap();
        trainer.set_encoder(encoder.clone()).unwrap();
        trainer.fit(&train, None, |_| ()).unwrap();
        let (state, logits) = (trainer.state().unwrap(), trainer.score(&test).unwrap());
        for (row, &logit) in logits.iter().enumerate() {
            let want = by_definition(trainer.plan(), &state, &test, row);
            assert!(
                (f64::from(logit) - want).abs() < 1e-5 * want.abs().max(1.0),
                "{logit}, not {want}"
            );
        }
        let auc = trainer.evaluate(&test).unwrap().auc.unwrap();
        assert_eq!(auc > 0.95, learns, "{auc}");
        assert!(learns || auc < 0.6, "{auc}");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.safetensors");
        trainer.save(&file).unwrap();
        let mut again = ClickTrainer::load(&file, Device::cpu()).unwrap();
        assert_eq!(again.score(&test).unwrap(), logits);
    }
}

/// From the sum of the rows times their values, whose signs they cannot tell without.
#[test]
fn deep_models_read_values() {
    let ([train, test], _) = read([&signs(4000, 3), &signs(500, 4)]);
    let layout = train.layout();
    let models: [ClickModel; 2] = [
        WideDeep::new(layout).embedding_dim(5).hidden([16, 16]).into(),
        DeepFm::new(layout).embedding_dim(5).hidden([16]).into(),
    ];
    for model in models {
        let mut trainer = ClickTrainer::new(model, Device::cpu(), config(30)).unwrap();
        trainer.fit(&train, None, |_| ()).unwrap();
        let auc = trainer.evaluate(&test).unwrap().auc.unwrap();
        assert!(auc > 0.85, "{auc}"); // a sum of parts stays at 0.5
    }
}

#[test]
fn weights_that_the_model_does_not_read_are_refused() {
    let ([weighted, _], _) = read(["1 3:0.5\n0 4:2\n", "1 3:1\n"]);
    let mut plain = weighted.layout().clone();
    plain.many[0].weighted = false;
    let mut trainer = ClickTrainer::new(Lr::new(&plain), Device::cpu(), config(1)).unwrap();
    let error = trainer.fit(&weighted, None, |_| ()).unwrap_err().to_string();
    assert!(error.contains("features") && error.contains("weights"), "{error}");
}
