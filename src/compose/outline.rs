//! Where each value of a file stands, whatever the file is about; JSON is YAML, too.

use std::sync::Arc;

use super::node::{Node, Place, Value};
use super::yaml;

/// The values of a file with their places.
#[derive(Debug, Clone)]
pub struct Outline(Arc<Node>);

impl Outline {
    /// Reads a file; `None` where it is no YAML.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        yaml::parse(text, 0).ok().map(Self)
    }

    /// Where the key and the value stand to which these names lead: a number for an item of a list,
    /// which has no key, so that its place is the value's.
    #[must_use]
    pub fn find(&self, path: &[&str]) -> Option<(Place, Place)> {
        let mut node = &self.0;
        let mut key = node.place;
        for name in path {
            match &node.value {
                Value::List(items) => {
                    node = items.get(name.parse::<usize>().ok()?)?;
                    key = node.place;
                }
                Value::Map(_) => {
                    let entry = node.entry(name)?;
                    (node, key) = (&entry.node, entry.key.place);
                }
                Value::Null | Value::Scalar(_) => return None,
            }
        }
        Some((key, node.place))
    }
}
