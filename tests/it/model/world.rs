//! A world in which a history happens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sh0_agent::caddy::admin::AdminError;
use sh0_agent::model::{Container, ContainerId, ContainerState, Health};
use tokio::time::sleep;

use super::check;
use super::history::{AgentEnd, Ailment, Deed, Kind, Step};
use crate::fakes::caddy::{Answer, FakeCaddy};
use crate::fakes::engine::{Delivery, FakeEngine, Listing, address};
use crate::scene::{FakeProber, FakeStore, NOW, Scene, options, set_wall_clock, wall_clock};

/// The host of the site that no step touches.
pub(super) const UNTOUCHED: &str = "untouched.example";
/// Its last octet.
pub(super) const UNTOUCHED_ADDRESS: u8 = 200;
/// Hosts under it are refused by this world's Caddy; those under `where.` with the route's place.
pub(super) const REFUSED: &str = "refused.example";
/// A resync, the longest hold-down of a container that ended again and again, and some seconds.
const QUIET: Duration = Duration::from_secs(150);

/// A fault that is put into the seams, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Caddy says yes to loads and serves what it served before.
    CaddyLies,
    /// The engine's lists are empty from the first step on until the last.
    EngineForgets,
    /// The state directory says that it keeps, and does not.
    StoreForgets,
}

/// How the loop is set, what is wrong with its world, and how long it has in the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rig {
    pub(super) resync_interval: Duration,
    pub(super) quiet: Duration,
    pub(super) fault: Option<Fault>,
}

impl Default for Rig {
    fn default() -> Self {
        Self {
            resync_interval: options().resync_interval,
            quiet: QUIET,
            fault: None,
        }
    }
}

/// The running loop, and what the fakes do not know of their world.
pub(super) struct World {
    pub(super) rig: Rig,
    pub(super) scene: Scene,
    /// Containers made so far; each has an id of its own.
    made: u32,
    /// Agents so far.
    pub(super) agents: usize,
}

/// Lets a history happen, and the world be well after it.
///
/// # Errors
/// With what does not hold then.
pub(super) fn play(rig: Rig, steps: &[Step]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        set_wall_clock(NOW);
        let mut world = World::new(rig).await;
        for step in steps {
            if let Step::AgentRestarts(end) = step {
                world = world.restart(*end).await;
            }
            world.take(step).await;
        }
        world.recover();
        sleep(rig.quiet).await;
        check::check(world, steps).await
    })
}

impl World {
    async fn new(rig: Rig) -> Self {
        let engine = FakeEngine::new();
        engine.put("start", untouched());
        let caddy = FakeCaddy::new();
        caddy.judge(refuses(Ailment::Well));
        let store = FakeStore::default();
        let scene = start(rig, engine, caddy, store, FakeProber::default());
        scene.settle().await;
        let world = Self {
            rig,
            scene,
            made: 0,
            agents: 1,
        };
        world.put_in_fault();
        world
    }

    fn put_in_fault(&self) {
        match self.rig.fault {
            Some(Fault::CaddyLies) => self.scene.caddy.answer(Answer::Lie),
            Some(Fault::EngineForgets) => self.scene.engine.set_listing(Listing::Forgets),
            Some(Fault::StoreForgets) => self.scene.store.forget(),
            None => {}
        }
    }

    async fn take(&mut self, step: &Step) {
        let Scene {
            engine,
            caddy,
            store,
            prober,
            ..
        } = &self.scene;
        match step {
            Step::Recreate { n, kind } => self.recreate(*n, *kind),
            Step::Remove { n } => self.remove(*n),
            Step::Notices(delivery) => engine.set_delivery(*delivery),
            Step::Listings(listing) => engine.set_listing(*listing),
            Step::CutStreams => engine.cut_streams(),
            Step::RefuseStreams(refuse) => engine.refuse_streams(*refuse),
            Step::CaddyCrashes => self.scene.crash_caddy(),
            Step::CaddyAils(ailment) => ails(caddy, *ailment),
            Step::DiskFull(is_full) => store.fail(*is_full),
            Step::WallClock(seconds) => {
                set_wall_clock(wall_clock().checked_add_signed(*seconds).unwrap());
            }
            Step::TimePasses(ms) => sleep(Duration::from_millis(*ms)).await,
            Step::Silent { n } => self.each_address(*n, |address| prober.silence(address)),
            Step::Fails { n } => self.each_address(*n, |address| prober.fail(address, 500)),
            // A new agent is a new scene, in which this went on.
            Step::AgentRestarts(_) => {}
            Step::Happens { n, deed } => {
                if let Some(container) = self.named(*n) {
                    self.happen(*deed, &container);
                }
            }
        }
    }

    /// Something happens to one container that is there, if Docker lets it.
    fn happen(&self, deed: Deed, container: &Container) {
        let (engine, id) = (&self.scene.engine, &container.id);
        let runs = container.state == ContainerState::Running;
        let is_paused = container.state == ContainerState::Paused;
        let change = |action: &str, change: &dyn Fn(&mut Container)| {
            engine.change(action, id, |container| change(container));
        };
        let ends = |container: &mut Container| {
            container.state = ContainerState::Exited;
            container.networks.clear();
        };
        match deed {
            Deed::Stop if runs => {
                engine.kill(id, 15);
                change("die", &ends);
            }
            Deed::Exit if runs => change("die", &ends),
            Deed::StartAgain if container.state == ContainerState::Exited => {
                let octet = self.free_octet();
                change("start", &|container| {
                    container.state = ContainerState::Running;
                    (container.networks).insert("sh0-net".to_owned(), address(octet));
                });
            }
            Deed::Pause if runs => change("pause", &|c| c.state = ContainerState::Paused),
            Deed::Unpause if is_paused => {
                change("unpause", &|c| c.state = ContainerState::Running);
            }
            Deed::Rename => change("rename", &|container| {
                container.name = match container.name.strip_suffix("-old") {
                    Some(name) => name.into(),
                    None => format!("{}-old", container.name).into(),
                };
            }),
            Deed::Disconnect if runs => {
                change("disconnect", &|container| container.networks.clear());
            }
            Deed::Connect if runs && container.networks.is_empty() => {
                let octet = self.free_octet();
                change("connect", &|container| {
                    (container.networks).insert("sh0-net".to_owned(), address(octet));
                });
            }
            Deed::Health { healthy } if runs && container.health != Health::None => {
                let health = if healthy {
                    Health::Healthy
                } else {
                    Health::Unhealthy
                };
                change("health_status", &|container| container.health = health);
            }
            Deed::Kill { signal } if runs => engine.kill(id, signal),
            Deed::Stop
            | Deed::StartAgain
            | Deed::Exit
            | Deed::Pause
            | Deed::Unpause
            | Deed::Disconnect
            | Deed::Connect
            | Deed::Health { .. }
            | Deed::Kill { .. } => {}
        }
    }

    fn recreate(&mut self, n: u8, kind: Kind) {
        self.remove(n);
        self.made += 1;
        let octet = self.free_octet();
        let mut container = FakeEngine::container(&format!("c{n}"), octet, &[]);
        container.id = ContainerId::new(format!("{:0>12}", self.made)).unwrap();
        container.created = 1_700_000_000 + i64::from(self.made);
        if let Kind::Checked { .. } = kind {
            container.health = Health::Starting;
        }
        let labels = labels(kind, n).into_iter();
        container
            .labels
            .extend(labels.map(|(key, value)| (format!("sh0.{key}"), value)));
        self.scene.engine.put("start", container);
    }

    fn remove(&self, n: u8) {
        if let Some(container) = self.named(n) {
            self.happen(Deed::Stop, &container);
            self.scene.engine.remove(&container.id);
        }
    }

    async fn restart(self, end: AgentEnd) -> Self {
        let (engine, caddy) = (self.scene.engine.clone(), self.scene.caddy.clone());
        let (store, prober) = (self.scene.store.clone(), self.scene.prober.clone());
        if end.in_peace {
            drop(self.scene.stop().await);
        } else {
            self.scene.kill().await;
        }
        if !end.leaves_caddy {
            caddy.crash();
        }
        Self {
            scene: start(self.rig, engine, caddy, store, prober),
            agents: self.agents + 1,
            ..self
        }
    }

    /// Everything answers, and everybody is well.
    fn recover(&self) {
        let scene = &self.scene;
        scene.engine.set_listing(Listing::Works);
        scene.engine.set_delivery(Delivery::AtOnce);
        scene.engine.refuse_streams(false);
        ails(&scene.caddy, Ailment::Well);
        if self.rig.fault == Some(Fault::CaddyLies) {
            scene.caddy.answer(Answer::Lie);
        }
        scene.store.fail(false);
        scene.prober.unsilence();
        for container in scene.engine.now().containers() {
            if matches!(container.health, Health::Starting | Health::Unhealthy) {
                let healthy = |c: &mut Container| c.health = Health::Healthy;
                scene.engine.change("health_status", &container.id, healthy);
            }
        }
    }

    /// The container that was made with this number.
    fn named(&self, n: u8) -> Option<Container> {
        let names = [format!("c{n}"), format!("c{n}-old")].map(Arc::from);
        let now = self.scene.engine.now();
        now.containers().find(|c| names.contains(&c.name)).cloned()
    }

    fn each_address(&self, n: u8, act: impl Fn(&str)) {
        let container = self.named(n);
        let addresses = container.iter().flat_map(|c| c.networks.values());
        for ip in addresses.filter_map(|address| address.ipv4) {
            act(&format!("{ip}:80"));
        }
    }

    /// The lowest free one, as Docker deals them out.
    fn free_octet(&self) -> u8 {
        let now = self.scene.engine.now();
        let addresses = now.containers().flat_map(|c| c.networks.values());
        let taken: BTreeSet<u8> = addresses
            .filter_map(|address| Some(address.ipv4?.octets()[3]))
            .collect();
        (1..=u8::MAX).find(|octet| !taken.contains(octet)).unwrap()
    }
}

/// Starts an agent.
pub(super) fn start(
    rig: Rig,
    engine: FakeEngine,
    caddy: FakeCaddy,
    store: FakeStore,
    prober: FakeProber,
) -> Scene {
    let options = sh0_agent::reconcile::Options {
        resync_interval: rig.resync_interval,
        ..options()
    };
    Scene::start_in(engine, caddy, store, prober, None, options)
}

fn untouched() -> Container {
    crate::scene::site("untouched", UNTOUCHED_ADDRESS, UNTOUCHED)
}

fn labels(kind: Kind, n: u8) -> Vec<(&'static str, String)> {
    let (host, port) = (
        |host: u8| ("host", format!("h{host}.example")),
        ("port", "80".to_owned()),
    );
    match kind {
        Kind::Plain { host: n } | Kind::Checked { host: n } => vec![host(n), port],
        Kind::Replica => vec![
            ("host", "web.example".to_owned()),
            ("app", "web".to_owned()),
            port,
        ],
        Kind::Watched { host: n } => vec![host(n), port, ("health.path", "/up".to_owned())],
        Kind::Wrong { host: n } => vec![host(n), ("port", "80a".to_owned())],
        Kind::Refused => vec![("host", format!("c{n}.where.{REFUSED}")), port],
        Kind::RefusedMutely => vec![("host", format!("c{n}.{REFUSED}")), port],
    }
}

fn ails(caddy: &FakeCaddy, ailment: Ailment) {
    caddy.judge(refuses(ailment));
    caddy.answer(match ailment {
        Ailment::TimesOut { served } => Answer::TimesOut { served },
        Ailment::Well | Ailment::Environment => Answer::Served,
    });
}

/// A Caddy that refuses some hosts always, and every config while the disk is full.
pub(super) fn refuses(ailment: Ailment) -> impl Fn(&[u8]) -> Option<AdminError> + Send + 'static {
    move |json| {
        let refused = refused_route(json).map(|message| AdminError::Rejected { message });
        refused.or_else(|| {
            let message = "open /data/x: no space left on device".to_owned();
            (ailment == Ailment::Environment).then_some(AdminError::Environment { message })
        })
    }
}

/// Caddy's words about the first route that it refuses.
fn refused_route(json: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(json).unwrap();
    if !text.contains(REFUSED) {
        return None;
    }
    let config: serde_json::Value = serde_json::from_str(text).unwrap();
    let routes = config
        .pointer("/apps/http/servers/http/routes")?
        .as_array()?;
    let host =
        |route: &serde_json::Value| Some(route.pointer("/match/0/host/0")?.as_str()?.to_owned());
    let mut hosts = routes.iter().map(|route| host(route).unwrap_or_default());
    let at = hosts.position(|host| host.ends_with(REFUSED))?;
    let server = if host(&routes[at])?.contains(".where.") {
        format!("server http: setting up route handlers: route {at}: no good")
    } else {
        "something is no good".to_owned()
    };
    Some(format!(
        "loading config: loading new config: loading http app module: provision http: {server}"
    ))
}
