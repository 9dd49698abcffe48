//! The header is the one that belongs to the code.

use std::{fs, path::Path};

/// Set to write the header anew: `POCKETREC_WRITE_HEADER=1 cargo test --features capi --test capi header`.
const WRITE: &str = "POCKETREC_WRITE_HEADER";

/// The sources in the order in which the header has what is in them.
const SOURCES: [&str; 9] = [
    "status",
    "settings",
    "reports",
    "split",
    "trainer",
    "recommend",
    "click_trainer",
    "small",
    "bytes",
];

#[test]
fn the_header_is_made_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/capi");
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).unwrap();
    let sources = SOURCES.iter().map(|name| folder.join(name).with_extension("rs"));
    let builder = sources.fold(
        cbindgen::Builder::new().with_config(config),
        cbindgen::Builder::with_src,
    );
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let (made, path) = (String::from_utf8(made).unwrap(), folder.join("pocketrec.h"));
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &made).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    let differs = committed.lines().zip(made.lines()).position(|(old, new)| old != new);
    assert!(
        committed == made,
        "{} is not what the code says, from line {} on; write it anew with {WRITE}=1",
        path.display(),
        1 + differs.unwrap_or(committed.lines().count().min(made.lines().count()))
    );
}

/// A function that is exported is in the header, in whatever file it stands.
#[test]
fn the_header_has_every_function() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/capi");
    let header = fs::read_to_string(folder.join("pocketrec.h")).unwrap();
    let mut exported = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for after in source.split("#[unsafe(no_mangle)]").skip(1) {
            let name = after
                .split("fn ")
                .nth(1)
                .and_then(|rest| rest.split('(').next())
                .unwrap();
            assert!(
                header.contains(&format!(" {name}(")) || header.contains(&format!("*{name}(")),
                "{name}"
            );
            exported += 1;
        }
    }
    assert!(exported > 25, "{exported}");
}
