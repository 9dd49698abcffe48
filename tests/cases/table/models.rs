//! Models of users and items.

use pocketrec::{
    models::{Cfkg, Gmf, Kgcn, Loss, Mf, Mlp, NeuMf, SasRec, Softmax},
    ops::SigmoidCrossEntropy,
    plan::{Activation, Init, Plan, PlanBuilder},
};

const INIT: Init = Init::Normal { std: 0.1 };

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
    all.insert(3, ("items first", items_first(users, items)));
    all
}

/// Models of histories, small, by names that begin with "model".
pub fn sequence_models(items: usize) -> Vec<(&'static str, Plan)> {
    let sas_rec = SasRec::new(1, items).embedding_dim(6).heads(2).length(7);
    vec![("model SASRec", sas_rec.plan().unwrap())]
}

/// CFKG of interactions, of related items, and of attributes, too, by names that begin with "model".
pub fn points(users: usize, items: usize) -> Vec<(&'static str, Plan)> {
    let of = |relations, attributes, loss| {
        let model = Cfkg::new(users, items).embedding_dim(7);
        let model = Cfkg {
            relations,
            attributes,
            ..model
        };
        model.plan_for(loss).unwrap()
    };
    vec![
        ("model CFKG", of(0, 0, Loss::Bpr)),
        ("model CFKG of related items", of(2, 0, Loss::Bpr)),
        ("model CFKG of attributes", of(3, 11, Loss::Bpr)),
    ]
}

/// Models of what is known of items, likewise.
pub fn knowledge_models(users: usize, items: usize) -> Vec<(&'static str, Plan)> {
    let kgcn = Kgcn::new(users, items, 11, 4).embedding_dim(7);
    vec![("model KGCN", kgcn.plan().unwrap())]
}

/// Models whose users and items are made of a row of their own and of those of features, likewise: by label and by pairs, and with
/// candidates of a block that share a table.
pub fn featured_models(users: usize, items: usize) -> Vec<(&'static str, Plan)> {
    let neu_mf = NeuMf::new(users, items).factors(3).layers([10, 7, 5]);
    let softmax = Loss::Softmax(Softmax {
        block: 8,
        ..Softmax::default()
    });
    let featured =
        |plan: pocketrec::Result<Plan>, features: [usize; 2]| plan.unwrap().with_features(&features).unwrap();
    vec![
        (
            "model of features MF",
            featured(Mf::new(users, items).factors(5).plan(), [0, 11]),
        ),
        ("model of features NeuMF", featured(neu_mf.plan_for(Loss::Bpr), [6, 19])),
        (
            "model of features by softmax",
            featured(Mf::new(users, items).factors(7).plan_for(softmax), [6, 19]),
        ),
    ]
}

/// A plan whose first column is the candidate's.
fn items_first(users: usize, items: usize) -> Plan {
    let mut plan = PlanBuilder::new();
    let (item, user) = (plan.candidate("item"), plan.query("user"));
    let (q, p, both) = (plan.buffer(5), plan.buffer(5), plan.buffer(5));
    plan.gather("item.weight", item, items, INIT, q);
    plan.gather("user.weight", user, users, INIT, p);
    plan.product(q, p, both);
    let logit = plan.linear("logit", both, 1, Activation::Identity);
    plan.finish(SigmoidCrossEntropy { logit }).unwrap()
}
