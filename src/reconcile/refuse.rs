//! What Caddy refuses: the route to blame is left out, everything else is served.
//!
//! Caddy names the index of the route in most of its refusals. Where it does not, the routes that
//! are new or changed are left out one by one. Forms that were refused are not tried again until
//! the route's labels change. Certificates of the operator are left out like routes, the new ones
//! together, until their files change.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use tracing::error;

use super::Loop;
use super::apply::Desired;
use crate::caddy::admin::{Admin, AdminError, is_certificate};
use crate::caddy::render::CertificatePair;
use crate::discovery::Engine;
use crate::model::{Labels, RouteId};
use crate::probe::Probe;
use crate::routes::{Built, Refused};
use crate::state::Store;

/// How many changed routes are tried one by one when Caddy does not say which is wrong: each try
/// is a load, and a load costs clients.
const SUSPECTS_MAX: usize = 16;

/// The refused forms, and the search for one.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    forms: Refused,
    certificates: BTreeSet<CertificatePair>,
    suspects: VecDeque<(RouteId, Labels)>,
    trial: Option<(RouteId, Labels)>,
}

impl Refusals {
    pub(super) fn forms(&self) -> &Refused {
        &self.forms
    }

    /// These certificates without those that were refused; forgets the refused that are gone.
    pub(super) fn left_in(&mut self, pairs: &[CertificatePair]) -> Vec<CertificatePair> {
        self.certificates.retain(|pair| pairs.contains(pair));
        let left_in = pairs
            .iter()
            .filter(|pair| !self.certificates.contains(pair));
        left_in.cloned().collect()
    }

    fn add(&mut self, id: RouteId, labels: Labels, message: &str) {
        self.forms
            .entry(id)
            .or_default()
            .insert(labels, message.to_owned());
    }

    fn take_back(&mut self, id: &RouteId, labels: &Labels) {
        if let Some(forms) = self.forms.get_mut(id) {
            forms.remove(labels);
        }
        self.forms.retain(|_, forms| !forms.is_empty());
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

    /// Ends the search and takes the route back that it was at; whether there was one.
    pub(super) fn acquit(&mut self) -> bool {
        self.suspects.clear();
        let trial = self.trial.take();
        if let Some((id, labels)) = &trial {
            self.take_back(id, labels);
        }
        trial.is_some()
    }

    /// A config was accepted: what is left out now stays left out, the search is over.
    pub(super) fn settle(&mut self) {
        self.suspects.clear();
        self.trial = None;
    }
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// Caddy answered that the config is wrong: leaves a route out and sends the rest at once.
    pub(super) fn on_rejected(&mut self, sent: &Arc<Desired>, error: &AdminError) {
        let message = error.to_string();
        if self.blame(sent, &message) {
            self.load();
            return;
        }
        error!(reason = %message, "Caddy refused the config, and no route could be blamed; the last accepted config stays in force.");
        // With every suspect taken back in, the desired config is the one that was refused first.
        self.loads.rejected = self.desired.as_ref().map(|desired| desired.id());
        self.status.caddy.load_error = Some(message);
    }

    /// Leaves out the route that Caddy's message blames, or the next suspect. Whether one was
    /// found; the config has been rebuilt then.
    pub(super) fn blame(&mut self, sent: &Arc<Desired>, message: &str) -> bool {
        if is_certificate(message) && self.refuse_certificates(sent, message) {
            return true;
        }
        let named = sent.rendered.blame(message);
        let named = named
            .and_then(|key| sent.built.table.routes.get(key))
            .map(|r| r.id.clone());
        let known = named.and_then(|id| Some((id.clone(), self.labels_of(sent, &id)?)));
        if let Some((id, labels)) = known {
            error!(route = %id, reason = %message, "Caddy refused a route; everything else is served without it.");
            self.refusals.add(id, labels, message);
            self.rebuild();
            return true;
        }
        match self.refusals.trial.take() {
            Some((id, labels)) => self.refusals.take_back(&id, &labels),
            None => self.refusals.suspects = self.changed(sent),
        }
        let Some((id, labels)) = self.refusals.suspects.pop_front() else {
            self.rebuild();
            return false;
        };
        error!(route = %id, reason = %message, "Caddy refused the config without naming a route; trying it without this one, which is new or changed.");
        self.refusals.add(id.clone(), labels.clone(), message);
        self.refusals.trial = Some((id, labels));
        self.rebuild();
        true
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

    /// The routes whose form is not the one that was last accepted.
    fn changed(&self, sent: &Desired) -> VecDeque<(RouteId, Labels)> {
        let good = sent.built.good.iter();
        let changed = good.filter(|(id, labels)| self.state.last_good.get(id) != Some(labels));
        changed
            .take(SUSPECTS_MAX)
            .map(|(id, labels)| (id.clone(), labels.clone()))
            .collect()
    }
}
