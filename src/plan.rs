//! From containers straight to a config, without an agent: what the agent would render for them.
//!
//! Uses the claims and last good forms of the state directory if there are any, and writes
//! nothing.

use crate::caddy::render::{Rendered, render};
use crate::certificates::scan;
use crate::check::Remembered;
use crate::clock::wall_clock;
use crate::model::Snapshot;
use crate::routes::{Built, Gates, Inputs, Refused, build};
use crate::settings::Settings;
use crate::state::StateFile;

/// What an agent with these settings has kept of earlier looks.
#[must_use]
pub fn remembered(settings: &Settings) -> Remembered {
    let state = StateFile::in_directory(&settings.state_dir).peek();
    Remembered {
        claims: state.claims,
        last_good: state.last_good,
        now: wall_clock(),
    }
}

/// The table and the config for these containers.
#[must_use]
pub fn plan(snapshot: &Snapshot, settings: &Settings) -> (Built, Rendered) {
    let state = StateFile::in_directory(&settings.state_dir).peek();
    let copies = settings.certificate_copies();
    let certificates = settings
        .certificates
        .as_ref()
        .map(|dir| scan(dir, &copies, wall_clock()))
        .unwrap_or_default();
    let built = build(&Inputs {
        snapshot,
        claims: &state.claims,
        last_good: &state.last_good,
        absent: &state.absent,
        refused: &Refused::new(),
        prefix: &settings.label_prefix,
        network: &settings.network,
        default_tls: settings.default_tls,
        permits: &settings.permits,
        own_ports: [settings.http_port, settings.https_port],
        certificate_names: &certificates.names,
        authorities: &certificates.authorities,
        has_dns_provider: settings.acme.dns_provider.is_some(),
        gates: &Gates::open(),
        linger_seconds: 0,
        now: wall_clock(),
    });
    let mut options = settings.render_options();
    options.certificates = certificates.pairs;
    options.certificate_names = certificates.names;
    options.authorities = certificates.authorities;
    let rendered = render(&built.table, &options);
    (built, rendered)
}
