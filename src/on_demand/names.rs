//! Which names routes have, and how many new ones there were.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::Hostname;
use crate::routes::{HostPolicy, RouteTable, TlsMode};

/// In such a time new names are counted.
const PERIOD: Duration = Duration::from_hours(1);

/// The hosts of a table, if any gets certificates at the first handshake.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<Hostname, TlsMode>);

impl Names {
    pub(super) fn of(table: &RouteTable) -> Self {
        let is_needed = |policy: &HostPolicy| policy.mode == TlsMode::OnDemand;
        if !table.hosts.values().any(is_needed) {
            return Self::default();
        }
        let hosts = table.hosts.iter();
        let hosts = hosts.map(|(host, policy)| (host.clone(), policy.mode));
        // Another owner's wildcard covers them, and must not get them certificates.
        let fenced = { table.fenced.iter() }.filter(|(_, against)| **against == 1);
        let fenced = fenced.map(|(host, _)| (host.clone(), TlsMode::Off));
        Self(fenced.chain(hosts).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a route has this name and lets it be certified at the first handshake. An exact
    /// host decides before the wildcard that covers it.
    pub(super) fn has(&self, name: &Hostname) -> bool {
        let wildcard = || self.0.get(&name.covering_wildcard()?);
        let mode = self.0.get(name).or_else(wildcard);
        name.openness() == 0 && mode == Some(&TlsMode::OnDemand)
    }
}

/// The names that were new in the last hour.
#[derive(Debug)]
pub(super) struct Budget {
    names_max: usize,
    seen: BTreeMap<Hostname, Instant>,
}

impl Budget {
    pub(super) fn new(names_max: usize) -> Self {
        Self {
            names_max,
            seen: BTreeMap::new(),
        }
    }

    /// Whether this name may be certified now; one that was allowed within the hour may again.
    pub(super) fn allows(&mut self, name: &Hostname, now: Instant) -> bool {
        self.seen.retain(|_, since| now < *since + PERIOD);
        if self.seen.contains_key(name) {
            return true;
        }
        let has_room = self.seen.len() < self.names_max;
        if has_room {
            self.seen.insert(name.clone(), now);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn host(name: &str) -> Hostname {
        Hostname::parse(name).expect("a host")
    }

    #[test]
    fn a_name_is_known_by_its_route_and_an_exact_host_decides_first() {
        let hosts = [
            ("*.a.example", TlsMode::OnDemand),
            ("off.a.example", TlsMode::Off),
            ("b.example", TlsMode::OnDemand),
            ("c.example", TlsMode::Public),
        ];
        let policy = |(name, mode)| (host(name), HostPolicy::new(mode));
        let names = Names::of(&RouteTable {
            hosts: hosts.map(policy).into(),
            fenced: [(host("gone.a.example"), 1), (host("own.a.example"), 2)].into(),
            ..RouteTable::default()
        });
        for (name, is_known) in [
            ("x.a.example", true),
            ("b.example", true),
            ("off.a.example", false),
            ("gone.a.example", false),
            ("own.a.example", true),
            ("x.y.a.example", false),
            ("a.example", false),
            ("c.example", false),
            ("*.a.example", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(names.has(&host(name)), is_known, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn new_names_are_bounded_by_the_hour() {
        let mut budget = Budget::new(2);
        let start = Instant::now();
        let [a, b, c] = ["a.example", "b.example", "c.example"].map(host);
        assert!(budget.allows(&a, start));
        assert!(budget.allows(&b, start + PERIOD / 2));
        assert!(!budget.allows(&c, start + PERIOD / 2));
        assert!(budget.allows(&a, start + PERIOD / 2), "it is not new");
        assert!(budget.allows(&c, start + PERIOD));
        assert!(!budget.allows(&a, start + PERIOD));
    }
}
