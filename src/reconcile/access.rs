//! What a proxy before the engine does not let through: said by name when it is found, and again
//! when it changes.
//!
//! Deliberately changes nothing else: whoever needs an answer does without it or tries again.

use tracing::{info, warn};

use super::Loop;
use crate::caddy::admin::Admin;
use crate::discovery::{DockerRequest, Engine};
use crate::probe::Probe;
use crate::state::Store;
use crate::status::BlockedRequest;

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// Asks the engine what it is not asked anyway.
    pub(super) fn check_access(&mut self) {
        if self.access_check.is_none() {
            let engine = self.world.engine.clone();
            self.access_check = Some(Box::pin(async move { engine.check_access().await }));
        }
    }

    /// Says what is blocked or let through otherwise than before.
    pub(super) fn note_access(&mut self) {
        let now = self.world.engine.blocked();
        let is_same = now == self.blocked;
        let before = std::mem::replace(&mut self.blocked, now);
        if is_same {
            return;
        }
        for (request, status) in &self.blocked {
            if !before.contains_key(request) {
                warn!(
                    %request, status, without_it = request.without(), help = %help(*request),
                    "A proxy before Docker blocks a request."
                );
            }
        }
        for request in before.keys() {
            if !self.blocked.contains_key(request) {
                info!(%request, "A request that was blocked is let through now.");
            }
        }
        let shown = self.blocked.iter().map(|(request, status)| BlockedRequest {
            request: request.to_string(),
            status: *status,
            without_it: request.without().to_owned(),
            help: help(*request),
        });
        self.status.docker.blocked = shown.collect();
        self.publish();
    }
}

fn help(request: DockerRequest) -> String {
    format!(
        "let it through; with docker-socket-proxy `{}`, and POST stays 0",
        request.proxy_variable()
    )
}
