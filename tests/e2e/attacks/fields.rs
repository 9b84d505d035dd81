//! Header fields by which a client claims to be somebody else, or makes a proxy forget one: what is
//! sent, and what the container sees.

use sh0_agent::model::Cidr;

use super::mirror::Mirror;
use super::raw::seen;
use super::serving;

/// The fields that a container sees by which it may tell who asks, in the order of their names.
fn telling(seen: &str) -> Vec<String> {
    let dull = ["host:", "user-agent:", "via:", "accept-encoding:", "get "];
    let lines = seen.lines().filter(|line| !line.is_empty());
    let mut lines: Vec<String> = lines.map(str::to_lowercase).collect();
    lines.retain(|line| !dull.iter().any(|name| line.starts_with(name)));
    lines.sort();
    lines
}

/// What every container sees of a request without any such field.
const PLAIN: &[&str] = &[
    "x-forwarded-for: 127.0.0.1",
    "x-forwarded-host: a.example",
    "x-forwarded-proto: http",
    "x-real-ip: 127.0.0.1",
];

/// What is sent, and what the container sees besides [`PLAIN`].
const ROWS: &[(&str, &[&str])] = &[
    ("X-Other: 1\r\n", &["x-other: 1"]),
    ("X-Forwarded-For: 10.0.0.1\r\n", &[]),
    (
        "x-forwarded-for: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n",
        &[],
    ),
    ("X-Forwarded-Proto: https\r\n", &[]),
    ("X-Forwarded-Host: admin.example\r\n", &[]),
    ("X-Forwarded-Port: 1\r\n", &[]),
    ("X-Forwarded-Prefix: /admin\r\n", &[]),
    ("X-Forwarded-Server: a\r\n", &[]),
    ("X-Forwarded-Uri: /admin\r\n", &[]),
    ("X-Forwarded-User: root\r\n", &[]),
    ("X-Forwarded-Ssl: on\r\n", &[]),
    ("Forwarded: for=10.0.0.1;proto=https\r\n", &[]),
    ("X-Real-IP: 10.0.0.1\r\n", &[]),
    ("x-real-ip: 10.0.0.1\r\nX-Real-Ip: 10.0.0.2\r\n", &[]),
    ("Proxy: http://10.0.0.1\r\n", &[]),
    // Names that CGI takes for the same.
    ("X_Forwarded_For: 10.0.0.1\r\n", &[]),
    ("X.Forwarded.For: 10.0.0.1\r\n", &[]),
    ("X_Real-IP: 10.0.0.1\r\n", &[]),
    ("X_Real.IP: 10.0.0.1\r\n", &[]),
    // Names of fields that a proxy is to take away.
    ("Connection: X-Forwarded-For\r\n", &[]),
    ("Connection: close, X-Forwarded-For, X-Real-IP\r\n", &[]),
    ("Connection: close\r\nConnection: X-Real-IP\r\n", &[]),
    ("Connection: X-Other\r\nX-Other: 1\r\n", &["x-other: 1"]),
    (
        "Connection: Upgrade, X-Real-IP\r\nUpgrade: websocket\r\n",
        &["connection: upgrade", "upgrade: websocket"],
    ),
    (
        "Connection: upgrade\r\nConnection: X-Real-IP\r\nUpgrade: foo\r\n",
        &["connection: upgrade", "upgrade: foo"],
    ),
    ("Connection: keep-alive, Host\r\n", &[]),
    // Ways to another protocol past the routes.
    ("Upgrade: websocket\r\n", &[]),
    (
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        &[],
    ),
    ("Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n", &[]),
    (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
        &[],
    ),
    ("TE: trailers\r\nConnection: TE\r\n", &["te: trailers"]),
    (
        "TE: chunked\r\nTrailer: X-Real-IP\r\nKeep-Alive: 5\r\n",
        &[],
    ),
    (
        "Proxy-Connection: X-Real-IP\r\nProxy-Authorization: a\r\nProxy-Authenticate: a\r\n",
        &[],
    ),
];

fn expected(more: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = { PLAIN.iter().chain(more) }
        .map(|line| (*line).to_owned())
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_client_cannot_say_who_it_is_nor_make_the_proxy_forget_it() {
    let mirror = Mirror::start().await;
    let site: &[_] = &[("host", "a.example")];
    let (_dir, options, _caddy) = serving(&[("web", mirror.address, site)], |_| ()).await;
    let mut wrong = Vec::new();
    for (sent, more) in ROWS {
        let found = telling(&seen(options.http_port, "a.example", "/", sent).await);
        if found != expected(more) {
            wrong.push(format!("{sent:?}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_trusted_proxy_may_say_who_asks() {
    let mirror = Mirror::start().await;
    let site: &[_] = &[("host", "a.example")];
    let (_dir, options, _caddy) = serving(&[("web", mirror.address, site)], |options| {
        options.trusted_proxies = vec![Cidr::parse("127.0.0.1").expect("an address")];
    })
    .await;
    let sent = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 8443\r\n\
                X-Forwarded-Host: b.example\r\nForwarded: for=192.0.2.1\r\nX-Real-IP: 10.0.0.1\r\n\
                Connection: X-Real-IP\r\n";
    let found = telling(&seen(options.http_port, "a.example", "/", sent).await);
    assert_eq!(
        found,
        [
            "forwarded: for=192.0.2.1",
            "x-forwarded-for: 192.0.2.1, 127.0.0.1",
            "x-forwarded-host: b.example",
            "x-forwarded-port: 8443",
            "x-forwarded-proto: https",
            "x-real-ip: 192.0.2.1",
        ]
    );
}

/// Fields that say who was let in come from who lets in, or not at all.
#[tokio::test]
async fn a_client_cannot_say_that_it_was_let_in_nor_hide_who_it_is() {
    let mirror = Mirror::start().await;
    let (says, silent) = (
        Mirror::answering("Remote-User: ada\r\n").await,
        Mirror::start().await,
    );
    let protected = |host: &'static str, auth: &'static str| {
        [
            ("host", host),
            ("auth.forward", auth),
            ("auth.forward.copy", "Remote-User, Remote-Groups"),
        ]
    };
    let (named, nameless) = (
        protected("named.example", "says/verify"),
        protected("nameless.example", "silent/verify"),
    );
    let (_dir, options, _caddy) = serving(
        &[
            ("web", mirror.address, &named),
            ("other", mirror.address, &nameless),
            ("says", says.address, &[("host", "says.example")]),
            ("silent", silent.address, &[("host", "silent.example")]),
        ],
        |_| (),
    )
    .await;
    let who = async |host: &str, sent: &str| {
        let mut lines = telling(&seen(options.http_port, host, "/", sent).await);
        lines.retain(|line| line.contains("remote"));
        lines
    };
    for sent in [
        "",
        "Remote-User: root\r\n",
        "remote-user: root\r\nREMOTE-USER: root\r\nRemote-Groups: admins\r\n",
        "Remote_User: root\r\nRemote.User: root\r\nRemote_Groups: admins\r\n",
        "Connection: close, Remote-User\r\n",
        "Connection: Remote-User\r\nRemote-User: root\r\n",
        "Connection: Upgrade, Remote-User\r\nUpgrade: websocket\r\n",
    ] {
        let named = who("named.example", sent).await;
        assert_eq!(named, ["remote-user: ada"], "{sent:?}");
        let nameless = who("nameless.example", sent).await;
        assert_eq!(nameless, [""; 0], "{sent:?}");
    }
}
