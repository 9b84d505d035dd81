//! A host that belongs to somebody is never answered by a more open host of somebody else.

use proptest::prelude::*;
use sh0_agent::caddy::config::{Handler, Matcher, Route};
use sh0_agent::caddy::render::render;
use sh0_agent::model::{Hostname, Snapshot};
use sh0_agent::routes::{Built, CLAIM_GRACE_SECONDS};

use crate::fixture::{Agent, snapshot};
use crate::properties::containers;
use crate::render::options;

/// Whether a host of a matcher takes the requests of this one.
fn takes(host: &str, asked: &Hostname) -> bool {
    let cover = asked.covering_wildcard();
    host == asked.as_str() || host == "*" || cover.is_some_and(|cover| host == cover.as_str())
}

/// The hosts by which a route takes requests of this one, as far as hosts say; `*` where it names
/// none.
fn by<'a>(route: &'a Route, asked: &Hostname) -> Vec<&'a str> {
    let of = |matcher: &'a Matcher| {
        let is_out = { matcher.not.iter() }
            .any(|not| not.host.iter().any(|host| takes(host, asked)) && is_only_host(not));
        let hosts = matcher.host.iter().map(String::as_str);
        let hosts: Vec<&str> = hosts.filter(|host| takes(host, asked)).collect();
        match (is_out, matcher.host.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => vec!["*"],
            (false, false) => hosts,
        }
    };
    route.matchers.iter().flat_map(of).collect()
}

fn is_only_host(matcher: &Matcher) -> bool {
    let host = matcher.host.clone();
    *matcher
        == Matcher {
            host,
            ..Matcher::default()
        }
}

/// The routes as one list, with those in the place of each that only holds others for its hosts.
fn listed(routes: &[Route]) -> Vec<(Vec<usize>, &Route)> {
    let mut list = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        match (route.terminal, route.handle.as_slice()) {
            (false, [Handler::Subroute(within)]) => {
                let within = listed(&within.routes).into_iter();
                list.extend(within.map(|(place, route)| {
                    let place = [index].into_iter().chain(place).collect();
                    (place, route)
                }));
            }
            _ => list.push((vec![index], route)),
        }
    }
    list
}

/// Walks what Caddy walks for a path that nobody names, and stops where the request must end.
pub(crate) fn check(built: &Built) {
    let rendered = render(&built.table, &options());
    for (asked, claim) in &built.claims {
        for (name, server) in &rendered.config.apps.http.servers {
            for (place, route) in listed(&server.routes) {
                let is_own = |host: &&str| {
                    let host = Hostname::parse(host).expect("a host");
                    built.claims.get(&host).map(|of| &of.owner) == Some(&claim.owner)
                };
                // Routes of our own that name no host are for every site: the 404 at the end.
                let key = rendered.places.get(&(*name, place.clone()));
                let hosts = match key {
                    Some(key) if takes(key.host.as_str(), asked) => vec![key.host.as_str()],
                    Some(_) => Vec::new(),
                    None => by(route, asked)
                        .into_iter()
                        .filter(|host| *host != "*")
                        .collect(),
                };
                let is_not_found = matches!(route.handle.as_slice(), [Handler::StaticResponse(page)] if page.status_code == 404);
                assert!(
                    is_not_found || hosts.iter().all(is_own),
                    "{asked} of {} is answered by {hosts:?}, place {place:?} of {name:?}",
                    claim.owner
                );
                let is_end = route.terminal && route.matchers.iter().all(is_only_host);
                if is_end && !hosts.is_empty() {
                    break;
                }
            }
        }
    }
}

pub(crate) fn with_catch_all() -> Agent {
    let mut agent = Agent::default();
    agent.permits.catch_all = true;
    agent
}

proptest! {
    #[test]
    fn no_wildcard_of_another_owner_answers_a_claimed_host(
        before in containers(),
        after in containers(),
        seconds in 0..2 * CLAIM_GRACE_SECONDS,
    ) {
        let mut agent = with_catch_all();
        check(&agent.look(&Snapshot::new(before)));
        agent.now += seconds;
        check(&agent.look(&Snapshot::new(after)));
    }
}

/// Under another's wildcard: served for a path, gone, refused for its port, closed, redirected.
const UNDER: &str = "
    evil/web
      sh0.host=*.a.example, *
      sh0.tls=internal
      sh0.hsts=true
    shop/api
      sh0.host=api.a.example
      sh0.path=/v1
    shop/closed
      sh0.host=closed.a.example
      sh0.path=/v1
      sh0.allow=everybody
    shop/off
      sh0.host=off.a.example
      sh0.path=/v1
      sh0.tls=off
    shop/www
      sh0.host=www.example
      sh0.redirect.from=www.a.example
";

#[test]
fn fenced_hosts_are_turned_away_by_both_servers_and_get_no_certificate_or_hsts() {
    let mut agent = with_catch_all();
    let gone = "
    shop/gone
      sh0.host=gone.a.example
    shop/www
      sh0.host=www.example
      sh0.redirect.from=was.a.example";
    agent.look(&snapshot(gone));
    agent.now += 30;
    let built = agent.look(&snapshot(UNDER));
    check(&built);
    let fenced: Vec<&str> = built.table.fenced.keys().map(Hostname::as_str).collect();
    assert_eq!(
        fenced,
        [
            "api.a.example",
            "closed.a.example",
            "gone.a.example",
            "off.a.example",
            "was.a.example",
        ]
    );
    let rendered = render(&built.table, &options());
    let servers = serde_json::to_value(&rendered.config.apps.http.servers).expect("JSON");
    let https = &servers["https"];
    assert_eq!(
        https["automatic_https"]["skip"],
        serde_json::json!(["off.a.example", "gone.a.example", "was.a.example"])
    );
    let hsts = { https["routes"].as_array() }
        .expect("routes")
        .iter()
        .find(|route| route.to_string().contains("Strict-Transport-Security"));
    let spared = &hsts.expect("the wildcard's HSTS")["match"][0]["not"][0]["host"];
    for host in ["gone.a.example", "was.a.example", "api.a.example"] {
        assert!(spared.to_string().contains(host), "{spared}");
    }
    // Once the claims end, the wildcard has them.
    agent.now += CLAIM_GRACE_SECONDS;
    let built = agent.look(&snapshot(UNDER));
    check(&built);
    assert!(
        !built
            .table
            .fenced
            .keys()
            .any(|host| host.as_str() == "gone.a.example")
    );
}

#[test]
fn a_wildcard_answers_for_names_of_its_own_owner() {
    let mut agent = with_catch_all();
    let own = "
    shop/web
      sh0.host=*.a.example
      sh0.tls=internal
    shop/api
      sh0.host=api.a.example
      sh0.path=/v1
    evil/web
      sh0.host=*
      sh0.tls=internal";
    let built = agent.look(&snapshot(own));
    check(&built);
    let fenced: Vec<(&str, u8)> = { built.table.fenced.iter() }
        .map(|(host, against)| (host.as_str(), *against))
        .collect();
    assert_eq!(fenced, [("api.a.example", 2)]);
}
