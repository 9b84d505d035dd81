//! YAML into nodes that know where they stand. The one place that names the parser.
//!
//! Aliases and `<<` are resolved, so that nobody else meets them; a node keeps the place at which
//! it is written, wherever it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::node::{Action, Entry, Node, Place, Scalar, Text, Value};
use crate::model::shown;

/// How deep values may lie in each other: people need ten, and a hostile file must not exhaust the
/// stack.
const DEPTH_MAX: usize = 64;
/// Characters of the parser's own words that are shown.
const INFO_CHARS_MAX: usize = 300;
/// Nodes of a file, those that aliases repeat included.
const NODES_MAX: usize = 100_000;

/// What is wrong with a file as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) help: &'static str,
}

/// The first document of a file; `Null` for an empty one.
pub(super) fn parse(text: &str, file: usize) -> Result<Arc<Node>, Broken> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        file,
        anchors: BTreeMap::new(),
        nodes: 0,
    };
    reader.document()
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    file: usize,
    /// Each anchor's node, and how many nodes it is.
    anchors: BTreeMap<usize, (Arc<Node>, usize)>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Arc<Node>, Broken> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    let place = self.place(span);
                    return Ok(Arc::new(Node::null(place)));
                }
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => {
                    let node = self.node(event, span, 0)?;
                    self.only_document()?;
                    return Ok(node);
                }
            }
        }
    }

    /// Fails where another document follows: compose reads several, nobody else expects it.
    fn only_document(&mut self) -> Result<(), Broken> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(_) => {
                    let message = "a second YAML document begins here".to_owned();
                    let help = "write each document into a file of its own";
                    return Err(self.broken(span, message, help));
                }
                Event::Nothing
                | Event::StreamStart
                | Event::DocumentEnd
                | Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Broken> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.scan_error(&error)),
            None => {
                let end = saphyr_parser::Marker::new(0, 1, 0);
                Ok((Event::StreamEnd, Span::empty(end)))
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Arc<Node>, Broken> {
        self.count(1, span)?;
        if depth > DEPTH_MAX {
            let message = format!("values lie more than {DEPTH_MAX} deep in each other");
            return Err(self.broken(span, message, "make it flatter"));
        }
        let before = self.nodes;
        let (anchor, tag, value) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain && tag.is_none();
                (anchor, tag, scalar(text.into_owned(), is_plain))
            }
            Event::SequenceStart(anchor, tag) => (anchor, tag, self.list(depth)?),
            Event::MappingStart(anchor, tag) => (anchor, tag, self.map(depth)?),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                let message = "the YAML ends too early".to_owned();
                return Err(self.broken(span, message, "complete it"));
            }
        };
        let node = Arc::new(Node {
            place: self.place(span),
            value,
            action: action(tag.as_deref()),
        });
        if anchor > 0 {
            let size = self.nodes - before + 1;
            self.anchors.insert(anchor, (Arc::clone(&node), size));
        }
        Ok(node)
    }

    /// What is repeated counts again: a few lines of aliases may stand for millions of nodes.
    fn alias(&mut self, anchor: usize, span: Span) -> Result<Arc<Node>, Broken> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            let message = "this alias stands within the value that it repeats".to_owned();
            return Err(self.broken(span, message, "write the value out"));
        };
        let (node, size) = (Arc::clone(node), *size);
        self.count(size, span)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Broken> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            let message = format!("the file has more than {NODES_MAX} values, aliases included");
            return Err(self.broken(span, message, "divide it"));
        }
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Value, Broken> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Broken> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.key(event, span, depth)?;
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            if is_merge {
                self.merge(&node, &mut merged)?;
                continue;
            }
            if let Some(line) = lines.insert(key.text.clone(), key.place.line) {
                return Err(Broken {
                    message: format!("the key `{}` is there already, in line {line}", key.shown()),
                    place: key.place,
                    help: "keep one of the two",
                });
            }
            entries.push(Entry { key, node });
        }
        merged.retain(|entry| !lines.contains_key(&entry.key.text));
        merged.append(&mut entries);
        Ok(Value::Map(merged))
    }

    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Text, Broken> {
        let key = self.node(event, span, depth + 1)?;
        match &key.value {
            Value::Scalar(scalar) => Ok(Text {
                text: scalar.text.clone(),
                place: key.place,
            }),
            Value::Null => Ok(Text {
                text: String::new(),
                place: key.place,
            }),
            Value::List(_) | Value::Map(_) => {
                let message = "a key must be a single word".to_owned();
                Err(self.broken(span, message, "put quotes around it"))
            }
        }
    }

    /// The entries of a map, or of several, that `<<` brings in. Of two with one key the first
    /// counts.
    fn merge(&mut self, node: &Node, merged: &mut Vec<Entry>) -> Result<(), Broken> {
        let sources: Vec<&Node> = match &node.value {
            Value::List(items) => items.iter().map(|item| &**item).collect(),
            Value::Map(_) | Value::Scalar(_) | Value::Null => vec![node],
        };
        for source in sources {
            let Value::Map(entries) = &source.value else {
                return Err(Broken {
                    place: source.place,
                    message: "`<<` takes a map, or a list of maps".to_owned(),
                    help: "write for example `<<: *common`",
                });
            };
            self.nodes = self.nodes.saturating_add(entries.len());
            let known: BTreeSet<&str> =
                merged.iter().map(|entry| entry.key.text.as_str()).collect();
            let new: Vec<Entry> = { entries.iter() }
                .filter(|entry| !known.contains(entry.key.text.as_str()))
                .cloned()
                .collect();
            merged.extend(new);
        }
        Ok(())
    }

    fn place(&self, span: Span) -> Place {
        let is_on_one_line = span.start.line() == span.end.line();
        Place {
            file: self.file,
            line: span.start.line().max(1),
            column: span.start.col() + 1,
            width: if is_on_one_line {
                span.end.col().saturating_sub(span.start.col())
            } else {
                0
            },
        }
    }

    fn broken(&self, span: Span, message: String, help: &'static str) -> Broken {
        Broken {
            place: self.place(span),
            message,
            help,
        }
    }

    fn scan_error(&self, error: &ScanError) -> Broken {
        let message = format!("this is not YAML: {}", shown(error.info(), INFO_CHARS_MAX));
        let place = self.place(Span::empty(*error.marker()));
        Broken {
            place,
            message,
            help: "indent with blanks, no tabs, and put quotes around values with `: `, ` #`, `{` or `*`",
        }
    }
}

fn scalar(text: String, is_plain: bool) -> Value {
    let is_null = is_plain && ["", "~", "null", "Null", "NULL"].contains(&text.as_str());
    if is_null {
        return Value::Null;
    }
    Value::Scalar(Scalar {
        is_plain,
        ..Scalar::quoted(text)
    })
}

/// What compose's own tags ask for.
fn action(tag: Option<&Tag>) -> Action {
    match tag {
        Some(tag) if tag.handle == "!" && tag.suffix == "reset" => Action::Reset,
        Some(tag) if tag.handle == "!" && tag.suffix == "override" => Action::Replace,
        Some(_) | None => Action::Merge,
    }
}
