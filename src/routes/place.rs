//! Puts forms under their keys: who may serve a host, and who wins a key.

mod rows;
pub(super) mod serving;
mod shadowed;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::build::Inputs;
use super::claims::{self, Claim, PartClaims};
use super::forms::{Form, Member};
use super::guests::{self, Owned};
use super::policies::{Policies, Spoiled};
use super::redirects;
use super::report::Row;
use super::table::{
    Asked, HOLD, HostPolicy, Passed, Pool, PoolHealth, RETRY, Route, RouteKey, Serving, Timeouts,
    Upstream, UpstreamTls,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::labels::{HostRules, RouteSpec, TlsSetting};
use crate::model::{Hostname, PoolKey, RouteId, RouteName, Scheme, Weight, shown};

/// Characters of a project's name that are shown in a label to type; `share` takes no longer ones.
const SHARE_CHARS_MAX: usize = 128;

/// What a part of the table is made of.
#[derive(Debug, Default)]
pub(super) struct PartTable {
    pub(super) routes: BTreeMap<RouteKey, Arc<Route>>,
    pub(super) hosts: BTreeMap<Hostname, HostPolicy>,
    pub(super) redirects: BTreeMap<Hostname, Hostname>,
}

/// The table, who is in it, and what became of everybody.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) table: PartTable,
    pub(super) ids: BTreeSet<RouteId>,
    pub(super) rows: Vec<Row>,
    /// What is in force for every host, as its deciding route says it.
    pub(super) rules: BTreeMap<Hostname, HostRules>,
    /// Why what is asked for by several routes must not be served.
    contested: BTreeMap<RouteKey, Diagnostic>,
}

/// Places all forms.
pub(super) fn place(
    forms: &[Form],
    spoiled: &[Spoiled],
    claims: &PartClaims,
    inputs: &Inputs<'_>,
    found: &mut Vec<Diagnostic>,
) -> Placed {
    let mut placed = Placed::default();
    let mut winners: BTreeMap<RouteKey, &Form> = BTreeMap::new();
    let mut sorted: Vec<&Form> = forms.iter().collect();
    // A route that stands for more than it was meant to takes no key from another.
    sorted.sort_by_key(|form| (form.is_guess(), &form.id));
    let of_owners = Owned::of(&sorted, claims);
    for form in &sorted {
        for host in &form.spec.hosts {
            let owner = &form.id.app.owner;
            let adds_paths = guests::adds_paths(&form.spec);
            if let Err(claim) = claims::may_serve(claims, host, owner, adds_paths) {
                let diagnostic = host_taken(form, host, claim, inputs.prefix);
                for key in keys(host, &form.spec) {
                    placed.refuse(form, &key, &diagnostic.message);
                }
                found.push(diagnostic);
                continue;
            }
            for key in keys(host, &form.spec) {
                let owns = claims.get(host).is_some_and(|claim| claim.owner == *owner);
                if let Some(first) = of_owners
                    .get(host)
                    .filter(|_| !owns)
                    .and_then(|own| own.blocks(&key))
                {
                    lose(form, &key, first, &mut placed, found);
                    continue;
                }
                match winners.get(&key).copied() {
                    None => drop(winners.insert(key, form)),
                    Some(first) if owns && first.id.app.owner != *owner => {
                        placed.contested.remove(&key);
                        lose(first, &key, form, &mut placed, found);
                        winners.insert(key, form);
                    }
                    // It is shut anyway, and has said so.
                    Some(_) if form.is_guess() => placed.refuse(form, &key, form.why_shut()),
                    Some(first) => lose(form, &key, first, &mut placed, found),
                }
            }
        }
    }
    shadowed::say(&winners, inputs, found);
    let policies = Policies::decide(&winners, spoiled, claims, inputs);
    for (key, form) in &winners {
        let asked = match placed.contested.remove(key) {
            Some(diagnostic) => Err(Box::new(diagnostic)),
            None => serving::asked(key, form, &winners, &policies, inputs),
        };
        placed.add(key.clone(), form, asked, &policies, inputs, found);
    }
    for form in sorted {
        redirects::place(form, &mut placed, &policies, claims, inputs.prefix, found);
    }
    placed.rules = policies.rules();
    placed
}

pub(super) fn keys<'a>(
    host: &'a Hostname,
    spec: &'a RouteSpec,
) -> impl Iterator<Item = RouteKey> + 'a {
    spec.path_matches().into_iter().map(|path| RouteKey {
        host: host.clone(),
        path,
        priority: spec.matching.priority,
        matching: spec.matching.conditions.clone().into(),
    })
}

pub(super) fn host_taken(form: &Form, host: &Hostname, claim: &Claim, prefix: &str) -> Diagnostic {
    let claimant = &form.id.app.owner;
    let in_gap = match claim.released {
        Some(_) => {
            " (it is not served now; the claim ends ten minutes after its owner's last container)"
        }
        None => "",
    };
    let shares = claim.share.contains(claimant.name());
    let key = match &form.id.route {
        RouteName::Default => "path".to_owned(),
        RouteName::Named(name) => format!("routes.{name}.path"),
    };
    let help = if shares {
        let only = "it shares paths of the host only, without `path.regexp` and `priority`";
        format!("{only}: add for example `{prefix}.{key}=/api`")
    } else {
        let share = shown(claimant.name(), SHARE_CHARS_MAX);
        format!(
            "choose another host, or let {} add `{prefix}.share={share}` to serve a path of it",
            claim.owner
        )
    };
    Diagnostic {
        container: form.definer.clone(),
        code: Code::HostTaken,
        label: None,
        message: format!("the host `{host}` belongs to {}{in_gap}", claim.owner),
        help,
    }
}

/// Says that `loser` does not get `key`, which `winner` has.
fn lose(
    loser: &Form,
    key: &RouteKey,
    winner: &Form,
    placed: &mut Placed,
    found: &mut Vec<Diagnostic>,
) {
    let (message, help) = if winner.is_guess() {
        (
            format!(
                "`{key}` may be meant for the route `{}`, whose labels are wrong",
                winner.id
            ),
            "it is served once that route's labels are right".to_owned(),
        )
    } else {
        (
            format!("`{key}` is served by the route `{}` already", winner.id),
            "give one of the two another host or path".to_owned(),
        )
    };
    let diagnostic = Diagnostic {
        container: loser.definer.clone(),
        code: Code::RouteTaken,
        label: None,
        message,
        help,
    };
    placed.refuse(loser, key, &diagnostic.message);
    found.push(diagnostic);
    if is_open_beside(winner, loser) {
        placed
            .contested
            .insert(key.clone(), contested(loser, key, winner));
    }
}

/// Whether requests that the loser asked for would meet less protection at the winner, of the same
/// owner, or none where they are to be turned away.
fn is_open_beside(winner: &Form, loser: &Form) -> bool {
    let asked = &loser.spec.handling.protection;
    let differs = asked.is_any() && winner.spec.handling.protection != *asked;
    let is_own = winner.id.app.owner == loser.id.app.owner;
    is_own && winner.shut.is_none() && (differs || loser.shut.is_some())
}

fn contested(loser: &Form, key: &RouteKey, winner: &Form) -> Diagnostic {
    Diagnostic {
        container: winner.definer.clone(),
        code: Code::Closed,
        label: None,
        message: format!(
            "the route `{}` answers 503 at `{key}`: the route `{}` asks for the same requests, \
             with other protection",
            winner.id.route, loser.id
        ),
        help: "give one of the two another host or path".to_owned(),
    }
}

impl Placed {
    fn add(
        &mut self,
        key: RouteKey,
        form: &Form,
        asked: Result<Option<Asked>, Box<Diagnostic>>,
        policies: &Policies,
        inputs: &Inputs<'_>,
        found: &mut Vec<Diagnostic>,
    ) {
        let Some(decided) = policies.of(&key.host) else {
            return;
        };
        let is_auto = decided.rules.tls == Some(TlsSetting::Auto);
        if is_auto && inputs.lacks_certificate(&key.host) {
            let diagnostic = inputs.no_certificate(form, &key.host);
            self.refuse(form, &key, &diagnostic.message);
            found.push(diagnostic);
            return;
        }
        let conflict = policies.objection(&key.host, form, inputs.prefix);
        let (asked, unasked) = match asked {
            Ok(asked) => (asked, None),
            Err(diagnostic) => (None, Some(*diagnostic)),
        };
        let wrong: Vec<Diagnostic> = conflict.into_iter().chain(unasked).collect();
        let shut = form.shut.as_ref().map(|shut| shut.why.clone());
        let reason = shut.or_else(|| wrong.first().map(|first| first.message.clone()));
        found.extend(wrong);
        let is_served = reason.is_none();
        let pool = pool(form, is_served);
        for member in &form.members {
            self.rows.push(Row {
                pool: Some(pool.key),
                ..rows::row(&key, form, member, reason.as_deref())
            });
        }
        let strip = form.spec.strip && key.path.plain().is_some();
        let handling = form.spec.handling.clone();
        let serving = if is_served {
            Serving::passed(Passed { handling, asked })
        } else {
            Serving::Closed
        };
        self.ids.insert(form.id.clone());
        let table = &mut self.table;
        let policy = decided.policy.clone();
        table.hosts.insert(key.host.clone(), policy);
        table.routes.insert(
            key,
            Arc::new(Route {
                id: form.id.clone(),
                pool,
                strip,
                rewrite: form.spec.matching.rewrite.clone(),
                log: form.spec.matching.log,
                serving,
            }),
        );
    }

    fn refuse(&mut self, form: &Form, key: &RouteKey, reason: &str) {
        for member in &form.members {
            self.rows.push(Row {
                host: key.host.to_string(),
                path: key.beyond_host(),
                app: Some(form.id.app.clone()),
                route: Some(form.id.route.clone()),
                ..Row::refused(member.container.clone(), reason)
            });
        }
    }
}

/// The pool of a form: the containers that serve one port of an app together, for one route. A
/// host under which the route must not be served has a pool of its own, in which nobody ever is:
/// its slots must not be those of the route's other hosts.
fn pool_key(form: &Form, is_served: bool) -> PoolKey {
    let (route, refused) = (&form.id.route, if is_served { "" } else { " refused" });
    let port = match form.spec.port {
        Some(port) => format!("{port} {route}{refused}"),
        None => format!("exposed {route}{refused}"),
    };
    PoolKey::new(&form.id.app, form.spec.scheme, &port)
}

/// The pool of a form, with nobody in it where the form must not be served.
fn pool(form: &Form, is_served: bool) -> Pool {
    let spec = &form.spec;
    let members = form.members.iter();
    let late = spec.matching.response_timeout.unwrap_or(Duration::MAX);
    Pool {
        key: pool_key(form, is_served),
        is_starting: is_served && members.clone().any(Member::is_starting),
        expected: members.clone().filter(|m| m.is_expected()).count(),
        is_weighted: members.clone().any(|m| m.weight != Weight::default()),
        scheme: spec.scheme,
        tls: upstream_tls(spec),
        hold: (spec.hold.unwrap_or(HOLD)).min(late),
        timeouts: timeouts(spec),
        authority: { spec.matching.authority.clone() }
            .filter(|_| spec.scheme == Scheme::Https && !spec.upstream_skip_verify),
        // Caddy tries again a GET whose answer is late, too; then it was late for long enough.
        retry: (spec.retry.unwrap_or(RETRY)).min(late),
        policy: spec.policy.clone(),
        upstreams: if is_served {
            upstreams(&form.members)
        } else {
            Vec::new()
        },
        health: PoolHealth {
            passive: spec.health.passive,
            resting: members.filter(|m| m.is_resting()).count(),
        },
    }
}

fn upstreams(members: &[Member]) -> Vec<Upstream> {
    let ready = members.iter().filter_map(|member| {
        let address = *member.address.as_ref().ok()?;
        Some(Upstream {
            address,
            container: member.container.clone(),
            weight: member.weight,
        })
    });
    // Mostly all are ready.
    let mut upstreams = Vec::with_capacity(members.len());
    upstreams.extend(ready);
    upstreams.sort();
    upstreams.dedup_by_key(|upstream| upstream.address);
    upstreams
}

fn timeouts(spec: &RouteSpec) -> Timeouts {
    let default = Timeouts::default();
    Timeouts {
        connect: spec.matching.connect_timeout.unwrap_or(default.connect),
        response: spec.matching.response_timeout,
    }
}

fn upstream_tls(spec: &RouteSpec) -> Option<UpstreamTls> {
    if spec.scheme != Scheme::Https {
        return None;
    }
    if spec.upstream_skip_verify {
        return Some(UpstreamTls::SkipVerify);
    }
    let exact = spec.hosts.iter().find(|host| host.openness() == 0);
    let first = spec
        .upstream_server_name
        .as_ref()
        .or(exact)
        .or(spec.hosts.first());
    Some(UpstreamTls::Verify(
        first.expect("a route spec has a host").clone(),
    ))
}
