use super::*;
use alloc::string::ToString;

/// Compares epoch 3 with what the rule says of each position.
fn follow_the_written_rule(data: &Interactions, negatives: u32) {
    let sampler = Sampler::new(data, negatives, 11).unwrap();
    let of_user = |user: u32| data.of_user(user).iter().map(move |&item| (user, item));
    let mut sorted: Vec<(u32, u32)> = (0..data.users()).flat_map(of_user).collect();
    sorted.sort_unstable();
    let total = sorted.len() as u32 * (1 + negatives);
    let mut batch = Batch::default();
    sampler.fill(3, 0, total as usize, &mut batch);
    assert_eq!(batch.len(), total as usize);
    let order = Permutation::new(total, Rng::new(11).stream(1).stream(3));
    let stream = Rng::new(11).stream(2).stream(3);
    for j in 0..total {
        let p = order.at(j);
        let (user, item) = sorted[(p / (1 + negatives)) as usize];
        let (item, label) = if p.is_multiple_of(1 + negatives) {
            (item, 1.0)
        } else {
            let mut tries = (0..16u64)
                .flat_map(|a| stream.at(u64::from(p) | a << 32))
                .map(|bits| scale(bits, data.items()));
            (
                tries
                    .find(|&item| sorted.binary_search(&(user, item)).is_err())
                    .unwrap(),
                0.0,
            )
        };
        let j = j as usize;
        assert_eq!((batch.column(0).ids[j], batch.column(1).ids[j]), (user, item));
        assert_eq!(batch.labels()[j], label);
    }
}

/// Pairs: draw p belongs to positive p / negatives, and its negative is the one that stands beside it.
#[test]
fn pairs_follow_the_written_rule() {
    let data = Interactions::from_pairs(&[(0, 3), (0, 1), (1, 2), (2, 0), (2, 2), (2, 3)]).unwrap();
    let sorted = [(0, 1), (0, 3), (1, 2), (2, 0), (2, 2), (2, 3)];
    let (total, mut batch) = (18, Batch::default());
    Sampler::pairwise(&data, 3, 11).unwrap().fill(3, 0, 100, &mut batch);
    assert_eq!((batch.len(), batch.negatives()), (total as usize, 2..3));
    let order = Permutation::new(total, Rng::new(11).stream(1).stream(3));
    let stream = Rng::new(11).stream(2).stream(3);
    for j in 0..total {
        let p = order.at(j);
        let (user, item) = sorted[(p / 3) as usize];
        let mut tries = (0..16u64)
            .flat_map(|a| stream.at(u64::from(p) | a << 32))
            .map(|bits| scale(bits, data.items()));
        let negative = tries.find(|&item| !sorted.contains(&(user, item))).unwrap();
        let found = [0, 1, 2].map(|column| batch.column(column).ids[j as usize]);
        assert_eq!((found, batch.labels()[j as usize]), ([user, item, negative], 1.0));
    }
    assert!(
        Sampler::pairwise(&data, 0, 1)
            .unwrap_err()
            .to_string()
            .contains("at least 1")
    );
}

#[test]
fn samples_follow_the_written_rule() {
    let data = Interactions::from_pairs(&[(0, 3), (0, 1), (1, 2), (2, 0), (2, 2), (2, 3)]).unwrap();
    follow_the_written_rule(&data, 2);
}

/// Too many users and items for a table of bits; one user has every other item, most have one.
#[test]
fn samples_of_many_users_follow_the_written_rule() {
    let pairs = (0..15_000)
        .map(|i| (700, 2 * i))
        .chain((0..3000).map(|user| (user, user)));
    let pairs: Vec<(u32, u32)> = pairs.filter(|pair| *pair != (1000, 1000)).collect(); // who has none
    follow_the_written_rule(&Interactions::from_pairs(&pairs).unwrap(), 2);
}

#[test]
fn a_user_with_one_item_left_gets_it() {
    let items = 100_000;
    let pairs: Vec<(u32, u32)> = (0..items)
        .filter(|&item| item != 77_777)
        .map(|item| (0, item))
        .collect();
    let data = Interactions::from_columns((1, items), &alloc::vec![0; pairs.len()], &column(&pairs), &[]).unwrap();
    let sampler = Sampler::new(&data, 1, 0).unwrap();
    let mut batch = Batch::new(2, 100);
    sampler.fill(0, 0, 100, &mut batch);
    for (item, label) in batch.column(1).ids.iter().zip(batch.labels()) {
        assert_eq!(*item == 77_777, *label == 0.0);
    }
}

fn column(pairs: &[(u32, u32)]) -> Vec<u32> {
    pairs.iter().map(|pair| pair.1).collect()
}

#[test]
fn what_cannot_be_sampled_is_refused_by_name() {
    let full = Interactions::from_keys([("ann", "x", 0), ("bob", "x", 0), ("bob", "y", 0)]).unwrap();
    let error = Sampler::new(&full, 1, 0).unwrap_err().to_string();
    assert!(error.contains("user \"bob\" has every one of the 2 items"), "{error}");
    assert!(Sampler::new(&full, 0, 0).is_ok());
    let error = Sampler::new(&Interactions::from_pairs(&[(0, 1)]).unwrap(), u32::MAX - 1, 0).unwrap_err();
    assert!(error.to_string().contains("4294967295 samples an epoch"), "{error}");
}

#[test]
fn a_part_past_the_end_is_empty() {
    let sampler = Sampler::new(&Interactions::from_pairs(&[(0, 1)]).unwrap(), 1, 0).unwrap();
    let mut batch = Batch::new(2, 1);
    sampler.fill(0, u64::MAX, usize::MAX, &mut batch);
    assert!(batch.is_empty());
}
