//! The specification against finite differences and numbers worked out by hand.

use pocketrec::{
    Error,
    data::Batch,
    ops::{SigmoidCrossEntropy, adam, bpr, gather, linear, product, sgd, sigmoid_cross_entropy as bce, sum},
    plan::{Activation, AdamConfig, Init, L2, Optimizer, Plan, PlanBuilder, State},
    reference::Reference,
};

use crate::common::{
    close64,
    differences::{STEP, TOLERANCE, WITH_AND_WITHOUT_L2, check_gradients, differences, values, weigh},
    odd_models, random_batch, random_state,
};

#[test]
fn gather_backward() {
    let (ids, width, rows) = ([3, 0, 3, 3, 1], 4, 5);
    let (table, weights) = (values(rows * width, 1), values(ids.len() * width, 2));
    let f = |table: &[f64]| weigh(&gather::forward(table, width, &ids), &weights);
    let gradient = gather::backward(&ids, &weights, width, rows);
    close64(&gradient, &differences(&table, f), TOLERANCE, "table");
    assert!(
        gradient[2 * width..3 * width].iter().all(|&g| g == 0.0),
        "row 2 is not picked"
    );
}

#[test]
fn linear_backward() {
    for activation in [
        Activation::Identity,
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
    ] {
        for (rows, inputs, outputs) in [(1, 1, 1), (7, 5, 3), (3, 2, 11)] {
            let what = |name: &str| format!("{name} of {activation:?} {rows} x {inputs} x {outputs}");
            let (x, weight, bias) = (
                values(rows * inputs, 1),
                values(inputs * outputs, 2),
                values(outputs, 3),
            );
            let weights = values(rows * outputs, 4);
            let run = |x: &[f64], weight: &[f64], bias: &[f64]| linear::forward(x, weight, bias, rows, activation);
            // No pre-activation is so near to the kink that a step could cross it.
            let before = linear::forward(&x, &weight, &bias, rows, Activation::Identity);
            assert!(before.iter().all(|x| x.abs() > 100.0 * STEP), "choose another seed");

            let output = run(&x, &weight, &bias);
            let gradients = linear::backward(&x, &weight, &output, &weights, rows, activation);
            let by_x = differences(&x, |x| weigh(&run(x, &weight, &bias), &weights));
            close64(&gradients.input, &by_x, TOLERANCE, &what("input"));
            let by_weight = differences(&weight, |weight| weigh(&run(&x, weight, &bias), &weights));
            close64(&gradients.weight, &by_weight, TOLERANCE, &what("weight"));
            let by_bias = differences(&bias, |bias| weigh(&run(&x, &weight, bias), &weights));
            close64(&gradients.bias, &by_bias, TOLERANCE, &what("bias"));
        }
    }
}

#[test]
fn relu_cuts_the_gradient_at_and_below_zero_and_keeps_nan() {
    let run = |x: f64| linear::forward(&[x], &[1.0], &[0.0], 1, Activation::Relu)[0];
    assert_eq!([run(-1.0), run(0.0), run(2.0)], [0.0, 0.0, 2.0]);
    assert!(run(f64::NAN).is_nan());
    let gradient = linear::activation_gradient(&[0.0, 2.0], &[5.0, 7.0], Activation::Relu);
    assert_eq!(gradient, [0.0, 7.0]);
}

#[test]
fn product_backward() {
    let (left, right, weights) = (values(12, 1), values(12, 2), values(12, 3));
    let [of_left, of_right] = product::backward(&left, &right, &weights);
    let by_left = differences(&left, |left| weigh(&product::forward(left, &right), &weights));
    let by_right = differences(&right, |right| weigh(&product::forward(&left, right), &weights));
    close64(&of_left, &by_left, TOLERANCE, "left");
    close64(&of_right, &by_right, TOLERANCE, "right");
}

#[test]
fn sum_backward() {
    let rows = 4;
    let (wide, narrow, bias, weights) = (values(rows * 3, 1), values(rows, 2), values(1, 3), values(rows, 4));
    let run =
        |wide: &[f64], narrow: &[f64], bias: &[f64]| weigh(&sum::forward(&[wide, narrow], bias[0], rows), &weights);
    let by_wide = differences(&wide, |wide| run(wide, &narrow, &bias));
    let by_narrow = differences(&narrow, |narrow| run(&wide, narrow, &bias));
    let by_bias = differences(&bias, |bias| run(&wide, &narrow, bias));
    close64(&sum::input_gradient(&weights, 3), &by_wide, TOLERANCE, "wide");
    close64(&sum::input_gradient(&weights, 1), &by_narrow, TOLERANCE, "narrow");
    close64(&[sum::bias_gradient(&weights)], &by_bias, TOLERANCE, "bias");
}

#[test]
fn sigmoid_cross_entropy_backward() {
    let logits: Vec<f64> = values(9, 1).iter().map(|x| 4.0 * x).collect();
    let labels = [0.0, 1.0, 0.5, 1.0, 0.0, 0.25, 0.0, 0.0, 1.0];
    let by_logit = differences(&logits, |logits| bce::loss(logits, &labels));
    close64(&bce::gradient(&logits, &labels), &by_logit, TOLERANCE, "logit");
}

/// The definition, written out: `-ln sigmoid` of how much higher the item is.
#[test]
fn bpr_backward() {
    let [items, negatives] = [1, 2].map(|seed| values(9, seed).iter().map(|x| 4.0 * x).collect::<Vec<f64>>());
    let weights = [1.0, 0.0, 2.5, 0.125, 3.0, 1.0, 0.0, 7.0, 1e-3];
    for weights in [None, Some(&weights[..])] {
        let weight = |s: usize| weights.map_or(1.0, |weights| weights[s]);
        let of_sample = |s: usize| weight(s) * (1.0 + (negatives[s] - items[s]).exp()).ln();
        let want = (0..9).map(of_sample).sum::<f64>() / 9.0;
        assert!((bpr::loss(&items, &negatives, weights) - want).abs() < 1e-14);
        let [of_items, of_negatives] = bpr::gradients(&items, &negatives, weights);
        let by_item = differences(&items, |items| bpr::loss(items, &negatives, weights));
        let by_negative = differences(&negatives, |negatives| bpr::loss(&items, negatives, weights));
        close64(&of_items, &by_item, TOLERANCE, "item");
        close64(&of_negatives, &by_negative, TOLERANCE, "negative");
    }
}

/// The definition, written out; and a loss of the whole from its samples alone.
#[test]
fn weighted_sigmoid_cross_entropy() {
    let logits: Vec<f64> = values(9, 1).iter().map(|x| 4.0 * x).collect();
    let labels = [0.0, 1.0, 0.5, 1.0, 0.0, 0.25, 0.0, 0.0, 1.0];
    let weights = [1.0, 0.0, 2.5, 0.125, 3.0, 1.0, 0.0, 7.0, 1e-3];
    let terms = logits.iter().zip(&labels).zip(&weights);
    let want: f64 = terms.map(|((x, y), w)| w * bce::loss(&[*x], &[*y])).sum::<f64>() / 9.0;
    let loss = |logits: &[f64]| bce::weighted_loss(logits, &labels, &weights);
    assert!((loss(&logits) - want).abs() < 1e-15);
    let gradient = bce::weighted_gradient(&logits, &labels, &weights);
    close64(&gradient, &differences(&logits, loss), TOLERANCE, "logit");
    assert_eq!([gradient[1], gradient[6]], [0.0; 2]);
    assert_eq!(
        bce::weighted_gradient(&logits, &labels, &[1.0; 9]),
        bce::gradient(&logits, &labels)
    );
}

/// At logits where the textbook formula overflows or takes the logarithm of zero.
#[test]
fn sigmoid_cross_entropy_is_stable() {
    for x in [0.0, 1e-300, 1.0, 36.0, 40.0, 700.0, 750.0, 1e4, 1e30, f64::MAX] {
        for (sign, label) in [(1.0, 0.0), (-1.0, 1.0)] {
            let (loss, gradient) = (
                bce::sample_loss(sign * x, label),
                bce::gradient(&[sign * x], &[label])[0],
            );
            // ln(1 + e^x) = x + ln(1 + e^-x), here for logits that are wrong ...
            assert!(
                (loss - (x + (-x).exp().ln_1p())).abs() <= 1e-15 * loss,
                "loss {loss} at {sign} * {x}"
            );
            assert!(
                (gradient - sign / (1.0 + (-x).exp())).abs() < 1e-15,
                "gradient {gradient} at {sign} * {x}"
            );
            // ... and for logits that are right, whose loss must not be lost to rounding.
            let (loss, want) = (bce::sample_loss(sign * x, 1.0 - label), (-x).exp().ln_1p());
            assert!(
                (loss - want).abs() <= 1e-15 * want,
                "loss {loss}, wanted {want}, at {sign} * {x}"
            );
        }
        let (loss, want) = (bce::sample_loss(x, 0.5), x / 2.0 + (-x).exp().ln_1p());
        assert!((loss - want).abs() <= 1e-15 * want, "{loss}, wanted {want}");
        assert_eq!(loss, bce::sample_loss(-x, 0.5));
    }
    assert_eq!([bce::sample_loss(1e4, 1.0), bce::sample_loss(-1e4, 0.0)], [0.0, 0.0]);
    assert!(bce::sample_loss(f64::NAN, 1.0).is_nan());
    assert_eq!(bce::loss(&[], &[]), 0.0);
}

/// Two steps with round numbers: learning rate 0.1, beta1 = beta2 = 0.5, epsilon so small that it vanishes.
///
/// Gradient 2, step 1: m = 1, v = 2, both corrected by 1 - 0.5 = 0.5 to 2 and 4; moves by 0.1 * 2 / 2 = 0.1.
/// Gradient -4, step 2: m = 0.5 - 2 = -1.5, v = 1 + 8 = 9, both corrected by 1 - 0.25 = 0.75 to -2 and 12; moves by
/// 0.1 * -2 / sqrt(12) = -0.057735.
#[test]
fn adam_by_hand() {
    let config = AdamConfig {
        learning_rate: 0.1,
        beta1: 0.5,
        beta2: 0.5,
        epsilon: 1e-30,
    };
    let (mut value, mut m, mut v) = ([1.0], [0.0], [0.0]);
    adam::update(&mut value, &mut m, &mut v, &[2.0], 1, &config);
    assert_eq!((m, v), ([1.0], [2.0]));
    close64(&value, &[0.9], 1e-8, "value after one step");
    adam::update(&mut value, &mut m, &mut v, &[-4.0], 2, &config);
    assert_eq!((m, v), ([-1.5], [9.0]));
    close64(&value, &[0.9 + 0.2 / 12f64.sqrt()], 1e-8, "value after two steps");
}

/// The first step is `rate * g / (|g| + eps)`: epsilon stands outside the corrected root.
#[test]
fn adam_begins_with_the_sign_of_the_gradient() {
    let config = AdamConfig::default();
    let (rate, epsilon) = (f64::from(config.learning_rate), f64::from(config.epsilon));
    for g in [-1e3, -1.0, 1e-4, 1e-8, 0.0] {
        let (mut value, mut m, mut v) = ([0.0], [0.0], [0.0]);
        adam::update(&mut value, &mut m, &mut v, &[g], 1, &config);
        let want = -rate * g / (g.abs() + epsilon);
        assert!(
            (value[0] - want).abs() <= 1e-12 * want.abs(),
            "{} for {g}, wanted {want}",
            value[0]
        );
    }
}

#[test]
fn sgd_by_hand() {
    let mut value = [1.0, -2.0, 0.0];
    sgd::update(&mut value, &[0.5, 4.0, -1.0], 0.25);
    assert_eq!(value, [0.875, -3.0, 0.25]);
}

/// Views that several stages read: whole, halves first, and the same view twice in one stage.
fn shared_views() -> Plan {
    let mut plan = PlanBuilder::new();
    let (user, item) = (plan.column("user"), plan.column("item"));
    let x = plan.buffer(6);
    let init = Init::Normal { std: 0.1 };
    plan.gather("user.weight", user, 7, init, x.columns(0, 3));
    plan.gather("item.weight", item, 5, init, x.columns(3, 3));
    let whole = plan.linear("whole", x, 4, Activation::Relu);
    let half = plan.linear("half", x.columns(0, 3), 2, Activation::Relu);
    let (square, cross) = (plan.buffer(4), plan.buffer(3));
    plan.product(whole, whole, square);
    plan.product(x.columns(0, 3), x.columns(3, 3), cross);
    let again = plan.linear("again", whole, 2, Activation::Identity);
    let logit = plan.sum("bias", &[square, cross, half, again, again]);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

#[test]
fn gradients_add_up_where_views_are_shared() {
    let plan = shared_views();
    let added = plan.backward().iter().flat_map(|b| &b.accumulate);
    assert_eq!(
        added
            .filter(|&&accumulate| accumulate == pocketrec::plan::Accumulate::Add)
            .count(),
        5
    );
    for l2 in WITH_AND_WITHOUT_L2 {
        check_gradients("shared views", &plan, &random_batch(&plan, 11, 3), l2);
    }
}

/// Over a batch in which sample 0 and 2 pick row 1 of the users: the penalty as its documentation words it.
#[test]
fn l2_counts_a_row_as_often_as_it_is_picked() {
    let (_, plan) = odd_models(3, 4).swap_remove(1);
    let batch = Batch::from_columns(&[&[1, 0, 1], &[2, 2, 2]], &[1.0, 0.0, 1.0]).unwrap();
    let reference = Reference::new(&plan, &random_state(&plan, 1.0, 1)).unwrap();
    let (tables, per_row, dense) = (0.5, 0.25, 0.125);
    let norm = |name: &str, rows: std::ops::Range<usize>| -> f64 {
        let (p, width) = (
            plan.param(name).unwrap(),
            plan.params()[plan.param(name).unwrap()].width,
        );
        let values = &reference.value(p)[rows.start * width..rows.end * width];
        values.iter().map(|x| x * x).sum()
    };
    let users = (2.0 * norm("gmf.user.weight", 1..2) + norm("gmf.user.weight", 0..1)) / 3.0;
    let items = norm("gmf.item.weight", 2..3);
    let all_rows = norm("gmf.user.weight", 0..3) + norm("gmf.item.weight", 0..4);
    let layer = norm("logit.weight", 0..1) + norm("logit.bias", 0..1);
    let penalty = tables / 2.0 * (users + items) + per_row / 2.0 * all_rows + dense / 2.0 * layer;
    let l2 = L2 {
        tables: tables as f32,
        per_row: per_row as f32,
        dense: dense as f32,
    };
    let gained = reference.objective(&batch, l2).unwrap() - reference.loss(&batch).unwrap();
    close64(&[gained], &[penalty], 1e-12, "penalty");
}

/// After one step the three optimisers differ in what becomes of an absent row that has momentum.
#[test]
fn optimizers_treat_absent_rows_as_they_say() {
    let (_, plan) = odd_models(3, 4).swap_remove(0);
    let batch = Batch::from_columns(&[&[1, 1], &[0, 2]], &[1.0, 0.0]).unwrap();
    let state = crate::common::trained_state(&plan, 0.5, 10, 2);
    let users = plan.param("user.weight").unwrap();
    let width = plan.params()[users].width;
    let rows_moved = |optimizer: Optimizer| -> Vec<bool> {
        let mut reference = Reference::new(&plan, &state).unwrap();
        let before = reference.value(users).to_vec();
        reference.step(&batch, &optimizer, L2::default()).unwrap();
        assert_eq!(reference.steps(), 11);
        let rows = before.chunks(width).zip(reference.value(users).chunks(width));
        rows.map(|(before, after)| before != after).collect()
    };
    let config = AdamConfig::default();
    assert_eq!(rows_moved(Optimizer::Adam(config)), [true, true, true]);
    assert_eq!(rows_moved(Optimizer::LazyAdam(config)), [false, true, false]);
    assert_eq!(rows_moved(Optimizer::Sgd { learning_rate: 0.1 }), [false, true, false]);
}

#[test]
fn reference_refuses_what_does_not_fit() {
    let (_, plan) = odd_models(3, 4).swap_remove(0);
    let mut state = State::initial(&plan, 1, false).unwrap();
    let mut reference = Reference::new(&plan, &state).unwrap();
    let far = Batch::from_columns(&[&[0, 3], &[0, 1]], &[1.0, 0.0]).unwrap();
    let error = reference.step(&far, &Optimizer::default(), L2::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "user id 3 is out of range: the table has 3 rows (0 to 2)"
    );
    assert_eq!(reference.steps(), 0);
    for columns in [&[&[0u32][..]][..], &[&[0], &[0, 1]], &[&[0], &[0], &[0]]] {
        assert!(
            matches!(reference.forward(columns), Err(Error::Length { .. })),
            "{columns:?}"
        );
    }
    assert!(reference.forward(&[&[], &[]]).unwrap().is_empty());
    let empty = Batch::new(2, 0);
    reference.step(&empty, &Optimizer::default(), L2::default()).unwrap();
    assert_eq!((reference.steps(), reference.moments(0)), (0, (&[][..], &[][..])));
    let near = Batch::from_columns(&[&[0], &[0]], &[1.0]).unwrap();
    let rising = Optimizer::Sgd { learning_rate: -1.0 };
    let error = reference.step(&near, &rising, L2::default()).unwrap_err();
    assert_eq!(error.to_string(), "learning_rate: -1 is not a positive number");
    state.tensors[0].v.push(0.0);
    assert!(matches!(Reference::new(&plan, &state), Err(Error::Length { .. })));
    state.tensors.pop();
    assert!(matches!(Reference::new(&plan, &state), Err(Error::Length { .. })));
}
