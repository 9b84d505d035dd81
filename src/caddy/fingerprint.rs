//! The one thing by which two configs are compared.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 of a config's canonical bytes. `Display` is lowercase hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The fingerprint of what this JSON says, whatever the order of its fields and its blanks:
    /// Caddy answers with the config that it serves in an order of its own (`readConfig` in
    /// caddy.go). `None` when it is no JSON, or says nothing (`null`). It is never equal to that
    /// of the bytes of a config of ours.
    #[must_use]
    pub fn of_meaning(json: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(json).ok()?;
        if value.is_null() {
            return None;
        }
        let mut hash = Sha256::new();
        hash_value(&value, &mut hash);
        Some(Self(hash.finalize().into()))
    }
}

/// Hashes the value in one of its many forms: objects by their sorted names.
fn hash_value(value: &Value, hash: &mut Sha256) {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            hash.update(b"{");
            for (name, value) in fields {
                hash.update(Value::from(name.as_str()).to_string());
                hash_value(value, hash);
            }
            hash.update(b"}");
        }
        Value::Array(values) => {
            hash.update(b"[");
            for value in values {
                hash_value(value, hash);
                hash.update(b",");
            }
            hash.update(b"]");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            hash.update(value.to_string());
            hash.update(b" ");
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_shown_as_sha256sum_shows_it() {
        assert_eq!(
            Fingerprint::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn the_same_meaning_in_another_order_is_the_same_fingerprint() {
        let of = |json: &str| Fingerprint::of_meaning(json.as_bytes());
        let ours = of(r#"{"b":[1,{"y":"<a>","x":null}],"a":"30s"}"#);
        assert!(ours.is_some());
        assert_eq!(
            ours,
            of("{\"a\": \"30s\",\n \"b\": [1, {\"x\": null, \"y\": \"\\u003ca\\u003e\"}]}\n")
        );
        for other in [
            r#"{"b":[{"y":"<a>","x":null},1],"a":"30s"}"#,
            r#"{"b":[1,{"y":"<a>"}],"a":"30s"}"#,
            r#"{"b":[1,{"y":"<a>","x":null}],"a":30}"#,
            r#"{"b":[[1],{"y":"<a>","x":null}],"a":"30s"}"#,
        ] {
            assert_ne!(of(other), ours, "{other}");
        }
        assert_eq!(of("null\n"), None);
        assert_eq!(of("{"), None);
    }
}
