//! DIN in all the file's variants.

use std::collections::HashMap;

use pocketrec::ops::{
    attention::{self, Normalisation},
    batch_norm::Statistics,
};

use crate::{
    TOLERANCE, Tensors, check_loss,
    common::{close64, golden::Golden},
    compare,
    histories::Histories,
    network::{Network, Trace, Unit, concat, split},
};

/// DIN's forward pass.
struct Din {
    query: Vec<f64>,
    key: Vec<f64>,
    attention: Trace,
    weights: Vec<f64>,
    dnn: Trace,
}

struct DinVariant {
    attention: Network,
    normalisation: Normalisation,
    dnn: Network,
}

impl DinVariant {
    /// From `ACTIVATION-SOFTMAX-ACTIVATION`.
    fn new(golden: &Golden, variant: &str) -> Self {
        let words: Vec<&str> = variant.split('-').collect();
        let network = |name, word: &str| {
            let unit = match word {
                "sigmoid" => Unit::Sigmoid,
                "prelu" => Unit::Prelu,
                "dice" => Unit::Dice,
                _ => panic!("{variant}"),
            };
            Network {
                epsilon: golden.setting("epsilon"),
                ..Network::new(name, 2, unit)
            }
        };
        DinVariant {
            attention: network("attention", words[0]),
            normalisation: if words[1] == "softmax" {
                Normalisation::Softmax
            } else {
                Normalisation::None
            },
            dnn: network("dnn", words[2]),
        }
    }

    fn forward(&self, p: &Tensors, batch: &Histories, running: Option<&HashMap<String, Statistics>>) -> Din {
        let (query, key, width) = (batch.pair(p, ""), batch.pair(p, "history."), 2 * batch.width);
        let rows = attention::unit_input(&query, &key, &batch.offsets, width);
        let attention = self.attention.forward(p, rows, running);
        let weights = attention::weights(&attention.output, &batch.offsets, self.normalisation);
        let interest = attention::forward(&weights, &key, &batch.offsets, width);
        let x = concat(&[&batch.user(p), &interest, &query], batch.samples());
        let dnn = self.dnn.forward(p, x, running);
        Din {
            query,
            key,
            attention,
            weights,
            dnn,
        }
    }

    fn backward(&self, p: &Tensors, batch: &Histories, din: &Din, delta: &[f64]) -> Tensors {
        let (mut gradients, width) = (Tensors::new(), 2 * batch.width);
        let of_x = self.dnn.backward(p, &din.dnn, delta, &mut gradients);
        let [of_user, of_interest, of_query] = split(&of_x, [batch.width, width, width], batch.samples());
        let pooled = attention::backward(&din.weights, &din.key, &batch.offsets, &of_interest, self.normalisation);
        let of_rows = self
            .attention
            .backward(p, &din.attention, &pooled.score, &mut gradients);
        let [by_query, by_key] = attention::unit_input_backward(&din.query, &din.key, &batch.offsets, &of_rows, width);
        batch.user_backward(p, &of_user, &mut gradients);
        for (prefix, gradient) in [
            ("", &of_query),
            ("", &by_query),
            ("history.", &pooled.value),
            ("history.", &by_key),
        ] {
            batch.pair_backward(p, prefix, gradient, &mut gradients);
        }
        gradients
    }
}

#[test]
fn din_equals_pytorch() {
    let golden = Golden::read(include_bytes!("../golden/din.safetensors"));
    let batch = Histories::new(&golden, 0);
    let labels = golden.wide("step0/label");
    let last: usize = golden.setting::<usize>("steps") - 1;
    for name in golden.setting::<Vec<String>>("variants") {
        let (variant, at) = (DinVariant::new(&golden, &name), format!("{name}/dense/step0/"));
        let mut p = golden.under("init/");
        if variant.normalisation == Normalisation::Softmax {
            p.remove("attention.output.bias");
        }
        let din = variant.forward(&p, &batch, None);
        close64(
            &din.attention.output,
            &golden.wide(&format!("{at}score")),
            TOLERANCE,
            &format!("{at}score"),
        );
        close64(
            &din.weights,
            &golden.wide(&format!("{at}attention")),
            TOLERANCE,
            &format!("{at}attention"),
        );
        let delta = check_loss(&golden, &din.dnn.output, &labels, &at);
        let gradients = variant.backward(&p, &batch, &din, &delta);
        compare(&gradients, &golden.under(&format!("{at}grad/")), &at);

        let (samples, steps) = (batch.samples(), batch.offsets[batch.samples()] as usize);
        let mut running = Tensors::new();
        for (trace, rows) in [(&din.attention, steps), (&din.dnn, samples)] {
            for (layer, found) in &trace.statistics {
                let mut follower = Statistics::initial(found.mean.len());
                follower.update(found, rows, golden.setting("momentum"));
                running.insert(format!("{layer}.mean"), follower.mean);
                running.insert(format!("{layer}.variance"), follower.variance);
            }
        }
        compare(&running, &golden.under(&format!("{at}running/")), &at);

        for mode in ["dense", "lazy"] {
            let end = format!("{name}/{mode}/step{last}/");
            let stored = golden.under(&format!("{end}running/"));
            let layers = stored.keys().filter_map(|key| key.strip_suffix(".mean"));
            let of_layer = |layer: &str| Statistics {
                mean: stored[&format!("{layer}.mean")].clone(),
                variance: stored[&format!("{layer}.variance")].clone(),
            };
            let running = layers.map(|layer| (layer.to_string(), of_layer(layer))).collect();
            let p = golden.under(&format!("{end}after/"));
            let what = format!("{name}/{mode}/evaluation/logit");
            let din = variant.forward(&p, &batch, Some(&running));
            close64(&din.dnn.output, &golden.wide(&what), TOLERANCE, &what);
        }
    }
}
