//! A whole DIEN.

use pocketrec::ops::{
    attention::{self, Normalisation},
    auxiliary,
    gru::{self, Kind},
    last_step,
};

use crate::{
    TOLERANCE, Tensors, add_auxiliary, add_gru, auxiliary_layers, check_loss,
    common::{close64, golden::Golden},
    compare, each_step, gru_parameters,
    histories::Histories,
    network::{Network, Unit, concat, split},
    scaled,
};

/// DIEN at one step, forward and backward.
fn check_dien(golden: &Golden, p: &Tensors, s: usize, at: &str) {
    let batch = Histories::new(golden, s);
    let (offsets, width) = (&batch.offsets, 2 * batch.width);
    let [query, key, negative] = ["", "history.", "negative."].map(|prefix| batch.pair(p, prefix));
    let (extractor, evolution) = (gru_parameters(p, "extractor."), gru_parameters(p, "evolution."));
    let states = gru::forward(Kind::Gru, &key, &[], offsets, &extractor);
    let unit = Network::new("attention", 1, Unit::Sigmoid);
    let scored = unit.forward(p, attention::unit_input(&query, &states, offsets, width), None);
    let weights = attention::weights(&scored.output, offsets, Normalisation::Softmax);
    let evolved = gru::forward(Kind::Augru, &states, &weights, offsets, &evolution);
    let interest = last_step::forward(&evolved, offsets, width);
    let network = Network::new("dnn", 2, Unit::Relu);
    let trace = network.forward(p, concat(&[&batch.user(p), &interest, &query], batch.samples()), None);
    let layers = auxiliary_layers(p);
    let auxiliary_loss = auxiliary::loss(&states, &key, &negative, offsets, &layers);
    let delta = check_loss(golden, &trace.output, &golden.wide(&format!("step{s}/label")), at);
    for (name, found) in [
        ("attention", &weights),
        ("interest", &interest),
        ("auxiliary", &vec![auxiliary_loss]),
    ] {
        close64(
            found,
            &golden.wide(&format!("{at}{name}")),
            TOLERANCE,
            &format!("{at}{name}"),
        );
    }

    let mut gradients = Tensors::new();
    let of_x = network.backward(p, &trace, &delta, &mut gradients);
    let [of_user, of_interest, of_query] = split(&of_x, [batch.width, width, width], batch.samples());
    let of_evolved = last_step::backward(&of_interest, offsets, width);
    let evolved = gru::backward(
        Kind::Augru,
        &states,
        &weights,
        offsets,
        &evolution,
        &evolved,
        &of_evolved,
    );
    add_gru(&mut gradients, "evolution.", &evolved.parameters);
    let of_scores = attention::weights_backward(&weights, &evolved.scores, offsets, Normalisation::Softmax);
    let of_rows = unit.backward(p, &scored, &of_scores, &mut gradients);
    let [by_query, by_state] = attention::unit_input_backward(&query, &states, offsets, &of_rows, width);
    let weight: f64 = golden.setting("auxiliary_weight");
    let found = auxiliary::backward(&states, &key, &negative, offsets, &layers);
    add_auxiliary(&mut gradients, &found.layers, weight);
    let of_states = [&evolved.input, &by_state, &scaled(&found.states, weight)];
    let of_states: Vec<f64> = (0..states.len())
        .map(|i| of_states.iter().map(|x| x[i]).sum())
        .collect();
    let extracted = gru::backward(Kind::Gru, &key, &[], offsets, &extractor, &states, &of_states);
    add_gru(&mut gradients, "extractor.", &extracted.parameters);
    batch.user_backward(p, &of_user, &mut gradients);
    for (prefix, gradient) in [
        ("", &of_query),
        ("", &by_query),
        ("history.", &extracted.input),
        ("history.", &scaled(&found.clicked, weight)),
        ("negative.", &scaled(&found.negative, weight)),
    ] {
        batch.pair_backward(p, prefix, gradient, &mut gradients);
    }
    compare(&gradients, &golden.under(&format!("{at}grad/")), at);
}

#[test]
fn dien_equals_pytorch() {
    let golden = Golden::read(include_bytes!("../golden/dien.safetensors"));
    each_step(&golden, |p, s, at| check_dien(&golden, p, s, at));
}
