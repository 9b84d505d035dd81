//! The loop with fakes all around it, under a paused clock: what happens when is exact.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sh0_agent::access::Access;
use sh0_agent::caddy::Fingerprint;
use sh0_agent::caddy::render::{Grouping, RenderOptions, render_unavailable};
use sh0_agent::certificates::CertificateSet;
use sh0_agent::labels::{Permits, TlsSetting};
use sh0_agent::metrics::Metrics;
use sh0_agent::model::{Container, ContainerId, Obtainings};
use sh0_agent::on_demand::OnDemand;
use sh0_agent::reconcile::{Channels, DebounceOptions, Options, Slots, World, reconcile};
use sh0_agent::routes::{Built, Inputs, Refused, build};
use sh0_agent::settings::Settings;
use sh0_agent::slots::HoldBounds;
use sh0_agent::status::Status;
use sh0_agent::status::control::Command;
use sh0_agent::supervise::{ExitCause, Phase, StartConfig};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::FakeEngine;
pub(crate) use crate::fakes::prober::FakeProber;
pub(crate) use crate::fakes::store::FakeStore;

/// The fake supervisor's wait before a restart; the real one's first.
pub(crate) const RESTART_WAIT: Duration = Duration::from_millis(100);
/// How long the fake supervisor takes to see that a Caddy which serves something is its own.
const ADOPTION_TIME: Duration = Duration::from_millis(5);
/// The wall clock stands here, unless a test lets it run.
pub(crate) const NOW: u64 = 1_700_000_000;

thread_local! {
    /// When the wall clock was set, and to what; each test has its own thread.
    static WALL_CLOCK: Cell<Option<(Instant, u64)>> = const { Cell::new(None) };
}

/// Seconds since 1970, as the agent is told.
pub(crate) fn wall_clock() -> u64 {
    let since = |(at, seconds): (Instant, u64)| seconds + at.elapsed().as_secs();
    WALL_CLOCK.get().map_or(NOW, since)
}

/// Sets the wall clock, which runs from then on.
pub(crate) fn set_wall_clock(seconds: u64) {
    WALL_CLOCK.set(Some((Instant::now(), seconds)));
}

/// A running loop and its world.
pub(crate) struct Scene {
    pub(crate) engine: FakeEngine,
    pub(crate) caddy: FakeCaddy,
    pub(crate) store: FakeStore,
    pub(crate) prober: FakeProber,
    pub(crate) began: Instant,
    pub(crate) status: watch::Receiver<Arc<Status>>,
    pub(crate) resync: mpsc::Sender<()>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) obtainings: watch::Sender<Arc<Obtainings>>,
    crash: Arc<Notify>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

pub(crate) fn options() -> Options {
    Options {
        prefix: "sh0".to_owned(),
        network: "sh0-net".to_owned(),
        default_tls: TlsSetting::Off,
        permits: Permits::default(),
        render: render_options(),
        debounce: DebounceOptions::default(),
        resync_interval: Duration::from_mins(1),
        caddy_version: "v2.11.7".to_owned(),
    }
}

/// Each site has a route of its own, so that [`sites_of`] finds it.
pub(crate) fn render_options() -> RenderOptions {
    RenderOptions {
        grouping: Grouping::Never,
        ..Settings::default().render_options()
    }
}

/// The bytes of the config that answers 503 only.
pub(crate) fn unavailable() -> Arc<[u8]> {
    render_unavailable(&render_options()).json
}

impl Scene {
    /// Starts the loop in this world.
    pub(crate) fn start(engine: FakeEngine, caddy: FakeCaddy, store: FakeStore) -> Self {
        Self::start_with(engine, caddy, store, FakeProber::default())
    }

    /// The same with some containers silent.
    pub(crate) fn start_with(
        engine: FakeEngine,
        caddy: FakeCaddy,
        store: FakeStore,
        prober: FakeProber,
    ) -> Self {
        Self::start_in(engine, caddy, store, prober, None, options())
    }

    /// The same with addresses in the slots of this folder.
    pub(crate) fn with_slots(engine: FakeEngine, folder: &Path) -> Self {
        let slots = Slots::open(folder, HoldBounds::default(), Access::default()).unwrap();
        let (caddy, store) = (FakeCaddy::new(), FakeStore::default());
        let prober = FakeProber::default();
        Self::start_in(engine, caddy, store, prober, Some(slots), options())
    }

    /// The same with all that can be chosen.
    pub(crate) fn start_in(
        engine: FakeEngine,
        caddy: FakeCaddy,
        store: FakeStore,
        prober: FakeProber,
        slots: Option<Slots>,
        options: Options,
    ) -> Self {
        let left = caddy.config().map(|_| Phase::Looking);
        let first = left.unwrap_or(Phase::Idle);
        let (phase, phases) = watch::channel(first);
        let (start_config, start_configs) = watch::channel(None);
        let (certificates, certificate_sets) = watch::channel(Arc::new(CertificateSet::default()));
        let (status, statuses) = watch::channel(Arc::new(Status::default()));
        let (resync, resyncs) = mpsc::channel(1);
        let (commands, ordered) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let metrics = Arc::new(Metrics::default());
        let obtainings = watch::Sender::default();
        let channels = Channels {
            phase: phases,
            start_config,
            certificates: certificate_sets,
            resync: resyncs,
            commands: ordered,
            status,
            obtainings: obtainings.subscribe(),
            metrics: Arc::clone(&metrics),
            stop: stop.clone(),
        };
        let world = World {
            engine: engine.clone(),
            admin: caddy.clone(),
            store: store.clone(),
            prober: prober.clone(),
            slots,
            on_demand: OnDemand::new("/nonexistent".into(), 1),
            wall_clock,
        };
        let crash = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let state = store.kept();
        tasks.spawn(async move {
            Box::pin(reconcile(world, options, state, channels)).await;
            drop(certificates);
        });
        tasks.spawn(fake_supervisor(
            caddy.clone(),
            start_configs,
            phase,
            Arc::clone(&crash),
        ));
        let began = Instant::now();
        Self {
            engine,
            caddy,
            store,
            prober,
            began,
            status: statuses,
            resync,
            commands,
            metrics,
            obtainings,
            crash,
            stop,
            tasks,
        }
    }

    /// A loop in an empty world.
    pub(crate) fn empty() -> Self {
        Self::start(FakeEngine::new(), FakeCaddy::new(), FakeStore::default())
    }

    /// A loop with these sites running already: `(name, host)`; the address is `10.0.0.<n>`.
    pub(crate) async fn with_sites(sites: &[(&str, &str)]) -> Self {
        let engine = FakeEngine::new();
        for (n, (name, host)) in (1..).zip(sites) {
            engine.put("start", site(name, n, host));
        }
        let scene = Self::start(engine, FakeCaddy::new(), FakeStore::default());
        scene.settle().await;
        scene
    }

    /// Lets everything happen that needs no more than a second.
    pub(crate) async fn settle(&self) {
        sleep(Duration::from_secs(1)).await;
    }

    /// Kills the fake Caddy, if it serves; its supervisor starts another one soon.
    pub(crate) fn crash_caddy(&self) {
        if self.caddy.config().is_some() {
            self.caddy.crash();
            self.crash.notify_one();
        }
    }

    /// The hosts that Caddy serves, with their upstreams: `a.example 10.0.0.1:80`.
    pub(crate) fn served(&self) -> Vec<String> {
        self.caddy
            .config()
            .map(|json| sites_of(&json))
            .unwrap_or_default()
    }

    /// When loads happened, in milliseconds since the start.
    pub(crate) fn load_times(&self) -> Vec<u128> {
        let loads = self.caddy.loads();
        loads
            .iter()
            .map(|(at, _)| (*at - self.began).as_millis())
            .collect()
    }

    /// The newest status.
    pub(crate) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }

    /// What comes of the containers of now, where these forms are refused.
    pub(crate) fn build(&self, refused: &Refused) -> Built {
        let snapshot = self.engine.now();
        let kept = self.store.kept();
        build(&Inputs {
            snapshot: &snapshot,
            claims: &kept.claims,
            last_good: &kept.last_good,
            absent: &kept.absent,
            refused,
            prefix: "sh0",
            network: "sh0-net",
            default_tls: TlsSetting::Off,
            permits: &Permits::default(),
            own_ports: [80, 443],
            certificate_names: &std::collections::BTreeSet::new(),
            authorities: &std::collections::BTreeMap::new(),
            has_dns_provider: false,
            gates: &sh0_agent::routes::Gates::open(),
            linger_seconds: 0,
            now: wall_clock(),
        })
    }

    /// Kills the agent in the middle of whatever it does; Caddy and the world stay as they are.
    pub(crate) async fn kill(mut self) {
        self.tasks.shutdown().await;
    }

    /// Stops the loop and leaves the world as it is.
    pub(crate) async fn stop(mut self) -> (FakeEngine, FakeCaddy, FakeStore) {
        self.stop.cancel();
        let ended = timeout(Duration::from_mins(1), self.tasks.join_next()).await;
        ended.expect("the loop ends when asked").unwrap().unwrap();
        self.tasks.shutdown().await;
        (self.engine, self.caddy, self.store)
    }
}

/// A container that serves `host` at `10.0.0.<n>:80`.
pub(crate) fn site(name: &str, n: u8, host: &str) -> Container {
    FakeEngine::container(name, n, &[("sh0.host", host), ("sh0.port", "80")])
}

/// The id of a container made by [`site`].
pub(crate) fn id(container: &Container) -> ContainerId {
    container.id.clone()
}

/// Each route of a config as `host upstream …`.
pub(crate) fn sites_of(json: &[u8]) -> Vec<String> {
    let config: serde_json::Value = serde_json::from_slice(json).unwrap();
    let routes = config.pointer("/apps/http/servers/http/routes");
    let routes = routes
        .and_then(|routes| routes.as_array())
        .cloned()
        .unwrap_or_default();
    let with_id = routes.iter().filter(|route| route.get("@id").is_some());
    with_id
        .map(|route| {
            let host = route
                .pointer("/match/0/host/0")
                .and_then(|host| host.as_str());
            let text = route.to_string();
            let dials = text
                .split("\"dial\":\"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next());
            let dials: Vec<&str> = dials.collect();
            format!("{} {}", host.unwrap_or("*"), dials.join(" "))
                .trim_end()
                .to_owned()
        })
        .collect()
}

/// Starts a fake Caddy with the newest config, again and again, as the real supervisor does.
async fn fake_supervisor(
    caddy: FakeCaddy,
    mut configs: watch::Receiver<Option<StartConfig>>,
    phase: watch::Sender<Phase>,
    crash: Arc<Notify>,
) {
    if let Some(json) = caddy.config() {
        sleep(ADOPTION_TIME).await;
        let id = Fingerprint::of_meaning(&json)
            .expect("a config")
            .to_string();
        phase.send_replace(Phase::Up {
            epoch: caddy.epoch(),
            pid: 1,
            id: id.into(),
        });
        crash.notified().await;
    }
    loop {
        let newest = configs
            .wait_for(Option::is_some)
            .await
            .map(|config| config.clone().unwrap());
        let Ok(config) = newest else {
            return;
        };
        let StartConfig { id, json } = config;
        let epoch = caddy.epoch() + 1;
        let waiting = |cause: ExitCause| Phase::Waiting {
            epoch,
            id: Arc::clone(&id),
            cause,
            retry_in: RESTART_WAIT,
        };
        let exited = |before_up: bool, last_words: String| ExitCause::Exited {
            status: "exit status: 1".to_owned(),
            before_up,
            last_words,
        };
        phase.send_replace(Phase::Starting {
            epoch,
            id: Arc::clone(&id),
        });
        sleep(Duration::from_millis(20)).await;
        caddy.restart(Some(Arc::clone(&json)));
        let refusal = caddy.refusal(&json);
        caddy.note_start(Arc::clone(&json), refusal.is_none());
        if let Some(error) = refusal {
            caddy.crash();
            phase.send_replace(waiting(exited(true, error.to_string())));
            tokio::select! {
                _ = configs.changed() => {}
                () = sleep(RESTART_WAIT) => {}
            }
            continue;
        }
        phase.send_replace(Phase::Up {
            epoch,
            pid: 1,
            id: Arc::clone(&id),
        });
        crash.notified().await;
        phase.send_replace(waiting(exited(false, String::new())));
        sleep(RESTART_WAIT).await;
    }
}
