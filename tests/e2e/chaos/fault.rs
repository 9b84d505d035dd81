//! How faults begin and end.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::time::sleep;

use super::plan::{Damage, Fault, ProxyFault};
use super::scene::Scene;
use super::strays;
use super::traffic::Traffic;
use crate::engine_proxy::Fault as Misbehaviour;
use crate::harness::{Agent, signal, until};

/// The longest wait between two tries to reach Docker, and some time for the try.
const RECONNECT_MAX: Duration = Duration::from_secs(8);

/// Starts an agent and waits until Caddy serves something of what it has looked at. Not until it
/// has the newest config: a route that was only removed goes with the next load, or after a minute.
pub(super) async fn comes_up(agent: &mut Agent) {
    agent.spawn();
    let number = |status: &Value, pointer| status.pointer(pointer).and_then(Value::as_u64);
    let is_up = |status: &Value| {
        let has_looked = number(status, "/docker/looks").is_some_and(|looks| looks > 0);
        let phase = status.pointer("/caddy/phase").and_then(Value::as_str);
        has_looked && number(status, "/applied").is_some() && phase == Some("up")
    };
    agent.status_when("the agent is up", is_up).await;
}

/// A fault that has begun.
pub(super) struct Begun {
    fault: Fault,
    since_ms: u64,
    /// Caddy by then.
    caddy: Option<u32>,
    /// Whether what is asked may be lost, until all is back.
    is_away: bool,
    /// Looks at the engine by then.
    looks: u64,
}

impl Scene<'_> {
    pub(super) async fn begin(&mut self, fault: Fault, traffic: &mut Traffic) -> Begun {
        self.history.say(&format!("begins: {fault:?}"));
        let begun = Begun {
            fault,
            since_ms: traffic.now_ms(),
            caddy: self.agent.recorded_caddy(),
            is_away: self.takes_caddy_away(fault),
            looks: self.looks().await,
        };
        match fault {
            Fault::Nothing => {}
            Fault::CaddyEnds(by) => self.signal_caddy(by).await,
            Fault::CaddyStands => self.signal_caddy(Signal::STOP).await,
            Fault::AgentEnds {
                by,
                damage,
                caddy_ends,
            } => self.end_agent(by, damage, caddy_ends).await,
            Fault::AgentHup => assert!(signal(self.agent.pid(), Signal::HUP), "it runs"),
            Fault::Proxy(fault) => self.misbehave(fault),
            Fault::EngineRestarts { away } => {
                self.private.kill();
                sleep(away).await;
                self.private.restart().await;
                strays::swept(&self.engine, self.history).await;
                self.crowd.engine_restarted(self.live_restore);
            }
            Fault::EngineStands(time) => {
                self.private.freeze();
                sleep(time).await;
                self.private.thaw();
            }
            Fault::RuntimeEmptied => empty(&self.agent.runtime_dir()),
        }
        begun
    }

    /// Puts right what does not come right by itself, and waits until all works.
    pub(super) async fn end(&mut self, begun: Begun, traffic: &mut Traffic) {
        match begun.fault {
            Fault::CaddyStands => {
                // It may have been replaced by now.
                if let Some(caddy) = self.agent.recorded_caddy() {
                    signal(caddy, Signal::CONT);
                }
            }
            Fault::AgentEnds { .. } => {
                comes_up(&mut self.agent).await;
                traffic.was_agentless_since(begun.since_ms);
                self.loads_at = 0;
            }
            Fault::Proxy(_) => {
                self.proxy.relent();
                self.proxy.cut();
                self.listens_again(begun.looks, self.subscriptions().await)
                    .await;
            }
            Fault::EngineRestarts { .. } => self.listens_again(begun.looks, 0).await,
            Fault::Nothing
            | Fault::CaddyEnds(_)
            | Fault::AgentHup
            | Fault::EngineStands(_)
            | Fault::RuntimeEmptied => {}
        }
        self.recovers().await;
        if begun.is_away {
            traffic.was_away_since(begun.since_ms);
        }
    }

    /// Ends the time in which something may be lost as soon as all that comes back by itself is
    /// back.
    pub(super) async fn look(&self, begun: &mut Begun, traffic: &mut Traffic) {
        let comes_back = match begun.fault {
            Fault::CaddyEnds(_) => self.agent.recorded_caddy() != begun.caddy,
            Fault::RuntimeEmptied | Fault::EngineRestarts { .. } => true,
            Fault::CaddyStands
            | Fault::AgentEnds { .. }
            | Fault::AgentHup
            | Fault::Proxy(_)
            | Fault::EngineStands(_)
            | Fault::Nothing => false,
        };
        let status = self.agent.status().await;
        if begun.is_away
            && comes_back
            && status["caddy"]["phase"] == "up"
            && self.is_calm().await.is_ok()
        {
            begun.is_away = false;
            traffic.was_away_since(begun.since_ms);
        }
    }

    /// Whether what is asked while the fault lasts may be lost.
    fn takes_caddy_away(&self, fault: Fault) -> bool {
        match fault {
            Fault::CaddyEnds(_) | Fault::CaddyStands | Fault::RuntimeEmptied => true,
            Fault::AgentEnds {
                by,
                damage,
                caddy_ends,
            } => {
                // After the runtime directory was emptied Caddy's socket has the name that the agent
                // gave it, which ends with the agent; the next one starts another Caddy.
                let socket = self.agent.runtime_dir().join("caddy/admin.sock");
                let is_lost = fs::symlink_metadata(socket).is_ok_and(|about| about.is_symlink());
                is_lost || by == Signal::TERM || caddy_ends || damage == Damage::SlotsRemoved
            }
            Fault::EngineRestarts { .. } => !self.live_restore,
            Fault::Nothing | Fault::AgentHup | Fault::Proxy(_) | Fault::EngineStands(_) => false,
        }
    }

    async fn signal_caddy(&self, by: Signal) {
        let caddy = self.agent.caddy_pid().await;
        assert!(signal(caddy, by), "Caddy {caddy} runs");
    }

    async fn end_agent(&mut self, by: Signal, damage: Damage, caddy_ends: bool) {
        let caddy = self.agent.caddy_pid().await;
        // And the one that may be under way: it is in nobody's count.
        self.loads_before += self.agent.loads_so_far().await - self.loads_at + 1;
        assert!(signal(self.agent.pid(), by), "it runs");
        self.agent.until_exit().await;
        if caddy_ends {
            signal(caddy, Signal::KILL);
        }
        damaged(&self.agent.state_dir(), &self.agent.runtime_dir(), damage);
    }

    fn misbehave(&self, fault: ProxyFault) {
        let (path, how) = match fault {
            ProxyFault::RefuseAll => ("/", Misbehaviour::Refuse),
            ProxyFault::RefuseEvents => ("/events", Misbehaviour::Refuse),
            ProxyFault::HoldEvents => ("/events", Misbehaviour::HoldAnswer),
            ProxyFault::HangLists => ("/containers/json", Misbehaviour::HangAfter(500)),
            ProxyFault::CutLists => ("/containers/json", Misbehaviour::CutAfter(500)),
            ProxyFault::CutStreams => return self.proxy.cut(),
        };
        self.proxy.strike(path, how);
        if matches!(fault, ProxyFault::HoldEvents | ProxyFault::RefuseAll) {
            self.proxy.cut();
        }
    }

    async fn looks(&self) -> u64 {
        let status = self.agent.status().await;
        status["docker"]["looks"].as_u64().unwrap_or_default()
    }

    async fn subscriptions(&self) -> u64 {
        let status = self.agent.status().await;
        let subscriptions = status["docker"]["subscriptions"].as_u64();
        subscriptions.unwrap_or_default()
    }

    /// Waits until the agent has looked at the engine since it had so many looks, and listens to
    /// its events, by a later subscription than this one.
    async fn listens_again(&self, looks: u64, subscriptions: u64) {
        until(
            "the engine is listened to again",
            RECONNECT_MAX,
            async || {
                let status = self.agent.status().await;
                let docker = &status["docker"];
                let is_more =
                    |field: &str, before| docker[field].as_u64().is_some_and(|now| now > before);
                (docker["subscribed"] == true
                    && is_more("looks", looks)
                    && is_more("subscriptions", subscriptions))
                .then_some(())
                .ok_or(status["docker"].to_string())
            },
        )
        .await;
    }
}

/// Removes all that is in a folder.
fn empty(folder: &Path) {
    for entry in fs::read_dir(folder).expect("it is there").flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_folder {
            fs::remove_dir_all(entry.path())
        } else {
            fs::remove_file(entry.path())
        };
        // The agent may be faster.
        drop(removed);
    }
}

fn damaged(state: &Path, runtime: &Path, damage: Damage) {
    let (routes, containers) = (state.join("state.json"), state.join("containers.json"));
    let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("the folder is ours");
    let cut = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_default();
        write(path, &bytes[..bytes.len() / 2]);
    };
    match damage {
        Damage::None => {}
        Damage::StateCut => cut(&routes),
        Damage::StateGarbage => write(&routes, b"\0\xffgarbage"),
        Damage::StateOfAnotherVersion => write(&routes, br#"{"version":99}"#),
        Damage::StateRemoved => drop(fs::remove_file(&routes)),
        Damage::ContainersCut => cut(&containers),
        Damage::AllRemoved => {
            for path in [routes, containers] {
                drop(fs::remove_file(path));
            }
        }
        Damage::SlotsRemoved => {
            for folder in ["slots", "hold"] {
                drop(fs::remove_dir_all(runtime.join(folder)));
            }
        }
    }
}
