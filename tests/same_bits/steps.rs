//! Bare steps of an executor: every model and every stage, by all optimisers. A new model of clicks is among them by its
//! name.

use pocketrec::{
    data::clicks::PlantedClicks,
    device::Device,
    executor::score_catalogue,
    models::{DeepFm, Dien, Din, Fm, Lr, Unit, WideDeep},
    plan::{L2, Optimizer, Plan},
};

use crate::{
    Backend,
    checksum::Checksum,
    common::{
        cases::click_models::click_plans, feature_plans, odd_models, optimizers, random_batch,
        recurrent::recurrent_plans, trained_state, weighted,
    },
};

/// Samples of the steps: more than a tile of rows, and in the end so few that every table has rows that are not among
/// them, which `Adam` moves and `LazyAdam` does not.
const SAMPLES: [usize; 3] = [333, 29, 5];
const REGULARISED: L2 = L2 {
    tables: 0.1,
    per_row: 0.01,
    dense: 0.01,
};

fn click_models() -> Vec<(&'static str, Plan)> {
    let clicks = PlantedClicks {
        users: 20,
        items: 30,
        categories: 5,
        rows_per_user: 10,
        ..PlantedClicks::default()
    };
    let data = clicks.generate().unwrap();
    let layout = data.train.layout();
    let deepfm = DeepFm::new(layout).embedding_dim(5).hidden([9, 7]).dropout(0.2);
    let din = Din::new(layout).embedding_dim(5).hidden([9]);
    let dice = din.clone().attention([6], Unit::Dice).unit(Unit::Dice);
    vec![
        ("LR", Lr::new(layout).plan().unwrap()),
        ("FM", Fm::new(layout).embedding_dim(5).plan().unwrap()),
        (
            "WideDeep",
            WideDeep::new(layout).embedding_dim(5).hidden([9, 7]).plan().unwrap(),
        ),
        ("DeepFM", deepfm.plan().unwrap()),
        ("DeepFM-batch-norm", deepfm.unit(Unit::BatchNormRelu).plan().unwrap()),
        ("DIN", din.attention([6], Unit::Sigmoid).softmax(true).plan().unwrap()),
        ("DIN-Dice", dice.plan().unwrap()),
        (
            "DIEN",
            Dien::new(layout)
                .embedding_dim(5)
                .attention([6])
                .hidden([9])
                .plan()
                .unwrap(),
        ),
    ]
}

/// Three steps: plain, with L2, with L2 and weights of samples; after each the losses, in the end logits and the state.
fn run(plan: &Plan, optimizer: &Optimizer, device: Device) -> u64 {
    let mut executor = device.executor(plan.clone(), trained_state(plan, 0.4, 3, 8)).unwrap();
    let [first, second, third] = SAMPLES.map(|samples| random_batch(plan, samples, 40));
    let mut sum = Checksum::default();
    for (batch, l2) in [
        (&first, L2::default()),
        (&second, REGULARISED),
        (&weighted(&third), REGULARISED),
    ] {
        executor.step(batch, optimizer, l2, &mut || ()).wait().unwrap();
        for loss in [
            executor.take_loss().wait().unwrap(),
            executor.take_auxiliary().wait().unwrap(),
        ] {
            sum.double(loss.sum);
            sum.number(loss.samples);
        }
    }
    let mut logits = vec![f32::NAN; first.len()];
    executor.score_batch(&first, &mut logits).wait().unwrap();
    sum.floats(&logits);
    if let Some(pair) = plan.pair() {
        let mut catalogue = vec![f32::NAN; 2 * plan.rows_of(pair.candidate)];
        score_catalogue(&mut *executor, &[3, 171], &mut catalogue)
            .wait()
            .unwrap();
        sum.floats(&catalogue);
    }
    sum.state(&executor.state().wait().unwrap());
    sum.finish()
}

pub fn enter(backend: &mut Backend) {
    let mut plans = odd_models(301, 207);
    plans.extend(click_models());
    plans.extend(feature_plans());
    plans.extend(recurrent_plans([9, 7]));
    let plans = plans.into_iter().map(|(name, plan)| (name.to_string(), plan));
    for (name, plan) in plans.chain(click_plans()) {
        for (by, optimizer) in optimizers() {
            // In software a device takes its time; the update of every row is checked on a model and on stages.
            if backend.is_gpu() && by == "Adam" && !matches!(&name[..], "NeuMF" | "sequences") {
                continue;
            }
            let case = format!("step/{name}/{by}").replace(' ', "-");
            backend.enter(&case, |device| run(&plan, &optimizer, device));
        }
    }
}
