//! Rows of the table: each operation with as little as can be around it.

use pocketrec::{
    models::{LightGcn, Loss, Mf, Softmax},
    ops::{Bpr, Ccl, Margin, SampledSoftmax, SigmoidCrossEntropy, Similarity, SoftmaxCrossEntropy},
    plan::{
        Activation, GruKind, Init, Plan, PlanBuilder, Space, Stage,
        Storage::{self, F16, F32},
        View,
    },
};

use crate::common::plan_of;

const INIT: Init = Init::Normal { std: 0.1 };

/// All of them, by names that begin with the operation's.
pub fn rows() -> Vec<(&'static str, Plan)> {
    let mut rows = of_samples();
    rows.extend(of_steps());
    rows.extend(of_layers());
    rows.extend(recurrent());
    rows.extend(over_lists());
    rows.push((
        "sampled_softmax: of samples",
        against_a_list(5, false, Similarity::Cosine, false),
    ));
    rows.push((
        "sampled_softmax: of steps",
        against_a_list(17, true, Similarity::Dot, false),
    ));
    rows.push((
        "sampled_softmax: of steps, cosines",
        against_a_list(9, true, Similarity::Cosine, false),
    ));
    rows.push((
        "sampled_softmax: against what a layer makes",
        against_a_list(9, false, Similarity::Dot, true),
    ));
    rows.push((
        "sampled_softmax: of steps against what a layer makes",
        against_a_list(17, true, Similarity::Dot, true),
    ));
    rows.push((
        "sampled_softmax: of samples, wide",
        against_a_list(33, false, Similarity::Dot, false),
    ));
    rows.push((
        "sampled_softmax: of steps, narrow",
        against_a_list(3, true, Similarity::Dot, false),
    ));
    rows.push((
        "sampled_softmax: of steps against what a narrow layer makes",
        against_a_list(5, true, Similarity::Dot, true),
    ));
    rows.extend(of_tables());
    rows
}

/// The logit of what an operation gives: a layer, or the one column there is. The gradient of a bias, or of the only
/// weight, would be little more than what is left of samples that cancel.
fn to_logit(plan: &mut PlanBuilder, view: View) -> View {
    if view.width == 1 {
        return view;
    }
    plan.linear_without_bias("logit", view, 1, Activation::Identity)
}

/// What `build` makes of `width` looked-up columns, down to a logit.
fn on_samples(width: usize, build: impl FnOnce(&mut PlanBuilder, View) -> View) -> Plan {
    plan_of(width, |plan, x| {
        let y = build(plan, x);
        to_logit(plan, y)
    })
}

/// What `build` makes of a looked-up query and the keys of a history, of `width` columns each, with a row a sample; the
/// query is read beside it.
fn on_steps(width: usize, build: impl FnOnce(&mut PlanBuilder, View, View) -> View) -> Plan {
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let (item, seen) = (plan.column("item"), plan.column_in("seen", "item", history));
    let (query, key) = (plan.buffer(width), plan.buffer_in(history, width));
    plan.gather("item.weight", item, 17, INIT, query);
    plan.gather("item.weight", seen, 17, INIT, key);
    let y = build(&mut plan, query, key);
    let (of_query, of_rest) = (
        plan.linear_without_bias("query", query, 1, Activation::Identity),
        to_logit(&mut plan, y),
    );
    let logit = plan.plain_sum(&[of_query, of_rest]);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

/// The sum of a history's rows.
fn pooled(plan: &mut PlanBuilder, steps: View) -> View {
    let output = plan.buffer(steps.width);
    plan.pool(steps, output, false);
    output
}

/// What reads the batch, and what combines columns.
fn of_samples() -> Vec<(&'static str, Plan)> {
    vec![
        ("gather: two tables, of widths 3 and 4", on_samples(7, |_, x| x)),
        ("gather: beyond a vector", on_samples(35, |_, x| x)),
        (
            "gather: a table that a history reads too",
            on_steps(5, |plan, _, key| pooled(plan, key)),
        ),
        ("gather: weighted ids", weighted_ids()),
        ("numeric: beside looked-up columns", numeric()),
        (
            "product: of two halves",
            on_samples(10, |plan, x| {
                let output = plan.buffer(5);
                plan.product(x.columns(0, 5), x.columns(5, 5), output);
                output
            }),
        ),
        (
            "product: of a view with itself",
            on_samples(18, |plan, x| {
                let output = plan.buffer(18);
                plan.product(x, x, output);
                output
            }),
        ),
        (
            "sum: two views and a bias",
            plan_of(11, |plan, x| plan.sum("bias", &[x.columns(0, 3), x.columns(3, 8)])),
        ),
        (
            "sum: the same view twice",
            plan_of(17, |plan, x| plan.plain_sum(&[x, x])),
        ),
        (
            "add: of two halves",
            on_samples(14, |plan, x| plan.add(x.columns(0, 7), x.columns(7, 7))),
        ),
        ("add: of a view with itself", on_samples(19, |plan, x| plan.add(x, x))),
        ("fm: five fields of 3", plan_of(15, |plan, x| plan.fm(x, 3))),
        ("fm: two fields of 18", plan_of(36, |plan, x| plan.fm(x, 18))),
        (
            "fm: of a history's steps",
            on_steps(5, |plan, _, key| plan.fm_steps(key)),
        ),
        (
            "sigmoid_cross_entropy: of one looked-up column",
            plan_of(2, |plan, x| plan.plain_sum(&[x])),
        ),
        ("bpr: of two layers in one buffer", pairs(|logits| Bpr { logits })),
        (
            "margin: of two layers in one buffer",
            pairs(|logits| Margin { logits, margin: 0.125 }),
        ),
        (
            "ccl: of two layers in one buffer",
            pairs(|logits| Ccl {
                logits,
                margin: 0.5,
                weight: 1.5,
            }),
        ),
        ("normalise: a part of a buffer", on_samples(7, normalised)),
        ("normalise: beyond a vector", on_samples(35, normalised)),
        (
            "normalise: steps",
            on_steps(5, |plan, _, key| {
                let key = plan.normalise(key);
                pooled(plan, key)
            }),
        ),
    ]
}

/// Columns at length 1 beside the same as they are.
fn normalised(plan: &mut PlanBuilder, x: View) -> View {
    let both = plan.buffer(2);
    let of_part = plan.normalise(x.columns(2, x.width - 2));
    for (k, view) in [x, of_part].into_iter().enumerate() {
        plan.linear_into(&format!("layer.{k}"), view, both.columns(k, 1), Activation::Sigmoid);
    }
    both
}

/// An item and a negative, scored by the same hidden layer. Each has its own layer behind it: the gradient of a bias that
/// both had would be the rest of two sums that all but cancel.
fn pairs<L: Into<Stage>>(loss: impl FnOnce([View; 2]) -> L) -> Plan {
    let mut plan = PlanBuilder::new();
    let columns = [plan.candidate("item"), plan.negative("negative", "item")];
    let (logits, mut hidden) = (plan.buffer(2), Vec::new());
    for (k, column) in columns.into_iter().enumerate() {
        plan.shared(|plan| {
            let x = plan.buffer(5);
            plan.gather("item.weight", column, 11, INIT, x);
            hidden.push(plan.linear("hidden", x, 7, Activation::Relu));
        });
        plan.linear_into(
            &format!("logit.{k}"),
            hidden[k],
            logits.columns(k, 1),
            Activation::Sigmoid,
        );
    }
    let logits = [logits.columns(0, 1), logits.columns(1, 1)];
    plan.finish(loss(logits)).unwrap()
}

/// The softmax over blocks, which neither tiles nor vectors divide, of looked-up vectors or of those that a layer makes; scored
/// by a dot product that training does not need. With the logarithm of the sum as it is, one sample alone has no gradient.
fn over_lists() -> Vec<(&'static str, Plan)> {
    let cosine = SoftmaxCrossEntropy {
        vectors: [View {
            buffer: 0,
            start: 0,
            width: 0,
        }; 2], // of the plan
        scored: View {
            buffer: 0,
            start: 0,
            width: 0,
        },
        column: Some(1),
        similarity: Similarity::Cosine,
        temperature: 0.5,
        log_sum: 0.84,
        block: 90,
        corrects: false,
    };
    let dot = SoftmaxCrossEntropy {
        column: None,
        similarity: Similarity::Dot,
        corrects: true,
        ..cosine
    };
    let plan = |width: usize, layer: Option<Activation>, loss: SoftmaxCrossEntropy| {
        let mut plan = PlanBuilder::new();
        let columns = [plan.query("user"), plan.candidate("item")];
        let tables = [("user.weight", 19), ("item.weight", 23)];
        let vectors = [0, 1].map(|side| {
            let (x, (name, rows)) = (plan.buffer(width + 3), tables[side]);
            plan.gather(name, columns[side], rows, Init::Normal { std: 0.6 }, x);
            match layer {
                Some(activation) => plan.linear(&format!("layer.{side}"), x, width, activation),
                None => x,
            }
        });
        let product = plan.buffer(vectors[0].width);
        plan.product(vectors[0], vectors[1], product);
        let scored = plan.plain_sum(&[product]);
        plan.finish(SoftmaxCrossEntropy {
            vectors,
            scored,
            ..loss
        })
        .unwrap()
    };
    let with = |block: usize, loss: SoftmaxCrossEntropy| SoftmaxCrossEntropy { block, ..loss };
    vec![
        ("softmax_cross_entropy: cosines", plan(2, None, cosine)),
        (
            "softmax_cross_entropy: cosines of a layer",
            plan(7, Some(Activation::Sigmoid), cosine),
        ),
        ("softmax_cross_entropy: dot products, corrected", plan(3, None, dot)),
        (
            "softmax_cross_entropy: dot products of a layer",
            plan(19, Some(Activation::Identity), with(200, dot)),
        ),
        (
            "softmax_cross_entropy: beyond a panel",
            plan(77, None, with(150, cosine)),
        ),
        ("softmax_cross_entropy: small blocks", plan(17, None, with(3, cosine))),
    ]
}

/// The softmax against a list, which is a sequence of its own: of samples, or of the steps of a history, whose last step is what
/// a sample is scored by. The list is rows of a table as they are, or what a layer makes of them, as of the own candidates.
fn against_a_list(width: usize, is_along: bool, similarity: Similarity, has_layer: bool) -> Plan {
    let mut plan = PlanBuilder::new();
    let user = match is_along {
        true => {
            let history = plan.sequence("history");
            plan.column_in("seen", "user", history)
        }
        false => plan.query("user"),
    };
    let (space, own) = match is_along {
        true => {
            let history = plan.sequence("history");
            (history, plan.column_in("next", "item", history))
        }
        false => (Space::Samples, plan.candidate("item")),
    };
    let list = plan.sequence("list");
    let listed = plan.column_in("listed", "item", list);
    let look_up = |plan: &mut PlanBuilder, name: &str, column: usize, rows: usize, space: Space| {
        let x = plan.buffer_in(space, width);
        plan.gather(name, column, rows, Init::Normal { std: 0.6 }, x);
        x
    };
    let x = look_up(&mut plan, "user.weight", user, 19, space);
    let query = plan.linear("layer", x, width, Activation::Identity);
    let mut of_own = look_up(&mut plan, "item.weight", own, 23, space);
    let mut of_list = look_up(&mut plan, "item.weight", listed, 23, list);
    if has_layer {
        // A bias would add as much to all scores of a query, so that its gradient would be what is left of terms that cancel.
        let layer = |plan: &mut PlanBuilder, x| plan.linear_without_bias("item.layer", x, width, Activation::Identity);
        of_own = layer(&mut plan, of_own);
        of_list = plan.shared(|plan| layer(plan, of_list));
    }
    let scored = match is_along {
        true => {
            let last = plan.buffer(width);
            plan.last_step(query, last);
            let seen = plan.buffer(width);
            plan.pool(of_own, seen, false);
            let product = plan.buffer(width);
            plan.product(last, seen, product);
            plan.plain_sum(&[product])
        }
        false => {
            let product = plan.buffer(width);
            plan.product(query, of_own, product);
            plan.plain_sum(&[product])
        }
    };
    let vectors = [query, of_own, of_list];
    let loss = SampledSoftmax {
        vectors,
        scored,
        columns: Some([own, listed]),
        similarity,
        temperature: 0.5,
        log_sum: 1.25, // with less, the loss is a small difference
    };
    plan.finish(loss).unwrap()
}

fn weighted_ids() -> Plan {
    let mut plan = PlanBuilder::new();
    let features = plan.sequence("features");
    let feature = plan.weighted_column("feature", "feature", "features");
    let steps = plan.buffer_in(features, 6);
    plan.gather("feature.weight", feature, 13, INIT, steps);
    let sums = pooled(&mut plan, steps);
    let logit = to_logit(&mut plan, sums);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

fn numeric() -> Plan {
    let mut plan = PlanBuilder::new();
    let user = plan.column("user");
    let x = plan.buffer(3 + 5);
    plan.gather("user.weight", user, 7, INIT, x.columns(0, 3));
    plan.numeric(0, x.columns(3, 2));
    plan.numeric(1, x.columns(5, 3));
    let logit = to_logit(&mut plan, x);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

/// What lies between samples and the steps of their histories.
fn of_steps() -> Vec<(&'static str, Plan)> {
    let pool = |mean| {
        move |plan: &mut PlanBuilder, _: View, key: View| {
            let output = plan.buffer(key.width);
            plan.pool(key, output, mean);
            output
        }
    };
    let attention_unit = |outputs, activation| {
        move |plan: &mut PlanBuilder, query, key| {
            let hidden = plan.attention_unit("unit", query, key, outputs, activation);
            pooled(plan, hidden)
        }
    };
    let causal_attention = |width, heads| {
        move |plan: &mut PlanBuilder, _: View, key: View| {
            // Without biases: one of the keys adds as much to all scores of a step, and so nothing to their softmax.
            let [q, k, v] =
                ["q", "k", "v"].map(|name| plan.linear_without_bias(name, key, width, Activation::Identity));
            let read = plan.causal_attention(q, k, v, heads);
            pooled(plan, read)
        }
    };
    vec![
        ("pool: sums", on_steps(9, pool(false))),
        ("pool: means", on_steps(17, pool(true))),
        (
            "last_step: of a history",
            on_steps(5, |plan, _, key| {
                let output = plan.buffer(5);
                plan.last_step(key, output);
                output
            }),
        ),
        (
            "pair_with_next: two halves of the keys",
            on_steps(7, |plan, _, key| {
                let pairs = plan.pair_with_next(key.columns(0, 3), key.columns(3, 4));
                pooled(plan, pairs)
            }),
        ),
        (
            "attention_unit: of 3 outputs",
            on_steps(5, attention_unit(3, Activation::Sigmoid)),
        ),
        (
            "attention_unit: beyond a vector",
            on_steps(18, attention_unit(20, Activation::Identity)),
        ),
        (
            "attention_unit: applied twice",
            on_steps(6, |plan, query, key| {
                let [first, second] = [0, 3].map(|start| {
                    let (q, k) = (query.columns(start, 3), key.columns(start, 3));
                    plan.shared(|plan| plan.attention_unit("unit", q, k, 5, Activation::Sigmoid))
                });
                let history = plan.sequence("history");
                let product = plan.buffer_in(history, 5);
                plan.product(first, second, product);
                pooled(plan, product)
            }),
        ),
        (
            "attention: weights from one column",
            on_steps(6, |plan, _, key| {
                let weights = plan.linear("weights", key, 1, Activation::Sigmoid);
                let output = plan.buffer(6);
                plan.attention(weights, key, output);
                output
            }),
        ),
        ("causal_attention: of 5 columns", on_steps(5, causal_attention(5, 1))),
        (
            "causal_attention: three heads of 7",
            on_steps(9, causal_attention(21, 3)),
        ),
        (
            "causal_attention: of looked-up columns with themselves",
            on_steps(18, |plan, _, key| {
                let read = plan.causal_attention(key, key, key, 1);
                pooled(plan, read)
            }),
        ),
        (
            "softmax: of attention's weights",
            on_steps(19, |plan, _, key| {
                let scores = plan.linear_without_bias("scores", key, 1, Activation::Identity);
                let weights = plan.softmax(scores);
                let output = plan.buffer(19);
                plan.attention(weights, key, output);
                output
            }),
        ),
    ]
}

/// Layers, and what stands behind or between them.
fn of_layers() -> Vec<(&'static str, Plan)> {
    let linear =
        |outputs, activation| move |plan: &mut PlanBuilder, x: View| plan.linear("layer", x, outputs, activation);
    let batch_norm = |plan: &mut PlanBuilder, x: View| plan.batch_norm("norm", x, 0.25, 0.01);
    vec![
        ("linear: 5 to 3", on_samples(5, linear(3, Activation::Identity))),
        ("linear: 18 to 33, ReLU", on_samples(18, linear(33, Activation::Relu))),
        ("linear: 7 to 2, sigmoid", on_samples(7, linear(2, Activation::Sigmoid))),
        (
            "linear: without a bias",
            on_samples(6, |plan, x| {
                plan.linear_without_bias("layer", x, 5, Activation::Identity)
            }),
        ),
        (
            "linear: a layer applied twice",
            on_samples(8, |plan, x| {
                let first = plan.linear("layer", x.columns(0, 4), 3, Activation::Identity);
                let second = plan.shared(|plan| plan.linear("layer", x.columns(4, 4), 3, Activation::Identity));
                let output = plan.buffer(3);
                plan.product(first, second, output);
                output
            }),
        ),
        (
            "linear: over the steps of a history",
            on_steps(5, |plan, _, key| {
                let steps = plan.linear("layer", key, 4, Activation::Sigmoid);
                pooled(plan, steps)
            }),
        ),
        (
            "cross: 21 columns with themselves",
            on_samples(21, |plan, x| plan.cross("cross", x, x, None)),
        ),
        (
            "cross: two layers, the second of rank 3",
            on_samples(11, |plan, x| {
                let first = plan.cross("cross.0", x, x, None);
                plan.cross("cross.1", x, first, Some(3))
            }),
        ),
        (
            "cross: a layer applied twice, over the steps of a history",
            on_steps(6, |plan, _, key| {
                let (x0, mut x) = (key.columns(0, 3), key.columns(3, 3));
                for _ in 0..2 {
                    x = plan.shared(|plan| plan.cross("cross", x0, x, None));
                }
                pooled(plan, x)
            }),
        ),
        (
            "cross: of one column",
            plan_of(2, |plan, x| plan.cross("cross", x.columns(0, 1), x.columns(1, 1), None)),
        ),
        (
            "dropout: of three tenths",
            on_samples(37, |plan, x| plan.dropout(x, 0.3)),
        ),
        (
            "dropout: over the steps of a history",
            on_steps(7, |plan, _, key| {
                let steps = plan.dropout(key, 0.5);
                pooled(plan, steps)
            }),
        ),
        ("prelu: 21 columns", on_samples(21, |plan, x| plan.prelu("prelu", x))),
        (
            "affine: 19 columns",
            on_samples(19, |plan, x| plan.affine("affine", x, false)),
        ),
        (
            "affine: with a ReLU",
            on_samples(9, |plan, x| plan.affine("affine", x, true)),
        ),
        ("batch_norm: of samples", on_samples(21, batch_norm)),
        (
            "batch_norm: of steps",
            on_steps(5, |plan, _, key| {
                let normal = plan.batch_norm("norm", key, 0.25, 0.01);
                // Their plain sum would be zero in a batch of one sample.
                let positive = plan.affine("shift", normal, true);
                pooled(plan, positive)
            }),
        ),
        (
            "layer_norm: of samples",
            on_samples(21, |plan, x| plan.layer_norm("norm", x, 0.01)),
        ),
        (
            "layer_norm: of steps, whose columns others read in parts",
            on_steps(11, |plan, _, key| {
                let part = plan.linear("part", key.columns(6, 5), 5, Activation::Identity);
                let normal = plan.layer_norm("norm", key, 0.01);
                let sum = plan.add(normal.columns(0, 5), part);
                let parts = pooled(plan, sum);
                let parts = plan.linear("parts", parts, 11, Activation::Identity);
                let all = pooled(plan, normal);
                plan.add(all, parts)
            }),
        ),
        ("dice: of samples", on_samples(18, |plan, x| plan.dice("dice", x))),
    ]
}

/// Recurrent layers of each kind, and the auxiliary loss.
fn recurrent() -> Vec<(&'static str, Plan)> {
    let gru = |kind, hidden| {
        move |plan: &mut PlanBuilder, _: View, key: View| {
            let scores = plan.linear("score", key, 1, Activation::Sigmoid);
            let states = plan.gru("gru", kind, key, (kind != GruKind::Gru).then_some(scores), hidden);
            let output = plan.buffer(hidden + 1);
            plan.last_step(states, output.columns(0, hidden));
            plan.pool(scores, output.columns(hidden, 1), false);
            output
        }
    };
    vec![
        ("gru: 5 to 3", on_steps(5, gru(GruKind::Gru, 3))),
        ("gru: AIGRU, 3 to 5", on_steps(3, gru(GruKind::Aigru, 5))),
        ("gru: AGRU, 4 to 17", on_steps(4, gru(GruKind::Agru, 17))),
        ("gru: AUGRU, 18 to 2", on_steps(18, gru(GruKind::Augru, 2))),
        (
            "gru: applied twice",
            on_steps(6, |plan, _, key| {
                let output = plan.buffer(2 * 3);
                for part in [0, 1] {
                    let x = key.columns(3 * part, 3);
                    let states = plan.shared(|plan| plan.gru("gru", GruKind::Gru, x, None, 3));
                    plan.last_step(states, output.columns(3 * part, 3));
                }
                output
            }),
        ),
        ("auxiliary: of two logits a step", auxiliary()),
    ]
}

fn auxiliary() -> Plan {
    on_steps(5, |plan, _, key| {
        let [clicked, negative] = ["clicked", "negative"].map(|name| plan.linear(name, key, 1, Activation::Identity));
        plan.auxiliary(clicked, negative, 0.5);
        pooled(plan, key)
    })
}

/// Tables whose rows reach one another: products of what comes out for a user and for an item, or for a negative too.
fn of_tables() -> Vec<(&'static str, Plan)> {
    vec![
        ("propagate: over 1 layer, 5 columns", propagated(5, 1, F32, false)),
        ("propagate: over 2 layers, 8 columns", propagated(8, 2, F32, false)),
        ("propagate: over 3 layers, of pairs", propagated(7, 3, F32, true)),
        (
            "propagate: over 4 layers, beyond 8 vectors",
            propagated(135, 4, F32, true),
        ),
        ("propagate: over 1 layer of halves", propagated(5, 1, F16, false)),
        ("propagate: over 2 layers of halves", propagated(8, 2, F16, false)),
        (
            "propagate: over 4 layers of halves, beyond 8 vectors",
            propagated(135, 4, F16, true),
        ),
        ("propagate: beside a table that is not", beside_a_plain_table()),
        (
            "propagate: users, or items in their place",
            LightGcn::new(13, 19)
                .embedding_dim(7)
                .layers(2)
                .plan_for(related())
                .unwrap(),
        ),
        (
            "softmax_cross_entropy: users, or items in their place",
            Mf::new(13, 19).factors(5).plan_for(related()).unwrap(),
        ),
    ]
}

/// A loss whose samples have a user and an item in the user's place, by any weights.
fn related() -> Loss {
    Loss::Softmax(Softmax {
        temperature: 0.5,
        log_sum: 0.84,
        block: 90,
        related: true,
        ..Softmax::default()
    })
}

fn propagated(width: usize, layers: usize, storage: Storage, pairs: bool) -> Plan {
    let mut plan = PlanBuilder::new();
    let (user, item) = (plan.query("user"), plan.candidate("item"));
    let tables = [("user.weight", "user", 13, INIT), ("item.weight", "item", 19, INIT)];
    let nodes = plan.propagate(tables, width, layers, storage);
    let p = plan.buffer(width);
    plan.gather_propagated(nodes, user, p);
    let logit = |plan: &mut PlanBuilder, column| {
        let (q, terms) = (plan.buffer(width), plan.buffer(width));
        plan.gather_propagated(nodes, column, q);
        plan.product(p, q, terms);
        plan.plain_sum(&[terms])
    };
    let of_item = logit(&mut plan, item);
    if !pairs {
        return plan.finish(SigmoidCrossEntropy { logit: of_item }).unwrap();
    }
    let negative = plan.negative("negative", "item");
    let of_negative = logit(&mut plan, negative);
    let logits = [of_item, of_negative];
    plan.finish(Bpr { logits }).unwrap()
}

/// Items propagated among items of a history, and a bias of each that is looked up as it is.
fn beside_a_plain_table() -> Plan {
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let (user, item) = (plan.column("user"), plan.column("item"));
    let seen = plan.column_in("seen", "item", history);
    let tables = [("user.weight", "user", 11, INIT), ("item.weight", "item", 17, INIT)];
    let nodes = plan.propagate(tables, 6, 2, F32);
    let (x, steps, biases) = (plan.buffer(18), plan.buffer_in(history, 6), plan.buffer(1));
    plan.gather_propagated(nodes, user, x.columns(0, 6));
    plan.gather_propagated(nodes, item, x.columns(6, 6));
    plan.gather_propagated(nodes, seen, steps);
    plan.pool(steps, x.columns(12, 6), false);
    plan.gather("item.bias", item, 17, INIT, biases);
    let hidden = plan.linear("hidden", x, 4, Activation::Identity);
    let of_hidden = plan.linear_without_bias("logit", hidden, 1, Activation::Identity);
    let logit = plan.plain_sum(&[of_hidden, biases]);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}
