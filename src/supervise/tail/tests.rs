//! A file that grows, is moved aside, cut or removed, and readers that come and go.

use std::io::Write;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A log, and what its readers have taken.
struct Scene {
    folder: TempDir,
    tail: Option<Tail>,
    taken: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            tail: None,
            taken: vec![],
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("caddy.log")
    }

    fn write(&self, text: &str) {
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).append(true).open(self.path());
        let written = file.expect("ours").write_all(text.as_bytes());
        written.expect("room");
    }

    /// As Caddy does at 1 MB.
    fn move_aside(&self, number: usize) {
        let aside = self.folder.path().join(format!("caddy-{number}-size.log"));
        fs::rename(self.path(), aside).expect("it is there");
    }

    fn read(&mut self) {
        let path = self.path();
        let tail = self
            .tail
            .get_or_insert_with(|| Tail::open(&path, path.with_extension("taken")));
        let taken = &mut self.taken;
        let mut emit = |line: &[u8]| taken.push(String::from_utf8_lossy(line).into_owned());
        while let Ok(1..) = tail.advance(&mut emit) {}
    }

    /// The reader ends as by `kill -9`.
    fn crash(&mut self) {
        self.tail = None;
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("ours");
        let name = |entry: io::Result<fs::DirEntry>| {
            let name = entry.expect("readable").file_name();
            name.to_string_lossy().into_owned()
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }
}

#[test]
fn lines_come_once_also_through_a_move_and_through_another_reader() {
    let mut scene = Scene::new();
    scene.read();
    scene.write("a\nb\n");
    scene.read();
    scene.write("c\n");
    scene.move_aside(1);
    scene.write("d\n");
    scene.read();
    scene.crash();
    scene.write("e\n");
    scene.move_aside(2);
    scene.write("f\n");
    scene.read();
    assert_eq!(scene.taken, ["a", "b", "c", "d", "e", "f"]);
}

#[test]
fn a_line_that_was_half_there_is_taken_whole_by_the_next_reader() {
    let mut scene = Scene::new();
    scene.write("one\ntw");
    scene.read();
    scene.crash();
    scene.write("o\n");
    scene.read();
    assert_eq!(scene.taken, ["one", "two"]);
}

#[test]
fn a_file_that_was_cut_or_whose_place_is_garbage_is_read_from_its_start() {
    for garbage in ["", "{", r#"{"device":1,"inode":1,"offset":9}"#] {
        let mut scene = Scene::new();
        scene.write("one\n");
        scene.read();
        fs::write(scene.path(), "").expect("cut");
        scene.write("2\n");
        scene.read();
        scene.crash();
        fs::write(scene.path().with_extension("taken"), garbage).expect("written");
        scene.read();
        assert_eq!(scene.taken, ["one", "2", "2"], "{garbage:?}");
    }
}

#[test]
fn a_removed_folder_is_followed_when_it_is_back() {
    let mut scene = Scene::new();
    scene.write("one\n");
    scene.read();
    fs::remove_file(scene.path()).expect("it is there");
    scene.read();
    scene.write("two\n");
    scene.read();
    assert_eq!(scene.taken, ["one", "two"]);
}

#[test]
fn what_is_removed_is_the_log_and_nothing_else() {
    let mut scene = Scene::new();
    scene.write("one\n");
    scene.read();
    scene.move_aside(1);
    scene.write("two\n");
    for name in ["agent.lock", "caddy.json", "caddy-x.txt"] {
        fs::write(scene.folder.path().join(name), "").expect("ours");
    }
    scene.tail.take().expect("it was read").remove();
    assert_eq!(scene.files(), ["agent.lock", "caddy-x.txt", "caddy.json"]);
}

proptest! {
    /// 0 writes a line, 1 reads, 2 moves the file aside, 3 ends the reader.
    #[test]
    fn no_line_is_lost_or_doubled(turns in prop::collection::vec(0..4u8, 1..60)) {
        let mut scene = Scene::new();
        let mut written = vec![];
        for (number, turn) in turns.into_iter().enumerate() {
            match turn {
                0 => {
                    written.push(format!("line {number}"));
                    scene.write(&format!("line {number}\n"));
                }
                1 => scene.read(),
                // Twice between two looks is more than a log of megabytes a second.
                2 if scene.path().exists() => {
                    scene.read();
                    scene.move_aside(number);
                }
                _ => scene.crash(),
            }
        }
        scene.read();
        prop_assert_eq!(scene.taken, written);
    }
}
