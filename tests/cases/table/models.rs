//! Models of users and items.

use pocketrec::{
    models::{Gmf, Mf, Mlp, NeuMf},
    plan::Plan,
};

/// Every model at sizes that no vector width divides, by name.
pub fn odd_models(users: usize, items: usize) -> Vec<(&'static str, Plan)> {
    vec![
        ("MF", Mf::new(users, items).factors(5).plan().unwrap()),
        ("GMF", Gmf::new(users, items).factors(7).plan().unwrap()),
        ("MLP-0", Mlp::new(users, items).layers([6]).plan().unwrap()),
        ("MLP-3", Mlp::new(users, items).layers([14, 11, 5, 3]).plan().unwrap()),
        (
            "NeuMF",
            NeuMf::new(users, items).factors(3).layers([10, 7, 5]).plan().unwrap(),
        ),
    ]
}
