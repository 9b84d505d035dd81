//! What the agent makes of containers: the whole outcome of each input, pinned.
//!
//! How to read the inputs: `fixture`. An outcome is the table (host and path, certificate, route,
//! upstreams), then a row for each container and route, then the diagnostics on one line each.

mod allowed;
mod closed;
mod handling;
mod health;
mod hosts;
mod keys;
mod last_good;
mod matching;
mod meant;
mod networks;
mod owners;
mod pools;
mod ports;
mod replicas;
mod routes;
mod tls;
mod values;

use expect_test::Expect;

use crate::fixture::play;

#[expect(
    clippy::needless_pass_by_value,
    reason = "`expect![…]` reads best at the call"
)]
fn check(story: &str, expected: Expect) {
    expected.assert_eq(&play(story));
}
