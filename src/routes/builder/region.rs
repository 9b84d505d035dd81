//! What must be built anew, taken apart into what hangs together.

use std::mem::take;
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
    containers: Met<ContainerId>,
    apps: Met<AppKey>,
    hosts: Met<Hostname>,
    /// What was come upon, some of it met already.
    found: Touched,
    /// Islands to take apart.
    islands_left: Vec<u64>,
    containers_left: Vec<ContainerId>,
    apps_left: Vec<AppKey>,
    /// Those that were read, until their apps have their forms.
    candidates: Vec<(Candidate<'a>, Vec<Diagnostic>)>,
    members: Vec<(AppKey, Member<'a>)>,
}

impl<'a> Region<'a> {
    /// Everything that hangs together with what is touched, taken from its islands.
    pub(super) fn of(touched: Touched, islands: &mut Islands, inputs: &Inputs<'a>) -> Self {
        let islands_left = islands.timed().collect();
        let search = Search {
            inputs,
            islands,
            region: Self::default(),
            containers: Met::default(),
            apps: Met::default(),
            hosts: Met::default(),
            found: touched,
            islands_left,
            containers_left: Vec::new(),
            apps_left: Vec::new(),
            candidates: Vec::new(),
            members: Vec::new(),
        };
        search.run()
    }
}

impl<'a> Search<'a, '_> {
    /// Islands before containers before apps: the candidates of an app are all known when its
    /// forms are made, for each of them was changed, or is in the app's island.
    fn run(mut self) -> Region<'a> {
        loop {
            self.meet_found();
            if !self.islands_left.is_empty() {
                self.dissolve_all();
            } else if !self.containers_left.is_empty() {
                self.read_all();
            } else if !self.apps_left.is_empty() {
                self.form_all();
            } else {
                break;
            }
        }
        self.region.components = components(self.members, self.hosts.0);
        self.region
    }

    /// What was come upon and not met before is looked at, and so are the islands that it is in.
    fn meet_found(&mut self) {
        let found = take(&mut self.found);
        let islands = &*self.islands;
        let hosts = self.hosts.meet(found.hosts);
        let of_hosts = hosts.iter().filter_map(|host| islands.of_host(host));
        self.islands_left.extend(of_hosts);
        let containers = self.containers.meet(found.containers);
        let of_containers = containers.iter().filter_map(|id| islands.of_container(id));
        self.islands_left.extend(of_containers);
        self.containers_left.extend(containers);
        let apps = self.apps.meet(found.apps);
        let of_apps = apps.iter().filter_map(|app| islands.of_app(app));
        self.islands_left.extend(of_apps);
        self.apps_left.extend(apps);
    }

    fn dissolve_all(&mut self) {
        for number in take(&mut self.islands_left) {
            let Some(island) = self.islands.remove(number) else {
                continue;
            };
            let found = &mut self.found;
            found.containers.extend(island.containers.iter().cloned());
            found.apps.extend(island.apps.iter().cloned());
            found.hosts.extend(island.hosts.iter().cloned());
            self.region.dissolved.push(island);
        }
    }

    fn read_all(&mut self) {
        let inputs = self.inputs;
        let ids = take(&mut self.containers_left);
        let containers = ids.iter().filter_map(|id| inputs.snapshot.get(id));
        let read = |container: &'a Container| {
            let mut found = Vec::new();
            let reading = candidates::read(container, inputs, &mut found);
            (reading, found)
        };
        let readings = side_by_side::map(containers.collect(), READ_PER_THREAD, read);
        for (reading, found) in readings {
            self.take(reading, found);
        }
    }

    fn take(&mut self, reading: Reading<'a>, found: Vec<Diagnostic>) {
        match reading {
            Reading::NotOurs => {}
            Reading::Off(row) => {
                let row = Arc::new(row);
                let island = Island::of_container(&row);
                self.islands.add(island, false);
                self.region.off.push(Off { row, found });
            }
            Reading::Asks(candidate) => {
                self.found.apps.push(candidate.spec.app.clone());
                self.candidates.push((candidate, found));
            }
        }
    }

    fn form_all(&mut self) {
        let inputs = self.inputs;
        let mut apps = take(&mut self.apps_left);
        apps.sort();
        let apps = with_candidates(apps, take(&mut self.candidates));
        let form = |(app, (mut candidates, found)): (AppKey, Candidates<'a>)| {
            candidates::sort(&mut candidates);
            let member = Member::of(&app, candidates, found, inputs);
            (app, member)
        };
        for (app, member) in side_by_side::map(apps, READ_PER_THREAD, form) {
            self.found.hosts.extend(member.hosts.iter().cloned());
            self.found.apps.extend(member.asks.iter().cloned());
            self.members.push((app, member));
        }
    }
}

/// Things that were met, each once, sorted.
struct Met<T>(Vec<T>);

impl<T> Default for Met<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord + Clone + Send> Met<T> {
    /// Those of these that were not met before, each once, sorted.
    fn meet(&mut self, mut some: Vec<T>) -> Vec<T> {
        side_by_side::sort_by(&mut some, T::cmp);
        some.dedup();
        some.retain(|one| self.0.binary_search(one).is_err());
        self.0.extend(some.iter().cloned());
        // What is sorted already is only merged.
        self.0.sort();
        some
    }
}

/// Each of these apps, which are sorted, with its own of the candidates.
fn with_candidates(
    apps: Vec<AppKey>,
    mut candidates: Vec<(Candidate<'_>, Vec<Diagnostic>)>,
) -> Vec<(AppKey, Candidates<'_>)> {
    side_by_side::sort_by(&mut candidates, |(a, _), (b, _)| {
        a.spec.app.cmp(&b.spec.app)
    });
    let mut left = candidates.into_iter().peekable();
    let mut all = Vec::with_capacity(apps.len());
    for app in apps {
        let (mut own, mut wrong) = Candidates::default();
        while let Some((one, mut found)) = left.next_if(|(one, _)| one.spec.app <= app) {
            if one.spec.app == app {
                add_one(&mut own, one);
                wrong.append(&mut found);
            }
        }
        all.push((app, (own, wrong)));
    }
    all
}

/// The apps and hosts by what hangs together. Both come each once; the hosts are sorted.
fn components(mut members: Vec<(AppKey, Member<'_>)>, hosts: Vec<Hostname>) -> Vec<Component<'_>> {
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut groups = grouped(&members, &hosts);
    let mut components: Vec<Component<'_>> = Vec::new();
    // By place, of what comes first in a group.
    let mut numbers = Vec::with_capacity(members.len() + hosts.len());
    let mut next = |components: &mut Vec<Component<'_>>| {
        let place = numbers.len();
        let first = groups.first(place);
        let number = numbers.get(first).copied().unwrap_or(components.len());
        numbers.push(number);
        if number == components.len() {
            components.push(Component::default());
        }
        number
    };
    for (app, member) in members {
        let number = next(&mut components);
        let Some(Component { island, own }) = components.get_mut(number) else {
            continue;
        };
        for id in member.containers() {
            add_one(&mut island.containers, id);
        }
        island.consults_last_good |= member.consults_last_good;
        add_one(&mut island.apps, app.clone());
        add_one(own, (app, member));
    }
    for host in hosts {
        let number = next(&mut components);
        if let Some(component) = components.get_mut(number) {
            add_one(&mut component.island.hosts, host);
        }
    }
    components
}

/// What hangs together: the apps by their places in the list, and behind them the hosts.
fn grouped(members: &[(AppKey, Member<'_>)], hosts: &[Hostname]) -> Groups {
    let mut groups = Groups::of(members.len() + hosts.len());
    let mut asked: Vec<(&Hostname, usize)> = Vec::with_capacity(members.len());
    for (place, (_, member)) in members.iter().enumerate() {
        asked.extend(member.hosts.iter().map(|host| (host, place)));
    }
    side_by_side::sort_by(&mut asked, Ord::cmp);
    let mut places = hosts.iter().zip(members.len()..).peekable();
    for (host, place) in asked {
        while places.next_if(|(known, _)| *known < host).is_some() {}
        if let Some((_, of_host)) = places.peek().filter(|(known, _)| *known == host) {
            groups.join(place, *of_host);
        }
    }
    for (place, (_, member)) in members.iter().enumerate() {
        for app in &member.asks {
            if let Ok(other) = members.binary_search_by(|(known, _)| known.cmp(app)) {
                groups.join(place, other);
            }
        }
    }
    groups
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
