//! Loss, gradients and steps of Adam against PyTorch, which has the paper's equations (`tests/golden/graphs_cfkg.py`).

use pocketrec::{
    data::Batch,
    models::{Cfkg, Loss, Margin},
    plan::{Optimizer, Plan},
};

use crate::common::golden::{Golden, Make, on_every_cpu, on_reference};

const FILE: &[u8] = include_bytes!("../../golden/cfkg.safetensors");

fn batch(golden: &Golden, plan: &Plan, step: usize) -> Batch {
    let mut batch = Batch::default();
    batch.reset(plan.columns().len(), 0);
    batch.set_negatives(plan.negatives());
    for (index, column) in plan.columns().iter().enumerate() {
        *batch.ids_mut(index) = golden.ids(&format!("step{step}/{}", column.name));
        if column.weighted {
            *batch.ids_and_weights_mut(index).1 = golden.floats(&format!("step{step}/{}.weight", column.name));
        }
    }
    batch.labels_mut().resize(golden.setting("batch"), 1.0);
    batch.sort();
    batch
}

fn check(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    let model = Cfkg {
        users: golden.setting("users"),
        items: golden.setting("items"),
        embedding_dim: golden.setting("factors"),
        relations: golden.setting("relations"),
        attributes: golden.setting("attributes"),
    };
    let margin = Loss::Margin(Margin {
        margin: golden.setting("margin"),
    });
    for (name, loss) in [("margin", margin), ("bpr", Loss::Bpr)] {
        let plan = model.plan_for(loss).unwrap();
        golden.check_parameters(&plan);
        let names: Vec<&str> = plan.columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["user", "item", "negative", "head", "attribute", "relation"]);
        let mut executor = make(plan.clone(), golden.initial(&plan));
        for step in 0..golden.setting("steps") {
            let (at, batch) = (format!("{name}/dense/step{step}"), batch(&golden, &plan, step));
            golden.check_logits(&mut *executor, &batch, &at, tolerance);
            golden.check_gradients(&mut *executor, &batch, &at, tolerance);
            let optimizer = Optimizer::Adam(golden.adam());
            golden.check_step(&mut *executor, &batch, &optimizer, &at, tolerance);
            golden.check_values(&mut *executor, &at, tolerance);
        }
    }
}

#[test]
fn cfkg_equals_pytorch() {
    on_reference(check);
    on_every_cpu(check);
    #[cfg(feature = "gpu")]
    crate::common::golden::on_every_gpu(check);
}
