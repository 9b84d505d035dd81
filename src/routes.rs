//! The route table: what all containers together ask for, merged and checked.
//!
//! Owns precedence, ownership of hosts and the choice of upstreams. Deliberately knows neither
//! Docker nor Caddy: it takes a snapshot and gives a table with diagnostics.

mod table;

pub use table::{
    LbPolicy, Pool, Route, RouteKey, RouteName, RouteTable, Scheme, TlsMode, Upstream, UpstreamTls,
};
