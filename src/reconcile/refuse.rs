//! What Caddy refuses: the route to blame is left out, everything else is served.
//!
//! Caddy names the index of the route in most of its refusals. Where it does not, they are searched
//! for among the routes that are new or changed. Forms that were refused are not tried again until
//! the route's labels change, or the agent is started anew. Certificates of the operator are left
//! out like routes, the new ones together, until their files change.

mod search;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, error, warn};

use self::search::{Search, Suspect, Verdict};
use super::Loop;
use super::apply::Desired;
use crate::caddy::admin::{Admin, AdminError, is_certificate, is_setting};
use crate::caddy::render::{CertificatePair, blamed};
use crate::discovery::Engine;
use crate::model::{Labels, RouteId};
use crate::probe::Probe;
use crate::routes::{Built, LastGood, Refused};
use crate::state::Store;
use crate::telemetry::chain;

/// After a load that Caddy broke off; by then it is known whether it has ended.
const BROKEN_OFF_WAIT: Duration = Duration::from_millis(100);

/// The refused forms, and the search for more.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    forms: Refused,
    certificates: BTreeSet<CertificatePair>,
    search: Option<Search>,
    /// The process that broke off a load, and which config that was.
    broken: Option<(u64, String)>,
}

impl Refusals {
    /// The forms to leave out, with Caddy's words.
    pub(super) fn forms(&self) -> Cow<'_, Refused> {
        let Some(search) = &self.search else {
            return Cow::Borrowed(&self.forms);
        };
        let mut forms = self.forms.clone();
        for ((id, labels), words) in search.left_out() {
            add(&mut forms, id, labels, words);
        }
        Cow::Owned(forms)
    }

    /// Whether it is not known yet which routes are to blame.
    pub(super) fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// These certificates without those that were refused; forgets the refused that are gone.
    pub(super) fn left_in(&mut self, pairs: &[CertificatePair]) -> Vec<CertificatePair> {
        self.certificates.retain(|pair| pairs.contains(pair));
        let left_in = pairs
            .iter()
            .filter(|pair| !self.certificates.contains(pair));
        left_in.cloned().collect()
    }

    /// Forgets routes of apps that are gone.
    pub(super) fn keep_only(&mut self, built: &Built) {
        if self.forms.is_empty() {
            return;
        }
        let apps: BTreeSet<_> = built
            .rows
            .iter()
            .filter_map(|row| row.app.as_ref())
            .collect();
        self.forms.retain(|id, _| apps.contains(&id.app));
    }
}

fn add(forms: &mut Refused, id: &RouteId, labels: &Labels, words: &str) {
    let forms = forms.entry(id.clone()).or_default();
    forms.insert(labels.clone(), words.to_owned());
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// Caddy answered that the config is wrong: leaves routes out and sends the rest at once.
    pub(super) fn on_rejected(&mut self, sent: &Arc<Desired>, error: &AdminError) {
        let message = error.to_string();
        if self.leave_out_named(sent, &message) {
            self.load();
        } else if is_setting(&message) {
            self.reject(&message);
        } else if let Some(search) = &mut self.refusals.search {
            let verdict = search.refused(&message);
            self.go_on(verdict);
        } else {
            self.search(sent, &message);
        }
    }

    /// Caddy broke off the load. If it did so before and is still there, it falls over this config:
    /// Go's HTTP server ends the request alone in which it panics.
    pub(super) fn on_broken_off(&mut self, sent: &Arc<Desired>, error: &AdminError, epoch: u64) {
        let broken = Some((epoch, sent.id()));
        if self.refusals.broken == broken {
            self.on_rejected(sent, error);
        } else {
            debug!(error = %chain(error), "Caddy broke off a load; it is tried once more.");
            self.loads.retry_at = Some(Instant::now() + BROKEN_OFF_WAIT);
        }
        self.refusals.broken = broken;
    }

    /// Caddy serves the config that is tried. `was_served` is whether it did so before.
    pub(super) fn on_tried(&mut self, was_served: bool) {
        if let Some(search) = &mut self.refusals.search {
            let verdict = search.accepted(was_served);
            self.go_on(verdict);
        }
    }

    /// Begins to look for whoever is to blame among what is new or changed.
    fn search(&mut self, sent: &Arc<Desired>, message: &str) {
        let new = not_in(&self.state.last_good, &sent.built);
        if self.serves_routes() {
            if new.is_empty() {
                return self.reject(message);
            }
        } else if new.is_empty() || !has_others(sent, &new) {
            return self.search_all(all(&sent.built), message);
        }
        let routes = new.len();
        warn!(routes, reason = %message, "Caddy refused the config without naming a route; looking for it among those that are new or changed. What it served goes on.");
        self.refusals.search = Some(Search::begin(new, message).trusting_kept());
        self.go_on(Verdict::Goes);
    }

    /// Looks for whoever is to blame among all routes, while none is served.
    fn search_all(&mut self, suspects: Vec<Suspect>, message: &str) {
        if suspects.is_empty() {
            self.reject(message);
            return;
        }
        let routes = suspects.len();
        warn!(routes, reason = %message, "Caddy refused the config without naming a route, and serves none; looking for it among all.");
        self.refusals.search = Some(Search::begin(suspects, message));
        // Without any of them there would be 404s where there are 503s now.
        self.on_tried(true);
    }

    fn go_on(&mut self, verdict: Verdict) {
        let search = &mut self.refusals.search;
        let ended = search.take_if(|_| verdict != Verdict::Goes);
        if let Some(search) = ended {
            if verdict == Verdict::Innocent {
                self.on_innocent(search);
                return;
            }
            for ((id, labels), words) in search.into_guilty() {
                error!(route = %id, reason = %words, "Caddy refused a route; everything else is served without it.");
                add(&mut self.refusals.forms, &id, &labels, &words);
            }
        }
        self.rebuild();
        self.load();
    }

    /// None of those is to blame. What earlier processes accepted may be, for another Caddy, as
    /// long as this one serves nothing of it.
    fn on_innocent(&mut self, search: Search) {
        let words = search.words().to_owned();
        let desired = self.desired.clone();
        match desired.filter(|_| search.trusts_kept() && !self.serves_routes()) {
            Some(desired) => {
                let left_in = all(&desired.built);
                self.search_all(search.into_suspects().chain(left_in).collect(), &words);
            }
            None => self.reject(&words),
        }
    }

    /// No route is to blame: waits until something changes.
    fn reject(&mut self, message: &str) {
        self.refusals.search = None;
        if is_setting(message) {
            error!(reason = %message, "Caddy refused a setting of the agent; no site is to blame, and the last accepted config stays in force. Start the agent again with a right one.");
        } else {
            error!(reason = %message, "Caddy refused the config, and no route could be blamed; the last accepted config stays in force.");
        }
        self.rebuild();
        self.measured.expect_nothing();
        self.loads.rejected = self.desired.as_ref().map(|desired| desired.id());
        self.status.caddy.load_error = Some(message.to_owned());
    }

    /// Leaves out the route or the certificates that Caddy's message names. Whether there were
    /// any; the config has been rebuilt then.
    pub(super) fn leave_out_named(&mut self, sent: &Arc<Desired>, message: &str) -> bool {
        if is_certificate(message) && self.refuse_certificates(sent, message) {
            return true;
        }
        let named = blamed(&sent.rendered.places, message);
        let named = named
            .and_then(|key| sent.built.table.routes.get(key))
            .map(|r| r.id.clone());
        let Some(named) = named.and_then(|id| Some((id.clone(), self.labels_of(sent, &id)?)))
        else {
            return false;
        };
        error!(route = %named.0, reason = %message, "Caddy refused a route; everything else is served without it.");
        add(&mut self.refusals.forms, &named.0, &named.1, message);
        if let Some(search) = &mut self.refusals.search {
            search.drop_named(&named);
        }
        self.rebuild();
        true
    }

    /// Caddy did not start, and names nobody: lets it start with what earlier ones accepted, so that
    /// the search can go on by loads. Whether there is anything to leave out, and to leave in.
    pub(super) fn leave_out_unproved(&mut self, sent: &Arc<Desired>, message: &str) -> bool {
        let was_searching = self.refusals.search.take().is_some();
        let suspects = not_in(&self.state.last_good, &sent.built);
        let is_hopeful = !was_searching && !is_setting(message) && !suspects.is_empty();
        if is_hopeful && has_others(sent, &suspects) {
            warn!(reason = %message, "Caddy does not start with its config and names no route; starting it without those that are new or changed, to look for it among them.");
            self.refusals.search = Some(Search::begin(suspects, message).trusting_kept());
        }
        self.rebuild();
        self.refusals.is_searching()
    }

    /// Lets routes that came since a search began wait for its end. Whether there are any.
    pub(super) fn hold_back(&mut self, built: &Built) -> bool {
        if self.refusals.search.is_none() {
            return false;
        }
        let unproved = self.unproved(built);
        let Some(search) = &mut self.refusals.search else {
            return false;
        };
        search.keep_only(|(id, labels)| built.good.get(id) == Some(labels));
        let mut new = unproved;
        new.retain(|suspect| !search.knows(suspect));
        let are_any = !new.is_empty();
        search.add(new);
        are_any
    }

    fn serves_routes(&self) -> bool {
        self.accepted.is_some() || self.loads.adopted.is_some()
    }

    /// The routes whose form was not accepted yet. A Caddy that serves none has accepted none.
    fn unproved(&self, built: &Built) -> Vec<Suspect> {
        let search = self.refusals.search.as_ref();
        if self.serves_routes() || search.is_some_and(Search::trusts_kept) {
            not_in(&self.state.last_good, built)
        } else {
            all(built)
        }
    }

    /// Leaves out the certificates that the last accepted config did not have, or all when there
    /// was none; whether there were any.
    fn refuse_certificates(&mut self, sent: &Desired, message: &str) -> bool {
        let accepted = self.accepted.as_ref();
        let is_proved = |pair: &&CertificatePair| {
            accepted.is_some_and(|accepted| accepted.certificates.contains(pair))
        };
        let (proved, new): (Vec<_>, Vec<_>) = sent.certificates.iter().partition(is_proved);
        let suspects = if new.is_empty() { proved } else { new };
        if suspects.is_empty() {
            return false;
        }
        let newest = Arc::clone(&self.channels.certificates.borrow());
        let files = suspects
            .iter()
            .filter_map(|pair| newest.sources.get(&pair.certificate));
        let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
        error!(files = %files.join(", "), reason = %message, "Caddy refused a certificate; all sites are served without these, until the files change.");
        self.refusals
            .certificates
            .extend(suspects.into_iter().cloned());
        self.rebuild();
        true
    }

    fn labels_of(&self, sent: &Desired, id: &RouteId) -> Option<Labels> {
        sent.built
            .good
            .get(id)
            .or_else(|| self.state.last_good.get(id))
            .cloned()
    }
}

/// Whether the config has routes beside these.
fn has_others(sent: &Desired, suspects: &[Suspect]) -> bool {
    let suspects: BTreeSet<&RouteId> = suspects.iter().map(|(id, _)| id).collect();
    let mut routes = sent.built.table.routes.values();
    routes.any(|route| !suspects.contains(&route.id))
}

/// All good forms.
fn all(built: &Built) -> Vec<Suspect> {
    not_in(&LastGood::new(), built)
}

/// The good forms that are not among these.
fn not_in(proved: &LastGood, built: &Built) -> Vec<Suspect> {
    let forms = built.good.iter();
    let unproved = forms.filter(|(id, labels)| proved.get(id) != Some(labels));
    unproved
        .map(|(id, labels)| (id.clone(), labels.clone()))
        .collect()
}
