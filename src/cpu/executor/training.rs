//! The two phases of a training step.

use core::ops::Range;

use super::{CpuExecutor, MAX_PARTIALS, Propagated, network, step::Moves};
use crate::{
    cpu::{
        adam::Update,
        linear::READ_AHEAD,
        prepare::Pass,
        simd::{Simd, dispatch},
        softmax_cross_entropy::front,
        source::{Part, Source},
        tile::{Network, Normalised, SPACES, Scratch, Sums, Targets, TrainTile, normalised},
        update::{UpdateContext, UpdateTask, push_propagated, push_table, slots},
    },
    data::Batch,
    plan::{Accumulate, L2, MAX_SEQUENCES, Optimizer, ParamKind, Space},
};

impl CpuExecutor {
    /// Tiles of each partial: the weights' gradient is written once a partial, so wide layers want few.
    pub(super) fn partials_of(&self, rows: usize) -> (usize, usize) {
        let tiles = rows.div_ceil(self.tile_rows);
        let per_partial = tiles.div_ceil(MAX_PARTIALS).max(1);
        (tiles.div_ceil(per_partial), per_partial * self.tile_rows)
    }

    pub(super) fn run_tiles(&mut self, batch: &Batch, prefetch: &mut (dyn FnMut() + Send), moves: Moves) {
        let strides = &self.layout.row_gradient_strides;
        for ((space, gradient), stride) in spaces().zip(&mut self.row_gradients).zip(strides) {
            let needed = training_part(batch, 0..batch.len()).rows(space).len() * stride + READ_AHEAD;
            if gradient.len() < needed {
                gradient.resize(needed);
            }
        }
        let passes = self.passes_of(batch).len();
        let tiles = match passes {
            1 => 0, // a thread's own scratch does
            _ => batch.len().div_ceil(self.tile_rows),
        };
        while self.tiles.len() < tiles {
            self.tiles.push(self.scratch[0].clone());
        }
        self.begin_list(batch);
        let mut losses = [[0.0; 2]; MAX_PARTIALS];
        let first = self.passes_of(batch)[0].clone();
        self.run_pass(batch, (&first, moves), tiles, prefetch, &mut losses);
        for pass in 1..passes {
            let pass = self.passes_of(batch)[pass].clone();
            self.run_pass(batch, (&pass, moves), tiles, &mut || (), &mut losses);
        }
        self.end_list(batch);
        let total = |kind: usize| losses.iter().map(|losses| losses[kind]).sum::<f64>();
        let samples = batch.len();
        self.loss.sum += total(0);
        self.loss.samples += samples as u64;
        self.auxiliary.sum += total(1) * samples as f64;
        self.auxiliary.samples += samples as u64;
    }

    /// The passes of a step on a batch.
    pub(super) fn passes_of(&self, batch: &Batch) -> &[Pass] {
        match batch.holds_statistics() {
            true => &self.held_passes,
            false => &self.passes,
        }
    }

    /// Takes all tiles through a pass, `tiles` of them with scratch of their own, and adds up what it leaves.
    fn run_pass(
        &mut self,
        batch: &Batch,
        (pass, moves): (&Pass, Moves),
        tiles: usize,
        prefetch: &mut (dyn FnMut() + Send),
        losses: &mut [[f64; 2]; MAX_PARTIALS],
    ) {
        let rows = batch.len();
        let (partials, rows_each) = self.partials_of(rows);
        let (mut sums, sum_len) = match self.known_list {
            Some(_) => (self.blocks.take_sums(), self.blocks.sum_len()),
            None => Default::default(),
        };
        let mut rest = &mut sums[..];
        let strides = &self.layout.row_gradient_strides;
        let network = Network {
            statistics: match batch.holds_statistics() {
                true => &[],
                false => &self.statistics,
            },
            blocks: Some(&self.blocks),
            known_list: self.known_list.as_ref(),
            by_place: true,
            ..network!(self)
        };
        let mut tiles = self.tiles[..tiles].chunks_mut(rows_each / self.tile_rows);
        let mut tasks: [Option<TileTask<'_>>; MAX_PARTIALS + 1] = [const { None }; MAX_PARTIALS + 1];
        tasks[0] = Some(TileTask::Prefetch(prefetch));
        let mut row_gradients: [&mut [f32]; SPACES] = [(); SPACES].map(|()| &mut [][..]);
        for (all, gradient) in row_gradients.iter_mut().zip(&mut self.row_gradients) {
            *all = gradient;
        }
        let pair_scales = pair_scales(batch);
        for (index, (partial, loss)) in self.partials[..partials].iter_mut().zip(losses).enumerate() {
            let part = training_part(batch, index * rows_each..((index + 1) * rows_each).min(rows));
            let own = split_rows(&mut row_gradients, &part, strides);
            let gradient = match moves {
                Moves::All => {
                    partial.resize(self.dense_len);
                    &mut partial[..]
                }
                Moves::Tables => &mut [],
            };
            tasks[index + 1] = Some(TileTask::Train {
                part,
                row_gradients: own,
                gradient,
                list: front(&mut rest, sum_len),
                loss,
                tiles: tiles.next().unwrap_or_default(),
            });
        }
        let (tile_rows, proof) = (self.tile_rows, self.proof);
        // With tables alone nothing is to be filled beside.
        let first = usize::from(moves == Moves::Tables);
        self.pool
            .for_each(&mut self.scratch, &mut tasks[first..=partials], |scratch, task| match task {
                None => {}
                Some(TileTask::Prefetch(f)) => f(),
                Some(TileTask::Train {
                    part,
                    row_gradients,
                    gradient,
                    list,
                    loss,
                    tiles,
                }) => dispatch!(proof, s => {
                    let scratch = if tiles.is_empty() { core::slice::from_mut(scratch) } else { tiles };
                    let found = train_partial(
                        s, network, batch, pair_scales, part, (pass, tile_rows), scratch, row_gradients, (gradient, list),
                    );
                    for (loss, found) in loss.iter_mut().zip(found) {
                        *loss += found;
                    }
                }),
            });
        if self.known_list.is_some() {
            self.blocks.put_sums(sums);
        }
        self.add_up(batch, pass.then);
    }

    /// Merges the sums that the tiles have of a pass.
    fn add_up(&mut self, batch: &Batch, then: Sums) {
        if let Sums::Lists { stage } = then {
            return self.run_lists(batch, stage);
        }
        let (Sums::Moments { stage, statistics } | Sums::Gradients { stage, statistics }) = then else {
            return;
        };
        let Some(Normalised {
            mean,
            variance,
            input,
            momentum,
            ..
        }) = normalised(&self.plan.stages()[stage])
        else {
            return;
        };
        let (rows, space) = (batch.len(), self.plan.space(input.buffer));
        let firsts = (0..rows).step_by(self.tile_rows);
        let tiles = firsts.zip(&self.tiles).map(|(first, tile)| {
            let part = training_part(batch, first..(first + self.tile_rows).min(rows));
            (part.rows(space).len(), tile.sums())
        });
        let statistics = &mut self.statistics[statistics];
        if let Sums::Gradients { .. } = then {
            return statistics.set_gradients(tiles.map(|(_, sums)| sums));
        }
        statistics.set_moments(tiles);
        let [mut means, mut variances] = [mean, variance].map(|param| core::mem::take(&mut self.tensors[param].value));
        statistics.update_running(momentum, &mut means, &mut variances);
        self.tensors[mean].value = means;
        self.tensors[variance].value = variances;
    }

    pub(super) fn run_updates(&mut self, batch: &Batch, optimizer: &Optimizer, l2: L2, moves: Moves) {
        let every_row = optimizer.moves_every_row(l2);
        let (partials, _) = self.partials_of(batch.len());
        let mut gradients: [&[f32]; MAX_PARTIALS] = [&[]; MAX_PARTIALS];
        for (slice, partial) in gradients.iter_mut().zip(&self.partials) {
            *slice = partial;
        }
        let context = UpdateContext {
            batch,
            partials: &gradients[..partials],
            row_gradients: &self.row_gradients,
            row_gradient_strides: &self.layout.row_gradient_strides,
            update: Update::new(optimizer, self.step),
            l2,
            every_row,
            shared: self.pool.threads() > 1,
            last_product: None,
        };
        // What a tile's samples move in tables takes one thread less time than another to come.
        let is_small = moves == Moves::Tables && partials == 1 && !every_row;
        let pieces = match self.pool.threads() {
            1 => 1,
            _ if is_small => 1,
            threads => 2 * threads,
        };
        if let Some(propagated) = &mut self.propagated {
            let workers = (&mut self.pool, &mut self.scratch[..], self.proof);
            Self::propagate_back(propagated, context, &self.table_sources, workers);
        }
        let last_product = self.propagated.as_ref().and_then(Propagated::last_product);
        let context = UpdateContext {
            last_product,
            ..context
        };
        let mut tasks = self.update_tasks.take();
        let params = self.plan.params().iter().zip(&mut self.tensors);
        for (index, ((param, tensor), packed)) in params.zip(&mut self.packed).enumerate() {
            match param.kind {
                ParamKind::Statistic => {} // moved with the tiles
                ParamKind::Dense if moves == Moves::Tables => {}
                ParamKind::Dense => tasks.push(UpdateTask::Dense {
                    slots: slots(tensor),
                    packed,
                    offset: self.dense_offsets[index],
                }),
                ParamKind::Table { .. } => {
                    let runs = self
                        .propagated
                        .as_ref()
                        .and_then(|propagated| propagated.runs_of(index));
                    if let Some((runs, first)) = runs {
                        push_propagated(&mut tasks, slots(tensor), param.width, first, runs);
                        continue;
                    }
                    let rows = tensor.value.len() / param.width; // fewer than the table has, where ids are places
                    let (shape, sources) = ([rows, param.width], &self.table_sources[index]);
                    push_table(&mut tasks, slots(tensor), shape, sources, context, pieces);
                }
            }
        }
        let proof = self.proof;
        let run = |scratch: &mut Scratch, task: &mut UpdateTask<'_>| {
            dispatch!(proof, s => task.run(s, context, scratch.work()));
        };
        match is_small {
            true => tasks.iter_mut().for_each(|task| run(&mut self.scratch[0], task)),
            false => self.pool.for_each(&mut self.scratch, &mut tasks, run),
        }
        self.update_tasks.put(tasks);
        if let Some(propagated) = &mut self.propagated {
            propagated.unpick();
        }
    }
}

/// A piece of the first phase.
#[allow(clippy::large_enum_variant)] // a few a step, on the stack
enum TileTask<'a> {
    Prefetch(&'a mut (dyn FnMut() + Send)),
    Train {
        part: Part<'a>,
        row_gradients: [&'a mut [f32]; SPACES],
        gradient: &'a mut [f32],
        /// That of a known list.
        list: &'a mut [f32],
        /// The main one and the auxiliary one.
        loss: &'a mut [f64; 2],
        /// One a tile, or none where a thread's own does.
        tiles: &'a mut [Scratch],
    },
}

/// Samples of a batch to train on.
pub(super) fn training_part(batch: &Batch, samples: Range<usize>) -> Part<'_> {
    Part {
        source: Source::Batch(batch),
        samples,
        noise: Some(batch.noise()),
    }
}

/// The spaces there can be, by index.
pub(super) fn spaces() -> impl Iterator<Item = Space> {
    core::iter::once(Space::Samples).chain((0..).map(Space::Steps))
}

/// Takes the rows of a part off the front of each space's gradient.
fn split_rows<'a>(
    gradients: &mut [&'a mut [f32]; SPACES],
    part: &Part<'_>,
    strides: &[usize],
) -> [&'a mut [f32]; SPACES] {
    let mut own: [&mut [f32]; SPACES] = [(); SPACES].map(|()| &mut [][..]);
    for (((space, own), rest), stride) in spaces().zip(&mut own).zip(gradients).zip(strides) {
        let (front, back) = core::mem::take(rest).split_at_mut(part.rows(space).len() * stride);
        (*own, *rest) = (front, back);
    }
    own
}

/// 1 / pairs of neighbouring steps of each sequence, which the auxiliary loss is a mean over.
fn pair_scales(batch: &Batch) -> [f32; MAX_SEQUENCES] {
    let mut scales = [1.0; MAX_SEQUENCES];
    for (sequence, scale) in (0..batch.sequences()).zip(&mut scales) {
        let lengths = batch.offsets(sequence).windows(2).map(|pair| pair[1] - pair[0]);
        let pairs: usize = lengths.map(|steps| steps.saturating_sub(1) as usize).sum();
        *scale = 1.0 / pairs.max(1) as f32;
    }
    scales
}

/// Runs a pass over the tiles of one partial; returns the sum of their losses, and of their auxiliary losses. `scratch`
/// is one for all tiles, or one for each.
#[allow(clippy::too_many_arguments)] // what a tile reads, and what it writes
fn train_partial<S: Simd>(
    s: S,
    network: Network<'_>,
    batch: &Batch,
    pair_scales: [f32; MAX_SEQUENCES],
    part: &Part<'_>,
    (pass, tile_rows): (&Pass, usize),
    scratch: &mut [Scratch],
    row_gradients: &mut [&mut [f32]; SPACES],
    (gradient, list): (&mut [f32], &mut [f32]),
) -> [f64; 2] {
    let ([mut loss, mut auxiliary], mut accumulate) = ([0.0; 2], Accumulate::Overwrite);
    let mut rest = row_gradients.each_mut().map(|gradient| &mut **gradient);
    for (index, first) in part.samples.clone().step_by(tile_rows).enumerate() {
        let scratch = &mut scratch[if scratch.len() > 1 { index } else { 0 }];
        let tile = Part {
            samples: first..(first + tile_rows).min(part.samples.end),
            ..part.clone()
        };
        scratch.forward(s, network, &tile, pass.forward.clone());
        let mut train = TrainTile {
            targets: Targets {
                labels: &batch.labels()[tile.samples.clone()],
                weights: batch.weights().get(tile.samples.clone()).unwrap_or_default(),
                scale: 1.0 / batch.len() as f32,
                pair_scales: &pair_scales,
            },
            row_gradients: split_rows(&mut rest, &tile, &network.layout.row_gradient_strides),
            gradient,
            list,
            loss: &mut loss,
            auxiliary: &mut auxiliary,
            accumulate,
        };
        scratch.backward(s, network, &tile, &mut train, pass.backward.clone());
        scratch.add_up(s, network, &tile, pass.then);
        accumulate = Accumulate::Add;
    }
    [loss, auxiliary]
}
