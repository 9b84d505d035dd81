//! From a container's labels to what it asks for.
//!
//! Owns the one table of keys ([`keys`]) and everything that is said about a wrong label.
//! Parsing never fails: it gives what could be read and a list of diagnostics. Deliberately looks
//! at one container at a time and knows nothing of other containers, networks or ports.

mod hints;
mod host;
mod limits;
mod parse;
mod permits;
mod schema;
mod spec;
mod tree;
mod value;

pub use host::{ClientCa, HostRules, HostSpec, Hsts};
pub use limits::LIMITS;
pub use parse::parse;
pub use permits::{HostPattern, OwnContainer, OwnPage, Permits};
pub use schema::{Key, KeyInfo, Scope, key_info, keys};
pub use spec::{
    Closed, ContainerSpec, MatchingSpec, Parsed, Reading, RouteSpec, Standing, TlsSetting,
};
pub(crate) use tree::is_secret;
pub use value::duration;
pub(crate) use value::size;
