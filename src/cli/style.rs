//! How text is shown on a terminal: colours where somebody sees them, and lines that fit.
//!
//! Shared by the commands that speak to people. Colours are off where `NO_COLOR` is set, where the
//! output is no terminal, and on a terminal that is called dumb; `CLICOLOR_FORCE` turns them on.
//! Lines are broken at the width of the terminal, or at `COLUMNS`; what goes into a pipe is not.

use std::env;
use std::fmt::Write;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style as Ansi};

/// Narrower than this nothing is broken: it would only be longer.
const COLUMNS_MIN: usize = 40;

/// What a text is, and so how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// An error, or what is refused.
    Error,
    /// A warning, or what changes.
    Warning,
    /// What is new, or well.
    Good,
    /// What leads the eye: arrows, line numbers, bars.
    Frame,
    /// What to type.
    Help,
}

impl Paint {
    fn ansi(self) -> Ansi {
        match self {
            Self::Error => AnsiColor::Red.on_default().bold(),
            Self::Warning => AnsiColor::Yellow.on_default().bold(),
            Self::Good => AnsiColor::Green.on_default().bold(),
            Self::Frame => AnsiColor::Blue.on_default().bold(),
            Self::Help => AnsiColor::Cyan.on_default(),
        }
    }
}

/// How an output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    has_colours: bool,
    /// Where lines are broken, if they are.
    columns: Option<usize>,
}

impl Style {
    /// As standard output wants it.
    pub(crate) fn of_stdout() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let wish = Wish {
            no_color: is_set("NO_COLOR"),
            force: is_set("CLICOLOR_FORCE"),
            is_dumb: env::var_os("TERM").is_some_and(|term| term == "dumb"),
            is_terminal,
        };
        let said = env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse().ok());
        let seen = || {
            let (width, _) = terminal_size::terminal_size()?;
            is_terminal.then_some(usize::from(width.0))
        };
        Self {
            has_colours: wish.has_colours(),
            columns: said.or_else(seen).map(|columns| columns.max(COLUMNS_MIN)),
        }
    }

    /// Where lines are broken, if they are.
    pub(crate) fn columns(self) -> Option<usize> {
        self.columns
    }

    /// The text in its colours.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if !self.has_colours || text.is_empty() {
            return text.to_owned();
        }
        let ansi = paint.ansi();
        format!("{ansi}{text}{ansi:#}")
    }

    /// The text broken into lines, the first of which begins in column `used` (from 0), the others
    /// with `indent` blanks. What stands in back-ticks stays whole: it may be something to type.
    pub(crate) fn broken(self, text: &str, used: usize, indent: usize) -> String {
        let mut broken = String::new();
        for (index, line) in text.lines().enumerate() {
            let mut column = used;
            if index > 0 {
                next_line(&mut broken, indent);
                column = indent;
            }
            self.add(&mut broken, line, column, indent);
        }
        broken
    }

    fn add(self, broken: &mut String, line: &str, mut column: usize, indent: usize) {
        let columns = self.columns.unwrap_or(usize::MAX);
        let blanks = line.len() - line.trim_start().len();
        broken.push_str(line.get(..blanks).unwrap_or_default());
        column += blanks;
        for (index, word) in words(line.trim_start()).into_iter().enumerate() {
            let width = word.chars().count();
            if index > 0 && column + 1 + width > columns {
                next_line(broken, indent);
                column = indent;
            } else if index > 0 {
                broken.push(' ');
                column += 1;
            }
            broken.push_str(word);
            column += width;
        }
    }
}

/// The words of a line, between which it may be broken.
fn words(line: &str) -> Vec<&str> {
    let mut is_code = false;
    let at_blank = |c: char| {
        is_code ^= c == '`';
        c == ' ' && !is_code
    };
    line.split(at_blank).collect()
}

fn next_line(text: &mut String, indent: usize) {
    write!(text, "\n{:indent$}", "").expect("a string takes everything");
}

/// What decides about colours.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
struct Wish {
    no_color: bool,
    force: bool,
    is_dumb: bool,
    is_terminal: bool,
}

impl Wish {
    fn has_colours(self) -> bool {
        !self.no_color && (self.force || (self.is_terminal && !self.is_dumb))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(has_colours: bool, columns: Option<usize>) -> Style {
        Style {
            has_colours,
            columns,
        }
    }

    #[test]
    fn colours_are_for_eyes_only_and_no_color_wins() {
        let wish = |words: &str| Wish {
            no_color: words.contains("no"),
            force: words.contains("force"),
            is_dumb: words.contains("dumb"),
            is_terminal: words.contains("terminal"),
        };
        for words in ["terminal", "force", "force dumb"] {
            assert!(wish(words).has_colours(), "{words}");
        }
        for words in ["", "terminal dumb", "terminal no", "force no"] {
            assert!(!wish(words).has_colours(), "{words}");
        }
    }

    #[test]
    fn lines_are_broken_at_blanks_and_set_in() {
        let text = "one two three\n  four a-very-long-word";
        let check = |columns, expected: &str| {
            assert_eq!(style(false, columns).broken(text, 4, 2), expected);
        };
        check(None, "one two three\n    four a-very-long-word");
        check(Some(12), "one two\n  three\n    four\n  a-very-long-word");
        let code = style(false, Some(12)).broken("type `a b c d`", 0, 0);
        assert_eq!(code, "type\n`a b c d`");
    }

    #[test]
    fn a_painted_text_ends_its_colour() {
        let painted = style(true, None).paint(Paint::Good, "ok");
        assert_eq!(painted, "\u{1b}[1m\u{1b}[32mok\u{1b}[0m");
        assert_eq!(style(false, None).paint(Paint::Good, "ok"), "ok");
        assert_eq!(style(true, None).paint(Paint::Good, ""), "");
    }
}
