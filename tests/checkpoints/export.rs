//! Small files: what they hold, and that a model is used from them as from the floats that they stand for.

use pocketrec::{
    Error,
    checkpoint::{Checkpoint, ClickCheckpoint, Export},
    cpu::Isa,
    data::{IdMap, clicks::PlantedClicks},
    device::Device,
    models::{Cfkg, DeepFm, Din, Gmf, LightGcn, Loss, Mf, Mlp, Model, NeuMf, SasRec, Softmax},
    plan::RowType,
    train::{AbsorbConfig, ClickConfig, ClickRow, ClickTrainer, TrainConfig, Trainer},
};
use safetensors::{Dtype, SafeTensors};

use crate::planted::{ITEMS, USERS, config, interactions, split, trainer};

const KINDS: [RowType; 2] = [RowType::F16, RowType::I8];

fn small(trainer: &mut Trainer, rows: RowType, users: Option<&[u32]>) -> Checkpoint {
    let bytes = trainer.export_to_bytes(&Export { rows, users }).unwrap();
    Checkpoint::from_bytes(&bytes).unwrap()
}

/// The same model with its rows as the floats that a small file's stand for.
fn widened(small: &Checkpoint) -> Checkpoint {
    let mut floats = small.clone();
    let plan = small.model.plan_for(small.config.loss).unwrap();
    floats.state = small.state.with_tables_as(&plan, RowType::F32).unwrap();
    floats
}

fn models() -> Vec<(Model, TrainConfig)> {
    let (users, items) = (USERS as usize, ITEMS as usize);
    let by = |loss| TrainConfig { loss, ..config() };
    vec![
        (Mf::new(users, items).factors(8).into(), config()),
        (Gmf::new(users, items).factors(5).into(), by(Loss::Bpr)),
        (Mlp::new(users, items).layers([16, 8]).into(), config()),
        (NeuMf::new(users, items).factors(4).layers([12, 6]).into(), config()),
        (
            Mf::new(users, items).factors(8).into(),
            by(Loss::Softmax(Softmax::default())),
        ),
        (
            LightGcn::new(users, items).embedding_dim(8).layers(2).into(),
            by(Loss::Bpr),
        ),
        (Cfkg::new(users, items).embedding_dim(8).into(), by(Loss::Bpr)),
        (
            SasRec::new(users, items).embedding_dim(8).length(6).into(),
            by(SasRec::loss()),
        ),
    ]
}

#[test]
fn a_model_is_used_as_the_floats_that_its_rows_stand_for() {
    let split = split();
    for (turn, (model, config)) in models().into_iter().enumerate() {
        let name = model.name();
        let mut trained = trainer(model, TrainConfig { epochs: 1, ..config });
        trained.fit(&split, |_| ()).unwrap();
        let kind = KINDS[turn % 2];
        let file = small(&mut trained, kind, None);
        assert_eq!(file.state.row_type(), kind);
        for isa in Isa::available() {
            let device = Device::cpu().simd(isa).threads(1);
            let mut on_rows = Trainer::from_checkpoint(file.clone(), device.clone()).unwrap();
            let mut on_floats = Trainer::from_checkpoint(widened(&file), device.clone()).unwrap();
            let same = |what: &str, on_rows: &mut Trainer, on_floats: &mut Trainer| {
                for user in [0, 7, USERS - 1] {
                    let [rows, floats] = [&mut *on_rows, on_floats].map(|trainer| trainer.recommend(user, 10).unwrap());
                    assert_eq!(rows, floats, "{name}, {isa}, {what}");
                    let [rows, floats] =
                        [&mut *on_rows, on_floats].map(|trainer| trainer.score(&[(user, 3), (user, 9)]).unwrap());
                    assert_eq!(rows, floats, "{name}, {isa}, {what}");
                }
                let [rows, floats] = [&mut *on_rows, on_floats].map(|trainer| trainer.similar_items(5, 6).unwrap());
                assert_eq!(rows, floats, "{name}, {isa}, {what}");
            };
            same("as loaded", &mut on_rows, &mut on_floats);
            for clicks in [&[(3, 5), (USERS, 7)][..], &[(3, ITEMS)], &[(8, 1)]] {
                let reports = [&mut on_rows, &mut on_floats].map(|trainer| trainer.absorb(clicks).unwrap());
                assert_eq!(reports[0], reports[1], "{name}, {isa}");
            }
            same("after clicks", &mut on_rows, &mut on_floats);
            // And saved again: what is kept stays, what has changed lies beside.
            let again = on_rows.to_bytes().unwrap();
            let mut again = Trainer::from_bytes(&again, device).unwrap();
            let same_files = again.checkpoint().unwrap() == on_rows.checkpoint().unwrap();
            assert!(same_files, "{name}, {isa}");
            same("after saving", &mut again, &mut on_floats);
        }
    }
}

/// Half a step of a byte, which is 1 / 254 of what the floats of the row span: what the file says of itself.
#[test]
fn bytes_are_near_the_floats_and_pytorch_can_read_them() {
    let mut trained = trainer(Gmf::new(USERS as usize, ITEMS as usize).factors(6), config());
    trained.fit(&split(), |_| ()).unwrap();
    let bytes = trained.export_to_bytes(&Export::default()).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let state = trained.state().unwrap();
    for (param, tensor) in trained
        .plan()
        .params()
        .iter()
        .zip(&state.tensors)
        .filter(|(param, _)| param.is_table())
    {
        let codes = file.tensor(&param.name).unwrap();
        let scales = file.tensor(&format!("scale/{}", param.name)).unwrap();
        assert_eq!((codes.dtype(), codes.shape()), (Dtype::I8, &[param.rows, 6][..]));
        assert_eq!((scales.dtype(), scales.shape()), (Dtype::F16, &[param.rows, 2][..]));
        for (row, floats) in tensor.value.chunks_exact(6).enumerate() {
            let half = |at: usize| half_to_f64(&scales.data()[2 * at..]);
            let (step, middle) = (half(2 * row), half(2 * row + 1));
            let [least, most] = [f32::min, f32::max].map(|of| f64::from(floats.iter().copied().reduce(of).unwrap()));
            assert!(
                step <= (most - least) / 254.0 * 1.02 + 1e-6,
                "a step of {step} for {least}..{most}"
            );
            for (x, &code) in floats.iter().zip(&codes.data()[6 * row..]) {
                let back = middle + step * f64::from(code as i8);
                assert!(
                    (back - f64::from(*x)).abs() <= 0.5 * step + 1e-7,
                    "{x} as {back}, steps of {step}"
                );
            }
        }
    }
    assert!(
        file.names()
            .iter()
            .all(|name| !name.starts_with("adam.") && !name.starts_with("exact"))
    );
}

/// By the definition of IEEE 754: the sign, 5 digits of an exponent, 10 of a fraction.
fn half_to_f64(bytes: &[u8]) -> f64 {
    let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
    let size = match exponent {
        0 => fraction * 2f64.powi(-14),
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[test]
fn chosen_users_are_all_that_is_in_the_file() {
    let keys = |prefix: char, n: u32| IdMap::from_keys((0..n).map(|i| format!("{prefix}{i}"))).unwrap();
    let data = interactions(12).with_ids(keys('u', USERS), keys('i', ITEMS)).unwrap();
    let split = data.leave_one_out().unwrap();
    let mut trained = trainer(
        NeuMf::new(USERS as usize, ITEMS as usize).factors(4).layers([12, 6]),
        config(),
    );
    trained.fit(&split, |_| ()).unwrap();
    trained.absorb(&[(40, 3), (77, 5)]).unwrap();
    // As floats nothing is rounded, so that answers are those of the whole.
    let chosen = [77, 2, 40];
    let file = small(&mut trained, RowType::F32, Some(&chosen));
    assert_eq!(file.model.rows(), [3, ITEMS as usize]);
    assert_eq!(file.user_ids.iter().collect::<Vec<_>>(), ["u77", "u2", "u40"]);
    let mut few = Trainer::from_checkpoint(file.clone(), Device::cpu()).unwrap();
    for (row, user) in (0..).zip(chosen) {
        assert_eq!(few.recommend(row, 10).unwrap(), trained.recommend(user, 10).unwrap());
        assert_eq!(few.history().trained(row), trained.history().trained(user));
        assert_eq!(few.history().absorbed(row), trained.history().absorbed(user));
        let held_out = |trainer: &Trainer, user| trainer.history().held_out(user).collect::<Vec<_>>();
        assert_eq!(held_out(&few, row), held_out(&trained, user));
    }
    // An item that many have moves as little as it did among them: the same steps, but for other draws of negatives.
    let (whole, few) = (
        Trainer::from_checkpoint(trained.checkpoint().unwrap(), Device::cpu()),
        few,
    );
    let moved = |mut trainer: Trainer, user: u32| {
        let before = trainer.state().unwrap();
        let config = AbsorbConfig {
            steps: 1,
            negatives: 1,
            replay: 0,
            ..AbsorbConfig::default()
        };
        trainer.absorb_with(&[(user, 11)], &config).unwrap();
        let after = trainer.state().unwrap();
        let table = trainer
            .plan()
            .params()
            .iter()
            .position(|param| param.name.contains("item"))
            .unwrap();
        let width = trainer.plan().params()[table].width;
        let rows = [&before, &after].map(|state| &state.tensors[table].value[11 * width..][..width]);
        rows[0]
            .iter()
            .zip(rows[1])
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let [in_whole, in_few] = [moved(whole.unwrap(), 2), moved(few, 1)];
    assert!(
        in_whole > 0.0 && (in_few / in_whole - 1.0).abs() < 1e-3,
        "{in_few}, {in_whole} among all"
    );
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let (users, items) = (USERS as usize, ITEMS as usize);
    let refuse = |trainer: &mut Trainer, chosen: &[u32], expected: &str| {
        let export = Export {
            users: Some(chosen),
            ..Export::default()
        };
        let error = trainer.export_to_bytes(&export).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    };
    let mut gmf = trainer(Gmf::new(users, items), config());
    refuse(&mut gmf, &[], "none are named");
    refuse(&mut gmf, &[4, 9, 4], "user 4 is named twice");
    refuse(&mut gmf, &[3, USERS], "120");
    let by_bpr = TrainConfig {
        loss: Loss::Bpr,
        ..config()
    };
    refuse(
        &mut trainer(LightGcn::new(users, items), by_bpr),
        &[3],
        "take all users",
    );

    let mut state = gmf.state().unwrap();
    state.tensors[1].value[9 * 8 + 2] = 1e6;
    let mut large = Trainer::with_state(Gmf::new(users, items), Device::cpu(), config(), state).unwrap();
    for rows in KINDS {
        let error = large
            .export_to_bytes(&Export { rows, users: None })
            .unwrap_err()
            .to_string();
        assert!(error.contains("row 9 ") && error.contains(rows.name()), "{error}");
    }
    large
        .export_to_bytes(&Export {
            rows: RowType::F32,
            users: None,
        })
        .unwrap();

    let mut small = Trainer::from_checkpoint(small(&mut gmf, RowType::I8, None), Device::cpu()).unwrap();
    let error = small.fit(&split(), |_| ()).unwrap_err();
    assert!(
        matches!(error, Error::Config { .. }) && error.to_string().contains("learns by absorb"),
        "{error}"
    );
}

#[test]
fn click_models_are_exported_too() {
    let data = PlantedClicks {
        users: 40,
        rows_per_user: 10,
        ..PlantedClicks::default()
    }
    .generate()
    .unwrap();
    for (turn, model) in [
        DeepFm::new(data.train.layout()).embedding_dim(4).hidden([8]).into(),
        Din::new(data.train.layout()).embedding_dim(4).hidden([8]).into(),
    ]
    .into_iter()
    .enumerate()
    {
        let model: pocketrec::models::ClickModel = model;
        let mut trained = ClickTrainer::new(model, Device::cpu(), ClickConfig::default()).unwrap();
        trained.set_encoder(data.encoder.clone()).unwrap();
        trained.fit(&data.train, None, |_| ()).unwrap();
        let file = ClickCheckpoint::from_bytes(&trained.export_to_bytes(KINDS[turn]).unwrap()).unwrap();
        let mut floats = file.clone();
        floats.state = file
            .state
            .with_tables_as(&file.model.plan().unwrap(), RowType::F32)
            .unwrap();
        let mut both = [file, floats].map(|file| ClickTrainer::from_checkpoint(file, Device::cpu()).unwrap());
        let values = [("user", "ann"), ("item", "3")];
        for _ in 0..2 {
            let [rows, floats] = both.each_mut().map(|trainer| trainer.score(&data.test).unwrap());
            assert_eq!(rows, floats);
            let click = ClickRow {
                values: &values,
                events: &[],
                label: 1.0,
            };
            let [rows, floats] = both.each_mut().map(|trainer| trainer.absorb(&[click]).unwrap());
            assert_eq!(rows, floats);
        }
        let again = ClickTrainer::from_bytes(&both[0].to_bytes().unwrap(), Device::cpu());
        assert_eq!(
            again.unwrap().checkpoint().unwrap().state,
            both[0].checkpoint().unwrap().state
        );
    }
}
