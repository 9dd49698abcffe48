//! The stages of a tile, forward and backward.

use core::{mem, ops::Range};

use super::{
    Network, Operands, ParamGradients, Scratch, StageGradients, TrainTile, gradients::ActivationGradients,
    operands::rows_mut,
};
use crate::{
    cpu::{simd::Simd, source::Part},
    plan::{Accumulate, Backward},
};

impl Scratch {
    /// Runs stages on the samples of a tile: all, or a run of them after those before.
    pub fn forward<S: Simd>(&mut self, s: S, network: Network<'_>, tile: &Part<'_>, stages: Range<usize>) {
        if stages.start == 0 {
            self.reserve(network, tile);
        }
        let scoring = tile.noise.is_none();
        for stage in stages {
            let is_wanted = match scoring {
                true => network.plan.is_scored(stage),
                false => {
                    let is_known = network.known_list.is_some_and(|known| known.stage == stage);
                    network.plan.is_trained(stage) && !is_known
                }
            };
            if is_wanted {
                self.forward_stage(s, network, tile, stage);
            }
        }
    }

    /// Runs a stage. The buffer of its output is taken out while it runs: no stage of a plan reads the buffer that it
    /// writes.
    fn forward_stage<S: Simd>(&mut self, s: S, network: Network<'_>, tile: &Part<'_>, index: usize) {
        let Some(view) = network.plan.stages()[index].output() else {
            return; // a loss: the backward pass computes it
        };
        let mut buffer = mem::take(&mut self.activations[view.buffer]);
        let output = rows_mut(&mut buffer, network.layout, view);
        let on = Operands::new(
            network,
            tile,
            &self.activations,
            (index, self.statistics[index]),
            Some(view),
        );
        self.stages[index].forward(s, &on, &mut self.work, output);
        self.activations[view.buffer] = buffer;
    }

    /// Runs a run of the backward stages after [`forward`](Scratch::forward) on the same samples.
    pub fn backward<S: Simd>(
        &mut self,
        s: S,
        network: Network<'_>,
        part: &Part<'_>,
        tile: &mut TrainTile<'_>,
        stages: Range<usize>,
    ) {
        for backward in &network.plan.backward()[stages] {
            self.backward_stage(s, network, part, tile, backward);
        }
    }

    fn backward_stage<S: Simd>(
        &mut self,
        s: S,
        network: Network<'_>,
        part: &Part<'_>,
        tile: &mut TrainTile<'_>,
        &Backward {
            stage: index,
            ref accumulate,
            params,
        }: &Backward,
    ) {
        let output = network.plan.stages()[index].output();
        let mut inputs = ActivationGradients {
            network,
            own: &mut self.gradients,
            shared: &mut tile.row_gradients,
        };
        let mut d = StageGradients {
            accumulate,
            output: inputs.take_out(output),
            inputs,
            params: ParamGradients {
                network,
                partial: tile.gradient,
                // Overwritten by the first stage, in the first tile of a partial, that has a part in them.
                accumulate: match tile.accumulate {
                    Accumulate::Overwrite => params,
                    Accumulate::Add => Accumulate::Add,
                },
            },
            targets: tile.targets,
            list: tile.list,
            list_accumulate: tile.accumulate,
            loss: tile.loss,
            auxiliary: tile.auxiliary,
        };
        let on = Operands::new(
            network,
            part,
            &self.activations,
            (index, self.statistics[index]),
            output,
        );
        self.stages[index].backward(s, &on, &mut self.work, &mut d);
        d.inputs.put_back(d.output);
    }
}
