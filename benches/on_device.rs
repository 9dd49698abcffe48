//! What a device feels of NeuMF on MovieLens-100K: peak memory of training and absorbing, a cold start (load, absorb, recommend),
//! and a click that is absorbed once all is warm. Each is a process of its own, since memory and coldness are a process's.
//!
//!   cargo bench --bench on_device [-- FOLDER]     FOLDER has u.data; without, made-up data of the same sizes
//!
//! Times are the median and the best of the runs.

use std::{env, hint::black_box, path::Path, process::Command, time::Instant};

use pocketrec::{
    data::{Interactions, Planted},
    device::Device,
    models::NeuMf,
    train::{AbsorbConfig, TrainConfig, Trainer},
};

/// Runs of what takes milliseconds.
const RUNS: usize = 21;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["train", factors, file, folder] => train(factors.parse()?, file, folder),
        ["cold", file] => cold(file),
        ["warm", file] => warm(file),
        ref folder => all(folder.first().copied().unwrap_or("")),
    }
}

/// Runs this program for a part of the work; gives the numbers that it prints.
fn part(arguments: &[&str]) -> Result<Vec<f64>, Failure> {
    let output = Command::new(env::current_exe()?).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr)?.into());
    }
    let numbers = String::from_utf8(output.stdout)?;
    Ok(numbers.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

fn all(folder: &str) -> Result<(), Failure> {
    let temporary = env::temp_dir().join(format!("pocketrec-on-device-{}.safetensors", std::process::id()));
    let file = temporary
        .to_str()
        .ok_or("the folder for temporary files has no name in UTF-8")?;
    for factors in ["8", "64"] {
        let trained = part(&["train", factors, file, folder])?;
        let cold: Vec<f64> = (0..RUNS)
            .map(|_| part(&["cold", file]).map(|times| times[0]))
            .collect::<Result<_, _>>()?;
        let (cold, warm) = (middle_and_best(cold), middle_and_best(part(&["warm", file])?));
        println!(
            "NeuMF f={factors}: peak RSS, trained and absorbed {:.1} MB; {:.0} k samples/s; cold load, absorb, recommend {:.2} ms (best {:.2}); a click absorbed \
             {:.3} ms (best {:.3})",
            trained[0],
            trained[1] / 1e3,
            cold[0],
            cold[1],
            warm[0],
            warm[1]
        );
    }
    std::fs::remove_file(file)?;
    Ok(())
}

fn middle_and_best(mut times: Vec<f64>) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [times[times.len() / 2], times[0]]
}

/// Trains for some epochs, absorbs a click and saves; prints the process's peak of memory in MB (Linux) and the best epoch's samples
/// a second.
fn train(factors: usize, file: &str, folder: &str) -> Result<(), Failure> {
    let data = match folder {
        "" => {
            let sizes = Planted {
                users: 943,
                items: 1682,
                interactions_per_user: 106,
                ..Planted::default()
            };
            sizes.generate()?.interactions
        }
        folder => Interactions::read(Path::new(folder).join("u.data"))?,
    };
    let split = data.leave_one_out()?;
    drop(data);
    let model = NeuMf::new(split.train.users() as usize, split.train.items() as usize).factors(factors);
    let config = TrainConfig {
        epochs: 3,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(model, Device::cpu(), config)?;
    let mut best = 0.0;
    trainer.fit(&split, |epoch| best = epoch.samples_per_second().max(best))?;
    trainer.absorb(&[(7, 100)])?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or("nan");
    let kilobytes: f64 = peak.trim().trim_end_matches(" kB").parse()?;
    trainer.save(file)?;
    println!("{} {best}", kilobytes * 1.024e-3);
    Ok(())
}

/// A process that has just begun: prints the milliseconds.
fn cold(file: &str) -> Result<(), Failure> {
    let start = Instant::now();
    let mut trainer = Trainer::load(file, Device::cpu())?;
    trainer.absorb(&[(11, 50)])?;
    black_box(trainer.recommend(11, 10)?);
    println!("{}", start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// Prints the milliseconds that each of some clicks takes, after the first.
fn warm(file: &str) -> Result<(), Failure> {
    let mut trainer = Trainer::load(file, Device::cpu())?;
    trainer.absorb(&[(11, 50)])?;
    for click in 0..RUNS as u32 {
        let start = Instant::now();
        black_box(trainer.absorb_with(&[(20 + click, 60 + click)], &AbsorbConfig::default())?);
        println!("{}", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}
