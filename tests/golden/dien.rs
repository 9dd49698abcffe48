//! DIEN's auxiliary loss, and a whole DIEN, as PyTorch computes them (`tests/golden/README.md`).

use pocketrec::{
    data::Batch,
    models::{Dien, Unit},
    ops::SigmoidCrossEntropy,
    plan::{Activation, Init, L2, Plan, PlanBuilder, State, View},
};

use crate::common::{
    close64,
    golden::{Golden, Make, before, on_every_cpu, on_reference},
    gradients,
};

const DIEN: &[u8] = include_bytes!("dien.safetensors");

/// The auxiliary loss of states and items that are rows of tables, each step its own, beside a main loss of nothing that
/// the file has.
fn auxiliary_plan(golden: &Golden, steps: usize) -> Plan {
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let width: usize = golden.setting("width");
    let [states, clicked, negative] = [
        ("states", golden.setting("hidden")),
        ("clicked", width),
        ("negative", width),
    ]
    .map(|(name, width)| {
        let column = plan.column_in(name, "step", history);
        let output = plan.buffer_in(history, width);
        plan.gather(name, column, steps, Init::Zeros, output);
        output
    });
    let (clicked, negative) = (
        plan.pair_with_next(states, clicked),
        plan.pair_with_next(states, negative),
    );
    let layers: Vec<usize> = golden.setting("layers");
    let network = |plan: &mut PlanBuilder, mut hidden: View| {
        for (k, &outputs) in layers.iter().enumerate() {
            hidden = plan.linear(&format!("auxiliary.{k}"), hidden, outputs, Activation::Sigmoid);
        }
        plan.linear("auxiliary.output", hidden, 1, Activation::Identity)
    };
    let high = network(&mut plan, clicked);
    let low = plan.shared(|plan| network(plan, negative));
    plan.auxiliary(high, low, 1.0);
    let main = plan.column("main");
    let logit = plan.buffer(1);
    plan.gather("main", main, 1, Init::Zeros, logit);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}

/// What the tables hold is in the file under the names of the parameters.
fn auxiliary_state(golden: &Golden, plan: &Plan) -> State {
    let mut state = State::initial(plan, 0, true).unwrap();
    for (param, tensor) in plan.params().iter().zip(&mut state.tensors) {
        if param.name != "main" {
            tensor.value = golden.floats(&param.name);
        }
        assert_eq!(tensor.value.len(), param.len(), "{}", param.name);
    }
    state
}

fn check_auxiliary(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(include_bytes!("auxiliary.safetensors"));
    let offsets = golden.ids("offsets");
    let (samples, steps) = (offsets.len() - 1, offsets[offsets.len() - 1]);
    let plan = auxiliary_plan(&golden, steps as usize);
    let mut batch = Batch::default();
    batch.reset(4, 1);
    for pair in offsets.windows(2) {
        batch.end_sequence(0, (pair[1] - pair[0]) as usize);
    }
    (0..3).for_each(|column| batch.ids_mut(column).extend(0..steps));
    batch.ids_mut(3).resize(samples, 0);
    batch.labels_mut().resize(samples, 1.0);
    batch.sort();
    let mut executor = make(plan.clone(), auxiliary_state(&golden, &plan));
    let device = executor.device();
    let found = gradients(&mut *executor, &batch, L2::default()).unwrap();
    for (param, found) in plan.params().iter().zip(&found) {
        if param.name != "main" {
            let want = golden.wide(&format!("grad/{}", param.name));
            close64(found, &want, tolerance, &format!("{device}: {}", param.name));
        }
    }
    executor
        .step(&batch, &Default::default(), L2::default(), &mut || ())
        .wait()
        .unwrap();
    let loss = executor.take_auxiliary().wait().unwrap();
    assert_eq!(loss.samples, samples as u64);
    close64(
        &[loss.mean()],
        &golden.wide("loss"),
        tolerance,
        &format!("{device}: loss"),
    );
}

#[test]
fn auxiliary_loss_equals_pytorch() {
    on_reference(check_auxiliary);
    on_every_cpu(check_auxiliary);
    #[cfg(feature = "gpu")]
    crate::common::golden::on_every_gpu(check_auxiliary);
}

fn dien_plan(golden: &Golden) -> Plan {
    let widths = |name: &str| golden.setting::<Vec<usize>>(name);
    Dien::new(&golden.behaviour())
        .embedding_dim(golden.setting("width"))
        .attention(widths("attention"))
        .hidden(widths("layers"))
        .unit(Unit::Relu)
        .auxiliary(widths("auxiliary"), golden.setting("auxiliary_weight"))
        .plan()
        .unwrap()
}

#[test]
fn plan_has_the_files_parameters() {
    let golden = Golden::read(DIEN);
    golden.check_parameters(&dien_plan(&golden));
}

/// An executor through all steps of the file: logits, gradients, both losses, and the parameters after each.
fn check_dien(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(DIEN);
    let plan = dien_plan(&golden);
    for (mode, optimizer) in golden.optimizers() {
        let mut executor = make(plan.clone(), golden.initial(&plan));
        for step in 0..golden.setting("steps") {
            let (before, batch) = (before(mode, step), golden.behaviour_batch(&plan, step));
            golden.check_logits(&mut *executor, &batch, &before, tolerance);
            golden.check_gradients(&mut *executor, &batch, &before, tolerance);
            golden.check_step(&mut *executor, &batch, &optimizer, &before, tolerance);
            let auxiliary = executor.take_auxiliary().wait().unwrap().mean();
            let want = golden.wide(&format!("{before}/auxiliary"));
            let what = format!("{}, {before}: auxiliary loss", executor.device());
            close64(&[auxiliary], &want, tolerance, &what);
            golden.check_values(&mut *executor, &format!("{mode}/step{step}"), tolerance);
        }
    }
}

#[test]
fn dien_equals_pytorch() {
    on_reference(check_dien);
    on_every_cpu(check_dien);
    #[cfg(feature = "gpu")]
    crate::common::golden::on_every_gpu(check_dien);
}
