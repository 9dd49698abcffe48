//! LightGCN: by BPR over three layers with its L2, and by softmax over one layer with weighted relations of items.

use std::sync::Arc;

use pocketrec::{
    data::{Batch, Edge, Graph, GraphBuilder},
    executor::{Executor, set_graph},
    models::{LightGcn, Loss, Softmax},
    plan::{L2, Optimizer, Plan},
};

use crate::{
    common::{
        close, close64,
        golden::{Golden, Make},
        gradients,
    },
    everywhere,
};

const FILE: &[u8] = include_bytes!("../golden/light_gcn.safetensors");

#[derive(serde::Deserialize)]
struct Layers {
    bpr: usize,
    softmax: usize,
}

/// A variant: its plan, its graph and the weight of its L2.
struct Variant {
    name: &'static str,
    plan: Plan,
    graph: Arc<Graph>,
    l2: L2,
}

fn variants(golden: &Golden) -> [Variant; 2] {
    let (layers, counts): (Layers, [usize; 2]) = (
        golden.setting("layers"),
        [golden.setting("users"), golden.setting("items")],
    );
    let model = LightGcn::new(counts[0], counts[1]).embedding_dim(golden.setting("factors"));
    let pairs = golden.ids("pairs");
    let of_pairs = || {
        let pairs = pairs.as_chunks::<2>().0;
        let graph = GraphBuilder::new(counts.map(|rows| rows as u32));
        graph
            .pairs(pairs.len(), pairs.iter().map(|&[user, item]| (user, item)))
            .unwrap()
    };
    let (graph, related) = (of_pairs(), of_pairs());
    let ends = golden.ids("relations");
    let relations = ends.as_chunks::<2>().0.iter().zip(golden.floats("relations.weight"));
    let relations: Vec<Edge> = relations
        .map(|(ends, weight)| Edge {
            ends: ends.map(|item| related.item(item)),
            weight,
        })
        .collect();
    let softmax: Softmax = golden.setting("softmax");
    let l2 = L2 {
        tables: golden.setting("l2"),
        ..L2::default()
    };
    [
        Variant {
            name: "bpr",
            plan: model.clone().layers(layers.bpr).plan().unwrap(),
            graph: Arc::new(graph.build().unwrap()),
            l2,
        },
        Variant {
            name: "softmax",
            plan: model.layers(layers.softmax).plan_for(Loss::Softmax(softmax)).unwrap(),
            graph: Arc::new(related.edges(&relations).unwrap().build().unwrap()),
            l2: L2::default(),
        },
    ]
}

fn batch(golden: &Golden, plan: &Plan, step: usize) -> Batch {
    let mut batch = Batch::default();
    batch.reset(plan.columns().len(), 0);
    batch.set_negatives(plan.negatives());
    for (index, column) in plan.columns().iter().enumerate() {
        *batch.ids_mut(index) = golden.ids(&format!("step{step}/{}", column.name));
    }
    batch.labels_mut().resize(golden.setting("batch"), 1.0);
    batch.sort();
    batch
}

/// The rows of both tables as they come out of the propagation.
fn check_propagated(golden: &Golden, executor: &mut dyn Executor, name: &str, tolerance: f64) {
    let device = executor.device();
    for (table, side) in ["user", "item"].into_iter().enumerate() {
        let want = golden.wide(&format!("{name}/propagated/{side}"));
        let mut rows = vec![f32::NAN; want.len()];
        let propagation = executor.propagation().unwrap();
        propagation.propagated_rows(table, 0, &mut rows).wait().unwrap();
        close(
            &rows,
            &want,
            tolerance,
            &format!("{device}, {name}: rows of the {side}s"),
        );
    }
}

/// Adam of all rows and of the batch's rows are one here, since every row has a gradient.
fn check(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    let adam = golden.adam();
    for variant in variants(&golden) {
        for optimizer in [Optimizer::Adam(adam), Optimizer::LazyAdam(adam)] {
            let (plan, name) = (&variant.plan, variant.name);
            let mut executor = make(plan.clone(), golden.initial(plan));
            set_graph(&mut *executor, variant.graph.clone()).wait().unwrap();
            for step in 0..golden.setting("steps") {
                let (at, batch) = (format!("{name}/dense/step{step}"), batch(&golden, plan, step));
                golden.check_logits(&mut *executor, &batch, &at, tolerance);
                let found = gradients(&mut *executor, &batch, variant.l2).unwrap();
                for (param, found) in plan.params().iter().zip(&found) {
                    let (device, want) = (executor.device(), format!("{at}/grad/{}", param.name));
                    close64(found, &golden.wide(&want), tolerance, &format!("{device}: {want}"));
                }
                executor
                    .step(&batch, &optimizer, variant.l2, &mut || ())
                    .wait()
                    .unwrap();
                let loss = executor.take_loss().wait().unwrap().mean();
                let what = format!("{}: loss at {at}", executor.device());
                close64(&[loss], &golden.wide(&format!("{at}/loss")), tolerance, &what);
                golden.check_values(&mut *executor, &at, tolerance);
            }
            check_propagated(&golden, &mut *executor, name, tolerance);
        }
    }
}

#[test]
fn light_gcn_equals_pytorch() {
    everywhere(check);
}
