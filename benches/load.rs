//! Reading text: MovieLens' `ratings.dat` (the real one where it is there, and one made on the spot), the same as CSV and
//! tabs, compressed by gzip (MB/s of the text), the NCF files, and what comes behind reading: split and sampler.

mod common;

use std::{fmt::Write as _, fs, io::Write as _, path::Path};

use common::{
    Group, Work,
    ceilings::Ceiling,
    criterion,
    data::{ML_1M, ml_1m_folder},
};
use pocketrec::data::{Dataset, Interactions, Sampler};

fn read(group: &mut Group<'_>, id: &str, file: &Path) {
    let bytes = fs::metadata(file).map_or(0, |about| about.len() as usize);
    read_text(group, id, file, bytes);
}

/// Reads a file that holds so many bytes of text.
fn read_text(group: &mut Group<'_>, id: &str, file: &Path, bytes: usize) {
    let work = Work::bytes(bytes).of(bytes, Ceiling::CopyInMemory);
    group.run(
        format!("read/{id}"),
        work,
        || (),
        |()| Interactions::read(file).expect("the file is well-formed").len(),
    );
}

/// Reading, holding one out a user, and the sampler's index: all that happens before the first step.
fn all(group: &mut Group<'_>, id: &str, file: &Path) {
    let bytes = fs::metadata(file).map_or(0, |about| about.len() as usize);
    let work = Work::bytes(bytes).of(bytes, Ceiling::CopyInMemory);
    group.run(
        format!("read, split, index/{id}"),
        work,
        || (),
        |()| {
            let data = Interactions::read(file).expect("the file is well-formed");
            let split = data.leave_one_out().expect("users have more than one interaction");
            Sampler::new(&split.train, 4, 0)
                .expect("nobody has every item")
                .samples_per_epoch()
        },
    );
}

/// Rows of MovieLens-1M's sizes between a separator.
fn made_up(separator: &str) -> String {
    let (users, items, times) = ML_1M.to_test().columns(1);
    let mut text = String::with_capacity(users.len() * 24);
    for ((user, item), time) in users.iter().zip(&items).zip(&times) {
        // Ids from 1 and ten-digit times, as there.
        let (user, item, time) = (user + 1, item + 1, 975_000_000 + time);
        let row = [user.to_string(), item.to_string(), "4".into(), time.to_string()].join(separator);
        writeln!(text, "{row}").expect("a string takes what is written");
    }
    text
}

fn main() -> std::io::Result<()> {
    let mut criterion = criterion();
    let folder = tempfile::tempdir()?;
    let mut group = Group::new(&mut criterion, "load").slow();
    for (name, separator, header) in [
        ("ratings.dat", "::", ""),
        ("ratings.csv", ",", "userId,movieId,rating,timestamp\n"),
        ("u.data", "\t", ""),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, header.to_string() + &made_up(separator))?;
        read(&mut group, &format!("made-up {name}"), &file);
        if name == "ratings.csv" {
            let text = fs::read(&file)?;
            let compressed = folder.path().join("ratings.csv.gz");
            let mut to = flate2::write::GzEncoder::new(fs::File::create(&compressed)?, flate2::Compression::default());
            to.write_all(&text)?;
            to.finish()?;
            read_text(&mut group, "made-up ratings.csv.gz", &compressed, text.len());
        }
        if name == "ratings.dat" {
            all(&mut group, &format!("made-up {name}"), &file);
        }
    }
    if let Some(folder) = ml_1m_folder() {
        let file = folder.join("ratings.dat");
        read(&mut group, "ml-1m ratings.dat", &file);
        all(&mut group, "ml-1m ratings.dat", &file);
        let sizes = ["ml-1m.train.rating", "ml-1m.test.rating", "ml-1m.test.negative"];
        let bytes = sizes
            .iter()
            .map(|name| fs::metadata(folder.join(name)).map_or(0, |about| about.len()));
        let bytes = bytes.sum::<u64>() as usize;
        let work = Work::bytes(bytes).of(bytes, Ceiling::CopyInMemory);
        group.run(
            "read/ml-1m NCF files",
            work,
            || (),
            |()| Dataset::read(&folder).expect("the files are well-formed").test.len(),
        );
    }
    drop(group);
    criterion.final_summary();
    Ok(())
}
