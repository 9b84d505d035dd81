//! One app under load, a neighbour with websockets, and an agent.

use std::time::Duration;

use crate::harness::load::{Kind, Load, Plan, Report, Secure, Sockets};
use crate::harness::{Agent, App, Container, Engine, Options, SLOTS, until};

use super::outcome::{Cost, Outcome};

/// Clients of each kind.
pub(super) const CLIENTS: usize = 8;
/// websockets to the neighbour.
const SOCKETS: usize = 10;
/// So many requests make a scenario.
const REQUESTS_MIN: u64 = 2_000;
/// And so many more of each kind come after the last thing that was done.
const REQUESTS_AFTER: u64 = 60;
/// Bounds the wait for answers: a held request may take its thirty seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// An agent and an engine with the app `web` to come.
pub(super) struct Scene {
    pub(super) engine: Engine,
    pub(super) agent: Agent,
    pub(super) host: String,
    secure: String,
    steady: String,
}

/// Runs a scenario as often as `SH0_REDEPLOY_RUNS` says, once by default.
pub(super) async fn repeat(scenario: impl AsyncFn()) {
    let runs = std::env::var("SH0_REDEPLOY_RUNS").unwrap_or_else(|_| "1".to_owned());
    let runs: u32 = runs.parse().expect("SH0_REDEPLOY_RUNS is a number");
    for _ in 0..runs {
        scenario().await;
    }
}

/// As [`repeat`], for a scenario that has its cost. How many requests are in flight in the instant
/// of a load or a stop is chance, and a machine that stalls right then has more of them. So where
/// the first run costs more than the rule, two more must not: the median of three holds.
pub(super) async fn costs(cost: Cost, scenario: impl AsyncFn() -> Outcome) {
    let run = async || {
        let outcome = scenario().await;
        outcome.is_within(cost);
        outcome.exceeds(cost)
    };
    repeat(async || {
        let Err(more) = run().await else { return };
        println!("once more, and again: {more}");
        for _ in 0..2 {
            run()
                .await
                .unwrap_or_else(|again| panic!("{more}\n{again}"));
        }
    })
    .await;
}

impl Scene {
    pub(super) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(super) async fn start_with(options: Options) -> Self {
        // Loads are counted, and a container of another test might cost one.
        let (engine, prefix) = Engine::start().await.with_prefix();
        let options = options.flags(SLOTS).flags(["--label-prefix", &prefix]);
        let agent = Agent::start_with(&engine, options).await;
        Self {
            host: engine.host("web"),
            secure: engine.host("secure"),
            steady: engine.host("steady"),
            engine,
            agent,
        }
    }

    /// A replica of the app: at one host over HTTP, at another over HTTPS.
    pub(super) fn replica(&self, name: &str) -> App {
        App::named(name)
            .host(&self.host)
            .label("sh0.app", "web")
            .label("sh0.routes.secure.host", &self.secure)
            .label("sh0.routes.secure.tls", "internal")
    }

    /// Starts a container and waits until it takes requests.
    pub(super) async fn ready(&self, app: App) -> Container {
        let container = self.engine.run(app).await;
        self.agent.routed(&container).await;
        container
    }

    /// Stops a container and removes it.
    pub(super) async fn retire(&self, container: &Container) {
        self.engine.stop(container).await;
        self.engine.remove(container).await;
    }

    /// Lets clients of all kinds ask the app from now on, and opens websockets to a neighbour.
    pub(super) async fn watch(&self) -> Watch<'_> {
        self.ready(App::named("steady").host(&self.steady)).await;
        self.agent.answers(&self.steady, "steady").await;
        let what = format!("{} over HTTPS", self.secure);
        until(&what, PATIENCE, async || {
            let answer = self.agent.get_tls(&self.secure, "/").await;
            (answer.status == 200).then_some(()).ok_or(answer.summary())
        })
        .await;
        let loads = self.agent.loads().await;
        let mut plan = Plan::new(self.agent.http_port, &self.host, "web");
        plan.kinds = Kind::ALL.to_vec();
        plan.clients = CLIENTS;
        plan.secure = Some(Secure {
            port: self.agent.https_port,
            host: self.secure.clone(),
            root: self.agent.root(),
        });
        plan.sockets = Sockets {
            count: SOCKETS,
            host: self.steady.clone(),
        };
        let load = Load::start(plan);
        let watch = Watch {
            scene: self,
            load,
            loads,
        };
        watch.go_on().await;
        watch
    }
}

/// Clients at work, and what there was before them.
pub(super) struct Watch<'a> {
    scene: &'a Scene,
    load: Load,
    loads: u64,
}

impl Watch<'_> {
    /// Lets every kind of client get some more answers, and all websockets open.
    pub(super) async fn go_on(&self) {
        let before = self.load.report();
        until("some more answers", PATIENCE, async || {
            let now = self.load.report();
            let more = |kind: &Kind| answers(&now, *kind) - answers(&before, *kind);
            let fewest = now.clients.keys().map(more).min().unwrap_or_default();
            let sockets = &now.websockets;
            let are_open = sockets.opened + sockets.closed >= SOCKETS as u64;
            (fewest >= REQUESTS_AFTER && are_open)
                .then_some(())
                .ok_or(format!("{fewest} more answers, {sockets:?}"))
        })
        .await;
    }

    /// How long the clients have been at work, in milliseconds.
    pub(super) fn now_ms(&self) -> u64 {
        self.load.elapsed_ms()
    }

    /// Lets the clients go on for a while, and ends them.
    pub(super) async fn end(self) -> Outcome {
        self.go_on().await;
        until("enough requests", PATIENCE, async || {
            let report = self.load.report();
            let all = report.ok() + report.failed();
            (all >= REQUESTS_MIN)
                .then_some(())
                .ok_or(format!("{all} requests"))
        })
        .await;
        let report = self.load.stop().await;
        let loads = self.scene.agent.loads().await - self.loads;
        println!(
            "{}",
            serde_json::json!({ "loads": loads, "report": &report })
        );
        Outcome { report, loads }
    }
}

fn answers(report: &Report, kind: Kind) -> u64 {
    let counts = report.clients.get(&kind);
    counts.map_or(0, |counts| counts.ok + counts.failed)
}
