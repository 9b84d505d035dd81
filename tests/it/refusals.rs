//! Configs that Caddy refuses: whoever is to blame is found, and nobody else loses anything.

use std::collections::BTreeSet;
use std::time::Duration;

use sh0_agent::caddy::admin::AdminError;
use sh0_agent::model::ContainerState;
use tokio::time::sleep;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::FakeEngine;
use crate::scene::{FakeStore, Scene, site};

/// Words that name no route.
const UNNAMED: &str = "loading new config: something is no good";

/// A Caddy that refuses every config in which this host stands, and says where, or not.
fn refuse_host(host: &'static str, says_where: bool) -> impl Fn(&[u8]) -> Option<AdminError> {
    move |json| {
        let text = String::from_utf8_lossy(json).into_owned();
        let config: serde_json::Value = serde_json::from_slice(json).unwrap();
        let routes = config
            .pointer("/apps/http/servers/http/routes")?
            .as_array()?
            .clone();
        let at = routes.iter().position(|route| {
            route.pointer("/match/0/host/0").and_then(|h| h.as_str()) == Some(host)
        })?;
        assert!(text.contains(host));
        let message = if says_where {
            format!(
                "loading new config: loading http app module: provision http: server http: setting up route handlers: route {at}: no good"
            )
        } else {
            UNNAMED.to_owned()
        };
        Some(AdminError::Rejected { message })
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_route_is_left_out_and_everything_else_is_served() {
    for says_where in [true, false] {
        let scene = Scene::with_sites(&[("a", "a.example")]).await;
        scene.caddy.judge(refuse_host("bad.example", says_where));
        scene.engine.put("start", site("b", 2, "b.example"));
        scene.engine.put("start", site("bad", 3, "bad.example"));
        scene.engine.put("start", site("z", 4, "z.example"));
        scene.settle().await;
        let rest = [
            "a.example 10.0.0.1:80",
            "b.example 10.0.0.2:80",
            "z.example 10.0.0.4:80",
        ];
        assert_eq!(scene.served(), rest, "says where: {says_where}");
        let status = scene.status();
        let codes: Vec<&str> = status.diagnostics.iter().map(|d| d.code.id()).collect();
        assert_eq!(codes, ["E010"], "says where: {says_where}");
        assert_eq!(&*status.diagnostics[0].container.name, "bad");
        // Other labels are another form, and that is tried.
        scene.engine.put("start", site("bad", 3, "good.example"));
        scene.settle().await;
        assert!(
            scene
                .served()
                .contains(&"good.example 10.0.0.3:80".to_owned())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_change_keeps_the_last_good_form() {
    let scene = Scene::with_sites(&[("a", "a.example"), ("b", "b.example")]).await;
    scene.caddy.judge(refuse_host("bad.example", true));
    scene.engine.put("start", site("b", 2, "bad.example"));
    scene.settle().await;
    assert_eq!(
        scene.served(),
        ["a.example 10.0.0.1:80", "b.example 10.0.0.2:80"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_route_whose_container_was_only_created_is_found_like_any_other() {
    for says_where in [true, false] {
        let scene = Scene::with_sites(&[("a", "a.example")]).await;
        scene.caddy.judge(refuse_host("bad.example", says_where));
        // Its port is known once it runs.
        let mut bad = FakeEngine::container("bad", 2, &[("sh0.host", "bad.example")]);
        (bad.state, bad.ports) = (ContainerState::Created, BTreeSet::new());
        scene.engine.put("start", bad);
        scene.engine.put("start", site("b", 3, "b.example"));
        scene.settle().await;
        let rest = ["a.example 10.0.0.1:80", "b.example 10.0.0.3:80"];
        assert_eq!(scene.served(), rest, "says where: {says_where}");
        let status = scene.status();
        let codes: Vec<&str> = status.diagnostics.iter().map(|d| d.code.id()).collect();
        assert_eq!(codes, ["E010"], "says where: {says_where}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_config_that_caddy_refuses_costs_only_the_bad_route() {
    for says_where in [true, false] {
        let engine = FakeEngine::new();
        engine.put("start", site("a", 1, "a.example"));
        engine.put("start", site("bad", 2, "bad.example"));
        let caddy = FakeCaddy::new();
        caddy.judge(refuse_host("bad.example", says_where));
        let scene = Scene::start(engine, caddy, FakeStore::default());
        scene.settle().await;
        assert_eq!(
            scene.served(),
            ["a.example 10.0.0.1:80"],
            "says where: {says_where}"
        );
        // One that is not named is searched for by loads.
        assert_eq!(scene.load_times().len(), usize::from(!says_where));
    }
}

#[tokio::test(start_paused = true)]
async fn a_caddy_that_refuses_every_first_config_starts_with_503s_and_goes_on_by_loads() {
    let engine = FakeEngine::new();
    for n in 1..=5 {
        engine.put(
            "start",
            site(&format!("bad{n}"), n, &format!("bad{n}.example")),
        );
    }
    engine.put("start", site("a", 9, "a.example"));
    let caddy = FakeCaddy::new();
    caddy.judge(|json| {
        let refusals = (1..=5).map(|n| refuse_host(BAD[n - 1], true)(json));
        refusals.flatten().next()
    });
    let scene = Scene::start(engine, caddy, FakeStore::default());
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.9:80"]);
    assert_eq!(scene.status().diagnostics.len(), 5);
    assert_eq!(scene.load_times().len(), 1, "one load was accepted");
}

const BAD: [&str; 5] = [
    "bad1.example",
    "bad2.example",
    "bad3.example",
    "bad4.example",
    "bad5.example",
];

#[tokio::test(start_paused = true)]
async fn a_config_that_no_route_is_to_blame_for_leaves_the_old_one_in_force() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    scene.caddy.judge(|_| {
        let message = "loading new config: a global setting is no good".to_owned();
        Some(AdminError::Rejected { message })
    });
    scene.engine.put("start", site("b", 2, "b.example"));
    scene.engine.put("start", site("c", 3, "c.example"));
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
    assert!(scene.status().caddy.load_error.is_some());
    assert!(
        scene.status().diagnostics.is_empty(),
        "no route is called bad for it"
    );
    scene.caddy.judge(|_| None);
    sleep(Duration::from_mins(1)).await;
    let all = [
        "a.example 10.0.0.1:80",
        "b.example 10.0.0.2:80",
        "c.example 10.0.0.3:80",
    ];
    assert_eq!(scene.served(), all);
}

/// A Caddy that refuses configs with any of these hosts, without a word about where.
fn refuse_hosts(hosts: &[&'static str]) -> impl Fn(&[u8]) -> Option<AdminError> + use<> {
    let judges: Vec<_> = hosts.iter().map(|host| refuse_host(host, false)).collect();
    move |json| judges.iter().find_map(|judge| judge(json))
}

/// Starts so many containers, `c<n>` for `h<n>.example`.
fn put_sites(scene: &Scene, count: u8) {
    for n in 1..=count {
        let container = site(&format!("c{n}"), n + 10, &format!("h{n}.example"));
        scene.engine.put("start", container);
    }
}

#[tokio::test(start_paused = true)]
async fn several_bad_routes_that_are_not_named_are_found_among_many_at_once() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    scene
        .caddy
        .judge(refuse_hosts(&["h5.example", "h6.example", "h19.example"]));
    put_sites(&scene, 20);
    scene.settle().await;
    assert_eq!(scene.served().len(), 18, "{:?}", scene.served());
    let status = scene.status();
    let named: Vec<String> = { status.diagnostics.iter() }
        .map(|d| format!("{} {} {}", d.code.id(), d.container.name, d.message))
        .collect();
    let words = "Caddy refused the route `default`: Caddy refuses the config: loading new config: something is no good";
    let expected = ["c19", "c5", "c6"].map(|name| format!("E010 {name} {words}"));
    assert_eq!(named, expected);
    assert_eq!(status.caddy.load_error, None);
    assert!(
        scene.caddy.refusals() <= 12 && scene.load_times().len() <= 12,
        "{} refused, {} accepted",
        scene.caddy.refusals(),
        scene.load_times().len()
    );
    // They are not tried again.
    let before = scene.caddy.refusals();
    sleep(Duration::from_mins(10)).await;
    assert_eq!(scene.caddy.refusals(), before);
}

#[tokio::test(start_paused = true)]
async fn a_bad_change_that_is_not_named_keeps_its_last_good_form_and_lets_others_pass() {
    let scene = Scene::with_sites(&[("a", "a.example"), ("b", "b.example")]).await;
    scene.caddy.judge(refuse_hosts(&["bad.example"]));
    scene.engine.put("start", site("b", 2, "bad.example"));
    scene.engine.put("start", site("c", 3, "c.example"));
    scene.settle().await;
    let served = [
        "a.example 10.0.0.1:80",
        "b.example 10.0.0.2:80",
        "c.example 10.0.0.3:80",
    ];
    assert_eq!(scene.served(), served);
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_caddy_refuses_is_no_routes_fault() {
    let words = "loading new config: loading http app module: provision http: getting tls app: loading tls app module: provision tls: provisioning automation policy 0: loading TLS automation management module: no";
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    scene.caddy.judge(|_| {
        let message = words.to_owned();
        Some(AdminError::Rejected { message })
    });
    for n in 2..=9_u8 {
        let host = format!("h{n}.example");
        scene.engine.put("start", site(&format!("c{n}"), n, &host));
    }
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
    assert!(
        scene.caddy.refusals() <= 2,
        "no search: {}",
        scene.caddy.refusals()
    );
    let status = scene.status();
    assert_eq!(status.diagnostics.len(), 0);
    assert_eq!(
        status.caddy.load_error.as_deref(),
        Some(&*format!("Caddy refuses the config: {words}"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_caddy_does_not_start_with_is_answered_with_503s_and_heals() {
    let engine = FakeEngine::new();
    engine.put("start", site("a", 1, "a.example"));
    engine.put("start", site("b", 2, "b.example"));
    let caddy = FakeCaddy::new();
    caddy.judge(|json| {
        let is_unavailable = json == &*crate::scene::unavailable();
        let message = "loading new config: loading pki app module: no".to_owned();
        (!is_unavailable).then_some(AdminError::Rejected { message })
    });
    let scene = Scene::start(engine, caddy, FakeStore::default());
    scene.settle().await;
    assert_eq!(scene.caddy.config(), Some(crate::scene::unavailable()));
    assert_eq!(scene.status().diagnostics.len(), 0);
    scene.caddy.judge(|_| None);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(
        scene.served(),
        ["a.example 10.0.0.1:80", "b.example 10.0.0.2:80"]
    );
}

#[tokio::test(start_paused = true)]
async fn sites_that_come_during_a_search_wait_for_its_end_only() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    scene
        .caddy
        .judge(refuse_hosts(&["h3.example", "late2.example"]));
    scene.caddy.set_pace(Duration::from_millis(50));
    put_sites(&scene, 8);
    sleep(Duration::from_millis(250)).await;
    scene
        .engine
        .put("start", site("late1", 31, "late1.example"));
    scene
        .engine
        .put("start", site("late2", 32, "late2.example"));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.served().len(), 9, "{:?}", scene.served());
    assert!(
        scene
            .served()
            .contains(&"late1.example 10.0.0.31:80".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_is_blamed_for_one_that_goes_during_a_search() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    scene.caddy.judge(refuse_hosts(&["h3.example"]));
    scene.caddy.set_pace(Duration::from_millis(50));
    put_sites(&scene, 8);
    for wait in [60, 110, 160, 210, 260] {
        sleep(Duration::from_millis(wait)).await;
        scene
            .engine
            .remove(&crate::scene::id(&site("c3", 13, "h3.example")));
        sleep(Duration::from_secs(3)).await;
        assert_eq!(scene.served().len(), 8, "{:?}", scene.served());
        assert_eq!(scene.status().diagnostics.len(), 0);
        scene.engine.put("start", site("c3", 13, "h3.example"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_config_that_is_refused_without_a_name_gives_way_to_what_was_accepted_before() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    let (engine, _, store) = scene.stop().await;
    let caddy = FakeCaddy::new();
    caddy.judge(refuse_hosts(&["bad.example"]));
    engine.put("start", site("bad", 2, "bad.example"));
    engine.put("start", site("b", 3, "b.example"));
    let scene = Scene::start(engine, caddy, store);
    scene.settle().await;
    let served = ["a.example 10.0.0.1:80", "b.example 10.0.0.3:80"];
    assert_eq!(scene.served(), served);
    let ups: Vec<bool> = scene
        .caddy
        .starts()
        .iter()
        .map(|start| start.is_up)
        .collect();
    assert_eq!(ups, [false, true]);
    let second = String::from_utf8_lossy(&scene.caddy.starts()[1].config).into_owned();
    assert!(
        second.contains("a.example"),
        "it is not started with 503s: {second}"
    );
    assert_eq!(scene.status().diagnostics[0].code.id(), "E010");
}

#[tokio::test(start_paused = true)]
async fn what_earlier_ones_accepted_is_blamed_after_what_is_new() {
    let scene = Scene::with_sites(&[("a", "a.example"), ("bad", "bad.example")]).await;
    let (engine, _, store) = scene.stop().await;
    // Another Caddy: it refuses what the one before took.
    let caddy = FakeCaddy::new();
    caddy.judge(refuse_hosts(&["bad.example"]));
    engine.put("start", site("c", 3, "c.example"));
    let scene = Scene::start(engine, caddy, store);
    scene.settle().await;
    let served = ["a.example 10.0.0.1:80", "c.example 10.0.0.3:80"];
    assert_eq!(scene.served(), served);
    let status = scene.status();
    let codes: Vec<&str> = status.diagnostics.iter().map(|d| d.code.id()).collect();
    assert_eq!(codes, ["E010"]);
    assert_eq!(&*status.diagnostics[0].container.name, "bad");
}
