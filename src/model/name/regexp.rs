//! Patterns of paths, in the syntax that Caddy's RE2 takes.

use std::fmt;

use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{
    AssertionKind, Ast, ClassSet, ClassSetItem, Flag, Flags, FlagsItemKind, GroupKind, Literal,
    LiteralKind, Repetition, RepetitionKind, RepetitionRange, Span,
};
use serde::Serialize;

use super::NameError;

/// Longest pattern in bytes: above any that a person reads, and small when compiled.
const PATTERN_BYTES_MAX: usize = 256;
/// How often a part may be repeated by number, all numbers around it multiplied: RE2's own limit
/// (`repeat` in Go's regexp/syntax/parse.go).
const REPEATED_MAX: u32 = 1_000;

/// A pattern that a path contains; `^` and `$` bind it to the path's ends. Its syntax is what Rust
/// and RE2 read alike, so that Caddy never refuses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PathRegexp(String);

impl PathRegexp {
    const EXPECTED: &'static str = "a pattern (RE2) such as `^/users/[0-9]+$`";

    /// Parses what a user wrote.
    ///
    /// # Errors
    /// What was found that has no place in a pattern, and where.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let wrong = |found: String| NameError::new(Self::EXPECTED, found);
        let text = text.trim();
        if text.is_empty() {
            return Err(wrong("nothing".to_owned()));
        }
        if text.len() > PATTERN_BYTES_MAX {
            let length = text.len();
            return Err(wrong(format!(
                "{length} bytes, at most {PATTERN_BYTES_MAX} are allowed"
            )));
        }
        let at = |what: &str, span: &Span| {
            let place = text.get(..span.start.offset).unwrap_or(text);
            wrong(format!("{what} at character {}", place.chars().count() + 1))
        };
        let is_odd = |c: char| c.is_control() || c.is_whitespace();
        if let Some(place) = text.chars().position(is_odd) {
            return Err(wrong(format!(
                "a space at character {} (write `\\s`)",
                place + 1
            )));
        }
        let ast = Parser::new().parse(text);
        let ast = ast.map_err(|error| at(&error.kind().to_string(), error.span()))?;
        match check(&ast, text, REPEATED_MAX) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err((what, span)) => Err(at(what, &span)),
        }
    }

    /// The pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether no path at or below this one can match: the pattern begins with `^` and a text that
    /// leads elsewhere. Case does not count. A yes is certain, a no is not.
    #[must_use]
    pub fn misses(&self, path: &str) -> bool {
        let ast = Parser::new().parse(&self.0);
        let Ok(Ast::Concat(concat)) = &ast else {
            return false;
        };
        let is_start =
            |ast: &Ast| matches!(ast, Ast::Assertion(a) if a.kind == AssertionKind::StartLine);
        let mut parts = concat.asts.iter();
        if !parts.next().is_some_and(is_start) {
            return false;
        }
        let literal = |ast: &Ast| {
            let Ast::Literal(literal) = ast else {
                return None;
            };
            Some(literal.c.to_lowercase())
        };
        let begins: String = parts.map_while(literal).flatten().collect();
        let path: String = path.chars().flat_map(char::to_lowercase).collect();
        let (begins, path) = (begins.as_str(), path.as_str());
        !begins.starts_with(path) && !path.starts_with(begins)
    }
}

impl fmt::Display for PathRegexp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Refused = (&'static str, Span);

/// Whether RE2 reads this as it is written. `left` is how often it may be repeated.
fn check(ast: &Ast, text: &str, left: u32) -> Result<(), Refused> {
    match ast {
        Ast::Empty(_) | Ast::Dot(_) | Ast::ClassPerl(_) => Ok(()),
        Ast::Literal(literal) => check_literal(literal),
        Ast::Assertion(assertion) => match assertion.kind {
            AssertionKind::StartLine
            | AssertionKind::EndLine
            | AssertionKind::StartText
            | AssertionKind::EndText
            | AssertionKind::WordBoundary
            | AssertionKind::NotWordBoundary => Ok(()),
            AssertionKind::WordBoundaryStart
            | AssertionKind::WordBoundaryEnd
            | AssertionKind::WordBoundaryStartAngle
            | AssertionKind::WordBoundaryEndAngle
            | AssertionKind::WordBoundaryStartHalf
            | AssertionKind::WordBoundaryEndHalf => {
                Err(("a boundary that RE2 does not know", assertion.span))
            }
        },
        Ast::ClassUnicode(class) => Err(("a Unicode class", class.span)),
        Ast::ClassBracketed(class) => match &class.kind {
            ClassSet::Item(item) => check_item(item),
            ClassSet::BinaryOp(op) => Err(("an operation on classes", op.span)),
        },
        Ast::Repetition(repetition) => check_repetition(repetition, text, left),
        Ast::Flags(flags) => check_flags(&flags.flags),
        Ast::Group(group) => {
            match &group.kind {
                GroupKind::CaptureIndex(_) => {}
                GroupKind::CaptureName { name, .. } => return Err(("a group's name", name.span)),
                GroupKind::NonCapturing(flags) => check_flags(flags)?,
            }
            check(&group.ast, text, left)
        }
        Ast::Alternation(parts) => parts.asts.iter().try_for_each(|ast| check(ast, text, left)),
        Ast::Concat(parts) => parts.asts.iter().try_for_each(|ast| check(ast, text, left)),
    }
}

fn check_literal(literal: &Literal) -> Result<(), Refused> {
    match literal.kind {
        LiteralKind::Verbatim | LiteralKind::Meta | LiteralKind::Superfluous => Ok(()),
        LiteralKind::Octal
        | LiteralKind::HexFixed(_)
        | LiteralKind::HexBrace(_)
        | LiteralKind::Special(_) => Err(("a character by its number or name", literal.span)),
    }
}

fn check_item(item: &ClassSetItem) -> Result<(), Refused> {
    match item {
        ClassSetItem::Empty(_) | ClassSetItem::Ascii(_) | ClassSetItem::Perl(_) => Ok(()),
        ClassSetItem::Literal(literal) => check_literal(literal),
        ClassSetItem::Range(range) => {
            check_literal(&range.start)?;
            check_literal(&range.end)
        }
        ClassSetItem::Unicode(class) => Err(("a Unicode class", class.span)),
        ClassSetItem::Bracketed(class) => Err(("a class within a class", class.span)),
        ClassSetItem::Union(union) => union.items.iter().try_for_each(check_item),
    }
}

fn check_repetition(repetition: &Repetition, text: &str, left: u32) -> Result<(), Refused> {
    let span = repetition.op.span;
    if matches!(*repetition.ast, Ast::Repetition(_)) {
        return Err(("a repetition of a repetition", span));
    }
    let times = match &repetition.op.kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => 1,
        RepetitionKind::Range(range) => {
            // RE2 takes `{,5}` for these characters themselves.
            let number = text.get(span.start.offset + 1..).unwrap_or_default();
            if !number.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(("a repetition without its least number", span));
            }
            match range {
                RepetitionRange::Exactly(n) | RepetitionRange::AtLeast(n) => (*n).max(1),
                RepetitionRange::Bounded(_, most) => (*most).max(1),
            }
        }
    };
    match left.checked_div(times) {
        Some(left @ 1..) => check(&repetition.ast, text, left),
        Some(0) | None => Err(("a repetition of more than 1000 times", span)),
    }
}

fn check_flags(flags: &Flags) -> Result<(), Refused> {
    let other = flags.items.iter().find(|item| {
        let is_known = |flag: &Flag| *flag == Flag::CaseInsensitive;
        !matches!(&item.kind, FlagsItemKind::Flag(flag) if is_known(flag))
    });
    other.map_or(Ok(()), |item| Err(("a flag other than `i`", item.span)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_what_rust_and_re2_read_alike() {
        for right in [
            "^/users/[0-9]+$",
            r"\.(png|jpe?g)$",
            "(?i)^/admin",
            "(?i:a)b",
            "a{2,3}?",
            "[^/]+",
            r"[\w.-]+",
            "[[:alpha:]]",
            r"\bx\B",
            "a||b",
            "()",
            "^*",
            "{,5}",
        ] {
            let parsed = PathRegexp::parse(right);
            assert_eq!(parsed.is_ok(), right != "{,5}", "{right}: {parsed:?}");
        }
        let found = |text: &str| PathRegexp::parse(text).expect_err(text).found;
        for (text, why) in [
            ("", "nothing"),
            ("^/a b", "a space at character 4 (write `\\s`)"),
            (
                "/ü(?=x)",
                "look-around, including look-ahead and look-behind, is not supported at character 3",
            ),
            ("/(?P<name>x)", "a group's name at character 6"),
            (r"/\pL", "a Unicode class at character 2"),
            ("[a&&b]", "an operation on classes at character 2"),
            ("[a[b]]", "a class within a class at character 3"),
            ("a**", "a repetition of a repetition at character 3"),
            (
                "(a{40}){40}",
                "a repetition of more than 1000 times at character 3",
            ),
            (
                "a{1001}",
                "a repetition of more than 1000 times at character 2",
            ),
            (r"\x41", "a character by its number or name at character 1"),
            ("(?s).", "a flag other than `i` at character 3"),
            ("(?-i)a", "a flag other than `i` at character 3"),
            ("(a", "unclosed group at character 1"),
            (r"(a)\1", "backreferences are not supported at character 4"),
        ] {
            assert_eq!(found(text), why, "{text}");
        }
        assert!(found(&"a".repeat(257)).starts_with("257 bytes"));
    }

    #[test]
    fn a_pattern_that_begins_elsewhere_misses_a_path() {
        let misses =
            |pattern: &str, path: &str| PathRegexp::parse(pattern).expect("a pattern").misses(path);
        assert!(misses("^/users/[0-9]+$", "/blog"));
        assert!(
            !misses("^/users/[0-9]+$", "/users/x"),
            "a no is not certain"
        );
        assert!(!misses("^/users/[0-9]+$", "/users"));
        assert!(!misses("^/users/[0-9]+$", "/USERS/1"));
        assert!(!misses("/users/", "/blog"), "it may stand anywhere");
        assert!(!misses("^/a|/b", "/c"));
    }
}
