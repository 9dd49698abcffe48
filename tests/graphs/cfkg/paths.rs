//! The best paths along relations, by hand, of all models that have some.

use pocketrec::{
    data::{Interactions, Split},
    device::Device,
    explain::{Kind, Path, Way},
    models::{Cfkg, LightGcn, Loss, Mf, Softmax},
    plan::State,
    train::{TrainConfig, Trainer},
};

use super::{config, relations, state_of};
use crate::near;

fn cpu() -> Device {
    Device::cpu().threads(1)
}

fn split(items: u32, of_user: &[u32]) -> Split {
    let users = vec![0; of_user.len()];
    Split::from_cases(
        Interactions::from_columns((1, items), &users, of_user, &[]).unwrap(),
        [],
    )
    .unwrap()
}

#[test]
fn steps_of_cfkg_are_added_up() {
    let relations = relations(
        5,
        &[
            ("0", "with", "1"),
            ("1", "with", "2"),
            ("3", "with", "4"),
            ("0", "kind", "tea"),
            ("1", "kind", "tea"),
            ("2", "kind", "tea"),
            ("3", "kind", "tea"),
        ],
    );
    let relations = relations.positives("with").unwrap().attributes("kind").unwrap();
    let model = Cfkg::new(1, 5).embedding_dim(2).relations(&relations);
    let state = state_of(
        &model,
        &[
            ("user.weight", &[0.0, 0.0]),
            ("item.weight", &[1.0, 0.0, 1.0, 1.0, 0.0, 2.0, 5.0, 5.0, 9.0, 9.0]),
            ("attribute.weight", &[1.0, 2.0]),
            ("relation.weight", &[0.0, 1.0, -1.0, 0.0]),
        ],
    );
    let config = TrainConfig {
        epochs: 0,
        ..config(Loss::Bpr)
    };
    let mut trainer = Trainer::with_state(model, cpu(), config, state).unwrap();
    trainer.set_relations(relations).unwrap();
    trainer.fit(&split(5, &[0, 2]), |_| ()).unwrap();

    // Item 1. From 0 by "with": 1 to (1, 0), and from there (0, 1) leads to it. From 2 against "with": 4 to (0, 2), and 1 from
    // (1, 1) + (0, 1). By the kind, (1, 2) + (-1, 0) = (0, 2): 1 + 5 + 2 from 0, and 4 + 0 + 2 from 2.
    let why = trainer.explain(0, 1).unwrap();
    assert_eq!((why.kind, why.score, why.rest), (Kind::Paths, -2.0, 0.0));
    let reasons: Vec<(u32, f32)> = why
        .reasons
        .iter()
        .map(|reason| (reason.item, reason.contribution))
        .collect();
    assert_eq!(reasons, [(0, -1.0), (2, -5.0)]);
    let best = Path {
        item: 0,
        relation: "with".into(),
        way: Way::Forward,
        contribution: -1.0,
    };
    assert_eq!(why.path, Some(best));

    // Item 3, by its kind alone: 34 from (0, 2), after 1 + 5 from 0 and 4 + 0 from 2.
    let why = trainer.explain(0, 3).unwrap();
    let reasons: Vec<(u32, f32)> = why
        .reasons
        .iter()
        .map(|reason| (reason.item, reason.contribution))
        .collect();
    assert_eq!(reasons, [(2, -38.0), (0, -40.0)]);
    let path = why.path.unwrap();
    assert_eq!((path.item, &path.way), (2, &Way::Through("tea".into())));
    assert_eq!(path.describe("rice", "mate"), "rice -> kind: tea <- mate");

    // Item 4 is related to nothing that the user has. What is absorbed is of the history, and a path goes against the step.
    assert_eq!(trainer.explain(0, 4).unwrap().path, None);
    assert!(trainer.explain(0, 4).unwrap().reasons.is_empty());
    trainer
        .absorb_with(
            &[(0, 4)],
            &pocketrec::train::AbsorbConfig {
                steps: 0,
                ..Default::default()
            },
        )
        .unwrap();
    let path = trainer.explain(0, 3).unwrap().path.unwrap();
    assert_eq!(path.item, 2);
    let back = trainer.explain(0, 3).unwrap().reasons[2];
    assert_eq!((back.item, back.contribution), (4, -(81.0 + 81.0) - (16.0 + 9.0)));
}

/// A layer over the edges of two relations: what user and item both get of an item of the history.
#[test]
fn parts_over_edges_are_parts_of_the_score() {
    let triples = [("0", "a", "2"), ("2", "c", "0"), ("1", "b", "2")];
    let known = relations(3, &triples);
    let known = known
        .edges("a", 0.5)
        .unwrap()
        .edges("b", 0.25)
        .unwrap()
        .edges("c", 1.0)
        .unwrap();
    let model = LightGcn::new(1, 3).embedding_dim(1).layers(1);
    let config = TrainConfig {
        epochs: 0,
        ..config(Loss::Bpr)
    };
    let mut state = State::initial(&model.plan_for(config.loss).unwrap(), 1, true).unwrap();
    state.tensors[0].value = vec![2.0];
    state.tensors[1].value = vec![3.0, -4.0, 8.0];
    let mut trainer = Trainer::with_state(model, cpu(), config, state).unwrap();
    trainer.set_relations(known).unwrap();
    trainer.fit(&split(3, &[0, 1]), |_| ()).unwrap();
    let why = trainer.explain(0, 2).unwrap();
    // Degrees: user 2, item 0 one interaction and 1.5, item 1 one and 0.25, item 2 both.
    let (of_user, of_item) = (2.0, 1.75);
    let over = |degree: f64, weight: f64, own: f64| {
        weight / f64::sqrt(of_user * degree) / f64::sqrt(degree * of_item) * (own / 2.0) * (own / 2.0)
    };
    let (by_a, by_c, by_b) = (over(2.5, 0.5, 3.0), over(2.5, 1.0, 3.0), over(1.25, 0.25, -4.0));
    assert!(by_c > by_a && by_c > by_b);
    let path = why.path.clone().unwrap();
    assert_eq!((path.item, &*path.relation, &path.way), (0, "c", &Way::Backward));
    near(path.contribution, by_c);
    // All parts of e_u . e_i: own rows and both edges' with each other, of which these three are some.
    let at = |weight: f64, degrees: f64, own: f64| weight / f64::sqrt(degrees) * own;
    let user = [2.0, at(1.0, of_user * 2.5, 3.0), at(1.0, of_user * 1.25, -4.0)].map(|part| part / 2.0);
    let item = [8.0, at(1.5, of_item * 2.5, 3.0), at(0.25, of_item * 1.25, -4.0)].map(|part| part / 2.0);
    near(why.score, user.iter().sum::<f64>() * item.iter().sum::<f64>());
    near((by_a + by_c) as f32, user[1] * item[1]);
    near(by_b as f32, user[2] * item[2]);
    assert_eq!(trainer.explain(0, 1).unwrap().path, None); // related to item 2 alone
}

/// Where relations are positives, a path has the part that its item of the history gives.
#[test]
fn related_items_give_what_they_give_to_the_score() {
    let known = relations(4, &[("0", "with", "3"), ("3", "with", "1"), ("2", "with", "0")]);
    let known = known.positives("with").unwrap();
    let config = TrainConfig {
        epochs: 0,
        ..config(Loss::Softmax(Softmax {
            related: true,
            ..Softmax::default()
        }))
    };
    let model = Mf::new(1, 4).factors(2);
    let mut state = State::initial(&model.plan_for(config.loss).unwrap(), 1, true).unwrap();
    state.tensors[0].value = vec![3.0, 4.0];
    state.tensors[1].value = vec![1.0, 0.0, 0.0, 1.0, -1.0, -1.0, 1.0, 0.5];
    let mut trainer = Trainer::with_state(model, cpu(), config, state).unwrap();
    trainer.set_relations(known).unwrap();
    trainer.fit(&split(4, &[0, 1]), |_| ()).unwrap();
    let why = trainer.explain(0, 3).unwrap();
    near(why.score, 3.0 + 2.0);
    // 3 (1, 0) + 4 (0, 1), each over 1 and the ridge of a hundredth of the mean square; the first gives 3 and the second 2.
    let path = why.path.unwrap();
    assert_eq!((path.item, &*path.relation, &path.way), (0, "with", &Way::Forward));
    near(path.contribution, 3.0 / 1.01);
    assert_eq!(trainer.explain(0, 2).unwrap().path, None); // its only one speaks against it
    let mut without = Trainer::new(Mf::new(1, 4), cpu(), config_of_labels()).unwrap();
    assert_eq!(without.explain(0, 3).unwrap().path, None);
}

fn config_of_labels() -> TrainConfig {
    TrainConfig::default()
}
