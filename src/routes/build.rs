//! From a snapshot to the table, in one pure pass.
//!
//! Candidates (who asks) → forms (what each route is) → claims (who owns which host) → the table,
//! with a row for every container and every diagnostic on the way. The same containers in any
//! order give the same table.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::{self, Asking, Claims};
use super::forms::{self, Candidate, Form};
use super::place::place;
use super::report::Row;
use super::table::RouteTable;
use super::upstream::{self, NotReady};
use crate::diagnostic::{Code, Diagnostic, LabelRef};
use crate::labels::{RouteSpec, Standing, TlsSetting, parse};
use crate::model::{
    AppKey, Container, ContainerRef, Hostname, Labels, RouteId, RouteName, Snapshot,
};

/// The labels under the prefix by which each route was last accepted.
pub type LastGood = BTreeMap<RouteId, Labels>;

/// For each route the forms (as labels) that Caddy refused, with its words.
pub type Refused = BTreeMap<RouteId, BTreeMap<Labels, String>>;

/// Everything the table depends on.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The containers.
    pub snapshot: &'a Snapshot,
    /// Claims of before.
    pub claims: &'a Claims,
    /// Forms of before.
    pub last_good: &'a LastGood,
    /// Forms that Caddy refused.
    pub refused: &'a Refused,
    /// The label prefix, without a dot.
    pub prefix: &'a str,
    /// The routing network.
    pub network: &'a str,
    /// The certificate policy of hosts whose labels do not say one.
    pub default_tls: TlsSetting,
    /// Whether `*` is allowed.
    pub allow_catch_all: bool,
    /// The names for which the certificate directory has a certificate.
    pub certificate_names: &'a BTreeSet<Hostname>,
    /// The time, in seconds since 1970.
    pub now: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The routes.
    pub table: RouteTable,
    /// The claims that hold now.
    pub claims: Claims,
    /// The present good forms of the routes in the table; to be remembered once Caddy has
    /// accepted them.
    pub good: LastGood,
    /// What every container that carries our labels gets, sorted by host, path and container.
    pub rows: Vec<Row>,
    /// Everything wrong, sorted.
    pub diagnostics: Vec<Diagnostic>,
    /// Running containers without an address on their network; it comes by itself, or never.
    pub addressless: Vec<ContainerRef>,
}

/// Builds the table. Never fails.
#[must_use]
pub fn build(inputs: &Inputs<'_>) -> Built {
    let mut found = Vec::new();
    let mut rows = Vec::new();
    let apps = candidates(inputs, &mut found, &mut rows);
    let mut forms = Vec::new();
    for (app, candidates) in &apps {
        forms.extend(forms::of_app(app, candidates, inputs, &mut found));
    }
    let claims = claims::settle(inputs.claims, &asking(&forms), inputs.now);
    let placed = place(&forms, &claims, inputs, &mut found);
    rows.extend(placed.rows);
    let shown: BTreeSet<_> = rows.iter().map(|row| row.container.id.clone()).collect();
    for candidate in apps.values().flatten() {
        if !shown.contains(&candidate.container.id) {
            rows.push(left_out(candidate, &found));
        }
    }
    found.sort();
    found.dedup();
    rows.sort();
    let good = forms
        .iter()
        .filter(|form| !form.is_last_good && placed.ids.contains(&form.id))
        .map(|form| (form.id.clone(), form.labels.clone()))
        .collect();
    let lacks_address = |c: &&Candidate<'_>| matches!(c.ip, Err(NotReady::NoAddress { .. }));
    let addressless = apps.values().flatten().filter(lacks_address);
    let addressless = addressless
        .map(|candidate| candidate.container.reference())
        .collect();
    Built {
        table: placed.table,
        claims,
        good,
        rows,
        diagnostics: found,
        addressless,
    }
}

/// All containers that ask for routes, by app, newest first.
fn candidates<'a>(
    inputs: &Inputs<'a>,
    found: &mut Vec<Diagnostic>,
    rows: &mut Vec<Row>,
) -> BTreeMap<AppKey, Vec<Candidate<'a>>> {
    let mut apps: BTreeMap<AppKey, Vec<Candidate<'a>>> = BTreeMap::new();
    for container in inputs.snapshot.containers() {
        let parsed = parse(container, inputs.prefix);
        found.extend(parsed.diagnostics);
        let out = |reason: &str| Row::off(container.reference(), reason);
        match parsed.standing {
            Standing::NotOurs => {}
            Standing::Disabled => {
                rows.push(out(&format!(
                    "its labels say `{}.enable=false`",
                    inputs.prefix
                )));
            }
            Standing::OneOff => rows.push(out("it is a one-off container (`run`)")),
            Standing::Asks(spec) => {
                let network = spec.network.as_deref().unwrap_or(inputs.network);
                let ip = upstream::address(container, network, inputs.snapshot);
                found.extend(
                    ip.as_ref()
                        .err()
                        .and_then(|why| off_network(container, why)),
                );
                let candidate = Candidate {
                    container,
                    spec,
                    ip,
                };
                apps.entry(candidate.spec.app.clone())
                    .or_default()
                    .push(candidate);
            }
        }
    }
    for candidates in apps.values_mut() {
        candidates.sort_by_key(|candidate| {
            std::cmp::Reverse((candidate.container.created, candidate.container.id.clone()))
        });
    }
    apps
}

/// The diagnostic of a container that is not on the network it should be reached on.
fn off_network(container: &Container, why: &NotReady) -> Option<Diagnostic> {
    let NotReady::NotOnNetwork { network, attached } = why else {
        return None;
    };
    let of_project = attached
        .iter()
        .find(|name| name.ends_with(&format!("_{network}")));
    let list = match attached.as_slice() {
        [] => "no network".to_owned(),
        names => names
            .iter()
            .map(|n| format!("`{n}`"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let help = match of_project {
        Some(_) => format!(
            "compose made a network of the project; add to the end of the compose file: \
             `networks: {{{network}: {{external: true}}}}`"
        ),
        None => format!(
            "add `networks: [{network}]` to the service, or type `docker network connect \
             {network} {}`",
            container.name
        ),
    };
    Some(Diagnostic {
        container: container.reference(),
        code: Code::NotOnNetwork,
        label: None,
        message: format!("it is not on the routing network `{network}`; it is on {list}"),
        help,
    })
}

fn asking(forms: &[Form]) -> Vec<Asking> {
    let of_form = |form: &Form| {
        let ask = |host: &Hostname| Asking {
            host: host.clone(),
            owner: form.id.app.owner.clone(),
            created: form.created,
            only_paths: !form.spec.paths.is_empty(),
            share: form.share.clone(),
        };
        form.spec.hosts.iter().map(ask).collect::<Vec<_>>()
    };
    forms.iter().flat_map(of_form).collect()
}

/// The row of a container none of whose routes came into being.
fn left_out(candidate: &Candidate<'_>, found: &[Diagnostic]) -> Row {
    let reference = candidate.container.reference();
    let first = found.iter().find(|d| d.container == reference);
    let reason = first.map_or("its labels ask for nothing".to_owned(), |d| {
        d.message.clone()
    });
    Row {
        app: Some(candidate.spec.app.clone()),
        ..Row::refused(reference, &reason)
    }
}

impl Inputs<'_> {
    /// The labels under our prefix.
    pub(super) fn own_labels(&self, labels: &Labels) -> Labels {
        let is_own = |key: &str| {
            key.strip_prefix(self.prefix)
                .is_some_and(|k| k.starts_with('.'))
        };
        let own = labels.iter().filter(|(key, _)| is_own(key));
        own.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Whether the agent's settings and certificates allow the hosts of a route.
    pub(super) fn check_hosts(
        &self,
        definer: &Candidate<'_>,
        route: &RouteName,
        spec: &RouteSpec,
    ) -> Option<Diagnostic> {
        let default = definer
            .spec
            .routes
            .get(&RouteName::Default)
            .and_then(Option::as_ref);
        let tls = |host: &Hostname| {
            let shared = default.filter(|default| default.hosts.contains(host));
            let setting = shared.map_or(spec.tls, |default| default.tls.or(spec.tls));
            setting.unwrap_or(self.default_tls)
        };
        let say = |code: Code, message: String, help: String| Diagnostic {
            container: definer.container.reference(),
            code,
            label: self.host_label(&definer.container.labels, route),
            message,
            help,
        };
        spec.hosts.iter().find_map(|host| {
            if host.is_catch_all() && !self.allow_catch_all {
                let message = "the host `*` would take every request that no other route takes";
                let help = "name the hosts, or start the agent with `--allow-catch-all`";
                return Some(say(Code::CatchAll, message.to_owned(), help.to_owned()));
            }
            let lacks = tls(host) == TlsSetting::Auto && self.lacks_certificate(host);
            lacks.then(|| {
                let (message, help) = self.wildcard_words(host);
                say(Code::NoWildcardCertificate, message, help)
            })
        })
    }

    /// Whether a public certificate for this host cannot be had: a wildcard needs one from the
    /// directory, for the stock Caddy has no DNS provider.
    pub(super) fn lacks_certificate(&self, host: &Hostname) -> bool {
        host.is_wildcard() && !host.is_internal() && !self.certificate_names.contains(host)
    }

    fn wildcard_words(&self, host: &Hostname) -> (String, String) {
        let file = host.as_str().replacen('*', "_", 1);
        (
            format!("`{host}` needs a certificate, and none for it is in the directory"),
            format!(
                "put `{file}.crt` and `{file}.key` into the agent's `--certificates` directory, \
                 or set `{}.tls=internal`",
                self.prefix
            ),
        )
    }

    fn host_label(&self, labels: &Labels, route: &RouteName) -> Option<LabelRef> {
        let default = format!("{}.host", self.prefix);
        let key = match route {
            RouteName::Default => default.clone(),
            RouteName::Named(name) => format!("{}.routes.{name}.host", self.prefix),
        };
        let (key, value) = labels
            .get_key_value(&key)
            .or(labels.get_key_value(&default))?;
        Some(LabelRef {
            key: key.clone(),
            value: value.clone(),
        })
    }
}
