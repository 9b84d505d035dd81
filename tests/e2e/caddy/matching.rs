//! From labels to answers: which requests a route takes, and what its container sees of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use reqwest::Method;
use sh0_agent::caddy::render::RenderOptions;
use sh0_agent::labels::TlsSetting;
use sh0_agent::model::{Cidr, Container, FileName};
use sh0_agent::routes::RouteTable;
use tempfile::TempDir;

use super::client::Backends;
use crate::child::{CaddyChild, place};
use crate::from_labels;

/// A container with these labels, at this address.
pub(super) fn container(name: &str, address: &str, labels: &[(&str, &str)]) -> Container {
    let address = address.parse().expect("an address");
    from_labels::container(name, address, labels.iter().copied())
}

/// A container whose default route leads to `alpha` and whose others lead to `beta`.
fn two_ports(backends: &Backends, labels: &[(&str, &str)]) -> Container {
    let port = |address: &str| address.rsplit_once(':').expect("an address").1.to_owned();
    let mut both = container("web", &backends.alpha, labels);
    let named = labels
        .iter()
        .filter_map(|(key, _)| key.strip_prefix("routes."));
    for (name, _) in named.filter_map(|named| named.split_once('.')) {
        let key = format!("sh0.routes.{name}.port");
        both.labels.insert(key, port(&backends.beta));
    }
    both
}

/// The table of these containers; nothing may be wrong with them.
pub(super) fn table(
    containers: Vec<Container>,
    authorities: &BTreeMap<FileName, PathBuf>,
) -> RouteTable {
    let built = from_labels::built(containers, TlsSetting::Off, authorities);
    assert_eq!(*built.diagnostics, [], "the labels are right");
    std::sync::Arc::unwrap_or_clone(built.table)
}

pub(super) async fn serve(
    containers: Vec<Container>,
    set: impl FnOnce(&mut RenderOptions),
) -> (TempDir, RenderOptions, CaddyChild) {
    let (dir, mut options) = place();
    set(&mut options);
    let table = table(containers, &options.authorities);
    let caddy = from_labels::serve(&dir, &table, &options).await;
    (dir, options, caddy)
}

/// What is asked: method, path and query, header fields.
type Asked<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

async fn ask(port: u16, (method, path, fields): Asked<'_>) -> String {
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.expect("a plain client");
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let url = format!("http://127.0.0.1:{port}{path}");
    let mut request = client.request(method, url).header("Host", "a.example");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("Caddy answers");
    let status = answer.status().as_u16();
    let body = answer.text().await.expect("a text");
    let seen: Vec<&str> = body.split_whitespace().collect();
    match seen.as_slice() {
        [name, _, _, uri, ..] if status == 200 => format!("{name} {uri}"),
        _ => status.to_string(),
    }
}

/// The default route leads to `alpha`, the others to `beta`.
const LABELS: &[(&str, &str)] = &[
    ("host", "a.example"),
    ("routes.exact.path.exact", "/Login, /a/"),
    ("routes.exact.strip", "true"),
    ("routes.users.path.regexp", "^/users/[0-9]{1,3}$"),
    ("routes.users.rewrite", "/User"),
    ("routes.images.path.regexp", r"\.(png|jpe?g)$"),
    ("routes.header.match.header.X-Beta", "{env.HOME}*"),
    ("routes.any.match.header.X-Any", "*"),
    ("routes.query.match.query.v", "{http.request.host}"),
    ("routes.odd.match.query.{env.HOME}", r"a\{b}\"),
    ("routes.file.match.query.f", "{file./etc/passwd}"),
    ("routes.post.match.method", "post"),
    ("routes.put.path", "/x"),
    ("routes.put.match.method", "PUT"),
    ("routes.put.priority", "5"),
    ("routes.new.path", "/old/api, /bücher"),
    ("routes.new.rewrite", "/New"),
    ("routes.root.path", "/root"),
    ("routes.root.rewrite", "/"),
    ("routes.before.match.header.X-Before", "1"),
    ("routes.before.rewrite", "/app"),
    ("routes.near.match.client_ip", "10.0.0.0/8"),
];

const NONE: &[(&str, &str)] = &[];

/// What is asked, and who answers what it saw.
const ROWS: &[(Asked<'_>, &str)] = &[
    (("GET", "/", NONE), "alpha: /"),
    (("GET", "/login", NONE), "beta: /"),
    (("GET", "/LOGIN?q=1", NONE), "beta: /?q=1"),
    (("GET", "/login/", NONE), "alpha: /login/"),
    (("GET", "/login/x", NONE), "alpha: /login/x"),
    (("GET", "/a/", NONE), "beta: /"),
    (("GET", "/a", NONE), "alpha: /a"),
    (("GET", "/users/12?q=%20", NONE), "beta: /User?q=%20"),
    (("GET", "/Users/12", NONE), "alpha: /Users/12"),
    (("GET", "/users/1234", NONE), "alpha: /users/1234"),
    (("GET", "/%75sers/7", NONE), "beta: /User"),
    (("GET", "/i/a.jpeg", NONE), "beta: /i/a.jpeg"),
    (("GET", "/", &[("X-Beta", "{env.HOME}*")]), "beta: /"),
    (("GET", "/", &[("X-Beta", "/root")]), "alpha: /"),
    (("GET", "/", &[("X-Beta", "{env.HOME}x")]), "alpha: /"),
    (("GET", "/", &[("X-Any", "")]), "beta: /"),
    (
        ("GET", "/?v=%7Bhttp.request.host%7D", NONE),
        "beta: /?v=%7Bhttp.request.host%7D",
    ),
    (("GET", "/?v=a.example", NONE), "alpha: /?v=a.example"),
    (
        ("GET", "/?%7Benv.HOME%7D=a%5C%7Bb%7D%5C", NONE),
        "beta: /?%7Benv.HOME%7D=a%5C%7Bb%7D%5C",
    ),
    (("GET", "/?f=", NONE), "alpha: /?f="),
    (
        ("GET", "/?f=%7Bfile./etc/passwd%7D", NONE),
        "beta: /?f=%7Bfile./etc/passwd%7D",
    ),
    (("POST", "/", NONE), "beta: /"),
    (("PUT", "/x", NONE), "beta: /x"),
    (("GET", "/x", NONE), "alpha: /x"),
    (("GET", "/old/api", NONE), "beta: /New/"),
    (("GET", "/OLD/api/", NONE), "beta: /New/"),
    (
        ("GET", "/old/api/a%2Fb%3Fc?q=1", NONE),
        "beta: /New/a%2Fb%3Fc?q=1",
    ),
    (
        ("GET", "/old/api/%7Benv.HOME%7D", NONE),
        "beta: /New/%7Benv.HOME%7D",
    ),
    (("GET", "/b%C3%BCcher/1", NONE), "beta: /New/1"),
    (("GET", "/old/apis", NONE), "alpha: /old/apis"),
    (("GET", "/root/x", NONE), "beta: /x"),
    (("GET", "/root", NONE), "beta: /"),
    (("GET", "/y", &[("X-Before", "1")]), "beta: /app/y"),
    (("GET", "/", &[("X-Forwarded-For", "10.9.9.9")]), "beta: /"),
    (
        ("GET", "/", &[("X-Forwarded-For", "10.9.9.9, 192.0.2.1")]),
        "alpha: /",
    ),
    (
        ("GET", "/", &[("X-Forwarded-For", "192.0.2.1, 10.9.9.9")]),
        "beta: /",
    ),
];

#[tokio::test]
async fn a_request_goes_to_the_route_whose_conditions_it_meets() {
    let b = Backends::start().await;
    let (_dir, options, _caddy) = serve(vec![two_ports(&b, LABELS)], |options| {
        options.trusted_proxies = vec![Cidr::parse("127.0.0.0/8").expect("a range")];
    })
    .await;
    for &(asked, expected) in ROWS {
        let answer = ask(options.http_port, asked).await;
        assert_eq!(answer, expected, "{asked:?}");
    }
}
