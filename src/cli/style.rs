//! How text looks on this terminal: colours and width.
//!
//! Colours say nothing that the words do not say, too. They are left out where standard output is
//! not a terminal, by `NO_COLOR` (any value but an empty one), and by `TERM=dumb`.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// Narrower terminals are written as if they had so many columns.
const WIDTH_MIN: usize = 40;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It holds.
    Good,
    /// It is odd, or must be waited for.
    Warning,
    /// It is wrong.
    Bad,
    /// It is less important than the rest.
    Quiet,
    /// It is the heading of what follows.
    Strong,
}

impl Tone {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Good => colour(AnsiColor::Green),
            Self::Warning => colour(AnsiColor::Yellow),
            Self::Bad => colour(AnsiColor::Red).bold(),
            Self::Quiet => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
        }
    }
}

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether there are colours.
    pub(crate) colour: bool,
    /// The columns; `None` is no end, for who reads by a program.
    pub(crate) width: Option<usize>,
}

impl Look {
    /// As standard output wants it.
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let is_terminal = stdout.is_terminal();
        let is_plain = set("NO_COLOR").is_some() || set("TERM").is_some_and(|term| term == "dumb");
        let size = rustix::termios::tcgetwinsize(&stdout).ok();
        // A terminal that does not know its width says 0.
        let columns = size
            .map(|size| usize::from(size.ws_col))
            .filter(|columns| *columns > 0);
        Self {
            colour: is_terminal && !is_plain,
            width: columns
                .filter(|_| is_terminal)
                .map(|columns| columns.max(WIDTH_MIN)),
        }
    }

    /// The text in this tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if self.colour {
            let style = tone.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// The text in lines that fit behind so many columns of indent; a word that is too long for any
    /// line is not broken, so that it can be copied.
    pub(crate) fn wrap(self, text: &str, indent: usize) -> Vec<String> {
        let Some(width) = self.width else {
            return text.lines().map(str::to_owned).collect();
        };
        let room = width.saturating_sub(indent).max(1);
        let mut lines = Vec::new();
        for paragraph in text.lines() {
            let mut line = String::new();
            for word in words(paragraph, room) {
                let is_full = line.chars().count() + 1 + word.chars().count() > room;
                if !line.is_empty() && is_full {
                    lines.push(std::mem::take(&mut line));
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            lines.push(line);
        }
        lines
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words_and_painted_only_in_colour() {
        let narrow = Look {
            colour: false,
            width: Some(14),
        };
        assert_eq!(
            narrow.wrap("one two three averylongword x", 4),
            ["one two", "three", "averylongword", "x"]
        );
        let fits = narrow.wrap("a type `one two`, then `one two three`", 4);
        assert_eq!(fits, ["a type", "`one two`,", "then `one", "two three`"]);
        assert_eq!(narrow.paint(Tone::Bad, "x"), "x");
        let wide = Look {
            colour: true,
            width: None,
        };
        assert_eq!(wide.wrap("one two\nthree", 4), ["one two", "three"]);
        assert_eq!(wide.paint(Tone::Bad, "x"), "\u{1b}[1m\u{1b}[31mx\u{1b}[0m");
    }
}
