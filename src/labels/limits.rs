//! How much the labels of one container may ask for. All of it is far above any real number, and
//! keeps one container from filling table, config and log.

/// Labels under the prefix that are read on one container.
pub(super) const LABELS_MAX: usize = 500;
/// Routes of one container.
pub(super) const ROUTES_MAX: usize = 100;
/// Longest name of a route, in bytes: it is shown in tables and stored.
pub(super) const ROUTE_NAME_BYTES_MAX: usize = 64;
/// Pairs of a host and a path that one route may have: each is a route of its own in Caddy.
pub(super) const HOST_PATHS_MAX: usize = 500;
/// Items of one list.
pub(super) const LIST_ITEMS_MAX: usize = 200;
/// Header fields and query parameters of one route that are compared: the names of routes stay
/// readable.
pub(super) const CONDITIONS_MAX: usize = 16;

/// The limits with what each is for, for the reference.
pub const LIMITS: &[(&str, usize)] = &[
    ("labels under the prefix on one container", LABELS_MAX),
    ("routes of one container", ROUTES_MAX),
    ("characters of a route's name", ROUTE_NAME_BYTES_MAX),
    ("pairs of a host and a path of one route", HOST_PATHS_MAX),
    ("items of one list", LIST_ITEMS_MAX),
    (
        "`match.header.…` and `match.query.…` of one route",
        CONDITIONS_MAX,
    ),
    ("`path.regexp` of one route", 1),
];
