//! Views that must be cut alike, so that what lies at one place of one lies at the same of the others.

use std::collections::BTreeSet;

use crate::{
    ops,
    plan::{Plan, Stage, View},
};

/// Cuts the buffers until all views that go together are cut alike.
pub(super) fn spread_cuts(plan: &Plan, cuts: &mut [BTreeSet<usize>]) {
    let groups = groups(plan);
    while groups.iter().any(|group| spread(group, cuts)) {}
}

/// Cuts each view wherever one of them is; gives whether a cut was added.
fn spread(group: &[View], cuts: &mut [BTreeSet<usize>]) -> bool {
    let of_view = |view: &View| {
        let ends = [0, view.width];
        let inner: Vec<usize> = cuts[view.buffer]
            .range(view.range())
            .map(|cut| cut - view.start)
            .collect();
        ends.into_iter().chain(inner)
    };
    let all: BTreeSet<usize> = group.iter().flat_map(of_view).collect();
    let mut added = false;
    for view in group {
        for cut in &all {
            added |= cuts[view.buffer].insert(view.start + cut);
        }
    }
    added
}

/// What goes together: the operands of elementwise stages, the vectors of a factorisation machine, all look-ups in a table,
/// and all uses of a layer.
fn groups(plan: &Plan) -> Vec<Vec<View>> {
    let mut groups: Vec<Vec<View>> = plan.stages().iter().flat_map(of_stage).collect();
    for table in 0..plan.params().len() {
        groups.push(plan.gathers(table).map(|(_, output)| output).collect());
        let uses = plan.stages().iter().filter_map(|stage| match *stage {
            Stage::Linear(ops::Linear {
                weight, input, output, ..
            }) if weight == table => Some((input, output)),
            _ => None,
        });
        let (inputs, outputs) = uses.unzip();
        groups.extend([inputs, outputs]);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn of_stage(stage: &Stage) -> Vec<Vec<View>> {
    match *stage {
        Stage::Product(ops::Product { inputs, output }) | Stage::Dice(ops::Dice { inputs, output, .. }) => {
            vec![vec![inputs[0], inputs[1], output]]
        }
        Stage::Pool(ops::Pool { input, output, .. })
        | Stage::Dropout(ops::Dropout { input, output, .. })
        | Stage::Prelu(ops::Prelu { input, output, .. })
        | Stage::BatchNorm(ops::BatchNorm { input, output, .. })
        | Stage::Affine(ops::Affine { input, output, .. })
        | Stage::LastStep(ops::LastStep { input, output }) => vec![vec![input, output]],
        Stage::AttentionUnit(ops::AttentionUnit { inputs, .. }) => vec![inputs.to_vec()],
        Stage::Attention(ops::Attention {
            inputs: [_, values],
            output,
        }) => vec![vec![values, output]],
        Stage::Fm(ops::Fm { input, factors, .. }) => {
            let vectors = (0..input.width / factors).map(|field| input.columns(field * factors, factors));
            vec![vectors.collect()]
        }
        Stage::PairWithNext(ops::PairWithNext {
            inputs: [states, items],
            output,
        }) => {
            let own = output.columns(0, states.width);
            vec![
                vec![states, own],
                vec![items, output.columns(states.width, items.width)],
            ]
        }
        Stage::Gather(_)
        | Stage::Numeric(_)
        | Stage::Linear(_)
        | Stage::Sum(_)
        | Stage::Softmax(_)
        | Stage::Gru(_)
        | Stage::Auxiliary(_)
        | Stage::SigmoidCrossEntropy(_) => Vec::new(),
    }
}
