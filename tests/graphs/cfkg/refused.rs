//! What does not fit, and what is said of it.

use std::collections::HashMap;

use pocketrec::{
    Error, Result,
    checkpoint::Checkpoint,
    data::{Interactions, Relations, Sampler, Split},
    device::Device,
    models::{Ccl, Cfkg, Loss, Margin, Mf, Model, SampledSoftmax, Softmax},
    plan::L2,
    train::{TrainConfig, Trainer},
};

use super::{config, relations};
use crate::common::files::{Tensors, edited};

#[track_caller]
fn refused<T>(result: Result<T>, words: &str) {
    let error = result.err().map_or_else(String::new, |error: Error| error.to_string());
    assert!(error.contains(words), "{error}");
}

fn known() -> Relations {
    relations(
        5,
        &[
            ("0", "with", "1"),
            ("4", "with", "2"),
            ("0", "kind", "tea"),
            ("3", "kind", "rice"),
        ],
    )
}

fn used() -> Relations {
    known().positives("with").unwrap().attributes("kind").unwrap()
}

fn trainer(model: impl Into<Model>, config: TrainConfig) -> Result<Trainer> {
    Trainer::new(model, Device::cpu().threads(1), config)
}

fn split() -> Split {
    let data = Interactions::from_columns((3, 5), &[0, 1, 2], &[0, 1, 2], &[]).unwrap();
    Split::from_cases(data, []).unwrap()
}

#[test]
fn models_that_cannot_be() {
    let model = || Cfkg::new(3, 5);
    let others = [
        Loss::CrossEntropy,
        Loss::Ccl(Ccl::default()),
        Loss::Softmax(Softmax::default()),
        Loss::SampledSoftmax(SampledSoftmax::default()),
    ];
    for loss in others {
        refused(model().plan_for(loss), "give margin, or bpr for the logistic loss");
        refused(trainer(model(), config(loss)), loss.name());
    }
    refused(
        model().plan_for(Loss::Margin(Margin { margin: 0.0 })),
        "margin: 0 is not a number above 0",
    );
    refused(Cfkg::new(0, 5).plan(), "users: 0 rows");
    refused(model().embedding_dim(0).plan(), "embedding_dim: 0");
    refused(model().embedding_dim(1 << 17).plan(), "embedding_dim");
    let lonely = Cfkg {
        attributes: 2,
        ..model()
    };
    refused(lonely.plan(), "attributes: 2 attributes and no relation");
    let endless = Cfkg {
        relations: usize::MAX,
        ..model()
    };
    refused(endless.plan(), "relations: 18446744073709551615 rows");
    let counted = TrainConfig {
        l2: L2 {
            tables: 0.1,
            ..L2::default()
        },
        ..config(Loss::Bpr)
    };
    refused(trainer(model().relations(&used()), counted), "l2.tables: 0.1");
    let mut without = trainer(model(), counted).unwrap(); // all samples have a user there
    without.fit(&split(), |_| ()).unwrap();
    let mut with = trainer(model().relations(&used()), config(Loss::Bpr)).unwrap();
    refused(with.set_config(counted), "l2.tables: 0.1");
    refused(
        trainer(
            model(),
            TrainConfig {
                negatives: 0,
                ..config(Loss::Bpr)
            },
        ),
        "negatives: 0",
    );
}

#[test]
fn relations_that_do_not_fit() {
    let model = || Cfkg::new(3, 5);
    let roomy = || trainer(model().relations(&used()), config(Loss::Bpr)).unwrap();
    refused(
        known().attributes("with"),
        "there is no relation \"with\" of an item and something that is none; those are kind",
    );
    refused(
        known().positives("kind"),
        "there is no relation \"kind\" of two items; those are with",
    );
    refused(
        relations(5, &[("0", "with", "1")]).attributes("with"),
        "there are none such",
    );
    refused(roomy().set_relations(known()), "none of them is used");
    refused(
        roomy().fit(&split(), |_| ()),
        "hand the trainer those that it was made for",
    );
    refused(
        roomy().set_relations(known().positives("with").unwrap()),
        "1 relations and 0 attributes are in use, and the model has rows for 2 and 2",
    );
    refused(
        trainer(model(), config(Loss::Bpr)).unwrap().set_relations(used()),
        "2 relations and 2 attributes are in use, and the model has rows for 0 and 0",
    );
    refused(
        roomy().set_relations(used().edges("with", 1.0).unwrap()),
        "cfkg has no graph for their edges",
    );
    let related = TrainConfig {
        loss: Loss::Softmax(Softmax {
            related: true,
            ..Softmax::default()
        }),
        ..config(Loss::Bpr)
    };
    refused(
        trainer(Mf::new(3, 5), related).unwrap().set_relations(used()),
        "mf has no place for attributes",
    );
    let small = Cfkg::new(3, 4).relations(&used());
    refused(
        trainer(small, config(Loss::Bpr)).unwrap().set_relations(used()),
        "they are of 5 items, the model has 4",
    );
    // What all items have tells none from another.
    let all = ["0", "1", "2", "3", "4"].map(|item| (item, "kind", "food"));
    let food = relations(5, &all).attributes("kind").unwrap();
    let mut trainer = trainer(model().relations(&food), config(Loss::Bpr)).unwrap();
    trainer.set_relations(food).unwrap();
    refused(
        trainer.fit(&split(), |_| ()),
        "the attribute \"food\" has all of the 5 items",
    );

    let sampler = Sampler::pairwise(&split().train, 2, 1).unwrap();
    refused(
        sampler.clone().with_relations(&known(), 5),
        "none of them is a positive or an attribute",
    );
    refused(sampler.clone().with_relations(&used(), 4), "related item id 4");
    refused(
        sampler.with_relations(&used(), 5).unwrap().with_relations(&used(), 5),
        "begin with Sampler::pairwise",
    );
    let labels = Sampler::new(&split().train, 2, 1).unwrap();
    refused(labels.with_relations(&used(), 5), "begin with Sampler::pairwise");
    let tails = ["1", "2", "3", "4"].map(|tail| ("0", "with", tail));
    let whole = relations(5, &tails).positives("with").unwrap();
    let sampler = Sampler::pairwise(&split().train, 2, 1).unwrap();
    refused(
        sampler.with_relations(&whole, 5),
        "the item \"0\" has all of the 5 items",
    );
}

/// Files whose relations contradict themselves or the model, by what is said of them.
#[test]
fn faults_of_files_are_named() {
    let model = Cfkg::new(3, 5).embedding_dim(2).relations(&used());
    let mut trainer = trainer(model, config(Loss::Bpr)).unwrap();
    trainer.set_relations(used()).unwrap();
    let mut bytes = Vec::new();
    trainer.checkpoint().unwrap().write_to(&mut bytes).unwrap();
    let key = r#"{"items":5,"relations":[{"name":"with","pairs":2,"positives":true},{"name":"kind","pairs":0,"attributes":2,"nodes":true}]}"#;
    type Edit = fn(&mut Tensors, &mut HashMap<String, String>);
    fn says(strings: &mut HashMap<String, String>, key: &str, from: &str, to: &str) {
        let changed = strings[key].replace(from, to);
        assert_ne!(changed, strings[key]);
        strings.insert(key.into(), changed);
    }
    let in_file: &[(&str, Edit)] = &[
        ("tensor relations/attributes: (0, 9) lies outside", |t, _| {
            t.get_mut("relations/attributes").unwrap().2[4] = 9;
        }),
        ("tensor relations/attributes: (7, 0) lies outside", |t, _| {
            t.get_mut("relations/attributes").unwrap().2[0] = 7;
        }),
        (
            "3 pairs of \"kind\", the tensor relations/attributes has 2 left",
            |_, s| says(s, "relations", "\"attributes\":2", "\"attributes\":3"),
        ),
        ("tensor relations/attributes: 1 pairs belong to no relation", |_, s| {
            says(s, "relations", "\"attributes\":2", "\"attributes\":1")
        }),
        ("2 keys for 3 rows", |_, s| says(s, "attributes", "text 2", "text 3")),
        ("attributes is malformed", |_, s| {
            says(s, "attributes", "text 2", "words 2")
        }),
        ("relations/attributes is missing", |t, _| {
            drop(t.remove("relations/attributes"))
        }),
        ("ids/attribute.ends is missing", |t, _| {
            drop(t.remove("ids/attribute.ends"))
        }),
        (
            "2 pairs of \"kind\", the tensor relations/attributes has 0 left",
            |_, s| drop(s.remove("attributes")),
        ),
        ("attribute.weight has shape [2, 2]; the model needs [3, 2]", |_, s| {
            says(s, "model", "\"attributes\":2", "\"attributes\":3")
        }),
        ("attributes: 2 attributes and no relation", |_, s| {
            says(s, "model", "\"relations\":2", "\"relations\":0")
        }),
    ];
    let unchanged = edited(&bytes, |_, strings| {
        assert_eq!(strings["relations"], key);
        assert_eq!(strings["attributes"], "text 2");
    });
    assert!(Checkpoint::from_bytes(&unchanged).is_ok());
    for (expected, edit) in in_file {
        let error = Checkpoint::from_bytes(&edited(&bytes, *edit)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
    let of_others = edited(&bytes, |_, s| says(s, "relations", ",\"nodes\":true", ""));
    let read = Checkpoint::from_bytes(&of_others);
    // The checksum is over all of it.
    refused(read, "checksum");
}
