//! Lists in pieces.

use expect_test::{Expect, expect};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const LIST: &str = r#" [ {"Id":"beef","Names":["/we}b"],"State":"running",
    "Labels":{"sh0.host":"a.example","sh0.auth":"\"}]\\","other":"ü{["},
    "Ports":[{"PrivatePort":80,"Type":"tcp"}],"NetworkSettings":{"Networks":{}}} ,
  {"Id":"cafe","Names":["/db"]},{"Id":"f00d","Mounts":[{"a":[[],{}]}]}] "#;

/// What these pieces come to: the ids, or what is wrong.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Container>, String> {
    let mut list = List::new("sh0");
    for piece in pieces {
        list.push(piece).map_err(|error| error.to_string())?;
    }
    list.end().map_err(|error| error.to_string())
}

fn whole() -> Vec<Container> {
    read([LIST.as_bytes()]).expect("a list")
}

#[test]
fn a_list_gives_its_containers_in_order() {
    let whole = whole();
    let shown: Vec<&str> = whole.iter().map(|one| &*one.name).collect();
    assert_eq!(shown, ["we}b", "db", "f00d"]);
    assert_eq!(&*whole[0].labels["sh0.auth"], "\"}]\\");
    assert_eq!(read([b"[]".as_slice()]), Ok(Vec::new()));
    assert_eq!(read([b"\n[\t\r\n] ".as_slice()]), Ok(Vec::new()));
}

#[test]
fn a_list_in_two_pieces_is_the_same_wherever_it_is_cut() {
    let (list, whole) = (LIST.as_bytes(), whole());
    for at in 0..=list.len() {
        let (first, second) = list.split_at(at);
        assert_eq!(read([first, second]).as_ref(), Ok(&whole), "cut at {at}");
    }
    assert_eq!(read(list.chunks(1)), Ok(whole));
}

#[test]
fn a_list_without_its_end_is_none_wherever_it_ends() {
    let list = LIST.trim_end().as_bytes();
    for length in 0..list.len() {
        let cut = read([&list[..length]]);
        let error = cut.expect_err("it is not whole");
        assert!(
            error.starts_with("the container list ends before"),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn a_list_is_the_same_in_any_pieces(mut cuts in vec(0..LIST.len(), 0..12)) {
        cuts.sort_unstable();
        let mut left = LIST.as_bytes();
        let mut pieces = Vec::new();
        for (cut, before) in cuts.iter().zip([0].iter().chain(&cuts)) {
            let (piece, rest) = left.split_at(cut - before);
            pieces.push(piece);
            left = rest;
        }
        pieces.push(left);
        prop_assert_eq!(read(pieces), Ok(whole()));
    }

    #[test]
    fn any_bytes_are_a_list_here_only_if_they_are_one_there(
        bytes in vec(prop::sample::select(br#"[]{},:"\ 1aI"#.to_vec()), 0..24),
    ) {
        let entries: Result<Vec<serde_json::Value>, _> = serde_json::from_slice(&bytes);
        let is_list = entries.is_ok_and(|all| all.iter().all(serde_json::Value::is_object));
        let mut seen = Entries::default();
        let check = |entry: &[u8]| match serde_json::from_slice::<serde_json::Value>(entry) {
            Ok(_) => Ok(()),
            Err(_) => Err(ListError::Long),
        };
        let is_read = seen.push(&bytes, check).and_then(|()| seen.end()).is_ok();
        prop_assert_eq!(is_read, is_list);
    }
}

#[test]
fn what_is_no_list_says_what_was_found() {
    let check = |text: &str, expected: &Expect| {
        let error = read([text.as_bytes()]).expect_err("no list");
        expected.assert_eq(&error);
    };
    check(
        "null",
        &expect!["expected `[` in the container list, found `n`"],
    );
    check(
        "<html>",
        &expect!["expected `[` in the container list, found `<`"],
    );
    check(
        "{\"message\":\"no\"}",
        &expect!["expected `[` in the container list, found `{`"],
    );
    check("", &expect!["the container list ends before `[`"]);
    check(
        "[1]",
        &expect!["expected `{` or `]` in the container list, found `1`"],
    );
    check(
        "[[]]",
        &expect!["expected `{` or `]` in the container list, found `[`"],
    );
    check(
        "[{\"Id\":\"a\"}{\"Id\":\"b\"}]",
        &expect!["expected `,` or `]` in the container list, found `{`"],
    );
    check(
        "[{\"Id\":\"a\"},]",
        &expect!["expected `{` in the container list, found `]`"],
    );
    check(
        "[] []",
        &expect!["expected nothing more in the container list, found `[`"],
    );
    check(
        "[{\"Id\":\"a\"}]\0",
        &expect![[r"expected nothing more in the container list, found `\x00`"]],
    );
    check(
        "[{]",
        &expect!["an entry of the container list cannot be read"],
    );
    check(
        "[{\"Id\":7}]",
        &expect!["an entry of the container list cannot be read"],
    );
    check(
        "[{\"Id\":\"a\"},{\"Names\":[\"/no-id\"]}]",
        &expect![
            "expected an `Id` in every entry of the container list, found none in one of them"
        ],
    );
}

#[test]
fn an_entry_without_end_is_not_kept() {
    let mut list = List::new("sh0");
    let piece = vec![b'x'; 1024 * 1024];
    list.push(br#"[{"Id":""#).expect("so far a list");
    let error = (0..65).find_map(|_| list.push(&piece).err());
    assert!(matches!(error, Some(ListError::Long)), "{error:?}");
}
