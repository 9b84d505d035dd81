//! What the loop does when a person pauses, stops or resumes an app: slots and nothing else, for as
//! long as it says, over every new start.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use expect_test::expect;
use sh0_agent::access::Access;
use sh0_agent::model::{Container, HaltKind, HaltMessage};
use sh0_agent::reconcile::Slots;
use sh0_agent::routes::CLAIM_GRACE_SECONDS;
use sh0_agent::slots::HoldBounds;
use sh0_agent::status::control::{Command, Done, Refusal, RefusalKind, Verb};
use sh0_agent::status::exposition::text;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::FakeEngine;
use crate::fakes::prober::FakeProber;
use crate::fakes::store::FakeStore;
use crate::scene::{NOW, Scene, id, options, set_wall_clock, site};

const TERM: i32 = 15;

fn web() -> Container {
    site("web", 1, "a.example")
}

fn engine() -> FakeEngine {
    let engine = FakeEngine::new();
    engine.put("start", web());
    engine.put("start", site("other", 2, "b.example"));
    engine
}

fn paused() -> Verb {
    Verb::Halt(HaltKind::Paused { max_millis: 30_000 })
}

fn stopped() -> Verb {
    Verb::Halt(HaltKind::Stopped {
        message: HaltMessage::parse("Back at five.").ok(),
    })
}

async fn order(scene: &Scene, verb: Verb, app: &str) -> Result<Done, Refusal> {
    let (answer, answered) = oneshot::channel();
    let command = Command {
        verb,
        app: app.to_owned(),
        by: "root".to_owned(),
        answer,
    };
    scene.commands.send(command).await.unwrap();
    answered.await.unwrap()
}

/// What the slots and the notices say: `10.0.0.1:80`, `socket`, `paused`.
fn said(folder: &Path) -> Vec<String> {
    let files = |name: &str| {
        let files = std::fs::read_dir(folder.join(name)).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let texts = files.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()));
        texts.collect::<BTreeMap<_, _>>()
    };
    let slots = files("slots").into_values();
    let slots = slots.map(|text| match text.strip_prefix("unix/") {
        Some(socket) if Path::new(socket).exists() => "socket".to_owned(),
        Some(_) | None => text,
    });
    let texts = files("notices").into_iter();
    let texts = texts.filter(|(path, _)| path.extension().is_some_and(|end| end == "txt"));
    let mut said: Vec<String> = slots.collect();
    said.sort();
    said.extend(texts.map(|(_, text)| text.lines().next().unwrap_or_default().to_owned()));
    said
}

#[tokio::test(start_paused = true)]
async fn a_verb_is_slots_and_no_load_and_its_opposite_brings_everything_back() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine(), folder.path());
    scene.settle().await;
    let (served, loads) = (scene.served(), scene.caddy.loads().len());
    assert_eq!(said(folder.path()), ["10.0.0.1:80", "10.0.0.2:80"]);

    let done = order(&scene, paused(), "web").await.unwrap();
    assert!(done.is_change() && done.warning.is_none(), "{done:?}");
    assert_eq!(done.routes, ["a.example"]);
    let while_paused = ["10.0.0.2:80", "socket", "This site is paused."];
    assert_eq!(said(folder.path()), while_paused);
    assert_eq!(
        scene.store.kept().halts.len(),
        1,
        "the answer comes after the save"
    );

    let done = order(&scene, stopped(), "a.example").await.unwrap();
    assert_eq!(done.before.unwrap().kind.as_str(), "paused");
    let while_stopped = [
        "10.0.0.2:80",
        "socket",
        "This site is down for maintenance.",
    ];
    assert_eq!(said(folder.path()), while_stopped);

    let again = order(&scene, stopped(), "web").await.unwrap();
    assert!(!again.is_change(), "{again:?}");
    let done = order(&scene, Verb::Resume, "web").await.unwrap();
    assert!(done.is_change() && done.halt.is_none(), "{done:?}");
    assert!(
        !order(&scene, Verb::Resume, "web")
            .await
            .unwrap()
            .is_change()
    );
    assert_eq!(said(folder.path()), ["10.0.0.1:80", "10.0.0.2:80"]);
    assert_eq!(scene.served(), served);
    assert_eq!(scene.caddy.loads().len(), loads);
    assert!(scene.store.kept().halts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_halt_is_in_the_status_and_in_the_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine(), folder.path());
    scene.settle().await;
    order(&scene, paused(), "web").await.unwrap();
    order(&scene, stopped(), "other").await.unwrap();
    let status = serde_json::to_value(&*scene.status()).unwrap();
    expect![[r#"[{"app":{"name":"other","owner":{"app":"other"}},"by":"root","message":"Back at five.","since":1700000000,"state":"stopped"},{"app":{"name":"web","owner":{"app":"web"}},"by":"root","max_millis":30000,"since":1700000000,"state":"paused"}]"#]]
    .assert_eq(&status["halts"].to_string());
    let metrics = text(&scene.metrics, &scene.status());
    for line in [
        "sh0_apps_halted{state=\"paused\"} 1\n",
        "sh0_apps_halted{state=\"stopped\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let told = |scene: &Scene| {
        let status = scene.status();
        let told = status
            .history
            .happenings()
            .map(|h| format!("{}: {}", h.subject, h.text));
        told.filter(|text| text.starts_with("web:"))
            .collect::<Vec<_>>()
    };
    assert!(told(&scene)[0].contains("paused by `sh0-agent pause`"));
    order(&scene, Verb::Resume, "web").await.unwrap();
    assert_eq!(told(&scene)[1], "web: takes requests again");
}

/// The agent is killed in the moment after the answer; the next finds the same Caddy, or none.
#[tokio::test(start_paused = true)]
async fn a_halt_outlives_the_agent() {
    for leaves_caddy in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let scene = Scene::with_slots(engine(), folder.path());
        scene.settle().await;
        order(&scene, paused(), "web").await.unwrap();
        let halted = said(folder.path());
        let (engine, store) = (scene.engine.clone(), scene.store.clone());
        let caddy = if leaves_caddy {
            scene.caddy.clone()
        } else {
            FakeCaddy::new()
        };
        scene.kill().await;
        let slots = Slots::open(folder.path(), HoldBounds::default(), Access::default()).unwrap();
        let prober = FakeProber::default();
        let scene = Scene::start_in(engine, caddy, store, prober, Some(slots), options());
        scene.settle().await;
        assert_eq!(said(folder.path()), halted, "Caddy left: {leaves_caddy}");
        assert_eq!(scene.status().halts.len(), 1);
        order(&scene, Verb::Resume, "web").await.unwrap();
        assert_eq!(said(folder.path()), ["10.0.0.1:80", "10.0.0.2:80"]);
    }
}

#[tokio::test(start_paused = true)]
async fn new_containers_of_a_halted_app_take_no_requests_and_then_all() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine(), folder.path());
    scene.settle().await;
    order(&scene, stopped(), "web").await.unwrap();
    let halted = said(folder.path());
    scene.engine.kill(&id(&web()), TERM);
    scene.engine.remove(&id(&web()));
    scene.settle().await;
    assert_eq!(said(folder.path()), halted, "without a container");
    scene.engine.put("start", site("web", 9, "a.example"));
    scene.settle().await;
    assert_eq!(said(folder.path()), halted, "with a new one");
    scene.crash_caddy();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(said(folder.path()), halted, "with a new Caddy");
    order(&scene, Verb::Resume, "web").await.unwrap();
    assert_eq!(said(folder.path()), ["10.0.0.2:80", "10.0.0.9:80"]);
}

#[tokio::test(start_paused = true)]
async fn the_halt_of_an_app_that_is_gone_ends_with_the_claim_on_its_host() {
    set_wall_clock(NOW);
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine(), folder.path());
    scene.settle().await;
    order(&scene, stopped(), "web").await.unwrap();
    scene.engine.remove(&id(&web()));
    sleep(Duration::from_secs(CLAIM_GRACE_SECONDS - 60)).await;
    assert_eq!(scene.status().halts.len(), 1);
    let done = order(&scene, stopped(), "web").await.unwrap();
    assert!(!done.is_change() && done.routes.is_empty(), "{done:?}");
    // The route went a minute after its container.
    sleep(Duration::from_mins(4)).await;
    assert!(scene.status().halts.is_empty());
    assert!(scene.store.kept().halts.is_empty());
    scene.engine.put("start", web());
    scene.settle().await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(said(folder.path()), ["10.0.0.1:80", "10.0.0.2:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_halt_that_cannot_be_saved_holds_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine(), folder.path());
    scene.settle().await;
    scene.store.fail(true);
    let done = order(&scene, paused(), "web").await.unwrap();
    let warning = done.warning.unwrap();
    assert!(warning.starts_with("it ends with this agent"), "{warning}");
    assert_eq!(scene.status().halts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_slots_the_answer_says_why_not_and_what_to_do() {
    let scene = Scene::start(engine(), FakeCaddy::new(), FakeStore::default());
    scene.settle().await;
    for verb in [paused(), stopped()] {
        let refusal = order(&scene, verb, "web").await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Impossible);
        assert!(refusal.help.contains("--upstreams slots"), "{refusal:?}");
    }
    assert!(scene.status().halts.is_empty());
    assert!(order(&scene, Verb::Resume, "web").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_app_is_known_by_its_name_a_container_or_a_host_and_others_are_told() {
    let labelled = |name: &str, n: u8, project: &str, service: &str, path: &str| {
        let labels = [
            ("sh0.host", "shop.example"),
            ("sh0.path", path),
            ("sh0.port", "80"),
            ("com.docker.compose.project", project),
            ("com.docker.compose.service", service),
        ];
        FakeEngine::container(name, n, &labels)
    };
    let engine = engine();
    engine.put("start", labelled("shop-web-1", 3, "shop", "web", "/"));
    engine.put("start", labelled("shop-api-1", 4, "shop", "api", "/api"));
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine, folder.path());
    scene.settle().await;
    for (asked, expected) in [
        ("web", "web"),
        ("shop/web", "shop/web"),
        (" shop-web-1 ", "shop/web"),
        ("api", "shop/api"),
        ("B.example", "other"),
    ] {
        let done = order(&scene, Verb::Resume, asked).await.unwrap();
        assert_eq!(done.app, expected, "{asked}");
    }
    let mut told = Vec::new();
    for asked in [
        "shop.example",
        "shop/wbe",
        "nothing-like-that",
        "\u{1b}[31m",
    ] {
        let refusal = order(&scene, paused(), asked).await.unwrap_err();
        told.push(format!(
            "{:?}: {}\n  {}",
            refusal.kind, refusal.error, refusal.help
        ));
    }
    expect![[r#"
        Ambiguous: `shop.example` means 2 apps
          name one of `shop/api`, `shop/web`
        Unknown: there is no app `shop/wbe`
          did you mean `shop/web` or `shop-web-1`? `sh0-agent routes` shows all apps
        Unknown: there is no app `nothing-like-that`
          the apps are `shop/api`, `shop/web`, `other`, `web`; `sh0-agent routes` shows them
        Unknown: there is no app `\u{1b}[31m`
          the apps are `shop/api`, `shop/web`, `other`, `web`; `sh0-agent routes` shows them"#]]
    .assert_eq(&told.join("\n"));
    assert!(scene.status().halts.is_empty());
}

/// The time for which requests wait for a return begins with the loss, also of a halted app's
/// container.
#[tokio::test(start_paused = true)]
async fn requests_of_a_resumed_app_whose_container_was_just_lost_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine(), folder.path());
    scene.settle().await;
    order(&scene, paused(), "web").await.unwrap();
    sleep(Duration::from_hours(1)).await;
    scene.engine.kill(&id(&web()), TERM);
    scene.engine.remove(&id(&web()));
    scene.settle().await;
    let done = order(&scene, Verb::Resume, "web").await.unwrap();
    assert!(done.is_change());
    assert_eq!(said(folder.path()), ["10.0.0.2:80", "socket"]);
    scene.engine.put("start", site("web", 9, "a.example"));
    scene.settle().await;
    assert_eq!(said(folder.path()), ["10.0.0.2:80", "10.0.0.9:80"]);
}
