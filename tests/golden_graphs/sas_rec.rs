//! SASRec without dropout, by a softmax over all items and by one against a list.

use pocketrec::{
    data::Batch,
    models::{Loss, SampledSoftmax, SasRec},
    plan::Plan,
};

use crate::{
    common::golden::{Golden, Make, before},
    everywhere,
};

const FILE: &[u8] = include_bytes!("../golden/sas_rec.safetensors");

fn plan(golden: &Golden, candidates: Option<u32>) -> Plan {
    let Loss::SampledSoftmax(softmax) = SasRec::loss() else {
        panic!("its loss is a softmax over a list");
    };
    SasRec::new(1, golden.setting("items"))
        .embedding_dim(golden.setting("width"))
        .heads(golden.setting("heads"))
        .blocks(golden.setting("blocks"))
        .length(golden.setting("length"))
        .dropout(0.0)
        .plan_for(Loss::SampledSoftmax(SampledSoftmax { candidates, ..softmax }))
        .unwrap()
}

fn batch(golden: &Golden, plan: &Plan, variant: &str, step: usize) -> Batch {
    let at = |name: &str| format!("step{step}/{name}");
    let mut batch = Batch::default();
    batch.reset(plan.columns().len(), plan.sequences().len());
    let offsets = golden.ids(&at("offsets"));
    let lengths = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
    lengths.for_each(|steps| batch.end_sequence(0, steps));
    batch.labels_mut().resize(offsets.len() - 1, 1.0);
    for (index, column) in plan.columns().iter().enumerate() {
        match (column.name.as_str(), variant) {
            ("listed", "all") => batch.set_list(0..golden.setting::<u32>("items")),
            ("listed", _) => batch.set_list(golden.ids(&at("listed"))),
            (name, _) => *batch.ids_mut(index) = golden.ids(&at(name)),
        }
    }
    batch.sort();
    batch
}

#[test]
fn plan_has_the_files_parameters() {
    let golden = Golden::read(FILE);
    golden.check_parameters(&plan(&golden, None));
}

fn check(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    let steps: usize = golden.setting("steps");
    for (variant, candidates) in [("all", None), ("listed", Some(5))] {
        let plan = plan(&golden, candidates);
        for (mode, optimizer) in golden.optimizers() {
            let mut executor = make(plan.clone(), golden.initial(&plan));
            for step in 0..steps {
                let (at, batch) = (
                    format!("{variant}/{}", before(mode, step)),
                    batch(&golden, &plan, variant, step),
                );
                golden.check_logits(&mut *executor, &batch, &at, tolerance);
                if step == 0 {
                    golden.check_gradients(&mut *executor, &batch, &at, tolerance);
                }
                golden.check_step(&mut *executor, &batch, &optimizer, &at, tolerance);
            }
            golden.check_values(
                &mut *executor,
                &format!("{variant}/{mode}/step{}", steps - 1),
                tolerance,
            );
        }
    }
}

#[test]
fn sas_rec_equals_pytorch() {
    everywhere(check);
}
