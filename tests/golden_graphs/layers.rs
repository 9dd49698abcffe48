//! Layer normalisation, rows at length 1 and causal attention, from tables that have a row for each of the batch's.

use pocketrec::{
    data::Batch,
    ops::SigmoidCrossEntropy,
    plan::{Init, Optimizer, Plan, PlanBuilder, Space, State, View},
};

use crate::{
    common::{
        close64,
        golden::{Golden, Make},
        gradients,
    },
    everywhere,
};

const FILE: &[u8] = include_bytes!("../golden/layers.safetensors");

/// Adds an operation that reads some views to a plan.
type Add = Box<dyn Fn(&mut PlanBuilder, &[View]) -> View>;

/// What an operation reads, where its rows lie, and how it is added to a plan.
struct Case {
    /// Its name in the file, and that of what goes in.
    names: [String; 2],
    /// The tables that it reads.
    tables: &'static [&'static str],
    rows: usize,
    width: usize,
    has_steps: bool,
    add: Add,
}

fn cases(golden: &Golden) -> Vec<Case> {
    let epsilon: f32 = golden.setting("epsilon");
    let of_rows = |name: &str, add: Add| Case {
        names: [name.into(), name.into()],
        tables: &["x"],
        rows: golden.setting("rows"),
        width: golden.setting("width"),
        has_steps: false,
        add,
    };
    let mut cases = vec![
        of_rows(
            "layer_norm",
            Box::new(move |plan, views| plan.layer_norm("norm", views[0], epsilon)),
        ),
        of_rows("normalise", Box::new(|plan, views| plan.normalise(views[0]))),
    ];
    cases.extend(golden.setting::<Vec<usize>>("heads").into_iter().map(|heads| Case {
        names: [format!("causal_attention_{heads}"), "causal_attention".into()],
        tables: &["query", "key", "value"],
        rows: *golden.ids("offsets").last().unwrap() as usize,
        width: golden.setting("step_width"),
        has_steps: true,
        add: Box::new(move |plan, views| plan.causal_attention(views[0], views[1], views[2], heads)),
    }));
    cases
}

impl Case {
    /// The logit of a sample is the sum of `output * functional` over its rows.
    fn plan(&self) -> Plan {
        let mut plan = PlanBuilder::new();
        let space = match self.has_steps {
            true => plan.sequence("history"),
            false => Space::Samples,
        };
        let table = |plan: &mut PlanBuilder, name: &str| {
            let column = plan.column_in(name, "row", space);
            let output = plan.buffer_in(space, self.width);
            plan.gather(name, column, self.rows, Init::Zeros, output);
            output
        };
        let inputs: Vec<View> = self.tables.iter().map(|name| table(&mut plan, name)).collect();
        let functional = table(&mut plan, "functional");
        let output = (self.add)(&mut plan, &inputs);
        let mut terms = plan.buffer_in(space, self.width);
        plan.product(output, functional, terms);
        if self.has_steps {
            let pooled = plan.buffer(self.width);
            plan.pool(terms, pooled, false);
            terms = pooled;
        }
        let logit = plan.plain_sum(&[terms]);
        plan.finish(SigmoidCrossEntropy { logit }).unwrap()
    }

    /// The name in the file of a parameter of the plan.
    fn stored(&self, param: &str) -> String {
        let [own, shared] = &self.names;
        match param {
            "functional" => format!("{own}/functional"),
            name => format!("{shared}/{}", name.trim_start_matches("norm.")),
        }
    }

    fn batch(&self, golden: &Golden, plan: &Plan) -> Batch {
        let mut batch = Batch::default();
        batch.reset(plan.columns().len(), plan.sequences().len());
        if self.has_steps {
            let offsets = golden.ids("offsets");
            let lengths = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
            lengths.for_each(|steps| batch.end_sequence(0, steps));
        }
        (0..plan.columns().len()).for_each(|column| batch.ids_mut(column).extend(0..self.rows as u32));
        *batch.labels_mut() = golden.floats(&format!("{}/label", self.names[0]));
        batch.sort();
        batch
    }
}

fn check(make: Make<'_>, tolerance: f64) {
    let golden = Golden::read(FILE);
    for case in cases(&golden) {
        let (plan, name) = (case.plan(), &case.names[0]);
        let mut state = State::initial(&plan, 0, true).unwrap();
        for (param, tensor) in plan.params().iter().zip(&mut state.tensors) {
            tensor.value = golden.floats(&case.stored(&param.name));
            assert_eq!(tensor.value.len(), param.len(), "{name}: {}", param.name);
        }
        let batch = case.batch(&golden, &plan);
        let mut executor = make(plan.clone(), state);
        golden.check_logits(&mut *executor, &batch, name, tolerance);
        let found = gradients(&mut *executor, &batch, Default::default()).unwrap();
        let mut checked = 0;
        for (param, found) in plan.params().iter().zip(&found) {
            if param.name != "functional" {
                let want = format!("{name}/grad/{}", param.name.trim_start_matches("norm."));
                let what = format!("{}: {want}", executor.device());
                close64(found, &golden.wide(&want), tolerance, &what);
                checked += 1;
            }
        }
        assert_eq!(checked, golden.under(&format!("{name}/grad/")).len());
        golden.check_step(&mut *executor, &batch, &Optimizer::default(), name, tolerance);
    }
}

#[test]
fn layers_equal_pytorch() {
    everywhere(check);
}
