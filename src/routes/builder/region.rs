//! What must be built anew, taken apart into what hangs together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::islands::{Island, Islands, add_one};
use super::side_by_side;
use super::touched::Touched;
use crate::diagnostic::Diagnostic;
use crate::model::{AppKey, Container, ContainerId, Hostname};
use crate::routes::build::Inputs;
use crate::routes::candidates::{self, Reading};
use crate::routes::forms::Candidate;
use crate::routes::part::Member;
use crate::routes::report::Row;

/// So many containers, or apps, are worth a thread.
const READ_PER_THREAD: usize = 250;

/// What must be built anew.
#[derive(Debug, Default)]
pub(super) struct Region<'a> {
    /// The islands that it was taken from.
    pub(super) dissolved: Vec<Island>,
    /// The containers that ask for nothing.
    pub(super) off: Vec<Off>,
    /// Apps with their hosts, by what hangs together.
    pub(super) components: Vec<Component<'a>>,
}

/// A container that asks for nothing.
#[derive(Debug)]
pub(super) struct Off {
    pub(super) row: Arc<Row>,
    pub(super) found: Vec<Diagnostic>,
}

/// An island to be, without its routes, and its apps.
#[derive(Debug, Default)]
pub(super) struct Component<'a> {
    pub(super) island: Island,
    pub(super) own: Vec<(AppKey, Member<'a>)>,
}

/// An app's candidates, and what was wrong with their labels.
type Candidates<'a> = (Vec<Candidate<'a>>, Vec<Diagnostic>);

/// The search for what hangs together with what is touched.
struct Search<'a, 'b> {
    inputs: &'b Inputs<'a>,
    islands: &'b mut Islands,
    region: Region<'a>,
    /// Containers, apps and hosts that were met, each looked at once.
    containers: BTreeSet<ContainerId>,
    apps: BTreeSet<AppKey>,
    hosts: BTreeSet<Hostname>,
    /// Islands to take apart.
    islands_left: Vec<u64>,
    containers_left: Vec<ContainerId>,
    apps_left: Vec<AppKey>,
    candidates: BTreeMap<AppKey, Candidates<'a>>,
    members: BTreeMap<AppKey, Member<'a>>,
}

impl<'a> Region<'a> {
    /// Everything that hangs together with what is touched, taken from its islands.
    pub(super) fn of(touched: Touched, islands: &mut Islands, inputs: &Inputs<'a>) -> Self {
        let islands_left = islands.timed().collect();
        let mut search = Search {
            inputs,
            islands,
            region: Self::default(),
            containers: BTreeSet::new(),
            apps: BTreeSet::new(),
            hosts: BTreeSet::new(),
            islands_left,
            containers_left: Vec::new(),
            apps_left: Vec::new(),
            candidates: BTreeMap::new(),
            members: BTreeMap::new(),
        };
        { touched.containers.into_iter() }.for_each(|id| search.meet_container(id));
        { touched.apps.into_iter() }.for_each(|app| search.meet_app(app));
        { touched.hosts.iter() }.for_each(|host| search.meet_host(host));
        search.run()
    }
}

impl<'a> Search<'a, '_> {
    fn meet_container(&mut self, id: ContainerId) {
        if self.containers.insert(id.clone()) {
            self.islands_left.extend(self.islands.of_container(&id));
            self.containers_left.push(id);
        }
    }

    fn meet_app(&mut self, app: AppKey) {
        if self.apps.insert(app.clone()) {
            self.islands_left.extend(self.islands.of_app(&app));
            self.apps_left.push(app);
        }
    }

    fn meet_host(&mut self, host: &Hostname) {
        if self.hosts.insert(host.clone()) {
            self.islands_left.extend(self.islands.of_host(host));
        }
    }

    /// Islands before containers before apps: the candidates of an app are all known when its
    /// forms are made, for each of them was changed, or is in the app's island.
    fn run(mut self) -> Region<'a> {
        loop {
            if let Some(number) = self.islands_left.pop() {
                self.dissolve(number);
            } else if !self.containers_left.is_empty() {
                self.read_all();
            } else if !self.apps_left.is_empty() {
                self.form_all();
            } else {
                break;
            }
        }
        self.region.components = components(self.members, self.hosts);
        self.region
    }

    fn dissolve(&mut self, number: u64) {
        let Some(island) = self.islands.remove(number) else {
            return;
        };
        { island.containers.iter() }.for_each(|id| self.meet_container(id.clone()));
        { island.apps.iter() }.for_each(|app| self.meet_app(app.clone()));
        { island.hosts.iter() }.for_each(|host| self.meet_host(host));
        self.region.dissolved.push(island);
    }

    fn read_all(&mut self) {
        let inputs = self.inputs;
        let ids = std::mem::take(&mut self.containers_left);
        let containers = ids.iter().filter_map(|id| inputs.snapshot.get(id));
        let read = |container: &'a Container| {
            let mut found = Vec::new();
            let reading = candidates::read(container, inputs, &mut found);
            (reading, found)
        };
        let mut readings = side_by_side::map(containers.collect(), READ_PER_THREAD, read);
        // In the order of the apps, by which all that follows is sorted: each finds its place in a
        // map beside the last one's.
        readings.sort_by(|(a, _), (b, _)| a.app().cmp(&b.app()));
        for (reading, found) in readings {
            self.take(reading, found);
        }
    }

    fn take(&mut self, reading: Reading<'a>, mut found: Vec<Diagnostic>) {
        match reading {
            Reading::NotOurs => {}
            Reading::Off(row) => {
                let row = Arc::new(row);
                let island = Island::of_container(&row);
                self.islands.add(island, false);
                self.region.off.push(Off { row, found });
            }
            Reading::Asks(candidate) => {
                let app = candidate.spec.app.clone();
                let (candidates, wrong) = self.candidates.entry(app.clone()).or_default();
                add_one(candidates, candidate);
                wrong.append(&mut found);
                self.meet_app(app);
            }
        }
    }

    fn form_all(&mut self) {
        let inputs = self.inputs;
        let apps = std::mem::take(&mut self.apps_left);
        let apps = { apps.into_iter() }.map(|app| {
            let candidates = self.candidates.remove(&app).unwrap_or_default();
            (app, candidates)
        });
        let form = |(app, (mut candidates, found)): (AppKey, Candidates<'a>)| {
            candidates::sort(&mut candidates);
            let member = Member::of(&app, candidates, found, inputs);
            (app, member)
        };
        for (app, member) in side_by_side::map(apps.collect(), READ_PER_THREAD, form) {
            { member.hosts.iter() }.for_each(|host| self.meet_host(host));
            member.asks().for_each(|asked| self.meet_app(asked));
            self.members.insert(app, member);
        }
    }
}

/// The apps and hosts by what hangs together.
fn components(
    members: BTreeMap<AppKey, Member<'_>>,
    hosts: BTreeSet<Hostname>,
) -> Vec<Component<'_>> {
    let apps: BTreeMap<&AppKey, usize> = members.keys().zip(0..).collect();
    let hosts: BTreeMap<Hostname, usize> = hosts.into_iter().zip(members.len()..).collect();
    let mut groups = Groups::of(members.len() + hosts.len());
    for (place, member) in members.values().enumerate() {
        let of_hosts = { member.hosts.iter() }.filter_map(|host| hosts.get(host).copied());
        let of_apps = member.asks().filter_map(|app| apps.get(&app).copied());
        { of_hosts.chain(of_apps) }.for_each(|other| groups.join(place, other));
    }
    let places = members.len() + hosts.len();
    let mut components: Vec<Component<'_>> = Vec::new();
    components.resize_with(places, Component::default);
    for (place, (app, member)) in members.into_iter().enumerate() {
        let Some(Component { island, own }) = components.get_mut(groups.first(place)) else {
            continue;
        };
        for id in member.containers() {
            add_one(&mut island.containers, id);
        }
        island.consults_last_good |= member.consults_last_good;
        add_one(&mut island.apps, app.clone());
        add_one(own, (app, member));
    }
    for (host, place) in hosts {
        if let Some(component) = components.get_mut(groups.first(place)) {
            add_one(&mut component.island.hosts, host);
        }
    }
    let is_any = |one: &Component<'_>| !one.own.is_empty() || !one.island.hosts.is_empty();
    components.retain(is_any);
    components
}

/// Which places are in one group.
struct Groups(Vec<usize>);

impl Groups {
    fn of(places: usize) -> Self {
        Self((0..places).collect())
    }

    /// The place that stands for the group of this one.
    fn first(&mut self, place: usize) -> usize {
        let mut first = place;
        while let Some(next) = self.0.get(first).copied().filter(|next| *next != first) {
            // Each place on the way comes nearer to the first.
            let beyond = self.0.get(next).copied().unwrap_or(next);
            if let Some(to) = self.0.get_mut(first) {
                *to = beyond;
            }
            first = beyond;
        }
        first
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        if let Some(to) = self.0.get_mut(one.max(other)) {
            *to = one.min(other);
        }
    }
}
