//! The table of cases ([`common::cases`], in `tests/cases/table`), run by everything that runs plans.

#[path = "../common/mod.rs"]
mod common;

mod cpu;
mod determinism;
#[cfg(feature = "gpu")]
mod gpu;
mod specification;
mod stored;

use common::cases::op_cases;
use pocketrec::plan::{L2, Stage};

const WITHOUT_L2: L2 = L2 {
    tables: 0.0,
    per_row: 0.0,
    dense: 0.0,
};

/// What no test of a case can see: an operation that is in no case.
#[test]
fn every_operation_has_a_row() {
    let cases = op_cases();
    for op in Stage::KINDS {
        let runs = |stage: &Stage| stage.kind() == *op;
        let has = |case: &&common::cases::Case| {
            let named = case.plan.stages().iter().find(|stage| runs(stage));
            named.is_some_and(|stage| case.name.starts_with(&format!("{}: ", stage.name())))
        };
        assert!(
            cases.iter().any(|case| has(&case)),
            "no row of tests/cases/table/ops.rs is for {op}"
        );
    }
}
