//! Losses of MF's vectors: softmax over the samples of a block and against a list, margin and CCL.

use std::collections::BTreeMap;

use pocketrec::{
    data::Batch,
    models::{Ccl, Loss, Margin, Mf, SampledSoftmax, Softmax},
    plan::{Optimizer, Plan},
};

use crate::{
    common::golden::{Golden, Make},
    everywhere,
};

const FILE: &[u8] = include_bytes!("../golden/losses.safetensors");

/// The file's variants by name.
fn variants(golden: &Golden) -> BTreeMap<String, Loss> {
    let mut losses = BTreeMap::new();
    let softmax: BTreeMap<String, Softmax> = golden.setting("softmax");
    losses.extend(
        softmax
            .into_iter()
            .map(|(name, softmax)| (name, Loss::Softmax(softmax))),
    );
    let sampled: BTreeMap<String, SampledSoftmax> = golden.setting("sampled");
    losses.extend(
        sampled
            .into_iter()
            .map(|(name, softmax)| (name, Loss::SampledSoftmax(softmax))),
    );
    let margin: BTreeMap<String, Margin> = golden.setting("margin");
    losses.extend(margin.into_iter().map(|(name, margin)| (name, Loss::Margin(margin))));
    let ccl: BTreeMap<String, Ccl> = golden.setting("ccl");
    losses.extend(ccl.into_iter().map(|(name, ccl)| (name, Loss::Ccl(ccl))));
    losses
}

/// The file's batch for a plan, with all items for a list that has no number.
fn batch(golden: &Golden, plan: &Plan, loss: Loss, weighted: bool) -> Batch {
    let mut batch = Batch::default();
    let samples = golden.setting("batch");
    batch.reset(plan.columns().len(), plan.sequences().len());
    batch.set_negatives(plan.negatives());
    batch.labels_mut().resize(samples, 1.0);
    for (index, column) in plan.columns().iter().enumerate() {
        match column.name.as_str() {
            "listed" => match loss {
                Loss::SampledSoftmax(SampledSoftmax { candidates: None, .. }) => {
                    batch.set_list(0..golden.setting::<u32>("items"));
                }
                _ => batch.set_list(golden.ids("listed")),
            },
            name => *batch.ids_mut(index) = golden.ids(name),
        }
    }
    if plan.wants_log_q() {
        *batch.log_q_mut() = golden.floats("log_q");
    }
    if weighted {
        *batch.weights_mut() = golden.floats("weight");
    }
    batch.sort();
    batch
}

fn check(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    let variants = variants(&golden);
    assert_eq!(variants.len(), 12);
    for (name, loss) in variants {
        let model = Mf::new(golden.setting("users"), golden.setting("items")).factors(golden.setting("factors"));
        let plan = model.plan_for(loss).unwrap();
        let batch = batch(&golden, &plan, loss, name.ends_with("_weighted"));
        let mut executor = make(plan.clone(), golden.initial(&plan));
        golden.check_logits(&mut *executor, &batch, &name, tolerance);
        golden.check_gradients(&mut *executor, &batch, &name, tolerance);
        golden.check_step(&mut *executor, &batch, &Optimizer::default(), &name, tolerance);
    }
}

#[test]
fn losses_equal_pytorch() {
    everywhere(check);
}
