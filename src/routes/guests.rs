//! What a project may add under another's host that shares it: plain paths that the owner does not
//! serve.
//!
//! A longer path wins over a shorter one, whoever serves it, and every path over none, so a guest
//! may carve out a part. It never takes a path that the owner names, by whatever condition or
//! priority, nor one that the owner's patterns may match.

use std::collections::BTreeMap;

use super::claims::PartClaims;
use super::forms::Form;
use super::place::keys;
use super::table::RouteKey;
use crate::labels::RouteSpec;
use crate::model::{Hostname, PathMatch};

/// Whether the route is only for plain paths, in the usual order, so that a share is enough for it.
pub(super) fn adds_paths(spec: &RouteSpec) -> bool {
    let is_plain = |path: &PathMatch| path.plain().is_some();
    spec.matching.priority == 0 && spec.path_matches().iter().all(is_plain)
}

/// What the owner of a host serves there.
#[derive(Debug, Default)]
pub(super) struct Owned<'a> {
    keys: Vec<(RouteKey, &'a Form)>,
}

impl<'a> Owned<'a> {
    /// By host; nothing where there is no guest.
    pub(super) fn of(forms: &[&'a Form], claims: &PartClaims) -> BTreeMap<Hostname, Self> {
        let mut owned: BTreeMap<Hostname, Self> = BTreeMap::new();
        let is_guest = |form: &&&Form| {
            let asker = &form.id.app.owner;
            let is_anothers =
                |host| { claims.get(host) }.is_some_and(|claim| claim.owner != *asker);
            form.spec.hosts.iter().any(is_anothers)
        };
        if !forms.iter().any(|form| is_guest(&form)) {
            return owned;
        }
        for form in forms {
            for host in &form.spec.hosts {
                let claim = claims.get(host);
                if claim.is_some_and(|claim| claim.owner == form.id.app.owner) {
                    let own = owned.entry(host.clone()).or_default();
                    own.keys
                        .extend(keys(host, &form.spec).map(|key| (key, *form)));
                }
            }
        }
        owned
    }

    /// The owner's route that serves what a guest asks for, or may be meant to.
    pub(super) fn blocks(&self, guest: &RouteKey) -> Option<&'a Form> {
        let path = guest.path.plain()?;
        let serves = |key: &RouteKey| match &key.path {
            PathMatch::Exact(_) | PathMatch::Prefix(_) => key.path.plain() == Some(path),
            PathMatch::Regexp(pattern) => !pattern.misses(path),
            PathMatch::Every => false,
        };
        let may_serve = |(key, form): &&(RouteKey, &Form)| form.is_guess() || serves(key);
        let own = self.keys.iter().find(may_serve);
        own.map(|(_, form)| *form)
    }
}
