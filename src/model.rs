//! The nouns that everything else speaks of: containers as we see them, and names that parse.
//!
//! Owns the types that cross module borders. Deliberately knows nothing of Docker's wire format
//! (that is `discovery::convert`), of labels' meaning (`labels`) or of Caddy.

mod app;
mod changes;
mod container;
mod few;
mod halt;
mod handling;
mod health;
mod labels;
mod matching;
mod moment;
mod name;
mod obtaining;
mod pool;
mod route;
mod shared_map;
mod shown;
mod tls;

pub use app::{AppKey, Owner};
pub(crate) use changes::changes;
pub use container::{
    Address, Container, ContainerId, ContainerRef, ContainerState, Health, NetworkMode, Snapshot,
};
pub(crate) use container::{has_prefix, is_read};
pub use few::Few;
pub use halt::{Halt, HaltKind, HaltMessage, Halts};
pub(crate) use handling::is_path;
pub use handling::{
    Account, ForwardAuth, ForwardTarget, Handling, HashKind, HeaderChange, HeaderName, HeaderText,
    PasswordHash, Piece, Protection, RawHandlers, RequestValue,
};
pub use health::{HealthCheck, HealthRules, PassiveChecks, StatusSet};
pub use labels::Labels;
pub use matching::{Conditions, Matching, Method, PathMatch, QueryName, TextMatch};
pub(crate) use moment::utc;
pub(crate) use name::FOUND_CHARS_MAX;
pub use name::{
    Cidr, ExactPath, FileName, Hostname, NameError, NewPath, PathPrefix, PathRegexp, Port, Token,
};
pub use obtaining::{Obtaining, Obtainings};
pub use pool::PoolKey;
pub use route::{LbPolicy, ReadyCheck, RouteId, RouteName, Scheme, Weight};
pub use shared_map::{SharedMap, SharedSet};
pub(crate) use shown::shown;
pub use tls::TlsVersion;
