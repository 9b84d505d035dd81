//! The search for the routes that a refusal is about when it names none.
//!
//! Pure. The suspects stand in a row. Each try has the first so many of them in the config, and
//! Caddy's answer halves the rest: with one to blame among `n` that is log2 of `n` tries. Whoever is
//! found is left out, then the rest is tried as a whole, until it is accepted.
//!
//! A refused try costs clients nothing, for Caddy goes on with the config that it had; an accepted
//! one costs what every load does.

use crate::model::{Labels, RouteId};

/// A route, by the labels that may be to blame.
pub(super) type Suspect = (RouteId, Labels);

/// The most refusals of one search: five to blame among forty take about thirty. Then all that are
/// not acquitted are left out.
pub(super) const REFUSALS_MAX: usize = 64;

/// A search under way.
#[derive(Debug)]
pub(super) struct Search {
    suspects: Vec<Suspect>,
    /// So many of the first were accepted together.
    good: usize,
    /// So many of the first were refused together; `None` when it is not known any more.
    bad: Option<usize>,
    /// So many of the first are in the config that is tried.
    tried: usize,
    guilty: Vec<(Suspect, String)>,
    refusals: usize,
    /// Whether anything was accepted that was not served before.
    is_proved: bool,
    /// Whether somebody is gone who was in the config that was refused, or is being tried.
    is_outdated: bool,
    /// Whether what earlier processes accepted is taken as proved, though none serves now.
    trusts_kept: bool,
    words: String,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The next try is to be sent.
    Goes,
    /// Everybody is found.
    Over,
    /// No route is to blame.
    Innocent,
}

impl Search {
    /// A search among these, after a config with all of them was refused. The first try is without
    /// any of them.
    pub(super) fn begin(suspects: Vec<Suspect>, words: &str) -> Self {
        Self {
            good: 0,
            bad: Some(suspects.len()),
            tried: 0,
            guilty: Vec::new(),
            refusals: 1,
            is_proved: false,
            is_outdated: false,
            trusts_kept: false,
            words: words.to_owned(),
            suspects,
        }
    }

    /// The same search, with what earlier processes accepted taken as proved.
    pub(super) fn trusting_kept(self) -> Self {
        Self {
            trusts_kept: true,
            ..self
        }
    }

    pub(super) fn trusts_kept(&self) -> bool {
        self.trusts_kept
    }

    /// What Caddy said last.
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    /// Who is not in the config that is tried, and why.
    pub(super) fn left_out(&self) -> impl Iterator<Item = (&Suspect, &str)> {
        let waiting = self.suspects.iter().skip(self.tried);
        let waiting = waiting.map(|suspect| (suspect, self.words.as_str()));
        let guilty = self.guilty.iter();
        guilty
            .map(|(suspect, words)| (suspect, words.as_str()))
            .chain(waiting)
    }

    /// Whether it knows this route and form.
    pub(super) fn knows(&self, suspect: &Suspect) -> bool {
        let is_same = |known: &Suspect| known == suspect;
        self.suspects.iter().any(is_same) || self.guilty.iter().any(|(known, _)| is_same(known))
    }

    /// Routes that are new since the search began wait for its end.
    pub(super) fn add(&mut self, suspects: impl IntoIterator<Item = Suspect>) {
        self.suspects.extend(suspects);
    }

    /// Forgets who is in the config that is tried only by the search's account: their containers
    /// are gone, or have other labels, and what was refused with them is not what is sent next.
    pub(super) fn keep_only(&mut self, is_there: impl Fn(&Suspect) -> bool) {
        let is_gone = |place: &usize| {
            let suspect = self.suspects.get(*place);
            suspect.is_some_and(|suspect| !is_there(suspect))
        };
        let gone: Vec<usize> = (0..self.tried).filter(is_gone).collect();
        for place in gone.into_iter().rev() {
            self.suspects.remove(place);
            self.good -= usize::from(place < self.good);
            self.tried -= 1;
            self.is_outdated = true;
        }
    }

    /// Caddy refused the try, with these words.
    pub(super) fn refused(&mut self, words: &str) -> Verdict {
        words.clone_into(&mut self.words);
        self.refusals += 1;
        if self.tried == 0 && !self.is_outdated {
            return Verdict::Innocent;
        }
        if self.refusals > REFUSALS_MAX {
            let rest = self.suspects.split_off(self.good);
            self.guilty.extend(
                rest.into_iter()
                    .map(|suspect| (suspect, self.words.clone())),
            );
            self.bad = None;
            return self.next();
        }
        self.bad = Some(self.tried);
        self.next()
    }

    /// Caddy named this one, so that it is found already: the others are tried as a whole.
    pub(super) fn drop_named(&mut self, suspect: &Suspect) {
        if let Some(place) = self.suspects.iter().position(|known| known == suspect) {
            self.suspects.remove(place);
            self.good -= usize::from(place < self.good);
        }
        self.is_outdated = false;
        self.bad = None;
        self.tried = self.suspects.len();
    }

    /// Caddy accepted the try, or serves it already.
    pub(super) fn accepted(&mut self, was_served: bool) -> Verdict {
        self.is_proved |= !was_served;
        self.good = self.tried;
        self.next()
    }

    fn next(&mut self) -> Verdict {
        if std::mem::take(&mut self.is_outdated) {
            self.bad = None;
        }
        if let Some(bad) = self.bad.filter(|bad| *bad == self.good + 1) {
            let guilty = self.suspects.remove(bad - 1);
            self.guilty.push((guilty, self.words.clone()));
            self.bad = None;
        }
        match self.bad {
            Some(bad) => self.tried = usize::midpoint(self.good, bad),
            None => self.tried = self.suspects.len(),
        }
        if self.good < self.suspects.len() {
            return Verdict::Goes;
        }
        // Where all of several are refused, and nothing else was tried, it is hardly theirs.
        let is_hollow = !self.is_proved && self.guilty.len() > 1;
        if is_hollow {
            Verdict::Innocent
        } else {
            Verdict::Over
        }
    }

    /// Everybody whom it was about.
    pub(super) fn into_suspects(self) -> impl Iterator<Item = Suspect> {
        let guilty = self.guilty.into_iter().map(|(suspect, _)| suspect);
        guilty.chain(self.suspects)
    }

    /// Who was found, each with Caddy's words.
    pub(super) fn into_guilty(self) -> Vec<(Suspect, String)> {
        self.guilty
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{AppKey, Owner, RouteName};

    fn suspect(number: usize) -> Suspect {
        let name: Arc<str> = format!("app{number}").into();
        let app = AppKey {
            owner: Owner::App(Arc::clone(&name)),
            name,
        };
        let route = RouteName::Default;
        (RouteId { app, route }, Labels::new())
    }

    /// Searches for these among so many; who was found, and how often Caddy was asked in vain and
    /// with success. The first try is served already.
    fn search(count: usize, guilty: &[usize]) -> (Verdict, Vec<Suspect>, [usize; 2]) {
        let mut search = Search::begin((0..count).map(suspect).collect(), "no good");
        let guilty: Vec<Suspect> = guilty.iter().copied().map(suspect).collect();
        let mut loads = [0, 0];
        let mut verdict = search.accepted(true);
        while verdict == Verdict::Goes {
            let out: Vec<Suspect> = search.left_out().map(|(out, _)| out.clone()).collect();
            let is_good = guilty.iter().all(|suspect| out.contains(suspect));
            loads[usize::from(is_good)] += 1;
            verdict = if is_good {
                search.accepted(false)
            } else {
                search.refused("no good")
            };
        }
        let mut found: Vec<Suspect> = { search.into_guilty().into_iter() }
            .map(|(suspect, _)| suspect)
            .collect();
        found.sort();
        (verdict, found, loads)
    }

    #[test]
    fn whoever_is_to_blame_is_found() {
        for count in 1..=9_usize {
            for set in 1..(1_u32 << count) {
                let guilty: Vec<usize> = (0..count).filter(|n| set & (1 << n) != 0).collect();
                let (verdict, found, _) = search(count, &guilty);
                let is_hollow = guilty.len() == count && count > 1;
                let expected = [Verdict::Over, Verdict::Innocent][usize::from(is_hollow)];
                assert_eq!(verdict, expected, "{guilty:?} of {count}");
                let expected: Vec<Suspect> = guilty.iter().copied().map(suspect).collect();
                assert_eq!(found, expected, "{guilty:?} of {count}");
            }
        }
    }

    #[test]
    fn tries_are_few() {
        let loads = |count, guilty: &[usize]| search(count, guilty).2;
        assert_eq!(loads(1, &[0]), [0, 0], "nothing is left to try");
        assert_eq!(loads(2, &[1]), [0, 1]);
        assert_eq!(loads(16, &[9]), [2, 3]);
        assert_eq!(loads(1_000, &[777]), [5, 6]);
        assert_eq!(loads(40, &[3, 11, 19, 27, 35]), [18, 11]);
    }

    #[test]
    fn a_search_that_takes_too_long_leaves_the_rest_out() {
        let guilty: Vec<usize> = (0..100).filter(|n| n % 2 == 1).collect();
        let (verdict, found, [refused, _]) = search(100, &guilty);
        assert_eq!((verdict, refused), (Verdict::Over, REFUSALS_MAX));
        assert!(guilty.iter().all(|n| found.contains(&suspect(*n))));
        assert!(found.len() < 100, "{}", found.len());
    }

    #[test]
    fn nobody_is_to_blame_for_a_config_that_is_refused_without_them() {
        let mut search = Search::begin(vec![suspect(1)], "no good");
        assert_eq!(search.refused("no good"), Verdict::Innocent);
    }

    #[test]
    fn after_one_was_named_the_others_are_tried_as_a_whole() {
        let mut search = Search::begin((0..8).map(suspect).collect(), "no good");
        assert_eq!(search.accepted(true), Verdict::Goes);
        search.drop_named(&suspect(2));
        assert_eq!(search.left_out().count(), 0);
        assert_eq!(search.accepted(false), Verdict::Over);
        assert_eq!(search.into_guilty(), []);
    }

    #[test]
    fn what_was_refused_before_other_changes_does_not_count() {
        let mut search = Search::begin((0..2).map(suspect).collect(), "no good");
        assert_eq!(search.accepted(true), Verdict::Goes);
        // The first is tried, and goes before Caddy answers.
        search.keep_only(|known| *known != suspect(0));
        assert_eq!(search.refused("no good"), Verdict::Goes);
        assert_eq!(search.left_out().count(), 0, "the other one is tried");
        assert_eq!(search.accepted(false), Verdict::Over);
        assert_eq!(search.into_guilty(), []);
    }
}
