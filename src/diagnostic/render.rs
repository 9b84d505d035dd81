//! Shows a diagnostic to a person: on one line for the log, on a few for the terminal.

use std::fmt;

use super::{Diagnostic, LabelRef, Severity};

/// Characters of a label's value that are shown: enough to recognise it, and a hostile value
/// cannot fill the log.
const SHOWN_VALUE_CHARS_MAX: usize = 120;

impl LabelRef {
    /// The value in quotes, control characters escaped, cut to a bounded length.
    #[must_use]
    pub fn shown_value(&self) -> String {
        let mut shown: String = self
            .value
            .chars()
            .take(SHOWN_VALUE_CHARS_MAX)
            .flat_map(char::escape_debug)
            .collect();
        if self.value.chars().count() > SHOWN_VALUE_CHARS_MAX {
            shown.push('…');
        }
        format!("\"{shown}\"")
    }
}

impl Diagnostic {
    /// What is wrong, where and what to type, on one line.
    #[must_use]
    pub fn one_line(&self) -> String {
        let label = self.label.as_ref();
        let label = label.map_or(String::new(), |l| {
            format!(" [{}={}]", l.key, l.shown_value())
        });
        format!("{}: {}{label}; {}", self.container, self.message, self.help)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.code.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}[{}]: {}", self.code, self.message)?;
        writeln!(f, "  --> container {}", self.container)?;
        if let Some(label) = &self.label {
            writeln!(f, "   | {} = {}", label.key, label.shown_value())?;
        }
        writeln!(f, "   = help: {}", self.help)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::Code;
    use super::*;
    use crate::model::{ContainerId, ContainerRef};

    fn diagnostic(value: &str) -> Diagnostic {
        Diagnostic {
            container: ContainerRef {
                name: "shop-web-1".to_owned(),
                id: ContainerId::new("9f2c1e0b7a44ffff").expect("not empty"),
            },
            code: Code::BadValue,
            label: Some(LabelRef {
                key: "sh0.port".to_owned(),
                value: value.to_owned(),
            }),
            message: "`sh0.port` takes a number from 1 to 65535, found not a number".to_owned(),
            help: "write for example `sh0.port=8080`".to_owned(),
        }
    }

    #[test]
    fn it_is_shown_with_container_label_and_help() {
        expect![[r#"
            error[E001]: `sh0.port` takes a number from 1 to 65535, found not a number
              --> container shop-web-1 (9f2c1e0b7a44)
               | sh0.port = "80a"
               = help: write for example `sh0.port=8080`
        "#]]
        .assert_eq(&diagnostic("80a").to_string());
        expect![[r#"shop-web-1 (9f2c1e0b7a44): `sh0.port` takes a number from 1 to 65535, found not a number [sh0.port="80a"]; write for example `sh0.port=8080`"#]]
            .assert_eq(&diagnostic("80a").one_line());
    }

    #[test]
    fn a_hostile_value_is_escaped_and_cut() {
        let label = LabelRef {
            key: String::new(),
            value: "\u{1b}[31m\n".repeat(100),
        };
        let shown = label.shown_value();
        assert!(!shown.contains('\u{1b}') && !shown.contains('\n'));
        assert!(shown.len() < 1_500, "{}", shown.len());
    }
}
