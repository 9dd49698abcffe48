//! Plans of recurrent layers and of DIEN's auxiliary loss.

use pocketrec::{
    ops::SigmoidCrossEntropy,
    plan::{Activation, GruKind, Init, Plan, PlanBuilder},
};

const INIT: Init = Init::Normal { std: 0.1 };

/// A recurrent layer of each kind behind another, with scores made of the states; and the auxiliary loss on states that
/// are read elsewhere too, by an MLP that is applied to clicked items and to negatives.
/// `hidden` are the widths of the two layers.
pub fn recurrent_plans(hidden: [usize; 2]) -> Vec<(&'static str, Plan)> {
    let kinds = [
        ("GRU", GruKind::Gru),
        ("AIGRU", GruKind::Aigru),
        ("AGRU", GruKind::Agru),
        ("AUGRU", GruKind::Augru),
    ];
    let mut plans: Vec<_> = kinds
        .into_iter()
        .map(|(name, kind)| (name, evolution(kind, hidden)))
        .collect();
    plans.push(("auxiliary loss", auxiliary(hidden[0])));
    plans
}

fn evolution(kind: GruKind, [first, second]: [usize; 2]) -> Plan {
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let (item, seen) = (plan.column("item"), plan.column_in("seen", "item", history));
    let (x, k) = (plan.buffer(5 + 2 * second), plan.buffer_in(history, 5));
    plan.gather("item.weight", item, 23, INIT, x.columns(0, 5));
    plan.gather("item.weight", seen, 23, INIT, k);
    let states = plan.gru("extractor", GruKind::Gru, k, None, first);
    let scores = plan.linear("score", states, 1, Activation::Sigmoid);
    let taken = (kind != GruKind::Gru).then_some(scores);
    let evolved = plan.gru("evolution", kind, states, taken, second);
    plan.last_step(evolved, x.columns(5, second));
    plan.pool(evolved, x.columns(5 + second, second), true);
    let total = plan.buffer(1);
    plan.pool(scores, total, false);
    let of_x = plan.linear("top", x, 1, Activation::Identity);
    let logit = plan.sum("bias", &[of_x, total]);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

fn auxiliary(hidden_width: usize) -> Plan {
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let seen = plan.column_in("seen", "item", history);
    let unseen = plan.column_in("unseen", "item", history);
    let [k, n] = [(), ()].map(|()| plan.buffer_in(history, 5));
    plan.gather("item.weight", seen, 23, INIT, k);
    plan.gather("item.weight", unseen, 23, INIT, n);
    let states = plan.gru("extractor", GruKind::Gru, k, None, hidden_width);
    let (clicked, negative) = (plan.pair_with_next(states, k), plan.pair_with_next(states, n));
    let network = |plan: &mut PlanBuilder, event| {
        let hidden = plan.linear("auxiliary.0", event, 4, Activation::Sigmoid);
        plan.linear("auxiliary.1", hidden, 1, Activation::Identity)
    };
    let clicked = network(&mut plan, clicked);
    let negative = plan.shared(|plan| network(plan, negative));
    plan.auxiliary(clicked, negative, 0.5);
    let last = plan.buffer(hidden_width);
    plan.last_step(states, last);
    let logit = plan.linear("logit", last, 1, Activation::Identity);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}
