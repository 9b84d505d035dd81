//! The routes are those of a fresh agent, and requests go where they say.

use std::fs;
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use tokio::time::Instant;

use super::crowd::{CALM, SITES};
use super::fault::comes_up;
use super::scene::Scene;
use crate::harness::{Agent, Options, until};

/// So soon after the last thing that was done all must be as it should.
const QUIET: Duration = Duration::from_secs(2);

/// What an agent shows: each container's rows, and what is wrong with labels.
#[derive(Debug, PartialEq, Eq)]
struct View {
    rows: Vec<String>,
    diagnostics: Vec<String>,
}

impl View {
    async fn of(agent: &Agent) -> (Self, Value) {
        let status = agent.status().await;
        let list = |field: &str| -> Vec<String> {
            let values = status[field].as_array().into_iter().flatten();
            values.map(Value::to_string).collect()
        };
        let view = Self {
            rows: list("rows"),
            diagnostics: list("diagnostics"),
        };
        (view, status)
    }

    /// What is in this and not in the other.
    fn without(&self, other: &Self) -> String {
        let rows = self.rows.iter().filter(|row| !other.rows.contains(row));
        let diagnostics = { self.diagnostics.iter() }.filter(|d| !other.diagnostics.contains(d));
        let lines: Vec<&str> = rows.chain(diagnostics).map(String::as_str).collect();
        lines.join("\n  ")
    }
}

/// Asserts that the agent shows the same as a fresh one with a copy of its state, and that requests
/// are answered accordingly, soon after now.
pub(super) async fn settles(scene: &Scene<'_>) {
    let quiet = Instant::now();
    let mut seen = String::new();
    while quiet.elapsed() < QUIET {
        let seen_after = quiet.elapsed();
        let (view, _) = View::of(&scene.agent).await;
        let (fresh, status) = fresh(scene).await;
        if view == fresh {
            scene.history.say(&format!(
                "as a fresh agent's {seen_after:?} after the last thing that was done: {} rows, {} diagnostics",
                view.rows.len(),
                view.diagnostics.len()
            ));
            answers(scene, &status).await;
            return;
        }
        seen = format!(
            "only in the agent's:\n  {}\nonly in the fresh one's:\n  {}",
            view.without(&fresh),
            fresh.without(&view)
        );
    }
    panic!("the routes are not those of a fresh agent\n{seen}");
}

/// What a fresh agent makes of a copy of the state directory and the same containers.
async fn fresh(scene: &Scene<'_>) -> (View, Value) {
    let mut fresh = Agent::prepare(&scene.engine, Options::default());
    fs::create_dir(fresh.state_dir()).expect("the folder is ours");
    for name in ["state.json", "containers.json"] {
        let from = scene.agent.state_dir().join(name);
        if from.exists() {
            fs::copy(from, fresh.state_dir().join(name)).expect("the folders are ours");
        }
    }
    comes_up(&mut fresh).await;
    View::of(&fresh).await
}

/// Asserts that each site is answered by a container that is routed for it, or not at all.
async fn answers(scene: &Scene<'_>, status: &Value) {
    let names = SITES.iter().map(|(name, _)| *name).chain([CALM]);
    let asked = names.map(|name| is_answered(scene, status, scene.engine.host(name)));
    join_all(asked).await;
}

async fn is_answered(scene: &Scene<'_>, status: &Value, host: String) {
    let rows = status["rows"].as_array().into_iter().flatten();
    let routed = rows.filter(|row| {
        row["host"] == host.as_str() && row["path"] == "" && row["state"] == "routed"
    });
    let says = routed.map(|row| {
        let id = row["container"]["id"].as_str().unwrap_or_default();
        scene.crowd.says(id).unwrap_or(CALM)
    });
    let says: Vec<&str> = says.collect();
    until(&format!("{host} is {says:?}"), QUIET, async || {
        let answer = scene.agent.get(&host, "/").await;
        let is_right = if says.is_empty() {
            answer.status >= 400
        } else {
            says.iter().any(|name| answer.is_from(name))
        };
        is_right.then_some(()).ok_or(answer.summary())
    })
    .await;
}
