//! What small files take and keep of a model of MovieLens; the figures are in `benches/README.md`.

use std::path::Path;

use pocketrec::{
    checkpoint::Export,
    data::{Candidates, Interactions},
    device::Device,
    eval::Protocol,
    models::NeuMf,
    plan::RowType,
    train::{TrainConfig, Trainer},
};

use crate::skipped::skipped;

/// ```text
/// cargo test --release --test published export:: -- --ignored --nocapture
/// ```
#[test]
#[ignore = "minutes: MovieLens-1M"]
fn bytes_rank_as_floats_do() {
    for (file, epochs, most) in [("ml-100k/u.data", 15, 150_000), ("ml-1m/ratings.dat", 20, 500_000)] {
        let data = std::env::var("POCKETREC_DATA").unwrap_or("../shared/data".into());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(data);
        // A copy without titles beside it: an app has its own.
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join(Path::new(file).file_name().unwrap());
        if std::fs::copy(folder.join(file), &path).is_err() {
            return skipped(format!("export: there is no {file}"));
        }
        let data = Interactions::read(&path).unwrap();
        let among = Candidates::Sampled { count: 99, seed: 1 };
        let split = data.leave_one_out_among(among).unwrap();
        let (users, items) = (split.train.users() as usize, split.train.items() as usize);
        let config = TrainConfig {
            epochs,
            ..TrainConfig::default()
        };
        let mut trainer = Trainer::new(NeuMf::new(users, items).factors(8), Device::cpu(), config).unwrap();
        trainer.fit(&split, |_| ()).unwrap();
        let whole = trainer.to_bytes().unwrap().len();
        let rank = |trainer: &mut Trainer| trainer.evaluate(&split, Protocol::Sampled, 10).unwrap();
        let floats = rank(&mut trainer);
        println!("{file}: {floats}, {whole} bytes saved");
        for rows in [RowType::F32, RowType::F16, RowType::I8] {
            let all = trainer.export_to_bytes(&Export { rows, users: None }).unwrap();
            let one = trainer
                .export_to_bytes(&Export {
                    rows,
                    users: Some(&[6]),
                })
                .unwrap();
            let mut small = Trainer::from_bytes(&all, Device::cpu()).unwrap();
            let report = rank(&mut small);
            println!(
                "  {}: {report}, {} bytes, {} of one user",
                rows.name(),
                all.len(),
                one.len()
            );
            assert!((report.hr - floats.hr).abs() < 0.005, "{report}");
            assert!(rows != RowType::I8 || one.len() <= most, "{}", one.len());
        }
    }
}
