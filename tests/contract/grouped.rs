//! Hosts that share routes, and hosts that cannot.

use std::time::Duration;

use sh0_agent::caddy::render::{Grouping, RenderOptions};
use sh0_agent::model::{
    Account, Handling, HeaderChange, HeaderName, HeaderText, Hostname, LbPolicy, Matching, Method,
    Protection,
};
use sh0_agent::routes::{Passed, RouteTable, Serving};

use super::handled::guarded;
use super::{A, B, Site, in_slots, site, table};

/// Of the password `open sesame`.
const OPEN_SESAME: &str = "$2a$04$XA/CBfMIY04ru7LgDslc7O32KK3Pbgx5HBiX0nQBX/8t3F7FL4XJy";

pub(super) fn samples(base: &RenderOptions) -> [(&'static str, (RouteTable, RenderOptions)); 2] {
    let (table, options) = few(base);
    let slots = in_slots(&options);
    [
        ("grouped", (table.clone(), options)),
        ("grouped_slots", (table, slots)),
    ]
}

/// Four classes beside hosts of every other kind, each of which has routes of its own.
fn few(base: &RenderOptions) -> (RouteTable, RenderOptions) {
    let mut slow = site("slow.example.com", A);
    slow.route.pool.timeouts.response = Some(Duration::from_mins(10));
    let sites = [
        site("a.example.com", A),
        site("b.example.com", B),
        site("c.example.com", A).retry(0),
        site("d.example.com", B).retry(0),
        slow,
        site("api.example.com/api", A).strip(),
        site("api.example.com", A),
        asking(site("e.example.com", A), 1, Vec::new()),
        asking(site("f.example.com", B), 2, Vec::new()),
        asking(site("g.example.com", B), 2, Vec::new()),
        site("away.example.com", ""),
        site("two.example.com", &format!("{A} {B}")),
        site("paths.example.com/api", A),
        site("paths.example.com", B),
        site("more.example.com/api", B),
        site("more.example.com", A),
        site("*.example.com", B),
    ];
    (table(sites), always(base))
}

fn always(base: &RenderOptions) -> RenderOptions {
    RenderOptions {
        grouping: Grouping::Always,
        ..base.clone()
    }
}

/// So many hosts below `example.com` that groups are full, of every kind in turn, each with an
/// address of its own in 127.1.0.0/16; redirects to some of them, and others that take what those
/// leave.
pub(crate) fn many(hosts: u16, port: u16) -> RouteTable {
    let mut sites: Vec<Site> = (0..hosts).flat_map(|n| kind(n, port)).collect();
    let address = |last: u8| format!("127.2.0.{last}:{port}");
    sites.push(site("*.example.com", &address(1)));
    sites.push(site("*.example.com/path", &address(2)));
    sites.push(site("*", &address(3)));
    let mut table = table(sites);
    for n in (0..hosts).filter(|n| n % 4 == 0) {
        let host = |name: String| Hostname::parse(&name).expect("a host");
        let (from, to) = (
            host(format!("w{n}.example.com")),
            host(format!("h{n}.example.com")),
        );
        let policy = table.hosts[&to].clone();
        table.hosts.insert(from.clone(), policy);
        table.redirects.insert(from, to);
    }
    table
}

/// What the host of this number answers.
fn kind(n: u16, port: u16) -> Vec<Site> {
    let [high, low] = n.to_be_bytes();
    let address = |net: u8| format!("127.{net}.{high}.{low}:{port}");
    let host = format!("h{n}.example.com");
    let whole = || site(&host, &address(1));
    let below = |path: &str| site(&format!("{host}/{path}"), &address(3));
    match n % 10 {
        0..=2 => vec![whole()],
        // Four at a time are alike.
        3 => vec![whole().retry(u64::from(100 + n / 40))],
        4 => vec![whole(), below("path").strip()],
        5 => vec![below("path/deeper")],
        6 => vec![whole().policy(LbPolicy::First)],
        7 => {
            let mut posts = site(&host, &address(3));
            posts.key.priority = 1;
            posts.key.matching = Matching {
                methods: [Method::parse("POST").expect("a method")].into(),
                ..Matching::default()
            }
            .into();
            vec![posts, guarded(whole())]
        }
        8 => vec![telling(whole(), n, Vec::new()), below("path")],
        // These two differ in nothing but what each has of its own.
        _ if n % 20 == 9 => vec![asking(whole(), n, agents_word())],
        _ => vec![telling(whole(), n, agents_word())],
    }
}

fn agents_word() -> Vec<HeaderChange> {
    vec![set("authorization", "the agent's")]
}

/// A site that says in its answers which it is.
fn telling(site: Site, number: u16, request_headers: Vec<HeaderChange>) -> Site {
    let handling = Handling {
        request_headers,
        response_headers: vec![set("x-site", &number.to_string())],
        ..Handling::default()
    };
    with(site, handling)
}

/// A site that lets in its own user only, such as `user7`, with the password of all.
fn asking(site: Site, number: u16, request_headers: Vec<HeaderChange>) -> Site {
    let account = Account::parse(&format!("user{number}:{OPEN_SESAME}"));
    let protection = Protection {
        accounts: vec![account.expect("an account")],
        ..Protection::default()
    };
    let handling = Handling {
        protection,
        request_headers,
        ..Handling::default()
    };
    with(site, handling)
}

fn with(mut site: Site, handling: Handling) -> Site {
    site.route.serving = Serving::passed(Passed {
        handling,
        asked: None,
    });
    site
}

fn set(name: &str, text: &str) -> HeaderChange {
    let name = HeaderName::parse(name).expect("a name");
    let text = HeaderText::parse(text).expect("one line").expect("some");
    HeaderChange::Set(name, text)
}
