//! In a real folder.

use tempfile::TempDir;

use super::*;
use crate::model::PoolKey;

fn folder() -> (TempDir, SlotFiles) {
    let runtime = tempfile::tempdir().expect("a folder");
    let files = SlotFiles::open(runtime.path(), Access::default()).expect("it is ours");
    (runtime, files)
}

fn slot(pool: u64, number: usize) -> Slot {
    let pool = PoolKey::parse(&format!("{pool:016x}")).expect("16 digits");
    Slot { pool, number }
}

fn address(text: &str) -> Content {
    Content::Address(text.parse().expect("an address"))
}

/// All files of the folder, as `name=text`.
fn files(runtime: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(runtime.path().join("slots")).expect("it is there");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a file").to_string_lossy();
            format!("{name}={}", fs::read_to_string(&path).expect("text"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_file_says_the_address_as_caddy_reads_it() {
    let (runtime, mut slots) = folder();
    let socket = Content::Socket("/run/sh0/hold/x.sock".into());
    for (number, content) in [address("10.0.0.1:80"), address("[fd00::1]:80"), socket]
        .into_iter()
        .enumerate()
    {
        assert!(slots.write(slot(1, number), &content).expect("written"));
        assert_eq!(slots.content(slot(1, number)), Some(&content));
    }
    assert_eq!(
        files(&runtime),
        [
            "0000000000000001.0=10.0.0.1:80",
            "0000000000000001.1=[fd00::1]:80",
            "0000000000000001.2=unix//run/sh0/hold/x.sock",
        ]
    );
}

#[test]
fn what_is_unchanged_is_not_written() {
    let (runtime, mut slots) = folder();
    let path = runtime.path().join("slots/0000000000000001.0");
    let inode = || fs::metadata(&path).expect("it is there").ino();
    slots
        .write(slot(1, 0), &address("10.0.0.1:80"))
        .expect("written");
    let first = inode();
    assert!(
        !slots
            .write(slot(1, 0), &address("10.0.0.1:80"))
            .expect("nothing to do")
    );
    assert_eq!(inode(), first);
    assert!(
        slots
            .write(slot(1, 0), &address("10.0.0.2:80"))
            .expect("written")
    );
    assert_ne!(inode(), first, "replaced, not changed in place");
}

#[test]
fn an_earlier_agents_files_are_found() {
    let (runtime, mut slots) = folder();
    let socket = Content::Socket("/run/sh0/hold/x.sock".into());
    slots
        .write(slot(1, 0), &address("10.0.0.1:80"))
        .expect("written");
    slots.write(slot(1, 1), &socket).expect("written");
    fs::write(runtime.path().join("slots/0000000000000002.0"), "").expect("written");
    fs::write(runtime.path().join("slots/other"), "10.0.0.1:80").expect("written");
    let mut later = SlotFiles::open(runtime.path(), Access::default()).expect("it is there");
    let found: Vec<_> = later
        .slots()
        .map(|(slot, content)| (slot, content.clone()))
        .collect();
    assert_eq!(
        found,
        [(slot(1, 0), address("10.0.0.1:80")), (slot(1, 1), socket)]
    );
    assert!(
        !later
            .write(slot(1, 0), &address("10.0.0.1:80"))
            .expect("nothing to do")
    );
}

#[test]
fn stale_files_are_removed_and_named_ones_are_not() {
    let (runtime, mut slots) = folder();
    for number in 0..3 {
        slots
            .write(slot(1, number), &address("10.0.0.1:80"))
            .expect("written");
    }
    for foreign in [".new", "other", "0000000000000001.00", "0000000000000002.0"] {
        fs::write(runtime.path().join("slots").join(foreign), "").expect("written");
    }
    let keep = [slot(1, 0), slot(1, 2)].into();
    assert_eq!(slots.remove_stale(&keep).expect("removed"), 5);
    assert_eq!(
        files(&runtime),
        [
            "0000000000000001.0=10.0.0.1:80",
            "0000000000000001.2=10.0.0.1:80"
        ]
    );
    assert_eq!(slots.content(slot(1, 1)), None);
    assert_eq!(slots.repair().expect("all there"), 0);
}

#[test]
fn a_deleted_folder_comes_back_whole_with_the_next_write() {
    let (runtime, mut slots) = folder();
    slots
        .write(slot(1, 0), &address("10.0.0.1:80"))
        .expect("written");
    slots
        .write(slot(1, 1), &address("10.0.0.2:80"))
        .expect("written");
    fs::remove_dir_all(runtime.path()).expect("it is ours");
    assert!(
        slots
            .write(slot(1, 1), &address("10.0.0.3:80"))
            .expect("written")
    );
    assert_eq!(
        files(&runtime),
        [
            "0000000000000001.0=10.0.0.1:80",
            "0000000000000001.1=10.0.0.3:80"
        ]
    );
}

#[test]
fn what_is_missing_is_repaired() {
    let (runtime, mut slots) = folder();
    let all: Vec<_> = (0..3).map(|number| slot(1, number)).collect();
    for slot in &all {
        slots
            .write(*slot, &address("10.0.0.1:80"))
            .expect("written");
    }
    assert_eq!(slots.repair().expect("nothing is missing"), 0);
    let path = |slot: Slot| runtime.path().join("slots").join(slot.to_string());
    fs::remove_file(path(all[0])).expect("it was there");
    assert_eq!(slots.repair().expect("repaired"), 1);
    fs::remove_file(path(all[1])).expect("it was there");
    fs::write(path(all[2]), "").expect("it is ours");
    assert_eq!(slots.repair().expect("repaired"), 2);
    fs::remove_dir_all(runtime.path().join("slots")).expect("it is ours");
    assert_eq!(slots.repair().expect("repaired"), 3);
    assert_eq!(slots.repair().expect("nothing is missing"), 0);
    assert_eq!(files(&runtime).len(), 3);
}

/// Our own writes are no reason to look at all files, of which there may be thousands.
#[test]
fn all_files_are_looked_at_now_and_then_whatever_the_folder_says() {
    let (runtime, mut slots) = folder();
    let all = [slot(1, 0), slot(2, 0)];
    for slot in &all {
        slots
            .write(*slot, &address("10.0.0.1:80"))
            .expect("written");
    }
    assert_eq!(slots.repair().expect("nothing is missing"), 0);
    slots
        .write(all[0], &address("10.0.0.2:80"))
        .expect("written");
    // In its place, which changes nothing in the folder.
    let path = runtime.path().join("slots").join(all[1].to_string());
    fs::write(path, "").expect("it is ours");
    let repaired: usize = (0..=LOOK_EVERY)
        .map(|_| slots.repair().expect("all there"))
        .sum();
    assert_eq!(repaired, 1);
}

/// A write that fails half-way, here because a folder stands where the new text would go.
#[test]
fn a_failed_write_leaves_the_old_address() {
    let (runtime, mut slots) = folder();
    slots
        .write(slot(1, 0), &address("10.0.0.1:80"))
        .expect("written");
    let beside = runtime.path().join("slots/.new");
    fs::create_dir(&beside).expect("it is ours");
    let error = slots.write(slot(1, 0), &address("10.0.0.2:80"));
    assert!(matches!(error, Err(SlotsError::Write { .. })), "{error:?}");
    assert_eq!(slots.content(slot(1, 0)), Some(&address("10.0.0.1:80")));
    fs::remove_dir(&beside).expect("it is empty");
    assert!(
        slots
            .write(slot(1, 0), &address("10.0.0.2:80"))
            .expect("tried again")
    );
    assert_eq!(files(&runtime), ["0000000000000001.0=10.0.0.2:80"]);
}

#[test]
fn a_path_that_caddy_could_not_read_is_refused() {
    for path in ["relative", "/tmp/{env.HOME}", "/tmp/a}b"] {
        let error = SlotFiles::open(Path::new(path), Access::default());
        assert!(matches!(error, Err(SlotsError::Path { .. })), "{error:?}");
    }
}
