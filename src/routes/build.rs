//! From a snapshot to the table, in one pure pass.
//!
//! Candidates (who asks) → forms (what each route is) → claims (who owns which host) → the table,
//! with a row for every container and every diagnostic on the way. The same containers in any
//! order give the same table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::absent::Absent;
use super::builder::Builder;
use super::claims::Claims;
use super::forms::Form;
use super::gates::{Gates, ReadyLast, Trial, Watch};
use super::report::Row;
use super::table::RouteTable;
use crate::diagnostic::{Code, Diagnostic, LabelRef};
use crate::labels::{Permits, TlsSetting};
use crate::model::{
    AppKey, ContainerRef, FileName, Hostname, Labels, RouteId, RouteName, SharedMap, SharedSet,
    Snapshot,
};

/// The labels under the prefix by which each route was last accepted.
pub type LastGood = SharedMap<RouteId, Labels>;

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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// Those of them that may turn out to be wrong once a container runs.
    pub unproven: BTreeSet<RouteId>,
    /// What every container that carries our labels gets, sorted by host, path and container.
    pub rows: SharedSet<Arc<Row>>,
    /// Everything wrong, sorted.
    pub diagnostics: Arc<Vec<Diagnostic>>,
    /// Running containers without an address on their network; it comes by itself, or never.
    pub addressless: Vec<ContainerRef>,
    /// Containers that must show that they are ready.
    pub trials: BTreeSet<Trial>,
    /// Containers that are asked again and again whether they are well.
    pub watches: Arc<BTreeSet<Watch>>,
    /// Who takes requests now, as the gates of the next build say it.
    pub ready_last: ReadyLast,
    /// When the first route ends that outlives its app's containers, in seconds since 1970.
    pub linger_ends: Option<u64>,
}

/// Builds the table. Never fails.
#[must_use]
pub fn build(inputs: &Inputs<'_>) -> Built {
    Builder::default().build(inputs)
}

/// The forms of an app's routes.
pub(super) fn of_app<'a>(
    good: &'a LastGood,
    app: &AppKey,
) -> impl Iterator<Item = (&'a RouteId, &'a Labels)> {
    let from_first = good.range_from(&RouteId::first_of(app));
    from_first.take_while(move |(id, _)| id.app == *app)
}

impl Inputs<'_> {
    /// The forms by which the routes of an app were last accepted.
    pub(super) fn good_of(&self, app: &AppKey) -> impl Iterator<Item = (&RouteId, &Labels)> {
        of_app(self.last_good, app)
    }

    /// The labels under our prefix.
    pub(super) fn own_labels(&self, labels: &Labels) -> Labels {
        let is_own = |key: &str| {
            key.strip_prefix(self.prefix)
                .is_some_and(|k| k.starts_with('.'))
        };
        if labels.keys().all(|key| is_own(key)) {
            return labels.clone();
        }
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
