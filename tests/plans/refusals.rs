//! Plans that are put together wrongly are refused with a telling error, never a panic.

use pocketrec::{
    ops::SigmoidCrossEntropy,
    plan::{Activation, GruKind, Init, PlanBuilder, View},
};

use crate::common::{plan_error, recurrent::recurrent_plans};

/// A plan of a gathered buffer of four columns, spoilt by `spoil`, which returns the logit.
fn spoilt(spoil: impl FnOnce(&mut PlanBuilder, View) -> View) -> String {
    let mut plan = PlanBuilder::new();
    let user = plan.column("user");
    let x = plan.buffer(4);
    plan.gather("user.weight", user, 3, Init::Zeros, x);
    let logit = spoil(&mut plan, x);
    plan_error(plan.finish(SigmoidCrossEntropy { logit }))
}

/// The same with two sequences of four columns each.
fn spoilt_steps(spoil: impl FnOnce(&mut PlanBuilder, [View; 3])) -> String {
    let mut plan = PlanBuilder::new();
    let [history, likes] = ["history", "likes"].map(|name| plan.sequence(name));
    let user = plan.column("user");
    let seen = plan.column_in("seen", "item", history);
    let liked = plan.column_in("liked", "item", likes);
    let views = [plan.buffer(4), plan.buffer_in(history, 4), plan.buffer_in(likes, 4)];
    plan.gather("user.weight", user, 3, Init::Zeros, views[0]);
    plan.gather("item.weight", seen, 3, Init::Zeros, views[1]);
    plan.gather("item.weight", liked, 3, Init::Zeros, views[2]);
    spoil(&mut plan, views);
    let logit = plan.linear("logit", views[0], 1, Activation::Identity);
    plan_error(plan.finish(SigmoidCrossEntropy { logit }))
}

#[test]
fn builder_reports_mistakes_with_steps() {
    use Activation::Identity;
    use GruKind::{Augru, Gru};
    type Spoil = fn(&mut PlanBuilder, [View; 3]);
    let cases: &[(&str, Spoil)] = &[
        (
            "gru wants the steps of one sequence in View { buffer: 0, start: 0, width: 4 }, not of Samples",
            |plan, [x, ..]| {
                plan.gru("gru", Gru, x, None, 3);
            },
        ),
        ("gru: Gru takes no scores, every other kind does", |plan, [_, k, _]| {
            plan.gru("gru", Augru, k, None, 3);
        }),
        ("gru: Gru takes no scores, every other kind does", |plan, [_, k, _]| {
            plan.gru("gru", Gru, k, Some(k.columns(0, 1)), 3);
        }),
        ("gru: its scores are more or less than one column", |plan, [_, k, _]| {
            plan.gru("gru", Augru, k, Some(k), 3);
        }),
        (
            "gru wants the steps of one sequence in View { buffer: 2",
            |plan, [_, k, l]| {
                plan.gru("gru", Augru, k, Some(l.columns(0, 1)), 3);
            },
        ),
        ("buffer 3 has no columns", |plan, [_, k, _]| {
            plan.gru("gru", Gru, k, None, 0);
        }),
        (
            "last_step wants the steps of one sequence in View { buffer: 0",
            |plan, [x, ..]| {
                let output = plan.buffer(4);
                plan.last_step(x, output);
            },
        ),
        (
            "last_step of 4 columns into 3: they must be as many",
            |plan, [_, k, _]| {
                let output = plan.buffer(3);
                plan.last_step(k, output);
            },
        ),
        (
            "next wants the steps of one sequence in View { buffer: 2",
            |plan, [_, k, l]| {
                plan.pair_with_next(k, l);
            },
        ),
        (
            "next wants the steps of one sequence in View { buffer: 0",
            |plan, [x, ..]| {
                plan.pair_with_next(x, x);
            },
        ),
        (
            "auxiliary wants the steps of one sequence in View { buffer: 2",
            |plan, [_, k, l]| {
                plan.auxiliary(k.columns(0, 1), l.columns(0, 1), 1.0);
            },
        ),
        (
            "the logits of the auxiliary loss are 4 and 1 columns wide",
            |plan, [_, k, _]| {
                plan.auxiliary(k, k.columns(0, 1), 1.0);
            },
        ),
        ("an auxiliary loss of weight NaN", |plan, [_, k, _]| {
            plan.auxiliary(k.columns(0, 1), k.columns(1, 1), f32::NAN);
        }),
        (
            "mlp.weight is 1 x 4 already and cannot be shared as 1 x 3",
            |plan, [x, ..]| {
                plan.linear("mlp", x, 1, Identity);
                plan.shared(|plan| plan.linear("mlp", x.columns(0, 3), 1, Identity));
            },
        ),
    ];
    for (what, spoil) in cases {
        let message = spoilt_steps(spoil);
        assert!(message.contains(what), "{message:?} does not say {what:?}");
    }
}

#[test]
fn builder_reports_mistakes() {
    use Activation::Identity;
    type Spoil = fn(&mut PlanBuilder, View) -> View;
    let cases: &[(&str, Spoil)] = &[
        ("gather writes View { buffer: 0, start: 2, width: 2 }", |plan, x| {
            plan.gather("item.weight", 0, 3, Init::Zeros, x.columns(2, 2));
            plan.linear("logit", x, 1, Identity)
        }),
        ("column 3 of buffer 0 is never read", |plan, x| {
            plan.linear("logit", x.columns(0, 3), 1, Identity)
        }),
        ("column 0 of buffer 1 is never read", |plan, x| {
            plan.linear("lost", x, 2, Identity);
            plan.linear("logit", x, 1, Identity)
        }),
        ("product of widths 3 and 1 into 3: they must be the same", |plan, x| {
            let output = plan.buffer(3);
            plan.product(x.columns(0, 3), x.columns(3, 1), output);
            plan.linear("logit", output, 1, Identity)
        }),
        ("the logit is 2 columns wide: it must be 1", |plan, x| {
            plan.linear("logit", x, 2, Identity)
        }),
        ("read by stages whose columns overlap only in part", |plan, x| {
            let whole = plan.linear("whole", x, 1, Identity);
            let half = plan.linear("half", x.columns(0, 2), 1, Identity);
            plan.sum("bias", &[whole, half])
        }),
        (
            "linear reads View { buffer: 1, start: 0, width: 2 }, which is not all written",
            |plan, x| {
                let empty = plan.buffer(2);
                let logit = plan.linear("logit", empty, 1, Identity);
                plan.sum("bias", &[logit, x])
            },
        ),
        ("linear reads View { buffer: 0, start: 3, width: 2 }", |plan, x| {
            plan.linear("logit", x.columns(3, 2), 1, Identity)
        }),
        ("linear reads View { buffer: 9, start: 0, width: 4 }", |plan, x| {
            plan.linear("logit", View { buffer: 9, ..x }, 1, Identity)
        }),
        (
            "linear reads and writes buffer 1; give its output another",
            |plan, x| {
                let y = plan.buffer(2);
                plan.linear_into("first", x, y.columns(0, 1), Identity);
                plan.linear_into("second", y.columns(0, 1), y.columns(1, 1), Identity);
                plan.linear("logit", y, 1, Identity)
            },
        ),
        ("fills buffer 1 together with stages of another kind", |plan, x| {
            let y = plan.buffer(2);
            plan.gather("item.weight", 0, 3, Init::Zeros, y.columns(0, 1));
            plan.linear_into("first", x, y.columns(1, 1), Identity);
            plan.linear("logit", y, 1, Identity)
        }),
        ("two parameters are called user.weight", |plan, x| {
            let more = plan.buffer(1);
            plan.gather("user.weight", 0, 3, Init::Zeros, more);
            plan.sum("bias", &[x, more])
        }),
        ("item.weight: there is no id column 7", |plan, x| {
            let more = plan.buffer(1);
            plan.gather("item.weight", 7, 3, Init::Zeros, more);
            plan.sum("bias", &[x, more])
        }),
        ("item.weight is empty: 0 x 1", |plan, x| {
            let more = plan.buffer(1);
            plan.gather("item.weight", 0, 0, Init::Zeros, more);
            plan.sum("bias", &[x, more])
        }),
        ("buffer 1 has no columns", |plan, x| {
            let nothing = plan.buffer(0);
            plan.sum("bias", &[x, nothing])
        }),
        #[cfg(target_pointer_width = "64")]
        ("item.weight has 4294967296 rows; ids are 32-bit numbers", |plan, x| {
            let more = plan.buffer(1);
            plan.gather("item.weight", 0, 1 << 32, Init::Zeros, more);
            plan.sum("bias", &[x, more])
        }),
        ("user.bias has 4 rows and user.weight has 3", |plan, x| {
            let more = plan.buffer(1);
            plan.gather("user.bias", 0, 4, Init::Zeros, more);
            plan.sum("bias", &[x, more])
        }),
        ("no table reads the id column time", |plan, x| {
            plan.column("time");
            plan.linear("logit", x, 1, Identity)
        }),
        ("a sum of nothing", |plan, x| {
            let nothing = plan.sum("bias", &[]);
            plan.sum("more", &[x, nothing])
        }),
        (
            "sum reads View { buffer: 0, start: 4, width: 0 }, which is empty",
            |plan, x| plan.sum("bias", &[x, x.columns(4, 0)]),
        ),
        (
            "product reads View { buffer: 1, start: 0, width: 0 }, which is empty",
            |plan, x| {
                let y = plan.buffer(1);
                plan.linear_into("first", x, y, Identity);
                plan.product(y.columns(0, 0), y.columns(0, 0), y.columns(1, 0));
                plan.linear("logit", y, 1, Identity)
            },
        ),
        ("weight is empty: 1 x 0", |plan, x| {
            let logit = plan.linear("logit", x.columns(0, 0), 1, Identity);
            plan.sum("bias", &[x, logit])
        }),
        // With a row that exists, the sum of a view's ends must not wrap around to columns that are there.
        (
            // 2^64 - 1, or 2^32 - 1
            if cfg!(target_pointer_width = "64") {
                "linear reads View { buffer: 0, start: 18446744073709551615, width: 2 }"
            } else {
                "linear reads View { buffer: 0, start: 4294967295, width: 2 }"
            },
            |plan, x| plan.linear("logit", x.columns(2, 1).columns(usize::MAX, 2), 1, Identity),
        ),
        (
            "linear reads View { buffer: 0, start: 1, width: 1048576 }",
            |plan, x| plan.linear("logit", x.columns(1, 1 << 20), 1, Identity),
        ),
    ];
    for (telling, spoil) in cases {
        let text = spoilt(spoil);
        assert!(text.contains(telling), "{text:?} does not say {telling:?}");
    }
}

#[test]
fn what_the_logit_does_not_depend_on_is_not_scored() {
    for (name, plan) in recurrent_plans([3, 2]) {
        let stages = plan.stages().iter().enumerate();
        let left_out: Vec<_> = stages.filter(|(index, _)| !plan.is_scored(*index)).collect();
        let mut names: Vec<_> = left_out.iter().map(|(_, stage)| stage.name()).collect();
        names.dedup();
        let want = match name {
            // The look-up of the negatives, the pairs and the network on them.
            "auxiliary loss" => &[
                "gather",
                "pair_with_next",
                "linear",
                "auxiliary",
                "sigmoid_cross_entropy",
            ][..],
            _ => &["sigmoid_cross_entropy"],
        };
        assert_eq!(names, want, "{name}");
    }
}

/// Sizes whose products or sums overflow, and sizes for which there is no memory.
#[test]
fn builder_refuses_huge_widths() {
    for width in [
        (1 << 20) + 1,
        1 << (usize::BITS / 2 + 8),
        usize::MAX / 4 + 1,
        usize::MAX - 1,
        usize::MAX,
    ] {
        let telling = format!("buffer 1 has {width} columns; give 1048576 at most");
        let wide = spoilt(|plan, x| {
            let wide = plan.linear("wide", x, width, Activation::Relu);
            plan.linear("logit", wide, 1, Activation::Identity)
        });
        assert!(wide.contains(&telling), "{wide}");
        let gathered = spoilt(|plan, x| {
            let wide = plan.buffer(width);
            plan.gather("item.weight", 0, 3, Init::Zeros, wide.columns(0, width));
            plan.sum("bias", &[x, wide])
        });
        assert!(gathered.contains(&telling), "{gathered}");
        let view = spoilt(|plan, x| plan.linear("logit", View { width, ..x }, 1, Activation::Identity));
        assert!(
            view.contains("does not fit in memory") || view.contains("not all written"),
            "{view}"
        );
        assert!(matches!(Init::glorot(width, width), Init::Uniform { limit } if limit.is_finite()));
    }
}

#[test]
fn builder_refuses_more_weights_than_memory_has_addresses() {
    let mut plan = PlanBuilder::new();
    let mut views = Vec::new();
    for column in 0..1024 {
        let view = plan.buffer(1 << 20);
        let column = plan.column(&format!("column {column}"));
        plan.gather(
            &format!("{column}.weight"),
            column,
            u32::MAX as usize,
            Init::Zeros,
            view,
        );
        views.push(view);
    }
    let logit = plan.sum("bias", &views);
    let text = plan_error(plan.finish(SigmoidCrossEntropy { logit }));
    let first = if cfg!(target_pointer_width = "64") { 512 } else { 0 };
    let telling = format!("{first}.weight, 4294967295 x 1048576, does not fit in memory");
    assert!(text.contains(&telling), "{text}");
}

#[test]
fn builder_refuses_initial_values_that_cannot_be() {
    let accepted = |init: Init| {
        let mut plan = PlanBuilder::new();
        let (user, x) = (plan.column("user"), plan.buffer(4));
        plan.gather("user.weight", user, 3, init, x);
        let logit = plan.sum("bias", &[x]);
        plan.finish(SigmoidCrossEntropy { logit })
    };
    for bad in [-0.5, f32::NEG_INFINITY, f32::INFINITY, f32::NAN] {
        for init in [Init::Normal { std: bad }, Init::Uniform { limit: bad }] {
            let text = plan_error(accepted(init));
            let telling = format!("user.weight begins as {init:?}: give a finite number, not below 0");
            assert_eq!(text, telling);
        }
    }
    for good in [0.0, 1e-30, 3.0] {
        assert!(accepted(Init::Normal { std: good }).is_ok());
        assert!(accepted(Init::Uniform { limit: good }).is_ok());
    }
}

/// Every edge of the view arithmetic is an error or a plan, never a panic.
#[test]
fn views_never_overflow() {
    let edges = [0, 1, 3, 4, 5, 1 << 20, usize::MAX / 4 + 1, usize::MAX - 1, usize::MAX];
    let mut accepted = Vec::new();
    for start in edges {
        for width in edges {
            let view = View {
                buffer: 0,
                start,
                width,
            };
            assert!(view.range().len() <= width);
            let mut plan = PlanBuilder::new();
            let (user, x) = (plan.column("user"), plan.buffer(4));
            plan.gather("user.weight", user, 3, Init::Zeros, x);
            let y = plan.linear("read", view, 1, Activation::Identity);
            let rest = plan.linear("rest", x.columns(start, width), 1, Activation::Identity);
            let logit = plan.sum("bias", &[y, rest]);
            match plan.finish(SigmoidCrossEntropy { logit }) {
                Ok(_) => accepted.push((start, width)),
                Err(error) => drop(plan_error::<()>(Err(error))),
            }
        }
    }
    assert_eq!(accepted, [(0, 4)]);
}

#[test]
fn plans_of_any_number_of_rows_can_be_measured() {
    let plan = crate::common::odd_models(4, 6).swap_remove(0).1;
    let (rows, weights) = (plan.rows(0), plan.weights());
    assert_eq!((rows, plan.rows(1), plan.rows(7)), (4, 6, 0));
    let longer = plan.clone().with_rows(0, 14);
    assert_eq!((longer.rows(0), longer.rows(1)), (14, 6));
    assert_eq!(longer.weights(), weights + 10 * (5 + 1)); // five factors and a bias
    let endless = plan.with_rows(0, usize::MAX);
    assert_eq!((endless.rows(0), endless.weights()), (usize::MAX, usize::MAX));
    assert!(endless.to_string().contains(&usize::MAX.to_string()));
}

#[test]
fn multiply_adds_are_counted_by_samples_and_by_steps() {
    let mut plan = PlanBuilder::new();
    let history = plan.sequence("history");
    let (item, seen) = (plan.column("item"), plan.column_in("seen", "item", history));
    let (x, key) = (plan.buffer(4 + 5), plan.buffer_in(history, 4));
    plan.gather("item.weight", item, 9, Init::Zeros, x.columns(0, 4));
    plan.gather("item.weight", seen, 9, Init::Zeros, key);
    let hidden = plan.attention_unit("unit", x.columns(0, 4), key, 3, Activation::Sigmoid);
    let weights = plan.linear("score", hidden, 1, Activation::Identity);
    let states = plan.gru("gru", GruKind::Gru, key, None, 5);
    plan.attention(weights, states, x.columns(4, 5));
    let logit = plan.linear("logit", x, 1, Activation::Identity);
    let plan = plan.finish(SigmoidCrossEntropy { logit }).unwrap();
    // Unit 3 x 4: twice a sample and once a step; a step's score 3, state 3 x 5 x (4 + 5) and share 5; a sample's logit 9.
    let (of_sample, of_step) = (2 * 12 + 9, 12 + 3 + 135 + 5);
    assert_eq!(plan.multiply_adds(), of_sample + of_step);
    assert_eq!(plan.batch_multiply_adds(10, &[25]), 10 * of_sample + 25 * of_step);
    assert_eq!(plan.batch_multiply_adds(10, &[0]), 10 * of_sample);
}
