//! How text is shown on a terminal: colours where somebody sees them, and lines that fit.
//!
//! Shared by the commands that speak to people. Colours say nothing that the words do not say, too.
//! They are off where `NO_COLOR` is set, where the output is no terminal, and on one that is called
//! dumb; `CLICOLOR_FORCE` turns them on. Lines are broken at the width of the terminal, or at
//! `COLUMNS`; what goes into a pipe is not.

use std::env;
use std::fmt::Write;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// Narrower terminals are written as if they had so many columns.
const COLUMNS_MIN: usize = 40;

/// What a piece of text is, and so how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It holds, or is new.
    Good,
    /// It is odd, changes, or must be waited for.
    Warning,
    /// It is wrong, or refused.
    Bad,
    /// It is less important than the rest.
    Quiet,
    /// It is the heading of what follows.
    Strong,
    /// It leads the eye: arrows, line numbers, bars.
    Frame,
    /// It is what to type.
    Help,
}

impl Tone {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| colour.on_default();
        match self {
            Self::Good => colour(AnsiColor::Green),
            Self::Warning => colour(AnsiColor::Yellow),
            Self::Bad => colour(AnsiColor::Red).bold(),
            Self::Quiet => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
            Self::Frame => colour(AnsiColor::Blue).bold(),
            Self::Help => colour(AnsiColor::Cyan),
        }
    }
}

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether there are colours.
    pub(crate) colour: bool,
    /// Where lines are broken, if they are.
    pub(crate) width: Option<usize>,
}

impl Look {
    /// As standard output wants it.
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let is_terminal = stdout.is_terminal();
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let wish = Wish {
            no_color: is_set("NO_COLOR"),
            force: is_set("CLICOLOR_FORCE"),
            is_dumb: env::var_os("TERM").is_some_and(|term| term == "dumb"),
            is_terminal,
        };
        let said = env::var("COLUMNS").ok();
        let said = said.and_then(|columns| columns.parse().ok());
        let seen = || {
            let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
            // A terminal that does not know its width says 0.
            (is_terminal && size.ws_col > 0).then(|| usize::from(size.ws_col))
        };
        Self {
            colour: wish.has_colours(),
            width: said.or_else(seen).map(|columns| columns.max(COLUMNS_MIN)),
        }
    }

    /// The text in this tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = tone.style();
        format!("{style}{text}{style:#}")
    }

    /// The text in lines that fit behind so many columns of indent.
    pub(crate) fn wrap(self, text: &str, indent: usize) -> Vec<String> {
        let width = self.width.map(|width| width.saturating_sub(indent).max(1));
        let lines = Self { width, ..self }.broken(text, 0, 0);
        lines.lines().map(str::to_owned).collect()
    }

    /// The text broken into lines, the first of which begins in column `used` (from 0), the others
    /// with `indent` blanks. A word that is too long for any line is not broken, so that it can be
    /// copied, nor is what stands in back-ticks where it fits.
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
        let columns = self.width.unwrap_or(usize::MAX);
        let blanks = line.len() - line.trim_start().len();
        broken.push_str(line.get(..blanks).unwrap_or_default());
        column += blanks;
        let room = columns.saturating_sub(indent);
        for (index, word) in words(line, room).into_iter().enumerate() {
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

fn next_line(text: &mut String, indent: usize) {
    write!(text, "\n{:indent$}", "").expect("a string takes everything");
}

/// How many rows the terminal has, where standard output is one that knows.
pub(crate) fn terminal_rows() -> Option<usize> {
    let stdout = std::io::stdout();
    let size = rustix::termios::tcgetwinsize(&stdout).ok();
    let rows = size.map(|size| usize::from(size.ws_row));
    rows.filter(|rows| *rows > 0 && stdout.is_terminal())
}

/// The words of a line. What stands in back-ticks is to be copied, so it is one word where it fits.
fn words(line: &str, room: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let blank = rest.find(' ').unwrap_or(rest.len());
        let code = { rest.strip_prefix('`') }
            .and_then(|inside| Some(inside.find('`')? + 2))
            .map(|end| {
                end + rest
                    .get(end..)
                    .map_or(0, |more| more.find(' ').unwrap_or(more.len()))
            })
            .filter(|end| {
                rest.get(..*end)
                    .is_some_and(|code| code.chars().count() <= room)
            });
        let (word, more) = rest.split_at(code.unwrap_or(blank));
        words.push(word);
        rest = more.trim_start();
    }
    words
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

/// A time span in its largest unit of which there are two or more.
pub(super) fn ago(seconds: u64) -> String {
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    let unit = units.into_iter().find(|(size, _)| seconds >= 2 * size);
    match unit {
        Some((size, name)) => format!("{} {name}", seconds / size),
        None => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(colour: bool, width: Option<usize>) -> Look {
        Look { colour, width }
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
            assert_eq!(look(false, columns).broken(text, 4, 2), expected);
        };
        check(None, "one two three\n    four a-very-long-word");
        check(Some(12), "one two\n  three\n    four\n  a-very-long-word");
    }

    #[test]
    fn what_is_to_be_copied_stays_whole_where_it_fits() {
        let narrow = look(false, Some(14));
        let fits = narrow.wrap("a type `one two`, then `one two three`", 4);
        assert_eq!(fits, ["a type", "`one two`,", "then `one", "two three`"]);
        assert_eq!(
            narrow.wrap("one two three averylongword x", 4),
            ["one two", "three", "averylongword", "x"]
        );
        let code = look(false, Some(12)).broken("type `a b c d`", 0, 0);
        assert_eq!(code, "type\n`a b c d`");
    }

    #[test]
    fn a_painted_text_ends_its_colour() {
        let painted = look(true, None).paint(Tone::Bad, "x");
        assert_eq!(painted, "\u{1b}[1m\u{1b}[31mx\u{1b}[0m");
        assert_eq!(look(false, None).paint(Tone::Bad, "x"), "x");
        assert_eq!(look(true, None).paint(Tone::Bad, ""), "");
    }
}
