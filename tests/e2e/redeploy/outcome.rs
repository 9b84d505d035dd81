//! What a scenario may cost.

use std::ops::Range;

use super::scene::CLIENTS;
use crate::harness::load::{Kind, Report};

/// Lost by each load, at most, of the requests of one kind of client that looks before it uses a
/// connection and never asks twice: Caddy closes idle connections, and what is on its way in that
/// instant is lost.
const LOST_BY_LOAD: u64 = 2;
/// The same of those that do not look: each may lose the one request that it sends into a closed
/// connection.
const LOST_BY_LOAD_BLIND: u64 = 8;
/// Lost by each stop of a container, at most, of the requests with a body of one kind of client:
/// written into a connection in the very moment in which the container closes it. Nobody can know
/// whether the app has seen such a request, so nobody may send it again.
const LOST_BY_STOP: u64 = 4;

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
        self.costs(0, 0);
    }

    /// As [`Outcome::is_unnoticed`], but for what is inherent when so many containers close their
    /// connections.
    #[track_caller]
    pub(super) fn costs_stops(&self, stops: u64) {
        self.costs(0, stops);
    }

    /// So many loads happened, and what they and the stops cost is within bounds.
    #[track_caller]
    pub(super) fn costs(&self, loads: u64, stops: u64) {
        assert_eq!(self.loads, loads, "loads; {:?}", self.report);
        self.keeps_sockets();
        for (kind, counts) in &self.report.clients {
            let by_loads = match kind {
                Kind::Retry | Kind::Http2 => 0,
                Kind::Kept | Kind::Post | Kind::Fresh => LOST_BY_LOAD,
                Kind::Blind => LOST_BY_LOAD_BLIND,
            };
            let by_stops = match kind {
                Kind::Post | Kind::Http2 => LOST_BY_STOP,
                Kind::Kept | Kind::Blind | Kind::Retry | Kind::Fresh => 0,
            };
            let allowed = by_loads * loads + by_stops * stops;
            assert!(
                counts.failed <= allowed,
                "{kind:?} lost {}, at most {allowed} with {loads} loads and {stops} stops: {:?}",
                counts.failed,
                counts.failures,
            );
        }
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
