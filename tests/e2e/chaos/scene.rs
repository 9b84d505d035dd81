//! The parts, and a round of chaos with them.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::convergence;
use super::crowd::{CALM, Crowd};
use super::history::History;
use super::leaks::{self, Usage};
use super::plan::Round;
use super::traffic::{Totals, Traffic};
use crate::engine_proxy::EngineProxy;
use crate::harness::{Agent, App, Engine, Options, until};
use crate::private_engine::PrivateEngine;

/// The longest that a part may take to be back: Caddy stands for some seconds before it is
/// replaced, and the engine is asked again every five.
const RECOVERY_MAX: Duration = Duration::from_secs(30);

/// Agent, Caddy, engine and containers. The order is that of their end.
pub(super) struct Scene<'a> {
    pub(super) history: &'a History,
    pub(super) agent: Agent,
    pub(super) crowd: Crowd,
    pub(super) engine: Engine,
    pub(super) proxy: EngineProxy,
    pub(super) private: PrivateEngine,
    pub(super) live_restore: bool,
    /// Loads of agents that have ended, in this round.
    pub(super) loads_before: u64,
    /// The count of the agent that runs, as the round began or as it started.
    pub(super) loads_at: u64,
    totals: Totals,
}

impl<'a> Scene<'a> {
    /// The untouched sites run and are served; the agent sees the engine through a proxy.
    pub(super) async fn start(history: &'a History, live_restore: bool) -> Self {
        history.say(&format!("an engine with live_restore={live_restore}"));
        let private = if live_restore {
            PrivateEngine::with_live_restore().await
        } else {
            PrivateEngine::without_live_restore().await
        };
        let engine = private.handle().await;
        let proxy = EngineProxy::start(private.socket());
        let calm = App::named(CALM).host(&engine.host(CALM));
        let calm = calm
            .of_project(&format!("{}-calm", engine.run_id()), CALM)
            .argument("--restart", "always")
            .label("sh0.routes.secure.host", &engine.host("secure"))
            .label("sh0.routes.secure.tls", "internal");
        engine.run(calm).await;
        let options = Options::default().env("DOCKER_HOST", &proxy.endpoint());
        let agent = Agent::start_with(&engine, options).await;
        let scene = Self {
            history,
            agent,
            crowd: Crowd::default(),
            engine,
            proxy,
            private,
            live_restore,
            loads_before: 0,
            loads_at: 0,
            totals: Totals::default(),
        };
        scene.calm_answers().await;
        scene
    }

    /// What was asked and lost so far.
    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    /// One round: its fault and its steps, and all that must hold afterwards.
    pub(super) async fn round(&mut self, round: &Round) -> Usage {
        self.history.holds("a round begins with all in order");
        self.loads_before = 0;
        self.loads_at = self.agent.loads_so_far().await;
        let mut traffic = Traffic::start(&self.agent, &self.engine).await;
        self.history.holds("chaos is survived");
        let mut begun = None;
        for (number, step) in round.steps.iter().enumerate() {
            if number == round.fault_at {
                begun = Some(self.begin(round.fault, &mut traffic).await);
            }
            self.crowd.act(*step, &self.engine, self.history).await;
            if let Some(begun) = &mut begun {
                self.look(begun, &mut traffic).await;
            }
        }
        if let Some(begun) = begun {
            self.end(begun, &mut traffic).await;
        }
        let is_same = "within two seconds of quiet the routes are those of a fresh agent";
        self.history.holds(is_same);
        convergence::settles(self).await;
        self.history.holds("untouched sites lose nothing");
        let loads = self.loads_before + self.agent.loads_so_far().await - self.loads_at;
        let totals = traffic.end(loads).await;
        self.history.say(&totals.to_string());
        self.totals += totals;
        self.history.holds("nothing is left behind");
        leaks::nothing_is_left(self).await
    }

    /// Waits until all parts work again.
    pub(super) async fn recovers(&self) {
        let broken = Instant::now();
        until("all parts work again", RECOVERY_MAX, async || {
            let status = self.agent.status().await;
            let is_null = |field: &str| status.pointer(field).is_some_and(Value::is_null);
            let has_recovered = status["docker"]["reachable"] == true
                && is_null("/docker/error")
                && is_null("/docker/remembered")
                && status["caddy"]["phase"] == "up"
                && is_null("/caddy/load_error");
            has_recovered.then_some(()).ok_or(status.to_string())
        })
        .await;
        self.calm_answers().await;
        let took = broken.elapsed();
        self.history
            .say(&format!("all parts work again after {took:?}"));
    }

    async fn calm_answers(&self) {
        until("the untouched sites answer", RECOVERY_MAX, async || {
            self.is_calm().await
        })
        .await;
    }

    /// Whether the untouched sites answer, or what they say instead.
    pub(super) async fn is_calm(&self) -> Result<(), String> {
        let answer = self.agent.get(&self.engine.host(CALM), "/").await;
        if !answer.is_from(CALM) {
            return Err(answer.summary());
        }
        let answer = self.agent.get_tls(&self.engine.host("secure"), "/").await;
        answer.is_from(CALM).then_some(()).ok_or(answer.summary())
    }
}
