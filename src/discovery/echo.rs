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

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Notice;

/// When a notice is repeated, after the last such event: soon for what takes milliseconds, later
/// for a death, and once more for a machine under load.
const DELAYS: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(300),
    Duration::from_millis(1_500),
];

/// The repeats that are still to come. They belong to the last event that needed any: a look is at
/// everything, so it serves the earlier ones too.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    pending: VecDeque<(Instant, Notice)>,
}

impl Echoes {
    /// Plans the repeats of a notice, if it needs any.
    pub(super) fn hear(&mut self, notice: &Notice, now: Instant) {
        let Notice::LookAgain { action, container } = notice else {
            return;
        };
        let early = ["die", "pause", "unpause", "connect", "disconnect"];
        if early.contains(&action.as_str()) {
            // By another name: one death is one death, however often it is looked at.
            let again = Notice::LookAgain {
                action: format!("after {action}"),
                container: container.clone(),
            };
            let repeat = |delay: &Duration| (now + *delay, again.clone());
            self.pending = DELAYS.iter().map(repeat).collect();
        }
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.pending.front().map(|(due, _)| *due)
    }

    /// The next one.
    pub(super) fn take(&mut self) -> Option<Notice> {
        self.pending.pop_front().map(|(_, notice)| notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(action: &str) -> Notice {
        Notice::LookAgain {
            action: action.to_owned(),
            container: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_early_event_is_repeated_and_a_later_one_takes_its_place() {
        let begin = Instant::now();
        let mut echoes = Echoes::default();
        echoes.hear(&notice("start"), begin);
        assert_eq!(echoes.due(), None);

        echoes.hear(&notice("die"), begin);
        assert_eq!(echoes.due(), Some(begin + DELAYS[0]));
        assert_eq!(echoes.take(), Some(notice("after die")));
        let later = begin + DELAYS[0];
        echoes.hear(&notice("connect"), later);
        echoes.hear(&notice("start"), later);
        for delay in DELAYS {
            assert_eq!(echoes.due(), Some(later + delay));
            assert_eq!(echoes.take(), Some(notice("after connect")));
        }
        assert_eq!(echoes.due(), None);
    }
}
