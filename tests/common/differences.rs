//! Gradients by finite differences.

use pocketrec::{
    data::Batch,
    ops,
    plan::{Activation, L2, ParamKind, Plan, Stage, View},
    reference::Reference,
    rng::Rng,
};

use super::{close64, give_graph, normals, random_state, wide};

/// Step of the central differences. Their error is about `STEP^2` from the third derivative and `1e-16 / STEP` from
/// rounding.
pub const STEP: f64 = 1e-5;
/// Allowed error of a gradient, relative to the largest magnitude in its tensor.
pub const TOLERANCE: f64 = 1e-7;

/// Standard normal values.
pub fn values(len: usize, seed: u32) -> Vec<f64> {
    wide(&normals(len, 1.0, Rng::new(1).stream(seed)))
}

/// The gradient of `f` at `x` by central differences.
pub fn differences(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let at = |i: usize, by: f64| {
        let mut x = x.to_vec();
        x[i] += by;
        f(&x)
    };
    (0..x.len())
        .map(|i| (at(i, STEP) - at(i, -STEP)) / (2.0 * STEP))
        .collect()
}

/// A scalar function of an output, whose gradient with respect to the output is `weights`.
#[track_caller]
pub fn weigh(output: &[f64], weights: &[f64]) -> f64 {
    assert_eq!(output.len(), weights.len());
    output.iter().zip(weights).map(|(x, w)| x * w).sum()
}

/// No L2 terms, and all of them.
pub const WITH_AND_WITHOUT_L2: [L2; 2] = [
    L2 {
        tables: 0.0,
        per_row: 0.0,
        dense: 0.0,
    },
    L2 {
        tables: 0.3,
        per_row: 0.01,
        dense: 0.05,
    },
];

/// The side of its kink on which each ReLU's output, each PReLU's input and each pair of a loss with a margin lies, over the whole batch.
fn sides_of_kinks(plan: &Plan, reference: &Reference, batch: &Batch) -> Vec<bool> {
    let relu = Activation::Relu;
    let activations = reference.activations(batch).unwrap();
    let column = |view: View| {
        let (stride, View { buffer, start, .. }) = (plan.buffers()[view.buffer], view);
        activations[buffer]
            .iter()
            .skip(start)
            .step_by(stride)
            .copied()
            .collect::<Vec<f64>>()
    };
    let of_losses = plan.stages().iter().flat_map(|stage| match *stage {
        Stage::Margin(ops::Margin { logits, margin }) => {
            let [items, negatives] = logits.map(column);
            let pairs = items.iter().zip(&negatives);
            pairs.map(|(x, y)| x - y > margin.into()).collect()
        }
        Stage::Ccl(ops::Ccl {
            logits: [_, negatives],
            margin,
            ..
        }) => column(negatives).into_iter().map(|y| y > margin.into()).collect(),
        _ => Vec::new(),
    });
    let kinked = plan.stages().iter().filter_map(|stage| match *stage {
        Stage::Linear(ops::Linear { activation, output, .. })
        | Stage::AttentionUnit(ops::AttentionUnit { activation, output, .. }) => {
            (activation == relu).then_some(output.buffer)
        }
        Stage::Affine(ops::Affine { relu, output, .. }) => relu.then_some(output.buffer),
        Stage::Prelu(ops::Prelu { input, .. }) => Some(input.buffer),
        _ => None,
    });
    let of_layers = kinked.flat_map(|buffer| activations[buffer].iter().map(|&x| x > 0.0));
    of_layers.chain(of_losses).collect()
}

/// Every gradient of a plan against central differences of its objective.
///
/// Differences that cross a kink are left out. They must be few.
#[track_caller]
pub fn check_gradients(what: &str, plan: &Plan, batch: &Batch, l2: L2) {
    let mut reference = Reference::new(plan, &random_state(plan, 0.6, 5)).unwrap();
    give_graph(&mut reference);
    let gradients = reference.gradients(batch, l2).unwrap();
    let (mut kinks, mut all) = (0, 0);
    for (p, (param, gradient)) in plan.params().iter().zip(&gradients).enumerate() {
        if param.kind == ParamKind::Statistic {
            continue;
        }
        let (mut want, mut got) = (Vec::new(), Vec::new());
        for (i, &gradient) in gradient.iter().enumerate() {
            let x = reference.value(p)[i];
            let mut at = |x: f64| {
                reference.value_mut(p)[i] = x;
                (
                    reference.objective(batch, l2).unwrap(),
                    sides_of_kinks(plan, &reference, batch),
                )
            };
            let ((above, signs_above), (below, signs_below)) = (at(x + STEP), at(x - STEP));
            at(x);
            all += 1;
            if signs_above == signs_below {
                want.push((above - below) / (2.0 * STEP));
                got.push(gradient);
            } else {
                kinks += 1;
            }
        }
        close64(&got, &want, TOLERANCE, &format!("{what}, {l2:?}: {}", param.name));
        assert!(
            want.iter().any(|&g| g.abs() > 1e-6),
            "{what}: {} has no gradient at all",
            param.name
        );
    }
    assert!(kinks * 50 < all, "{what}: {kinks} of {all} differences cross a kink");
}
