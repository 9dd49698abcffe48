//! Pair with next: the state at each step of a history beside the item of the step after it.
//!
//! `output[t] = [states[t], items[t + 1]]` where `t + 1` is a step of the same sample; 0 at a sample's last step, after
//! which there is none. Sample `s` has the steps `offsets[s]..offsets[s + 1]`. `states` and `items` are `[steps, width]`,
//! each of its own width, `output` is as wide as both.
//!
//! Backward: the two parts of a row's gradient go to `states[t]` and to `items[t + 1]`; `items` at a sample's first step
//! have 0, and so have `states` at its last.

use alloc::{vec, vec::Vec};

use super::{
    attention::samples,
    op::{Op, Role, Spaces},
    specification::{Context, Specification},
};
use crate::view::{Space, View};

/// `output[t] = [state[t], item[t + 1]]`: each step's state beside what comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairWithNext {
    /// The states, and the items.
    pub inputs: [View; 2],
    /// As wide as both together.
    pub output: View,
}

impl Op for PairWithNext {
    fn name(&self) -> &'static str {
        "pair_with_next"
    }

    fn inputs(&self) -> &[View] {
        &self.inputs
    }

    fn params(&self) -> Vec<usize> {
        Vec::new()
    }

    fn output(&self) -> Option<View> {
        Some(self.output)
    }

    fn role(&self) -> Role {
        Role::Layer
    }

    fn spaces(&self, _space_of: &dyn Fn(View) -> Space) -> Spaces {
        Spaces::OneSequence
    }

    fn multiply_adds(&self, _rows: &dyn Fn(View) -> usize) -> usize {
        0
    }
}

impl Specification for PairWithNext {
    fn forward(&self, on: &dyn Context) -> Vec<f64> {
        let [states, items] = self.inputs.map(|view| on.read(view));
        forward(
            &states,
            &items,
            on.offsets(self.output),
            self.inputs.map(|view| view.width),
        )
    }

    fn backward(&self, on: &dyn Context, d_output: &[f64], _d_params: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
        backward(d_output, on.offsets(self.output), self.inputs.map(|view| view.width)).into()
    }
}

/// The output, `[steps, widths[0] + widths[1]]`.
///
/// ```
/// use pocketrec::ops::pair_with_next;
/// let (states, items) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
/// assert_eq!(pair_with_next::forward(&states, &items, &[0, 2, 3], [1, 1]), [1.0, 5.0, 0.0, 0.0, 0.0, 0.0]);
/// ```
pub fn forward(states: &[f64], items: &[f64], offsets: &[u32], [hidden, width]: [usize; 2]) -> Vec<f64> {
    let steps = offsets.last().map_or(0, |&steps| steps as usize);
    let mut output = vec![0.0; steps * (hidden + width)];
    for t in samples(offsets).flat_map(|steps| steps.start..steps.end.saturating_sub(1)) {
        let row = &mut output[t * (hidden + width)..][..hidden + width];
        row[..hidden].copy_from_slice(&states[t * hidden..][..hidden]);
        row[hidden..].copy_from_slice(&items[(t + 1) * width..][..width]);
    }
    output
}

/// The gradients of `states` and of `items`, from `output_gradient` `[steps, widths[0] + widths[1]]`.
///
/// ```
/// use pocketrec::ops::pair_with_next;
/// let [states, items] = pair_with_next::backward(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0, 2, 3], [1, 1]);
/// assert_eq!((states, items), (vec![1.0, 0.0, 0.0], vec![0.0, 2.0, 0.0]));
/// ```
pub fn backward(output_gradient: &[f64], offsets: &[u32], [hidden, width]: [usize; 2]) -> [Vec<f64>; 2] {
    let steps = offsets.last().map_or(0, |&steps| steps as usize);
    let (mut of_states, mut of_items) = (vec![0.0; steps * hidden], vec![0.0; steps * width]);
    for t in samples(offsets).flat_map(|steps| steps.start..steps.end.saturating_sub(1)) {
        let row = &output_gradient[t * (hidden + width)..][..hidden + width];
        of_states[t * hidden..][..hidden].copy_from_slice(&row[..hidden]);
        of_items[(t + 1) * width..][..width].copy_from_slice(&row[hidden..]);
    }
    [of_states, of_items]
}
