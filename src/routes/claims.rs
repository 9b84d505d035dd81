//! Who owns a host: the first to claim it, until ten minutes after its last container is gone.
//!
//! Pure: time and the claims of before come in, the claims of now go out. The shell keeps them in
//! the state directory, so a restart of the agent or a redeploy of the owner changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::sorted::equal;
use crate::labels::HostRules;
use crate::model::{ContainerId, Hostname, Owner, SharedMap};

/// How long a claim outlives its owner's last container, in seconds: a redeploy that builds an
/// image or waits for a registry is shorter than that.
pub const CLAIM_GRACE_SECONDS: u64 = 600;

/// One claim on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who owns the host.
    pub owner: Owner,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// When its last container went, in seconds since 1970; `None` while one asks for it. With one
    /// whose route is not served it is the time of the last look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<u64>,
    /// Projects that the owner lets add paths under the host.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub share: BTreeSet<String>,
    /// What the owner last decided for the host. It stays in force while the owner has no
    /// container, so that nobody who adds a path decides it meanwhile. Files of the first agents
    /// have `tls` alone.
    #[serde(flatten)]
    pub rules: HostRules,
    /// The containers by which an app outside any project holds the claim. Such an app is named
    /// after its container, and a container that is renamed keeps what it has.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub containers: BTreeSet<ContainerId>,
}

impl Claim {
    /// A claim of now, by nobody's container yet.
    fn new(owner: Owner, since: u64) -> Self {
        Self {
            owner,
            since,
            released: None,
            share: BTreeSet::new(),
            rules: HostRules::default(),
            containers: BTreeSet::new(),
        }
    }

    /// Whether it is one: its owner asks, or went less than ten minutes ago.
    pub(super) fn holds(&self, now: u64) -> bool {
        self.released
            .is_none_or(|at| at.saturating_add(CLAIM_GRACE_SECONDS) > now)
    }

    /// Gives the claim of an app outside any project to the app that one of its containers is now.
    fn follow_rename(&mut self, asking: &[&Asking]) {
        let is_app = |owner: &Owner| matches!(owner, Owner::App(_));
        if !is_app(&self.owner) || asking.iter().any(|ask| ask.owner == self.owner) {
            return;
        }
        let renamed = asking
            .iter()
            .filter(|ask| is_app(&ask.owner) && !ask.containers.is_disjoint(&self.containers));
        if let Some(heir) = renamed.min_by_key(|ask| (ask.created, &ask.owner)) {
            self.owner = heir.owner.clone();
        }
    }
}

/// All claims, by host.
pub type Claims = SharedMap<Hostname, Claim>;

/// Those of the hosts of one part.
pub(super) type PartClaims = BTreeMap<Hostname, Claim>;

/// That an owner's containers ask for a host now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asking {
    pub(super) host: Hostname,
    pub(super) owner: Owner,
    /// Creation of the oldest of its containers that asks; decides among claims first seen
    /// together.
    pub(super) created: i64,
    /// Whether the route is narrowed by a path, so that a share of the host is enough for it.
    pub(super) only_paths: bool,
    /// Projects that this owner would let in.
    pub(super) share: BTreeSet<String>,
    /// The containers of the app that asks, where it belongs to no project.
    pub(super) containers: BTreeSet<ContainerId>,
}

/// The claims that hold, given those of before and what is asked for now. `is_named` is whether the
/// labels of an owner's containers name a host, also where the route is not served.
pub(super) fn settle(
    before: PartClaims,
    asking: &[Asking],
    is_named: impl Fn(&Hostname, &Owner) -> bool,
    now: u64,
) -> PartClaims {
    let mut claims = before;
    claims.retain(|_, claim| {
        // A clock that was set back must not make a claim last longer.
        claim.released = claim.released.map(|at| at.min(now));
        claim.holds(now)
    });
    let mut newcomers: Vec<&Asking> = asking.iter().collect();
    // A route for every path claims before one for some paths: who brings the site owns it.
    newcomers.sort_by(|a, b| {
        let rank = |ask: &Asking| (ask.only_paths, ask.created);
        rank(a).cmp(&rank(b)).then_with(|| a.owner.cmp(&b.owner))
    });
    for ask in newcomers {
        let claim = || Claim::new(ask.owner.clone(), now);
        claims.entry(ask.host.clone()).or_insert_with(claim);
    }
    let mut by_host: Vec<&Asking> = asking.iter().collect();
    by_host.sort_by(|a, b| a.host.cmp(&b.host));
    for (host, claim) in &mut claims {
        let asking = equal(&by_host, |ask| ask.host.cmp(host));
        claim.follow_rename(asking);
        let owner = claim.owner.clone();
        let own = || asking.iter().filter(|ask| ask.owner == owner);
        if own().next().is_none() {
            // The ten minutes of an owner whose route is wrong or refused begin once it goes.
            let since = claim.released.filter(|_| !is_named(host, &owner));
            claim.released = since.or(Some(now));
            continue;
        }
        claim.released = None;
        claim.share = own().flat_map(|ask| ask.share.clone()).collect();
        claim.containers = own().flat_map(|ask| ask.containers.clone()).collect();
    }
    claims
}

/// Keeps what each present owner decides about its hosts.
pub(super) fn remember_rules(claims: &mut PartClaims, rules: &BTreeMap<Hostname, HostRules>) {
    for (host, claim) in claims.iter_mut().filter(|(_, c)| c.released.is_none()) {
        if let Some(rules) = rules.get(host) {
            claim.rules = rules.clone();
        }
    }
}

/// Whether this owner may serve the host; the claim that says no otherwise.
pub(super) fn may_serve<'a>(
    claims: &'a PartClaims,
    host: &Hostname,
    owner: &Owner,
    has_path: bool,
) -> Result<(), &'a Claim> {
    match claims.get(host) {
        None => Ok(()),
        Some(claim) if claim.owner == *owner => Ok(()),
        Some(claim) if has_path && claim.share.contains(owner.name()) => Ok(()),
        Some(claim) => Err(claim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::TlsSetting;

    fn ask(owner: &str, created: i64) -> Asking {
        Asking {
            host: host(),
            owner: Owner::Project(owner.into()),
            created,
            only_paths: false,
            share: BTreeSet::new(),
            containers: BTreeSet::new(),
        }
    }

    fn settled(before: &PartClaims, asking: &[Asking], now: u64) -> PartClaims {
        settle(before.clone(), asking, |_, _| false, now)
    }

    fn host() -> Hostname {
        Hostname::parse("a.example").expect("a host")
    }

    fn owner(claims: &PartClaims) -> Option<&str> {
        claims.get(&host()).map(|claim| claim.owner.name())
    }

    #[test]
    fn a_claim_that_the_first_agents_kept_is_read() {
        let kept = r#"{"owner":{"project":"shop"},"since":5,"tls":"internal"}"#;
        let claim: Claim = serde_json::from_str(kept).expect("it is read");
        let rules = HostRules {
            tls: Some(TlsSetting::Internal),
            ..HostRules::default()
        };
        assert_eq!(claim.rules, rules);
        assert_eq!(serde_json::to_string(&claim).ok().as_deref(), Some(kept));
    }

    #[test]
    fn the_first_to_ask_owns_it_whoever_is_older() {
        let first = settled(&PartClaims::new(), &[ask("b", 200)], 1_000);
        let both = settled(&first, &[ask("a", 100), ask("b", 200)], 1_001);
        assert_eq!(owner(&both), Some("b"));
        assert_eq!(both[&host()].since, 1_000);
    }

    #[test]
    fn age_decides_between_claims_first_seen_together() {
        let claims = settled(&PartClaims::new(), &[ask("a", 200), ask("b", 100)], 1_000);
        assert_eq!(owner(&claims), Some("b"));
        let same_age = settled(&PartClaims::new(), &[ask("b", 1), ask("a", 1)], 1_000);
        assert_eq!(owner(&same_age), Some("a"));
    }

    #[test]
    fn whoever_brings_the_site_owns_it_before_one_who_adds_a_path() {
        let path = Asking {
            only_paths: true,
            ..ask("a", 1)
        };
        let claims = settled(&PartClaims::new(), &[path, ask("b", 2)], 1_000);
        assert_eq!(owner(&claims), Some("b"));
    }

    #[test]
    fn a_claim_outlives_its_last_container_by_ten_minutes() {
        let mut claims = settled(&PartClaims::new(), &[ask("a", 1)], 1_000);
        claims = settled(&claims, &[ask("b", 2)], 1_100);
        assert_eq!(owner(&claims), Some("a"));
        claims = settled(&claims, &[ask("b", 2)], 1_699);
        assert_eq!(owner(&claims), Some("a"));
        claims = settled(&claims, &[ask("b", 2)], 1_700);
        assert_eq!(owner(&claims), Some("b"));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_prolong_a_claim() {
        let mut claims = settled(&PartClaims::new(), &[ask("a", 1)], 9_000);
        claims = settled(&claims, &[], 9_000);
        claims = settled(&claims, &[], 1_000);
        claims = settled(&claims, &[ask("b", 2)], 1_600);
        assert_eq!(owner(&claims), Some("b"));
        let broken = Claim {
            released: Some(u64::MAX),
            ..Claim::new(Owner::Project("a".into()), 0)
        };
        let claims = settled(&BTreeMap::from([(host(), broken)]), &[], 5);
        assert_eq!(claims[&host()].released, Some(5));
        assert_eq!(owner(&settled(&claims, &[], u64::MAX)), None);
    }

    #[test]
    fn a_return_within_the_grace_renews_the_claim() {
        let mut claims = settled(&PartClaims::new(), &[ask("a", 1)], 1_000);
        claims = settled(&claims, &[], 1_100);
        claims = settled(&claims, &[ask("a", 5)], 1_500);
        claims = settled(&claims, &[ask("b", 2)], 2_000);
        assert_eq!(owner(&claims), Some("a"));
    }

    #[test]
    fn a_share_is_for_paths_only_and_outlives_a_gap() {
        let share = BTreeSet::from(["blog".to_owned()]);
        let claims = settled(
            &PartClaims::new(),
            &[Asking {
                share,
                ..ask("a", 1)
            }],
            1_000,
        );
        let gap = settled(&claims, &[], 1_001);
        let blog = Owner::Project("blog".into());
        assert!(may_serve(&gap, &host(), &blog, true).is_ok());
        assert!(may_serve(&gap, &host(), &blog, false).is_err());
        let other = Owner::Project("other".into());
        assert!(may_serve(&gap, &host(), &other, true).is_err());
    }
}
