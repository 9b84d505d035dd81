//! Hosts that share routes, and hosts that cannot.

use std::sync::Arc;
use std::time::Duration;

use sh0_agent::caddy::render::{Grouping, RenderOptions};
use sh0_agent::model::{
    Handling, HeaderChange, HeaderName, HeaderText, Hostname, LbPolicy, Matching, Method,
};
use sh0_agent::routes::{Passed, RouteTable, Serving};

use super::handled::guarded;
use super::{A, B, Site, in_slots, site, table};

pub(super) fn samples(base: &RenderOptions) -> [(&'static str, (RouteTable, RenderOptions)); 2] {
    let (table, options) = few(base);
    let slots = in_slots(&options);
    [
        ("grouped", (table.clone(), options)),
        ("grouped_slots", (table, slots)),
    ]
}

/// Three classes beside hosts of every other kind, each of which has routes of its own.
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
        Arc::make_mut(&mut table.hosts).insert(from.clone(), policy);
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
    match n % 10 {
        0..=2 => vec![whole()],
        3 => vec![whole().retry(1)],
        4 => vec![whole(), site(&format!("{host}/path"), &address(3)).strip()],
        5 => vec![site(&format!("{host}/path/deeper"), &address(3))],
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
        // Two at a time are alike, and each for itself.
        8 => vec![telling(whole(), n / 20)],
        _ => vec![
            telling(whole(), n),
            site(&format!("{host}/path"), &address(1)),
        ],
    }
}

/// A site that says in its answers which it is.
fn telling(mut site: Site, number: u16) -> Site {
    let name = HeaderName::parse("x-site").expect("a name");
    let text = HeaderText::parse(&number.to_string())
        .expect("one line")
        .expect("some");
    let handling = Handling {
        response_headers: vec![HeaderChange::Set(name, text)],
        ..Handling::default()
    };
    site.route.serving = Serving::passed(Passed {
        handling,
        asked: None,
    });
    site
}
