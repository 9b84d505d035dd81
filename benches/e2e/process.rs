//! A program under measurement and the processes that it starts: their end, time and memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{is_alive, signal, until};

/// Every proxy measured here stops well within it.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// Ticks of the kernel's clock in a second (`getconf CLK_TCK`), which is fixed on Linux.
const TICKS: f64 = 100.0;

/// A program that runs. Dropping it ends it and what it has started.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let child = command.spawn();
        assert!(child.is_ok(), "{command:?} cannot be started: {child:?}");
        Self(child.expect("just checked"))
    }

    fn main(&self) -> u32 {
        self.0.id()
    }

    /// What it has started, and what those have.
    fn descendants(&self) -> BTreeSet<u32> {
        let parents = parents();
        let mut found = BTreeSet::from([self.main()]);
        loop {
            let more: BTreeSet<u32> = { parents.iter() }
                .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
                .map(|(pid, _)| *pid)
                .collect();
            if more.is_empty() {
                break;
            }
            found.extend(more);
        }
        found.remove(&self.main());
        found
    }

    fn all(&self) -> BTreeSet<u32> {
        let mut all = self.descendants();
        all.insert(self.main());
        all
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.0.try_wait().expect("it is our child");
        status.map(|status| status.to_string())
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&self) -> bool {
        is_alive(self.main())
    }

    /// CPU time of all its processes so far.
    pub(crate) fn cpu(&self) -> Duration {
        let ticks: u32 = self.all().into_iter().map(ticks).sum();
        Duration::from_secs_f64(f64::from(ticks) / TICKS)
    }

    /// Resident memory in KiB: of itself, and of what it has started.
    pub(crate) fn memory(&self) -> [u32; 2] {
        let started: u32 = self.descendants().into_iter().map(resident).sum();
        [resident(self.main()), started]
    }

    /// Asks it to end, and waits until all its processes have.
    pub(crate) async fn stop(mut self) {
        let all = self.all();
        signal(self.main(), Signal::TERM);
        until("the program ends", STOP_LIMIT, async || {
            let ended = self.ended().is_some() && !all.iter().any(|pid| is_alive(*pid));
            if ended {
                Ok(())
            } else {
                Err(format!("{all:?}"))
            }
        })
        .await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let descendants = self.descendants();
        if self.ended().is_none() {
            let killed = self.0.kill().and_then(|()| self.0.wait());
            killed.expect("it is our child");
        }
        for pid in descendants {
            signal(pid, Signal::KILL);
        }
    }
}

/// The fields of `/proc/<pid>/stat` behind the program's name: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn parents() -> BTreeMap<u32, u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?.get(1)?.parse().ok()?)))
        .collect()
}

/// Time in user and kernel mode.
fn ticks(pid: u32) -> u32 {
    let stat = stat(pid).unwrap_or_default();
    let field = |at: usize| stat.get(at).and_then(|text| text.parse::<u32>().ok());
    field(11).unwrap_or_default() + field(12).unwrap_or_default()
}

fn resident(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|text| text.parse().ok()).unwrap_or_default()
}
