//! Nothing is left behind: processes, descriptors, files, memory.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::scene::Scene;
use crate::harness::until;

/// Connections of clients that are gone are closed at once, and those to containers that are gone
/// when Caddy next looks at them.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);
/// What an agent has open at rest: runtime, signals, sockets, logs, two streams to the engine, some 30
/// in all; and two for each connection on which requests have waited, which Caddy keeps for two
/// minutes. After an engine's restart that is up to one for each client and site.
const AGENT_FILES_MAX: usize = 96;
/// What Caddy has open at rest, with the connections to containers that it keeps for two minutes.
const CADDY_FILES_MAX: usize = 96;
/// What memory may differ by between two moments of rest: an allocator gives back by the megabyte,
/// and Go's heap may be twice what is in use (`GOGC=100`), which is some 20 MB with a few sites.
const AGENT_MEMORY_MARGIN_KB: u64 = 8 * 1024;
const CADDY_MEMORY_MARGIN_KB: u64 = 40 * 1024;

/// What agent and Caddy use at rest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    agent_kb: u64,
    caddy_kb: u64,
}

impl Usage {
    pub(super) fn has_not_grown_since(&self, before: &Self) {
        println!("memory at rest: {before:?} after the first rounds, {self:?} at the end");
        assert!(
            self.agent_kb <= before.agent_kb + AGENT_MEMORY_MARGIN_KB,
            "the agent's memory has grown: {self:?} from {before:?}"
        );
        assert!(
            self.caddy_kb <= before.caddy_kb + CADDY_MEMORY_MARGIN_KB,
            "Caddy's memory has grown: {self:?} from {before:?}"
        );
    }
}

/// Asserts that there is one Caddy, no other child, and no file or descriptor too many; what is
/// used then.
pub(super) async fn nothing_is_left(scene: &Scene<'_>) -> Usage {
    let agent = scene.agent.pid();
    let caddy = scene.agent.caddy_pid().await;
    until("one Caddy, and few open files", CLOSED_WITHIN, async || {
        let ours = processes_of(scene.agent.home());
        if ours != [caddy] {
            return Err(format!("Caddy is {caddy}, its kind {ours:?}"));
        }
        let children = children_of(agent);
        if children.iter().any(|child| *child != caddy) {
            return Err(format!(
                "children of the agent: {children:?}, Caddy is {caddy}"
            ));
        }
        let files = (open_files(agent), open_files(caddy));
        if files.0 > AGENT_FILES_MAX || files.1 > CADDY_FILES_MAX {
            return Err(format!("open files of agent and Caddy: {files:?}"));
        }
        let odd = odd_files(scene);
        if !odd.is_empty() {
            return Err(format!("files: {odd:?}"));
        }
        Ok(())
    })
    .await;
    let usage = Usage {
        agent_kb: memory_kb(agent),
        caddy_kb: memory_kb(caddy),
    };
    scene.history.say(&format!(
        "at rest: {usage:?}, {} and {} open files, {} files in the folders",
        open_files(agent),
        open_files(caddy),
        count(&scene.agent.runtime_dir()) + count(&scene.agent.state_dir())
    ));
    usage
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("Linux has it").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processes whose home is in this folder: an agent gives one to its Caddy.
fn processes_of(folder: &Path) -> Vec<u32> {
    let home = format!("HOME={}/", folder.display());
    let is_ours = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| variable.starts_with(home.as_bytes()))
    };
    pids().filter(is_ours).collect()
}

/// The children, those included that have ended and were not asked how.
fn children_of(parent: u32) -> Vec<u32> {
    let is_child = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.rsplit(") ").next().unwrap_or_default();
        rest.split(' ').nth(1) == Some(&parent.to_string())
    };
    pids().filter(is_child).collect()
}

fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

fn memory_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("the kernel says it in kB")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}

fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let within = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => count(&entry.path()),
        _ => 1,
    };
    entries.map(within).sum()
}

/// What should not be in the folders.
fn odd_files(scene: &Scene<'_>) -> Vec<String> {
    let (state, runtime) = (scene.agent.state_dir(), scene.agent.runtime_dir());
    let known = [
        "state.json",
        "state.json.unreadable",
        "containers.json",
        "containers.json.unreadable",
        "caddy",
        "certificates",
        "agent.lock",
        "caddy.json",
        "caddy.taken",
        "control.sock",
        "notices",
        "status.sock",
        "slots",
        "hold",
    ];
    let all = names(&state).into_iter().chain(names(&runtime));
    let odd = all.filter(|name| !known.contains(&name.as_str()));
    odd.chain(
        names(&runtime.join("slots"))
            .into_iter()
            .filter(|n| n.contains("new")),
    )
    .collect()
}
