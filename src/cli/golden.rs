//! Golden files of what people are shown, in a terminal of two widths and in a pipe.

use std::path::Path;

use expect_test::expect_file;

use super::style::Look;

/// Every look that an output is pinned in, by the end of its file's name.
const LOOKS: [(&str, Look); 5] = [
    ("80", look(false, Some(80))),
    ("120", look(false, Some(120))),
    ("80_colour", look(true, Some(80))),
    ("120_colour", look(true, Some(120))),
    ("piped", look(false, None)),
];

const fn look(colour: bool, width: Option<usize>) -> Look {
    Look { colour, width }
}

/// Holds that what is shown in each look is as in its file.
pub(super) fn check(name: &str, shown: impl Fn(Look) -> String) {
    for (end, look) in LOOKS {
        check_in(&format!("{name}_{end}"), look, &shown(look));
    }
}

/// Holds that this is as in the file of this name, and no wider than what it is shown in.
pub(super) fn check_in(name: &str, look: Look, shown: &str) {
    let widest = shown.lines().map(|line| line.chars().count()).max();
    let has_colour = shown.contains('\u{1b}');
    let is_narrow = has_colour || look.width.is_none() || widest <= look.width;
    assert!(is_narrow, "{name}: {widest:?}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/cli/{name}.txt"));
    expect_file![file].assert_eq(shown);
}
