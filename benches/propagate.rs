//! Products with the sparse matrix of a graph of Gowalla's size: a whole layer, and the way back from the nodes that a batch
//! picks; each as bytes of rows that are read, against a copy in cache.

mod common;

use std::{cell::OnceCell, hint::black_box};

use half::f16;

use common::{Group, Work, ceilings::Ceiling, criterion, data::Aligned, sized};
use pocketrec::{
    cpu::{
        Isa, Simd,
        propagate::{NodeRows, Picked, backward, product},
    },
    data::{Graph, GraphBuilder},
    rng::Rng,
};

const WIDTH: usize = 64;

/// Users, items and interactions of Gowalla, or of a graph that only has to run.
fn sizes() -> ([u32; 2], usize) {
    sized(([29_858, 40_981], 810_128), ([300, 400], 4_000))
}

/// Items by the square of a uniform number, so that few are had by many.
fn gowalla() -> Graph {
    let ([users, items], count) = sizes();
    let rng = Rng::new(3);
    let item = |i: u64| (rng.stream(1).uniform(i).powi(2) * items as f32) as u32;
    let pairs = (0..count as u64).map(|i| (rng.below(i, users), item(i).min(items - 1)));
    let builder = GraphBuilder::new([users, items]).pairs(count, pairs);
    builder.and_then(GraphBuilder::build).expect("it fits in memory")
}

fn rows<E>(values: &[E], users: usize) -> NodeRows<'_, E> {
    let (first, second) = values.split_at(users * WIDTH);
    NodeRows {
        first,
        second,
        width: WIDTH,
    }
}

fn whole<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, graph: &OnceCell<Graph>) {
    let graph = graph.get_or_init(gowalla);
    let (nodes, edges) = (graph.nodes(), 2 * graph.edges());
    let setup = || (Aligned::random(nodes * WIDTH, 1), Aligned::zeros(nodes * WIDTH));
    let work = Work::samples(edges).of(4 * WIDTH * (edges + nodes), Ceiling::CopyInCache);
    group.run(format!("whole layer/{WIDTH}/{isa}"), work, setup, |(from, to)| {
        product(s, graph, 0..nodes, rows(from, graph.users() as usize), to, &mut []);
        black_box(&mut to[..]);
    });
}

/// The same of halves.
fn whole_of_halves<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, graph: &OnceCell<Graph>) {
    let graph = graph.get_or_init(gowalla);
    let (nodes, edges, mut sums) = (graph.nodes(), 2 * graph.edges(), vec![0.0; WIDTH]);
    let setup = || {
        let mut halves = Aligned::zeros(nodes * WIDTH / 2);
        let of_floats = Aligned::random(nodes * WIDTH, 1);
        let to = bytemuck::cast_slice_mut::<f32, f16>(&mut halves);
        to.iter_mut()
            .zip(&of_floats[..])
            .for_each(|(half, &x)| *half = f16::from_f32(x));
        (halves, Aligned::zeros(nodes * WIDTH / 2))
    };
    let work = Work::samples(edges).of(2 * WIDTH * (edges + nodes), Ceiling::CopyInCache);
    group.run(
        format!("whole layer of halves/{WIDTH}/{isa}"),
        work,
        setup,
        |(from, to)| {
            let (from, to) = (bytemuck::cast_slice(from), bytemuck::cast_slice_mut(to));
            product::<S, f16>(s, graph, 0..nodes, rows(from, graph.users() as usize), to, &mut sums);
            black_box(to);
        },
    );
}

/// One in 15 nodes is picked, as by a batch of 2,048 pairs.
fn picked<S: Simd>(s: S, isa: Isa, group: &mut Group<'_>, graph: &OnceCell<Graph>) {
    let graph = graph.get_or_init(gowalla);
    let nodes = graph.nodes();
    let mut places = vec![u32::MAX; nodes];
    let picks: Vec<usize> = (0..nodes).step_by(15).collect();
    (0..).zip(&picks).for_each(|(place, &node)| places[node] = place);
    let counts = vec![1; picks.len()];
    let edges: usize = picks.iter().map(|&node| graph.of_node(node).0.len()).sum();
    let setup = || (Aligned::random(picks.len() * WIDTH, 1), Aligned::zeros(nodes * WIDTH));
    let work = Work::samples(edges).of(4 * WIDTH * (edges + nodes), Ceiling::CopyInCache);
    group.run(format!("from picked nodes/{WIDTH}/{isa}"), work, setup, |(from, to)| {
        let picked = Picked {
            places: &places,
            rows: from,
            scale: 1.0,
            counts: &counts,
            width: WIDTH,
        };
        backward::<S, f32>(s, graph, 0..nodes, picked, None, to, &mut []);
        black_box(&mut to[..]);
    });
}

fn main() {
    let mut criterion = criterion();
    let graph = OnceCell::new();
    let mut group = Group::new(&mut criterion, "propagate");
    for isa in Isa::available() {
        on_isa!(isa, whole(&mut group, &graph));
        on_isa!(isa, whole_of_halves(&mut group, &graph));
        on_isa!(isa, picked(&mut group, &graph));
    }
    drop(group);
    criterion.final_summary();
}
