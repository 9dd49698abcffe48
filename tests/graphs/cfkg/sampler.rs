//! What a sampler of typed relations draws.

use std::collections::HashMap;

use pocketrec::data::{Batch, Interactions, Sampler, Sampling};

use super::relations;

/// Who asks, the step (of a user none), and the item.
type Asked = ((&'static str, u32), Option<u32>, u32);

/// Who asks in each sample, by which relation, for what, and beside what.
fn read(batch: &Batch) -> Vec<(Asked, u32)> {
    let column =
        |column: usize, sample: usize| (batch.column(column).ids[sample], batch.column(column).weights[sample]);
    let heads: &[(&str, usize)] = match batch.columns().len() {
        6 => &[("user", 0), ("item", 3), ("attribute", 4)],
        _ => &[("user", 0), ("item", 3)],
    };
    let last = batch.columns().len() - 1;
    let sample = |sample: usize| {
        let asking = heads.iter().filter(|&&(_, at)| column(at, sample).1 == 1.0);
        let asking: Vec<(&str, u32)> = asking.map(|&(who, at)| (who, column(at, sample).0)).collect();
        assert_eq!(asking.len(), 1);
        let weights: f32 = heads.iter().map(|&(_, at)| column(at, sample).1).sum();
        assert_eq!(weights, 1.0);
        let (step, weight) = column(last, sample);
        assert_eq!(weight, f32::from(u8::from(asking[0].0 != "user")));
        let step = (asking[0].0 != "user").then_some(step);
        let ids = [1, 2].map(|column| batch.column(column).ids[sample]);
        assert!([1, 2].iter().all(|&at| batch.column(at).weights.is_empty()));
        let who = heads.iter().find(|head| head.0 == asking[0].0).unwrap().0;
        (((who, asking[0].1), step, ids[0]), ids[1])
    };
    (0..batch.len()).map(sample).collect()
}

#[test]
fn each_triple_comes_as_often_as_a_positive_beside_what_does_not_belong_to_it() {
    let pairs = [(0, 0), (0, 1), (1, 2), (2, 6)];
    let train = Interactions::from_columns((3, 7), &pairs.map(|pair| pair.0), &pairs.map(|pair| pair.1), &[]).unwrap();
    // The relation "mixed" has items and others as tails, which are two steps; "unused" is none.
    let all = relations(
        7,
        &[
            ("0", "with", "3"),
            ("0", "with", "4"),
            ("5", "with", "0"),
            ("1", "unused", "2"),
            ("1", "unused", "green"),
            ("6", "mixed", "2"),
            ("6", "mixed", "tea"),
            ("5", "mixed", "tea"),
            ("2", "mixed", "rice"),
        ],
    );
    let used = all.positives("with").unwrap().positives("mixed").unwrap();
    let used = used.attributes("mixed").unwrap();
    assert_eq!(used.attribute_names().collect::<Vec<_>>(), ["unused", "mixed"]);
    let triples: Vec<Asked> = vec![
        (("item", 0), Some(0), 3),
        (("item", 0), Some(0), 4),
        (("item", 5), Some(0), 0),
        (("item", 6), Some(1), 2),
        (("attribute", 0), Some(2), 5), // tea, by the order of those in use
        (("attribute", 0), Some(2), 6),
        (("attribute", 1), Some(2), 2), // rice
    ];
    let of_users = pairs.map(|(user, item)| (("user", user), None, item));
    for sampling in [Sampling::EveryPositive, Sampling::UniformUsers] {
        let sampler = Sampler::pairwise(&train, 3, 9)
            .unwrap()
            .with_sampling(sampling)
            .unwrap();
        let sampler = sampler.with_relations(&used, 7).unwrap();
        assert_eq!((sampler.samples_per_epoch(), sampler.has_relations()), (3 * 11, true));
        let mut batch = Batch::default();
        let (mut counts, mut beside) = (HashMap::new(), HashMap::new());
        for epoch in 0..200 {
            for start in [0, 20] {
                sampler.fill(epoch, start, 20, &mut batch);
                assert_eq!(batch.negatives(), 2..3);
                for (asked, negative) in read(&batch) {
                    *counts.entry(asked).or_insert(0) += 1;
                    *beside.entry((asked, negative)).or_insert(0) += 1;
                }
            }
        }
        assert!(triples.iter().all(|triple| counts[triple] == 600), "{counts:?}");
        let users: Vec<u32> = of_users.iter().map(|positive| counts[positive]).collect();
        match sampling {
            Sampling::EveryPositive => assert_eq!(users, [600; 4]),
            // Each user of three as often as the other.
            Sampling::UniformUsers => assert!(users[2] > 700 && users[3] > 700 && users[0] < 500, "{users:?}"),
        }
        assert_eq!(counts.len(), 11);
        let belongs = |((who, id), step, item): Asked, other: u32| {
            let tails = triples
                .iter()
                .chain(&of_users)
                .filter(|triple| (triple.0, triple.1) == ((who, id), step));
            other == item || (who == "item" && other == id) || tails.map(|triple| triple.2).any(|tail| tail == other)
        };
        for asked in triples.iter().chain(&of_users) {
            for item in 0..7 {
                let count = beside.get(&(*asked, item)).copied().unwrap_or(0);
                assert_eq!(belongs(*asked, item), count == 0, "{asked:?} beside {item}");
            }
        }
    }
    // The same at any place, as of other samplers.
    let sampler = Sampler::pairwise(&train, 3, 9)
        .unwrap()
        .with_relations(&used, 7)
        .unwrap();
    let (mut whole, mut part) = (Batch::default(), Batch::default());
    sampler.fill(5, 0, 33, &mut whole);
    sampler.fill(5, 10, 9, &mut part);
    assert_eq!(read(&whole)[10..19], read(&part));
}

#[test]
fn without_attributes_there_is_no_column_of_them() {
    let train = Interactions::from_pairs(&[(0, 0), (1, 1), (1, 2)]).unwrap();
    let used = relations(3, &[("0", "with", "1"), ("2", "kind", "tea")])
        .positives("with")
        .unwrap();
    let sampler = Sampler::pairwise(&train, 1, 1)
        .unwrap()
        .with_relations(&used, 3)
        .unwrap();
    let mut batch = Batch::default();
    sampler.fill(0, 0, 9, &mut batch);
    assert_eq!((batch.len(), batch.columns().len()), (4, 5));
    assert!(read(&batch).contains(&((("item", 0), Some(0), 1), 2)));
}
