//! Shows a diagnostic to a person: on one line for the log, on a few for the terminal.

use std::fmt;

use super::{Diagnostic, LabelRef};
use crate::model::shown;

/// Characters of a label's key or value that are shown: enough to recognise it, and a hostile one
/// cannot fill the log.
const SHOWN_CHARS_MAX: usize = 120;

impl LabelRef {
    /// The label without its value, for one that may be a secret.
    #[must_use]
    pub fn hidden(self) -> Self {
        Self {
            value: "(hidden)".into(),
            ..self
        }
    }

    /// The value in quotes, control characters escaped, cut to a bounded length.
    #[must_use]
    pub fn shown_value(&self) -> String {
        format!("\"{}\"", shown(&self.value, SHOWN_CHARS_MAX))
    }

    /// The key, control characters escaped, cut to a bounded length.
    #[must_use]
    pub fn shown_key(&self) -> String {
        shown(&self.key, SHOWN_CHARS_MAX)
    }
}

impl Diagnostic {
    /// What is wrong, where and what to type, on one line.
    #[must_use]
    pub fn one_line(&self) -> String {
        let label = self.label.as_ref();
        let label = label.map_or(String::new(), |l| {
            format!(" [{}={}]", l.shown_key(), l.shown_value())
        });
        let help: Vec<&str> = self.help.lines().map(str::trim).collect();
        let help = help.join(" / ");
        format!("{}: {}{label}; {help}", self.container, self.message)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = self.code.severity().as_str();
        writeln!(f, "{severity}[{}]: {}", self.code, self.message)?;
        writeln!(f, "  --> container {}", self.container)?;
        if let Some(label) = &self.label {
            writeln!(f, "   | {} = {}", label.shown_key(), label.shown_value())?;
        }
        let help = self.help.replace('\n', "\n           ");
        writeln!(f, "   = help: {help}")
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
                name: "shop-web-1".into(),
                id: ContainerId::new("9f2c1e0b7a44ffff").expect("not empty"),
            },
            code: Code::BadValue,
            label: Some(LabelRef {
                key: "sh0.port".into(),
                value: value.into(),
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
    fn help_of_several_lines_is_set_in_and_joined_for_the_log() {
        let several = Diagnostic {
            help: "add to the compose file:\nnetworks:\n  sh0-net: {external: true}".to_owned(),
            label: None,
            ..diagnostic("")
        };
        expect![[r"
            error[E001]: `sh0.port` takes a number from 1 to 65535, found not a number
              --> container shop-web-1 (9f2c1e0b7a44)
               = help: add to the compose file:
                       networks:
                         sh0-net: {external: true}
        "]]
        .assert_eq(&several.to_string());
        expect!["shop-web-1 (9f2c1e0b7a44): `sh0.port` takes a number from 1 to 65535, found not a number; add to the compose file: / networks: / sh0-net: {external: true}"]
            .assert_eq(&several.one_line());
    }

    #[test]
    fn a_hostile_value_is_escaped_and_cut() {
        let label = LabelRef {
            key: "\u{1b}[31m\n".repeat(100).into(),
            value: "\u{1b}[31m\n".repeat(100).into(),
        };
        for shown in [label.shown_key(), label.shown_value()] {
            assert!(!shown.contains('\u{1b}') && !shown.contains('\n'));
            assert!(shown.len() < 1_500, "{}", shown.len());
        }
    }
}
