//! sh0-agent routes labelled Docker containers through a Caddy that it supervises.
//!
//! # Bird's eye
//!
//! A **pure core** turns a snapshot of containers into Caddy's JSON; a **thin shell** looks at
//! Docker, speaks to Caddy's admin socket and keeps the Caddy process alive. One **reconcile loop**
//! owns all mutable state. It wakes on a closed set of events and always does the same: look,
//! build, render, apply if different. Start-up, Docker event, resync, Caddy's restart and retry
//! differ only in the recorded reason.
//!
//! ```text
//! Docker ─list─▶ discovery ─Snapshot─▶ labels ─▶ routes ─RouteTable─▶ caddy::render ─▶ fingerprint
//!    └──event──▶ "look again" ──▶ reconcile ◀── differs from what Caddy serves? ◀──────────┘
//!                                   │   ▲ phase (epoch, config it was started with)
//!                        POST /load │   │
//!                                   ▼   │
//!                   Caddy ◀─spawn, ping, stop─ supervise        status ─▶ socket ─▶ `routes`
//! ```
//!
//! # Code map, in reading order
//!
//! | module | what it owns |
//! |---|---|
//! | [`model`] | containers as we see them, and names that parse |
//! | [`metrics`] | counters of what the agent does |
//! | [`access`] | modes and owners of folders, and a Caddy of another user |
//! | [`diagnostic`] | what a user wrote wrong, and how to fix it |
//! | [`labels`] | the table of label keys, and the reading of one container's labels |
//! | [`routes`] | from a snapshot to the route table: replicas, ownership, precedence |
//! | [`caddy`] | the JSON for a route table, its fingerprint, the admin socket |
//! | [`discovery`] | Docker: list, events, addresses |
//! | [`supervise`] | the Caddy process |
//! | [`slots`] | the files from which Caddy reads addresses, and the sockets where requests wait |
//! | [`probe`] | whether a container answers |
//! | [`state`] | what must outlive the agent |
//! | [`certificates`] | the directory of a person's own certificates |
//! | [`on_demand`] | the endpoint where Caddy asks about names at their first handshake |
//! | [`status`] | what the agent knows, as plain data, why something is served or not, the page and the socket that show both, and the socket that takes orders |
//! | [`reconcile`] | the loop |
//! | [`compose`] | compose files: services, their labels, and where each is written |
//! | [`check`] | what the agent would say of files, without an agent |
//! | [`settings`], [`plan`], [`agent`] | settings; containers to config without an agent; the whole |
//! | [`cli`], [`telemetry`], [`clock`] | the command line, the log, the wall clock |
//!
//! # Invariants, mostly of what is absent
//!
//! - The core ([`model`], [`diagnostic`], [`labels`], [`routes`], [`caddy::render`],
//!   [`status::explain`]) does no I/O,
//!   reads no clock, logs nothing and cannot fail: it gives values and diagnostics.
//! - A [`model::Snapshot`] comes only from a listing that succeeded whole. No error of Docker ever
//!   becomes an empty table, so a Docker that hiccups never removes a route. What is remembered of
//!   one serves at a start without Docker, decides nothing, and gives no site another's address.
//! - Events carry no data that is trusted: whoever gets one looks again. A lost or doubled event
//!   does no harm, and a periodic look repairs what was missed.
//! - What a person orders of an app changes what becomes of its requests, never a container, and makes
//!   no route less protected.
//! - What Caddy serves is only ever known from its own answer. State is committed after success.
//! - Ordered maps everywhere: the same containers in any order give the same bytes.
//! - One bad label spoils one route. One bad route spoils nothing else.
//! - Docker is asked GET only. Caddy's admin endpoint is a Unix socket, never TCP.
//! - bollard is named only in [`discovery`], HTTP clients only in [`caddy::admin`], [`probe`]
//!   and for TLS [`discovery`],
//!   processes only in [`supervise`], flags only in [`cli`]. `tests/it/tidy.rs` holds this and the
//!   table of which module may use which.

pub mod model;

pub mod metrics;

pub mod access;

pub mod diagnostic;

pub mod labels;

pub mod routes;

pub mod caddy;

pub mod discovery;

pub mod supervise;

pub mod slots;

pub mod probe;

pub mod state;

pub mod certificates;

pub mod on_demand;

pub mod status;

pub mod reconcile;

pub mod compose;

pub mod check;

pub mod settings;

pub mod plan;

pub mod agent;

pub mod cli;

pub mod telemetry;

pub mod clock;
