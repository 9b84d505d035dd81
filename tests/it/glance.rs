//! What is known at a glance: how sites came, who waits, what takes long. Said once, and shown in the
//! status.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sh0_agent::metrics::{LoadReason, LoadResult};
use sh0_agent::model::{Container, ContainerState, Health, Obtaining, Obtainings};
use sh0_agent::routes::RouteKey;
use sh0_agent::status::explain::explain;
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::{FakeEngine, Listing};
use crate::scene::{FakeStore, Scene, id, set_wall_clock, site};

/// What the loop logs, as its tasks run on the thread of the test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        (log, tracing::subscriber::set_default(lines.finish()))
    }

    /// The lines with this text.
    fn lines(&self, text: &str) -> Vec<String> {
        let all = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let found = all.lines().filter(|line| line.contains(text));
        found.map(str::to_owned).collect()
    }
}

fn replica(name: &str, n: u8) -> Container {
    let labels = [
        ("sh0.host", "web.example"),
        ("sh0.port", "80"),
        ("sh0.app", "web"),
    ];
    FakeEngine::container(name, n, &labels)
}

fn key(host: &str) -> RouteKey {
    RouteKey::whole(sh0_agent::model::Hostname::parse(host).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_sites_last_pick_up_is_shown_until_the_site_is_gone() {
    set_wall_clock(1_800_000_000);
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(FakeEngine::new(), folder.path());
    scene.settle().await;
    scene.engine.put("start", replica("web-1", 1));
    scene.engine.put("start", site("a", 2, "a.example"));
    scene.settle().await;
    let shown = |scene: &Scene| -> Vec<u64> {
        let status = scene.status();
        let all = status.pickups.iter().map(|(_, pickup)| pickup.millis);
        all.collect()
    };
    let pool = scene.status().rows.iter().find_map(|row| row.pool);
    let first = shown(&scene);
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(first.iter().all(|millis| *millis < 1_000), "{first:?}");
    assert!(scene.status().pickups.get(&pool.unwrap()).is_some());
    // The next one of the app takes longer, and is the last one from then on.
    scene.prober.silence("10.0.0.3:80");
    scene.engine.put("start", replica("web-2", 3));
    sleep(Duration::from_secs(2)).await;
    scene.prober.unsilence();
    scene.settle().await;
    let second = shown(&scene);
    assert_eq!(second.len(), 2, "{second:?}");
    assert!(second.iter().any(|millis| *millis >= 2_000), "{second:?}");
    scene.engine.remove(&id(&site("a", 2, "a.example")));
    sleep(Duration::from_mins(5)).await;
    assert_eq!(shown(&scene).len(), 1, "that of the app that is left");
}

#[tokio::test(start_paused = true)]
async fn a_route_is_told_with_the_load_that_brought_it() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    let load_of = |host: &str| scene.status().history.load_of(&key(host)).cloned();
    assert_eq!(load_of("a.example"), None, "Caddy was started with it");
    scene.engine.put("start", site("b", 2, "b.example"));
    scene.settle().await;
    let load = load_of("b.example").expect("a load brought it");
    assert_eq!(
        (load.reason, load.result),
        (LoadReason::Change, LoadResult::Applied)
    );
    let last = scene.status().caddy.last_load.clone();
    assert_eq!(last.as_deref(), Some(&load));
    scene.engine.put("start", site("c", 3, "c.example"));
    scene.settle().await;
    assert_eq!(load_of("b.example"), Some(load.clone()), "it stays so");
    let explained = explain(&scene.status(), "b", &|_| vec!["10.0.0.2:80".to_owned()]);
    let links: Vec<String> = explained.links.into_iter().map(|link| link.text).collect();
    let said = format!("the {load} brought the route");
    assert!(links.iter().any(|text| text.ends_with(&said)), "{links:?}");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_takes_long_is_shown_and_said_once() {
    let (log, _guard) = Log::listen();
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    let obtaining = |error: Option<&str>| {
        let (since, error) = (1_700_000_000, error.map(str::to_owned));
        let one = ("a.example".to_owned(), Obtaining { since, error });
        Arc::new(Obtainings::from([one]))
    };
    scene.obtainings.send_replace(obtaining(None));
    scene.settle().await;
    assert_eq!(
        log.lines("no certificate yet"),
        [""; 0],
        "it has just begun"
    );
    scene
        .obtainings
        .send_replace(obtaining(Some("no such name")));
    sleep(Duration::from_mins(1)).await;
    let said = log.lines("no certificate yet");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said.iter()
            .all(|line| line.contains("a.example") && line.contains("no such name"))
    );
    let shown = scene.status().obtainings.get("a.example").cloned();
    assert_eq!(
        shown.and_then(|one| one.error).as_deref(),
        Some("no such name")
    );
    let explained = explain(&scene.status(), "a.example", &|_| {
        vec!["10.0.0.1:80".to_owned()]
    });
    let expected = "a.example is not served yet: its certificate is being obtained since 2023-11-14 \
                    22:13:20 UTC; the last try failed: no such name";
    assert_eq!(explained.headline.text, expected);
    scene.obtainings.send_replace(Arc::default());
    scene.settle().await;
    assert!(scene.status().obtainings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_container_that_takes_long_to_be_ready_is_said_once() {
    let (log, _guard) = Log::listen();
    let scene = Scene::empty();
    scene.settle().await;
    scene.prober.silence("10.0.0.1:80");
    scene.engine.put("start", site("slow", 1, "slow.example"));
    let mut checked = site("checked", 2, "checked.example");
    checked.health = Health::Starting;
    scene.engine.put("start", checked.clone());
    sleep(Duration::from_secs(4)).await;
    assert_eq!(log.lines("is not ready yet"), [""; 0]);
    assert_eq!(log.lines("still starting"), [""; 0]);
    sleep(Duration::from_secs(30)).await;
    let asked = log.lines("is not ready yet");
    assert_eq!(asked.len(), 1, "{asked:?}");
    for told in [
        "slow",
        "10.0.0.1:80",
        "waited=5s",
        "until=60s",
        "accepts a connection",
    ] {
        assert!(
            asked.iter().all(|line| line.contains(told)),
            "{told}: {asked:?}"
        );
    }
    let starting = log.lines("still starting");
    assert_eq!(starting.len(), 1, "{starting:?}");
    assert!(
        starting.iter().all(|line| line.contains("checked")),
        "{starting:?}"
    );
    // Who ends and comes back without having been ready is known already.
    let exited = |container: &mut Container| container.state = ContainerState::Exited;
    scene
        .engine
        .change("die", &id(&site("slow", 1, "slow.example")), exited);
    scene.settle().await;
    scene.engine.put("start", site("slow", 1, "slow.example"));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(log.lines("is not ready yet").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_list_that_takes_long_is_said_before_and_after() {
    let (log, _guard) = Log::listen();
    let engine = FakeEngine::new();
    engine.put("start", site("a", 1, "a.example"));
    engine.set_listing(Listing::Takes(Duration::from_secs(3)));
    let scene = Scene::start(engine, FakeCaddy::new(), FakeStore::default());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(log.lines("still lists the containers").len(), 1);
    let read = log.lines("Read all containers.");
    assert_eq!(read.len(), 1, "{read:?}");
    assert!(
        read.iter()
            .all(|line| line.contains("containers=1") && line.contains("took=3"))
    );
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
    let quick = Scene::with_sites(&[("b", "b.example")]).await;
    assert_eq!(
        log.lines("Read all containers.").len(),
        1,
        "it took no time"
    );
    drop(quick);
}
