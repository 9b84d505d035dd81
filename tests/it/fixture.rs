//! Containers as text, and what the agent makes of them as text.
//!
//! A container is a line and its labels, set in below it:
//!
//! ```text
//! shop/web created=5 ports=80,443
//!   sh0.host=app.example.com
//! ```
//!
//! `shop/web` is a compose project and its service, `web` alone a container outside any project.
//! Without options it runs, has the id `c<its place>`, the creation time <its place>, the address
//! `10.0.0.<its place>` on the routing network, and exposes port 80. Options: `n=<replica>`, `id`,
//! `created`, `state`, `health`, `ports=<list or none>`, `ip=<v4, v6 or none>`, `nets=<names it is
//! on instead, or none>`, `mode=host` or `mode=container:<id>`, `oneoff`.
//!
//! Lines that begin with `==` make a story. Each does something; then the agent looks again at
//! the containers below it, or at the same as before, or at none where it says `nobody`:
//! `== later 30s`, `== restart`, `== caddy refuses <route id>`, `== allow *`,
//! `== allow raw` and `== forbid raw` (Caddy's JSON), `== allow urls`, `== tls off`,
//! `== certificate *.example.com`, `== authority partners.pem`, `== dns provider`.

mod serving;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sh0_agent::labels::{HostPattern, Permits, TlsSetting};
use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Few, FileName, Health, Hostname, Labels,
    NetworkMode, SharedMap, Snapshot,
};
use sh0_agent::routes::{
    Absent, Builder, Built, Claims, Gates, HostPolicy, Inputs, LastGood, Refused, Row, Upstream,
    UpstreamTls,
};

/// What the agent remembers and is set to.
pub(crate) struct Agent {
    pub(crate) claims: Claims,
    pub(crate) last_good: LastGood,
    pub(crate) absent: Absent,
    pub(crate) refused: Refused,
    pub(crate) now: u64,
    /// The last good forms before the last look, which a refusal brings back.
    accepted_before: LastGood,
    pub(crate) permits: Permits,
    default_tls: TlsSetting,
    certificates: BTreeSet<Hostname>,
    pub(crate) authorities: BTreeMap<FileName, PathBuf>,
    has_dns_provider: bool,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            claims: Claims::new(),
            last_good: LastGood::new(),
            absent: Absent::new(),
            refused: Refused::new(),
            now: 1_000,
            accepted_before: LastGood::new(),
            permits: Permits::default(),
            default_tls: TlsSetting::Auto,
            certificates: BTreeSet::new(),
            authorities: BTreeMap::new(),
            has_dns_provider: false,
        }
    }
}

fn patterns(words: &[&str]) -> Vec<HostPattern> {
    let words = words.iter();
    words
        .map(|word| HostPattern::parse(word).expect("a pattern"))
        .collect()
}

impl Agent {
    /// Builds, and changes nothing in the agent.
    pub(crate) fn build(&self, snapshot: &Snapshot) -> Built {
        self.build_by(&mut Builder::default(), snapshot)
    }

    /// The same by this builder, which may have built before.
    pub(crate) fn build_by(&self, builder: &mut Builder, snapshot: &Snapshot) -> Built {
        builder.build(&Inputs {
            snapshot,
            claims: &Arc::new(self.claims.clone()),
            last_good: &Arc::new(self.last_good.clone()),
            absent: &self.absent,
            refused: &self.refused,
            prefix: "sh0",
            network: "sh0-net",
            default_tls: self.default_tls,
            permits: &self.permits,
            own_ports: [80, 443],
            certificate_names: &self.certificates,
            authorities: &self.authorities,
            has_dns_provider: self.has_dns_provider,
            gates: &Gates::open(),
            linger_seconds: 0,
            now: self.now,
        })
    }

    /// Builds, and remembers what an agent remembers once Caddy has accepted the result.
    pub(crate) fn look(&mut self, snapshot: &Snapshot) -> Built {
        let built = self.build(snapshot);
        self.claims = built.claims.clone();
        self.absent = built.absent.clone();
        self.accepted_before = self.last_good.clone();
        let mut good = built.good.clone();
        good.retain(|id, _| !built.unproven.contains(id));
        self.last_good.extend(entries(&good));
        built
    }

    fn step(&mut self, step: &str, before: &Built) {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words.as_slice() {
            ["later", time] => {
                let seconds = time.trim_end_matches('s').parse::<u64>();
                self.now += seconds.expect("a number of seconds");
            }
            ["restart"] => {
                let stored = serde_json::to_string(&self.claims).expect("claims are JSON");
                self.claims = serde_json::from_str(&stored).expect("claims are read back");
            }
            ["caddy", "refuses", id] => {
                let found = before
                    .good
                    .iter()
                    .find(|(known, _)| known.to_string() == *id);
                let (id, labels) = found.expect("a route that is there");
                self.last_good.clone_from(&self.accepted_before);
                let forms = self.refused.entry(id.clone()).or_default();
                forms.insert(labels.clone(), "loading module: no such thing".to_owned());
            }
            ["allow", "hosts", hosts @ ..] => self.permits.allowed_hosts = patterns(hosts),
            ["deny", "hosts", hosts @ ..] => self.permits.denied_hosts = patterns(hosts),
            ["allow", "*"] => self.permits.catch_all = true,
            ["allow", "raw"] => self.permits.raw_caddy = true,
            ["forbid", "raw"] => self.permits.raw_caddy = false,
            ["allow", "urls"] => self.permits.auth_urls = true,
            ["tls", setting] => {
                self.default_tls = TlsSetting::parse(setting).expect("a setting");
            }
            ["certificate", name] => {
                self.certificates
                    .insert(Hostname::parse(name).expect("a host"));
            }
            ["authority", name] => {
                let name = FileName::parse(name).expect("a file's name");
                self.authorities
                    .insert(name, PathBuf::from("/copies/ca.pem"));
            }
            ["dns", "provider"] => self.has_dns_provider = true,
            other => unreachable!("no such step: {other:?}"),
        }
    }
}

/// Plays a story and shows what came of each of its parts.
pub(crate) fn play(story: &str) -> String {
    let mut agent = Agent::default();
    let mut shown = String::new();
    let mut before = agent.build(&Snapshot::default());
    let mut containers: Vec<&str> = Vec::new();
    let mut present = Snapshot::default();
    for line in story.lines().chain(["== end"]) {
        let Some(step) = line.trim().strip_prefix("==") else {
            containers.extend(Some(line).filter(|line| !line.trim().is_empty()));
            continue;
        };
        match containers.as_slice() {
            [] => {}
            [nobody] if nobody.trim() == "nobody" => present = Snapshot::default(),
            some => present = snapshot(&some.join("\n")),
        }
        if !containers.is_empty() || !shown.is_empty() {
            before = agent.look(&present);
            shown.push_str(&show(&before));
        }
        containers.clear();
        if step.trim() != "end" {
            agent.step(step, &before);
            writeln!(shown, "=={step}").expect("strings take everything");
        }
    }
    shown
}

/// The containers of a text.
pub(crate) fn snapshot(text: &str) -> Snapshot {
    let mut containers: Vec<Container> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match containers.last_mut() {
            Some(container) if line.trim_start().starts_with("sh0.") => {
                let (key, value) = line.trim_start().split_once('=').expect("key=value");
                container.labels.insert(key.to_owned(), value.to_owned());
            }
            Some(_) | None => containers.push(container(line, containers.len() + 1)),
        }
    }
    Snapshot::new(containers)
}

fn container(line: &str, place: usize) -> Container {
    let mut words = line.split_whitespace();
    let who = words.next().expect("a container's name");
    let options: BTreeMap<&str, &str> = words
        .map(|word| word.split_once('=').unwrap_or((word, "")))
        .collect();
    let get = |key: &str| options.get(key).copied();
    let mut labels = Labels::new();
    let mut name = who.to_owned();
    if let Some((project, service)) = who.split_once('/') {
        name = format!("{project}-{service}-{}", get("n").unwrap_or("1"));
        labels.insert("com.docker.compose.project".to_owned(), project.to_owned());
        labels.insert("com.docker.compose.service".to_owned(), service.to_owned());
    }
    if get("oneoff").is_some() {
        labels.insert("com.docker.compose.oneoff".to_owned(), "True".to_owned());
    }
    let id = get("id").map_or(format!("c{place}"), str::to_owned);
    let created = get("created").map_or(i64::try_from(place).expect("few"), |time| {
        time.parse().expect("a time")
    });
    Container {
        id: ContainerId::new(id).expect("not empty"),
        name: name.into(),
        labels,
        state: state(get("state").unwrap_or("running")),
        health: health(get("health").unwrap_or("none")),
        created,
        network_mode: match get("mode") {
            None => NetworkMode::Attached,
            Some("host") => NetworkMode::Host,
            Some(other) => {
                let lender = other.strip_prefix("container:").expect("a mode");
                NetworkMode::Container(ContainerId::new(lender).expect("not empty"))
            }
        },
        networks: networks(get("nets"), get("ip"), place),
        ports: match get("ports") {
            None => BTreeSet::from([80]),
            Some("none") => BTreeSet::new(),
            Some(ports) => ports
                .split(',')
                .map(|port| port.parse().expect("a port"))
                .collect(),
        },
    }
}

fn networks(nets: Option<&str>, ip: Option<&str>, place: usize) -> Few<Address> {
    let default = format!("10.0.0.{place}");
    let ip = ip.unwrap_or(&default);
    let address = Address {
        ipv4: ip.parse().ok(),
        ipv6: ip.parse().ok(),
    };
    let nets = nets
        .unwrap_or("sh0-net")
        .split(',')
        .filter(|net| *net != "none");
    nets.map(|net| (net.to_owned(), address)).collect()
}

fn state(word: &str) -> ContainerState {
    serde_json::from_value(word.into()).expect("a state")
}

fn health(word: &str) -> Health {
    serde_json::from_value(word.into()).expect("a health")
}

fn show_upstream(upstream: &Upstream) -> String {
    match upstream.weight.get() {
        1 => upstream.address.to_string(),
        weight => format!("{}*{weight}", upstream.address),
    }
}

/// The whole outcome: routes, rows, diagnostics.
pub(crate) fn show(built: &Built) -> String {
    let mut shown = String::new();
    for (key, route) in built.table.in_order() {
        let pool = &route.pool;
        let tls = built.table.hosts.get(&key.host);
        let tls = tls.map_or("?".to_owned(), show_policy);
        let rewrite = route.rewrite.as_ref();
        let strip = [
            if route.strip { " strip" } else { "" }.to_owned(),
            rewrite.map_or(String::new(), |path| format!(" rewrite={}", path.as_str())),
            if route.log { " log" } else { "" }.to_owned(),
        ]
        .concat();
        let upstreams: Vec<String> = pool.upstreams.iter().map(show_upstream).collect();
        let upstreams = match upstreams.as_slice() {
            [] => "503".to_owned(),
            some => some.join(" "),
        };
        let check = match &pool.tls {
            None => String::new(),
            Some(UpstreamTls::Verify(name)) => format!(" verify={name}"),
            Some(UpstreamTls::SkipVerify) => " skip-verify".to_owned(),
        };
        let policy = match format!("{:?}", pool.policy) {
            word if word == "LeastConn" => String::new(),
            word => format!(" {word}"),
        };
        let patience = [("hold", pool.hold, 30), ("retry", pool.retry, 5)];
        let patience: Vec<String> = { patience.iter() }
            .filter(|(_, time, default)| *time != Duration::from_secs(*default))
            .map(|(key, time, _)| format!(" {key}={time:?}"))
            .collect();
        let times = pool.timeouts;
        let connect = Some(times.connect).filter(|time| *time != Duration::from_millis(900));
        let times = [("connect", connect), ("response", times.response)];
        let times = times.map(|(key, time)| time.map(|time| format!(" {key}={time:?}")));
        let authority = { pool.authority.as_ref() }.map(|name| format!(" ca={}", name.as_str()));
        let times = times.into_iter().chain([authority]).flatten();
        let patience: String = patience.into_iter().chain(times).collect();
        let serving = serving::show(&route.serving);
        let scheme = format!("{:?}", pool.scheme).to_lowercase();
        let id = &route.id;
        writeln!(
            shown,
            "{key} [{tls}]{strip} {id} -> {scheme} {upstreams}{check}{policy}{patience}{serving}"
        )
        .expect("strings take everything");
    }
    for (from, to) in &built.table.redirects {
        let policy = built
            .table
            .hosts
            .get(from)
            .map_or("?".to_owned(), show_policy);
        writeln!(shown, "{from} [{policy}] -> {to}").expect("strings take everything");
    }
    let fenced = built.table.fenced.iter().map(show_fence);
    shown.extend(fenced);
    for row in built.rows.iter() {
        writeln!(shown, "| {}", show_row(row)).expect("strings take everything");
    }
    for diagnostic in &*built.diagnostics {
        writeln!(shown, "! {} {}", diagnostic.code, diagnostic.one_line())
            .expect("strings take everything");
    }
    shown
}

fn show_fence((host, against): (&Hostname, &u8)) -> String {
    let cover = host.covering_wildcard().filter(|_| *against == 1);
    let cover = cover.map_or("*".to_owned(), |cover| cover.to_string());
    format!("{host} [fenced from {cover}]\n")
}

/// What holds for a host, as far as it is not what holds without labels.
fn show_policy(policy: &HostPolicy) -> String {
    let mut shown = format!("{:?}", policy.mode).to_lowercase();
    if policy.min != HostPolicy::new(policy.mode).min {
        write!(shown, " min={}", policy.min.as_str()).expect("strings take everything");
    }
    if let Some(client_ca) = &policy.client_ca {
        write!(shown, " client_ca={client_ca}").expect("strings take everything");
    }
    if let Some(hsts) = &policy.hsts {
        write!(shown, " hsts={hsts:?}").expect("strings take everything");
    }
    if policy.has_tls() && !policy.redirects_http {
        shown.push_str(" http");
    }
    shown
}

fn show_row(row: &Row) -> String {
    let route = format!("{}{}", row.host, row.path);
    let route = if route.is_empty() { "-" } else { &route };
    let reason = row
        .reason
        .as_ref()
        .map_or(String::new(), |reason| format!(": {reason}"));
    format!(
        "{route} {} {}{reason}",
        row.container.name,
        row.state.as_str()
    )
}

/// The entries of a map, to be put into another.
pub(crate) fn entries<K: Clone, V: Clone>(map: &SharedMap<K, V>) -> impl Iterator<Item = (K, V)> {
    map.iter().map(|(key, value)| (key.clone(), value.clone()))
}
