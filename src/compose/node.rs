//! Values of a file, each with its place, and how compose lays one over another.

use std::sync::Arc;

use super::variables::Wrong;
use crate::model::shown;

/// Characters of a key that are shown.
const KEY_CHARS_MAX: usize = 120;

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which of the files that were read.
    pub file: usize,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters of the line it takes; 0 where it takes several lines.
    pub width: usize,
}

/// A value, and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    pub(super) action: Action,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Scalar(Scalar),
    List(Vec<Arc<Node>>),
    Map(Vec<Entry>),
}

/// A single value.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Whether it has neither quotes nor a tag, so that it may be a number or a bool.
    pub(super) is_plain: bool,
    /// What its variables leave open.
    pub(super) open: Option<Open>,
}

/// Why the text of a value is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Open {
    /// This variable is not set, and has no default.
    Unset(String),
    /// Compose refuses the text.
    Wrong(Wrong),
}

impl Scalar {
    /// A text in quotes.
    pub(super) fn quoted(text: String) -> Self {
        Self {
            text,
            is_plain: false,
            open: None,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Text,
    pub(super) node: Arc<Node>,
}

/// A text, and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) place: Place,
}

impl Text {
    pub(super) fn shown(&self) -> String {
        shown(&self.text, KEY_CHARS_MAX)
    }
}

/// What is done with a value that is laid over another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Maps are joined, lists lengthened, all else replaced.
    Merge,
    /// `!override`: the value stands for itself.
    Replace,
    /// `!reset`: as if it had never been written.
    Reset,
}

impl Node {
    pub(super) fn null(place: Place) -> Self {
        Self {
            place,
            value: Value::Null,
            action: Action::Merge,
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.text == key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Arc<Self>> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The single values of a list, or the one that stands in place of a list.
    pub(super) fn texts(&self) -> Vec<Text> {
        let text = |node: &Self| {
            let text = node.text()?.to_owned();
            let place = node.place;
            Some(Text { text, place })
        };
        match &self.value {
            Value::List(items) => items.iter().filter_map(|item| text(item)).collect(),
            Value::Scalar(_) => text(self).into_iter().collect(),
            Value::Map(_) | Value::Null => Vec::new(),
        }
    }

    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Keys whose lists are maps in short, as `[a, b=c]` is `{a: , b: c}`.
pub(super) const SHORT_MAPS: [&str; 4] = ["labels", "networks", "environment", "annotations"];
/// Keys whose lists are replaced, not lengthened.
const WHOLE_LISTS: [&str; 3] = ["command", "entrypoint", "test"];

/// `over` laid over `base`, as compose does it with files and with `extends`.
pub(super) fn lay_over(base: &Arc<Node>, over: &Arc<Node>, key: &str) -> Arc<Node> {
    if over.action == Action::Replace || over.action == Action::Reset {
        return Arc::clone(over);
    }
    let is_short_map = SHORT_MAPS.contains(&key);
    let (own, other) = if is_short_map {
        (as_map(base), as_map(over))
    } else {
        (Arc::clone(base), Arc::clone(over))
    };
    match (&own.value, &other.value) {
        (_, Value::Null) => own,
        (Value::Map(below), Value::Map(above)) => {
            let entries = join(below, above);
            with_value(&other, Value::Map(entries))
        }
        (Value::List(below), Value::List(above)) if !WHOLE_LISTS.contains(&key) => {
            let items = below.iter().chain(above).cloned().collect();
            with_value(&other, Value::List(items))
        }
        (_, Value::Scalar(_) | Value::List(_) | Value::Map(_)) => other,
    }
}

fn join(below: &[Entry], above: &[Entry]) -> Vec<Entry> {
    let mut entries = below.to_vec();
    for entry in above {
        let known = entries
            .iter_mut()
            .find(|own| own.key.text == entry.key.text);
        match known {
            Some(own) => {
                own.node = lay_over(&own.node, &entry.node, &entry.key.text);
                own.key.place = entry.key.place;
            }
            None => entries.push(entry.clone()),
        }
    }
    entries.retain(|entry| entry.node.action != Action::Reset);
    entries
}

fn with_value(node: &Node, value: Value) -> Arc<Node> {
    Arc::new(Node {
        value,
        place: node.place,
        action: node.action,
    })
}

/// The map that a list of `key=value` stands for; anything else as it is.
pub(super) fn as_map(node: &Arc<Node>) -> Arc<Node> {
    let Value::List(items) = &node.value else {
        return Arc::clone(node);
    };
    let mut entries: Vec<Entry> = Vec::new();
    for item in items {
        let entry = match item.text() {
            Some(text) => pair(text, item),
            // Not a pair: kept whole under a key that nobody writes, so that it can be said.
            None => Entry {
                key: Text {
                    text: String::new(),
                    place: item.place,
                },
                node: Arc::clone(item),
            },
        };
        entries.retain(|own| own.key.text != entry.key.text);
        entries.push(entry);
    }
    with_value(node, Value::Map(entries))
}

/// The entry of `key=value`, whose value stands where the text has it.
fn pair(text: &str, item: &Node) -> Entry {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (text, None),
    };
    let before = key.chars().count() + 1;
    let width = item.place.width;
    let is_plain = matches!(&item.value, Value::Scalar(scalar) if scalar.is_plain);
    let quote = usize::from(!is_plain && width > 0);
    let key_place = Place {
        column: item.place.column + quote,
        width: key.chars().count().min(width),
        ..item.place
    };
    let value_place = Place {
        column: item.place.column + quote + before,
        width: width.saturating_sub(2 * quote + before),
        ..item.place
    };
    let value = value.map(|value| Value::Scalar(Scalar::quoted(value.to_owned())));
    Entry {
        key: Text {
            text: key.to_owned(),
            place: key_place,
        },
        node: Arc::new(Node {
            place: if value.is_some() {
                value_place
            } else {
                key_place
            },
            value: value.unwrap_or(Value::Null),
            action: Action::Merge,
        }),
    }
}
