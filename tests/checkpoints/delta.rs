//! Small updates: what was learnt since a base, and the base with it.

use pocketrec::{
    checkpoint::{Checkpoint, Delta, DeltaConfig, Export},
    data::IdMap,
    device::Device,
    models::{Gmf, LightGcn, Loss, Mf, Model, NeuMf, SasRec},
    plan::{ParamKind, RowType},
    train::{AbsorbConfig, TrainConfig, Trainer},
};

use crate::planted::{ITEMS, USERS, config, interactions, trainer};

const WHOLE: DeltaConfig = DeltaConfig {
    threshold: 0.0,
    clicks: true,
};

fn keyed_split() -> pocketrec::data::Split {
    let keys = |prefix: char, n: u32| IdMap::from_keys((0..n).map(|i| format!("{prefix}{i}"))).unwrap();
    let data = interactions(12).with_ids(keys('u', USERS), keys('i', ITEMS)).unwrap();
    data.leave_one_out().unwrap()
}

/// A trained model, saved with its moments or exported.
fn base(model: impl Into<Model>, config: TrainConfig, rows: Option<RowType>) -> Checkpoint {
    let mut trained = trainer(model, TrainConfig { epochs: 1, ..config });
    trained.fit(&keyed_split(), |_| ()).unwrap();
    let base = trained.checkpoint().unwrap();
    match rows {
        Some(rows) => base.export(&Export { rows, users: None }).unwrap(),
        None => base,
    }
}

fn on_cpu(checkpoint: &Checkpoint) -> Trainer {
    Trainer::from_checkpoint(checkpoint.clone(), Device::cpu().threads(1)).unwrap()
}

fn gmf() -> Gmf {
    Gmf::new(USERS as usize, ITEMS as usize).factors(6)
}

#[test]
fn a_base_and_a_delta_are_what_was_learnt() {
    let (users, items) = (USERS as usize, ITEMS as usize);
    let by = |loss| TrainConfig { loss, ..config() };
    let models: [(Model, TrainConfig); 4] = [
        (NeuMf::new(users, items).factors(4).layers([12, 6]).into(), config()),
        (Mf::new(users, items).factors(8).into(), by(Loss::Bpr)),
        (
            LightGcn::new(users, items).embedding_dim(8).layers(2).into(),
            by(Loss::Bpr),
        ),
        (
            SasRec::new(users, items).embedding_dim(8).length(6).into(),
            by(SasRec::loss()),
        ),
    ];
    for (turn, (model, config)) in models.into_iter().enumerate() {
        for rows in [None, Some([RowType::F16, RowType::I8][turn % 2])] {
            let base = base(model.clone(), config, rows);
            let what = format!("{}, {rows:?}", base.model.name());
            let mut device = on_cpu(&base);
            device.absorb(&[(3, 5), (8, 1)]).unwrap();
            let more = [("u3", "new item"), ("new user", "i4"), ("new user", "new item")];
            device.absorb_keys(&more, &AbsorbConfig::default()).unwrap();
            let after = device.checkpoint().unwrap();
            let delta = device.delta(&base, &WHOLE).unwrap();
            let read = Delta::from_bytes(&delta.to_bytes().unwrap()).unwrap();
            assert!(read == delta, "{what}");
            assert!(base.clone().apply(&read).unwrap() == after, "{what}");
            let mut server = on_cpu(&base);
            server.apply(&read).unwrap();
            assert!(server.checkpoint().unwrap() == after, "{what}");
            for user in [3, 8, USERS] {
                assert_eq!(
                    server.recommend(user, 8).unwrap(),
                    device.recommend(user, 8).unwrap(),
                    "{what}"
                );
            }
            // Both go on alike.
            let next = [&mut server, &mut device].map(|trainer| {
                trainer.absorb(&[(3, 9)]).unwrap();
                trainer.checkpoint().unwrap().state
            });
            assert!(next[0] == next[1], "{what}");
        }
    }
}

/// A training step is a delta like any other, and a mean over epochs becomes the parameters.
#[test]
fn training_is_learnt_too() {
    let base = base(gmf(), config(), None);
    let mut server = on_cpu(&base);
    let mut longer = on_cpu(&base);
    let config = TrainConfig {
        epochs: 3,
        average_from: Some(2),
        ..config()
    };
    longer.set_config(config).unwrap();
    longer.fit(&keyed_split(), |_| ()).unwrap();
    server.apply(&longer.delta(&base, &WHOLE).unwrap()).unwrap();
    assert_eq!(server.recommend(5, 9).unwrap(), longer.recommend(5, 9).unwrap());
}

#[test]
fn rows_of_items_that_hardly_moved_are_left_out() {
    let base = base(gmf(), config(), None);
    let mut device = on_cpu(&base);
    device.absorb(&[(3, 5), (3, 6)]).unwrap();
    let (old, new) = (&base.state, device.state().unwrap());
    let items = device
        .plan()
        .params()
        .iter()
        .position(|param| param.name.contains("item"))
        .unwrap();
    // Half of the items' rows: the threshold is the middle one's way.
    let [from, to] = [old, &new].map(|state| state.tensors[items].value.chunks_exact(6));
    let way = |(a, b): (&[f32], &[f32])| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let mut ways: Vec<f32> = from.zip(to).map(way).filter(|&way| way > 0.0).collect();
    ways.sort_by(f32::total_cmp);
    let threshold = ways[ways.len() / 2];
    let config = DeltaConfig {
        threshold,
        clicks: false,
    };
    let delta = device.delta(&base, &config).unwrap();
    let applied = base.clone().apply(&delta).unwrap();
    let (mut sent, mut kept) = (0, 0);
    for (index, param) in device.plan().params().iter().enumerate() {
        let tensors = [&old.tensors[index], &new.tensors[index], &applied.state.tensors[index]];
        let mut rows = tensors.map(|tensor| tensor.value.chunks_exact(param.width));
        while let [Some(old), Some(new), Some(applied)] = rows.each_mut().map(Iterator::next) {
            let moved = way((old, new));
            let is_item = param.kind == ParamKind::Table { vocabulary: 1 };
            let is_sent = moved > if is_item { threshold } else { 0.0 };
            assert_eq!(applied, if is_sent { new } else { old }, "{}: {moved}", param.name);
            sent += usize::from(is_sent);
            kept += usize::from(!is_sent && moved > 0.0);
        }
    }
    assert_eq!(delta.rows(), sent);
    assert!(sent > 1 && kept > 1, "{sent} sent, {kept} kept");
    assert_eq!(applied.history, base.history);
}

#[test]
fn a_mean_is_over_those_who_have_the_row() {
    let base = base(gmf(), config(), None);
    let clicks: [&[(u32, u32)]; 3] = [&[(1, 5)], &[(2, 5), (2, 6)], &[(3, 7)]];
    let devices = clicks.map(|clicks| {
        let mut device = on_cpu(&base);
        device.absorb(clicks).unwrap();
        (
            device.state().unwrap(),
            device.delta(&base, &DeltaConfig::default()).unwrap(),
        )
    });
    let deltas: Vec<Delta> = devices.iter().map(|(_, delta)| delta.clone()).collect();
    let mean = base.clone().apply(&Delta::mean(&deltas).unwrap()).unwrap();
    for (index, param) in base.model.plan().unwrap().params().iter().enumerate() {
        let old = &base.state.tensors[index].value;
        for row in 0..param.rows {
            let range = row * param.width..(row + 1) * param.width;
            let moved = devices
                .iter()
                .map(|(state, _)| &state.tensors[index].value[range.clone()]);
            let moved: Vec<&[f32]> = moved.filter(|floats| *floats != &old[range.clone()]).collect();
            for (k, at) in range.clone().enumerate() {
                let want = match moved.len() {
                    0 => old[at],
                    n => (moved.iter().map(|floats| f64::from(floats[k])).sum::<f64>() / n as f64) as f32,
                };
                assert_eq!(mean.state.tensors[index].value[at], want, "{} {row}", param.name);
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let base = base(gmf(), config(), None);
    let mut device = on_cpu(&base);
    device.absorb(&[(3, 5)]).unwrap();
    let delta = device.delta(&base, &DeltaConfig::default()).unwrap();
    let refused = |result: pocketrec::Result<()>, expected: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    };
    // Another base: what it became, another seed, another model.
    let before = device.checkpoint().unwrap();
    refused(device.apply(&delta), "began from another state");
    assert!(device.checkpoint().unwrap() == before);
    let mut other = trainer(gmf(), TrainConfig { seed: 9, ..config() });
    refused(other.apply(&delta), "began from another state");
    refused(
        other
            .delta(&base, &WHOLE)
            .map(|_| ())
            .and_then(|()| other.apply(&delta)),
        "began from another state",
    );
    let mut mf = trainer(Mf::new(USERS as usize, ITEMS as usize), config());
    refused(mf.delta(&base, &WHOLE).map(|_| ()), "base: it is of gmf");
    refused(on_cpu(&base).delta(&before, &WHOLE).map(|_| ()), "absorbed item 5");
    for threshold in [-1.0, f32::NAN, f32::INFINITY] {
        refused(
            device
                .delta(
                    &base,
                    &DeltaConfig {
                        threshold,
                        clicks: false,
                    },
                )
                .map(|_| ()),
            "threshold",
        );
    }
    // Means.
    refused(Delta::mean(&[]).map(|_| ()), "none");
    let mut grown = on_cpu(&base);
    grown.absorb(&[(USERS, 5)]).unwrap();
    let grown = grown.delta(&base, &WHOLE).unwrap();
    refused(
        Delta::mean(&[delta.clone(), grown]).map(|_| ()),
        "delta 1: it has new users",
    );
    let later = device.delta(&before, &WHOLE).unwrap();
    refused(
        Delta::mean(&[delta.clone(), later]).map(|_| ()),
        "delta 1: it began from another base",
    );
    // Files.
    let bytes = delta.to_bytes().unwrap();
    for len in (0..bytes.len()).step_by(7) {
        refused(Delta::from_bytes(&bytes[..len]).map(|_| ()), "in memory");
    }
    for at in (0..bytes.len()).step_by(5) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 16;
        refused(Delta::from_bytes(&damaged).map(|_| ()), "in memory");
    }
    refused(
        Delta::from_bytes(&device.to_bytes().unwrap()).map(|_| ()),
        "it is no delta",
    );
    refused(
        Checkpoint::from_bytes(&bytes).map(|_| ()),
        "metadata key model is missing",
    );
}
