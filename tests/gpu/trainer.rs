//! The trainer on the GPU.

use pocketrec::{
    data::{FeatureKind, FeatureTable},
    device::Device,
    models::NeuMf,
    train::{AbsorbConfig, Control, Known, StopReason, TrainConfig, Trainer},
};

use crate::{bits, open, planted};

/// Train, stop, save, load on the other device, recommend and absorb: the trainer sees no difference.
#[test]
fn the_trainer_runs_on_it() {
    let Some(gpu) = open() else { return };
    let split = planted::split();
    let config = TrainConfig {
        epochs: 2,
        ..planted::config()
    };
    let model = NeuMf::new(planted::USERS as usize, planted::ITEMS as usize).factors(4);
    let mut trainers =
        [Device::on(&gpu), Device::cpu()].map(|device| Trainer::new(model.clone(), device, config).unwrap());
    let losses = trainers.each_mut().map(|trainer| {
        let report = trainer.fit(&split, |_| ()).unwrap();
        report.last.unwrap().loss
    });
    assert!((losses[0] - losses[1]).abs() < 1e-4 * losses[1], "{losses:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    trainers[0].save(&path).unwrap();
    let mut loaded = Trainer::load(&path, Device::cpu()).unwrap();
    let user = 3;
    let on_gpu = trainers[0].recommend(user, 10).unwrap();
    let on_cpu = loaded.recommend(user, 10).unwrap();
    let items = |best: &[(u32, f32)]| best.iter().map(|(item, _)| *item).collect::<Vec<_>>();
    assert_eq!(items(&on_gpu), items(&on_cpu));
    let new_user = planted::USERS;
    for trainer in [&mut trainers[0], &mut loaded] {
        trainer.absorb(&[(new_user, 1), (new_user, 2)]).unwrap();
        assert_eq!(trainer.users(), new_user as usize + 1);
    }
}

/// How often something is read back does not grow with the steps, the rows and the parameters that a click moves: only
/// scores before and after, the loss, and the last step's scores come to the host.
#[test]
fn a_click_is_learnt_with_four_reads() {
    let Some(gpu) = open() else { return };
    let split = planted::split();
    let (users, items) = (planted::USERS as usize, planted::ITEMS as usize);
    let config = TrainConfig {
        epochs: 1,
        ..planted::config()
    };
    let mut trainer = Trainer::new(NeuMf::new(users, items).factors(4), Device::on(&gpu), config).unwrap();
    trainer.fit(&split, |_| ()).unwrap();
    let [first, second] = [0, 1].map(|place| trainer.recommend(3, 2).unwrap()[place].0);
    trainer.absorb(&[(3, first)]).unwrap(); // copies the moments
    for steps in [5, 40] {
        let config = AbsorbConfig {
            steps,
            ..AbsorbConfig::default()
        };
        let (before, counted) = (gpu.reads(), trainer.absorb_with(&[(3, second)], &config).unwrap());
        assert_eq!((counted.steps, gpu.reads() - before), (steps.into(), 4));
    }
}

/// Stopped in the middle of an epoch, saved, loaded and gone on with: the bits of a run that was not.
#[test]
fn a_resumed_run_equals_the_uninterrupted_one() {
    let Some(gpu) = open() else { return };
    let split = planted::split();
    let model = NeuMf::new(planted::USERS as usize, planted::ITEMS as usize).factors(4);
    let config = TrainConfig {
        epochs: 3,
        average_from: Some(2),
        ..planted::config()
    };
    let mut whole = Trainer::new(model.clone(), Device::on(&gpu), config).unwrap();
    whole.fit(&split, |_| ()).unwrap();
    let mut parts = Trainer::new(model, Device::on(&gpu), config).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut stops = 0;
    while parts.fit_events(&split, |_| Control::Stop).unwrap().reason == StopReason::Stopped {
        parts.save(&path).unwrap();
        parts = Trainer::load(&path, Device::on(&gpu)).unwrap();
        stops += 1;
    }
    assert!(stops > 2, "{stops}");
    assert_eq!(bits(&parts.state().unwrap()), bits(&whole.state().unwrap()));
    // What averaging keeps beside the device's parameters, and that the mean is not just the last ones.
    let [parts, whole] = [&mut parts, &mut whole].map(|trainer| trainer.checkpoint().unwrap());
    assert_eq!(bits(&parts.state), bits(&whole.state));
    assert!(parts.average_values == whole.average_values);
    assert_ne!(parts.average_values.unwrap()[0], parts.state.tensors[0].value);
}

/// Trained by features on both devices, the losses are near; what was trained on one is the same on the other, and so is a new item.
#[test]
fn items_known_by_features_are_the_same_on_both() {
    let Some(gpu) = open() else { return };
    let split = planted::split();
    let table = FeatureTable::new(split.train.item_ids());
    let mut table = table.column("group", FeatureKind::Category).unwrap();
    for (item, key) in (0..planted::ITEMS).zip(split.train.item_ids().iter()) {
        table.push(&key, &[&format!("{}", item % planted::GROUPS)]).unwrap();
    }
    let known = Known::of_items(table.finish().unwrap());
    let config = TrainConfig {
        epochs: 2,
        ..planted::config()
    };
    let model = NeuMf::new(planted::USERS as usize, planted::ITEMS as usize).factors(4);
    let mut trainers = [Device::on(&gpu), Device::cpu()]
        .map(|device| Trainer::with_known(model.clone(), known.clone(), device, config).unwrap());
    let losses = trainers
        .each_mut()
        .map(|trainer| trainer.fit(&split, |_| ()).unwrap().last.unwrap().loss);
    assert!((losses[0] - losses[1]).abs() < 1e-4 * losses[1], "{losses:?}");
    let bytes = trainers[0].to_bytes().unwrap();
    let [on_gpu, _] = &mut trainers;
    let mut on_cpu = Trainer::from_bytes(&bytes, Device::cpu()).unwrap();
    let pairs: Vec<(u32, u32)> = (0..=planted::ITEMS).map(|item| (3, item)).collect();
    for trainer in [&mut *on_gpu, &mut on_cpu] {
        let new = trainer.absorb_item("new", &[("group", "3")]).unwrap();
        assert_eq!(new.id, planted::ITEMS);
    }
    let near = |[a, b]: [Vec<f32>; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(near(
        [&mut *on_gpu, &mut on_cpu].map(|trainer| trainer.score(&pairs).unwrap())
    ));
    for trainer in [&mut *on_gpu, &mut on_cpu] {
        trainer.absorb(&[(3, planted::ITEMS), (7, planted::ITEMS)]).unwrap();
    }
    assert!(near(
        [&mut *on_gpu, &mut on_cpu].map(|trainer| trainer.score(&pairs).unwrap())
    ));
    // Composed row by row, and all at once after loading.
    let mut again = Trainer::from_bytes(&on_gpu.to_bytes().unwrap(), Device::on(&gpu)).unwrap();
    assert_eq!(again.score(&pairs).unwrap(), on_gpu.score(&pairs).unwrap());
}
