//! The labels of one container, read into types.

mod handling;
mod health;
mod host;
mod idle;
mod matching;
mod reading;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::reading::Scopes;
use super::host::HostSpec;
use super::limits::HOST_PATHS_MAX;
use super::schema::{Key, key_info, keys};
use super::spec::{ContainerSpec, MatchingSpec, Parsed, Reading, RouteSpec, Standing};
use super::tree::{self, Scoped, Tree};
use super::value;
use crate::diagnostic::{Code, Diagnostic, LabelRef};
use crate::model::{
    AppKey, Container, Handling, Hostname, LbPolicy, NameError, Owner, Port, RouteName, Scheme,
    Token, Weight,
};

/// Reads the labels of one container. Never fails: a wrong value spoils its own route and becomes
/// a diagnostic.
#[must_use]
pub fn parse(container: &Container, prefix: &str) -> Parsed {
    let mut reader = Reader {
        container,
        prefix,
        found: Vec::new(),
        spoiled: BTreeMap::new(),
    };
    let standing = reader.standing();
    reader.found.sort();
    Parsed {
        standing,
        diagnostics: reader.found,
    }
}

/// The label that docker-compose puts on `run` containers.
const ONE_OFF: &str = "com.docker.compose.oneoff";

struct Reader<'a> {
    container: &'a Container,
    prefix: &'a str,
    found: Vec<Diagnostic>,
    spoiled: BTreeMap<RouteName, (Vec<Hostname>, HostSpec)>,
}

impl Reader<'_> {
    fn standing(&mut self) -> Standing {
        if !self.container.has_prefix(self.prefix) {
            return Standing::NotOurs;
        }
        if self
            .container
            .labels
            .get(ONE_OFF)
            .is_some_and(|v| v.eq_ignore_ascii_case("true"))
        {
            return Standing::OneOff;
        }
        let tree = tree::sort(self.container, self.prefix, &mut self.found);
        let errors = self.found.len();
        let enabled = self.read(&tree.container, Key::Enable, value::boolean);
        if enabled == Some(false) {
            self.found.clear();
            return Standing::Disabled;
        }
        let only_marked = tree.container.has_only(Key::Test);
        if only_marked && tree.routes.is_empty() && !tree.doubtful {
            return Standing::NotOurs;
        }
        let app = self.read(&tree.container, Key::App, Token::parse);
        let network = self.read(&tree.container, Key::Network, Token::parse);
        let share = self
            .read(&tree.container, Key::Share, value::names)
            .unwrap_or_default();
        let weight = self.read(&tree.container, Key::LbWeight, Weight::parse);
        let container_is_wrong = self.found.len() > errors || tree.is_cut;
        let own = self.found.get(errors).map(|first| first.message.clone());
        let routes = self.routes(&tree);
        if container_is_wrong {
            for (name, route) in &routes {
                if let Some(spec) = route.right() {
                    self.spoil(name, spec);
                }
            }
        }
        let closed = self.guard_of_all(&tree);
        let spoilt = container_is_wrong.then(|| own.unwrap_or_else(reading::too_many));
        let routes = reading::settled(routes, spoilt.as_deref(), closed.as_deref());
        Standing::Asks(Box::new(ContainerSpec {
            container: self.container.reference(),
            app: self.app(app.as_ref()),
            network: network.map(|name| name.as_str().to_owned()),
            share,
            weight: weight.unwrap_or_default(),
            routes,
            spoiled: std::mem::take(&mut self.spoiled),
            closed: closed.map(String::into_boxed_str),
            doubtful: tree.doubtful || container_is_wrong,
        }))
    }

    /// The app by label, compose service, swarm service or container name.
    fn app(&self, label: Option<&Token>) -> AppKey {
        let get = |key: &str| {
            self.container
                .labels
                .get(key)
                .map(|value| &**value)
                .filter(|value| !value.is_empty())
        };
        let name: Arc<str> = (label.map(Token::as_str))
            .or_else(|| get("com.docker.compose.service"))
            .or_else(|| get("com.docker.swarm.service.name"))
            .map_or_else(|| Arc::clone(&self.container.name), Arc::from);
        let owner = match get("com.docker.compose.project") {
            Some(project) => Owner::Project(project.into()),
            None => Owner::App(Arc::clone(&name)),
        };
        AppKey { owner, name }
    }

    fn routes(&mut self, tree: &Tree) -> BTreeMap<RouteName, Reading> {
        let empty = Scoped::default();
        let default = tree.routes.get(&RouteName::Default).unwrap_or(&empty);
        let unsaid = (tree.routes.is_empty()).then_some((&RouteName::Default, &empty));
        let all_are_guarded = self.guard_of_all(tree).is_some();
        let scopes = tree.routes.iter().chain(unsaid);
        scopes
            .map(|(name, scope)| {
                let spec = self.route(name, scope, default, all_are_guarded);
                (name.clone(), spec)
            })
            .collect()
    }

    /// One route; what is wrong with it is said.
    fn route(
        &mut self,
        name: &RouteName,
        scope: &Scoped,
        default: &Scoped,
        all_are_guarded: bool,
    ) -> Reading {
        let client_ca = self.client_ca(scope);
        let before = self.found.len();
        let protection = self.protection(scope);
        let before_matching = self.found.len();
        let matching = self.matching(scope);
        let matching_is_right = self.found.len() == before_matching;
        let host_scope = if scope.has(Key::Host) { scope } else { default };
        let hosts = match (host_scope.has(Key::Host), name) {
            (false, _) => {
                self.no_host(name, scope);
                None
            }
            // Said once, at the default route, whose label it is.
            (true, RouteName::Named(_)) if !scope.has(Key::Host) => host_scope
                .get(Key::Host)
                .and_then(|label| value::hosts(&label.value).ok()),
            (true, _) => self.read(scope, Key::Host, value::hosts),
        };
        let protects = protection.clone().unwrap_or_default();
        let spec = RouteSpec {
            hosts: hosts.clone().unwrap_or_default(),
            matching,
            handling: self.handling(scope, protects),
            host: self.host_spec(scope, client_ca),
            ..self.basics(scope)
        };
        self.say_too_many(scope, spec.hosts.len() * spec.path_matches().len());
        self.say_nothing_to_verify(scope, &spec);
        self.say_no_redirect(scope, &spec);
        let wrong = self.found.get(before).map(|first| first.message.clone());
        let scopes = Scopes {
            own: scope,
            host: host_scope,
            default,
            all_are_guarded,
            matching_is_right,
        };
        let wrong = wrong.or_else(|| hosts.is_none().then(reading::no_host));
        match scopes.why_not(wrong) {
            None => {
                self.say_what_has_no_effect(scope, &spec);
                self.say_what_matching_leaves_out(scope, &spec);
                self.say_idle_host_labels(scope, &spec);
                self.say_all_denied(scope, &spec.handling.protection);
                Reading::Right(Arc::new(spec))
            }
            Some(why) => {
                self.spoil(name, &spec);
                scopes.reading(spec, protection, why)
            }
        }
    }

    /// What is neither about hosts, matchers nor handlers.
    fn basics(&mut self, scope: &Scoped) -> RouteSpec {
        RouteSpec {
            hosts: Vec::new(),
            paths: self
                .read(scope, Key::Path, value::paths)
                .unwrap_or_default(),
            port: self.read(scope, Key::Port, Port::parse),
            scheme: self
                .read(scope, Key::Scheme, value::scheme)
                .unwrap_or_default(),
            ready: self.read(scope, Key::Ready, value::ready),
            ready_timeout: self.read(scope, Key::ReadyTimeout, value::duration),
            hold: self.read(scope, Key::Hold, value::patience),
            retry: self.read(scope, Key::Retry, value::patience),
            health: self.health(scope),
            policy: self.policy(scope),
            strip: self
                .read(scope, Key::Strip, value::boolean)
                .unwrap_or_default(),
            handling: Handling::default(),
            host: HostSpec::default(),
            upstream_server_name: self.read(scope, Key::UpstreamServerName, value::exact_host),
            upstream_skip_verify: self
                .read(scope, Key::UpstreamSkipVerify, value::boolean)
                .unwrap_or_default(),
            matching: MatchingSpec::default(),
        }
    }

    /// Keeps what a route that is left out asks for its hosts.
    fn spoil(&mut self, name: &RouteName, spec: &RouteSpec) {
        let asked = (spec.hosts.clone(), spec.host.clone());
        self.spoiled.insert(name.clone(), asked);
    }

    fn say_too_many(&mut self, scope: &Scoped, pairs: usize) {
        if pairs > HOST_PATHS_MAX {
            let message = format!(
                "a route takes at most {HOST_PATHS_MAX} pairs of a host and a path, found {pairs}"
            );
            let help = "share the hosts or the paths out among several routes".to_owned();
            self.say(Code::BadValue, scope.get(Key::Path).cloned(), message, help);
        }
    }

    /// A container's certificate is checked against an exact name, and a wildcard host gives none.
    fn say_nothing_to_verify(&mut self, scope: &Scoped, spec: &RouteSpec) {
        let is_checked = spec.scheme == Scheme::Https && !spec.upstream_skip_verify;
        let has_name = scope.has(Key::UpstreamServerName)
            || spec.hosts.is_empty()
            || spec.hosts.iter().any(|host| host.openness() == 0);
        let Some(label) = scope.get(Key::Scheme).filter(|_| is_checked && !has_name) else {
            return;
        };
        let message = format!(
            "`{}=https` checks the container's certificate against the route's first exact host, \
             and it has none",
            label.key
        );
        let name = sibling(label, Key::UpstreamServerName);
        let skip = sibling(label, Key::UpstreamSkipVerify);
        let help = format!("add for example `{name}=backend.example.com`, or `{skip}=true`");
        self.say(Code::BadValue, Some(label.clone()), message, help);
    }

    fn policy(&mut self, scope: &Scoped) -> LbPolicy {
        let header = self.read(scope, Key::LbHeader, Token::parse);
        let cookie = self.read(scope, Key::LbCookie, Token::parse);
        let wants = scope.get(Key::LbPolicy).cloned();
        let wants = wants.filter(|label| label.value.trim().eq_ignore_ascii_case("header"));
        if let Some(label) = wants.filter(|_| !scope.has(Key::LbHeader)) {
            let message = format!("`{}=header` needs the name of the header", label.key);
            let help = format!(
                "add for example `{}=X-Tenant`",
                sibling(&label, Key::LbHeader)
            );
            self.say(Code::BadValue, Some(label), message, help);
            return LbPolicy::default();
        }
        let policy = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
            "least_conn" => Ok(LbPolicy::LeastConn),
            "random" => Ok(LbPolicy::Random),
            "round_robin" => Ok(LbPolicy::RoundRobin),
            "first" => Ok(LbPolicy::First),
            "client_ip_hash" => Ok(LbPolicy::ClientIpHash),
            "uri_hash" => Ok(LbPolicy::UriHash),
            "header" => Ok(header.clone().map_or(LbPolicy::LeastConn, LbPolicy::Header)),
            "cookie" => {
                let default = || Token::parse(key_info(Key::LbCookie).default);
                cookie
                    .clone()
                    .map_or_else(default, Ok)
                    .map(LbPolicy::Cookie)
            }
            _ => Err(value::not_one_of(key_info(Key::LbPolicy).value, text)),
        };
        self.read(scope, Key::LbPolicy, policy).unwrap_or_default()
    }

    fn no_host(&mut self, name: &RouteName, scope: &Scoped) {
        let prefix = self.prefix;
        let (message, key) = match name {
            RouteName::Default => (
                "labels describe a route, but no label says its host".to_owned(),
                "host".into(),
            ),
            RouteName::Named(name) => (
                format!("the route `{name}` has no host, and there is no `{prefix}.host`"),
                format!("routes.{name}.host"),
            ),
        };
        let help = format!("add for example `{prefix}.{key}=app.example.com`");
        self.say(Code::NoHost, scope.first().cloned(), message, help);
    }

    /// The value of a key, `None` when it is absent or wrong; a wrong one is said.
    fn read<T>(
        &mut self,
        scope: &Scoped,
        key: Key,
        reader: impl Fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        self.read_label(scope.get(key)?, key, reader)
    }

    /// The value of this label of the key, `None` when it is wrong; a wrong one is said.
    fn read_label<T>(
        &mut self,
        label: &LabelRef,
        key: Key,
        reader: impl Fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        match reader(&label.value) {
            Ok(value) => Some(value),
            Err(NameError { expected, found }) => {
                let message = format!("`{}` takes {expected}, found {found}", label.key);
                let help = format!(
                    "write for example `{}={}`",
                    label.key,
                    key_info(key).example
                );
                self.say(Code::BadValue, Some(label.clone()), message, help);
                None
            }
        }
    }

    fn say(&mut self, code: Code, label: Option<LabelRef>, message: String, help: String) {
        let container = self.container.reference();
        let label = label.map(|label| {
            if tree::is_secret(&label.key, self.prefix) {
                label.hidden()
            } else {
                label
            }
        });
        self.found.push(Diagnostic {
            container,
            code,
            label,
            message,
            help,
        });
    }
}

/// The whole key that stands beside this label in its scope.
fn sibling(label: &LabelRef, key: Key) -> String {
    let own = keys().filter_map(|info| label.key.strip_suffix(info.name));
    let scope = own.min_by_key(|scope| scope.len()).unwrap_or_default();
    format!("{scope}{}", key_info(key).name)
}
