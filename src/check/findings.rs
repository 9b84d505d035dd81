//! From what is said of a container to what is said of a line.

use std::collections::BTreeSet;

use super::{Finding, Rules};
use crate::compose::{Label, Place, Problem, Service};
use crate::diagnostic::{Code, Diagnostic, LabelRef, Severity};
use crate::labels::is_secret;
use crate::model::shown;

/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 120;

/// What was found so far, each once.
pub(super) struct Findings<'a> {
    rules: &'a Rules,
    /// Whether all ports are known: those that an image exposes stand in no compose file.
    knows_ports: bool,
    found: BTreeSet<Finding>,
}

impl<'a> Findings<'a> {
    /// Of compose files.
    pub(super) fn of_project(rules: &'a Rules) -> Self {
        Self {
            rules,
            knows_ports: false,
            found: BTreeSet::new(),
        }
    }

    /// Of containers as the agent sees them.
    pub(super) fn of_containers(rules: &'a Rules) -> Self {
        Self {
            knows_ports: true,
            ..Self::of_project(rules)
        }
    }

    /// All of them, in the order of the files.
    pub(super) fn sorted(self) -> Vec<Finding> {
        let mut sorted: Vec<Finding> = Vec::new();
        let of_all = |finding: &Finding| Finding {
            services: BTreeSet::new(),
            ..finding.clone()
        };
        for finding in self.found {
            let known = sorted
                .iter_mut()
                .rev()
                .take_while(|known| known.place == finding.place);
            match { known }.find(|known| of_all(known) == of_all(&finding)) {
                Some(known) => known.services.extend(finding.services),
                None => sorted.push(finding),
            }
        }
        sorted
    }

    fn is_own(&self, key: &str) -> bool {
        { key.strip_prefix(&self.rules.prefix) }.is_some_and(|rest| rest.starts_with('.'))
    }

    /// What compose refuses. In labels of others it is theirs to say.
    pub(super) fn problem(&mut self, problem: &Problem) {
        let key = problem.label.as_deref();
        if key.is_some_and(|key| !self.is_own(key)) {
            return;
        }
        let is_secret = key.is_some_and(|key| is_secret(key, &self.rules.prefix));
        self.found.insert(Finding {
            place: problem.place,
            severity: problem.severity,
            code: None,
            services: problem.service.iter().cloned().collect(),
            label: None,
            is_secret,
            message: problem.message.clone(),
            help: problem.help.clone(),
        });
    }

    /// Labels under `deploy`, and those whose variables are not set.
    pub(super) fn labels_that_count_nowhere(&mut self, service: &Service) {
        for (key, place) in &service.deploy_labels {
            if self.is_own(key) {
                let key = shown(key, NAME_CHARS_MAX);
                let message = format!(
                    "`{key}` stands under `deploy`, whose labels no container has: the agent does \
                     not see it"
                );
                let help = "move it to `labels`, beside `image`".to_owned();
                self.warn(*place, service, (None, false), message, help);
            }
        }
        for (key, label) in &service.labels {
            let Some(name) = label.unset.as_ref().filter(|_| self.is_own(key)) else {
                continue;
            };
            let is_secret = is_secret(key, &self.rules.prefix);
            let key = shown(key, NAME_CHARS_MAX);
            let (message, help) = if is_secret {
                (
                    format!("a `$` in `{key}` is taken for a variable that is not set"),
                    "write `$$` for each `$` that is meant".to_owned(),
                )
            } else {
                let name = shown(name, NAME_CHARS_MAX);
                (
                    format!("the variable `{name}` is not set, so `{key}` is not checked"),
                    format!(
                        "set `{name}` in the environment or in the file `.env`, or give a default: \
                         `${{{name}:-default}}`"
                    ),
                )
            };
            self.warn(label.value_place, service, (None, is_secret), message, help);
        }
    }

    fn warn(
        &mut self,
        place: Place,
        service: &Service,
        (label, is_secret): (Option<LabelRef>, bool),
        message: String,
        help: String,
    ) {
        self.found.insert(Finding {
            place,
            severity: Severity::Warning,
            code: None,
            services: [service.name.clone()].into(),
            label,
            is_secret,
            message,
            help,
        });
    }

    /// What the agent says of the service's container.
    pub(super) fn diagnostic(&mut self, diagnostic: &Diagnostic, service: &Service) {
        let blamed = diagnostic.label.as_ref();
        let blamed = blamed.and_then(|label| Some((label, service.labels.get(&*label.key)?)));
        let is_unknown = |(_, label): &(&LabelRef, &Label)| label.unset.is_some();
        if diagnostic.code == Code::BadValue && blamed.as_ref().is_some_and(is_unknown) {
            return;
        }
        // What is not known may protect, and the route is closed until it is.
        let mut own = service.labels.iter().filter(|(key, _)| self.is_own(key));
        if diagnostic.code == Code::Closed && own.any(|(_, label)| label.unset.is_some()) {
            return;
        }
        let place = match blamed {
            Some((_, label)) if diagnostic.code == Code::UnknownKey => label.key_place,
            Some((_, label)) => label.value_place,
            None => self.place_of(diagnostic.code, service),
        };
        let is_secret = blamed.is_some_and(|(label, _)| is_secret(&label.key, &self.rules.prefix));
        let label = diagnostic.label.clone();
        self.found.insert(Finding {
            place,
            severity: self.severity(diagnostic.code, service),
            code: Some(diagnostic.code),
            services: [service.name.clone()].into(),
            label: if is_secret {
                label.map(LabelRef::hidden)
            } else {
                label
            },
            is_secret,
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
        });
    }

    /// Where something stands that no label is to blame for.
    fn place_of(&self, code: Code, service: &Service) -> Place {
        if code == Code::NotOnNetwork {
            return service.networks_place.unwrap_or(service.place);
        }
        let whole = format!("{}.host", self.rules.prefix);
        let mut hosts = service.labels.iter();
        let host = { service.labels.get(&whole) }.or_else(|| {
            let first = hosts.find(|(key, _)| self.is_own(key) && last(key) == "host");
            first.map(|(_, label)| label)
        });
        host.map_or(service.place, |label| label.value_place)
    }

    /// How bad it is as far as files can tell: the image may expose the usual port, and the host may
    /// have the certificate.
    fn severity(&self, code: Code, service: &Service) -> Severity {
        let knows_port = self.knows_ports || service.network_mode.as_deref() == Some("host");
        if code == Code::NoWildcardCertificate || (code == Code::NoPort && !knows_port) {
            return Severity::Warning;
        }
        code.severity()
    }
}

/// The last word of a key.
pub(super) fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
