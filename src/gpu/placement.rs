//! Where weights, biases and statistics lie in their buffer.

use super::layout::{Columns, Matrix};
use crate::{
    ops,
    plan::{Activation, ParamKind, Plan, Stage, View},
};

/// vec4s that a workgroup of `dense_update` takes; stages' parameters begin at multiples of it.
pub(super) const BLOCK: u32 = 16;

/// A matrix among the dense parameters, `Layer` in `shaders/dense_update.wgsl`.
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Layer {
    /// The first vec4.
    pub first: u32,
    /// Rows.
    pub outputs: u32,
    /// vec4s of its rows; 0 where there is none.
    pub inputs: u32,
    pub pad: u32,
}

/// All dense parameters side by side: first what is trained, stage after stage, so that one dispatch updates it; behind
/// that statistics and constants.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    /// All matrices; one that is empty where there is none, since shaders bind them.
    pub layers: Vec<Layer>,
    /// vec4s of what is trained.
    pub trained: u32,
    /// vec4s of all.
    pub total: u32,
    /// The first vec4 of each parameter; 0 for tables.
    pub at: Vec<u32>,
    /// vec4s of the buffer of transposed weights: those, then the folded weights of attention units.
    pub transposed: u32,
    /// For each weight of an attention unit, where what is folded of it begins there.
    pub folded: Vec<(usize, u32)>,
    /// For each output of a sigmoid, where there is a 1 for each of its columns, and 0 in the pads.
    pub ones: Vec<(View, u32)>,
}

impl Placement {
    pub fn new(plan: &Plan, columns: &Columns, matrices: &[Matrix]) -> Self {
        let mut placement = Placement {
            layers: Vec::new(),
            trained: 0,
            total: 0,
            at: vec![0; plan.params().len()],
            transposed: 0,
            folded: Vec::new(),
            ones: Vec::new(),
        };
        let mut placed = vec![false; plan.params().len()];
        let mut end = 0;
        for stage in plan.stages() {
            for param in stage.params() {
                if !std::mem::replace(&mut placed[param], true) {
                    placement.place(plan, param, &matrices[param], &mut end);
                }
            }
            end = end.next_multiple_of(BLOCK);
        }
        // Shaders bind the dense parameters also where a plan has none.
        placement.trained = end.max(BLOCK);
        if placement.layers.is_empty() {
            placement.layers.push(Layer {
                first: 0,
                outputs: 0,
                inputs: 0,
                pad: 0,
            });
        }
        let mut end = placement.trained;
        for (index, (param, matrix)) in plan.params().iter().zip(matrices).enumerate() {
            if param.kind == ParamKind::Statistic {
                placement.at[index] = end;
                end += matrix.stride;
            }
        }
        for output in plan.stages().iter().filter_map(sigmoid_output) {
            placement.ones.push((output, end));
            end += columns.range(output).width;
        }
        placement.total = end;
        placement.transposed = placement.trained;
        for stage in plan.stages() {
            if let Stage::AttentionUnit(ops::AttentionUnit { weight, .. }) = *stage {
                placement.folded.push((weight, placement.transposed));
                // Three of the four parts are left, and each is there transposed too.
                let matrix = &matrices[weight];
                placement.transposed += 2 * 3 * (matrix.stride / 4) * matrix.device_rows;
            }
        }
        placement
    }

    /// Where the folded parts of an attention unit's weight begin; 0 of others.
    pub fn folded(&self, weight: usize) -> u32 {
        let found = self.folded.iter().find(|(of, _)| *of == weight);
        found.map_or(0, |(_, at)| *at)
    }

    /// Where the ones of a sigmoid's output are; 0 of others.
    pub fn ones(&self, output: View) -> u32 {
        let found = self.ones.iter().find(|(of, _)| *of == output);
        found.map_or(0, |(_, at)| *at)
    }

    fn place(&mut self, plan: &Plan, param: usize, matrix: &Matrix, end: &mut u32) {
        self.at[param] = *end;
        if !plan.params()[param].is_vector {
            self.layers.push(Layer {
                first: *end,
                outputs: matrix.device_rows,
                inputs: matrix.stride,
                pad: 0,
            });
        }
        *end += matrix.device_rows * matrix.stride;
    }
}

fn sigmoid_output(stage: &Stage) -> Option<View> {
    match *stage {
        Stage::Linear(ops::Linear {
            output,
            activation: Activation::Sigmoid,
            ..
        })
        | Stage::AttentionUnit(ops::AttentionUnit {
            output,
            activation: Activation::Sigmoid,
            ..
        }) => Some(output),
        _ => None,
    }
}
