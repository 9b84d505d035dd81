//! What the loop tells people: log lines for changes, and the status.

use std::sync::Arc;

use tracing::field::Value;
use tracing::{error, info, warn};

use super::measure::PickedUp;
use super::{Loop, Options};
use crate::caddy::admin::Admin;
use crate::certificates::CertificateSet;
use crate::diagnostic::{Diagnostic, Severity};
use crate::discovery::Engine;
use crate::model::ContainerId;
use crate::probe::Probe;
use crate::routes::{Became, Route, RouteKey};
use crate::state::Store;
use crate::status::SettingsStatus;
use crate::supervise::Phase;

/// Routes that are logged one by one for each config; beyond that only their number is.
pub(super) const LOGGED_CHANGES_MAX: usize = 20;
/// What others are told of the settings.
pub(super) fn settings(options: &Options, slots: bool) -> SettingsStatus {
    SettingsStatus {
        network: options.network.clone(),
        label_prefix: options.prefix.clone(),
        http_port: options.render.http_port,
        https_port: options.render.https_port,
        listen: options.render.listen.clone(),
        slots,
    }
}

/// Logs what is served differently from now on. `waits` is whether requests can wait, `picked_up`
/// how long it took since the containers' events.
pub(super) fn say_changes(
    changes: &[(&RouteKey, Became<'_>)],
    waits: bool,
    picked_up: &PickedUp<'_>,
) {
    for (key, became) in changes.iter().take(LOGGED_CHANGES_MAX) {
        let took = picked_up.get(key).map(tracing::field::debug);
        say_change(key, *became, waits, took.as_ref());
    }
}

fn say_change(route: &RouteKey, became: Became<'_>, waits: bool, took: Option<&impl Value>) {
    let for_now = |new: &Route| {
        if waits && !new.pool.hold.is_zero() {
            "requests wait"
        } else {
            "it answers 503"
        }
    };
    let addresses = |route: &Route| {
        let upstreams = route.pool.upstreams.iter();
        let each = upstreams.map(|u| format!("{} {}", u.container.name, u.address));
        each.collect::<Vec<_>>().join(", ")
    };
    match became {
        Became::Removed => info!(%route, "Route removed."),
        Became::Closed(new) => {
            info!(%route, app = %new.id.app, "Route closed; it answers 503.");
        }
        Became::Asked(new) => {
            info!(%route, app = %new.id.app, meanwhile = for_now(new), "Route added; no container is ready.");
        }
        Became::Down(new) => {
            info!(%route, app = %new.id.app, meanwhile = for_now(new), "No container is ready.");
        }
        Became::Changed { now, .. } => {
            info!(%route, app = %now.id.app, upstreams = %addresses(now), took, "Route changed.");
        }
        Became::Live(new) => {
            info!(%route, app = %new.id.app, upstreams = %addresses(new), took, "Site live.");
        }
    }
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// Says that a container ends again and again, when it is time to.
    pub(super) fn say_crashes(&self, id: &ContainerId, exits: Option<u32>) {
        let Some(exits) = exits else {
            return;
        };
        let container = self.snapshot.as_ref().and_then(|all| all.get(id));
        let container = container.map_or_else(|| id.to_string(), |c| c.reference().to_string());
        warn!(%container, exits, "The container ends again and again soon after its start; it takes requests again when it runs for a while. See `docker logs`.");
    }

    /// Logs the findings that are new; after the first ones also where there is more to read.
    pub(super) fn say_diagnostics(&self, now: &[Diagnostic]) {
        let before = &self.status.diagnostics;
        for diagnostic in now
            .iter()
            .filter(|d| before.binary_search(d).is_err())
            .take(LOGGED_CHANGES_MAX)
        {
            let code = diagnostic.code;
            match code.severity() {
                Severity::Error => warn!(%code, "{}", diagnostic.one_line()),
                Severity::Warning => info!(%code, "{}", diagnostic.one_line()),
            }
        }
        if let Some(first) = now.first().filter(|_| before.is_empty()) {
            info!(
                "What a finding means and what to do: `sh0-agent explain {}`.",
                first.code
            );
        }
    }

    /// Logs and shows what the supervisor does.
    pub(super) fn note_phase(&mut self, phase: &Phase) {
        let caddy = &mut self.status.caddy;
        caddy.pid = None;
        let word = match phase {
            Phase::Looking => "looking",
            Phase::Idle => "idle",
            Phase::Starting { epoch, .. } => {
                caddy.epoch = *epoch;
                "starting"
            }
            Phase::Up { epoch, pid, .. } => {
                caddy.epoch = *epoch;
                caddy.pid = Some(*pid);
                "up"
            }
            Phase::Waiting { .. } => "waiting",
            Phase::PortTaken(_) => "port taken",
            Phase::Stopping { .. } => "stopping",
            Phase::Stopped => "stopped",
        };
        word.clone_into(&mut caddy.phase);
    }

    /// Hands the status to whoever reads it.
    pub(super) fn publish(&mut self) {
        self.status.docker.subscribed = self.subscription.notices.is_some();
        if let Some(slots) = &self.world.slots {
            self.status.waiting = slots.rooms();
        }
        let before = Arc::clone(&self.channels.status.borrow());
        self.status.tell(&before, (self.world.wall_clock)());
        let status = Arc::new(self.status.clone());
        self.channels.status.send_replace(status);
    }
}

/// Logs what is wrong with the certificate directory.
pub(crate) fn say_certificate_problems(certificates: &CertificateSet) {
    for (path, problem) in certificates.problems.iter().take(LOGGED_CHANGES_MAX) {
        error!(path = %path.display(), "A certificate is not used: {problem}.");
    }
    for (path, warning) in certificates.warnings.iter().take(LOGGED_CHANGES_MAX) {
        warn!(path = %path.display(), "A certificate should be renewed: {warning}.");
    }
}
