//! Reads the files of a project and lays them together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fill::Fill;
use super::node::{Action, Entry, Node, Place, Text, Value, lay_over};
use super::service::{Label, Project};
use super::variables::{self, Variables};
use super::{Problem, Read, yaml};
use crate::model::shown;

/// How often files may be named within one project, by `extends` and `include` as well: a thousand
/// services are far above any real number, and files that include each other end here.
const READS_MAX: usize = 1_000;
/// Characters of a path, or of a reason, that are shown.
const TEXT_CHARS_MAX: usize = 300;
/// How long a chain of `extends` or `include` may be: people need three, and a circle ends here.
pub(super) const CHAIN_MAX: usize = 16;

/// How a project is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The environment.
    pub variables: Variables,
    /// The files of variables; without any, `.env` in the project's folder where there is one.
    pub env_files: Vec<PathBuf>,
    /// The project's name, where it is not to be found as compose finds it.
    pub name: Option<String>,
    /// The project's folder.
    pub directory: PathBuf,
    /// The last part of the folder's whole path, which names the project where nothing else does.
    pub directory_name: String,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path as it was asked for.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// What came of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The project; without services where a file could not be read.
    pub project: Project,
    /// The files, as [`Place::file`] counts them.
    pub sources: Vec<Source>,
    /// What compose refuses, or what is not known.
    pub problems: Vec<Problem>,
}

/// Reads a project from these files, each laid over those before.
#[must_use]
pub fn load(files: &[PathBuf], options: &Options, read: Read<'_>) -> Loaded {
    let mut loader = Loader {
        read,
        sources: Vec::new(),
        problems: Vec::new(),
        variables: options.variables.clone(),
        parsed: BTreeMap::new(),
        times_read: 0,
    };
    loader.add_env_files(options);
    let variables = loader.variables.clone();
    let root = loader.model(files, &options.directory, &variables, 0);
    let own = root.get("name").and_then(|node| node.text());
    let name = { options.name.as_deref() }
        .or(variables.get("COMPOSE_PROJECT_NAME").map(String::as_str))
        .filter(|name| !name.is_empty())
        .or(own)
        .unwrap_or(&options.directory_name);
    let project = loader.project(&root, normalized(name));
    loader.problems.sort();
    loader.problems.dedup();
    Loaded {
        project,
        sources: loader.sources,
        problems: loader.problems,
    }
}

/// The name as compose takes it: lowercase letters, digits, `-` and `_`, a letter or digit first.
fn normalized(name: &str) -> String {
    let name = name.to_lowercase();
    let is_kept = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(*c);
    let name: String = name.chars().filter(is_kept).collect();
    match name.trim_start_matches(['-', '_']) {
        "" => "default".to_owned(),
        name => name.to_owned(),
    }
}

pub(super) struct Loader<'a> {
    pub(super) read: Read<'a>,
    sources: Vec<Source>,
    pub(super) problems: Vec<Problem>,
    variables: Variables,
    /// The values of each file that was read, before variables are filled in.
    parsed: BTreeMap<PathBuf, Option<Arc<Node>>>,
    times_read: usize,
}

impl Loader<'_> {
    /// Adds the variables of files to those of the environment, which win.
    fn add_env_files(&mut self, options: &Options) {
        let usual = [options.directory.join(".env")];
        let is_asked_for = !options.env_files.is_empty();
        let files = if is_asked_for {
            &options.env_files[..]
        } else {
            &usual
        };
        for file in files {
            match (self.read)(file) {
                Ok(text) => self.variables = with_file(&self.variables, &text),
                Err(why) if is_asked_for => {
                    let place = self.note(file, String::new());
                    self.unreadable(place, None, file, &why);
                }
                Err(_) => {}
            }
        }
    }

    /// The files laid together, with what they include.
    pub(super) fn model(
        &mut self,
        files: &[PathBuf],
        directory: &Path,
        variables: &Variables,
        depth: usize,
    ) -> Arc<Node> {
        let mut root: Option<Arc<Node>> = None;
        for path in files {
            let fill = Fill {
                variables,
                folder: directory,
            };
            let Some(node) = self.file(path, None, &fill) else {
                continue;
            };
            let node = self.extended(&node, path, variables);
            root = Some(match root {
                Some(below) => lay_over(&below, &node, ""),
                None => node,
            });
        }
        let root = root.unwrap_or_else(|| Arc::new(Node::null(Place::default())));
        self.with_included(&root, directory, variables, depth)
    }

    /// One file, its variables filled in; `None` where that is said.
    pub(super) fn file(
        &mut self,
        path: &Path,
        asker: Option<(&Text, Option<&Text>)>,
        fill: &Fill<'_>,
    ) -> Option<Arc<Node>> {
        self.times_read += 1;
        if self.times_read > READS_MAX {
            let place = asker.map_or_else(Place::default, |(file, _)| file.place);
            let message =
                format!("the files of a project name each other more than {READS_MAX} times");
            self.say(place, None, message, "divide the project");
            return None;
        }
        let parsed = if let Some(parsed) = self.parsed.get(path) {
            parsed.clone()
        } else {
            let parsed = self.parse(path, asker);
            self.parsed.insert(path.to_owned(), parsed.clone());
            parsed
        };
        let node = fill.node(&parsed?, "");
        let is_map = matches!(&node.value, Value::Map(_) | Value::Null);
        if !is_map {
            let message = format!("a compose file is a map, found {}", node.kind());
            self.say(node.place, None, message, "begin with `services:`");
            return None;
        }
        if let Some(services) = node.get("services")
            && !matches!(&services.value, Value::Map(_) | Value::Null)
        {
            let message = format!("`services` takes a map, found {}", services.kind());
            let help = "write the name of a service below it, such as `web:`";
            self.say(services.place, None, message, help);
        }
        Some(node)
    }

    /// The values of a file; `None` where it is said why there are none.
    fn parse(&mut self, path: &Path, asker: Option<(&Text, Option<&Text>)>) -> Option<Arc<Node>> {
        match (self.read)(path) {
            Ok(text) => {
                let place = self.note(path, text.clone());
                let parsed = yaml::parse(&text, place.file);
                parsed
                    .map_err(|broken| self.say(broken.place, None, broken.message, broken.help))
                    .ok()
            }
            Err(why) => {
                let place = match asker {
                    Some((file, _)) => file.place,
                    None => self.note(path, String::new()),
                };
                self.unreadable(place, asker.and_then(|(_, service)| service), path, &why);
                None
            }
        }
    }

    /// Counts a file as read; the place of its beginning.
    pub(super) fn note(&mut self, path: &Path, text: String) -> Place {
        let file = self.sources.len();
        let path = path.to_owned();
        self.sources.push(Source { path, text });
        Place {
            file,
            ..Place::default()
        }
    }

    pub(super) fn unreadable(
        &mut self,
        place: Place,
        service: Option<&Text>,
        path: &Path,
        why: &str,
    ) {
        let path = shown(&path.to_string_lossy(), TEXT_CHARS_MAX);
        let message = format!("cannot read `{path}`: {}", shown(why, TEXT_CHARS_MAX));
        self.say(place, service, message, "name a file that is there");
    }

    /// The labels in a file of them.
    pub(super) fn label_file(&mut self, service: &Text, file: &Text) -> Vec<(String, Label)> {
        let path = PathBuf::from(&file.text);
        let text = match (self.read)(&path) {
            Ok(text) => text,
            Err(why) => {
                self.unreadable(file.place, Some(service), &path, &why);
                return Vec::new();
            }
        };
        let start = self.note(&path, text.clone());
        let lines = variables::lines(&text, &self.variables).into_iter();
        let label = |line: variables::Line| {
            let place = |column, width| Place {
                line: line.number,
                column,
                width,
                ..start
            };
            let (key, value) = line.columns;
            let label = Label {
                key_place: place(key, line.key.chars().count()),
                value_place: place(value, line.width),
                value: line.value.clone(),
                unset: None,
            };
            (line.key.clone(), label)
        };
        lines.map(label).collect()
    }
}

impl Default for Place {
    fn default() -> Self {
        Self {
            file: 0,
            line: 1,
            column: 1,
            width: 0,
        }
    }
}

pub(super) fn with_file(variables: &Variables, text: &str) -> Variables {
    let mut all = variables.clone();
    for line in variables::lines(text, variables) {
        all.entry(line.key).or_insert(line.value);
    }
    all
}

/// A path as a file names it, from this folder on.
pub(super) fn joined(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).components().collect()
}

/// The map with other entries under this key.
pub(super) fn with_entry(root: &Node, key: &str, entries: Vec<Entry>) -> Arc<Node> {
    let mut all = root.entries().to_vec();
    let place = root.place;
    let node = Arc::new(Node {
        place,
        value: Value::Map(entries),
        action: Action::Merge,
    });
    match all.iter_mut().find(|entry| entry.key.text == key) {
        Some(entry) => entry.node = node,
        None => all.push(Entry {
            key: Text {
                text: key.to_owned(),
                place,
            },
            node,
        }),
    }
    Arc::new(Node {
        place,
        value: Value::Map(all),
        action: root.action,
    })
}
