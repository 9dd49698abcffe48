//! KGCN, whose attention is read beside its logits.

use std::collections::HashMap;

use pocketrec::{
    data::Batch,
    executor::{Executor, score_with},
    models::Kgcn,
    plan::Plan,
};

use crate::{
    common::{
        close,
        golden::{Golden, Make, before},
    },
    everywhere,
};

const FILE: &[u8] = include_bytes!("../golden/kgcn.safetensors");

fn plan(golden: &Golden) -> Plan {
    let rows: HashMap<String, usize> = golden.setting("tables");
    let model = Kgcn::new(rows["user"], rows["item"], rows["entity"], rows["relation"]);
    model.embedding_dim(golden.setting("width")).plan().unwrap()
}

fn check_attention(golden: &Golden, executor: &mut dyn Executor, batch: &Batch, at: &str, tolerance: f64) {
    let read = score_with(executor, batch, "attention", &mut vec![0.0; batch.len()]).wait();
    let what = format!("{}, {at}: attention", executor.device());
    close(
        &read.unwrap(),
        &golden.wide(&format!("{at}/attention")),
        tolerance,
        &what,
    );
}

fn check(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    let plan = plan(&golden);
    golden.check_parameters(&plan);
    for (mode, optimizer) in golden.optimizers() {
        let mut executor = make(plan.clone(), golden.initial(&plan));
        for step in 0..golden.setting("steps") {
            let batch = golden.behaviour_batch(&plan, step);
            let at = before(mode, step);
            golden.check_logits(&mut *executor, &batch, &at, tolerance);
            check_attention(&golden, &mut *executor, &batch, &at, tolerance);
            golden.check_gradients(&mut *executor, &batch, &at, 3.0 * tolerance);
            golden.check_step(&mut *executor, &batch, &optimizer, &at, tolerance);
            golden.check_values(&mut *executor, &format!("{mode}/step{step}"), tolerance);
        }
    }
}

#[test]
fn kgcn_equals_pytorch() {
    everywhere(check);
}
