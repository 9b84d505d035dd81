//! What happens to a request once its route is found.

use std::collections::BTreeMap;
use std::time::Duration;

use super::chain::{self, Last};
use super::{RenderOptions, SlotOptions, text};
use crate::caddy::config::{
    CaPool, CaddyDuration, Handler, HeaderOps, Headers, HealthChecks, LoadBalancing, Matcher,
    NetworkProxy, PassiveHealthChecks, Replacement, ResponseOps, ReverseProxy, SelectionPolicy,
    StaticResponse, Transport, TransportTls, Upstream as ConfigUpstream,
};
use crate::model::{Hostname, LbPolicy, Scheme};
use crate::routes::{Pool, Route, RouteKey, Serving, UpstreamTls};
use crate::slots::{Assignment, Demand, Replica, Slot, SlotCount, Target, assign};

/// The pause between two tries. Caddy's 250 ms would be added to every request whose first choice
/// is a replica that just died; a refused connection costs microseconds, so 20 tries a second for
/// a waiting request are cheap.
const TRY_INTERVAL: Duration = Duration::from_millis(50);
/// How long passive checks look for an upstream that is not left out. Caddy looks for all of `retry`
/// where it finds none.
const LAST_RESORT_AFTER: Duration = Duration::from_secs(1);
/// What `Retry-After` says, in seconds: a container's start takes about that long.
const RETRY_AFTER_SECONDS: &str = "5";

/// Everything that happens to the requests of one route.
pub(super) fn handlers(key: &RouteKey, route: &Route, options: &RenderOptions) -> Vec<Handler> {
    let has_nobody = options.slots.is_none() && route.pool.upstreams.is_empty();
    let last = if has_nobody {
        Last::Answer(not_ready(&key.host))
    } else {
        Last::Proxy(Box::new(reverse_proxy(&route.pool, options)))
    };
    chain::chain(key, route, options, last)
}

/// What happens to the requests of a route all of whose upstreams are left out by passive checks:
/// they go to them all the same. Failures are counted by slot, so those of containers that stopped
/// would otherwise tell against the ones that took their places, and a site that answers sometimes
/// is better than one that never does. They are checked once more by all that protects the route.
/// `None` without passive checks, and where nobody is let in.
pub(super) fn last_resort(
    key: &RouteKey,
    route: &Route,
    options: &RenderOptions,
) -> Option<Vec<Handler>> {
    route.pool.health.passive?;
    let mut proxy = reverse_proxy(&route.pool, options);
    proxy.health_checks.take()?;
    proxy.load_balancing.try_duration = try_duration(route.pool.retry);
    let is_passed = matches!(route.serving, Serving::Passed(_));
    is_passed.then(|| chain::chain(key, route, options, Last::Proxy(Box::new(proxy))))
}

/// What Caddy dials for a pool: its upstreams' addresses, or the files that hold them. The only
/// place that decides it.
pub(super) fn dials(pool: &Pool, options: &RenderOptions) -> Vec<String> {
    match &options.slots {
        None => addresses(pool),
        Some(slots) => {
            let count = slots.counts.get(&pool.key).map_or(1, |count| count.get());
            let slot = |number| Slot {
                pool: pool.key,
                number,
            };
            let placeholder = |number| slot(number).placeholder(&slots.runtime_dir);
            (0..count).map(placeholder).collect()
        }
    }
}

/// The addresses of a pool: each once, or, where weights differ from 1, as often as its share says.
fn addresses(pool: &Pool) -> Vec<String> {
    let ready = Replica::of(pool);
    let demand = Demand {
        ready: ready.len(),
        expected: ready.len(),
        ..Demand::of(pool)
    };
    let count = SlotCount::first(demand).get();
    let shares = assign(&Assignment::default(), &ready, count);
    let address = |target: &Target| match target {
        Target::Container { address, .. } => Some(address.to_string()),
        Target::Hold => None,
    };
    shares.targets().filter_map(address).collect()
}

/// A request that a waiting socket closed is not tried again: it has waited long enough. Others
/// are, as without slots.
fn retry_match(options: &RenderOptions) -> Vec<Matcher> {
    let of_slots = |slots: &SlotOptions| Matcher {
        method: vec!["GET".to_owned()],
        not: vec![slots.held()],
        ..Matcher::default()
    };
    options.slots.iter().map(of_slots).collect()
}

/// The proxy to a pool's own upstreams.
pub(super) fn reverse_proxy(pool: &Pool, options: &RenderOptions) -> ReverseProxy {
    proxy_to(dials(pool, options), pool, options)
}

/// The proxy to these upstreams, and else as the pool says.
pub(super) fn proxy_to(dials: Vec<String>, pool: &Pool, options: &RenderOptions) -> ReverseProxy {
    let upstreams = dials.into_iter();
    let upstreams: Vec<_> = upstreams.map(|dial| ConfigUpstream { dial }).collect();
    // Towards an `https` upstream Caddy sets Host to the upstream's address (from 2.11 on,
    // `RequestHeaderOps` in reverseproxy/httptransport.go); applications want to see their own.
    let host_header = || Headers {
        request: HeaderOps {
            set: BTreeMap::from([(
                "Host".to_owned(),
                vec!["{http.request.hostport}".to_owned()],
            )]),
            ..HeaderOps::default()
        },
        ..Headers::default()
    };
    let is_retried = !pool.retry.is_zero();
    let health_checks = health_checks(pool, upstreams.len());
    let retry = match &health_checks {
        Some(_) => pool.retry.min(LAST_RESORT_AFTER),
        None => pool.retry,
    };
    ReverseProxy {
        health_checks,
        upstreams,
        load_balancing: LoadBalancing {
            selection_policy: selection_policy(&pool.policy),
            try_duration: try_duration(retry),
            try_interval: is_retried.then_some(CaddyDuration(TRY_INTERVAL)),
            retry_match: if is_retried {
                retry_match(options)
            } else {
                Vec::new()
            },
        },
        transport: transport(pool, options),
        rewrite: None,
        handle_response: Vec::new(),
        headers: (pool.scheme == Scheme::Https).then(host_header),
        stream_close_delay: CaddyDuration(options.stream_close_delay),
    }
}

fn try_duration(retry: Duration) -> Option<CaddyDuration> {
    (!retry.is_zero()).then_some(CaddyDuration(retry))
}

/// Passive checks, where there is another upstream to go to. Caddy counts failures by the dial
/// text, placeholders and all (`Upstream.String` in reverseproxy/hosts.go): by slot.
fn health_checks(pool: &Pool, upstreams: usize) -> Option<HealthChecks> {
    let passive = pool.health.passive.filter(|_| upstreams > 1)?;
    Some(HealthChecks {
        passive: PassiveHealthChecks {
            fail_duration: CaddyDuration(passive.fail_for),
            max_fails: passive.max_fails,
        },
    })
}

fn selection_policy(policy: &LbPolicy) -> SelectionPolicy {
    match policy {
        LbPolicy::LeastConn => SelectionPolicy::LeastConn,
        LbPolicy::Random => SelectionPolicy::Random,
        LbPolicy::RoundRobin => SelectionPolicy::RoundRobin,
        LbPolicy::First => SelectionPolicy::First,
        LbPolicy::ClientIpHash => SelectionPolicy::ClientIpHash,
        LbPolicy::UriHash => SelectionPolicy::UriHash,
        LbPolicy::Header(name) => SelectionPolicy::Header {
            field: name.as_str().to_owned(),
        },
        LbPolicy::Cookie(name) => SelectionPolicy::Cookie {
            name: name.as_str().to_owned(),
        },
    }
}

fn transport(pool: &Pool, options: &RenderOptions) -> Transport {
    let (versions, tls) = match pool.scheme {
        Scheme::Http => (Vec::new(), None),
        Scheme::H2c => (vec!["h2c"], None),
        Scheme::Https => {
            let tls = transport_tls(pool.tls.as_ref(), options.slots.is_some());
            let ca = authority(pool, options);
            (Vec::new(), Some(TransportTls { ca, ..tls }))
        }
    };
    Transport::Http {
        dial_timeout: CaddyDuration(pool.timeouts.connect),
        response_header_timeout: pool.timeouts.response.map(CaddyDuration),
        versions,
        tls,
        // A container is on this machine: a proxy of the environment is for the way to the
        // certificate authority, and would get the clients' requests, or lose them.
        network_proxy: Some(NetworkProxy::Direct),
    }
}

/// The authority that a pool names. Its copy is there: a route whose authority is not has no place
/// in the table.
fn authority(pool: &Pool, options: &RenderOptions) -> Option<CaPool> {
    let file = options.authorities.get(pool.authority.as_ref()?)?;
    Some(CaPool::File {
        pem_files: vec![text(file)],
    })
}

fn transport_tls(tls: Option<&UpstreamTls>, is_slot: bool) -> TransportTls {
    match tls {
        // Caddy then verifies against the dialled address: strict, never less.
        None => TransportTls::default(),
        Some(UpstreamTls::Verify(name)) => TransportTls {
            server_name: Some(name.as_str().to_owned()),
            ..TransportTls::default()
        },
        // The name matters for waiting sockets: Caddy would take the socket's path for one, and
        // fail. Go sends no server name for an address, as when it dials the container.
        Some(UpstreamTls::SkipVerify) => TransportTls {
            insecure_skip_verify: true,
            server_name: is_slot.then(|| "127.0.0.1".to_owned()),
            ..TransportTls::default()
        },
    }
}

/// Puts the request's host into the form that later matchers compare with: in lower case and
/// without a trailing dot, the port kept. Caddy has no placeholder for a text in lower case.
pub(super) fn normalise_host() -> Handler {
    let lower = ('A'..='Z').map(|letter| Replacement::Text {
        search: letter.to_string(),
        replace: letter.to_ascii_lowercase().to_string(),
    });
    let trailing_dot = Replacement::Regexp {
        search_regexp: r"\.(:[0-9]*)?$",
        replace: "$1",
    };
    Handler::Headers(Headers {
        request: HeaderOps {
            replace: BTreeMap::from([("Host", lower.chain([trailing_dot]).collect())]),
            ..HeaderOps::default()
        },
        ..Headers::default()
    })
}

/// Sends the client to HTTPS: `origin` is `https://` with a host and, where it is not 443, a port.
pub(super) fn redirect(origin: &str) -> Handler {
    Handler::StaticResponse(StaticResponse {
        status_code: 308,
        headers: BTreeMap::from([("Location", vec![format!("{origin}{{http.request.uri}}")])]),
        body: String::new(),
    })
}

/// Tells browsers to keep to HTTPS. The text has no placeholders: it is written from parts.
pub(super) fn hsts(text: &str) -> Handler {
    let name = "Strict-Transport-Security".to_owned();
    Handler::Headers(Headers {
        response: Some(ResponseOps {
            ops: HeaderOps {
                set: BTreeMap::from([(name, vec![text.to_owned()])]),
                ..HeaderOps::default()
            },
            deferred: true,
        }),
        ..Headers::default()
    })
}

/// The answer to a request that came over another host's connection (RFC 9110, section 15.5.20):
/// browsers repeat it over one of its own.
pub(super) fn misdirected() -> Handler {
    page(
        421,
        "This site must be asked over a connection of its own, with a client certificate.\n",
    )
}

/// The answer for a public host that has no certificate yet.
pub(super) fn not_certified() -> Handler {
    page(
        503,
        "{http.request.host} has no certificate yet: it is being requested from the certificate \
         authority. Please try again in a few seconds.\n",
    )
}

/// The answer where no route is. Without it Caddy would answer an empty 200.
pub(super) fn not_found() -> Handler {
    page(404, "Not found: there is no site at this address.\n")
}

/// The answer of a config without routes.
pub(super) fn unavailable() -> Handler {
    page(
        503,
        "This server is not ready to serve its sites. Please try again in a few seconds.\n",
    )
}

/// The answer for a request that waited in vain, whatever its site.
pub(super) fn held_in_vain() -> Handler {
    // The host has matched a route, so it is one that a container claims.
    page(
        503,
        "{http.request.host} is not ready: it is starting or stopped. Please try again in a few \
         seconds.\n",
    )
}

fn not_ready(host: &Hostname) -> Handler {
    let site = match host.openness() {
        0 => host.as_str(),
        _ => "This site",
    };
    page(
        503,
        &format!(
            "{site} is not ready: it is starting or stopped. Please try again in a few seconds.\n"
        ),
    )
}

/// A page of plain text for a person; nothing of the request is in it.
pub(super) fn page(status_code: u16, body: &str) -> Handler {
    let one = |value: &str| vec![value.to_owned()];
    let mut headers = BTreeMap::from([
        ("Cache-Control", one("no-store")),
        ("Content-Type", one("text/plain; charset=utf-8")),
        ("X-Content-Type-Options", one("nosniff")),
    ]);
    if status_code == 503 {
        headers.insert("Retry-After", one(RETRY_AFTER_SECONDS));
    }
    Handler::StaticResponse(StaticResponse {
        status_code,
        headers,
        body: body.to_owned(),
    })
}
