//! The real things behind the seams: what the loop deals with, and what is shown to machines.

use std::sync::Arc;

use crate::caddy::admin::AdminClient;
use crate::clock::wall_clock;
use crate::discovery::Docker;
use crate::on_demand::OnDemand;
use crate::probe::Prober;
use crate::reconcile::{Slots, World};
use crate::settings::Settings;
use crate::state::StateFile;
use crate::status::{CaddyMetrics, Monitored};
use crate::telemetry::chain;

/// What the loop deals with.
pub(super) fn world(
    settings: &Settings,
    docker: Docker,
    admin: AdminClient,
    slots: Option<Slots>,
) -> World<Docker, AdminClient, StateFile, Prober> {
    World {
        engine: docker,
        admin,
        store: StateFile::in_directory(&settings.state_dir),
        prober: Prober::default(),
        slots,
        on_demand: OnDemand::new(settings.storage_dir(), settings.on_demand_names_max),
        wall_clock,
    }
}

/// What is shown to who watches the agent by machine.
pub(super) fn monitored(settings: &Settings, admin: &AdminClient) -> Monitored {
    let fetched = || caddy_metrics(admin.clone());
    Monitored {
        metrics: Arc::default(),
        caddy: settings.caddy_metrics.then(fetched),
    }
}

/// Fetches Caddy's own metrics from its admin socket.
fn caddy_metrics(admin: AdminClient) -> CaddyMetrics {
    Arc::new(move || {
        let admin = admin.clone();
        Box::pin(async move {
            let fetched = admin.metrics().await;
            fetched.map_err(|error| chain(&error))
        })
    })
}
