//! Settings as a trainer, as a line of Rust, and as options of `train_ncf`; and how the winner ranks the test items.

use pocketrec::{
    Error, Result,
    data::Split,
    device::Device,
    eval::{Protocol, RankingReport, evaluate_popularity, evaluate_with},
    models::{Gmf, Mf, Mlp, Model, NeuMf},
    plan::Optimizer,
    train::{TrainConfig, Trainer},
    tune::{Settings, Tuner},
};

use crate::{
    common::{
        device::report_every,
        interactions::{data::Data, options::DataOptions},
        output::say,
        tables::{table, wrapped},
    },
    rows,
};

/// The cut-off of HR@k and NDCG@k.
const K: usize = 10;

/// A trial's trainer.
pub fn trainer(settings: &Settings, split: &Split, device: Device) -> Result<Trainer> {
    let ((users, items), factors) = (rows(split), settings.whole("factors")?);
    let model: Model = match settings.text("model")? {
        "mf" => Mf::new(users, items).factors(factors).into(),
        "gmf" => Gmf::new(users, items).factors(factors).into(),
        "mlp" => Mlp::new(users, items)
            .layers(NeuMf::new(users, items).factors(factors).layers)
            .into(),
        _ => NeuMf::new(users, items).factors(factors).into(),
    };
    let mut config = TrainConfig {
        batch_size: settings.whole("batch")?,
        negatives: whole(settings, "negatives")?,
        optimizer: Optimizer::default().with_learning_rate(settings.number("lr")? as f32),
        k: K,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(model, device, config)?;
    config.report_every = report_every(&trainer.device(), config.batch_size);
    trainer.set_config(config)?;
    Ok(trainer)
}

fn whole(settings: &Settings, name: &str) -> Result<u32> {
    u32::try_from(settings.whole(name)?).map_err(|_| Error::config(name, "it is too large; give less"))
}

/// Says what won, how to have it again, and how it ranks the test items, which nothing has looked at before.
pub fn print(tuner: &Tuner, best: &mut Trainer, data: &Data, given: &DataOptions) -> Result<()> {
    let study = tuner.study();
    let (Some(winner), Some(settings)) = (study.winner(), study.best_settings()) else {
        return Ok(()); // then there was no trainer
    };
    let text = format!(
        "trial {}, NDCG@{K} {:.4} on validation items after epoch {}: {settings}",
        winner.trial + 1,
        winner.value,
        winner.epoch
    );
    say!("\n{}", wrapped("winner", &text))?;
    let parts = [
        settings.text("model")?,
        &best.config().optimizer.learning_rate().to_string(),
    ]
    .map(String::from);
    let counts = [
        settings.whole("factors")?,
        settings.whole("negatives")?,
        settings.whole("batch")?,
    ];
    say!("{}", rust(&parts, counts, winner.epoch))?;
    let data_option = given
        .data
        .as_ref()
        .map(|path| format!(" --data {}", path.display()))
        .unwrap_or_default();
    let [model, lr] = &parts;
    let [factors, negatives, batch] = counts;
    let epochs = winner.epoch;
    say!(
        "options   cargo run --release --example train_ncf --{data_option} \\\n  --model {model} --factors {factors} --lr {lr} \
         --negatives {negatives} --batch {batch} --epochs {epochs}\n"
    )?;
    test(best, data)
}

/// The winner's model and settings, as they would be written.
fn rust([model, lr]: &[String; 2], [factors, negatives, batch]: [usize; 3], epochs: u32) -> String {
    let model = match &model[..] {
        "mf" => format!("Mf::new(users, items).factors({factors})"),
        "gmf" => format!("Gmf::new(users, items).factors({factors})"),
        "mlp" => format!(
            "Mlp::new(users, items).layers([{}, {}, {}, {factors}])",
            8 * factors,
            4 * factors,
            2 * factors
        ),
        _ => format!("NeuMf::new(users, items).factors({factors})"),
    };
    format!(
        "Rust      {model},\n{0}TrainConfig {{ epochs: {epochs}, batch_size: {batch}, negatives: {negatives},\n{0}optimizer: \
         Optimizer::default().with_learning_rate({lr}),\n{0}..TrainConfig::default() }}",
        " ".repeat(10)
    )
}

/// Popularity, the winner, and the truth where it is known.
fn test(best: &mut Trainer, data: &Data) -> Result<()> {
    let split = &data.split;
    let protocol = match split.has_negatives() {
        true => Protocol::Sampled,
        false => Protocol::Full,
    };
    let mut table = table(
        vec!["test items ranked by".into(), format!("HR@{K}"), format!("NDCG@{K}")],
        |column| column > 0,
    );
    let mut row = |name: &str, report: RankingReport| {
        table.add_row([
            name.to_owned(),
            format!("{:.4}", report.hr),
            format!("{:.4}", report.ndcg),
        ]);
    };
    row("popularity", evaluate_popularity(split, protocol, K)?);
    row(
        "the winner, trained without validation items",
        best.evaluate(split, protocol, K)?,
    );
    if let Some(truth) = &data.truth {
        let report = evaluate_with(split, protocol, K, |users, items, out| {
            for ((score, &user), &item) in out.iter_mut().zip(users).zip(items) {
                *score = truth(user, item);
            }
            Ok(())
        })?;
        row("the truth behind the data: the ceiling", report);
    }
    say!("{table}")
}
