//! A fixed amount of work in sections, whose instructions callgrind counts: `run.sh` compares them to the committed
//! baseline. Counts, unlike times, do not depend on what else the machine does.
//!
//! A section runs within [`counted_work`], on data that is ready and warm. Callgrind counts between its entry and its
//! return (`--toggle-collect`) and writes a file after each section ([`write_counts`], `--dump-before`); the sections'
//! names are printed in the same order.

#[path = "../common/mod.rs"]
mod common;

use std::hint::black_box;

use common::{
    attention_unit::Unit,
    clicks::{Clicks, DIEN16, DIN16},
    data::{Aligned, Sizes},
    gru,
    models::{PAPER8, PAPER64, Train, Workload},
    tiles::TILE,
};
use pocketrec::{
    cpu::{
        Isa, Simd,
        adam::{Slots, Update, dense_update},
        bpr, gather,
        linear::{self, PackedWeight, READ_AHEAD, WeightGradient},
        product,
        row_update::{RowStep, TableRows, sparse},
        sigmoid_cross_entropy,
    },
    data::{Batch, Sampler},
    executor::Executor,
    plan::{Accumulate, Activation, AdamConfig, GruKind, L2, Optimizer},
    rng::Rng,
};

/// Samples of a batch.
const BATCH: usize = 256;

fn section(name: &str, mut work: impl FnMut()) {
    println!("{name}");
    counted_work(&mut work);
    write_counts();
}

/// Callgrind counts within this function, which it knows by its name.
#[inline(never)]
fn counted_work(work: &mut dyn FnMut()) {
    work();
    black_box(()); // no tail call: the function must be left
}

/// Callgrind writes its counts before this function.
#[inline(never)]
fn write_counts() {
    black_box(());
}

/// A linear layer on a tile.
struct Layer {
    outputs: usize,
    inputs: usize,
    weight: Aligned,
    packed: PackedWeight,
    bias: Aligned,
    x: Aligned,
    y: Aligned,
    dx: Aligned,
    dy: Aligned,
    d_weight: Aligned,
    d_bias: Aligned,
}

impl Layer {
    fn new<S: Simd>(s: S, outputs: usize, inputs: usize) -> Self {
        let weight = Aligned::random(outputs * inputs, 1);
        let mut packed = PackedWeight::new(s, outputs, inputs);
        packed.pack(s, &weight);
        Layer {
            outputs,
            inputs,
            weight,
            packed,
            bias: Aligned::random(outputs, 2),
            x: Aligned::random(TILE * inputs + READ_AHEAD, 3),
            y: Aligned::random(TILE * outputs, 4),
            dx: Aligned::zeros(TILE * inputs),
            dy: Aligned::random(TILE * outputs, 5),
            d_weight: Aligned::zeros(outputs * inputs),
            d_bias: Aligned::zeros(outputs),
        }
    }

    fn forward<S: Simd>(&mut self, s: S) {
        let (x, y) = (self.x.rows(self.inputs), self.y.rows_mut(self.outputs));
        linear::forward(s, TILE, x, &self.packed, &self.bias, Activation::Relu, y);
        black_box(&mut self.y[..]);
    }

    fn backward<S: Simd>(&mut self, s: S) {
        let gradient = WeightGradient {
            weight: &mut self.d_weight,
            bias: &mut self.d_bias,
            accumulate: Accumulate::Add,
        };
        let (x, y) = (self.x.rows(self.inputs), self.y.rows(self.outputs));
        let (dy, dx) = (self.dy.rows_mut(self.outputs), self.dx.rows_mut(self.inputs));
        linear::backward(
            s,
            TILE,
            x,
            &self.packed,
            y,
            Activation::Relu,
            dy,
            gradient,
            dx,
            Accumulate::Overwrite,
        );
        black_box((&mut self.dx[..], &mut self.d_weight[..]));
    }

    fn product<S: Simd>(&mut self, s: S) {
        let width = self.outputs;
        product::forward(
            s,
            TILE,
            self.y.rows(width),
            self.dy.rows(width),
            self.dx.rows_mut(width),
        );
        black_box(&mut self.dx[..]);
    }
}

/// A table with moments and a batch that picks from it.
struct Table {
    width: usize,
    batch: Batch,
    value: Aligned,
    m: Aligned,
    v: Aligned,
    gradients: Aligned,
    output: Aligned,
}

impl Table {
    fn new(rows: usize, width: usize) -> Self {
        Table {
            width,
            batch: batch(&[rows]),
            value: Aligned::random(rows * width, 1),
            m: Aligned::zeros(rows * width),
            v: Aligned::zeros(rows * width),
            gradients: Aligned::random(BATCH * width, 2),
            output: Aligned::zeros(BATCH * width),
        }
    }

    fn look_up<S: Simd>(&mut self, s: S) {
        let ids = &self.batch.column(0).ids;
        gather::forward(s, &self.value, ids, self.output.rows_mut(self.width));
        black_box(&mut self.output[..]);
    }

    fn update<S: Simd>(&mut self, s: S) {
        let (column, width) = (self.batch.column(0), self.width);
        let slots = Slots {
            value: &mut self.value,
            m: &mut self.m,
            v: &mut self.v,
        };
        let step = RowStep {
            update: Update::new(&Optimizer::default(), 1000),
            per_sample: 0.0,
            per_row: 0.0,
            shared: false,
        };
        let rows = TableRows { slots, first: 0, width };
        let gradients = self.gradients.rows(width);
        sparse(s, step, column, 0..column.segments.len(), gradients, rows);
        black_box(&mut self.value[..]);
    }

    fn update_all<S: Simd>(&mut self, s: S) {
        let slots = Slots {
            value: &mut self.value,
            m: &mut self.m,
            v: &mut self.v,
        };
        let partials = [&self.gradients[..], &self.gradients[..]];
        dense_update(s, Update::new(&Optimizer::default(), 1000), 0.0, slots, &partials, 0);
        black_box(&mut self.value[..]);
    }

    fn loss<S: Simd>(&mut self, s: S) {
        let (logits, gradients) = (self.value.rows(1), self.output.rows_mut(1));
        let labels = self.batch.labels();
        black_box(sigmoid_cross_entropy::forward_backward(
            s, logits, labels, 1.0, gradients,
        ));
    }

    fn loss_of_pairs<S: Simd>(&mut self, s: S) {
        let (logits, gradients) = ([self.value.rows(1), self.m.rows(1)], self.output.rows_mut(1));
        black_box(bpr::forward_backward(s, BATCH, logits, &[], 1.0, gradients));
    }
}

/// A batch of random ids below each column's rows.
fn batch(rows: &[usize]) -> Batch {
    let column = |(stream, &below): (u32, &usize)| -> Vec<u32> {
        let rng = Rng::new(1).stream(stream);
        (0..BATCH as u64).map(|i| rng.below(i, below as u32)).collect()
    };
    let ids: Vec<Vec<u32>> = (0..).zip(rows).map(column).collect();
    let columns: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
    let labels: Vec<f32> = (0..BATCH).map(|i| f32::from(u8::from(i % 5 == 0))).collect();
    Batch::from_columns(&columns, &labels).expect("ids and labels are of one length")
}

/// A model on one thread, warm.
struct Model {
    executor: Box<dyn Executor>,
    optimizer: Optimizer,
    batch: Batch,
}

impl Model {
    fn new(isa: Isa, workload: &dyn Train, batch: Batch, optimizer: Optimizer) -> Self {
        let mut model = Model {
            executor: workload.executor(isa, 1, &optimizer),
            optimizer,
            batch,
        };
        model.step();
        model.step();
        model
    }

    fn step(&mut self) {
        let Model {
            executor,
            optimizer,
            batch,
        } = self;
        let done = executor.step(batch, optimizer, L2::default(), &mut || {});
        done.wait().expect("the batch fits the plan");
    }

    fn score(&mut self, scores: &mut [f32]) {
        let columns = [&self.batch.column(0).ids[..], &self.batch.column(1).ids[..]];
        let done = self.executor.score(&columns, scores);
        done.wait().expect("the batch fits the plan");
    }
}

fn models(isa: Isa) {
    let (lazy, dense) = (Optimizer::default(), Optimizer::Adam(AdamConfig::default()));
    let few = |workload: Workload| Workload {
        users: 300,
        items: 200,
        ..workload
    };
    let new = |workload: Workload, optimizer| {
        let workload = few(workload);
        let batch = batch(&[workload.users, workload.items]);
        Model::new(isa, &workload, batch, optimizer)
    };
    let (mut model, mut scores) = (new(PAPER8, lazy), vec![0.0; BATCH]);
    model.score(&mut scores);
    section("step paper8", || model.step());
    section("score paper8", || model.score(&mut scores));
    let mut model = new(PAPER8, dense);
    section("step paper8 dense adam", || model.step());
    let mut model = new(PAPER64, lazy);
    section("step paper64", || model.step());
    for workload in [DIN16, DIEN16] {
        // Half a tile: a whole one of DIEN's would take as many instructions as all the rest.
        let workload = Clicks {
            batch: TILE / 2,
            ..workload
        };
        let batch = workload.batch(&workload.plan(), 0);
        let mut model = Model::new(isa, &workload, batch, lazy);
        section(&format!("step {}", workload.name), || model.step());
    }
}

fn data() {
    let sizes = Sizes {
        users: 300,
        items: 370,
        interactions: 10_000,
    };
    let sampler = Sampler::new(&sizes.generate(1), 4, 1).expect("nobody has every item");
    let mut batch = Batch::new(2, BATCH);
    sampler.fill(0, 0, BATCH, &mut batch);
    section("draw and sort", || sampler.fill(0, 1024, BATCH, &mut batch));
    section("sort", || batch.sort());
}

fn kernels<S: Simd>(s: S, _: Isa) {
    for (outputs, inputs) in [(16, 32), (32, 64), (128, 256), (256, 512)] {
        let mut layer = Layer::new(s, outputs, inputs);
        section(&format!("linear forward {outputs}x{inputs}"), || layer.forward(s));
        section(&format!("linear backward {outputs}x{inputs}"), || layer.backward(s));
        section(&format!("pack {outputs}x{inputs}"), || {
            layer.packed.pack(s, &layer.weight)
        });
    }
    let mut layer = Layer::new(s, 1, 16);
    section("linear forward 1x16", || layer.forward(s));
    section("linear backward 1x16", || layer.backward(s));
    for width in [8, 64] {
        let mut layer = Layer::new(s, width, 64);
        section(&format!("product {width}"), || layer.product(s));
        let mut table = Table::new(1000, width);
        section(&format!("gather {width}"), || table.look_up(s));
        section(&format!("row update {width}"), || table.update(s));
    }
    let mut table = Table::new(BATCH, 8);
    section("dense adam", || table.update_all(s));
    let mut table = Table::new(BATCH, 1);
    section("sigmoid cross-entropy", || table.loss(s));
    section("bpr", || table.loss_of_pairs(s));
    for width in [32, 128] {
        let mut unit = Unit::new(s, width);
        section(&format!("attention unit forward {width}"), || unit.forward(s));
        section(&format!("attention unit backward {width}"), || unit.backward(s));
    }
    for (name, kind) in [("gru", GruKind::Gru), ("augru", GruKind::Augru)] {
        let mut layer = gru::Layer::new(s, kind, 32);
        layer.both(s);
        section(&format!("{name} forward 32"), || layer.forward(s));
        section(&format!("{name} forward and backward 32"), || layer.both(s));
    }
}

fn main() {
    let isa = Isa::detect().expect("POCKETREC_SIMD names one that is there");
    models(isa);
    data();
    on_isa!(isa, kernels());
}
