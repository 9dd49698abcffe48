//! Batches that were changed after they were sorted, and labels and numbers that nothing can be learnt from.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::Batch,
    executor::Executor,
    reference::Reference,
};

use crate::{
    alike,
    common::{self, random_batch, trained_state},
    executors, plan, refused, step,
};

/// Every call that allows ids to be changed drops the order: an edited id would be updated as another row.
#[test]
fn batch_that_was_edited_after_it_was_sorted() {
    type Edit = fn(&mut Batch);
    let edits: [(&str, Edit); 7] = [
        ("id", |batch| batch.ids_mut(0)[3] = 5),
        ("id of no row", |batch| batch.ids_mut(1)[9] = u32::MAX),
        ("ids and weights", |batch| batch.ids_and_weights_mut(1).0[0] = 3),
        ("shorter", |batch| batch.ids_mut(0).truncate(4)),
        ("longer", |batch| batch.ids_mut(0).extend([1, 2])),
        ("pushed", |batch| batch.push(&[1, 1], 0.0)),
        ("looked at only", |batch| _ = batch.ids_mut(0)),
    ];
    for (what, edit) in edits {
        let mut batch = random_batch(&plan(), 10, 3);
        assert!(batch.is_sorted());
        edit(&mut batch);
        assert!(!batch.is_sorted(), "{what}");
        // The order of other ids is not there to be read either.
        let mut columns = batch.columns().iter();
        assert!(
            columns.all(|column| column.order.is_empty() && column.segments.is_empty()),
            "{what}"
        );
        let state = trained_state(&plan(), 0.5, 5, 1);
        let mut executor = CpuExecutor::new(plan(), state.clone(), Isa::available()[0], 1).unwrap();
        assert!(step(&mut executor, &batch).is_err(), "{what}");
        assert!(executor.state().wait().unwrap() == state, "{what}");
        // Sorted again it is taken, or refused for what it is.
        batch.sort();
        let fits = !["id of no row", "shorter", "longer"].contains(&what);
        assert_eq!(step(&mut executor, &batch).is_ok(), fits, "{what}");
        step(&mut executor, &random_batch(&plan(), 20, 1)).unwrap();
    }
    let mut ragged = random_batch(&plan(), 2, 3);
    ragged.push(&[1, 2, 3], 0.0);
    ragged.sort();
    refused(&["pushed with other than 2 ids"], |executor| step(executor, &ragged));
    ragged.clear();
    ragged.push(&[1, 2], 0.0);
    ragged.sort();
    executors()
        .iter_mut()
        .for_each(|executor| step(&mut **executor, &ragged).unwrap());
}

#[test]
fn labels_and_numbers_that_cannot_be_learnt_from() {
    for (at, label) in [(0, f32::NAN), (7, -0.1), (8, 1.5), (19, f32::INFINITY), (3, -f32::NAN)] {
        let mut batch = random_batch(&plan(), 20, 3);
        batch.labels_mut()[at] = label;
        let telling = [&format!("label of sample {at}: {label} is not in 0..=1")[..]];
        refused(&telling, |executor| step(executor, &batch));
        // What is scored has no label.
        let scored = alike(|executor| executor.score_batch(&batch, &mut [0.0; 20]).wait().is_ok());
        assert!(scored);
    }
    let mut ends = random_batch(&plan(), 20, 3);
    ends.labels_mut()[..2].copy_from_slice(&[-0.0, 1.0]);
    executors()
        .iter_mut()
        .for_each(|executor| step(&mut **executor, &ends).unwrap());
    for (_, plan) in common::feature_plans() {
        let state = common::random_state(&plan, 0.3, 1);
        let width = plan.numerics();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let good = random_batch(&plan, 20, 3);
            let mut batches = Vec::new();
            if width > 0 {
                let mut batch = good.clone();
                batch.numeric_mut()[7 * width + width - 1] = bad;
                batches.push((batch, format!("numeric feature {} of sample 7: {bad}", width - 1)));
            }
            if let Some(column) = plan.columns().iter().position(|column| column.weighted) {
                let mut batch = good.clone();
                batch.ids_and_weights_mut(column).1[2] = bad;
                batch.sort();
                batches.push((
                    batch,
                    format!("weight of id 2 of {}: {bad}", plan.columns()[column].name),
                ));
            }
            for (batch, telling) in batches {
                let mut executor = CpuExecutor::new(plan.clone(), state.clone(), Isa::available()[0], 1).unwrap();
                let mut reference = Reference::new(&plan, &state).unwrap();
                for executor in [&mut executor as &mut dyn Executor, &mut reference] {
                    let mut out = [0.0; 20];
                    for result in [step(executor, &batch), executor.score_batch(&batch, &mut out).wait()] {
                        let text = result.unwrap_err().to_string();
                        assert!(text.contains(&telling), "{text} does not say {telling}");
                    }
                    step(executor, &good).unwrap();
                }
            }
        }
    }
}
