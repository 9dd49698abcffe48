//! Models of users and items.

use pocketrec::{
    models::{Gmf, Loss, Mf, Mlp, NeuMf},
    plan::Plan,
};

/// Every model at sizes that no vector width divides, by each loss, by name.
pub fn odd_models(users: usize, items: usize) -> Vec<(&'static str, Plan)> {
    let models = |names: [&'static str; 4], loss: Loss| {
        let plans = [
            Mf::new(users, items).factors(5).plan_for(loss),
            Gmf::new(users, items).factors(7).plan_for(loss),
            Mlp::new(users, items).layers([14, 11, 5, 3]).plan_for(loss),
            NeuMf::new(users, items).factors(3).layers([10, 7, 5]).plan_for(loss),
        ];
        names.into_iter().zip(plans.map(Result::unwrap))
    };
    let by_label = models(["MF", "GMF", "MLP-3", "NeuMF"], Loss::CrossEntropy);
    let by_pairs = models(["BPR MF", "BPR GMF", "BPR MLP-3", "BPR NeuMF"], Loss::Bpr);
    let mut all: Vec<_> = by_label.chain(by_pairs).collect();
    // Comparing items would learn nothing of its users.
    let mlp_0 = Mlp::new(users, items).layers([6]).plan().unwrap();
    all.insert(2, ("MLP-0", mlp_0));
    all
}
