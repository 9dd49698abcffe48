//! DIN learns what only a history says, shows what it looked at, and refuses what it cannot be built from.

use pocketrec::{
    Error,
    cpu::{CpuExecutor, Isa},
    data::{Batch, clicks::Layout},
    device::Device,
    executor::{Executor, score_with},
    models::{DeepFm, Din, Unit},
    ops::SigmoidCrossEntropy,
    plan::{Activation, Init, Plan, PlanBuilder, Space, State, View},
    reference::Reference,
    train::ClickTrainer,
};

use crate::common::{click_config as config, plan_error, random_batch};

fn small(layout: &Layout) -> Din {
    Din::new(layout)
        .embedding_dim(8)
        .attention([16], Unit::Sigmoid)
        .hidden([32, 16])
}

#[test]
fn din_learns_from_histories_what_ids_do_not_say() {
    let data = crate::planted::clicks_by_history();
    let layout = data.train.layout();
    let auc = |model: pocketrec::models::ClickModel| {
        let mut trainer = ClickTrainer::new(model, Device::cpu(), config(5)).unwrap();
        trainer.fit(&data.train, Some(&data.dev), |_| ()).unwrap();
        trainer.evaluate(&data.test).unwrap().auc.unwrap()
    };
    let deepfm = auc(DeepFm::new(layout).embedding_dim(8).hidden([32, 16]).into());
    for (name, din) in [
        ("PReLU", small(layout)),
        ("Dice", small(layout).unit(Unit::Dice)),
        ("softmax", small(layout).softmax(true)),
    ] {
        let din = auc(din.into());
        assert!(din > deepfm + 0.02, "{name}: AUC {din:.4}, DeepFM {deepfm:.4}");
    }
}

#[test]
fn attention_has_a_weight_for_each_event() {
    let data = crate::planted::clicks_by_history();
    let layout = data.train.layout();
    let mut trainer = ClickTrainer::new(small(layout).softmax(true), Device::cpu(), config(1)).unwrap();
    trainer.fit(&data.train, None, |_| ()).unwrap();
    let weights = trainer.attention(&data.test).unwrap();
    assert_eq!(weights.len(), data.test.len());
    for (row, weights) in weights.iter().enumerate() {
        assert_eq!(weights.len(), data.test.sequence(0).range(row).len(), "row {row}");
        let sum: f32 = weights.iter().sum();
        assert!(weights.is_empty() || (sum - 1.0).abs() < 1e-5, "row {row}: {sum}");
    }
    let mut none = ClickTrainer::new(DeepFm::new(layout), Device::cpu(), config(1)).unwrap();
    let refused = none.attention(&data.test).unwrap_err().to_string();
    assert!(refused.contains("attention"), "{refused}");
}

/// A batch of more than one tile, so that rows are put together from several.
#[test]
fn activations_come_with_scores_as_the_specification_has_them() {
    let data = crate::planted::clicks_by_history();
    let plan = small(data.train.layout()).plan().unwrap();
    let state = State::initial(&plan, 5, false).unwrap();
    let batch = random_batch(&plan, 200, 4);
    let (mut want, mut got, mut plain) = (vec![0.0; 200], vec![0.0; 200], vec![0.0; 200]);
    let mut reference = Reference::new(&plan, &state).unwrap();
    let of_reference = score_with(&mut reference, &batch, "attention", &mut want)
        .wait()
        .unwrap();
    for isa in Isa::available() {
        let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, 1).unwrap();
        let weights = score_with(&mut executor, &batch, "attention", &mut got).wait().unwrap();
        crate::common::close(&weights, &crate::common::wide(&of_reference), 1e-5, "attention");
        crate::common::close(&got, &crate::common::wide(&want), 1e-5, "logits");
        executor.score_batch(&batch, &mut plain).wait().unwrap();
        assert_eq!(got, plain);
        let unknown = score_with(&mut executor, &batch, "interest", &mut got).wait();
        assert!(matches!(unknown, Err(Error::Config { .. })), "{unknown:?}");
        let short = score_with(&mut executor, &batch, "attention", &mut got[..199]).wait();
        assert!(matches!(short, Err(Error::Length { .. })), "{short:?}");
    }
}

/// Nothing to look at: the interest is 0, in training too.
#[test]
fn batches_of_empty_histories_train() {
    let data = crate::planted::clicks_by_history();
    for unit in [Unit::Prelu, Unit::Dice] {
        let plan = small(data.train.layout())
            .unit(unit)
            .attention([6, 3], unit)
            .plan()
            .unwrap();
        let mut batch = random_batch(&plan, 90, 2);
        let ids: Vec<Vec<u32>> = plan
            .columns()
            .iter()
            .enumerate()
            .map(|(c, _)| batch.column(c).ids.clone())
            .collect();
        let (labels, numbers) = (batch.labels().to_vec(), batch.numeric().to_vec());
        batch = Batch::default();
        batch.reset(plan.columns().len(), plan.sequences().len());
        for sequence in 0..plan.sequences().len() {
            (0..90).for_each(|_| batch.end_sequence(sequence, 0));
        }
        for (index, column) in plan.columns().iter().enumerate() {
            if column.space == Space::Samples {
                *batch.ids_mut(index) = ids[index].clone();
            }
        }
        *batch.labels_mut() = labels;
        *batch.numeric_mut() = numbers;
        batch.sort();
        let state = State::initial(&plan, 1, true).unwrap();
        for isa in Isa::available() {
            let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, 1).unwrap();
            let (optimizer, l2) = Default::default();
            executor.step(&batch, &optimizer, l2, &mut || ()).wait().unwrap();
            let after = executor.state().wait().unwrap();
            let running = plan.param("attention.0.variance");
            for (index, tensor) in after.tensors.iter().enumerate() {
                assert!(
                    tensor.value.iter().all(|x| x.is_finite()),
                    "{}",
                    plan.params()[index].name
                );
                if Some(index) == running {
                    assert!(tensor.value.iter().all(|&x| x == 1.0), "an empty batch moves nothing");
                }
            }
        }
    }
}

fn config_error(din: Din) -> String {
    match din.plan() {
        Err(Error::Config { field, reason }) => format!("{field}: {reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn models_that_cannot_be_are_refused() {
    let data = crate::planted::clicks_by_history();
    let layout = data.train.layout();
    let mut none = layout.clone();
    none.sequences.clear();
    assert!(config_error(Din::new(&none)).contains("one behaviour sequence and there are 0"));
    let mut two = layout.clone();
    two.sequences.push(two.sequences[0].clone());
    assert!(config_error(Din::new(&two)).contains("there are 2"));
    let mut bare = layout.clone();
    bare.sequences[0].fields.clear();
    assert!(config_error(Din::new(&bare)).contains("no fields"));
    let mut astray = layout.clone();
    astray.sequences[0].fields[0] = 99;
    assert!(config_error(Din::new(&astray)).contains("not there"));
    assert!(config_error(Din::new(layout).attention([], Unit::Relu)).starts_with("attention"));
    assert!(config_error(Din::new(layout).attention([8, 0], Unit::Relu)).starts_with("attention"));
    assert!(config_error(Din::new(layout).embedding_dim(0)).starts_with("embedding_dim"));
    assert!(config_error(Din::new(layout).hidden([1 << 20])).starts_with("hidden"));
    assert!(config_error(Din::new(layout).dropout(f32::NAN)).starts_with("dropout"));
}

/// A query, keys of two sequences, and what a test makes of them.
fn refused(build: impl FnOnce(&mut PlanBuilder, View, View, View) -> View) -> String {
    let mut plan = PlanBuilder::new();
    let (first, second) = (plan.sequence("first"), plan.sequence("second"));
    let init = Init::Normal { std: 0.1 };
    let columns = [Space::Samples, first, second].map(|space| {
        let column = plan.column_in(&format!("{space:?}"), "item", space);
        let view = plan.buffer_in(space, 4);
        plan.gather("item", column, 9, init, view);
        view
    });
    let logit = build(&mut plan, columns[0], columns[1], columns[2]);
    plan_error::<Plan>(plan.finish(SigmoidCrossEntropy { logit }))
}

#[test]
fn stages_of_attention_check_their_operands() {
    let widths = refused(|plan, q, k, _| plan.attention_unit("unit", q.columns(0, 3), k, 1, Activation::Identity));
    assert!(widths.contains("query of 3 columns for keys of 4"), "{widths}");
    let query = refused(|plan, _, k, l| plan.attention_unit("unit", k, l, 1, Activation::Identity));
    assert!(query.contains("attention_unit wants one row a sample"), "{query}");
    let keys = refused(|plan, q, _, _| plan.attention_unit("unit", q, q, 1, Activation::Identity));
    assert!(
        keys.contains("attention_unit wants the steps of one sequence"),
        "{keys}"
    );
    let sequences = refused(|plan, q, k, l| {
        let weights = plan.linear("w", k, 1, Activation::Identity);
        let pooled = plan.buffer(4);
        plan.attention(weights, l, pooled);
        plan.sum("bias", &[q, pooled])
    });
    assert!(
        sequences.contains("attention wants the steps of one sequence"),
        "{sequences}"
    );
    let shapes = refused(|plan, q, k, _| {
        plan.attention(k, k, q);
        q
    });
    assert!(shapes.contains("by 4 columns of weights"), "{shapes}");
    let softmax = refused(|plan, q, _, _| plan.softmax(q));
    assert!(softmax.contains("softmax of 4 columns"), "{softmax}");
    let samples = refused(|plan, q, _, _| {
        let score = plan.linear("w", q, 1, Activation::Identity);
        plan.softmax(score)
    });
    assert!(samples.contains("softmax wants the steps"), "{samples}");
    let norm = refused(|plan, q, _, _| plan.batch_norm("norm", q, 2.0, 1e-5));
    assert!(norm.contains("momentum of 2"), "{norm}");
    let exposed = refused(|plan, q, _, _| {
        let later = plan.buffer(1);
        plan.expose("later", later);
        plan.sum("bias", &[q])
    });
    assert!(exposed.contains("later is"), "{exposed}");
}
