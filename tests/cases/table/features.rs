//! Plans of click-through models' parts, several operations in each.

use pocketrec::{
    ops::SigmoidCrossEntropy,
    plan::{Activation, Init, Plan, PlanBuilder},
};

/// Plans of click-through models' parts: fields with numeric features, a factorisation machine, dropout and a sigmoid;
/// and a table that a candidate and two sequences share, pooled by mean and by sum.
pub fn feature_plans() -> Vec<(&'static str, Plan)> {
    let init = Init::Normal { std: 0.1 };
    let mut plan = PlanBuilder::new();
    let x = plan.buffer(5 * 3 + 2);
    for (index, (field, rows)) in [("a", 4), ("b", 19), ("c", 2), ("d", 7), ("e", 31)]
        .into_iter()
        .enumerate()
    {
        let column = plan.column(field);
        plan.gather(field, column, rows, init, x.columns(3 * index, 3));
    }
    plan.numeric(0, x.columns(15, 2));
    let fm = plan.fm(x.columns(0, 15), 3);
    let hidden = plan.linear("dnn.0", x, 9, Activation::Relu);
    let hidden = plan.dropout(hidden, 0.3);
    let hidden = plan.linear("dnn.1", hidden, 5, Activation::Sigmoid);
    let deep = plan.linear("dnn.2", hidden, 1, Activation::Sigmoid);
    let logit = plan.sum("bias", &[fm, deep]);
    let fields = plan.finish(SigmoidCrossEntropy { logit }).unwrap();

    let mut plan = PlanBuilder::new();
    let (history, likes) = (plan.sequence("history"), plan.sequence("likes"));
    let item = plan.column("item");
    let seen = plan.column_in("seen", "item", history);
    let liked = plan.column_in("liked", "item", likes);
    let (whole, k, l) = (plan.buffer(5 + 5), plan.buffer_in(history, 5), plan.buffer_in(likes, 5));
    let (q, liked_sum) = (whole.columns(0, 5), whole.columns(5, 5)); // a look-up beside a pooled sequence
    let first = plan.buffer(1);
    for (column, view) in [(item, q), (seen, k), (liked, l)] {
        plan.gather("item.weight", column, 23, init, view);
    }
    plan.gather("item.first", item, 23, init, first);
    let steps = plan.linear("step", k, 6, Activation::Relu);
    let thinned = plan.dropout(steps, 0.5);
    let seen = plan.buffer(6);
    plan.pool(thinned, seen, true);
    plan.pool(l, liked_sum, false);
    let product = plan.buffer(5);
    plan.product(q, liked_sum, product);
    let seen = plan.linear("seen", seen, 1, Activation::Identity);
    let both = plan.linear("both", whole, 1, Activation::Identity);
    let logit = plan.sum("bias", &[first, seen, product, both]);
    let sequences = plan.finish(SigmoidCrossEntropy { logit }).unwrap();
    vec![
        ("fields", fields),
        ("sequences", sequences),
        ("weighted ids", weighted_ids()),
        ("softmax attention", attention(true)),
        ("plain attention", attention(false)),
        ("batch statistics", batch_statistics()),
    ]
}

/// Features with values: their pooled rows beside a looked-up field, pairs within them and with it, first orders, and a
/// table that a column without weights reads too.
fn weighted_ids() -> Plan {
    const W: usize = 19; // beyond a vector
    let init = Init::Normal { std: 0.1 };
    let mut plan = PlanBuilder::new();
    let (features, likes) = (plan.sequence("features"), plan.sequence("likes"));
    let feature = plan.weighted_column("feature", "feature", "features");
    let liked = plan.column_in("liked", "feature", likes);
    let user = plan.column("user");
    let (whole, k, l) = (
        plan.buffer(3 * W),
        plan.buffer_in(features, W),
        plan.buffer_in(likes, W),
    );
    let (first, firsts) = (plan.buffer(1), plan.buffer_in(features, 1));
    plan.gather("user.weight", user, 9, init, whole.columns(0, W));
    plan.gather("feature.weight", feature, 21, init, k);
    plan.gather("feature.weight", liked, 21, init, l);
    plan.gather("feature.first", feature, 21, init, firsts);
    plan.pool(k, whole.columns(W, W), false);
    plan.pool(l, whole.columns(2 * W, W), true);
    plan.pool(firsts, first, false);
    let mapped = plan.linear("mapped", k, 3, Activation::Sigmoid);
    let terms = [first, plan.fm(whole, W), plan.fm_steps(k), plan.fm_steps(mapped)];
    let logit = plan.sum("bias", &terms);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

/// Attention of one sequence, on a looked-up query and keys or on computed ones; with softmax and PReLU, or without.
fn attention(softmax: bool) -> Plan {
    let init = Init::Normal { std: 0.1 };
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let (item, seen) = (plan.column("item"), plan.column_in("seen", "item", history));
    let (whole, key) = (plan.buffer(2 * 11), plan.buffer_in(history, 11));
    let (query, interest) = (whole.columns(0, 11), whole.columns(11, 11));
    plan.gather("item.weight", item, 17, init, query);
    plan.gather("item.weight", seen, 17, init, key);
    let weights = if softmax {
        let hidden = plan.attention_unit("unit", query, key, 9, Activation::Identity);
        let hidden = plan.prelu("unit", hidden);
        let scores = plan.linear_without_bias("score", hidden, 1, Activation::Identity);
        plan.softmax(scores)
    } else {
        let (q, k) = ("query", "key");
        let (query, key) = (
            plan.linear(q, query, 19, Activation::Identity),
            plan.linear(k, key, 19, Activation::Relu),
        );
        let first = plan.attention_unit("unit", query, key, 5, Activation::Sigmoid);
        let second = plan.attention_unit("other", query, key, 3, Activation::Relu);
        let product = plan.buffer_in(history, 3);
        plan.product(first.columns(2, 3), second, product);
        let score = plan.linear_without_bias("score", product, 2, Activation::Relu);
        let rest = plan.linear("rest", first, 1, Activation::Identity);
        let score = plan.linear("both", score, 1, Activation::Identity);
        let both = plan.buffer_in(history, 1);
        plan.product(score, rest, both);
        both
    };
    plan.attention(weights, key, interest);
    let hidden = plan.linear("dnn.0", whole, 6, Activation::Identity);
    let hidden = plan.prelu("dnn.0", hidden);
    let logit = plan.linear("dnn.1", hidden, 1, Activation::Identity);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

/// Statistics of the batch over samples and over steps, one stage behind another; read by two stages, and by one.
fn batch_statistics() -> Plan {
    let init = Init::Normal { std: 0.1 };
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let (item, seen) = (plan.column("item"), plan.column_in("seen", "item", history));
    let (whole, key) = (plan.buffer(5 + 6), plan.buffer_in(history, 5));
    plan.gather("item.weight", item, 17, init, whole.columns(0, 5));
    plan.gather("item.weight", seen, 17, init, key);
    let steps = plan.linear("step", key, 6, Activation::Identity);
    let steps = plan.dice("step", steps);
    plan.pool(steps, whole.columns(5, 6), false);
    let hidden = plan.linear("dnn.0", whole, 9, Activation::Identity);
    let hidden = plan.dice("dnn.0", hidden);
    // A bias would be taken out again.
    let hidden = plan.linear_without_bias("dnn.1", hidden, 4, Activation::Identity);
    let normal = plan.batch_norm("dnn.1", hidden, 0.25, 0.01);
    let hidden = plan.affine("dnn.1.relu", normal, true);
    let shifted = plan.affine("dnn.1.shift", normal, false);
    let both = plan.buffer(4);
    plan.product(hidden, shifted, both);
    let logit = plan.linear("dnn.2", both, 1, Activation::Identity);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}
