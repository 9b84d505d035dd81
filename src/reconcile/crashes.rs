//! Containers that end again and again soon after their start.
//!
//! With a restart policy such a container comes back within a second, accepts connections and dies
//! with the requests it was given. So after some exits in a row it must first run for a while
//! before it is even asked whether it is ready; until then its pool is the others', or requests
//! wait.
//!
//! Only exits that nobody asked for count: `docker stop`, `restart` and `kill` emit `kill` before
//! `die`, an exit by itself and a kill by the kernel do not. The exit code says nothing more: who
//! exits with 0 again and again loses requests too. Pure: the time comes in. A new event stream
//! tells the last seconds once more, so an exit may count twice; that alone is below the limit.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Container, ContainerId, ContainerState, Snapshot};
use crate::routes::Crashes;

/// Exits in a row that are forgiven: an app that waits for its database may need them.
const EXITS_FORGIVEN: u32 = 2;
/// An exit after a shorter run counts. Docker's own limit, below which it lets a container wait
/// before the next restart (`restartmanager.go`, `defaultTimeout` of its backoff).
const SOON: Duration = Duration::from_secs(10);
/// After a run of this length all is forgotten.
const STABLE: Duration = Duration::from_mins(1);
/// How long it must run after the first exit that is not forgiven; twice as long after each
/// further one, up to [`HOLD_DOWN_MAX`].
const HOLD_DOWN_MIN: Duration = Duration::from_secs(1);
/// As long as Docker itself lets it wait at most.
const HOLD_DOWN_MAX: Duration = Duration::from_mins(1);

/// The exits of all labelled containers.
#[derive(Debug, Default)]
pub(super) struct CrashLog(BTreeMap<ContainerId, Record>);

#[derive(Debug, Default)]
struct Record {
    /// Exits in a row.
    exits: u32,
    /// When it started, while it runs.
    started: Option<Instant>,
    /// Whether it was told to stop since then.
    is_told: bool,
    /// Until when it must run; `None` while it is not known to run.
    until: Option<Instant>,
}

impl Record {
    /// For how long it must run after its next start.
    fn hold_down(&self) -> Option<Duration> {
        let beyond = self.exits.checked_sub(EXITS_FORGIVEN + 1)?;
        let doubled = HOLD_DOWN_MIN.saturating_mul(2_u32.saturating_pow(beyond));
        Some(doubled.min(HOLD_DOWN_MAX))
    }

    fn runs_since(&mut self, now: Instant) {
        self.until = self.hold_down().map(|hold_down| now + hold_down);
    }
}

impl CrashLog {
    pub(super) fn started(&mut self, id: &ContainerId, now: Instant) {
        let record = self.0.entry(id.clone()).or_default();
        record.started = Some(now);
        record.is_told = false;
        record.runs_since(now);
    }

    pub(super) fn told_to_stop(&mut self, id: &ContainerId) {
        self.0.entry(id.clone()).or_default().is_told = true;
    }

    /// Notes an exit; the number of exits in a row when it is the first that is not forgiven.
    pub(super) fn died(&mut self, id: &ContainerId, now: Instant) -> Option<u32> {
        let record = self.0.entry(id.clone()).or_default();
        let ran = record.started.take().map(|started| now - started);
        record.until = None;
        if std::mem::take(&mut record.is_told) || ran.is_some_and(|ran| ran >= STABLE) {
            record.exits = 0;
            return None;
        }
        if ran.is_some_and(|ran| ran >= SOON) {
            return None;
        }
        record.exits = record.exits.saturating_add(1);
        (record.exits == EXITS_FORGIVEN + 1).then_some(record.exits)
    }

    /// Takes note of who runs, in case a start was not heard of, and forgets who is gone.
    pub(super) fn look(&mut self, snapshot: &Snapshot, now: Instant) {
        self.0.retain(|id, record| {
            let container = snapshot.get(id);
            let runs = container.is_some_and(|c| c.state == ContainerState::Running);
            if runs && record.until.is_none() {
                record.runs_since(now);
            }
            container.is_some()
        });
    }

    /// The same for this container, at which alone it was looked.
    pub(super) fn look_at(&mut self, id: &ContainerId, seen: Option<&Container>, now: Instant) {
        if seen.is_none() {
            self.0.remove(id);
        }
        let runs = seen.is_some_and(|c| c.state == ContainerState::Running);
        let record = self.0.get_mut(id);
        if let Some(record) = record.filter(|record| runs && record.until.is_none()) {
            record.runs_since(now);
        }
    }

    /// Who must run for some time yet.
    pub(super) fn crashing(&self, now: Instant) -> BTreeMap<ContainerId, Crashes> {
        let held = |(id, record): (&ContainerId, &Record)| {
            let hold_down = record.hold_down()?;
            let is_over = record.until.is_some_and(|until| until <= now);
            let exits = record.exits;
            (!is_over).then(|| (id.clone(), Crashes { exits, hold_down }))
        };
        self.0.iter().filter_map(held).collect()
    }

    /// When the first of these has run for long enough.
    pub(super) fn deadline(&self, crashing: &BTreeMap<ContainerId, Crashes>) -> Option<Instant> {
        let until = |id| self.0.get(id)?.until;
        crashing.keys().filter_map(until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ContainerId {
        ContainerId::new("beef").expect("not empty")
    }

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Starts it, lets it run and end `times` in a row; the hold-downs, 0 for none.
    fn runs(log: &mut CrashLog, now: &mut Instant, run: Duration, times: usize) -> Vec<u64> {
        let mut held = Vec::new();
        for _ in 0..times {
            log.started(&id(), *now);
            let crashing = log.crashing(*now);
            held.push(crashing.get(&id()).map_or(0, |c| c.hold_down.as_secs()));
            *now += run;
            log.died(&id(), *now);
        }
        held
    }

    #[test]
    fn the_hold_down_doubles_from_the_fourth_run_on() {
        let (mut log, mut now) = (CrashLog::default(), Instant::now());
        let held = runs(&mut log, &mut now, seconds(1), 11);
        assert_eq!(held, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn it_is_said_once_and_again_after_a_stable_run() {
        let (mut log, mut now) = (CrashLog::default(), Instant::now());
        let mut said = Vec::new();
        for run in [1, 1, 1, 1, 60, 1, 1, 1, 1] {
            log.started(&id(), now);
            now += seconds(run);
            said.push(log.died(&id(), now));
        }
        let none = None;
        assert_eq!(
            said,
            [none, none, Some(3), none, none, none, none, Some(3), none]
        );
    }

    #[test]
    fn a_run_that_is_neither_short_nor_stable_changes_nothing() {
        let (mut log, mut now) = (CrashLog::default(), Instant::now());
        runs(&mut log, &mut now, seconds(1), 3);
        assert_eq!(runs(&mut log, &mut now, seconds(30), 3), [1, 1, 1]);
        assert_eq!(runs(&mut log, &mut now, STABLE, 1), [1]);
        assert_eq!(runs(&mut log, &mut now, seconds(1), 2), [0, 0]);
    }

    #[test]
    fn an_exit_that_was_asked_for_forgets_the_others() {
        let (mut log, mut now) = (CrashLog::default(), Instant::now());
        runs(&mut log, &mut now, seconds(1), 5);
        log.started(&id(), now);
        log.told_to_stop(&id());
        assert_eq!(log.died(&id(), now), None);
        assert_eq!(runs(&mut log, &mut now, seconds(1), 2), [0, 0]);
    }

    #[test]
    fn the_hold_down_ends_while_it_runs() {
        let (mut log, mut now) = (CrashLog::default(), Instant::now());
        runs(&mut log, &mut now, seconds(1), 3);
        let crashing = log.crashing(now);
        assert_eq!(crashing.len(), 1, "also before its next start");
        assert_eq!(log.deadline(&crashing), None);
        log.started(&id(), now);
        let over = now + HOLD_DOWN_MIN;
        assert_eq!(log.deadline(&crashing), Some(over));
        assert_eq!(log.crashing(over).len(), 0);
    }
}
