//! DIN as PyTorch trains it (`tests/golden/README.md`).

use pocketrec::{
    executor::score_with,
    models::{Din, Unit},
    plan::{Plan, State},
};

use crate::common::{
    close,
    golden::{Golden, Make, before, on_every_cpu, on_reference},
};

const FILE: &[u8] = include_bytes!("din.safetensors");

fn unit(word: &str) -> Unit {
    match word {
        "sigmoid" => Unit::Sigmoid,
        "prelu" => Unit::Prelu,
        "dice" => Unit::Dice,
        _ => panic!("{word}"),
    }
}

impl Golden {
    /// The model of a variant, `ACTIVATION-SOFTMAX-ACTIVATION`.
    fn din(&self, variant: &str) -> Plan {
        let words: Vec<&str> = variant.split('-').collect();
        let (attention, hidden): (Vec<usize>, Vec<usize>) = (self.setting("attention"), self.setting("layers"));
        Din::new(&self.behaviour())
            .embedding_dim(self.setting("width"))
            .attention(attention, unit(words[0]))
            .softmax(words[1] == "softmax")
            .hidden(hidden)
            .unit(unit(words[2]))
            .plan()
            .unwrap()
    }
}

/// Puts an executor through a variant's steps, from any state on.
fn check_variant(golden: &Golden, variant: &str, make: Make<'_>, tolerance: f64) {
    let plan = golden.din(variant);
    let steps: usize = golden.setting("steps");
    for (mode, optimizer) in golden.optimizers() {
        let mut executor = make(plan.clone(), State::initial(&plan, 1, true).unwrap());
        executor.set_state(&golden.initial(&plan)).wait().unwrap();
        for step in 0..steps {
            let batch = golden.behaviour_batch(&plan, step);
            let before = format!("{variant}/{}", before(mode, step));
            if step == 0 {
                let mut logits = vec![f32::NAN; batch.len()];
                let weights = score_with(&mut *executor, &batch, "attention", &mut logits)
                    .wait()
                    .unwrap();
                if !variant.contains("dice") {
                    // Dice scores with running statistics, and the file's are the batch's.
                    for (name, got) in [("attention", &weights), ("logit", &logits)] {
                        let what = format!("{}, {before}: {name}", executor.device());
                        close(got, &golden.wide(&format!("{before}/{name}")), tolerance, &what);
                    }
                }
                golden.check_gradients(&mut *executor, &batch, &before, tolerance);
            }
            golden.check_step(&mut *executor, &batch, &optimizer, &before, tolerance);
        }
        golden.check_values(
            &mut *executor,
            &format!("{variant}/{mode}/step{}", steps - 1),
            tolerance,
        );
        let batch = golden.behaviour_batch(&plan, 0);
        golden.check_logits(
            &mut *executor,
            &batch,
            &format!("{variant}/{mode}/evaluation"),
            tolerance,
        );
    }
}

fn check(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    for variant in golden.setting::<Vec<String>>("variants") {
        check_variant(&golden, &variant, make, tolerance);
    }
}

#[test]
fn plan_has_the_files_parameters() {
    let golden = Golden::read(FILE);
    golden.check_parameters(&golden.din("prelu-plain-prelu"));
}

#[test]
fn reference_equals_pytorch() {
    on_reference(check);
}

#[test]
fn cpu_equals_pytorch() {
    on_every_cpu(check);
}

#[cfg(feature = "gpu")]
#[test]
fn gpu_equals_pytorch() {
    crate::common::golden::on_every_gpu(check);
}
