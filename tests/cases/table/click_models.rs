//! Models of clicks: all that there are, by their names.

use pocketrec::{
    data::clicks::{IdField, Layout, SequenceField, Table},
    models::ClickModel,
    plan::Plan,
};

/// Settings of a small model at sizes that no vector width divides: each counts in the models that have it.
const SMALL: [(&str, &str); 5] = [
    ("embedding_dim", "5"),
    ("hidden", "7,3"),
    ("attention", "6"),
    ("auxiliary", "5"),
    ("dropout", "0.2"),
];

/// Every model of [`ClickModel::NAMES`] over these fields, small, by its name. A new model is in here by being in that list.
pub fn small_models(layout: &Layout) -> Vec<(&'static str, ClickModel)> {
    let small = |&name: &&'static str| {
        let mut model = ClickModel::named(name, layout).unwrap();
        let settings = model.settings();
        for (setting, value) in SMALL
            .iter()
            .filter(|(name, _)| settings.iter().any(|there| there == name))
        {
            model = model.with(setting, value).unwrap();
        }
        (name, model)
    };
    ClickModel::NAMES.iter().map(small).collect()
}

/// Their plans over a field of one key, two that a history has too, one of any number of keys with weights, and numbers.
pub fn click_plans() -> Vec<(String, Plan)> {
    let tables = [("user", 9), ("item", 17), ("genre", 4), ("tag", 11)];
    let field = |vocabulary: usize| IdField::new(tables[vocabulary].0, vocabulary);
    let layout = Layout {
        ids: vec![field(0), field(1), field(2)],
        many: vec![IdField {
            weighted: true,
            ..field(3)
        }],
        numbers: vec!["hour".into(), "price".into()],
        sequences: vec![SequenceField {
            name: "history".into(),
            length: 6,
            fields: vec![1, 2],
        }],
        vocabularies: tables
            .map(|(name, rows)| Table {
                name: name.into(),
                rows,
            })
            .into(),
        ..Layout::default()
    };
    let models = small_models(&layout).into_iter();
    models
        .map(|(name, model)| (format!("model {name}"), model.plan().unwrap()))
        .collect()
}
