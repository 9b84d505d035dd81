//! Foreign text made fit for a log line or a terminal.

/// The text with control, invisible and direction-changing characters escaped, cut after
/// `chars_max` characters with `…`. Labels, project names and what others say about them are
/// untrusted: they must neither fill a log nor move a cursor.
pub(crate) fn shown(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == chars_max {
            shown.push('…');
            break;
        }
        match c {
            '"' | '\'' => shown.push(c),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped_and_what_is_long_is_cut() {
        assert_eq!(shown("it's `bücher`", 20), "it's `bücher`");
        assert_eq!(
            shown("a\u{1b}[31m\n\u{202e}", 20),
            "a\\u{1b}[31m\\n\\u{202e}"
        );
        assert_eq!(shown("abcdef", 3), "abc…");
        assert_eq!(shown("abc", 3), "abc");
    }
}
