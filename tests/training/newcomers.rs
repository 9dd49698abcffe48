//! Where the rows of users stand who came after training, by hand from the rows of the others.

use pocketrec::{
    data::{Interactions, Split},
    device::Device,
    models::Mf,
    plan::State,
    train::{AbsorbConfig, TrainConfig, Trainer},
};

/// Rows of users 0, 1 and 2, of whom 0 and 2 have item 0 and 1 has item 1, and of the two items.
const USER_ROWS: [f32; 6] = [1.0, 0.0, 0.0, 4.0, 3.0, 2.0];
const ITEM_ROWS: [f32; 4] = [0.5, -0.25, 0.125, 1.0];
/// The one who comes later.
const LATER: u32 = 3;

fn with_rows() -> Trainer {
    let model = Mf::new(3, 2).factors(2);
    let mut state = State::initial(&model.plan().unwrap(), 1, true).unwrap();
    for (name, rows) in [("user.weight", &USER_ROWS[..]), ("item.weight", &ITEM_ROWS[..])] {
        let param = model.plan().unwrap().param(name).unwrap();
        state.tensors[param].value = rows.to_vec();
    }
    let config = TrainConfig {
        epochs: 0,
        eval_every: 0,
        ..TrainConfig::default()
    };
    Trainer::with_state(model, Device::cpu().threads(1), config, state).unwrap()
}

fn fitted() -> Trainer {
    let mut trainer = with_rows();
    let train = Interactions::from_columns((3, 2), &[0, 1, 2], &[0, 1, 0], &[]).unwrap();
    trainer.fit(&Split::from_cases(train, []).unwrap(), |_| ()).unwrap();
    trainer
}

fn user_rows(trainer: &mut Trainer) -> Vec<f32> {
    let param = trainer.plan().param("user.weight").unwrap();
    trainer.state().unwrap().tensors[param].value.clone()
}

/// New rows, and no steps.
fn no_steps() -> AbsorbConfig {
    AbsorbConfig {
        steps: 0,
        ..AbsorbConfig::default()
    }
}

fn later_row(trainer: &mut Trainer, pairs: &[(u32, u32)]) -> Vec<f32> {
    trainer.absorb_with(pairs, &no_steps()).unwrap();
    user_rows(trainer)[6..].to_vec()
}

#[test]
fn each_click_takes_a_newcomer_nearer_to_those_who_have_the_item() {
    let mut trainer = fitted();
    // The mean of users 0 and 2, and from there half of the way to user 1.
    assert_eq!(later_row(&mut trainer, &[(LATER, 0)]), [2.0, 1.0]);
    let mut bytes = Vec::new();
    trainer.checkpoint().unwrap().write_to(&mut bytes).unwrap();
    assert_eq!(later_row(&mut trainer, &[(LATER, 1)]), [1.0, 2.5]);
    // What is known already says nothing new, and nobody else has moved.
    assert_eq!(later_row(&mut trainer, &[(LATER, 1)]), [1.0, 2.5]);
    assert_eq!(user_rows(&mut trainer)[..6], USER_ROWS);
    // The same from a file.
    let read = pocketrec::checkpoint::Checkpoint::from_bytes(&bytes).unwrap();
    let mut loaded = Trainer::from_checkpoint(read, Device::cpu().threads(1)).unwrap();
    assert_eq!(later_row(&mut loaded, &[(LATER, 1)]), [1.0, 2.5]);
}

/// Whose rows were learnt elsewhere is no newcomer, whatever others absorb.
#[test]
fn rows_that_were_learnt_elsewhere_stay() {
    let mut trainer = with_rows();
    for pair in [(0, 0), (1, 0), (2, 0), (1, 1), (0, 1)] {
        trainer.absorb_with(&[pair], &no_steps()).unwrap();
    }
    assert_eq!(user_rows(&mut trainer), USER_ROWS);
}

/// By one step on a click and its only possible negative: of a newcomer 1 / 33 of the way, of somebody who was trained on all of it.
#[test]
fn a_newcomer_goes_as_far_as_the_clicks_say() {
    let one = AbsorbConfig {
        steps: 1,
        negatives: 1,
        replay: 0,
        ..AbsorbConfig::default()
    };
    for (user, clicked, start, share) in [(LATER, 0, [2.0, 1.0], 1.0 / 33.0), (1, 0, [0.0, 4.0], 1.0)] {
        let mut trainer = fitted();
        // User 1 has item 1 already, so that there is no negative.
        trainer.absorb_with(&[(user, clicked)], &one).unwrap();
        let item = |item: usize| [0, 1].map(|at| f64::from(ITEM_ROWS[2 * item + at]));
        let sigmoid = |q: [f64; 2]| 1.0 / (1.0 + (-(start[0] * q[0] + start[1] * q[1])).exp());
        let (positive, negative) = (item(0), item(1));
        let has_negative = user == LATER;
        for at in 0..2 {
            let pull = (sigmoid(positive) - 1.0) * positive[at];
            let gradient = match has_negative {
                true => (pull + sigmoid(negative) * negative[at]) / 2.0,
                false => pull,
            };
            let want = start[at] - share * f64::from(one.learning_rate) * gradient;
            let got = f64::from(user_rows(&mut trainer)[2 * user as usize + at]);
            assert!((got - want).abs() < 1e-6, "user {user}: {got} for {want}");
        }
    }
}
