//! What a scenario may cost.

use std::ops::Range;

use super::scene::CLIENTS;
use crate::harness::load::{Kind, Report};

/// Lost by each load, as a rule, of the requests of eight clients that look before they use a
/// connection and never ask twice: Caddy closes idle connections, and what is on its way in that
/// instant is lost, also over new ones (`conn.serve` in Go's net/http leaves what it reads after the
/// shutdown began unanswered). Of those that do not look each may lose the one request that it
/// sends into a closed connection.
const LOST_BY_LOAD: u64 = 2;
/// Lost by each stop of a container, as a rule, of the requests with a body of one kind of client:
/// written into a connection in the very moment in which the container closes it. Nobody can know
/// whether the app has seen such a request, so nobody may send it again.
const LOST_BY_STOP: u64 = 4;

/// What a scenario has that may cost requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Loads of Caddy's config: exactly so many.
    pub(crate) loads: u64,
    /// Containers that close their connections.
    pub(crate) stops: u64,
}

impl Cost {
    /// How many requests one client of this kind may lose by it: what it may have had in flight at
    /// each load, or at each stop.
    pub(crate) fn most_per_client(self, kind: Kind) -> u64 {
        match kind {
            Kind::Kept | Kind::Blind | Kind::Fresh => self.loads,
            Kind::Post => self.loads + self.stops,
            Kind::Http2 => self.stops,
            Kind::Retry => 0,
        }
    }

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
        for (&kind, counts) in &self.report.clients {
            let allowed = CLIENTS as u64 * cost.most_per_client(kind);
            assert!(
                counts.failed <= allowed,
                "{kind:?} lost {}, at most {allowed} with {cost:?}: {:?}",
                counts.failed,
                counts.failures,
            );
        }
    }

    /// What is more than such a cost is as a rule: of the kinds of clients that look, on the mean.
    pub(super) fn exceeds(&self, cost: Cost) -> Result<(), String> {
        let lost = |kind: Kind| self.report.clients.get(&kind).map_or(0, |c| c.failed);
        let looking = [Kind::Kept, Kind::Post, Kind::Fresh];
        let by_looking: u64 = looking.map(lost).iter().sum();
        let allowed = looking.len() as u64 * LOST_BY_LOAD * cost.loads + LOST_BY_STOP * cost.stops;
        if by_looking > allowed || lost(Kind::Http2) > LOST_BY_STOP * cost.stops {
            let clients = &self.report.clients;
            return Err(format!(
                "{by_looking} lost, as a rule {allowed} with {cost:?}: {clients:?}"
            ));
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
