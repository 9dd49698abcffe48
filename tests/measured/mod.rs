//! The measured figures in `benches/measured`, and the models that they are of.

use std::{collections::BTreeMap, path::Path};

use pocketrec::{
    data::clicks::{Encoder, PlantedClicks, Samples},
    models::{Cfkg, ClickModel, Gmf, Kgcn, LightGcn, Loss, Mf, Mlp, Model, NeuMf, SasRec},
};

/// Users, items, and what a knowledge graph has besides, of small models.
pub const SIZES: [usize; 4] = [30, 20, 25, 3];

/// A row of a file, by the names of columns.
pub type Row = BTreeMap<String, String>;

pub fn rows(name: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/measured/{name}.csv"));
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().collect::<Result<_, _>>().unwrap()
}

pub enum Any {
    Pairs(Model),
    Clicks(Box<ClickModel>),
    Classical,
}

/// Rows of clicks with users, items and histories, and what encodes more of them.
pub fn clicks() -> (Samples, Encoder) {
    let planted = PlantedClicks {
        users: 20,
        rows_per_user: 12,
        ..PlantedClicks::default()
    };
    let data = planted.generate().unwrap();
    (data.train, data.encoder)
}

/// A small model of a row of `models.csv`.
pub fn model(row: &Row, clicks: &Samples) -> Any {
    let [users, items, entities, relations] = SIZES;
    let model: Model = match row["path"].as_str() {
        "models::Mf" => Mf::new(users, items).into(),
        "models::Gmf" => Gmf::new(users, items).into(),
        "models::Mlp" => Mlp::new(users, items).into(),
        "models::NeuMf" => NeuMf::new(users, items).into(),
        "models::LightGcn" => LightGcn::new(users, items).into(),
        "models::Cfkg" => Cfkg::new(users, items).into(),
        "models::Kgcn" => Kgcn::new(users, items, entities, relations).into(),
        "models::SasRec" => SasRec::new(users, items).into(),
        path if path.starts_with("classical::") => return Any::Classical,
        path => {
            let is_it = |name: &&&str| format!("models::{}", name.replace('_', "")) == path.to_lowercase();
            let name = ClickModel::NAMES.iter().find(is_it).unwrap_or_else(|| panic!("{path}"));
            return Any::Clicks(Box::new(ClickModel::named(name, clicks.layout()).unwrap()));
        }
    };
    Any::Pairs(model)
}

/// A loss that the model is trained by.
pub fn loss(model: &Model) -> Loss {
    match model {
        Model::SasRec(_) => SasRec::loss(),
        Model::LightGcn(_) | Model::Cfkg(_) => Loss::Bpr,
        _ => Loss::CrossEntropy,
    }
}
