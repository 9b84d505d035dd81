//! Places that are used or refused, and the users that names stand for.

use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

/// A mode that the directory gets, what is done to it, and what is said of it.
type Row = (&'static str, u32, fn(&Path), &'static str);

const ROWS: &[Row] = &[
    ("as it should be", 0o700, |_| {}, ""),
    ("that all may read", 0o755, |_| {}, ""),
    ("sticky", 0o1777, |_| {}, ""),
    (
        "that all may write",
        0o777,
        |_| {},
        "`DIR` can be written by others (mode 0777, group GROUP): `sudo chmod go-w DIR`, or choose \
         another directory",
    ),
    (
        "a link to another",
        0o700,
        |dir| {
            std::fs::remove_dir(dir).expect("it is empty");
            symlink("/etc", dir).expect("ours");
        },
        "`DIR` is a symbolic link to `/etc`: remove it (`rm DIR`) and name a real directory with \
         `--state-dir` or `--runtime-dir`",
    ),
    (
        "a file",
        0o700,
        |dir| {
            std::fs::remove_dir(dir).expect("it is empty");
            std::fs::write(dir, "").expect("ours");
        },
        "`DIR` is no directory: move it away, or choose another directory",
    ),
    (
        "with a link for a file",
        0o700,
        |dir| symlink("/etc/passwd", dir.join("state.json")).expect("ours"),
        "`DIR/state.json` is a symbolic link to `/etc/passwd`: remove it (`rm DIR/state.json`) and \
         name a real directory with `--state-dir` or `--runtime-dir`",
    ),
    (
        "with a link for a socket that nobody has",
        0o700,
        |dir| symlink("/nonexistent", dir.join("status.sock")).expect("ours"),
        "`DIR/status.sock` is a symbolic link to `/nonexistent`: remove it (`rm DIR/status.sock`) \
         and name a real directory with `--state-dir` or `--runtime-dir`",
    ),
    (
        "with a link for Caddy's folder",
        0o700,
        |dir| symlink("/etc", dir.join("caddy")).expect("ours"),
        "`DIR/caddy` is a symbolic link to `/etc`: remove it (`rm DIR/caddy`) and name a real \
         directory with `--state-dir` or `--runtime-dir`",
    ),
    (
        "below one that all may write",
        0o700,
        |dir| mode(dir.parent().expect("it is in one"), 0o777),
        "`PARENT` can be written by others (mode 0777, group GROUP): `sudo chmod go-w PARENT`, or \
         choose another directory",
    ),
    (
        "missing below one that all may write",
        0o700,
        |dir| {
            std::fs::remove_dir(dir).expect("it is empty");
            mode(dir.parent().expect("it is in one"), 0o777);
        },
        "`PARENT` can be written by others (mode 0777, group GROUP): `sudo chmod go-w PARENT`, or \
         choose another directory",
    ),
    (
        "missing",
        0o700,
        |dir| std::fs::remove_dir(dir).expect("it is empty"),
        "",
    ),
];

/// What only root can prepare.
const ROWS_OF_ROOT: &[Row] = &[
    (
        "somebody else's",
        0o700,
        |dir| owner(dir, 12_345),
        "`DIR` belongs to user 12345, expected user 0 or root: if you put it there, `sudo chown -h 0 \
         DIR`; else choose another directory",
    ),
    (
        "below somebody else's",
        0o700,
        |dir| owner(dir.parent().expect("it is in one"), 12_345),
        "`PARENT` belongs to user 12345, expected user 0 or root: if you put it there, `sudo chown \
         -h 0 PARENT`; else choose another directory",
    ),
    (
        "with somebody else's file",
        0o700,
        |dir| {
            std::fs::write(dir.join("state.json"), "").expect("ours");
            owner(&dir.join("state.json"), 12_345);
        },
        "`DIR/state.json` belongs to user 12345, expected user 0 or root: if you put it there, `sudo \
         chown -h 0 DIR/state.json`; else choose another directory",
    ),
    (
        "with a folder of another Caddy",
        0o700,
        |dir| {
            std::fs::create_dir(dir.join("caddy")).expect("ours");
            owner(&dir.join("caddy"), 12_345);
        },
        "",
    ),
];

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
}

fn owner(path: &Path, uid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), None).expect("we are root");
}

#[test]
fn a_place_where_others_may_have_been_is_refused_with_what_was_found_and_what_to_type() {
    let of_root: &[Row] = if own_uid() == 0 { ROWS_OF_ROOT } else { &[] };
    for (what, wanted, prepare, expected) in ROWS.iter().chain(of_root) {
        let parent = tempfile::tempdir().expect("a folder");
        let dir = parent.path().join("dir");
        std::fs::create_dir(&dir).expect("ours");
        mode(&dir, *wanted);
        prepare(&dir);
        let said = match check_place(&dir, "caddy") {
            Ok(()) => String::new(),
            Err(error) => format!("{error}: {}", error.help()),
        };
        let said = said
            .replace(&dir.display().to_string(), "DIR")
            .replace(&parent.path().display().to_string(), "PARENT")
            .replace(&format!("group {})", own_gid()), "group GROUP)");
        assert_eq!(said, *expected, "{what}");
    }
}

#[test]
fn a_file_is_never_written_through_a_link_or_into_a_pipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    std::fs::write(&target, "as it was").expect("ours");
    symlink(&target, &link).expect("ours");
    assert!(write_anew(&link, 0o600).is_err());
    assert_eq!(std::fs::read_to_string(&target).expect("ours"), "as it was");
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        Mode::from_bits_truncate(0o600),
        0,
    )
    .expect("made");
    assert!(write_anew(&pipe, 0o600).is_err());
}

#[test]
fn a_user_is_a_name_or_a_number_with_a_group_or_its_own() {
    let passwd = "root:x:0:0:root:/root:/bin/sh\ncaddy:x:998:997:Caddy:/:/bin/false\n";
    let groups = "root:x:0:\ncaddy:x:997:\nweb:x:33:caddy\n";
    for (text, expected) in [
        ("caddy", "998:997"),
        ("998", "998:997"),
        ("caddy:web", "998:33"),
        ("caddy:12", "998:12"),
        ("4000:4000", "4000:4000"),
        ("4000", "nothing says which group the user 4000 has"),
        ("nobody", "there is no user `nobody` in `/etc/passwd`"),
        ("caddy:wheel", "there is no group `wheel` in `/etc/group`"),
        (
            "root",
            "expected another user and group than root's, found 0:0",
        ),
        (
            "caddy:root",
            "expected another user and group than root's, found 998:0",
        ),
        (
            "4294967295:5",
            "expected another user and group than root's, found 4294967295:5",
        ),
    ] {
        let name: UserName = text.parse().expect("it has the form");
        let found = match name.resolve(passwd, groups) {
            Ok(user) => user.to_string(),
            Err(error) => {
                assert!(!error.help().is_empty());
                error.to_string()
            }
        };
        assert_eq!(found, expected, "{text}");
        assert_eq!(name.to_string(), text);
    }
    for wrong in ["", ":", "a:", ":b", "a:b:c", "--x", "a b", "a/b", "a:-b"] {
        assert!(wrong.parse::<UserName>().is_err(), "{wrong}");
    }
}

#[test]
fn folders_have_their_modes_whatever_they_had() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("above/dir");
    let access = Access::default();
    for _ in 0..2 {
        access.entered(&dir).expect("ours");
        access.shared_with_files(&dir.join("slots")).expect("ours");
        access.owned_with_files(&dir.join("caddy")).expect("ours");
        for path in [&dir, &dir.join("slots"), &dir.join("caddy")] {
            let about = std::fs::metadata(path).expect("made");
            assert_eq!(about.mode() & 0o7777, 0o700, "{}", path.display());
            mode(path, 0o755);
        }
        std::fs::write(dir.join("slots/a.0"), "").expect("ours");
    }
    let about = std::fs::metadata(dir.join("slots/a.0")).expect("written");
    assert_eq!(about.mode() & 0o777, 0o640);
}

#[test]
fn what_another_user_had_is_given_away_without_following_a_link() {
    if own_uid() != 0 {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("caddy/a/b")).expect("ours");
    std::fs::write(path("caddy/a/b/key"), "").expect("ours");
    std::fs::write(path("outside"), "").expect("ours");
    symlink(path("outside"), path("caddy/a/link")).expect("ours");
    symlink(folder.path(), path("caddy/a/b/up")).expect("ours");
    let caddy = User {
        uid: 12_345,
        gid: 12_346,
    };
    let access = Access::of(Some(caddy));
    access
        .owned_with_files(&path("caddy"))
        .expect("we are root");
    let owner = |name: &str| {
        let about = std::fs::symlink_metadata(path(name)).expect("it is there");
        (about.uid(), about.gid())
    };
    for name in [
        "caddy",
        "caddy/a",
        "caddy/a/b",
        "caddy/a/b/key",
        "caddy/a/link",
    ] {
        assert_eq!(owner(name), (12_345, 12_346), "{name}");
    }
    assert_eq!(owner("outside").0, 0);
    assert_eq!(std::fs::metadata(folder.path()).expect("ours").uid(), 0);

    std::fs::hard_link(path("outside"), path("caddy/a/second")).expect("ours");
    let refused = access
        .owned_with_files(&path("caddy"))
        .expect_err("two names");
    let said = refused
        .to_string()
        .replace(&path("").display().to_string(), "");
    assert_eq!(
        said,
        "`caddy/a/second` has 2 names, and the others may be elsewhere: expected one; copy it over \
         itself"
    );
    assert_eq!(owner("outside").0, 0);
}

#[test]
fn a_user_is_named_where_the_system_knows_it() {
    let passwd =
        "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7::/:\ncaddy:x:998:997::/:/bin/false\n";
    for (uid, expected) in [(0, "root"), (998, "caddy"), (7, "7"), (1000, "1000")] {
        assert_eq!(user::name_in(passwd, uid), expected);
    }
}
