//! Items that come after training with their relations: where they stand by hand, what stays, checkpoints, refusals.

use pocketrec::{
    Error,
    data::{IdMap, Interactions, ItemLinks, Relations, Split, Triples},
    device::Device,
    models::{Cfkg, LightGcn, Loss, Mf, Model, Softmax},
    plan::State,
    train::{TrainConfig, Trainer},
};

use crate::{near, through_file};

/// Relations of items `a`, `b`, and so on, and of other things.
fn relations(items: &[&str], triples: &[(&str, &str, &str)]) -> Relations {
    let links = ItemLinks::from_keys(items.iter().map(|&key| (key, key))).unwrap();
    let known = Triples::from_keys(triples.iter().copied()).unwrap();
    let ids = IdMap::from_keys(items.iter().copied()).unwrap();
    Relations::of(&known.with_items(&ids, &links).unwrap()).unwrap()
}

fn config(loss: Loss) -> TrainConfig {
    TrainConfig {
        epochs: 0,
        loss,
        negatives: 1,
        eval_every: 0,
        ..TrainConfig::default()
    }
}

fn softmax(related: bool) -> Loss {
    Loss::Softmax(Softmax {
        related,
        ..Softmax::default()
    })
}

/// A trainer of one user, who has the first item, with these values of its tables.
fn trainer(model: impl Into<Model>, loss: Loss, tables: &[(&str, &[f32])], relations: Relations) -> Trainer {
    let model = model.into();
    let plan = model.plan_for(loss).unwrap();
    let mut state = State::initial(&plan, 1, true).unwrap();
    for (name, values) in tables {
        let tensor = &mut state.tensors[plan.param(name).unwrap()];
        assert_eq!(tensor.value.len(), values.len(), "{name}");
        tensor.value = values.to_vec();
    }
    let items = relations.item_ids().clone();
    let train = Interactions::from_columns((1, items.len() as u32), &[0], &[0], &[]).unwrap();
    let train = train.with_ids(IdMap::from_keys(["ann"]).unwrap(), items).unwrap();
    let mut trainer = Trainer::with_state(model, Device::cpu().threads(1), config(loss), state).unwrap();
    trainer.set_relations(relations).unwrap();
    trainer.fit(&Split::from_cases(train, []).unwrap(), |_| ()).unwrap();
    trainer
}

/// The rows of a table.
fn rows(trainer: &mut Trainer, name: &str) -> Vec<f32> {
    let param = trainer.plan().param(name).unwrap();
    trainer.state().unwrap().tensors[param].value.clone()
}

/// Ann has `a`; `b` goes with it by an edge of a half, and so does what comes later.
#[test]
fn in_a_graph_an_item_is_what_comes_over_its_edges() {
    let model = LightGcn::new(1, 2).embedding_dim(1).layers(1);
    let tables: [(&str, &[f32]); 2] = [("user.weight", &[2.0]), ("item.weight", &[4.0, 8.0])];
    let with = relations(&["a", "b"], &[("b", "with", "a")])
        .edges("with", 0.5)
        .unwrap();
    let mut trainer = trainer(model, softmax(false), &tables, with);

    let row = trainer
        .absorb_related(" c ", &[("with", "a"), ("with", "nobody")])
        .unwrap();
    assert_eq!((row.id, row.is_new, row.related, row.unknown), (2, true, 1, 1));
    assert_eq!(rows(&mut trainer, "item.weight"), [4.0, 8.0, 0.0]);
    // Degrees: ann 1, a an interaction and two halves, b and c a half each.
    let user = (2.0 + 4.0 / f64::sqrt(1.0 * 2.0)) / 2.0;
    let items = [
        (4.0 + 2.0 / f64::sqrt(1.0 * 2.0) + 0.5 * 8.0 / f64::sqrt(2.0 * 0.5)) / 2.0,
        (8.0 + 0.5 * 4.0 / f64::sqrt(2.0 * 0.5)) / 2.0,
        0.5 * 4.0 / f64::sqrt(2.0 * 0.5) / 2.0,
    ];
    let scores = trainer.score(&[(0, 0), (0, 1), (0, 2)]).unwrap();
    scores.iter().zip(items).for_each(|(&got, item)| near(got, user * item));
    let best: Vec<u32> = trainer.recommend(0, 3).unwrap().iter().map(|best| best.0).collect();
    assert_eq!(best, [1, 2]);
    let path = trainer.explain(0, 2).unwrap().path.unwrap();
    assert_eq!(path.describe("a", "c"), "a <- with <- c");

    // The same graph, relations and keys after loading; and said again it is nothing new.
    let mut loaded = through_file(&mut trainer);
    assert_eq!(loaded.score(&[(0, 0), (0, 1), (0, 2)]).unwrap(), scores);
    assert_eq!(loaded.item_ids().get("c"), Some(2));
    let again = loaded.absorb_related("c", &[("with", "a")]).unwrap();
    assert_eq!((again.id, again.is_new, again.related), (2, false, 0));
    assert_eq!(loaded.score(&[(0, 2)]).unwrap(), scores[2..]);
    // An item that was there gets an edge besides: b has two now, and c two.
    let more = loaded.absorb_related("c", &[("with", "b")]).unwrap();
    assert_eq!((more.is_new, more.related), (false, 1));
    let item = (0.5 * 4.0 / f64::sqrt(2.0 * 1.0) + 0.5 * 8.0 / f64::sqrt(1.0 * 1.0)) / 2.0;
    near(loaded.score(&[(0, 2)]).unwrap()[0], user * item);
}

/// An item and the step of a relation lead to its tail; an attribute and its step lead to the item.
#[test]
fn cfkg_puts_an_item_where_steps_lead_to() {
    let known = relations(
        &["a", "b", "d"],
        &[("a", "with", "b"), ("a", "kind", "tea"), ("b", "kind", "rice")],
    );
    let known = known.positives("with").unwrap().attributes("kind").unwrap();
    let model = Cfkg::new(1, 3).embedding_dim(2).relations(&known);
    let tables: [(&str, &[f32]); 4] = [
        ("user.weight", &[0.0, 0.0]),
        ("item.weight", &[1.0, 0.0, 1.0, 1.0, 5.0, 5.0]),
        ("attribute.weight", &[1.0, 2.0, 5.0, 5.0]),
        ("relation.weight", &[0.0, 1.0, -1.0, 0.0]),
    ];
    let mut trainer = trainer(model, Loss::Bpr, &tables, known);
    let row = trainer
        .absorb_related("c", &[("with", "b"), ("kind", "tea"), ("kind", "salt")])
        .unwrap();
    assert_eq!((row.related, row.unknown), (2, 1));
    // (1, 1) - (0, 1), and (1, 2) + (-1, 0).
    assert_eq!(
        rows(&mut trainer, "item.weight"),
        [1.0, 0.0, 1.0, 1.0, 5.0, 5.0, 0.5, 1.0]
    );
    near(trainer.score(&[(0, 3)]).unwrap()[0], -(0.25 + 1.0));
    let relations = trainer.relations().unwrap();
    assert_eq!(relations.positive_pairs().collect::<Vec<_>>(), [(0, 1), (3, 1)]);
    assert_eq!(relations.attribute_pairs().count(), 3);
    let mut loaded = through_file(&mut trainer);
    assert_eq!(rows(&mut loaded, "item.weight"), rows(&mut trainer, "item.weight"));
}

#[test]
fn mf_puts_an_item_where_its_related_ones_are() {
    let known = relations(&["a", "b"], &[("a", "with", "b")]).positives("with").unwrap();
    let model = Mf::new(1, 2).factors(2);
    let items: Vec<&str> = vec!["a", "b"];
    let plan = model.plan_for(softmax(true)).unwrap();
    let table = plan
        .params()
        .iter()
        .find(|param| param.rows == items.len())
        .unwrap()
        .name
        .clone();
    let mut trainer = trainer(model, softmax(true), &[(&table, &[1.0, 2.0, 3.0, -6.0])], known);
    trainer.absorb_related("c", &[("with", "a"), ("with", "b")]).unwrap();
    assert_eq!(rows(&mut trainer, &table)[4..], [2.0, -2.0]);
    assert!(trainer.recommend(0, 3).unwrap().iter().any(|best| best.0 == 2));
    // Nothing is known of it but that it is there: it stands in the middle.
    let row = trainer.absorb_related("d", &[]).unwrap();
    assert_eq!((row.id, row.related, row.unknown), (3, 0, 0));
}

#[test]
fn what_cannot_be_related_is_refused_and_changes_nothing() {
    let refused = |result: Result<_, Error>, words: &str| match result {
        Err(Error::Config { reason, .. }) => assert!(reason.contains(words), "{reason}"),
        other => panic!("{words}: {other:?}"),
    };
    let known = relations(&["a", "b"], &[("b", "with", "a"), ("a", "instead", "b")]);
    let model = LightGcn::new(1, 2).embedding_dim(1).layers(1);
    let mut trainer = trainer(model, softmax(false), &[], known.edges("with", 1.0).unwrap());
    let before = trainer.checkpoint().unwrap();
    refused(
        trainer.absorb_related("c", &[("along", "a")]),
        "no relation \"along\" in use; those are with",
    );
    refused(trainer.absorb_related("c", &[("instead", "a")]), "those are with");
    refused(trainer.absorb_related("c", &[("with", "c")]), "itself");
    refused(trainer.absorb_related(" ", &[("with", "a")]), "empty");
    assert_eq!(trainer.checkpoint().unwrap(), before);
    let mut plain = Trainer::new(Mf::new(2, 3), Device::cpu(), TrainConfig::default()).unwrap();
    refused(plain.absorb_related("c", &[("with", "0")]), "knows no relations");
}
