//! The specification of the click-through models' operations against finite differences and plainer formulas.

use pocketrec::{
    ops::{
        affine,
        attention::{self, Normalisation},
        auxiliary,
        batch_norm::{self, Statistics},
        dice, dropout, fm,
        gru::{self, Kind},
        last_step, prelu,
    },
    rng::Rng,
};

use crate::common::{
    close64,
    differences::{TOLERANCE, differences, values, weigh},
};

/// The definition: the sum over pairs of fields of their dot product.
fn fm_by_pairs(input: &[f64], fields: usize, width: usize) -> Vec<f64> {
    let of_row = |row: &[f64]| -> f64 {
        let fields: Vec<&[f64]> = row.chunks(width).collect();
        let dot = |f: usize, g: usize| -> f64 { fields[f].iter().zip(fields[g]).map(|(x, y)| x * y).sum() };
        let pairs = (0..fields.len()).flat_map(|f| (f + 1..fields.len()).map(move |g| (f, g)));
        pairs.map(|(f, g)| dot(f, g)).sum()
    };
    input.chunks(fields * width).map(of_row).collect()
}

#[test]
fn fm_is_the_sum_over_pairs() {
    for (rows, fields, width) in [(1, 1, 1), (1, 2, 1), (3, 5, 4), (7, 10, 3), (2, 1, 6)] {
        let what = format!("{rows} rows of {fields} fields of {width}");
        let (input, weights) = (values(rows * fields * width, 1), values(rows, 2));
        let want = fm_by_pairs(&input, fields, width);
        let got = fm::forward(&input, width, rows);
        crate::common::close_or(&got, &want, 1.0, 1e-13, &what);

        let by_input = differences(&input, |input| weigh(&fm_by_pairs(input, fields, width), &weights));
        let gradient = fm::backward(&input, &weights, width);
        crate::common::close_or(&gradient, &by_input, 1.0, TOLERANCE, &what);
    }
    assert!(fm::forward(&[], 4, 0).is_empty() && fm::backward(&[], &[], 4).is_empty());
}

/// Along the steps of a sequence a sample's fields are its steps, of which it may have none.
#[test]
fn fm_along_steps_is_the_sum_over_pairs() {
    let (offsets, width) = ([0, 0, 1, 6, 6, 8], 3);
    let (input, weights) = (values(8 * width, 1), values(5, 2));
    let by_pairs = |input: &[f64]| -> Vec<f64> {
        let of_sample = |pair: &[u32]| match (pair[1] - pair[0]) as usize {
            0 => 0.0,
            steps => fm_by_pairs(&input[pair[0] as usize * width..pair[1] as usize * width], steps, width)[0],
        };
        offsets.windows(2).map(of_sample).collect()
    };
    crate::common::close_or(
        &fm::forward_steps(&input, &offsets, width),
        &by_pairs(&input),
        1.0,
        1e-13,
        "fm along steps",
    );
    let by_input = differences(&input, |input| weigh(&by_pairs(input), &weights));
    let gradient = fm::backward_steps(&input, &offsets, &weights, width);
    crate::common::close_or(&gradient, &by_input, 1.0, TOLERANCE, "its gradient");
}

#[test]
fn dropout_is_a_mask_and_a_scale() {
    let (input, rate) = (values(100_003, 1), 0.3);
    let rng = Rng::new(7).stream(2);
    let output = dropout::forward(&input, rng, 0, rate);
    let kept = output.iter().filter(|&&x| x != 0.0).count();
    for (x, y) in input.iter().zip(&output) {
        assert!(*y == 0.0 || (y - x / 0.7).abs() < 1e-5 * x.abs(), "{x} became {y}");
    }
    // Four standard deviations of a binomial distribution.
    let spread = 4.0 * (0.3f64 * 0.7 / input.len() as f64).sqrt();
    assert!((kept as f64 / input.len() as f64 - 0.7).abs() < spread, "{kept} kept");
    // No two streams, and no two quarters of a draw, go together.
    let other = dropout::forward(&input, Rng::new(7).stream(3), 0, rate);
    let together = |a: &[f64], b: &[f64]| a.iter().zip(b).filter(|(a, b)| (**a == 0.0) == (**b == 0.0)).count();
    for (name, same) in [
        ("streams", together(&output, &other)),
        ("neighbours", together(&output, &output[1..])),
    ] {
        let share = same as f64 / input.len() as f64;
        assert!((share - (0.49 + 0.09)).abs() < 0.01, "{name}: {share}");
    }
    assert_eq!(dropout::forward(&input, rng, 0, 0.0), input);
    let linear: Vec<f64> = differences(&input[..50], |x| dropout::forward(x, rng, 3, rate).iter().sum());
    close64(
        &dropout::forward(&[1.0; 50], rng, 3, rate),
        &linear,
        TOLERANCE,
        "gradient",
    );
}

/// The bits of Threefry with key 0 and counters 0 and 1, cut up by hand: 0x99ba4efe_6b200159 is the published answer
/// for 0.
#[test]
fn dropout_takes_16_bits_an_element() {
    let rng = Rng::new(0);
    assert_eq!(rng.at(0), [0x6b20_0159, 0x99ba_4efe]);
    for (i, bits) in [0x0159, 0x6b20, 0x4efe, 0x99ba].into_iter().enumerate() {
        assert!(dropout::keeps(rng, i as u64, bits));
        assert!(!dropout::keeps(rng, i as u64, bits + 1));
    }
}

#[test]
fn batch_norm_backward() {
    for (rows, width) in [(2, 1), (7, 3), (16, 5)] {
        let (x, weights, epsilon) = (values(rows * width, 1), values(rows * width, 2), 1e-3);
        let run = |x: &[f64]| weigh(&batch_norm::normalise(x, &Statistics::of(x, width), epsilon), &weights);
        let gradient = batch_norm::normalise_backward(&x, &Statistics::of(&x, width), &weights, epsilon);
        close64(&gradient, &differences(&x, run), 1e-6, "input");

        let running = Statistics::of(&values(4 * width, 3), width);
        let run = |x: &[f64]| weigh(&batch_norm::normalise(x, &running, epsilon), &weights);
        let gradient = batch_norm::running_backward(&running, &weights, epsilon);
        close64(
            &gradient,
            &differences(&x, run),
            TOLERANCE,
            "input by running statistics",
        );
    }
}

#[test]
fn affine_backward() {
    for (rows, width, relu) in [(2, 1, false), (7, 3, true), (16, 5, true), (16, 5, false)] {
        let (x, weights) = (values(rows * width, 1), values(rows * width, 2));
        let (weight, bias) = (values(width, 3), values(width, 4));
        let run = |x: &[f64], weight: &[f64], bias: &[f64]| weigh(&affine::forward(x, weight, bias, relu), &weights);
        let output = affine::forward(&x, &weight, &bias, relu);
        let gradients = affine::backward(&x, &weight, &output, &weights, relu);
        let by_x = differences(&x, |x| run(x, &weight, &bias));
        close64(&gradients.input, &by_x, TOLERANCE, "input");
        let by_weight = differences(&weight, |weight| run(&x, weight, &bias));
        close64(&gradients.weight, &by_weight, TOLERANCE, "weight");
        let by_bias = differences(&bias, |bias| run(&x, &weight, bias));
        close64(&gradients.bias, &by_bias, TOLERANCE, "bias");
    }
    assert!(affine::forward(&[f64::NAN], &[1.0], &[0.0], true)[0].is_nan());
}

#[test]
fn batch_norm_of_few_rows() {
    let one = Statistics::of(&[3.0, 4.0], 2);
    assert_eq!((&one.mean[..], &one.variance[..]), (&[3.0, 4.0][..], &[0.0, 0.0][..]));
    let mut running = Statistics::initial(2);
    running.update(&one, 1, 0.5);
    assert_eq!(
        (&running.mean[..], &running.variance[..]),
        (&[1.5, 2.0][..], &[0.5, 0.5][..])
    );
    let before = running.clone();
    running.update(&Statistics::of(&[], 2), 0, 0.5);
    assert_eq!(running, before);
    assert!(batch_norm::normalise_backward(&[], &Statistics::of(&[], 2), &[], 1e-8).is_empty());
}

#[test]
fn prelu_backward() {
    let (x, alpha, weights) = (values(21, 1), values(3, 2), values(21, 3));
    let run = |x: &[f64], alpha: &[f64]| weigh(&prelu::forward(x, alpha), &weights);
    let gradients = prelu::backward(&x, &alpha, &weights);
    close64(
        &gradients.input,
        &differences(&x, |x| run(x, &alpha)),
        TOLERANCE,
        "input",
    );
    close64(
        &gradients.alpha,
        &differences(&alpha, |alpha| run(&x, alpha)),
        TOLERANCE,
        "alpha",
    );
    let at_zero = prelu::backward(&[0.0], &[0.25], &[4.0]);
    assert_eq!((at_zero.input, at_zero.alpha), (vec![1.0], vec![0.0]));
    assert!(prelu::forward(&[f64::NAN], &[0.25])[0].is_nan());
}

#[test]
fn dice_backward() {
    for (rows, width) in [(2, 1), (7, 3), (16, 5)] {
        let (x, alpha, weights) = (values(rows * width, 1), values(width, 2), values(rows * width, 3));
        let epsilon = 1e-3;
        let run =
            |x: &[f64], alpha: &[f64]| weigh(&dice::forward(x, alpha, &Statistics::of(x, width), epsilon), &weights);
        let gradients = dice::backward(&x, &alpha, &Statistics::of(&x, width), &weights, epsilon);
        close64(
            &gradients.input,
            &differences(&x, |x| run(x, &alpha)),
            TOLERANCE,
            "input",
        );
        close64(
            &gradients.alpha,
            &differences(&alpha, |alpha| run(&x, alpha)),
            TOLERANCE,
            "alpha",
        );
    }
}

/// Far from the bend Dice is a PReLU.
#[test]
fn dice_is_prelu_far_from_the_mean() {
    let fixed = Statistics {
        mean: vec![0.0],
        variance: vec![1e-8],
    };
    let x = [-3.0, -1.0, 1.0, 2.0];
    close64(
        &dice::forward(&x, &[0.25], &fixed, 0.0),
        &prelu::forward(&x, &[0.25]),
        1e-12,
        "output",
    );
}

/// Histories of 3, 0, 1 and 5 steps.
const OFFSETS: [u32; 5] = [0, 3, 3, 4, 9];

#[test]
fn attention_backward() {
    let (samples, steps, width) = (4, 9, 3);
    let (scores, value, weights) = (values(steps, 1), values(steps * width, 2), values(samples * width, 3));
    for normalisation in [Normalisation::None, Normalisation::Softmax] {
        let run = |scores: &[f64], value: &[f64]| {
            let pooled = attention::forward(
                &attention::weights(scores, &OFFSETS, normalisation),
                value,
                &OFFSETS,
                width,
            );
            assert!(pooled[width..2 * width].iter().all(|&x| x == 0.0), "nothing to pool");
            weigh(&pooled, &weights)
        };
        let found = attention::weights(&scores, &OFFSETS, normalisation);
        let gradients = attention::backward(&found, &value, &OFFSETS, &weights, normalisation);
        let by_score = differences(&scores, |scores| run(scores, &value));
        close64(&gradients.score, &by_score, TOLERANCE, "score");
        let by_value = differences(&value, |value| run(&scores, value));
        close64(&gradients.value, &by_value, TOLERANCE, "value");
    }
}

#[test]
fn softmax_survives_large_scores_and_shows_nan() {
    let softmax = |scores: &[f64]| attention::weights(scores, &[0, scores.len() as u32], Normalisation::Softmax);
    assert_eq!(softmax(&[1e4, 1e4, -1e4]), [0.5, 0.5, 0.0]);
    assert!(softmax(&[f64::NAN, 1.0]).iter().all(|x| x.is_nan()));
    assert!(softmax(&[]).is_empty());
}

#[test]
fn attention_unit_input_backward() {
    let (samples, steps, width) = (4, 9, 2);
    let (query, key) = (values(samples * width, 1), values(steps * width, 2));
    let weights = values(steps * 4 * width, 3);
    let run = |query: &[f64], key: &[f64]| weigh(&attention::unit_input(query, key, &OFFSETS, width), &weights);
    let [of_query, of_key] = attention::unit_input_backward(&query, &key, &OFFSETS, &weights, width);
    close64(
        &of_query,
        &differences(&query, |query| run(query, &key)),
        TOLERANCE,
        "query",
    );
    close64(&of_key, &differences(&key, |key| run(&query, key)), TOLERANCE, "key");
}

const KINDS: [Kind; 4] = [Kind::Gru, Kind::Aigru, Kind::Agru, Kind::Augru];

fn gru_parameters(inputs: usize, hidden: usize) -> gru::Parameters {
    gru::Parameters {
        input_weight: values(3 * hidden * inputs, 11),
        hidden_weight: values(3 * hidden * hidden, 12),
        input_bias: values(3 * hidden, 13),
        hidden_bias: values(3 * hidden, 14),
    }
}

#[test]
fn gru_backward() {
    let (steps, inputs, hidden) = (9, 3, 4);
    let (input, scores, weights) = (values(steps * inputs, 1), values(steps, 2), values(steps * hidden, 3));
    let parameters = gru_parameters(inputs, hidden);
    for kind in KINDS {
        let what = |name: &str| format!("{name} of {kind:?}");
        let run = |input: &[f64], scores: &[f64], parameters: &gru::Parameters| {
            weigh(&gru::forward(kind, input, scores, &OFFSETS, parameters), &weights)
        };
        let states = gru::forward(kind, &input, &scores, &OFFSETS, &parameters);
        let found = gru::backward(kind, &input, &scores, &OFFSETS, &parameters, &states, &weights);
        let by_input = differences(&input, |input| run(input, &scores, &parameters));
        close64(&found.input, &by_input, TOLERANCE, &what("input"));
        let by_score = differences(&scores, |scores| run(&input, scores, &parameters));
        close64(&found.scores, &by_score, TOLERANCE, &what("scores"));
        type Of = fn(&mut gru::Parameters) -> &mut Vec<f64>;
        let tensors: [(&str, Of); 4] = [
            ("input weight", |p| &mut p.input_weight),
            ("hidden weight", |p| &mut p.hidden_weight),
            ("input bias", |p| &mut p.input_bias),
            ("hidden bias", |p| &mut p.hidden_bias),
        ];
        for (name, tensor) in tensors {
            let by_value = differences(tensor(&mut parameters.clone()), |value| {
                let mut parameters = parameters.clone();
                *tensor(&mut parameters) = value.to_vec();
                run(&input, &scores, &parameters)
            });
            let got = tensor(&mut found.parameters.clone()).clone();
            close64(&got, &by_value, TOLERANCE, &what(name));
        }
    }
}

/// With scores of 1, AIGRU is GRU, and so is AUGRU where the update gate's parameters have their signs turned; AGRU
/// forgets.
#[test]
fn gru_and_its_forms_agree_where_they_must() {
    let (steps, inputs, hidden) = (9, 3, 4);
    let (input, ones) = (values(steps * inputs, 1), vec![1.0; steps]);
    let parameters = gru_parameters(inputs, hidden);
    let plain = gru::forward(Kind::Gru, &input, &[], &OFFSETS, &parameters);
    assert_eq!(gru::forward(Kind::Aigru, &input, &ones, &OFFSETS, &parameters), plain);
    let mut turned = parameters.clone();
    turned.input_weight[hidden * inputs..2 * hidden * inputs]
        .iter_mut()
        .for_each(|x| *x = -*x);
    turned.hidden_weight[hidden * hidden..2 * hidden * hidden]
        .iter_mut()
        .for_each(|x| *x = -*x);
    turned.input_bias[hidden..2 * hidden].iter_mut().for_each(|x| *x = -*x);
    turned.hidden_bias[hidden..2 * hidden].iter_mut().for_each(|x| *x = -*x);
    let found = gru::forward(Kind::Augru, &input, &ones, &OFFSETS, &turned);
    close64(&found, &plain, 1e-14, "AUGRU with scores of 1");
    for kind in [Kind::Agru, Kind::Augru] {
        let found = gru::forward(kind, &input, &vec![0.0; steps], &OFFSETS, &parameters);
        assert!(found.iter().all(|&x| x == 0.0), "{kind:?} moves without a score");
    }
}

#[test]
fn last_step_backward() {
    let (states, weights) = (values(9 * 2, 1), values(4 * 2, 2));
    let by_state = differences(&states, |states| {
        weigh(&last_step::forward(states, &OFFSETS, 2), &weights)
    });
    close64(
        &last_step::backward(&weights, &OFFSETS, 2),
        &by_state,
        TOLERANCE,
        "states",
    );
}

#[test]
fn auxiliary_backward() {
    let (steps, hidden, width) = (9, 3, 2);
    let (states, clicked, negative) = (
        values(steps * hidden, 1),
        values(steps * width, 2),
        values(steps * width, 3),
    );
    let layer = |inputs, outputs, seed| auxiliary::Layer {
        weight: values(outputs * inputs, seed),
        bias: values(outputs, seed + 1),
    };
    let layers = [layer(hidden + width, 4, 10), layer(4, 3, 12), layer(3, 1, 14)];
    let run = |states: &[f64], clicked: &[f64], negative: &[f64], layers: &[auxiliary::Layer]| {
        auxiliary::loss(states, clicked, negative, &OFFSETS, layers)
    };
    let found = auxiliary::backward(&states, &clicked, &negative, &OFFSETS, &layers);
    let by_state = differences(&states, |states| run(states, &clicked, &negative, &layers));
    close64(&found.states, &by_state, TOLERANCE, "states");
    let by_clicked = differences(&clicked, |clicked| run(&states, clicked, &negative, &layers));
    close64(&found.clicked, &by_clicked, TOLERANCE, "clicked");
    let by_negative = differences(&negative, |negative| run(&states, &clicked, negative, &layers));
    close64(&found.negative, &by_negative, TOLERANCE, "negative");
    for k in 0..layers.len() {
        let with = |change: &dyn Fn(&mut auxiliary::Layer)| {
            let mut layers = layers.clone();
            change(&mut layers[k]);
            run(&states, &clicked, &negative, &layers)
        };
        let by_weight = differences(&layers[k].weight, |weight| {
            with(&|layer| layer.weight = weight.to_vec())
        });
        close64(&found.layers[k].weight, &by_weight, TOLERANCE, &format!("weight {k}"));
        let by_bias = differences(&layers[k].bias, |bias| with(&|layer| layer.bias = bias.to_vec()));
        close64(&found.layers[k].bias, &by_bias, TOLERANCE, &format!("bias {k}"));
    }
}

#[test]
fn auxiliary_without_pairs_is_nothing() {
    let layers = [auxiliary::Layer {
        weight: vec![1.0; 2],
        bias: vec![1.0],
    }];
    for offsets in [&[0u32, 1, 1, 2][..], &[0, 0], &[0]] {
        let steps = *offsets.last().unwrap() as usize;
        let (x, y) = (values(steps, 1), values(steps, 2));
        assert_eq!(auxiliary::loss(&x, &y, &y, offsets, &layers), 0.0);
        let found = auxiliary::backward(&x, &y, &y, offsets, &layers);
        let all = [
            &found.states,
            &found.clicked,
            &found.negative,
            &found.layers[0].weight,
            &found.layers[0].bias,
        ];
        assert!(all.into_iter().flatten().all(|&g| g == 0.0), "{offsets:?}: {found:?}");
    }
}

/// Pairs of samples of weight 0 do not count, though the mean is over all pairs.
#[test]
fn weighted_auxiliary_loss() {
    let (offsets, weights) = ([0, 3, 3, 4, 8, 10], [0.5, 9.0, 9.0, 2.0, 0.0]);
    let (clicked, negative) = (values(10, 1), values(10, 2));
    let run = |clicked: &[f64], negative: &[f64]| auxiliary::weighted_step_loss(clicked, negative, &offsets, &weights);
    let of_pair = |t: usize| {
        let of = |x: f64| (1.0 + (-x).exp()).ln();
        of(clicked[t]) + of(-negative[t])
    };
    let want = (0.5 * (of_pair(0) + of_pair(1)) + 2.0 * (of_pair(4) + of_pair(5) + of_pair(6))) / 6.0;
    assert!((run(&clicked, &negative) - want).abs() < 1e-14);
    let [of_clicked, of_negative] = auxiliary::weighted_step_gradient(&clicked, &negative, &offsets, &weights);
    let by_clicked = differences(&clicked, |clicked| run(clicked, &negative));
    let by_negative = differences(&negative, |negative| run(&clicked, negative));
    close64(&of_clicked, &by_clicked, TOLERANCE, "clicked");
    close64(&of_negative, &by_negative, TOLERANCE, "negative");
}
