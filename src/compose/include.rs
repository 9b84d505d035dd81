//! `include`: whole projects whose services and networks become this one's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::{CHAIN_MAX, Loader, joined, with_entry, with_file};
use super::node::{Node, Value};
use super::variables::Variables;

impl Loader<'_> {
    /// The file with the services and networks of those that it includes.
    pub(super) fn with_included(
        &mut self,
        root: &Arc<Node>,
        directory: &Path,
        variables: &Variables,
        depth: usize,
    ) -> Arc<Node> {
        let Some(include) = root.get("include") else {
            return Arc::clone(root);
        };
        if depth >= CHAIN_MAX {
            let message = "the files include each other in a circle".to_owned();
            self.say(include.place, None, message, "take one `include` away");
            return Arc::clone(root);
        }
        let Value::List(items) = &include.value else {
            let message = format!("`include` takes a list, found {}", include.kind());
            self.say(
                include.place,
                None,
                message,
                "write for example `include: [other.yml]`",
            );
            return Arc::clone(root);
        };
        let mut whole = Arc::clone(root);
        for item in items {
            if let Some(included) = self.included(item, directory, variables, depth) {
                whole = self.with_all(&whole, &included);
            }
        }
        whole
    }

    /// What one item of `include` brings; `None` where it cannot be read, which is said.
    fn included(
        &mut self,
        item: &Node,
        directory: &Path,
        variables: &Variables,
        depth: usize,
    ) -> Option<Arc<Node>> {
        let paths = item.get("path").map_or(item, |path| path).texts();
        let files = paths.iter().map(|path| joined(directory, &path.text));
        let files: Vec<PathBuf> = files.collect();
        // What cannot be read is said at the name, not in the file.
        let named = files.iter().zip(&paths);
        let missing = named.filter_map(|(file, name)| Some((file, name, (self.read)(file).err()?)));
        let missing: Vec<_> = missing.collect();
        for (file, name, why) in &missing {
            self.unreadable(name.place, None, file, why);
        }
        let first = files.first().filter(|_| missing.is_empty())?;
        let folder = match item.get("project_directory").and_then(|node| node.text()) {
            Some(own) => joined(directory, own),
            None => first.parent().unwrap_or(Path::new("")).to_owned(),
        };
        let env = item.get("env_file").map(|node| node.texts());
        let env = env.unwrap_or_default().into_iter();
        let mut env: Vec<PathBuf> = env.map(|file| joined(directory, &file.text)).collect();
        if env.is_empty() {
            env.push(folder.join(".env"));
        }
        let mut inner = variables.clone();
        for file in env {
            if let Ok(text) = (self.read)(&file) {
                inner = with_file(&inner, &text);
            }
        }
        Some(self.model(&files, &folder, &inner, depth + 1))
    }

    /// The services and networks of both; compose refuses one that is in both.
    fn with_all(&mut self, root: &Arc<Node>, included: &Node) -> Arc<Node> {
        let mut whole = Arc::clone(root);
        for key in ["services", "networks"] {
            let mut entries = root
                .get(key)
                .map_or(Vec::new(), |node| node.entries().to_vec());
            let new = included.get(key).map_or(&[][..], |node| node.entries());
            for entry in new {
                let known = entries.iter().find(|own| own.key.text == entry.key.text);
                match known {
                    Some(own) if key == "services" => {
                        let message = format!(
                            "the service `{}` is in an included file, too",
                            own.key.shown()
                        );
                        let place = own.key.place;
                        let help = "give one of the two another name, or extend it instead";
                        self.say(place, None, message, help);
                    }
                    // A network in both is one, which each file names for itself.
                    Some(_) => {}
                    None => entries.push(entry.clone()),
                }
            }
            if !entries.is_empty() {
                whole = with_entry(&whole, key, entries);
            }
        }
        whole
    }
}
