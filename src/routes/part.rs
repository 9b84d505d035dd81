//! One part of the table: the apps that ask for the same hosts, or ask each other about requests,
//! with those hosts. What one part comes to depends on no other.

use std::cell::{Cell, LazyCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::absent::{self, Absent};
use super::allowed;
use super::asking::{asking, named};
use super::build::Inputs;
use super::candidates::left_out;
use super::claims::{self, PartClaims};
use super::forms::{self, Candidate, Form};
use super::gates::{Trial, Watch};
use super::health;
use super::place::serving::asked_app;
use super::place::{PartTable, place};
use super::policies::{self, Spoiled};
use super::report::Row;
use super::trials;
use super::upstream::NotReady;
use crate::diagnostic::Diagnostic;
use crate::model::{AppKey, ContainerId, ContainerRef, Hostname, Labels, Owner, RouteId};

/// An app by itself: who wants to serve it, and what its labels ask for.
#[derive(Debug, Default)]
pub(super) struct Member<'a> {
    /// Newest first.
    pub(super) candidates: Vec<Candidate<'a>>,
    /// The hosts that it asks for, or names in vain, sorted.
    pub(super) hosts: Vec<Hostname>,
    /// The apps that it wants to have asked about its requests.
    pub(super) asks: Vec<AppKey>,
    forms: Vec<Form>,
    spoiled: Vec<Spoiled>,
    found: Vec<Diagnostic>,
    /// Whether it was asked by which labels its routes were last accepted.
    pub(super) consults_last_good: bool,
}

impl<'a> Member<'a> {
    /// The forms of its routes. `found` is what was wrong with its candidates' labels.
    pub(super) fn of(
        app: &AppKey,
        candidates: Vec<Candidate<'a>>,
        mut found: Vec<Diagnostic>,
        inputs: &Inputs<'_>,
    ) -> Self {
        let consults = Cell::new(candidates.is_empty());
        let forms = if candidates.is_empty() {
            absent::forms(app, inputs)
        } else {
            forms::of_app(app, &candidates, inputs, &consults, &mut found)
        };
        let served = forms.iter().flat_map(|form| {
            let spec = &form.spec;
            spec.hosts.iter().chain(&spec.host.redirect_from)
        });
        let named = candidates.iter().flat_map(named);
        let mut hosts: Vec<Hostname> = served.chain(named).cloned().collect();
        hosts.sort();
        hosts.dedup();
        Self {
            hosts,
            asks: forms.iter().filter_map(asked_app).collect(),
            spoiled: policies::spoiled(app, &candidates, &forms, inputs.gates),
            consults_last_good: consults.get(),
            candidates,
            forms,
            found,
        }
    }

    /// The containers that are named in what comes of it. A route of none is named after one that
    /// is not there.
    pub(super) fn containers(&self) -> impl Iterator<Item = ContainerId> {
        let absent = self.forms.iter().filter(|form| form.is_absent);
        let absent = absent.map(|form| &form.definer.id);
        let own = self.candidates.iter().map(|one| &one.container.id);
        absent.chain(own).cloned()
    }
}

/// What a part comes to; see [`super::Built`].
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) table: PartTable,
    pub(super) claims: PartClaims,
    pub(super) absent: Absent,
    pub(super) good: Vec<(RouteId, Labels)>,
    pub(super) unproven: BTreeSet<RouteId>,
    pub(super) rows: Vec<Arc<Row>>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) addressless: Vec<ContainerRef>,
    pub(super) trials: BTreeSet<Trial>,
    pub(super) watches: BTreeSet<Watch>,
    pub(super) ready_last: BTreeMap<ContainerId, Vec<(RouteId, SocketAddr)>>,
    pub(super) linger_ends: Option<u64>,
}

impl Part {
    /// What these apps, each of which comes once, and hosts come to together.
    pub(super) fn of(
        mut members: Vec<(AppKey, Member<'_>)>,
        hosts: impl Iterator<Item = Hostname>,
        inputs: &Inputs<'_>,
    ) -> Self {
        let (mut forms, mut spoiled, mut found) = (Vec::new(), Vec::new(), Vec::new());
        for (_, member) in &mut members {
            forms.append(&mut member.forms);
            spoiled.append(&mut member.spoiled);
            found.append(&mut member.found);
        }
        let absent = absent::since(&members, inputs);
        forms::shut_neighbours(&mut forms);
        allowed::keep_allowed(&mut forms, inputs, &mut found);
        allowed::keep_guarded(&mut forms, inputs, &mut found);
        let before = hosts.filter_map(|host| {
            let claim = inputs.claims.get(&host)?.clone();
            Some((host, claim))
        });
        // Few ask.
        let named = LazyCell::new(|| named_by(&members));
        let is_named = |host: &Hostname, owner: &Owner| named.contains(&(host, owner));
        let mut claims = claims::settle(before.collect(), &asking(&forms), is_named, inputs.now);
        let placed = place(&forms, &spoiled, &claims, inputs, &mut found);
        claims::remember_rules(&mut claims, &placed.rules);
        found.sort();
        found.dedup();
        let mut rows = placed.rows;
        let shown: BTreeSet<_> = rows.iter().map(|row| &row.container.id).collect();
        let left_out = members.iter().flat_map(|(app, member)| {
            left_out(app, &member.candidates, &shown, &found, inputs.gates)
        });
        let left_out: Vec<Row> = left_out.collect();
        rows.extend(left_out);
        let is_good = |form: &&Form| form.is_present() && placed.ids.contains(&form.id);
        let good = || forms.iter().filter(is_good);
        let unproven = good().filter(|form| form.is_unproven);
        let candidates = || members.iter().flat_map(|(_, member)| &member.candidates);
        let lacks_address = |c: &&Candidate<'_>| matches!(c.ip, Err(NotReady::NoAddress { .. }));
        let addressless = candidates().filter(lacks_address);
        Self {
            table: placed.table,
            claims,
            unproven: unproven.map(|form| form.id.clone()).collect(),
            good: { good() }
                .map(|form| (form.id.clone(), form.labels.clone()))
                .collect(),
            rows: rows.into_iter().map(Arc::new).collect(),
            diagnostics: found,
            addressless: { addressless }.map(|c| c.container.reference()).collect(),
            trials: trials::trials(candidates(), &forms, inputs.gates),
            watches: health::watches(&forms),
            ready_last: health::ready_last(&forms),
            linger_ends: absent::ends(&forms, &absent, inputs.linger_seconds),
            absent,
        }
    }
}

/// The hosts that labels name, with the owner of the container, also where the route is not served.
fn named_by<'a>(members: &'a [(AppKey, Member<'_>)]) -> BTreeSet<(&'a Hostname, &'a Owner)> {
    let of_member = |(app, member): &'a (AppKey, Member<'_>)| {
        let hosts = member.candidates.iter().flat_map(named);
        hosts.map(|host| (host, &app.owner))
    };
    members.iter().flat_map(of_member).collect()
}
