//! Means of parameters over epochs.

use pocketrec::plan::State;

/// The parameters alone.
pub fn values(state: &State) -> Vec<Vec<f32>> {
    state.tensors.iter().map(|tensor| tensor.value.clone()).collect()
}

/// Holds what a trainer shows and saves against the states that training without averaging went through: the mean of
/// their parameters, and the last one's moments and step count.
#[track_caller]
pub fn shows_mean(seen: &State, saved: Option<Vec<Vec<f32>>>, snapshots: &[State]) {
    is_mean(seen, snapshots);
    assert_eq!(saved, Some(values(seen)));
    let training = snapshots.last().unwrap();
    assert_eq!(seen.step, training.step);
    for (seen, training) in seen.tensors.iter().zip(&training.tensors) {
        assert_eq!((&seen.m, &seen.v), (&training.m, &training.v));
    }
}

/// Holds `got` against the mean of what a trainer without averaging went through.
#[track_caller]
pub fn is_mean(got: &State, snapshots: &[State]) {
    let count = snapshots.len() as f64;
    for (index, tensor) in got.tensors.iter().enumerate() {
        for (at, &got) in tensor.value.iter().enumerate() {
            let all = snapshots.iter().map(|state| f64::from(state.tensors[index].value[at]));
            let mean = all.clone().sum::<f64>() / count;
            let largest = all.fold(0.0, |largest: f64, value| largest.max(value.abs()));
            let roundings = 0.5 * (count + 1.0) * largest * f64::from(f32::EPSILON) / 2.0;
            let error = (f64::from(got) - mean).abs();
            assert!(
                error <= roundings,
                "parameter {index}, {at}: {got} for {mean}, {roundings}"
            );
        }
    }
}
