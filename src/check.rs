//! What the agent would say of files, without an agent: labels in compose files, or in a list of
//! containers, each finding with its line.
//!
//! Makes the containers that compose would make and gives them to [`crate::routes::build`], so that
//! a finding has the code and the words of the running agent. Owns only what follows from files
//! alone: where a finding stands, and what cannot be known offline, which is not said or is a
//! warning. Deliberately pure: files, environment and terminal belong to `cli`.

mod changes;
mod crowd;
mod findings;
mod listed;
mod others;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::compose::{Loaded, Place, Source};
use crate::diagnostic::{Code, LabelRef, Severity};
use crate::labels::{Permits, TlsSetting};
use crate::model::{FileName, Hostname, Owner, Snapshot};
use crate::routes::{Absent, Built, Claims, Gates, Inputs, LastGood, Refused, build};
use crate::settings::Settings;

pub use changes::{Change, Planned, RouteChange, RunningRow, changes};
pub use crowd::Running;
pub use listed::{is_listed, listed};

use self::crowd::Crowd;
use self::findings::{Findings, last};

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where it stands, in one of [`Checked::sources`].
    pub place: Place,
    /// Whether it cannot work.
    pub severity: Severity,
    /// Its code, where the agent has one for it.
    pub code: Option<Code>,
    /// The services or containers; several where one line is for all of them.
    pub services: BTreeSet<String>,
    /// The label, where one is to blame; a secret is hidden.
    pub label: Option<LabelRef>,
    /// Whether the line may hold a secret, so that it is not shown.
    pub is_secret: bool,
    /// What is wrong; lowercase, without a full stop.
    pub message: String,
    /// What to type.
    pub help: String,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// The files that were read, as [`Place::file`] counts them.
    pub sources: Vec<Source>,
    /// What is wrong, in the order of the files.
    pub findings: Vec<Finding>,
    /// The routes that would come of it.
    pub routes: BTreeSet<String>,
}

/// What decides besides the labels.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The label prefix, without a dot.
    pub prefix: String,
    network: String,
    default_tls: TlsSetting,
    permits: Permits,
    own_ports: [u16; 2],
    has_dns_provider: bool,
}

impl From<&Settings> for Rules {
    fn from(settings: &Settings) -> Self {
        Self {
            prefix: settings.label_prefix.clone(),
            network: settings.network.clone(),
            default_tls: settings.default_tls,
            permits: settings.permits.clone(),
            own_ports: [settings.http_port, settings.https_port],
            has_dns_provider: settings.acme.dns_provider.is_some(),
        }
    }
}

/// What an agent on the host remembers; a check without one has the default.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// Who owns which host.
    pub claims: Claims,
    /// The forms in which routes worked last.
    pub last_good: LastGood,
    /// The time, in seconds since 1970.
    pub now: u64,
}

impl Rules {
    /// What an agent with these settings would make of the containers.
    #[must_use]
    pub fn build(&self, snapshot: &Snapshot, remembered: &Remembered) -> Built {
        let mut permits = self.permits.clone();
        if !permits.allowed_hosts.is_empty() {
            permits.allowed_hosts.extend(crowd::elsewhere());
        }
        build(&Inputs {
            snapshot,
            claims: &remembered.claims,
            last_good: &remembered.last_good,
            absent: &Absent::new(),
            refused: &Refused::new(),
            prefix: &self.prefix,
            network: &self.network,
            default_tls: self.default_tls,
            permits: &permits,
            own_ports: self.own_ports,
            certificate_names: &BTreeSet::<Hostname>::new(),
            authorities: &authorities(snapshot),
            has_dns_provider: self.has_dns_provider,
            gates: &Gates::open(),
            linger_seconds: 0,
            now: remembered.now,
        })
    }
}

/// The files with authorities that labels name: whether the host has them is not known here.
fn authorities(snapshot: &Snapshot) -> BTreeMap<FileName, PathBuf> {
    let labels = snapshot
        .containers()
        .flat_map(|container| container.labels.iter());
    let named = labels.filter(|(key, _)| ["ca", "client_ca"].contains(&last(key)));
    let files = named.filter_map(|(_, file)| FileName::parse(file).ok());
    files.map(|name| (name, PathBuf::new())).collect()
}

/// Checks a project that was read from compose files.
#[must_use]
pub fn project(loaded: Loaded, rules: &Rules) -> Checked {
    let together = crowd::profiles(&loaded.project);
    let (findings, built) = said(&loaded, rules, &together, &Remembered::default(), &[]);
    let owner = Owner::Project(loaded.project.name.as_str().into());
    let routes = built.iter().flat_map(|built| &built.table.routes);
    let own = routes.filter(|(_, route)| route.id.app.owner == owner);
    Checked {
        findings,
        routes: own
            .map(|(key, route)| format!("{key} {}", route.id))
            .collect(),
        sources: loaded.sources,
    }
}

/// What is wrong with a project, and what would be built of it: once for each group of services
/// that run together, where an agent has these rows.
fn said(
    loaded: &Loaded,
    rules: &Rules,
    together: &[Running],
    remembered: &Remembered,
    rows: &[RunningRow],
) -> (Vec<Finding>, Vec<Built>) {
    let project = &loaded.project;
    let mut findings = Findings::of_project(rules);
    for problem in &loaded.problems {
        findings.problem(problem);
    }
    for service in &project.services {
        findings.labels_that_count_nowhere(service);
    }
    let mut all = Vec::new();
    for running in together {
        let crowd = Crowd::of(project, rules, running);
        let mut built = rules.build(&crowd.snapshot(), remembered);
        let crowd = crowd.with_others(&built, rules, remembered, rows);
        if crowd.has_others() {
            built = rules.build(&crowd.snapshot(), remembered);
        }
        for diagnostic in &*built.diagnostics {
            if let Some(service) = crowd.service(project, &diagnostic.container.id) {
                findings.diagnostic(diagnostic, service);
            }
        }
        all.push(built);
    }
    (findings.sorted(), all)
}
