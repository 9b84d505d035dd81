//! From a snapshot to the table, in one pure pass.
//!
//! Candidates (who asks) → forms (what each route is) → claims (who owns which host) → the table,
//! with a row for every container and every diagnostic on the way. The same containers in any
//! order give the same table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::absent::{self, Absent};
use super::allowed;
use super::asking::{asking, named};
use super::claims::{self, Claims};
use super::forms::{self, Candidate, Form};
use super::gates::{Gates, ReadyLast, Trial, Watch};
use super::health;
use super::place::place;
use super::policies;
use super::report::{Obstacle, Row};
use super::table::RouteTable;
use super::trials;
use super::upstream::{self, NotReady};
use crate::diagnostic::{Code, Diagnostic, LabelRef, Severity};
use crate::labels::{Permits, Standing, TlsSetting, parse};
use crate::model::{
    AppKey, Container, ContainerRef, FileName, Hostname, Labels, RouteId, RouteName, Snapshot,
    shown,
};

/// Networks that are listed when the right one is not among them: more help nobody.
const NETWORKS_SHOWN_MAX: usize = 5;
/// Characters of a container's or a network's name that are shown. Docker lets networks have any
/// name.
const NAME_CHARS_MAX: usize = 128;

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
    /// Apps that had no container before.
    pub absent: &'a Absent,
    /// Forms that Caddy refused.
    pub refused: &'a Refused,
    /// The label prefix, without a dot.
    pub prefix: &'a str,
    /// The routing network.
    pub network: &'a str,
    /// The certificate policy of hosts whose labels do not say one.
    pub default_tls: TlsSetting,
    /// What labels may ask for beyond what everybody may.
    pub permits: &'a Permits,
    /// Where Caddy listens on this machine, for HTTP and for HTTPS.
    pub own_ports: [u16; 2],
    /// The names for which the certificate directory has a certificate.
    pub certificate_names: &'a BTreeSet<Hostname>,
    /// The files in it with authorities, of client certificates or of containers'.
    pub authorities: &'a BTreeMap<FileName, PathBuf>,
    /// Whether public certificates for wildcards can be had, by a DNS provider.
    pub has_dns_provider: bool,
    /// Who has shown that it is ready, and who is stopping.
    pub gates: &'a Gates,
    /// How long a route outlives its app's last container; 0 where requests cannot wait.
    pub linger_seconds: u64,
    /// The time, in seconds since 1970.
    pub now: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The routes.
    pub table: Arc<RouteTable>,
    /// The claims that hold now.
    pub claims: Claims,
    /// The apps that have no container now.
    pub absent: Absent,
    /// The present good forms of the routes in the table; to be remembered once Caddy has
    /// accepted them.
    pub good: LastGood,
    /// What every container that carries our labels gets, sorted by host, path and container.
    pub rows: Arc<Vec<Row>>,
    /// Everything wrong, sorted.
    pub diagnostics: Vec<Diagnostic>,
    /// Running containers without an address on their network; it comes by itself, or never.
    pub addressless: Vec<ContainerRef>,
    /// Containers that must show that they are ready.
    pub trials: BTreeSet<Trial>,
    /// Containers that are asked again and again whether they are well.
    pub watches: BTreeSet<Watch>,
    /// Who takes requests now, as the gates of the next build say it.
    pub ready_last: ReadyLast,
    /// When the first route ends that outlives its app's containers, in seconds since 1970.
    pub linger_ends: Option<u64>,
}

/// Builds the table. Never fails.
#[must_use]
pub fn build(inputs: &Inputs<'_>) -> Built {
    let mut found = Vec::new();
    let mut rows = Vec::new();
    let apps = candidates(inputs, &mut found, &mut rows);
    let (mut forms, mut spoiled) = (Vec::new(), Vec::new());
    for (app, candidates) in &apps {
        let of_app = forms::of_app(app, candidates, inputs, &mut found);
        spoiled.extend(policies::spoiled(app, candidates, &of_app, inputs.gates));
        forms.extend(of_app);
    }
    let absent = absent::since(&apps, inputs);
    forms.extend(absent::forms(&absent, inputs));
    forms::shut_neighbours(&mut forms);
    allowed::keep_allowed(&mut forms, inputs, &mut found);
    let mut claims = claims::settle(inputs.claims, &asking(&forms), &named(&apps), inputs.now);
    let placed = place(&forms, &spoiled, &claims, inputs, &mut found);
    claims::remember_rules(&mut claims, &placed.rules);
    found.sort();
    found.dedup();
    rows.extend(placed.rows);
    rows.extend(left_out(&apps, &rows, &found, inputs.gates));
    rows.sort();
    rows.dedup();
    let linger_ends = absent::ends(&forms, &absent, inputs.linger_seconds);
    let good = forms
        .iter()
        .filter(|form| !form.is_last_good && form.shut.is_none() && placed.ids.contains(&form.id))
        .map(|form| (form.id.clone(), form.labels.clone()))
        .collect();
    let lacks_address = |c: &&Candidate<'_>| matches!(c.ip, Err(NotReady::NoAddress { .. }));
    let addressless = apps.values().flatten().filter(lacks_address);
    let addressless = addressless
        .map(|candidate| candidate.container.reference())
        .collect();
    Built {
        table: Arc::new(placed.table),
        claims,
        absent,
        good,
        rows: Arc::new(rows),
        diagnostics: found,
        addressless,
        trials: trials::trials(apps.values().flatten(), &forms, inputs.gates),
        watches: health::watches(&forms),
        ready_last: health::ready_last(&forms),
        linger_ends,
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
        let out = |why: Obstacle, reason: &str| Row::off(container.reference(), why, reason);
        match parsed.standing {
            Standing::NotOurs => {}
            Standing::Disabled => {
                let reason = format!("its labels say `{}.enable=false`", inputs.prefix);
                rows.push(out(Obstacle::Disabled, &reason));
            }
            Standing::OneOff => {
                rows.push(out(Obstacle::OneOff, "it is a one-off container (`run`)"));
            }
            Standing::Asks(spec) => {
                let network = spec.network.as_deref().unwrap_or(inputs.network);
                let ip = upstream::address(
                    container,
                    network,
                    inputs.snapshot,
                    trials::waits_for_health(&spec),
                );
                let ip = inputs.gates.admit(&container.id, ip);
                found.extend(
                    ip.as_ref()
                        .err()
                        .and_then(|why| unreachable(container, why)),
                );
                let candidate = Candidate {
                    container,
                    spec: *spec,
                    ip,
                };
                apps.entry(candidate.spec.app.clone())
                    .or_default()
                    .push(candidate);
            }
        }
    }
    for candidates in apps.values_mut() {
        candidates.sort_by(|a, b| {
            let age =
                |candidate: &Candidate<'a>| (candidate.container.created, &candidate.container.id);
            age(b).cmp(&age(a))
        });
    }
    apps
}

/// The diagnostic of a container that cannot be reached as its networks are.
fn unreachable(container: &Container, why: &NotReady) -> Option<Diagnostic> {
    let (message, help) = match why {
        NotReady::NotOnNetwork {
            network,
            attached,
            lender,
        } => off_network(container, network, attached, lender.as_deref()),
        NotReady::LenderGone => (
            "the container whose network it uses is not there".to_owned(),
            "create this container anew, after that one".to_owned(),
        ),
        NotReady::NotRunning(_)
        | NotReady::Starting
        | NotReady::Unhealthy(_)
        | NotReady::Failing(_)
        | NotReady::Crashing(_)
        | NotReady::Draining
        | NotReady::Unproven
        | NotReady::Remembered
        | NotReady::NoAddress { .. }
        | NotReady::NoPort
        | NotReady::OwnPort(_)
        | NotReady::OtherRoute => return None,
    };
    Some(Diagnostic {
        container: container.reference(),
        code: Code::NotOnNetwork,
        label: None,
        message,
        help,
    })
}

fn off_network(
    container: &Container,
    network: &str,
    attached: &[String],
    lender: Option<&str>,
) -> (String, String) {
    let of_project = attached
        .iter()
        .find(|name| name.ends_with(&format!("_{network}")));
    let mut list: Vec<String> = { attached.iter().take(NETWORKS_SHOWN_MAX) }
        .map(|name| format!("`{}`", shown(name, NAME_CHARS_MAX)))
        .collect();
    match attached.len().saturating_sub(NETWORKS_SHOWN_MAX) {
        0 if attached.is_empty() => list.push("no network".to_owned()),
        0 => {}
        more => list.push(format!("{more} more")),
    }
    let list = list.join(", ");
    let user = shown(lender.unwrap_or(&container.name), NAME_CHARS_MAX);
    let help = match of_project {
        Some(_) => format!(
            "compose made a network of the project; write these two lines for it in the compose \
             file: `networks:` and below it `  {network}: {{external: true}}`"
        ),
        None => format!(
            "add `networks: [{network}]` to the service, or type `docker network connect \
             {network} {user}`"
        ),
    };
    let who = lender.map_or("it".to_owned(), |_| {
        format!("`{user}`, whose network it uses,")
    });
    let message = format!("{who} is not on the routing network `{network}`; it is on {list}");
    (message, help)
}

/// The rows of the containers none of whose routes came into being. `found` is sorted.
fn left_out(
    apps: &BTreeMap<AppKey, Vec<Candidate<'_>>>,
    rows: &[Row],
    found: &[Diagnostic],
    gates: &Gates,
) -> Vec<Row> {
    let shown: BTreeSet<_> = rows.iter().map(|row| &row.container.id).collect();
    let of_app = |(app, candidates): (&AppKey, &Vec<Candidate<'_>>)| {
        let definer = || forms::definer(candidates, gates).map(|one| one.container.reference());
        let absent = candidates.iter();
        let absent = absent.filter(|candidate| !shown.contains(&candidate.container.id));
        let row = |candidate: &Candidate<'_>| {
            let reference = candidate.container.reference();
            let own = found.partition_point(|diagnostic| diagnostic.container < reference);
            let own = found.get(own).filter(|diagnostic| {
                diagnostic.container == reference && diagnostic.code.severity() == Severity::Error
            });
            let of_definer = || {
                let definer = definer().map_or(String::new(), |definer| definer.to_string());
                format!("the labels of {definer} count for all replicas, and they are wrong")
            };
            let reason = own.map_or_else(of_definer, |diagnostic| diagnostic.message.clone());
            Row {
                app: Some(app.clone()),
                ..Row::refused(reference, &reason)
            }
        };
        absent.map(row).collect::<Vec<_>>()
    };
    apps.iter().flat_map(of_app).collect()
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

    /// Whether a public certificate for this host cannot be had: a wildcard needs one from the
    /// directory where no DNS provider is set, which the stock Caddy has none of.
    pub(super) fn lacks_certificate(&self, host: &Hostname) -> bool {
        let is_ordered = !host.is_wildcard() || host.is_internal() || self.has_dns_provider;
        !is_ordered && !self.certificate_names.contains(host)
    }

    /// Says that a host lacks its certificate.
    pub(super) fn no_certificate(&self, form: &Form, host: &Hostname) -> Diagnostic {
        let file = host.as_str().replacen('*', "_", 1);
        Diagnostic {
            container: form.definer.clone(),
            code: Code::NoWildcardCertificate,
            label: self.host_label(&form.labels, &form.id.route),
            message: format!("`{host}` needs a certificate, and none for it is in the directory"),
            help: format!(
                "put `{file}.crt` and `{file}.key` into the agent's `--certificates` directory, \
                 or set `{0}.tls=internal` or `{0}.tls=on_demand`",
                self.prefix
            ),
        }
    }

    pub(super) fn host_label(&self, labels: &Labels, route: &RouteName) -> Option<LabelRef> {
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
