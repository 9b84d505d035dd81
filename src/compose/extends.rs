//! `extends`: a service laid over another, of the same file or of one beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fill::Fill;
use super::load::{CHAIN_MAX, Loader, joined, with_entry};
use super::node::{Node, lay_over};
use super::variables::Variables;

impl Loader<'_> {
    /// The file with each service laid over the one that it extends.
    pub(super) fn extended(
        &mut self,
        root: &Arc<Node>,
        path: &Path,
        variables: &Variables,
    ) -> Arc<Node> {
        let Some(services) = root.get("services") else {
            return Arc::clone(root);
        };
        let mut entries = services.entries().to_vec();
        for entry in &mut entries {
            entry.node = self.service_of(root, path, &entry.key.text, variables, &mut Vec::new());
        }
        with_entry(root, "services", entries)
    }

    /// A service laid over the one that it extends.
    fn service_of(
        &mut self,
        root: &Arc<Node>,
        path: &Path,
        name: &str,
        variables: &Variables,
        trail: &mut Vec<(PathBuf, String)>,
    ) -> Arc<Node> {
        let services = root.get("services").expect("the caller looked it up");
        let entry = services.entry(name).expect("the caller looked it up");
        let Some(extends) = entry.node.get("extends") else {
            return Arc::clone(&entry.node);
        };
        let own = (path.to_owned(), name.to_owned());
        let service = Some(&entry.key);
        if trail.contains(&own) || trail.len() >= CHAIN_MAX {
            let message = "the services extend each other in a circle".to_owned();
            self.say(extends.place, service, message, "take one `extends` away");
            return Arc::clone(&entry.node);
        }
        trail.push(own);
        let base = extends.get("service").unwrap_or(extends);
        let Some(base) = base.texts().into_iter().next() else {
            let message = "`extends` names no service".to_owned();
            self.say(
                extends.place,
                service,
                message,
                "write for example `extends: {service: base}`",
            );
            return Arc::clone(&entry.node);
        };
        let file = extends
            .get("file")
            .and_then(|file| file.texts().into_iter().next());
        let (other, other_path) = match &file {
            None => (Some(Arc::clone(root)), path.to_owned()),
            Some(file) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                let path = joined(folder, &file.text);
                let values = Fill {
                    variables,
                    folder: path.parent().unwrap_or(Path::new("")),
                };
                let other = self.file(&path, Some((file, service)), &values);
                (other, path.clone())
            }
        };
        let Some(other) = other else {
            return Arc::clone(&entry.node);
        };
        let is_there = { other.get("services") }.is_some_and(|all| all.get(&base.text).is_some());
        if !is_there {
            let message = format!(
                "`extends` names the service `{}`, which is not there",
                base.shown()
            );
            self.say(base.place, service, message, "name a service of that file");
            return Arc::clone(&entry.node);
        }
        let below = self.service_of(&other, &other_path, &base.text, variables, trail);
        lay_over(&below, &entry.node, "")
    }
}
