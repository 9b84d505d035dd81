//! Handlers in Caddy's own JSON.

use std::fmt;

use serde_json::Value;

use crate::model::NameError;

/// Caddy handlers as an operator wrote them: objects that each name their module.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RawHandlers(Vec<Value>);

impl fmt::Debug for RawHandlers {
    /// There may be credentials in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawHandlers({} hidden)", self.0.len())
    }
}

/// Longest text, in bytes: a page of JSON is some thousand.
const BYTES_MAX: usize = 64 * 1024;
/// How deep objects and lists may lie within each other: Caddy reads every level anew.
const DEPTH_MAX: usize = 32;
/// The most handlers of one route.
const COUNT_MAX: usize = 50;

impl RawHandlers {
    /// Parses a JSON array of handlers.
    ///
    /// # Errors
    /// What is wrong, without repeating it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let wrong = |found: String| NameError {
            expected: "a JSON array of Caddy handlers",
            found,
        };
        if text.len() > BYTES_MAX {
            let found = format!("{} bytes, at most {BYTES_MAX} are allowed", text.len());
            return Err(wrong(found));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            wrong(format!("no JSON, by line {line}, column {column}"))
        })?;
        let Value::Array(handlers) = value else {
            return Err(wrong("other JSON".to_owned()));
        };
        if handlers.is_empty() || handlers.len() > COUNT_MAX {
            return Err(wrong(format!(
                "{} of them, 1 to {COUNT_MAX} are allowed",
                handlers.len()
            )));
        }
        for (index, handler) in handlers.iter().enumerate() {
            let number = index + 1;
            if !handler.get("handler").is_some_and(Value::is_string) {
                return Err(wrong(format!("none with a \"handler\" in place {number}")));
            }
            if is_too_deep(handler, DEPTH_MAX) {
                return Err(wrong(format!(
                    "more than {DEPTH_MAX} levels in place {number}"
                )));
            }
            if has_id(handler) {
                return Err(wrong(format!(
                    "an \"@id\" in place {number}, which the agent gives"
                )));
            }
        }
        Ok(Self(handlers))
    }

    /// The handlers, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn parts(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn is_too_deep(value: &Value, levels_left: usize) -> bool {
    match levels_left.checked_sub(1) {
        None => true,
        Some(left) => parts(value).into_iter().any(|part| is_too_deep(part, left)),
    }
}

/// Caddy finds parts of its config by these, and two of one name are refused.
fn has_id(value: &Value) -> bool {
    value.get("@id").is_some() || parts(value).into_iter().any(has_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_are_objects_that_name_their_module() {
        let found = |text: &str| RawHandlers::parse(text).map_err(|error| error.found);
        let one = r#"[{"handler": "headers"}]"#;
        assert_eq!(found(one).map(|handlers| handlers.iter().count()), Ok(1));
        let said = |text: &str| found(text).expect_err(text);
        assert_eq!(said("[{]"), "no JSON, by line 1, column 3");
        assert_eq!(said("{}"), "other JSON");
        assert_eq!(said("[]"), "0 of them, 1 to 50 are allowed");
        assert_eq!(
            said(r#"[{"handler": 1}]"#),
            "none with a \"handler\" in place 1"
        );
        assert_eq!(
            said(r#"[{"handler":"a","x":[{"@id":"b"}]}]"#),
            "an \"@id\" in place 1, which the agent gives"
        );
        let deep = format!(
            r#"[{{"handler":"a","x":{}{}}}]"#,
            "[".repeat(40),
            "]".repeat(40)
        );
        assert_eq!(said(&deep), "more than 32 levels in place 1");
        let deepest = "[".repeat(60_000);
        assert!(said(&deepest).starts_with("no JSON"));
        assert_eq!(
            said(&" ".repeat(70_000)),
            "70000 bytes, at most 65536 are allowed"
        );
    }
}
