//! Who comes in, and that nobody else does.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::Method;
use sh0_agent::caddy::render::{SlotOptions, render};
use sh0_agent::model::{Container, ContainerId};

use super::{Scene, backend, built, container};
use crate::child::{CaddyChild, place};
use crate::from_labels;

/// The password is `secret`.
const BCRYPT: &str = "$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6";
/// The password is `secret`.
const ARGON2: &str = "$argon2id$v=19$m=1024,t=1,p=1$vEcE2hBQLy+rtLFGFbyBkg$\
                      XaHv8kqU/tpdkBZlBL6RGgJvrcfy7XSCuQS2TALqCIY";

/// `ada:secret` and `ada:wrong`.
const RIGHT: (&str, &str) = ("Authorization", "Basic YWRhOnNlY3JldA==");
const WRONG: (&str, &str) = ("Authorization", "Basic YWRhOndyb25n");

/// One container for each way of letting in and turning away.
fn guarded(app: SocketAddr) -> Vec<Container> {
    let bcrypt = format!("bob:{BCRYPT}, ada:{BCRYPT}");
    let argon2 = format!("ada:{ARGON2}");
    vec![
        container(
            "a",
            app,
            &[("host", "bcrypt.test"), ("auth.basic", &bcrypt)],
        ),
        container(
            "b",
            app,
            &[("host", "argon2.test"), ("auth.basic", &argon2)],
        ),
        container("c", app, &[("host", "deny.test"), ("deny", "127.0.0.0/8")]),
        container(
            "d",
            app,
            &[("host", "allow.test"), ("allow", "::ffff:127.0.0.1")],
        ),
        container(
            "e",
            app,
            &[("host", "stranger.test"), ("allow", "10.0.0.0/8, ::1")],
        ),
        container(
            "f",
            app,
            &[
                ("host", "both.test"),
                ("allow", "127.0.0.1"),
                ("deny", "127.0.0.1"),
            ],
        ),
        container(
            "g",
            app,
            &[("host", "wrong.test"), ("deny", "127.0.0.1/99")],
        ),
        container("h", app, &[("host", "typo.test"), ("auth.basci", "ada:x")]),
        container("i", app, &[("host", "*.wild.test")]),
        container(
            "j",
            app,
            &[("host", "a.wild.test"), ("auth.basic", "ada:x")],
        ),
        container(
            "k",
            app,
            &[("host", "nobody.test"), ("auth.forward", "nobody/yes")],
        ),
    ]
}

#[tokio::test]
async fn only_those_come_in_whom_the_labels_let_in() {
    let app = backend().await;
    let scene = Scene::start(guarded(app)).await;
    let none: &[(&str, &str)] = &[];
    for (host, headers, status) in [
        ("bcrypt.test", none, 401),
        ("bcrypt.test", &[WRONG], 401),
        ("bcrypt.test", &[RIGHT], 200),
        ("argon2.test", none, 401),
        ("argon2.test", &[WRONG], 401),
        ("argon2.test", &[RIGHT], 200),
        ("deny.test", none, 403),
        ("allow.test", none, 200),
        ("stranger.test", none, 403),
        ("both.test", none, 403),
        ("wrong.test", none, 503),
        ("typo.test", none, 503),
        ("b.wild.test", none, 200),
        ("a.wild.test", &[RIGHT], 503),
        ("nobody.test", none, 503),
    ] {
        let answer = scene.get(host, "/x", headers).await;
        assert_eq!(answer.status, status, "{host} {headers:?}: {}", answer.body);
        assert_eq!(
            answer.body.starts_with("GET /x 0\n"),
            status == 200,
            "{host}"
        );
    }
    let named = scene.get("bcrypt.test", "/x", &[RIGHT]).await;
    assert_eq!(
        named.body, "GET /x 0\nhost: bcrypt.test\n",
        "the password is not passed on"
    );
    let asked = scene.get("bcrypt.test", "/x", &[]).await;
    assert_eq!(
        asked.header("www-authenticate"),
        "Basic realm=\"restricted\""
    );
    assert_eq!(asked.body, "This site asks for a name and a password.\n");
}

#[tokio::test]
async fn another_app_is_asked_first_and_its_failure_lets_nobody_in() {
    let app = backend().await;
    let dead: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    let url = format!("http://127.0.0.1:{}/yes", app.port());
    let scene = Scene::start(vec![
        container("auth", app, &[("host", "auth.test")]),
        container("dead", dead, &[("host", "dead.test"), ("retry", "0s")]),
        container(
            "a",
            app,
            &[
                ("host", "yes.test"),
                ("auth.forward", "auth/yes"),
                ("auth.forward.copy", "Remote-User, Remote-Groups"),
            ],
        ),
        container(
            "b",
            app,
            &[("host", "no.test"), ("auth.forward", "auth/no")],
        ),
        container(
            "c",
            app,
            &[("host", "down.test"), ("auth.forward", "dead/yes")],
        ),
        container("d", app, &[("host", "url.test"), ("auth.forward", &url)]),
    ])
    .await;
    let spoofed = [
        ("Remote-Groups", "admins"),
        ("remote_groups", "admins"),
        ("Remote-User", "eve"),
    ];
    let answer = scene.get("yes.test", "/x?remote=1", &spoofed).await;
    assert_eq!(
        answer.body,
        "GET /x?remote=1 0\nhost: yes.test\nremote-user: ada\n"
    );
    let post = scene
        .ask(Method::POST, "yes.test", "/x", &[], Some("body".into()))
        .await;
    assert_eq!(post.body, "POST /x 4\nhost: yes.test\nremote-user: ada\n");
    let no = scene.get("no.test", "/x?a=b", &[]).await;
    assert_eq!((no.status, no.header("x-why")), (401, "no"));
    assert_eq!(
        no.body, "GET /no 0\nhost: no.test\n",
        "without the client's query"
    );
    let down = scene.get("down.test", "/x", &[]).await;
    assert_eq!((down.status, down.body.as_str()), (502, ""));
    assert_eq!(scene.get("url.test", "/x", &[]).await.status, 200);
}

/// The app that is asked is read from its slot, like the one that is protected.
#[tokio::test]
async fn an_app_that_is_asked_may_move_without_a_load() {
    let app = backend().await;
    let dead: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    let (dir, mut options) = place();
    let containers = vec![
        container("auth", app, &[("host", "auth.test"), ("retry", "0s")]),
        container(
            "a",
            app,
            &[("host", "a.test"), ("auth.forward", "auth/yes")],
        ),
    ];
    let built = built(containers, &options);
    let runtime_dir = dir.path().join("run");
    let folder = runtime_dir.join("slots");
    std::fs::create_dir_all(&folder).expect("the folder is ours");
    let slot = |host: &str, address: SocketAddr| {
        let mut routes = built.table.routes.iter();
        let route = routes.find(|(key, _)| key.host.as_str() == host);
        let (_, route) = route.expect("it is served");
        let file = folder.join(format!("{}.0", route.pool.key));
        std::fs::write(file, address.to_string()).expect("the folder is ours");
    };
    slot("a.test", app);
    slot("auth.test", app);
    options.slots = Some(SlotOptions {
        runtime_dir: runtime_dir.clone(),
        counts: Arc::default(),
    });
    let caddy = from_labels::serve(&dir, &built.table, &options).await;
    let scene = Scene {
        _dir: dir,
        _caddy: caddy,
        port: options.http_port,
    };
    assert_eq!(scene.get("a.test", "/x", &[]).await.status, 200);
    slot("auth.test", dead);
    assert_eq!(scene.get("a.test", "/x", &[]).await.status, 502);
    slot("auth.test", app);
    assert_eq!(scene.get("a.test", "/x", &[]).await.status, 200);
}

/// Passive checks that left nobody lead to a second pass of the whole chain: it must protect as the
/// first does, and what the first pass changed must not make it do otherwise.
#[tokio::test]
async fn a_request_that_is_passed_on_as_a_last_resort_is_protected_like_the_first() {
    let app = backend().await;
    let dead: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    let basic = format!("ada:{BCRYPT}");
    let passive = ("health.fail_for", "60s");
    let retry = ("retry", "1s");
    let replicas = |name: &str, labels: &[(&str, &str)]| {
        let labels: Vec<_> = labels.iter().copied().chain([passive, retry]).collect();
        [("1", dead), ("2", dead)].map(|(number, address)| {
            let mut one = container(name, address, &labels);
            one.id = ContainerId::new(format!("{name}{number}")).expect("not empty");
            // Two upstreams need two addresses.
            one.labels.insert("sh0.port".to_owned(), number.to_owned());
            one
        })
    };
    let mut containers = vec![
        container("auth", dead, &[("host", "auth.test"), ("retry", "0s")]),
        container("good", app, &[("host", "good.test")]),
    ];
    containers.extend(replicas(
        "a",
        &[("host", "basic.test"), ("auth.basic", &basic)],
    ));
    containers.extend(replicas(
        "b",
        &[("host", "asked.test"), ("auth.forward", "auth/yes")],
    ));
    containers.extend(replicas(
        "c",
        &[("host", "denied.test"), ("deny", "127.0.0.1")],
    ));
    containers.extend(replicas(
        "d",
        &[
            ("host", "app.test"),
            ("routes.admin.path", "/admin"),
            ("routes.admin.auth.forward", "auth/yes"),
            ("routes.admin.port", "3"),
        ],
    ));
    let (dir, options) = place();
    let rendered = render(&built(containers, &options).table, &options);
    // In the routes for errors the containers live: a pass without protection would be a 200.
    let text = String::from_utf8(rendered.json.to_vec()).expect("JSON");
    let (routes, errors) = text
        .split_once("\"errors\":")
        .expect("there is a last resort");
    let errors = errors
        .replace("127.0.0.1:1\"", &format!("{app}\""))
        .replace("127.0.0.1:2\"", &format!("{app}\""));
    // The app that is asked stays dead: it is the first proxy of its chain.
    let errors = keep_dead(&errors, &app.to_string());
    let json = format!("{routes}\"errors\":{errors}");
    let caddy = CaddyChild::start(dir.path(), json.as_bytes()).await;
    let scene = Scene {
        _dir: dir,
        _caddy: caddy,
        port: options.http_port,
    };
    assert_eq!(scene.get("basic.test", "/x", &[RIGHT]).await.status, 200);
    assert_eq!(scene.get("basic.test", "/x", &[WRONG]).await.status, 401);
    assert_eq!(scene.get("basic.test", "/x", &[]).await.status, 401);
    assert_eq!(scene.get("denied.test", "/x", &[]).await.status, 403);
    let asked = scene.get("asked.test", "/x", &[]).await;
    assert_eq!(asked.status, 502, "{}", asked.body);
    assert_eq!(scene.get("app.test", "/x", &[]).await.status, 200);
    let admin = scene.get("app.test", "/admin", &[]).await;
    assert_eq!(admin.status, 502, "not by the route behind: {}", admin.body);
}

/// The config with the dials of proxies that ask (they rewrite to `/yes`) led back to nowhere.
fn keep_dead(errors: &str, app: &str) -> String {
    let mut json: serde_json::Value = serde_json::Deserializer::from_str(errors)
        .into_iter()
        .next()
        .expect("the errors")
        .expect("JSON");
    let (_, rest) = errors.split_at(json_length(errors));
    lead_back(&mut json, app);
    format!("{json}{rest}")
}

fn json_length(text: &str) -> usize {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
    stream.next().expect("a value").expect("JSON");
    stream.byte_offset()
}

fn lead_back(value: &mut serde_json::Value, app: &str) {
    if value
        .pointer("/rewrite/uri")
        .is_some_and(|uri| uri == "/yes?")
    {
        let dial = value.pointer_mut("/upstreams/0/dial").expect("an upstream");
        assert_eq!(*dial, app);
        *dial = "127.0.0.1:1".into();
    }
    if let Some(items) = value.as_array_mut() {
        for item in items {
            lead_back(item, app);
        }
    } else if let Some(fields) = value.as_object_mut() {
        for field in fields.values_mut() {
            lead_back(field, app);
        }
    }
}
