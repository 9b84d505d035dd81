//! What a scenario may cost.

use std::ops::Range;

use super::scene::CLIENTS;
use crate::harness::load::{Kind, Report};

/// Lost by each load, as a rule, of the requests of one kind of client that looks before it uses a
/// connection and never asks twice: Caddy closes idle connections, and what is on its way in that
/// instant is lost. Of those that do not look each may lose the one request that it sends into a
/// closed connection.
const LOST_BY_LOAD: u64 = 2;
/// Lost by each stop of a container, as a rule, of the requests with a body of one kind of client:
/// written into a connection in the very moment in which the container closes it. Nobody can know
/// whether the app has seen such a request, so nobody may send it again.
const LOST_BY_STOP: u64 = 4;

/// What a scenario has that may cost requests.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// Loads of Caddy's config: exactly so many.
    pub(super) loads: u64,
    /// Containers that close their connections.
    pub(super) stops: u64,
}

impl Cost {
    /// Of so many stops, without a load.
    pub(super) fn stops(stops: u64) -> Self {
        Self { loads: 0, stops }
    }
}

/// What came back in a scenario.
pub(super) struct Outcome {
    pub(super) report: Report,
    /// How many loads Caddy has taken meanwhile.
    pub(super) loads: u64,
}

impl Outcome {
    /// No load, no loss, no websocket closed.
    #[track_caller]
    pub(super) fn is_unnoticed(&self) {
        self.is_within(Cost::default());
    }

    /// So many loads happened, no websocket was closed, and no client lost more than the one
    /// request that it may have had in flight at each of them, or at each stop.
    #[track_caller]
    pub(super) fn is_within(&self, cost: Cost) {
        assert_eq!(self.loads, cost.loads, "loads; {:?}", self.report);
        self.keeps_sockets();
        let each = |_: Kind| CLIENTS as u64;
        self.loses(cost, each, each)
            .unwrap_or_else(|more| panic!("{more}"));
    }

    /// What is more than such a cost is as a rule.
    pub(super) fn exceeds(&self, cost: Cost) -> Result<(), String> {
        let by_load = |kind| match kind {
            Kind::Blind => CLIENTS as u64,
            Kind::Kept | Kind::Post | Kind::Fresh | Kind::Retry | Kind::Http2 => LOST_BY_LOAD,
        };
        self.loses(cost, by_load, |_| LOST_BY_STOP)
    }

    fn loses(
        &self,
        cost: Cost,
        by_load: impl Fn(Kind) -> u64,
        by_stop: impl Fn(Kind) -> u64,
    ) -> Result<(), String> {
        for (&kind, counts) in &self.report.clients {
            let by_loads = match kind {
                Kind::Retry | Kind::Http2 => 0,
                Kind::Kept | Kind::Post | Kind::Fresh | Kind::Blind => by_load(kind) * cost.loads,
            };
            let by_stops = match kind {
                Kind::Post | Kind::Http2 => by_stop(kind) * cost.stops,
                Kind::Kept | Kind::Blind | Kind::Retry | Kind::Fresh => 0,
            };
            let allowed = by_loads + by_stops;
            if counts.failed > allowed {
                return Err(format!(
                    "{kind:?} lost {}, at most {allowed} with {cost:?}: {:?}",
                    counts.failed, counts.failures
                ));
            }
        }
        Ok(())
    }

    /// No load happened, and each client lost at most the one request with a body that was in
    /// flight at this time.
    #[track_caller]
    pub(super) fn loses_bodies_of(&self, in_flight_ms: Range<u64>) {
        assert_eq!(self.loads, 0, "loads; {:?}", self.report);
        self.keeps_sockets();
        for (kind, counts) in &self.report.clients {
            let most = match kind {
                Kind::Post | Kind::Http2 => CLIENTS as u64,
                Kind::Kept | Kind::Blind | Kind::Retry | Kind::Fresh => 0,
            };
            assert!(counts.failed <= most, "{kind:?}: {counts:?}");
            for loss in &counts.failures {
                let sent_ms = loss.at_ms - loss.took_ms;
                assert!(
                    in_flight_ms.contains(&sent_ms),
                    "{kind:?} not within {in_flight_ms:?}: {loss:?}"
                );
            }
        }
    }

    /// No websocket was closed, and they were in use.
    #[track_caller]
    pub(super) fn keeps_sockets(&self) {
        let sockets = &self.report.websockets;
        assert!(sockets.opened > 0 && sockets.messages > 0, "{sockets:?}");
        assert_eq!(sockets.closed, 0, "{sockets:?}");
    }
}
