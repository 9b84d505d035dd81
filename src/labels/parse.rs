//! The labels of one container, read into types.

use std::collections::BTreeMap;

use super::schema::{Key, key_info};
use super::tree::{self, Scoped, Tree};
use super::value;
use crate::diagnostic::{Code, Diagnostic, LabelRef};
use crate::model::{
    AppKey, Container, ContainerRef, Hostname, LbPolicy, NameError, Owner, PathPrefix, Port,
    RouteName, Scheme, Token,
};

/// Where a host's certificate is asked to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TlsSetting {
    /// A public authority, or the internal one for names that nobody certifies.
    #[default]
    Auto,
    /// The internal authority.
    Internal,
    /// No certificate: plain HTTP only.
    Off,
}

impl TlsSetting {
    /// Parses `auto`, `internal` or `off`.
    ///
    /// # Errors
    /// What was found instead.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "internal" => Ok(Self::Internal),
            "off" => Ok(Self::Off),
            _ => Err(value::not_one_of("`auto`, `internal` or `off`", text)),
        }
    }

    /// The word a user writes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Internal => "internal",
            Self::Off => "off",
        }
    }
}

/// What one route of a container asks for. Every value is right in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSpec {
    /// At least one, in the order written.
    pub hosts: Vec<Hostname>,
    /// Empty means every path.
    pub paths: Vec<PathPrefix>,
    /// `None` means the exposed port.
    pub port: Option<Port>,
    /// The protocol towards the container.
    pub scheme: Scheme,
    /// How requests are shared.
    pub policy: LbPolicy,
    /// Whether the matched prefix is removed.
    pub strip: bool,
    /// The certificate, where the labels say it.
    pub tls: Option<TlsSetting>,
    /// The name in the container's certificate; `None` means the first host.
    pub upstream_server_name: Option<Hostname>,
    /// Whether any certificate of the container will do.
    pub upstream_skip_verify: bool,
}

/// What one container asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Whose labels these are.
    pub container: ContainerRef,
    /// The app it belongs to.
    pub app: AppKey,
    /// The network it is reached on, where the labels say it.
    pub network: Option<String>,
    /// Projects that may add paths under its hosts.
    pub share: Vec<String>,
    /// Its routes; `None` for one whose labels are wrong.
    pub routes: BTreeMap<RouteName, Option<RouteSpec>>,
    /// Whether something was not understood, so that routes may be missing here which were meant.
    pub doubtful: bool,
}

/// Whether a container takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has no label under the prefix, or none with a meaning.
    NotOurs,
    /// It says `enable=false`.
    Disabled,
    /// It is a one-off container (`docker-compose run`).
    OneOff,
    /// It asks for routes.
    Asks(ContainerSpec),
}

/// What was read, and everything that is wrong with it, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Whether the container takes part, and with what.
    pub standing: Standing,
    /// What its labels do wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the labels of one container. Never fails: a wrong value spoils its own route and becomes
/// a diagnostic.
#[must_use]
pub fn parse(container: &Container, prefix: &str) -> Parsed {
    let mut reader = Reader {
        container,
        prefix,
        found: Vec::new(),
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
        let only_marked = tree.container.keys().all(|key| *key == Key::Test);
        if only_marked && tree.routes.is_empty() && !tree.doubtful {
            return Standing::NotOurs;
        }
        let app = self.read(&tree.container, Key::App, Token::parse);
        let network = self.read(&tree.container, Key::Network, Token::parse);
        let share = self
            .read(&tree.container, Key::Share, value::names)
            .unwrap_or_default();
        let container_is_wrong = self.found.len() > errors;
        let mut routes = self.routes(&tree);
        if container_is_wrong {
            for route in routes.values_mut() {
                *route = None;
            }
        }
        Standing::Asks(ContainerSpec {
            container: self.container.reference(),
            app: self.app(app.as_ref()),
            network: network.map(|name| name.as_str().to_owned()),
            share,
            routes,
            doubtful: tree.doubtful || container_is_wrong,
        })
    }

    /// The app by label, compose service, swarm service or container name.
    fn app(&self, label: Option<&Token>) -> AppKey {
        let get = |key: &str| {
            self.container
                .labels
                .get(key)
                .filter(|value| !value.is_empty())
        };
        let name = (label.map(|token| token.as_str().to_owned()))
            .or_else(|| get("com.docker.compose.service").cloned())
            .or_else(|| get("com.docker.swarm.service.name").cloned())
            .unwrap_or_else(|| self.container.name.clone());
        let owner = match get("com.docker.compose.project") {
            Some(project) => Owner::Project(project.clone()),
            None => Owner::App(name.clone()),
        };
        AppKey { owner, name }
    }

    fn routes(&mut self, tree: &Tree) -> BTreeMap<RouteName, Option<RouteSpec>> {
        let empty = Scoped::new();
        let default = tree.routes.get(&RouteName::Default);
        let mut scopes = tree.routes.clone();
        if default.is_none() && tree.routes.is_empty() {
            scopes.insert(RouteName::Default, empty.clone());
        }
        let default = default.unwrap_or(&empty);
        scopes
            .into_iter()
            .map(|(name, scope)| {
                let spec = self.route(&name, &scope, default);
                (name, spec)
            })
            .collect()
    }

    /// One route, or `None` when any of its labels is wrong.
    fn route(&mut self, name: &RouteName, scope: &Scoped, default: &Scoped) -> Option<RouteSpec> {
        let before = self.found.len();
        let host_scope = if scope.contains_key(&Key::Host) {
            scope
        } else {
            default
        };
        let hosts = match (host_scope.contains_key(&Key::Host), name) {
            (false, _) => {
                self.no_host(name, scope);
                None
            }
            // Said once, at the default route, whose label it is.
            (true, RouteName::Named(_)) if !scope.contains_key(&Key::Host) => host_scope
                .get(&Key::Host)
                .and_then(|label| value::hosts(&label.value).ok()),
            (true, _) => self.read(scope, Key::Host, value::hosts),
        };
        let spec = RouteSpec {
            hosts: hosts.clone().unwrap_or_default(),
            paths: self
                .read(scope, Key::Path, value::paths)
                .unwrap_or_default(),
            port: self.read(scope, Key::Port, Port::parse),
            scheme: self
                .read(scope, Key::Scheme, value::scheme)
                .unwrap_or_default(),
            policy: self.policy(scope),
            strip: self
                .read(scope, Key::Strip, value::boolean)
                .unwrap_or_default(),
            tls: self.read(scope, Key::Tls, TlsSetting::parse),
            upstream_server_name: self.read(scope, Key::UpstreamServerName, Hostname::parse),
            upstream_skip_verify: self
                .read(scope, Key::UpstreamSkipVerify, value::boolean)
                .unwrap_or_default(),
        };
        let is_right = hosts.is_some() && self.found.len() == before;
        if is_right {
            self.say_what_has_no_effect(scope, &spec);
        }
        is_right.then_some(spec)
    }

    fn policy(&mut self, scope: &Scoped) -> LbPolicy {
        let header = self.read(scope, Key::LbHeader, Token::parse);
        let cookie = self.read(scope, Key::LbCookie, Token::parse);
        let wants_header = scope
            .get(&Key::LbPolicy)
            .is_some_and(|l| l.value.trim() == "header");
        if wants_header && !scope.contains_key(&Key::LbHeader) {
            let label = scope.get(&Key::LbPolicy).cloned();
            let key = label.as_ref().map_or(String::new(), |l| l.key.clone());
            let header_key = key.replace("lb.policy", "lb.header");
            self.say(
                Code::BadValue,
                label,
                format!("`{key}=header` needs the name of the header"),
                format!("add for example `{header_key}=X-Tenant`"),
            );
            return LbPolicy::default();
        }
        let policy = |text: &str| match text.trim() {
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

    fn say_what_has_no_effect(&mut self, scope: &Scoped, spec: &RouteSpec) {
        let is_https = spec.scheme == Scheme::Https;
        let rules = [
            (
                Key::Strip,
                spec.strip && spec.paths.is_empty(),
                "without `path`",
            ),
            (Key::UpstreamServerName, !is_https, "without `scheme=https`"),
            (Key::UpstreamSkipVerify, !is_https, "without `scheme=https`"),
            (
                Key::LbHeader,
                !matches!(spec.policy, LbPolicy::Header(_)),
                "without `lb.policy=header`",
            ),
            (
                Key::LbCookie,
                !matches!(spec.policy, LbPolicy::Cookie(_)),
                "without `lb.policy=cookie`",
            ),
        ];
        for (key, idle, why) in rules {
            let Some(label) = scope.get(&key).filter(|_| idle) else {
                continue;
            };
            let message = format!("`{}` has no effect {why}", label.key);
            let help = "add the other label, or remove this one".to_owned();
            self.say(Code::NoEffect, Some(label.clone()), message, help);
        }
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
        self.say(Code::NoHost, scope.values().next().cloned(), message, help);
    }

    /// The value of a key, `None` when it is absent or wrong; a wrong one is said.
    fn read<T>(
        &mut self,
        scope: &Scoped,
        key: Key,
        reader: impl Fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        let label = scope.get(&key)?;
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
        self.found.push(Diagnostic {
            container,
            code,
            label,
            message,
            help,
        });
    }
}
