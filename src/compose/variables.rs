//! Variables: `$NAME`, `${NAME}` and its forms, `$$`, as compose fills them in; and files of them.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// How deep defaults may lie in each other, as in `${A:-${B:-c}}`.
const DEPTH_MAX: usize = 16;
/// Longest text that comes of one value: variables that repeat each other could fill the memory.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// A text with its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Filled {
    pub(super) text: String,
    /// The variables that nothing sets and that have no default; they are empty.
    pub(super) unset: Vec<String>,
}

/// Why compose does not take the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A `$` that begins nothing, with what stands there.
    Form(String),
    /// `${NAME:?message}`: the variable must be set.
    Required { name: String, message: String },
}

/// Fills in the variables of a text.
pub(super) fn fill(text: &str, variables: &Variables) -> Result<Filled, Wrong> {
    let mut filled = Filled::default();
    if !text.contains('$') {
        text.clone_into(&mut filled.text);
        return Ok(filled);
    }
    let mut state = Filler {
        variables,
        unset: Vec::new(),
    };
    filled.text = state.fill(text, 0)?;
    filled.unset = state.unset;
    Ok(filled)
}

struct Filler<'a> {
    variables: &'a Variables,
    unset: Vec<String>,
}

impl Filler<'_> {
    fn fill(&mut self, text: &str, depth: usize) -> Result<String, Wrong> {
        let mut filled = String::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            if filled.len() > TEXT_BYTES_MAX {
                return Err(Wrong::Form("a text of more than 1 MiB".to_owned()));
            }
            if c != '$' {
                filled.push(c);
                continue;
            }
            match rest.peek() {
                Some('$') => {
                    rest.next();
                    filled.push('$');
                }
                Some('{') => {
                    rest.next();
                    let inner = braced(&mut rest)?;
                    filled.push_str(&self.braced(&inner, depth)?);
                }
                Some(c) if is_first(*c) => {
                    let name = name(&mut rest);
                    filled.push_str(&self.plain(name));
                }
                Some(_) | None => {
                    // It may be a secret, whose `$` was not written twice.
                    let after: String = rest.take(2).collect();
                    return Err(Wrong::Form(format!("${after}")));
                }
            }
        }
        Ok(filled)
    }

    fn plain(&mut self, name: String) -> String {
        if let Some(value) = self.variables.get(&name) {
            return value.clone();
        }
        if !self.unset.contains(&name) {
            self.unset.push(name);
        }
        String::new()
    }

    /// What stands between the braces: a name, and what is done without it.
    fn braced(&mut self, inner: &str, depth: usize) -> Result<String, Wrong> {
        let mut rest = inner.chars().peekable();
        let is_name = rest.peek().is_some_and(|c| is_first(*c));
        let name = name(&mut rest);
        let after: String = rest.collect();
        if !is_name || depth > DEPTH_MAX {
            return Err(Wrong::Form(format!("${{{inner}}}")));
        }
        let set = self.variables.get(&name).cloned();
        // With a colon an empty variable counts as none.
        let (value, form) = match after.strip_prefix(':') {
            Some(form) => (set.filter(|value| !value.is_empty()), form),
            None => (set, after.as_str()),
        };
        let mut form = form.chars();
        match form.next() {
            None if after.is_empty() => Ok(self.plain(name)),
            Some('-') => match value {
                Some(value) => Ok(value),
                None => self.fill(form.as_str(), depth + 1),
            },
            Some('+') => match value {
                Some(_) => self.fill(form.as_str(), depth + 1),
                None => Ok(String::new()),
            },
            Some('?') => match value {
                Some(value) => Ok(value),
                None => Err(Wrong::Required {
                    message: self.fill(form.as_str(), depth + 1)?,
                    name,
                }),
            },
            Some(_) | None => Err(Wrong::Form(format!("${{{inner}}}"))),
        }
    }
}

fn is_first(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn name(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut name = String::new();
    while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
        name.push(c);
    }
    name
}

/// The text up to the brace that closes this one.
fn braced(rest: &mut Peekable<Chars<'_>>) -> Result<String, Wrong> {
    let mut inner = String::new();
    let mut depth = 0usize;
    while let Some(c) = rest.next() {
        match c {
            '}' if depth == 0 => return Ok(inner),
            '}' => depth -= 1,
            '$' if rest.peek() == Some(&'{') => {
                depth += 1;
                inner.push('$');
                rest.next();
                inner.push('{');
                continue;
            }
            _ => {}
        }
        inner.push(c);
    }
    Err(Wrong::Form(format!("${{{inner}")))
}

/// One line `KEY=value` of a file of variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) key: String,
    pub(super) value: String,
    /// The columns of key and value, from 1.
    pub(super) columns: (usize, usize),
    /// How many columns the value takes, quotes included.
    pub(super) width: usize,
}

/// The lines of a file such as `.env`, variables filled in from `known` and from the lines before.
pub(super) fn lines(text: &str, known: &Variables) -> Vec<Line> {
    let mut all = known.clone();
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        let bare = bare.strip_prefix("export ").unwrap_or(bare).trim_start();
        let before = line.chars().count() - bare.chars().count();
        let Some((key, value)) = bare
            .split_once(['=', ':'])
            .filter(|_| !bare.starts_with('#'))
        else {
            continue;
        };
        let blanks = value.chars().count() - value.trim_start().chars().count();
        let value_column = before + key.chars().count() + 2 + blanks;
        let (value, is_literal, width) = unquoted(value.trim());
        let value = match fill(&value, &all) {
            Ok(filled) if !is_literal => filled.text,
            Ok(_) | Err(_) => value,
        };
        let key = key.trim().to_owned();
        all.entry(key.clone()).or_insert_with(|| value.clone());
        lines.push(Line {
            number: index + 1,
            key,
            value,
            columns: (before + 1, value_column),
            width,
        });
    }
    lines
}

/// The value without its quotes or its comment, whether it is taken letter by letter, and how many
/// characters it took.
fn unquoted(value: &str) -> (String, bool, usize) {
    let inside = |quote: char| {
        let rest = value.strip_prefix(quote)?;
        rest.split_once(quote).map(|(inside, _)| inside)
    };
    if let Some(inside) = inside('\'') {
        return (inside.to_owned(), true, inside.chars().count() + 2);
    }
    if let Some(inside) = inside('"') {
        let width = inside.chars().count() + 2;
        return (inside.replace("\\n", "\n"), false, width);
    }
    let end = value.find(" #").unwrap_or(value.len());
    let bare = value.get(..end).unwrap_or(value).trim_end();
    (bare.to_owned(), false, bare.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let set = [("A", "a"), ("EMPTY", ""), ("_B1", "b")];
        set.map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    /// A text, and what comes of it: `text`, then the unset variables.
    const CASES: &[(&str, &str, &[&str])] = &[
        ("plain", "plain", &[]),
        ("$A-$_B1", "a-b", &[]),
        ("${A}x", "ax", &[]),
        ("$$A $$", "$A $", &[]),
        ("$X", "", &["X"]),
        ("${X}${X}", "", &["X"]),
        ("${X:-d}", "d", &[]),
        ("${EMPTY:-d}", "d", &[]),
        ("${EMPTY-d}", "", &[]),
        ("${X-d}", "d", &[]),
        ("${A:+y}${X:+n}${EMPTY:+n}", "y", &[]),
        ("${EMPTY+y}${X+n}", "y", &[]),
        ("${X:-${Y:-${A}}}", "a", &[]),
        ("${X:-${Y}}", "", &["Y"]),
        ("${A:?never}", "a", &[]),
        ("${X:-a:b?c}", "a:b?c", &[]),
        ("${X:-}", "", &[]),
    ];

    #[test]
    fn variables_are_filled_in_as_compose_does_it() {
        for (text, expected, unset) in CASES {
            let filled = fill(text, &variables()).expect(text);
            assert_eq!(
                (filled.text.as_str(), filled.unset),
                (
                    *expected,
                    unset.iter().map(|name| (*name).to_owned()).collect()
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn what_compose_does_not_take_is_said() {
        for text in [
            "$", "a $ b", "${", "${A", "${}", "${1}", "${A!b}", "${A:}", "$1",
        ] {
            assert!(
                matches!(fill(text, &variables()), Err(Wrong::Form(_))),
                "{text}"
            );
        }
        let required = |name: &str, message: &str| Wrong::Required {
            name: name.to_owned(),
            message: message.to_owned(),
        };
        let said = |text| fill(text, &variables()).expect_err("it is required");
        assert_eq!(said("${X?say $A}"), required("X", "say a"));
        assert_eq!(said("${EMPTY:?}"), required("EMPTY", ""));
    }

    #[test]
    fn a_file_of_variables_is_read() {
        let text =
            "# comment\nA=1\nexport B = two # c\nC='$A #'\nD=\"$A-${Z:-z}\"\n\nE: e\nnothing\n";
        let found: Vec<_> = { lines(text, &Variables::new()).into_iter() }
            .map(|line| (line.number, line.key, line.value, line.columns))
            .collect();
        let line = |number, key: &str, value: &str, columns| {
            (number, key.to_owned(), value.to_owned(), columns)
        };
        let expected = [
            line(2, "A", "1", (1, 3)),
            line(3, "B", "two", (8, 12)),
            line(4, "C", "$A #", (1, 3)),
            line(5, "D", "1-z", (1, 3)),
            line(7, "E", "e", (1, 4)),
        ];
        assert_eq!(found, expected);
    }
}
