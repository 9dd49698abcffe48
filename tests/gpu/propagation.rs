//! Tables that are propagated: a known number of dispatches, rows and scores as on a processor, longer tables.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    executor::{Executor, Query, attention_rollout, score_catalogue, top_catalogue},
    gpu::GpuExecutor,
    models::{LightGcn, Loss, SasRec, Softmax},
    plan::{Plan, State},
    train::{TrainConfig, Trainer},
};

use crate::{
    common::{close, give_graph, random_batch, random_state, wide},
    open, step,
};

fn plan(layers: usize) -> Plan {
    LightGcn::new(40, 50).embedding_dim(12).layers(layers).plan().unwrap()
}

/// A layer more is two products more: one forward, and one on the way back. The tables are copied, and the last layer forward
/// is of the batch's users and of its items.
#[test]
fn a_step_is_a_known_number_of_dispatches() {
    let Some(gpu) = open() else { return };
    let of = |layers| {
        let plan = plan(layers);
        let mut executor = GpuExecutor::new(&gpu, plan.clone(), &random_state(&plan, 0.2, 5)).unwrap();
        give_graph(&mut executor);
        let batch = random_batch(&plan, 20, 3);
        step(&mut executor, &batch);
        let before = executor.counts();
        step(&mut executor, &batch);
        let after = executor.counts();
        assert_eq!(after.submits - before.submits, 1);
        after.dispatches - before.dispatches
    };
    let [one, three] = [1, 3].map(of);
    assert_eq!(three - one, 2 * 2);
    // Forward: 2 copies, 2 times the last layer, 3 look-ups, 2 products and 2 sums. Backward: the loss, 2 sums, 2 products of 2
    // gradients each. Then 3 sums of segments, 2 spreads, the way back, both tables, and the dense parameters.
    assert_eq!(one, (2 + 2 + 3 + 2 + 2) + (1 + 2 + 4) + (3 + 2 + 1 + 2 + 1));
}

/// What comes over the edges of a trainer's users adds up to their scores, before and after what is absorbed.
#[test]
fn parts_of_scores_add_up() {
    let Some(gpu) = open() else { return };
    for layers in [1, 3] {
        let model = LightGcn::new(40, 50).embedding_dim(12).layers(layers);
        let plan = model.plan().unwrap();
        let executor = GpuExecutor::new(&gpu, plan.clone(), &random_state(&plan, 0.3, 5)).unwrap();
        let config = TrainConfig {
            loss: Loss::Bpr,
            ..TrainConfig::default()
        };
        let mut trainer = Trainer::with_executor(model, Box::new(executor), config).unwrap();
        for pairs in [[(3, 4), (3, 9), (8, 9)], [(8, 2), (3, 11), (40, 9)]] {
            trainer.absorb(&pairs).unwrap();
            for user in [3, 8] {
                let why = trainer.explain(user, 9).unwrap();
                assert!((why.sum() - f64::from(why.score)).abs() < 1e-5, "{why:?}");
                assert_eq!(why.reasons.len(), trainer.history().absorbed(user).len());
            }
        }
    }
}

/// What causal attention has read, of queries and keys that come from the device.
#[test]
fn what_was_read_is_a_processors() {
    let Some(gpu) = open() else { return };
    let plan = SasRec::new(1, 30).embedding_dim(12).heads(2).length(9).plan().unwrap();
    let state = random_state(&plan, 0.5, 5);
    let batch = random_batch(&plan, 300, 4);
    let mut on_gpu = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
    let mut on_cpu = CpuExecutor::new(plan, state, Isa::detect().unwrap(), 1).unwrap();
    let both: [&mut dyn Executor; 2] = [&mut on_gpu, &mut on_cpu];
    let [got, want] = both.map(|executor| {
        let mut logits = [0.0; 300];
        let read = attention_rollout(executor, &batch, &mut logits).wait().unwrap();
        [&read[..], &logits].concat()
    });
    assert!(want.len() > 1000);
    close(&got, &wide(&want), 1e-4, "read and logits");
}

/// The rows that come out, all scores and the best items, before and after steps, rows that are written and tables that grow.
#[test]
fn rows_and_scores_are_a_processors() {
    let Some(gpu) = open() else { return };
    let related = Loss::Softmax(Softmax {
        related: true,
        ..Softmax::default()
    });
    let of_related = LightGcn::new(40, 50)
        .embedding_dim(12)
        .layers(2)
        .plan_for(related)
        .unwrap();
    for plan in [plan(1), plan(2), plan(3), of_related] {
        let state: State = random_state(&plan, 0.3, 5);
        let mut on_gpu = GpuExecutor::new(&gpu, plan.clone(), &state).unwrap();
        let mut on_cpu = CpuExecutor::new(plan.clone(), state, Isa::detect().unwrap(), 1).unwrap();
        assert!(on_gpu.score(&[&[0], &[0]], &mut [0.0]).wait().is_err()); // without a graph
        let mut both: [&mut dyn Executor; 2] = [&mut on_gpu, &mut on_cpu];
        both.iter_mut().for_each(|executor| give_graph(&mut **executor));
        let seen = |both: &mut [&mut dyn Executor; 2], what: &str| {
            let [got, want] = both.each_mut().map(|executor| {
                let items = executor.plan().rows(1);
                let (mut scores, mut rows) = (vec![0.0; 3 * items], vec![0.0; 12 * items]);
                score_catalogue(&mut **executor, &[0, 7, 39], &mut scores)
                    .wait()
                    .unwrap();
                let (mut sent, mut of_user) = ([0.0; 3 * 12], [0.0; 12]);
                let propagation = executor.propagation().unwrap();
                propagation.sent_rows(1, &[49, 0, 7], &mut sent).wait().unwrap();
                propagation.propagated_rows(1, 0, &mut rows).wait().unwrap();
                propagation.sent_rows(0, &[39], &mut of_user).wait().unwrap();
                let best = top_catalogue(&mut **executor, &[Query { user: 7, known: &[1] }], 1)
                    .wait()
                    .unwrap();
                scores.push(best[0][0].1);
                [&scores[..], &rows, &sent, &of_user].concat()
            });
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() < 1e-5, "{plan}{what}: {got} for {want}");
            }
        };
        seen(&mut both, "at first");
        for executor in &mut both {
            step(&mut **executor, &random_batch(&plan, 100, 4));
        }
        seen(&mut both, "after a step");
        for executor in &mut both {
            executor.write_rows(1, 20, &[0.5; 24]).wait().unwrap();
        }
        seen(&mut both, "after rows were written");
        for executor in &mut both {
            executor.grow(0, 43).wait().unwrap();
            executor.grow(1, 200).wait().unwrap();
        }
        seen(&mut both, "of longer tables");
        let longer = both[0].plan().clone();
        for executor in &mut both {
            step(&mut **executor, &random_batch(&longer, 70, 6));
        }
        seen(&mut both, "after a step of these");
    }
}
