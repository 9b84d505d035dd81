//! The route table: what all containers together ask for, merged and checked.
//!
//! Owns precedence, ownership of hosts and the choice of upstreams. Deliberately knows neither
//! Docker nor Caddy: it takes a snapshot and gives a table with diagnostics.

mod absent;
mod alike;
mod allowed;
mod asking;
mod authority;
mod build;
mod builder;
mod candidates;
mod changes;
mod choose;
mod claims;
mod fences;
mod forms;
mod gates;
mod guests;
mod health;
mod part;
mod place;
mod policies;
mod redirects;
mod refusal;
mod report;
mod sorted;
mod table;
mod trials;
mod upstream;

pub use absent::{Absent, LINGER_SECONDS};
pub use build::{Built, Inputs, LastGood, Refused, build};
pub use builder::Builder;
pub use changes::Became;
pub use claims::{CLAIM_GRACE_SECONDS, Claim, Claims};
pub use gates::{Crashes, Gates, READY_TIMEOUT, ReadyLast, Trial, TrialCheck, Watch};
pub use report::{Awaited, Obstacle, Row, RowState};
pub use table::{
    Asked, HostPolicy, Passed, Pool, PoolHealth, Route, RouteKey, RouteTable, Serving, Timeouts,
    TlsMode, Upstream, UpstreamTls,
};
