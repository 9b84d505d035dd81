//! Slots and waiting sockets under a real Caddy: what a config does that reads its addresses from
//! files, without a load. And probes of a real server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sh0_agent::access::Access;
use sh0_agent::model::{PoolKey, Scheme};
use sh0_agent::probe::{Check, HttpQuestion, Probe, Prober, Question, Reason, Verdict};
use sh0_agent::slots::{Content, Gap, GapState, Hold, HoldOptions, Slot, SlotFiles};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::caddy::client::{Answer, Backends};
use crate::child::{CaddyChild, free_port};

/// How long a test waits for what should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than any test.
const LONG: Duration = Duration::from_mins(5);

/// A Caddy with one site, whose only upstream is a slot.
struct Scene {
    port: u16,
    caddy: CaddyChild,
    files: SlotFiles,
    hold: Hold,
    _dir: TempDir,
}

impl Scene {
    async fn start(transport: Value, first: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut files = SlotFiles::open(dir.path(), Access::default()).expect("the folder is ours");
        let hold = Hold::spawn(HoldOptions::new(dir.path())).expect("the folder is ours");
        files.write(slot(), &address(first)).expect("written");
        let port = free_port();
        let config = config(dir.path(), port, &transport).to_string();
        let caddy = CaddyChild::start(dir.path(), config.as_bytes()).await;
        Self {
            port,
            caddy,
            files,
            hold,
            _dir: dir,
        }
    }

    fn write(&mut self, content: &Content) {
        assert!(self.files.write(slot(), content).expect("written"));
    }

    /// A new gap, which the slot names from now on.
    fn open(&mut self, state: GapState) -> Gap {
        let gap = self.hold.open(slot().pool, LONG, state);
        let gap = gap.expect("the folder is ours");
        self.write(&Content::Socket(gap.path().to_owned()));
        gap
    }
}

fn slot() -> Slot {
    let pool = PoolKey::parse("00000000000000ab").expect("16 digits");
    Slot { pool, number: 0 }
}

fn address(text: &str) -> Content {
    Content::Address(text.parse().expect("an address"))
}

/// What the renderer makes of a slot, as far as it matters here.
fn config(dir: &Path, port: u16, transport: &Value) -> Value {
    let from_hold = json!({"vars_regexp": {"{http.reverse_proxy.upstream.address}": {
        "pattern": format!("^(unix/)?{}/hold/", dir.display()),
    }}});
    let proxy = json!({
        "handler": "reverse_proxy",
        "upstreams": [{"dial": slot().placeholder(dir)}],
        "transport": transport,
        "headers": {"request": {"set": {"Host": ["{http.request.hostport}"]}}},
        "load_balancing": {
            "try_duration": "5s",
            "try_interval": "20ms",
            "retry_match": [{"method": ["GET"], "not": [from_hold]}],
        },
    });
    let sorry = json!({
        "handler": "static_response",
        "status_code": 503,
        "headers": {"Retry-After": ["1"]},
        "body": "starting",
    });
    json!({
        "admin": {"listen": format!("unix/{}/admin.sock", dir.display())},
        "apps": {"http": {"servers": {"site": {
            "listen": [format!("127.0.0.1:{port}")],
            "automatic_https": {"disable": true},
            "routes": [{"handle": [proxy]}],
            "errors": {"routes": [{"match": [from_hold], "handle": [sorry]}]},
        }}}},
    })
}

async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// A client that keeps its connection.
fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    builder.build().expect("a plain client")
}

async fn get(client: &reqwest::Client, port: u16) -> Answer {
    let sent = client.get(format!("http://127.0.0.1:{port}/")).send();
    read(sent.await.expect("Caddy answers")).await
}

async fn read(response: reqwest::Response) -> Answer {
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.text().await.expect("a text"),
    }
}

#[tokio::test]
async fn the_next_request_goes_where_the_slot_says_without_a_load() {
    let backends = Backends::start().await;
    let plain = json!({"protocol": "http"});
    let mut scene = Scene::start(plain, &backends.alpha).await;
    let client = client();
    for _ in 0..50 {
        for (name, to) in [("beta:", &backends.beta), ("alpha:", &backends.alpha)] {
            scene.write(&address(to));
            let answer = get(&client, scene.port).await;
            assert!(answer.body.starts_with(name), "{answer:?}");
        }
    }
    assert_eq!(scene.caddy.logged("POST"), 0, "nothing is loaded");
}

/// Readers see the old address or the new one, however often it changes under them.
#[tokio::test]
async fn no_request_meets_a_slot_half_written() {
    let backends = Backends::start().await;
    let mut scene = Scene::start(json!({"protocol": "http"}), &backends.alpha).await;
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let port = scene.port;
        clients.spawn(async move {
            let client = client();
            for _ in 0..100 {
                let answer = get(&client, port).await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
        });
    }
    let mut writes = 0;
    while !clients.is_empty() {
        for to in [&backends.beta, &backends.alpha] {
            scene.write(&address(to));
            writes += 1;
        }
        while let Some(ended) = clients.try_join_next() {
            ended.expect("every request is answered");
        }
        sleep(Duration::from_millis(1)).await;
    }
    println!("400 requests, {writes} writes");
}

#[tokio::test]
async fn a_request_waits_for_a_container_whatever_it_speaks() {
    let backends = Backends::start().await;
    // Without a server name of its own, the TLS client would ask for the socket's path; for an IP
    // it sends none, as when it dials a container.
    let tls = json!({"insecure_skip_verify": true, "server_name": "127.0.0.1"});
    let tls = json!({"protocol": "http", "tls": tls});
    for (name, transport, backend) in [
        ("http", json!({"protocol": "http"}), &backends.alpha),
        (
            "h2c",
            json!({"protocol": "http", "versions": ["h2c"]}),
            &backends.h2c,
        ),
        ("https", tls, &backends.tls),
    ] {
        let mut scene = Scene::start(transport, backend).await;
        let gap = scene.open(GapState::Waiting { until: None });
        let url: Arc<str> = format!("http://127.0.0.1:{}/", scene.port).into();
        let mut requests = JoinSet::new();
        for method in [reqwest::Method::GET, reqwest::Method::POST] {
            let request = client().request(method, &*url).body("x".repeat(300_000));
            requests.spawn(async move { read(request.send().await.expect("answered")).await });
        }
        eventually("they wait", || gap.waiting() >= 1).await;
        sleep(Duration::from_millis(50)).await;
        assert_eq!(requests.len(), 2, "nobody is answered yet");
        gap.set(GapState::Ready(vec![backend.parse().expect("an address")]));
        scene.write(&address(backend));
        for answer in requests.join_all().await {
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
        }
        assert_eq!(gap.waiting(), 0);
    }
}

/// And it does so at once, although the site asks for retries.
#[tokio::test]
async fn who_waits_in_vain_is_told_so() {
    let backends = Backends::start().await;
    let mut scene = Scene::start(json!({"protocol": "http"}), &backends.alpha).await;
    let gap = scene.open(GapState::GivenUp);
    let url = format!("http://127.0.0.1:{}/", scene.port);
    for method in [reqwest::Method::GET, reqwest::Method::POST] {
        let start = Instant::now();
        let answer = client().request(method, &url).body("x").send().await;
        let answer = read(answer.expect("Caddy answers")).await;
        assert_eq!(
            (answer.status, answer.header("Retry-After")),
            (503, "1"),
            "{answer:?}"
        );
        let took = start.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    drop(gap);
    scene.write(&address(&backends.alpha));
    assert_eq!(get(&client(), scene.port).await.status, 200);
}

#[tokio::test]
async fn a_client_that_goes_frees_its_place() {
    let backends = Backends::start().await;
    let mut scene = Scene::start(json!({"protocol": "http"}), &backends.alpha).await;
    let gap = scene.open(GapState::Waiting { until: None });
    let mut requests = JoinSet::new();
    let port = scene.port;
    requests.spawn(async move { get(&client(), port).await });
    eventually("it waits", || gap.waiting() == 1).await;
    requests.shutdown().await;
    eventually("it has left", || gap.waiting() == 0).await;
}

/// Caddy as a container: HTTP/1.1, HTTP/2 in clear text, and HTTP/2 over TLS.
#[tokio::test]
async fn a_probe_speaks_what_the_container_speaks() {
    let backends = Backends::start().await;
    for (scheme, address) in [
        (Scheme::Http, &backends.alpha),
        (Scheme::H2c, &backends.h2c),
        (Scheme::Https, &backends.tls),
    ] {
        let check = |expected: std::ops::RangeInclusive<u16>| Check {
            address: address.parse().expect("an address"),
            question: Question::Http(HttpQuestion {
                scheme,
                host: "backend.test".to_owned(),
                path: "/health".to_owned(),
                expected: expected.into(),
            }),
            timeout: PATIENCE,
        };
        let prober = Prober::default();
        // Its certificate is made while it already serves.
        let deadline = Instant::now() + PATIENCE;
        while let Verdict::Unhealthy(Reason::Tls(text)) = prober.check(&check(200..=399)).await {
            assert!(Instant::now() < deadline, "{text}");
            sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(prober.check(&check(200..=399)).await, Verdict::Healthy);
        let verdict = prober.check(&check(500..=599)).await;
        assert_eq!(
            verdict,
            Verdict::Unhealthy(Reason::Status(200)),
            "{scheme:?}"
        );
    }
}
