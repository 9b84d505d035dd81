//! Single values as compose renders them, where a label or a name takes a text.

use std::collections::BTreeSet;

use super::node::{Node, Scalar, Value};

impl Scalar {
    /// The text that compose makes of it: a number or a bool without quotes loses its own form, as
    /// in `1.20`, which is 1.2.
    pub(super) fn rendered(&self) -> String {
        let text = self.text.as_str();
        if !self.is_plain {
            return text.to_owned();
        }
        match text {
            "true" | "True" | "TRUE" => return "true".to_owned(),
            "false" | "False" | "FALSE" => return "false".to_owned(),
            _ => {}
        }
        integer(text)
            .map(|number| number.to_string())
            .or_else(|| float(text).map(|number| number.to_string()))
            .unwrap_or_else(|| text.to_owned())
    }
}

/// A whole number as YAML writes them, also in base 16, 8 (`0o17`, and `017` as compose's library
/// reads it) and 2.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit());
    let digits = digits.replace('_', "");
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x', ..] => (16, digits.get(2..)?),
        [b'0', b'o', ..] => (8, digits.get(2..)?),
        [b'0', b'b', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits.as_str()),
    };
    let is_signed_twice = digits.starts_with(['+', '-']);
    let number = i64::from_str_radix(digits, base).ok();
    number
        .filter(|_| is_number && !is_signed_twice)
        .map(|number| sign * number)
}

fn float(text: &str) -> Option<f64> {
    let is_form = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    let has_digit = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.contains(|c: char| c.is_ascii_digit());
    let number = text.parse::<f64>().ok();
    number.filter(|number| has_digit && text.chars().all(is_form) && number.is_finite())
}

/// The ports of `expose` or `ports`: on the container's side, TCP only.
pub(super) fn ports(node: &Node) -> BTreeSet<u16> {
    let Value::List(items) = &node.value else {
        return BTreeSet::new();
    };
    let mut ports = BTreeSet::new();
    for item in items {
        let (target, protocol) = match &item.value {
            Value::Scalar(scalar) => {
                let text = scalar.text.as_str();
                let (text, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
                let target = text.rsplit(':').next().unwrap_or(text);
                (target.to_owned(), protocol.to_owned())
            }
            Value::Map(_) => {
                let text = |key| item.get(key).and_then(|node| node.text());
                let target = text("target").unwrap_or_default();
                let protocol = text("protocol").unwrap_or("tcp");
                (target.to_owned(), protocol.to_owned())
            }
            Value::Null | Value::List(_) => continue,
        };
        if protocol.eq_ignore_ascii_case("tcp") {
            let (first, last) = target.split_once('-').unwrap_or((&target, &target));
            if let (Ok(first), Ok(last)) = (first.trim().parse(), last.trim().parse::<u16>()) {
                ports.extend(first..=last);
            }
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        Scalar {
            is_plain: true,
            ..Scalar::quoted(text.to_owned())
        }
        .rendered()
    }

    #[test]
    fn values_without_quotes_are_rendered_as_compose_does_it() {
        for (text, expected) in [
            ("9000", "9000"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("017", "15"),
            ("1_000", "1000"),
            ("-5", "-5"),
            ("1.20", "1.2"),
            ("1.3", "1.3"),
            ("1e3", "1000"),
            ("1.0", "1"),
            ("True", "true"),
            ("FALSE", "false"),
            ("on", "on"),
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("30s", "30s"),
            ("0", "0"),
            ("inf", "inf"),
            ("e", "e"),
            ("-", "-"),
            ("9999999999999999999", "10000000000000000000"),
            ("app.example.com", "app.example.com"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
        assert_eq!(Scalar::quoted("1.20".to_owned()).rendered(), "1.20");
    }
}
