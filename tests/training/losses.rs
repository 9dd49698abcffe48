//! The losses of models of users and items, by the trainer: what they learn, what they refuse, and that they go on as they began.
#![cfg(feature = "std")]

use pocketrec::{
    Error,
    data::{Batch, Planted, Split},
    device::Device,
    models::{Ccl, Gmf, Loss, Margin, Mf, Mlp, Model, NeuMf, SampledSoftmax, Softmax},
    ops::{self, Similarity, SoftmaxCrossEntropy},
    plan::{AdamConfig, Init, L2, Optimizer, Plan, PlanBuilder, State},
    reference::Reference,
    train::{Control, StopReason, TrainConfig, Trainer},
};

use crate::common::{bits, plan_error};

const USERS: usize = 150;
const ITEMS: usize = 90;

/// All losses, each once as it is and the softmaxes in all their forms.
fn losses() -> Vec<Loss> {
    let softmax = Softmax {
        temperature: 0.2,
        block: 100, // which the batch is no multiple of
        ..Softmax::default()
    };
    let sampled = SampledSoftmax {
        temperature: 0.2,
        candidates: Some(50),
        ..SampledSoftmax::default()
    };
    vec![
        Loss::CrossEntropy,
        Loss::Bpr,
        Loss::Margin(Margin::default()),
        Loss::Ccl(Ccl {
            margin: 0.2,
            weight: 2.0,
        }),
        Loss::Softmax(softmax),
        Loss::Softmax(Softmax {
            similarity: Similarity::Dot,
            temperature: 1.0,
            log_sum: 0.84,
            leaves_out_same: false,
            corrects: true,
            ..softmax
        }),
        Loss::SampledSoftmax(sampled),
        Loss::SampledSoftmax(SampledSoftmax {
            candidates: None,
            similarity: Similarity::Dot,
            temperature: 1.0,
            ..sampled
        }),
    ]
}

fn split() -> Split {
    let planted = Planted {
        users: USERS as u32,
        items: ITEMS as u32,
        interactions_per_user: 12,
        ..Planted::default()
    };
    planted.generate().unwrap().interactions.leave_one_out().unwrap()
}

fn config(loss: Loss) -> TrainConfig {
    TrainConfig {
        loss,
        epochs: 3,
        batch_size: 256,
        negatives: 2,
        optimizer: Optimizer::LazyAdam(AdamConfig {
            learning_rate: 0.01,
            ..AdamConfig::default()
        }),
        report_every: 2,
        seed: 3,
        ..TrainConfig::default()
    }
}

fn mf() -> Mf {
    Mf::new(USERS, ITEMS).factors(8)
}

#[test]
fn every_loss_learns_to_rank_and_takes_a_click() {
    let split = split();
    for loss in losses() {
        let config = TrainConfig {
            epochs: 12,
            ..config(loss)
        };
        let mut trainer = Trainer::new(mf(), Device::cpu(), config).unwrap();
        let mut seen = Vec::new();
        trainer
            .fit(&split, |epoch| seen.push((epoch.loss, epoch.evaluation.unwrap().hr)))
            .unwrap();
        let (first, last) = (seen[0], seen[seen.len() - 1]);
        assert!(last.0 < first.0, "{loss:?}: {seen:?}");
        // At random one item in ten is among the first ten of a hundred, or of fewer.
        assert!(last.1 > 0.25, "{loss:?}: {seen:?}");
        // A click of an item that the user does not have raises its score.
        let best: Vec<u32> = trainer
            .recommend(7, ITEMS)
            .unwrap()
            .into_iter()
            .map(|(item, _)| item)
            .collect();
        let new = best[best.len() / 2];
        let report = trainer.absorb(&[(7, new)]).unwrap();
        assert!(report.after > report.before, "{loss:?}: {report:?}");
    }
}

#[test]
fn threads_do_not_change_a_bit_and_a_resumed_run_ends_where_the_whole_one_does() {
    let (split, folder) = (split(), tempfile::tempdir().unwrap());
    let path = folder.path().join("model.safetensors");
    let threads = if cfg!(feature = "parallel") { [1, 3] } else { [1, 1] };
    for loss in losses() {
        let [mut one, mut more] = threads.map(|threads| {
            let mut trainer = Trainer::new(mf(), Device::cpu().threads(threads), config(loss)).unwrap();
            trainer.fit(&split, |_| ()).unwrap();
            trainer
        });
        let want = one.state().unwrap();
        assert_eq!(bits(&more.state().unwrap()), bits(&want), "{loss:?}");
        let mut parts = Trainer::new(mf(), Device::cpu(), config(loss)).unwrap();
        let mut stops = 0;
        while parts.fit_events(&split, |_| Control::Stop).unwrap().reason == StopReason::Stopped {
            parts.save(&path).unwrap();
            parts = Trainer::load(&path, Device::cpu()).unwrap();
            assert_eq!(parts.config().loss, loss);
            stops += 1;
        }
        assert!(stops > 2, "{loss:?}: {stops}");
        assert_eq!(bits(&parts.state().unwrap()), bits(&want), "{loss:?}");
        assert_eq!(parts.recommend(3, 10).unwrap(), one.recommend(3, 10).unwrap());
    }
}

/// What models score by both together has no vectors to compare, and says what to do instead.
#[test]
fn every_model_has_a_loss_or_names_those_that_it_has() {
    let models: [Model; 4] = [
        mf().into(),
        Gmf::new(USERS, ITEMS).into(),
        Mlp::new(USERS, ITEMS).layers([8, 4]).into(),
        NeuMf::new(USERS, ITEMS).factors(4).layers([8, 4]).into(),
    ];
    for loss in losses() {
        for model in &models {
            let is_of_vectors = matches!(loss, Loss::Softmax(_) | Loss::SampledSoftmax(_) | Loss::Ccl(_));
            match model.plan_for(loss) {
                Ok(plan) => {
                    assert!(!is_of_vectors || model.name() == "mf", "{loss:?} of {}", model.name());
                    assert!(plan.pair().is_some(), "{loss:?} of {}: {plan}", model.name());
                }
                Err(Error::Config { field, reason }) => {
                    assert!(is_of_vectors && model.name() != "mf", "{loss:?} of {}", model.name());
                    assert!(field == "loss" && reason.contains("MF has such vectors"), "{reason}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let softmax = Softmax::default();
    let sampled = SampledSoftmax::default();
    let of_softmax = [
        (
            "temperature",
            Softmax {
                temperature: 0.0,
                ..softmax
            },
        ),
        (
            "temperature",
            Softmax {
                temperature: f32::NAN,
                ..softmax
            },
        ),
        (
            "temperature",
            Softmax {
                temperature: 1e-39,
                ..softmax
            },
        ), // whose inverse is infinite
        (
            "log_sum",
            Softmax {
                log_sum: -0.5,
                ..softmax
            },
        ),
        ("block", Softmax { block: 0, ..softmax }),
        ("block", Softmax { block: 1, ..softmax }),
    ];
    let of_lists = [
        (
            "temperature",
            SampledSoftmax {
                temperature: -1.0,
                ..sampled
            },
        ),
        (
            "candidates",
            SampledSoftmax {
                candidates: Some(0),
                ..sampled
            },
        ),
    ];
    let of_pairs = [
        ("margin", Loss::Margin(Margin { margin: 0.0 })),
        ("margin", Loss::Margin(Margin { margin: f32::INFINITY })),
        (
            "margin",
            Loss::Ccl(Ccl {
                margin: 1.0,
                weight: 1.0,
            }),
        ),
        (
            "weight",
            Loss::Ccl(Ccl {
                margin: 0.5,
                weight: f32::NAN,
            }),
        ),
    ];
    let all = of_softmax
        .map(|(field, softmax)| (field, Loss::Softmax(softmax)))
        .into_iter();
    let all = all
        .chain(of_lists.map(|(field, sampled)| (field, Loss::SampledSoftmax(sampled))))
        .chain(of_pairs);
    for (wanted, loss) in all {
        for refused in [
            Trainer::new(mf(), Device::cpu(), config(loss)).map(|_| ()),
            mf().plan_for(loss).map(|_| ()),
        ] {
            match refused {
                Err(Error::Config { field, .. }) => assert_eq!(field, wanted, "{loss:?}"),
                other => panic!("{loss:?}: {other:?}"),
            }
        }
    }
}

/// A trainer keeps its loss, settings and all.
#[test]
fn another_temperature_is_another_loss() {
    let loss = |temperature| {
        Loss::Softmax(Softmax {
            temperature,
            ..Softmax::default()
        })
    };
    let mut trainer = Trainer::new(mf(), Device::cpu(), config(loss(0.1))).unwrap();
    let error = trainer.set_config(config(loss(0.2))).unwrap_err().to_string();
    assert!(error.contains("with other settings"), "{error}");
}

/// As checkpoints have them: the names that were there stay, and settings that are left out have their defaults.
#[test]
fn losses_are_stored_by_name() {
    let read = |text: &str| serde_json::from_str::<Loss>(text).unwrap();
    assert_eq!(read(r#""bpr""#), Loss::Bpr);
    assert_eq!(read(r#""cross_entropy""#), Loss::CrossEntropy);
    let softmax = Softmax {
        temperature: 0.25,
        ..Softmax::default()
    };
    assert_eq!(read(r#"{"softmax":{"temperature":0.25}}"#), Loss::Softmax(softmax));
    for loss in losses() {
        assert_eq!(read(&serde_json::to_string(&loss).unwrap()), loss);
    }
}

/// A plan of two columns, with something else in the place of what is scored.
fn plan(
    scored: impl FnOnce(&mut PlanBuilder, usize) -> pocketrec::plan::View,
    edit: impl FnOnce(&mut SoftmaxCrossEntropy),
) -> pocketrec::Result<Plan> {
    let mut plan = PlanBuilder::new();
    let (user, item) = (plan.query("user"), plan.candidate("item"));
    let vectors = [("user.weight", user), ("item.weight", item)].map(|(name, column)| {
        let x = plan.buffer(2);
        plan.gather(name, column, 4, Init::Normal { std: 0.5 }, x);
        x
    });
    let product = plan.buffer(2);
    plan.product(vectors[0], vectors[1], product);
    let more = scored(&mut plan, item);
    let scored = plan.plain_sum(&[product, more]);
    let mut loss = SoftmaxCrossEntropy {
        vectors,
        scored,
        column: Some(item),
        similarity: Similarity::Dot,
        temperature: 1.0,
        log_sum: 1.0,
        block: 8,
        corrects: false,
    };
    edit(&mut loss);
    plan.finish(loss)
}

/// Scores may need stages that the loss does not, but nothing that would have to be learnt.
#[test]
fn what_only_scores_read_learns_nothing_and_is_refused() {
    let bias = |plan: &mut PlanBuilder, item: usize| {
        let bias = plan.buffer(1);
        plan.gather("item.bias", item, 4, Init::Zeros, bias);
        bias
    };
    let error = plan_error(plan(bias, |_| ()));
    assert!(
        error.contains("item.bias by item") && error.contains("never learn"),
        "{error}"
    );
    let again = |plan: &mut PlanBuilder, item: usize| {
        let x = plan.buffer(2);
        plan.shared(|plan| plan.gather("item.weight", item, 4, Init::Zeros, x));
        plan.linear_without_bias("more", x, 1, pocketrec::plan::Activation::Identity)
    };
    assert!(plan_error(plan(again, |_| ())).contains("never learn"));
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let none = |plan: &mut PlanBuilder, _: usize| {
        let x = plan.buffer(1);
        plan.numeric(0, x);
        x
    };
    let refuse = |edit: fn(&mut SoftmaxCrossEntropy), text: &str| {
        let error = plan_error(plan(none, edit));
        assert!(error.contains(text), "{error}");
    };
    refuse(|loss| loss.vectors[1].width = 1, "must be as many");
    refuse(|loss| loss.vectors[1] = loss.vectors[0], "with itself");
    refuse(|loss| loss.scored = loss.vectors[0], "must be 1");
    refuse(|loss| loss.column = Some(9), "id column 9");
    refuse(|loss| loss.temperature = -1.0, "temperature of -1");
    refuse(|loss| loss.block = 0, "blocks of 0");
    refuse(|loss| loss.scored.buffer = 99, "scored by");
}

/// By hand: two samples, dot products 1 and 0 with the own item and with the other's.
#[test]
fn two_samples_by_hand() {
    let mut plan = PlanBuilder::new();
    let (user, item) = (plan.query("user"), plan.candidate("item"));
    let vectors = [("user.weight", user), ("item.weight", item)].map(|(name, column)| {
        let x = plan.buffer(2);
        plan.gather(name, column, 2, Init::Zeros, x);
        x
    });
    let product = plan.buffer(2);
    plan.product(vectors[0], vectors[1], product);
    let scored = plan.plain_sum(&[product]);
    let plan = plan
        .finish(SoftmaxCrossEntropy {
            vectors,
            scored,
            column: Some(item),
            similarity: Similarity::Dot,
            temperature: 1.0,
            log_sum: 1.0,
            block: 8,
            corrects: false,
        })
        .unwrap();
    let mut state = State::initial(&plan, 0, false).unwrap();
    for tensor in &mut state.tensors {
        tensor.value = vec![1.0, 0.0, 0.0, 1.0];
    }
    let batch = |items: &[u32]| Batch::from_columns(&[&[0, 1], items], &[1.0, 1.0]).unwrap();
    let loss = |items: &[u32]| {
        let mut executor = Device::cpu().executor(plan.clone(), state.clone()).unwrap();
        let sgd = Optimizer::Sgd { learning_rate: 1.0 };
        executor
            .step(&batch(items), &sgd, L2::default(), &mut || ())
            .wait()
            .unwrap();
        (
            executor.take_loss().wait().unwrap().mean(),
            executor.state().wait().unwrap(),
        )
    };
    // ln(1 + e^-1) each; p = 1 / (1 + e^-1) of the own item, so that user 0 moves by (1 - p) / 2 to (1, -1).
    let (apart, after) = loss(&[0, 1]);
    let p = 1.0 / (1.0 + (-1f64).exp());
    assert!((apart + p.ln()).abs() < 1e-6, "{apart}");
    let step = (1.0 - p) as f32 / 2.0;
    let want = [1.0 + step, -step, -step, 1.0 + step];
    let moved = after.tensors[0].value.iter().zip(want);
    assert!(moved.clone().all(|(got, want)| (got - want).abs() < 1e-6), "{moved:?}");
    // The same item twice is no negative of itself: there is nothing to tell it from.
    let (same, after) = loss(&[1, 1]);
    assert_eq!(same, 0.0);
    assert_eq!(after.tensors, state.tensors);
}

/// A batch without the probabilities that the loss asks for, or with some that it does not.
#[test]
fn probabilities_go_with_the_loss() {
    let softmax = Softmax {
        corrects: true,
        ..Softmax::default()
    };
    let plan = Mf::new(4, 4).factors(2).plan_for(Loss::Softmax(softmax)).unwrap();
    let state = State::initial(&plan, 0, false).unwrap();
    let mut executor = Device::cpu().executor(plan.clone(), state.clone()).unwrap();
    let mut batch = Batch::from_columns(&[&[0, 1, 2], &[1, 2, 3]], &[1.0; 3]).unwrap();
    let mut step = |batch: &Batch| {
        let sgd = Optimizer::Sgd { learning_rate: 0.1 };
        executor.step(batch, &sgd, L2::default(), &mut || ()).wait()
    };
    let error = step(&batch).unwrap_err().to_string();
    assert!(error.contains("log_q_mut"), "{error}");
    batch.log_q_mut().extend([-1.0, f32::NEG_INFINITY, -1.0]);
    let error = step(&batch).unwrap_err().to_string();
    assert!(error.contains("log_q of sample 1"), "{error}");
    assert!(Reference::new(&plan, &state).unwrap().loss(&batch).is_err());
    batch.log_q_mut()[1] = -2.0;
    step(&batch).unwrap();
    // A constant that is added to all changes no gradient.
    let of = |log_q: [f32; 3]| {
        let mut batch = batch.clone();
        batch.log_q_mut().copy_from_slice(&log_q);
        Reference::new(&plan, &state)
            .unwrap()
            .gradients(&batch, L2::default())
            .unwrap()
    };
    let (plain, shifted) = (of([-1.0, -2.0, -1.0]), of([4.0, 3.0, 4.0]));
    let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
    assert!(plain.iter().flatten().zip(shifted.iter().flatten()).all(close));
}

/// What is drawn into a list follows the written rule.
#[test]
fn lists_follow_the_written_rule() {
    use pocketrec::data::{LIST_STREAM, Sampler};
    let split = split();
    let sampler = Sampler::with_list(&split.train, Some(7), 11).unwrap();
    let mut batch = Batch::default();
    sampler.fill(2, 64, 32, &mut batch);
    let stream = pocketrec::rng::Rng::new(11).stream(LIST_STREAM).stream(2).stream(64);
    let items = u64::from(split.train.items());
    let want: Vec<u32> = (0..7)
        .map(|j| ((u64::from(stream.at(j)[0]) * items) >> 32) as u32)
        .collect();
    assert_eq!(batch.column(2).ids, want);
    assert_eq!(
        (batch.offsets(0)[0], batch.offsets(0)[1], batch.offsets(0)[32]),
        (0, 7, 7)
    );
    let error = Sampler::with_list(&split.train, Some(0), 1).unwrap_err().to_string();
    assert!(error.contains("candidates"), "{error}");
}

/// CCL's cosines are those of the vectors, and what is scored.
#[test]
fn ccl_scores_by_cosines() {
    let plan = mf().plan_for(Loss::Ccl(Ccl::default())).unwrap();
    let state = State::initial(&plan, 5, false).unwrap();
    let mut executor = Device::cpu().executor(plan.clone(), state.clone()).unwrap();
    let mut scores = [0.0; 2];
    executor.score(&[&[3, 4], &[5, 6]], &mut scores).wait().unwrap();
    let row = |table: &str, row: usize| {
        let values = &state.tensors[plan.param(table).unwrap()].value[row * 8..][..8];
        values.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>()
    };
    for (score, (user, item)) in scores.iter().zip([(3, 5), (4, 6)]) {
        let (u, v) = (row("user.weight", user), row("item.weight", item));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let cosine = dot(&u, &v) / (dot(&u, &u) * dot(&v, &v)).sqrt();
        assert!((f64::from(*score) - cosine).abs() < 1e-6, "{score} {cosine}");
    }
    assert_eq!(ops::normalise::forward(&[0.0, 0.0], 2), [0.0, 0.0]);
}
