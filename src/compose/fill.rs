//! A file's values with their variables filled in and its paths found.

use std::path::Path;
use std::sync::Arc;

use super::load::joined;
use super::node::{Entry, Node, Open, SHORT_MAPS, Scalar, Text, Value, as_map};
use super::variables::{self, Filled, Variables};

/// The key of files with labels, whose paths begin at the folder.
const LABEL_FILE: &str = "label_file";

/// What a file's values are filled in with.
pub(super) struct Fill<'a> {
    pub(super) variables: &'a Variables,
    /// Where its paths begin.
    pub(super) folder: &'a Path,
}

impl Fill<'_> {
    /// The value, under this key, filled in; lists that stand for maps are maps.
    pub(super) fn node(&self, node: &Arc<Node>, key: &str) -> Arc<Node> {
        let is_short = SHORT_MAPS.contains(&key);
        // The keys of such a list are parts of values.
        let has_values_as_keys = is_short && matches!(&node.value, Value::List(_));
        let node = if is_short {
            as_map(node)
        } else {
            Arc::clone(node)
        };
        let value = match &node.value {
            Value::Null => Value::Null,
            Value::Scalar(scalar) => Value::Scalar(self.scalar(scalar, key)),
            Value::List(items) => {
                let items = items.iter().map(|item| self.node(item, key));
                Value::List(items.collect())
            }
            Value::Map(entries) => {
                let entries = entries.iter().map(|entry| Entry {
                    key: self.key(&entry.key, has_values_as_keys),
                    node: self.node(&entry.node, &entry.key.text),
                });
                Value::Map(entries.collect())
            }
        };
        Arc::new(Node {
            place: node.place,
            value,
            action: node.action,
        })
    }

    fn key(&self, key: &Text, is_value: bool) -> Text {
        let filled = is_value.then(|| variables::fill(&key.text, self.variables));
        match filled {
            Some(Ok(filled)) => Text {
                text: filled.text,
                place: key.place,
            },
            Some(Err(_)) | None => key.clone(),
        }
    }

    fn scalar(&self, scalar: &Scalar, key: &str) -> Scalar {
        let mut filled = self.filled(scalar);
        if key == LABEL_FILE {
            let path = joined(self.folder, &filled.text);
            filled.text = path.to_string_lossy().into_owned();
        }
        filled
    }

    fn filled(&self, scalar: &Scalar) -> Scalar {
        if !scalar.text.contains('$') {
            return scalar.clone();
        }
        match variables::fill(&scalar.text, self.variables) {
            Ok(Filled { text, unset }) => Scalar {
                open: unset.into_iter().next().map(Open::Unset),
                ..Scalar::quoted(text)
            },
            Err(wrong) => Scalar {
                open: Some(Open::Wrong(wrong)),
                ..scalar.clone()
            },
        }
    }
}
