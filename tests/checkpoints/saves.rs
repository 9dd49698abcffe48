//! Saving to what is no plain file: links, pipes, devices, long names, folders that cannot be read, killed saves.
#![cfg(unix)]

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink},
        net::UnixListener,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use pocketrec::{
    Error,
    checkpoint::{Checkpoint, ClickCheckpoint, replace_file},
    device::Device,
    models::Gmf,
    train::{ClickTrainer, Trainer},
};

use crate::planted::{config, trainer};

/// Where a child process finds its work.
const PLACE: &str = "POCKETREC_TEST_PLACE";
/// Nobody, who is no root.
const NOBODY: u32 = 65_534;

fn save(path: &Path, contents: &str) -> pocketrec::Result<()> {
    replace_file(path, |to| to.write_all(contents.as_bytes()))
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn is_root() -> bool {
    tempfile::tempfile().unwrap().metadata().unwrap().uid() == 0
}

/// A path that names a pipe.
fn pipe(folder: &Path) -> PathBuf {
    let path = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// This test binary, running one of its ignored tests in `place`.
fn child(test: &str, place: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([&format!("saves::{test}"), "--exact", "--ignored", "--nocapture"])
        .env(PLACE, place);
    command
}

fn place() -> PathBuf {
    std::env::var_os(PLACE).expect("is run by another test").into()
}

#[test]
fn what_is_no_regular_file_is_neither_replaced_nor_opened() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (pipe, socket, link) = (pipe(folder), folder.join("socket"), folder.join("link"));
    let _listener = UnixListener::bind(&socket).unwrap();
    symlink(&pipe, &link).unwrap();
    let mut cases = vec![
        (pipe.clone(), "is a pipe, not a regular file"),
        (link, "is a pipe, not a regular file"),
        (socket, "is a socket, not a regular file"),
        (folder.to_path_buf(), "is a folder, not a regular file"),
    ];
    // Only root may make a device, and not everywhere.
    let device = folder.join("device");
    let made = Command::new("mknod")
        .arg(&device)
        .args(["c", "1", "3"])
        .stderr(Stdio::null())
        .status();
    if made.is_ok_and(|made| made.success()) {
        cases.push((device, "is a device, not a regular file"));
    }
    let before = names(folder);
    let mut trainer = trainer(Gmf::new(3, 3), config());
    for (path, reason) in cases {
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        let error = trainer.save(&path).unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.contains("nothing was replaced"),
            "{error}"
        );
        assert_eq!(fs::symlink_metadata(&path).unwrap().file_type(), kind);
        for error in [
            Checkpoint::load(&path).unwrap_err(),
            ClickCheckpoint::load(&path).unwrap_err(),
            Trainer::load(&path, Device::cpu()).unwrap_err(),
            ClickTrainer::load(&path, Device::cpu()).unwrap_err(),
        ] {
            assert!(
                matches!(error, Error::Io { .. }) && error.to_string().contains(reason),
                "{error}"
            );
        }
    }
    assert_eq!(names(folder), before);
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
}

#[test]
fn links_stay_and_their_targets_are_replaced_or_made() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir_all(folder.join("a/b")).unwrap();
    let file = folder.join("a/model");
    fs::write(&file, "old").unwrap();
    // A link to a link, both relative to folders of their own.
    symlink("../model", folder.join("a/b/inner")).unwrap();
    let outer = folder.join("outer");
    symlink("a/b/inner", &outer).unwrap();
    save(&outer, "new").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert_eq!(fs::read_link(&outer).unwrap(), Path::new("a/b/inner"));
    assert_eq!(fs::read_link(folder.join("a/b/inner")).unwrap(), Path::new("../model"));

    // The same with the target missing.
    fs::remove_file(&file).unwrap();
    save(&outer, "made").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "made");
    assert!(fs::symlink_metadata(&outer).unwrap().is_symlink());
    assert_eq!(names(&folder.join("a")), ["b", "model"]);

    let (lost, circle) = (folder.join("lost"), folder.join("circle"));
    symlink("absent/model", &lost).unwrap();
    symlink("circle", &circle).unwrap();
    let error = save(&lost, "x").unwrap_err().to_string();
    assert!(
        error.contains("there is no folder") && error.contains("absent"),
        "{error}"
    );
    let error = save(&circle, "x").unwrap_err().to_string();
    assert!(error.contains("nothing was replaced"), "{error}");
    assert_eq!(names(folder), ["a", "circle", "lost", "outer"]);
}

#[test]
fn mode_group_and_owner_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    save(&path, "new").unwrap();
    // As any new file: with what the process's mask lets through.
    fs::File::create(folder.path().join("other")).unwrap();
    assert_eq!(mode(&path), mode(&folder.path().join("other")));
    for bits in [0o600, 0o640, 0o666, 0o444, 0o777] {
        fs::set_permissions(&path, Permissions::from_mode(bits)).unwrap();
        save(&path, "newer").unwrap();
        assert_eq!(mode(&path), bits, "{bits:o}");
    }
    if is_root() {
        chown(&path, Some(NOBODY), Some(1234)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o2664)).unwrap();
        save(&path, "newest").unwrap();
        let about = fs::metadata(&path).unwrap();
        assert_eq!((about.uid(), about.gid(), mode(&path)), (NOBODY, 1234, 0o2664));
    }
}

#[test]
fn names_are_as_long_as_the_file_system_takes_them() {
    let folder = tempfile::tempdir().unwrap();
    for length in [200, 243, 244, 254, 255] {
        let path = folder.path().join("é".repeat(length / 2) + &"x".repeat(length % 2));
        save(&path, "old").unwrap();
        save(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }
    assert_eq!(names(folder.path()).len(), 5);
    let error = save(&folder.path().join("x".repeat(256)), "x").unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert_eq!(names(folder.path()).len(), 5);
}

/// The operating system ends the write in the middle, as it does where a disk is full.
#[test]
fn a_write_that_is_cut_off_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    save(&path, "old").unwrap();
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 100; exec \"$0\" saves::a_save_that_is_too_large --exact --ignored --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(PLACE, &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("nothing was replaced"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(folder.path()), ["model"]);
}

#[test]
#[ignore = "is run, with a limit on files, by another test"]
fn a_save_that_is_too_large() {
    println!("{}", save(&place(), &"new".repeat(1 << 20)).unwrap_err());
}

/// Whenever a process is killed, the file is one of those that it saved, and whole.
#[test]
fn kills_at_any_time_leave_a_whole_file_and_nothing_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    save(&path, "old").unwrap();
    for kill in 0..24 {
        let mut saving = child("saves_for_ever", &path).stdout(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(5 + 3 * kill));
        saving.kill().unwrap();
        saving.wait().unwrap();
        let contents = fs::read_to_string(&path).unwrap();
        let whole = contents.len() == 300_000 && contents.bytes().all(|byte| byte == contents.as_bytes()[0]);
        assert!(whole || contents == "old", "{} bytes", contents.len());
        // The next to save removes what this one left, and may leave its own.
        assert!(names(folder.path()).len() <= 2, "{:?}", names(folder.path()));
    }
    save(&path, "new").unwrap();
    assert_eq!(names(folder.path()), ["model"]);
}

#[test]
#[ignore = "is run, and killed, by another test"]
fn saves_for_ever() {
    for letter in "abcdefgh".chars().cycle() {
        save(&place(), &letter.to_string().repeat(300_000)).unwrap();
    }
}

/// A child process that has written a part and goes no further.
fn stuck_save(path: &Path) -> Child {
    let mut child = child("a_save_that_never_ends", path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while names(path.parent().unwrap())
        .iter()
        .filter(|name| name.ends_with(".tmp"))
        .count()
        == 0
    {
        assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(50)); // it may not have locked its file yet
    child
}

#[test]
#[ignore = "is run, and killed, by another test"]
fn a_save_that_never_ends() {
    replace_file(&place(), |to| {
        to.write_all(&[1; 100_000])?;
        thread::sleep(Duration::from_secs(600));
        Err(io::Error::other("nobody came to kill it"))
    })
    .unwrap();
}

#[test]
fn the_next_save_removes_what_killed_ones_left_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = folder.join("model");
    save(&path, "old").unwrap();
    let mut alive = stuck_save(&path);
    let of_alive = names(folder).into_iter().find(|name| name.ends_with(".tmp")).unwrap();
    for _ in 0..2 {
        let mut killed = stuck_save(&path);
        // The second one is stuck too, once there is another file.
        let begun = Instant::now();
        while names(folder).len() < 3 {
            assert!(begun.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(50));
        killed.kill().unwrap();
        killed.wait().unwrap();
    }
    // Files that look alike and are somebody else's: of another target, and of no save at all.
    let other = folder.join("model.b");
    let mut of_other = stuck_save(&other);
    let begun = Instant::now();
    while !names(folder).iter().any(|name| name.starts_with(".model.b.")) {
        assert!(begun.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(5));
    }
    of_other.kill().unwrap();
    of_other.wait().unwrap();
    let dead = names(folder)
        .into_iter()
        .find(|name| name.starts_with(".model.b."))
        .unwrap();
    for name in [".model.tmp", ".model.notes.tmp", "model.tmp"] {
        fs::write(folder.join(name), "mine").unwrap();
    }
    save(&path, "new").unwrap();
    let mut left = vec![".model.notes.tmp", ".model.tmp", "model", "model.tmp", &of_alive, &dead];
    left.sort_unstable();
    assert_eq!(names(folder), left);
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    // Nobody is alive any more.
    alive.kill().unwrap();
    alive.wait().unwrap();
    save(&path, "newer").unwrap();
    save(&other, "other").unwrap();
    assert_eq!(
        names(folder),
        [".model.notes.tmp", ".model.tmp", "model", "model.b", "model.tmp"]
    );
}

#[test]
fn saves_of_one_file_at_the_same_time_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let (to_slow, wait) = mpsc::channel();
    let (begun, is_begun) = mpsc::channel();
    let slow = {
        let path = path.clone();
        thread::spawn(move || {
            replace_file(&path, |to| {
                begun.send(()).unwrap();
                wait.recv().unwrap();
                to.write_all(b"slow")
            })
        })
    };
    is_begun.recv().unwrap();
    save(&path, "fast").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "fast");
    to_slow.send(()).unwrap();
    slow.join().unwrap().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "slow");
    // And many at once, each of which is whole.
    let contents: Vec<String> = (0..8).map(|i| format!("{i}").repeat(10_000)).collect();
    thread::scope(|scope| {
        for contents in &contents {
            let path = &path;
            scope.spawn(move || (0..20).for_each(|_| save(path, contents).unwrap()));
        }
    });
    assert!(contents.contains(&fs::read_to_string(&path).unwrap()));
    assert_eq!(names(folder.path()), ["model"]);
}

/// Root may do anything, so that another user must try.
#[test]
fn a_folder_that_cannot_be_read_and_a_group_that_cannot_be_given() {
    let folder = tempfile::tempdir().unwrap();
    if !is_root() {
        return try_as_user(folder.path());
    }
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    // Where another user can start it.
    let copy = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    let place = folder.path().join("place");
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, Permissions::from_mode(0o777)).unwrap();
    // A file of root's in a folder of everybody's.
    fs::write(place.join("roots"), "old").unwrap();
    fs::set_permissions(place.join("roots"), Permissions::from_mode(0o664)).unwrap();
    let status = Command::new(&copy)
        .args(["saves::as_user", "--exact", "--ignored", "--nocapture"])
        .env(PLACE, &place)
        .uid(NOBODY)
        .gid(NOBODY)
        .status()
        .unwrap();
    assert!(status.success());
    let about = fs::metadata(place.join("roots")).unwrap();
    assert_eq!(fs::read_to_string(place.join("roots")).unwrap(), "new");
    // The group is another, which must not write what root's group alone could.
    assert_eq!(
        (about.uid(), about.gid(), about.mode() & 0o777),
        (NOBODY, NOBODY, 0o644)
    );
}

#[test]
#[ignore = "is run, as another user, by another test"]
fn as_user() {
    let place = place();
    save(&place.join("roots"), "new").unwrap();
    try_as_user(&place);
}

fn try_as_user(place: &Path) {
    let folder = place.join("folder");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("model");
    save(&path, "old").unwrap();
    // Written in, passed through, not read: the file is replaced, and that is what is said.
    fs::set_permissions(&folder, Permissions::from_mode(0o300)).unwrap();
    let saved = save(&path, "new");
    let contents = fs::read_to_string(&path).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o500)).unwrap();
    let refused = save(&path, "newer");
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    saved.unwrap();
    assert_eq!(contents, "new");
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("nothing was replaced"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(&folder), ["model"]);
}
