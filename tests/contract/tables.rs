//! Route tables for tests: a short way to write one, and the samples whose configs are pinned as
//! golden files and given to a real Caddy.

pub(crate) mod grouped;
mod handled;
mod hosts;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sh0_agent::caddy::render::{AcmeOptions, CertificatePair, RenderOptions, SlotOptions};
use sh0_agent::model::{
    AppKey, Cidr, ContainerId, ContainerRef, ExactPath, FileName, Hostname, LbPolicy, Matching,
    Method, NewPath, Owner, PassiveChecks, PathMatch, PathPrefix, PathRegexp, PoolKey, QueryName,
    RouteId, RouteName, Scheme, TextMatch, Token, Weight,
};
use sh0_agent::routes::{
    HostPolicy, Pool, PoolHealth, Route, RouteKey, RouteTable, Serving, Timeouts, TlsMode,
    Upstream, UpstreamTls,
};

/// One route to be, and its host's policy.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) key: RouteKey,
    pub(crate) route: Route,
    pub(crate) policy: HostPolicy,
}

/// A route for `host/path`, without TLS, whose pool is `addresses`, separated by spaces.
pub(crate) fn site(place: &str, addresses: &str) -> Site {
    let (host, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let path = match path {
        "" => None,
        path => PathPrefix::parse(path)
            .expect("a path")
            .map(PathMatch::Prefix),
    };
    let upstream = |address: &str| Upstream {
        address: address.parse::<SocketAddr>().expect("an address"),
        container: ContainerRef {
            name: format!("container-{address}").into(),
            id: ContainerId::new(address).expect("not empty"),
        },
        weight: Weight::default(),
    };
    Site {
        key: RouteKey {
            path: path.unwrap_or_default(),
            ..RouteKey::whole(Hostname::parse(host).expect("a host"))
        },
        route: Route {
            id: RouteId {
                app: AppKey {
                    owner: Owner::Project("shop".into()),
                    name: "web".into(),
                },
                route: RouteName::Default,
            },
            pool: Pool {
                key: pool_key(),
                is_starting: false,
                expected: addresses.split_whitespace().count(),
                is_weighted: false,
                scheme: Scheme::Http,
                tls: None,
                hold: Duration::from_secs(30),
                retry: Duration::from_secs(5),
                policy: LbPolicy::LeastConn,
                upstreams: addresses.split_whitespace().map(upstream).collect(),
                health: PoolHealth::default(),
                timeouts: Timeouts::default(),
                authority: None,
            },
            strip: false,
            serving: Serving::default(),
            rewrite: None,
            log: false,
        },
        policy: HostPolicy::new(TlsMode::Off),
    }
}

/// The pool of every site.
fn pool_key() -> PoolKey {
    PoolKey::parse("00000000000000ab").expect("16 digits")
}

impl Site {
    pub(crate) fn public(mut self) -> Self {
        self.policy = HostPolicy::new(TlsMode::Public);
        self
    }

    pub(crate) fn internal(mut self) -> Self {
        self.policy = HostPolicy::new(TlsMode::Internal);
        self
    }

    pub(crate) fn strip(mut self) -> Self {
        self.route.strip = true;
        self
    }

    pub(crate) fn policy(mut self, policy: LbPolicy) -> Self {
        self.route.pool.policy = policy;
        self
    }

    pub(crate) fn retry(mut self, seconds: u64) -> Self {
        self.route.pool.retry = Duration::from_secs(seconds);
        self
    }

    /// Lets Caddy leave containers out by itself.
    pub(crate) fn passive(mut self) -> Self {
        self.route.pool.health.passive = Some(PassiveChecks {
            fail_for: Duration::from_secs(10),
            max_fails: 3,
        });
        self
    }

    /// Gives its containers these weights, in the order of their addresses.
    pub(crate) fn weights(mut self, weights: &[u8]) -> Self {
        self.route.pool.is_weighted = true;
        for (upstream, weight) in self.route.pool.upstreams.iter_mut().zip(weights) {
            upstream.weight = Weight::new(*weight).expect("1 to 100");
        }
        self
    }

    pub(crate) fn h2c(mut self) -> Self {
        self.route.pool.scheme = Scheme::H2c;
        self
    }

    pub(crate) fn https(mut self, tls: UpstreamTls) -> Self {
        self.route.pool.scheme = Scheme::Https;
        self.route.pool.tls = Some(tls);
        self
    }
}

/// The table of these sites.
pub(crate) fn table(sites: impl IntoIterator<Item = Site>) -> RouteTable {
    let mut table = RouteTable::default();
    for site in sites {
        let hosts = &mut table.hosts;
        hosts.insert(site.key.host.clone(), site.policy);
        table.routes.insert(site.key, Arc::new(site.route));
    }
    table
}

/// Routes by everything that a request may be known by, one of them logged, behind a proxy; one
/// container's certificate is checked by an authority of its own.
fn matching(base: &RenderOptions) -> (RouteTable, RenderOptions) {
    let text = |text: &str| TextMatch::Text(text.to_owned());
    let of_path = |path: PathMatch| {
        let mut site = site("app.example.com", A);
        site.key.path = path;
        site
    };
    let pattern = PathRegexp::parse("^/users/[0-9]+$").expect("a pattern");
    let exact = ExactPath::parse("/Login").expect("a path");
    let mut logged = of_path(PathMatch::Exact(exact)).strip();
    logged.route.log = true;
    let mut conditions = of_path(PathMatch::Every);
    conditions.key.priority = 5;
    conditions.key.matching = Matching {
        methods: BTreeSet::from([Method::parse("get").expect("a method")]),
        headers: BTreeMap::from([(Token::parse("x-a").expect("a name"), text("{env.HOME}*"))]),
        queries: BTreeMap::from([
            (QueryName::parse("{a}").expect("a name"), text("{env.HOME}")),
            (QueryName::parse("any").expect("a name"), TextMatch::Any),
        ]),
        client_ips: BTreeSet::from([Cidr::parse("10.0.0.0/8").expect("a range")]),
    }
    .into();
    let mut moved = site("app.example.com/old", A);
    moved.route.rewrite = NewPath::parse("/new$1").ok();
    moved.route.pool.timeouts.response = Some(Duration::from_secs(30));
    let name = Hostname::parse("backend.test").expect("a host");
    let mut secure = site("secure.example.com", A).https(UpstreamTls::Verify(name));
    secure.route.pool.authority = FileName::parse("corp.pem").ok();
    let options = RenderOptions {
        authorities: BTreeMap::from([(
            FileName::parse("corp.pem").expect("a name"),
            base.admin_socket.with_file_name("site.crt"),
        )]),
        trusted_proxies: Cidr::PRIVATE.to_vec(),
        ..base.clone()
    };
    let sites = [
        logged,
        of_path(PathMatch::Regexp(pattern)).passive(),
        conditions,
        moved,
        secure,
    ];
    (table(sites), options)
}

const A: &str = "10.0.0.1:80";
const B: &str = "10.0.0.2:8080";

/// Tables and options by name, one behaviour each. `base` gives ports, folders and the authority;
/// beside its admin socket lies a pair of files `site.crt` and `site.key`.
pub(crate) fn samples(base: &RenderOptions) -> BTreeMap<&'static str, (RouteTable, RenderOptions)> {
    let beside = |name: &str| base.admin_socket.with_file_name(name);
    let listen = RenderOptions {
        listen: ["127.0.0.1", "::1"]
            .map(|ip| ip.parse().expect("an IP"))
            .into(),
        ..base.clone()
    };
    let email = RenderOptions {
        acme: AcmeOptions {
            email: Some("ops@example.com".to_owned()),
            ..base.acme.clone()
        },
        ..base.clone()
    };
    let authority = RenderOptions {
        acme: AcmeOptions {
            ca: Some("https://127.0.0.1:1/directory".to_owned()),
            ca_root: Some(beside("site.crt")),
            ..AcmeOptions::default()
        },
        ..base.clone()
    };
    let certificates = RenderOptions {
        certificates: vec![CertificatePair {
            certificate: beside("site.crt"),
            key: beside("site.key"),
        }],
        ..base.clone()
    };
    let plain = |sites: Vec<Site>| (table(sites), base.clone());
    let mut samples = BTreeMap::from([
        ("no_routes", plain(vec![])),
        ("pools", plain(pools())),
        ("slots", slots(base)),
        ("handled", plain(handled::handled())),
        ("one_site", plain(vec![site("app.example.com", A).public()])),
        ("without_tls", plain(vec![site("app.example.com", A)])),
        (
            "no_upstreams",
            plain(vec![site("app.example.com", ""), site("*.example.com", "")]),
        ),
        ("paths_and_strip", plain(paths())),
        ("precedence", plain(precedence())),
        ("internal", plain(internal())),
        ("matching", matching(base)),
        ("public_below_internal_wildcard", plain(below_wildcard())),
        ("upstreams", plain(upstreams())),
        ("policies", plain(policies())),
        (
            "listen",
            (table([site("app.example.com", A).internal()]), listen),
        ),
        (
            "acme_email",
            (table([site("app.example.com", A).public()]), email),
        ),
        (
            "acme_authority",
            (table([site("app.example.com", A).public()]), authority),
        ),
        (
            "certificates",
            (table([site("*.example.com", A).public()]), certificates),
        ),
    ]);
    samples.extend(hosts::samples(base));
    samples.extend(grouped::samples(base));
    samples
}

fn paths() -> Vec<Site> {
    vec![
        site("app.example.com", A),
        site("app.example.com/api", B).strip(),
        site("app.example.com/api/v1", A),
        site("app.example.com/bücher", B).strip(),
    ]
}

/// Every kind of host, with and without TLS, so that each order that could shadow one shows.
fn precedence() -> Vec<Site> {
    vec![
        site("*", A),
        site("*.example.com", A).public(),
        site("off.example.com", B),
        site("app.example.com", B).public(),
        site("app.example.com/api", A).public(),
        site("*.example.net", A),
        site("tls.example.net", B).public(),
    ]
}

fn internal() -> Vec<Site> {
    vec![
        site("localhost", A).internal(),
        site("db.internal", A).internal(),
        site("127.0.0.1", A).internal(),
        site("::1", B).internal(),
    ]
}

fn below_wildcard() -> Vec<Site> {
    vec![
        site("*.example.com", A).internal(),
        site("app.example.com", A).public(),
        site("other.example.net", A).public(),
    ]
}

fn upstreams() -> Vec<Site> {
    let name = Hostname::parse("backend.example.com").expect("a host");
    vec![
        site("v6.example.com", "[fd00::1]:8080"),
        site("h2c.example.com", A).h2c(),
        site("verify.example.com", "10.0.0.1:443").https(UpstreamTls::Verify(name)),
        site("skip.example.com", "10.0.0.1:443").https(UpstreamTls::SkipVerify),
    ]
}

fn policies() -> Vec<Site> {
    let token = |name: &str| Token::parse(name).expect("a token");
    [
        LbPolicy::LeastConn,
        LbPolicy::Random,
        LbPolicy::RoundRobin,
        LbPolicy::First,
        LbPolicy::ClientIpHash,
        LbPolicy::UriHash,
        LbPolicy::Header(token("X-Tenant")),
        LbPolicy::Cookie(token("lb")),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, policy)| site(&format!("p{n}.example.com"), &format!("{A} {B}")).policy(policy))
    .collect()
}

fn pools() -> Vec<Site> {
    vec![
        site("once.example.com", A).retry(0),
        site("longer.example.com", A).retry(60),
        site("passive.example.com/app", &format!("{A} {B}"))
            .strip()
            .passive(),
        site("canary.example.com", &format!("{A} {B}")).weights(&[9, 1]),
    ]
}

/// The options with one slot for each pool.
fn in_slots(base: &RenderOptions) -> RenderOptions {
    RenderOptions {
        slots: Some(SlotOptions {
            runtime_dir: base.admin_socket.with_file_name("run.d"),
            counts: Arc::default(),
        }),
        ..base.clone()
    }
}

/// Pools whose addresses are in slots, one of them over TLS and one with nobody ready.
fn slots(base: &RenderOptions) -> (RouteTable, RenderOptions) {
    let mut options = in_slots(base);
    let two = (pool_key(), NonZeroUsize::new(2).expect("not 0"));
    { options.slots.iter_mut() }.for_each(|slots| Arc::make_mut(&mut slots.counts).extend([two]));
    let sites = [
        site("app.example.com", A).internal(),
        site("tls.example.com", A).https(UpstreamTls::SkipVerify),
        site("away.example.com", ""),
    ];
    (table(sites), options)
}
