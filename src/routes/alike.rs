//! Whether two tables differ in nothing but who serves their pools now. Where addresses are not in the
//! config, such tables have the same one.

use std::sync::Arc;

use super::table::{Asked, Pool, PoolHealth, Route, RouteTable, Serving};

impl RouteTable {
    /// Whether the two differ in nothing but who serves their pools now: where the addresses are
    /// not in the config, both have the same one.
    #[must_use]
    pub fn is_alike_but_for_members(&self, other: &Self) -> bool {
        let Self {
            routes,
            hosts,
            redirects,
            fenced,
        } = self;
        let is_alike = |old: Option<&Arc<Route>>, new: Option<&Arc<Route>>| {
            { old.zip(new) }.is_some_and(|(old, new)| old.is_alike_but_for_members(new))
        };
        { routes.changes_since(&other.routes) }.all(|(_, old, new)| is_alike(old, new))
            && *hosts == other.hosts
            && *redirects == other.redirects
            && *fenced == other.fenced
    }
}

impl Route {
    fn is_alike_but_for_members(&self, other: &Self) -> bool {
        let Self {
            id,
            pool,
            strip,
            rewrite,
            log,
            serving,
        } = self;
        *id == other.id
            && pool.is_alike_but_for_members(&other.pool)
            && *strip == other.strip
            && *rewrite == other.rewrite
            && *log == other.log
            && serving.is_alike_but_for_members(&other.serving)
    }
}

impl Serving {
    fn is_alike_but_for_members(&self, other: &Self) -> bool {
        let (Self::Passed(passed), Self::Passed(other)) = (self, other) else {
            return self == other;
        };
        let is_same_asked = match (&passed.asked, &other.asked) {
            (Some(Asked::Pool(pool)), Some(Asked::Pool(other))) => {
                pool.is_alike_but_for_members(other)
            }
            (asked, other) => asked == other,
        };
        is_same_asked && passed.handling == other.handling
    }
}

impl Pool {
    fn is_alike_but_for_members(&self, other: &Self) -> bool {
        let Self {
            key,
            is_starting: _,
            expected: _,
            is_weighted,
            scheme,
            tls,
            hold,
            retry,
            policy,
            upstreams: _,
            health: PoolHealth {
                passive,
                resting: _,
            },
            timeouts,
            authority,
        } = self;
        *key == other.key
            && *is_weighted == other.is_weighted
            && *scheme == other.scheme
            && *tls == other.tls
            && *hold == other.hold
            && *retry == other.retry
            && *policy == other.policy
            && *passive == other.health.passive
            && *timeouts == other.timeouts
            && *authority == other.authority
    }
}
