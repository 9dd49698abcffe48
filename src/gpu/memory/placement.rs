//! Where weights, biases and statistics lie in their buffer.

use crate::gpu::shapes::uniform;
use crate::{
    gpu::memory::layout::{Columns, matrix::Matrix, needs::Needs},
    plan::{ParamKind, Plan, View},
};

/// vec4s that a workgroup of `dense_update` takes; stages' parameters begin at multiples of it.
pub(crate) const BLOCK: u32 = 16;

uniform! {
    pub(crate) struct Layer as Layer {
        /// The first vec4.
        pub first: u32,
        /// Rows.
        pub outputs: u32,
        /// vec4s of its rows; 0 where there is none.
        pub inputs: u32,
        pub pad: u32,
    }
}

/// All dense parameters side by side: first what is trained, stage after stage, so that one dispatch updates it; behind
/// that statistics and constants.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    /// All matrices; one that is empty where there is none, since shaders bind them.
    pub layers: Vec<Layer>,
    /// vec4s of what is trained.
    pub trained: u32,
    /// vec4s of all.
    pub total: u32,
    /// The first vec4 of each parameter that is trained or kept here: no table's.
    at: Vec<Option<u32>>,
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
            at: vec![None; plan.params().len()],
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
                placement.at[index] = Some(end);
                end += matrix.stride;
            }
        }
        for output in columns.needs().iter().filter_map(Needs::sigmoid_output) {
            placement.ones.push((output, end));
            end += columns.range(output).width;
        }
        placement.total = end;
        placement.transposed = placement.trained;
        for weight in columns.needs().iter().filter_map(|needs| needs.folded) {
            placement.folded.push((weight, placement.transposed));
            // Three of the four parts are left, and each is there transposed too.
            let matrix = &matrices[weight];
            placement.transposed += 2 * 3 * (matrix.stride / 4) * matrix.device_rows;
        }
        placement
    }

    /// The first vec4 of a parameter, if it lies here.
    pub fn at(&self, param: usize) -> Option<u32> {
        self.at[param]
    }

    /// Where the folded parts of a weight begin, if a stage has asked for them.
    pub fn folded(&self, weight: usize) -> Option<u32> {
        let found = self.folded.iter().find(|(of, _)| *of == weight);
        found.map(|(_, at)| *at)
    }

    /// Where the ones of a sigmoid's output are.
    pub fn ones(&self, output: View) -> Option<u32> {
        let found = self.ones.iter().find(|(of, _)| *of == output);
        found.map(|(_, at)| *at)
    }

    fn place(&mut self, plan: &Plan, param: usize, matrix: &Matrix, end: &mut u32) {
        self.at[param] = Some(*end);
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
