//! An agent without Docker and Caddy, as the fuzz targets need it: what it remembers, and a look.

use std::collections::{BTreeMap, BTreeSet};

use sh0_agent::caddy::render::{Rendered, render};
use sh0_agent::labels::{Permits, TlsSetting};
use sh0_agent::model::Snapshot;
use sh0_agent::routes::{Built, Gates, Inputs, Refused, build};
use sh0_agent::settings::Settings;
use sh0_agent::state::State;

use super::built::check_table;

/// The time of a look, in seconds since 1970.
pub(crate) const NOW: u64 = 1_800_000_000;

/// What the agent makes of these containers; its table and its config are as they must be.
pub(crate) fn look(snapshot: &Snapshot, state: &State, permits: &Permits) -> (Built, Rendered) {
    let settings = Settings::default();
    let built = build(&Inputs {
        snapshot,
        claims: &state.claims,
        last_good: &state.last_good,
        absent: &state.absent,
        refused: &Refused::new(),
        prefix: "sh0",
        network: "sh0-net",
        default_tls: TlsSetting::Auto,
        permits,
        own_ports: [80, 443],
        certificate_names: &BTreeSet::new(),
        authorities: &BTreeMap::new(),
        has_dns_provider: false,
        gates: &Gates::open(),
        linger_seconds: 30,
        now: NOW,
    });
    check_table(&built);
    let rendered = render(&built.table, &settings.render_options());
    if !permits.raw_caddy {
        check_placeholders(&rendered);
    }
    (built, rendered)
}

/// Nothing of Caddy's environment, files or machine can be named by a label.
fn check_placeholders(rendered: &Rendered) {
    let json = str::from_utf8(&rendered.json).expect("JSON is UTF-8");
    for start in ["{env.", "{file.", "{system.", "{time.", "{$", "{http.auth."] {
        for (at, _) in json.match_indices(start) {
            // A brace behind a backslash (two in JSON) is a literal one.
            assert!(json[..at].ends_with(r"\\"), "{start} in {json}");
        }
    }
}
