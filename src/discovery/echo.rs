//! Repeats of notices whose event comes before the list shows what happened.
//!
//! Engine 20.10 sends `pause`, `unpause`, `connect` and `disconnect` a few milliseconds before
//! `GET /containers/json` shows the change, and `die` up to 250 ms before (measured on an idle
//! machine; the engine logs these events before it writes its copy of the container's state). None
//! of them need be followed by another event, so whoever looks at once, and only once, sees the old
//! state until the resync. The list is up to date at `start`, `stop`, `destroy`, `rename` and
//! `health_status`.
//!
//! Pure: the time comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Notice;
use crate::model::ContainerId;

/// When a notice is repeated, after the last such event of its container: soon for what takes
/// milliseconds, later for a death, and once more for a machine under load.
const DELAYS: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(300),
    Duration::from_millis(1_500),
];

/// Whom an event is of; `None` when it does not say.
type Subject = Option<ContainerId>;

/// The repeats that are still to come. Those of a container belong to its last event that needed
/// any: a look is at all that happened to it, so it serves the earlier ones too.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    planned: BTreeMap<Subject, Planned>,
    due: BTreeSet<(Instant, Subject)>,
}

/// The repeats of one container's last event.
#[derive(Debug)]
struct Planned {
    notice: Notice,
    heard: Instant,
    /// The delays still to come; not empty.
    delays: &'static [Duration],
}

impl Planned {
    fn due(&self) -> Option<Instant> {
        self.delays.first().map(|delay| self.heard + *delay)
    }
}

impl Echoes {
    /// Plans the repeats of a notice, if it needs any.
    pub(super) fn hear(&mut self, notice: &Notice, now: Instant) {
        let Notice::LookAgain { action, container } = notice else {
            return;
        };
        if action == "destroy" && container.is_some() {
            self.forget(container);
        }
        let early = ["die", "pause", "unpause", "connect", "disconnect"];
        if early.contains(&action.as_str()) {
            // By another name: one death is one death, however often it is looked at.
            let again = Notice::LookAgain {
                action: format!("after {action}"),
                container: container.clone(),
            };
            let planned = Planned {
                notice: again,
                heard: now,
                delays: &DELAYS,
            };
            self.plan(container.clone(), planned);
        }
    }

    fn plan(&mut self, subject: Subject, planned: Planned) {
        self.forget(&subject);
        let due = planned.due();
        self.planned.insert(subject.clone(), planned);
        self.due.extend(due.map(|due| (due, subject)));
    }

    /// Nothing of it is repeated any more. Of a container that is gone a look finds nothing, and
    /// whoever does not know it would look at all there are.
    fn forget(&mut self, subject: &Subject) {
        let planned = self.planned.remove(subject);
        if let Some(due) = planned.as_ref().and_then(Planned::due) {
            self.due.remove(&(due, subject.clone()));
        }
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next one.
    pub(super) fn take(&mut self) -> Option<Notice> {
        let (_, subject) = self.due.pop_first()?;
        let planned = self.planned.remove(&subject)?;
        let notice = planned.notice.clone();
        if let Some(delays) = planned.delays.get(1..).filter(|rest| !rest.is_empty()) {
            self.plan(subject, Planned { delays, ..planned });
        }
        Some(notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(action: &str, container: &str) -> Notice {
        Notice::LookAgain {
            action: action.to_owned(),
            container: ContainerId::new(container),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_early_event_is_repeated_and_a_later_one_takes_its_place() {
        let begin = Instant::now();
        let mut echoes = Echoes::default();
        echoes.hear(&notice("start", "web"), begin);
        assert_eq!(echoes.due(), None);

        echoes.hear(&notice("die", "web"), begin);
        assert_eq!(echoes.due(), Some(begin + DELAYS[0]));
        assert_eq!(echoes.take(), Some(notice("after die", "web")));
        let later = begin + DELAYS[0];
        echoes.hear(&notice("connect", "web"), later);
        echoes.hear(&notice("start", "web"), later);
        for delay in DELAYS {
            assert_eq!(echoes.due(), Some(later + delay));
            assert_eq!(echoes.take(), Some(notice("after connect", "web")));
        }
        assert_eq!((echoes.due(), echoes.take()), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_repeated_of_a_container_that_is_gone() {
        let begin = Instant::now();
        let mut echoes = Echoes::default();
        for action in ["die", "disconnect"] {
            echoes.hear(&notice(action, "web"), begin);
        }
        echoes.hear(&notice("die", "db"), begin);
        echoes.hear(&notice("destroy", "web"), begin);
        assert_eq!(echoes.take(), Some(notice("after die", "db")));
        assert_eq!(echoes.due(), Some(begin + DELAYS[1]));
        echoes.hear(&notice("destroy", "db"), begin);
        assert_eq!((echoes.due(), echoes.take()), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn each_containers_event_has_its_own_repeats() {
        let begin = Instant::now();
        let later = begin + Duration::from_millis(40);
        let mut echoes = Echoes::default();
        echoes.hear(&notice("pause", "web"), begin);
        echoes.hear(&notice("pause", "db"), later);
        let mut repeats = Vec::new();
        while let (Some(due), Some(notice)) = (echoes.due(), echoes.take()) {
            repeats.push((due, notice));
        }
        let expected = DELAYS.iter().flat_map(|delay| {
            let first = (begin + *delay, notice("after pause", "web"));
            [first, (later + *delay, notice("after pause", "db"))]
        });
        assert_eq!(repeats, expected.collect::<Vec<_>>());
    }
}
