//! The specification of the click-through models' operations, put together by hand, against PyTorch
//! (`tests/golden/README.md`).
#![cfg(feature = "std")]

#[path = "../common/mod.rs"]
mod common;
mod dien;
mod din;
mod histories;
mod network;

use std::collections::HashMap;

use common::{close64, golden::Golden};
use network::{Network, Unit, concat, split};
use pocketrec::{
    ops::{
        auxiliary, fm, gather,
        gru::{self, Kind},
        last_step, linear, sigmoid_cross_entropy as bce, sum,
    },
    plan::Activation,
};

const TOLERANCE: f64 = 1e-6;

/// Parameters or gradients by name.
type Tensors = HashMap<String, Vec<f64>>;

/// Checks every tensor of a set; neither may have one that the other lacks.
fn compare(got: &Tensors, want: &Tensors, what: &str) {
    let sorted = |tensors: &Tensors| {
        let mut names: Vec<String> = tensors.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(sorted(got), sorted(want), "{what}");
    for (name, want) in want {
        close64(&got[name], want, TOLERANCE, &format!("{what}{name}"));
    }
}

fn add(gradients: &mut Tensors, name: &str, gradient: &[f64]) {
    let sum = gradients
        .entry(name.to_string())
        .or_insert_with(|| vec![0.0; gradient.len()]);
    sum.iter_mut().zip(gradient).for_each(|(sum, x)| *sum += x);
}

/// Where training stands before each step: `dense` and `lazy`, the parameters, and where the step is stored.
fn each_step(golden: &Golden, run: impl Fn(&Tensors, usize, &str)) {
    for mode in ["dense", "lazy"] {
        for s in 0..golden.setting("steps") {
            if (mode, s) == ("lazy", 0) {
                continue; // as dense
            }
            let before = match s {
                0 => "init/".to_string(),
                _ => format!("{mode}/step{}/after/", s - 1),
            };
            run(&golden.under(&before), s, &format!("{mode}/step{s}/"));
        }
    }
}

/// The loss and its gradient, checked; and the logit.
fn check_loss(golden: &Golden, logit: &[f64], labels: &[f64], at: &str) -> Vec<f64> {
    close64(
        logit,
        &golden.wide(&format!("{at}logit")),
        TOLERANCE,
        &format!("{at}logit"),
    );
    let loss = golden.wide(&format!("{at}loss"));
    close64(&[bce::loss(logit, labels)], &loss, TOLERANCE, &format!("{at}loss"));
    bce::gradient(logit, labels)
}

/// DeepFM at one step; without its DNN, and without its second order, it is FM and LR.
fn check_deepfm(golden: &Golden, p: &Tensors, s: usize, at: &str, has_fm: bool, has_dnn: bool) {
    let fields = ["user", "item", "genre", "hour", "period"];
    let (rows, width): (usize, usize) = (golden.setting("batch"), golden.setting("factors"));
    let ids = golden.ids(&format!("step{s}/ids"));
    let column = |f: usize| -> Vec<u32> { ids.chunks(fields.len()).map(|row| row[f]).collect() };
    let numeric = golden.wide(&format!("step{s}/numeric"));
    let look_up = |kind: &str, width| {
        let of_field = |(f, field)| gather::forward(&p[&format!("{field}.{kind}")], width, &column(f));
        let found: Vec<Vec<f64>> = fields.iter().enumerate().map(of_field).collect();
        concat(&found.iter().map(Vec::as_slice).collect::<Vec<_>>(), rows)
    };
    let (embeddings, first) = (look_up("embedding", width), look_up("first", 1));
    let of_numeric = linear::forward(&numeric, &p["numeric.first.weight"], &[0.0], rows, Activation::Identity);
    let second = fm::forward(&embeddings, width, rows);
    let network = Network::new("dnn", 2, Unit::Relu);
    let trace = network.forward(p, concat(&[&embeddings, &numeric], rows), None);
    let mut terms = vec![&first[..], &of_numeric];
    terms.extend(has_fm.then_some(&second[..]));
    terms.extend(has_dnn.then_some(&trace.output[..]));
    let logit = sum::forward(&terms, p["bias"][0], rows);
    if has_dnn && s == 0 {
        let want = |name: &str| golden.wide(&format!("term/{name}"));
        close64(&second, &want("fm"), TOLERANCE, "second order");
        close64(
            &sum::forward(&[&first, &of_numeric], p["bias"][0], rows),
            &want("first"),
            TOLERANCE,
            "first order",
        );
        close64(&trace.output, &want("dnn"), TOLERANCE, "dnn");
    }

    let delta = check_loss(golden, &logit, &golden.wide(&format!("step{s}/label")), at);
    let mut gradients = Tensors::new();
    add(&mut gradients, "bias", &[sum::bias_gradient(&delta)]);
    add(
        &mut gradients,
        "numeric.first.weight",
        &linear::weight_gradient(&delta, &numeric, rows, 2, 1),
    );
    let mut of_embeddings = vec![0.0; embeddings.len()];
    let mut accumulate = |found: &[f64]| of_embeddings.iter_mut().zip(found).for_each(|(sum, x)| *sum += x);
    if has_fm {
        accumulate(&fm::backward(&embeddings, &delta, width));
    }
    if has_dnn {
        let found = network.backward(p, &trace, &delta, &mut gradients);
        accumulate(&split(&found, [fields.len() * width], rows)[0]);
    }
    let of_first = sum::input_gradient(&delta, fields.len());
    for (f, field) in fields.iter().enumerate() {
        for (kind, width, found) in [("embedding", width, &of_embeddings), ("first", 1, &of_first)] {
            if kind == "embedding" && !has_fm {
                continue;
            }
            let name = format!("{field}.{kind}");
            let part: Vec<f64> = found
                .chunks(fields.len() * width)
                .flat_map(|row| &row[f * width..][..width])
                .copied()
                .collect();
            let rows = p[&name].len() / width;
            add(&mut gradients, &name, &gather::backward(&column(f), &part, width, rows));
        }
    }
    compare(&gradients, &golden.under(&format!("{at}grad/")), at);
}

#[test]
fn deepfm_equals_pytorch() {
    let golden = Golden::read(include_bytes!("../golden/deepfm.safetensors"));
    each_step(&golden, |p, s, at| check_deepfm(&golden, p, s, at, true, true));
    let p = golden.under("init/");
    check_deepfm(&golden, &p, 0, "fm/", true, false);
    check_deepfm(&golden, &p, 0, "lr/", false, false);
}

fn gru_parameters(p: &Tensors, prefix: &str) -> gru::Parameters {
    let tensor = |name: &str| p[&format!("{prefix}{name}")].clone();
    gru::Parameters {
        input_weight: tensor("weight_ih"),
        hidden_weight: tensor("weight_hh"),
        input_bias: tensor("bias_ih"),
        hidden_bias: tensor("bias_hh"),
    }
}

fn add_gru(gradients: &mut Tensors, prefix: &str, found: &gru::Parameters) {
    for (name, gradient) in [
        ("weight_ih", &found.input_weight),
        ("weight_hh", &found.hidden_weight),
        ("bias_ih", &found.input_bias),
        ("bias_hh", &found.hidden_bias),
    ] {
        add(gradients, &format!("{prefix}{name}"), gradient);
    }
}

#[test]
fn recurrent_layers_equal_pytorch() {
    let golden = Golden::read(include_bytes!("../golden/recurrent.safetensors"));
    let (offsets, hidden) = (golden.ids("offsets"), golden.setting("hidden"));
    let (input, scores) = (golden.wide("input"), golden.wide("score"));
    let parameters = gru_parameters(&golden.under(""), "");
    for (name, kind) in [
        ("gru", Kind::Gru),
        ("aigru", Kind::Aigru),
        ("agru", Kind::Agru),
        ("augru", Kind::Augru),
    ] {
        let want = |tensor: &str| golden.wide(&format!("{name}/{tensor}"));
        let states = gru::forward(kind, &input, &scores, &offsets, &parameters);
        close64(&states, &want("states"), TOLERANCE, &format!("{name}: states"));
        let found = last_step::forward(&states, &offsets, hidden);
        close64(&found, &want("last"), TOLERANCE, &format!("{name}: last states"));

        let mut of_states = last_step::backward(&golden.wide("functional/last"), &offsets, hidden);
        let weights = golden.wide("functional/states");
        of_states.iter_mut().zip(&weights).for_each(|(sum, x)| *sum += x);
        let found = gru::backward(kind, &input, &scores, &offsets, &parameters, &states, &of_states);
        let mut gradients = Tensors::from([("input".to_string(), found.input)]);
        if kind == Kind::Gru {
            assert!(found.scores.iter().all(|&x| x == 0.0), "GRU reads no scores");
        } else {
            gradients.insert("score".to_string(), found.scores);
        }
        add_gru(&mut gradients, "", &found.parameters);
        compare(
            &gradients,
            &golden.under(&format!("{name}/grad/")),
            &format!("{name}: "),
        );
    }
}

/// The MLP of the auxiliary loss: two layers and the output.
const AUXILIARY: [&str; 3] = ["auxiliary.0", "auxiliary.1", "auxiliary.output"];

fn auxiliary_layers(p: &Tensors) -> [auxiliary::Layer; 3] {
    AUXILIARY.map(|name| auxiliary::Layer {
        weight: p[&format!("{name}.weight")].clone(),
        bias: p[&format!("{name}.bias")].clone(),
    })
}

fn add_auxiliary(gradients: &mut Tensors, found: &[auxiliary::Layer], scale: f64) {
    for (name, layer) in AUXILIARY.iter().zip(found) {
        add(gradients, &format!("{name}.weight"), &scaled(&layer.weight, scale));
        add(gradients, &format!("{name}.bias"), &scaled(&layer.bias, scale));
    }
}

fn scaled(x: &[f64], scale: f64) -> Vec<f64> {
    x.iter().map(|x| scale * x).collect()
}

#[test]
fn auxiliary_loss_equals_pytorch() {
    let golden = Golden::read(include_bytes!("../golden/auxiliary.safetensors"));
    let offsets = golden.ids("offsets");
    let [states, clicked, negative] = ["states", "clicked", "negative"].map(|name| golden.wide(name));
    let layers = auxiliary_layers(&golden.under(""));
    let logits = auxiliary::logits(&states, &clicked, &negative, &offsets, &layers);
    close64(
        &logits[0],
        &golden.wide("logit/clicked"),
        TOLERANCE,
        "logits of clicked items",
    );
    close64(
        &logits[1],
        &golden.wide("logit/negative"),
        TOLERANCE,
        "logits of negatives",
    );
    let loss = auxiliary::loss(&states, &clicked, &negative, &offsets, &layers);
    close64(&[loss], &golden.wide("loss"), TOLERANCE, "loss");

    let found = auxiliary::backward(&states, &clicked, &negative, &offsets, &layers);
    let mut gradients = Tensors::new();
    add(&mut gradients, "states", &found.states);
    add(&mut gradients, "clicked", &found.clicked);
    add(&mut gradients, "negative", &found.negative);
    add_auxiliary(&mut gradients, &found.layers, 1.0);
    compare(&gradients, &golden.under("grad/"), "");
}
