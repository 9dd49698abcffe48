//! What causal attention has read of a history.

use pocketrec::{
    cpu::{CpuExecutor, Isa},
    data::{PlantedPaths, Split},
    executor::{attention_rollout, score_with},
    explain::Kind,
    models::{Mf, SasRec},
    ops::causal_attention,
    reference::Reference,
    train::{TrainConfig, Trainer},
};

use crate::{
    adam,
    common::{close, random_batch, random_state, wide},
    cpu, falls, other,
};

fn sas_rec() -> (Split, Trainer) {
    let paths = PlantedPaths {
        users: 300,
        items: 40,
        length: 10,
        successors: 2,
        follow: 0.9,
        ..PlantedPaths::default()
    };
    let split = paths.generate().unwrap().interactions.leave_one_out().unwrap();
    let config = TrainConfig {
        epochs: 30,
        batch_size: 32,
        loss: SasRec::loss(),
        optimizer: adam(5e-3),
        eval_every: 0,
        seed: 3,
        ..TrainConfig::default()
    };
    let model = SasRec::new(300, 40).embedding_dim(16).heads(2).length(8).dropout(0.1);
    let mut trainer = Trainer::new(model, cpu(), config).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    (split, trainer)
}

#[test]
fn without_what_was_read_most_the_score_of_what_comes_next_falls_most() {
    let (split, mut trainer) = sas_rec();
    let (mut pairs, mut asked) = (Vec::new(), Vec::new());
    for user in 0..300 {
        let history = split.train.of_user(user);
        let (item, score) = trainer.recommend(user, 1).unwrap()[0];
        let why = trainer.explain(user, item).unwrap();
        assert_eq!((why.kind, why.score, why.rest), (Kind::Weights, score, 0.0));
        // Of nine items the last eight are looked at.
        assert_eq!((history.len(), why.reasons.len()), (9, 8));
        assert!(
            why.reasons
                .iter()
                .all(|reason| history[1..].contains(&reason.item) && reason.contribution > 0.0)
        );
        assert!((why.sum() - 1.0).abs() < 1e-5, "{why:?}");
        for left_out in [
            None,
            Some(why.reasons[0].item),
            Some(other(user, &why.reasons[1..]).item),
        ] {
            let id = 300 + asked.len() as u32;
            pairs.extend(
                history
                    .iter()
                    .filter(|&&item| Some(item) != left_out)
                    .map(|&item| (id, item)),
            );
            asked.push((id, item));
        }
    }
    trainer.absorb(&pairs).unwrap();
    let scores = trainer.score(&asked).unwrap();
    falls(&scores, 3.0);
    // Nothing is read of somebody without a history.
    trainer.absorb(&[(1300, 1)]).unwrap();
    let why = trainer.explain(1299, 5).unwrap();
    assert_eq!((why.kind, why.score, &why.reasons[..]), (Kind::Weights, 0.0, &[][..]));
}

/// By whole matrices: each step reads a column of the identity, so that what attention gives is its matrix.
#[test]
fn attention_is_rolled_out_over_all_blocks_and_heads() {
    let plan = SasRec::new(1, 9)
        .embedding_dim(6)
        .heads(1)
        .blocks(3)
        .length(6)
        .plan()
        .unwrap();
    let state = random_state(&plan, 0.8, 4);
    let batch = random_batch(&plan, 12, 2);
    let offsets = batch.offsets(0).to_vec();
    let steps = offsets[12] as usize;
    let mut logits = vec![0.0; 12];
    let mut reference = Reference::new(&plan, &state).unwrap();
    let mut read: Vec<f64> = vec![0.0; steps];
    for pair in offsets.windows(2).filter(|pair| pair[0] < pair[1]) {
        read[pair[1] as usize - 1] = 1.0;
    }
    for block in [2, 1, 0] {
        let [query, key] = ["query", "key"].map(|part| {
            let name = format!("block.{block}.{part}");
            wide(&score_with(&mut reference, &batch, &name, &mut logits).wait().unwrap())
        });
        // Histories have six steps at most, as many as there are columns.
        let mut identity = vec![0.0; steps * 6];
        for pair in offsets.windows(2) {
            (pair[0]..pair[1]).for_each(|u| identity[u as usize * 6 + (u - pair[0]) as usize] = 1.0);
        }
        let shape = causal_attention::Shape {
            offsets: &offsets,
            width: 6,
            heads: 1,
        };
        let matrix = causal_attention::forward(&query, &key, &identity, shape);
        let mut next = vec![0.0; steps];
        for pair in offsets.windows(2) {
            for (t, u) in (pair[0]..pair[1]).flat_map(|t| (pair[0]..pair[1]).map(move |u| (t as usize, u as usize))) {
                next[u] += 0.5 * read[t] * matrix[t * 6 + u - pair[0] as usize];
            }
        }
        read = read.iter().zip(next).map(|(own, more)| 0.5 * own + more).collect();
    }
    let mut want = logits.clone();
    let got = attention_rollout(&mut reference, &batch, &mut want).wait().unwrap();
    close(&got, &read, 1e-6, "rolled out");
    assert_eq!(want, logits);
    for isa in Isa::available() {
        let mut executor = CpuExecutor::new(plan.clone(), state.clone(), isa, 2).unwrap();
        let got = attention_rollout(&mut executor, &batch, &mut logits).wait().unwrap();
        close(&got, &read, 1e-4, &format!("{isa}"));
        close(&logits, &wide(&want), 1e-4, "logits");
    }
    let plan = Mf::new(3, 3).plan().unwrap();
    let mut executor = Reference::new(&plan, &random_state(&plan, 0.1, 1)).unwrap();
    let none = attention_rollout(&mut executor, &random_batch(&plan, 1, 1), &mut [0.0]).wait();
    assert!(none.unwrap_err().to_string().contains("no causal attention"));
}
