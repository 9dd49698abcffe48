//! The specification's gradients against finite differences of what it computes.

use pocketrec::data::Batch;

use crate::common::{
    cases::{Case, cases, op_cases},
    differences::{WITH_AND_WITHOUT_L2, check_gradients},
    odd_models, random_batch,
};

#[test]
fn gradients_are_those_of_finite_differences() {
    for case in cases([9, 12], [4, 3]).iter().filter(|case| !case.rounds) {
        for l2 in WITH_AND_WITHOUT_L2 {
            check_gradients(&case.name, &case.plan, &case.batch(13, 3), l2);
        }
    }
}

/// A batch of one sample, with a history of at least two steps. What is normalised by statistics of one row is zero.
#[test]
fn of_a_single_sample_too() {
    let normalises = |case: &Case| case.plan.stages().iter().any(|stage| stage.kind() == "BatchNorm");
    for case in op_cases().iter().filter(|case| !normalises(case) && !case.rounds) {
        let has_steps = |batch: &Batch| (0..batch.sequences()).all(|sequence| batch.offsets(sequence)[1] > 1);
        let batch = (0..).map(|seed| case.batch(1, seed)).find(has_steps).unwrap();
        for l2 in WITH_AND_WITHOUT_L2 {
            check_gradients(&case.name, &case.plan, &batch, l2);
        }
    }
    for (name, plan) in odd_models(9, 12) {
        for l2 in WITH_AND_WITHOUT_L2 {
            check_gradients(name, &plan, &random_batch(&plan, 1, 3), l2);
        }
    }
}
