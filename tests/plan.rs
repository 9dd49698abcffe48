//! Plans that are put together wrongly are refused with a telling error, never a panic.

mod common;

use common::plan_error;
use pocketrec::plan::{Activation, Init, PlanBuilder, View};

/// A plan of a gathered buffer of four columns, spoilt by `spoil`, which returns the logit.
fn spoilt(spoil: impl FnOnce(&mut PlanBuilder, View) -> View) -> String {
    let mut plan = PlanBuilder::new();
    let user = plan.column("user");
    let x = plan.buffer(4);
    plan.gather("user.weight", user, 3, Init::Zeros, x);
    let logit = spoil(&mut plan, x);
    plan_error(plan.finish(logit))
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
        ("item.weight has 4294967296 rows; ids are 32-bit numbers", |plan, x| {
            let more = plan.buffer(1);
            plan.gather("item.weight", 0, 1 << 32, Init::Zeros, more);
            plan.sum("bias", &[x, more])
        }),
    ];
    for (telling, spoil) in cases {
        let text = spoilt(spoil);
        assert!(text.contains(telling), "{text:?} does not say {telling:?}");
    }
}
