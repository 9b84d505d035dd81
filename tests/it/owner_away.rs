//! What another project gets of a host while its owner does not serve it: nothing, however the
//! owner came to be away, however the other asks, and whatever happens to the agent meanwhile.

use sh0_agent::model::Snapshot;
use sh0_agent::routes::{Built, CLAIM_GRACE_SECONDS, Claims, LastGood};

use crate::fenced::{check, with_catch_all};
use crate::fixture::{Agent, entries, snapshot};

const OWNER: &str = "
    shop/web created=9
      sh0.host=a.example
      sh0.redirect.from=www.a.example";

/// Containers of the owner by which it is not served, or not as before.
const AWAY: &[(&str, &str)] = &[
    ("removed", ""),
    (
        "stopped",
        "shop/web created=9 state=exited\n sh0.host=a.example",
    ),
    (
        "not ready",
        "shop/web created=9 health=starting\n sh0.host=a.example",
    ),
    (
        "off the network",
        "shop/web created=9 nets=none\n sh0.host=a.example",
    ),
    (
        "wrong",
        "shop/web created=9\n sh0.host=a.example\n sh0.port=high",
    ),
    (
        "closed",
        "shop/web created=9\n sh0.host=a.example\n sh0.allow=everybody",
    ),
    (
        "another app",
        "shop/api created=9\n sh0.host=a.example\n sh0.path=/api",
    ),
    (
        "disabled",
        "shop/web created=9\n sh0.host=a.example\n sh0.enable=false",
    ),
];

/// Labels by which another project asks for the host, or for more than it.
const ASKING: &[&str] = &[
    "sh0.host=a.example",
    "sh0.host=A.Example., www.a.example",
    "sh0.host=a.example\n sh0.path=/login",
    "sh0.host=a.example\n sh0.path.exact=/login",
    "sh0.host=a.example\n sh0.path.regexp=^/log",
    "sh0.host=a.example\n sh0.priority=1000",
    "sh0.host=a.example\n sh0.match.method=POST",
    "sh0.host=a.example\n sh0.tls=off",
    "sh0.host=evil.example\n sh0.redirect.from=a.example, www.a.example",
    "sh0.host=*.example\n sh0.tls=internal",
    "sh0.host=*.a.example, *.example\n sh0.tls=on_demand",
    "sh0.host=*",
    "sh0.host=*, a.example\n sh0.share=shop",
];

type Meanwhile = fn(&mut Agent);

/// What may happen between two looks.
const MEANWHILE: &[(&str, Meanwhile)] = &[
    ("a second", |agent| agent.now += 1),
    ("almost ten minutes", |agent| {
        agent.now += CLAIM_GRACE_SECONDS - 5;
    }),
    ("the clock is set back", |agent| agent.now = 0),
    ("the agent restarts", |agent| {
        let stored = serde_json::to_string(&agent.claims).expect("claims are JSON");
        agent.claims = serde_json::from_str(&stored).expect("claims are read back");
    }),
    ("the good forms are lost", |agent| {
        agent.last_good = LastGood::new();
    }),
];

/// Nobody but the owner has a route or a redirect of its hosts, or answers for them.
#[track_caller]
fn is_not_taken(built: &Built, story: &str) {
    let routes = built.table.routes.iter();
    let mut taken = routes.filter(|(key, route)| {
        let is_owners = ["a.example", "www.a.example"].contains(&key.host.as_str());
        is_owners && route.id.app.owner.name() != "shop"
    });
    assert_eq!(taken.next(), None, "{story}");
    for (from, to) in &built.table.redirects {
        assert_eq!(
            (from.as_str(), to.as_str()),
            ("www.a.example", "a.example"),
            "{story}"
        );
    }
    check(built);
}

#[test]
fn nothing_of_a_host_is_anothers_while_its_owner_is_away() {
    for (how, away) in AWAY {
        for asking in ASKING {
            for (what, meanwhile) in MEANWHILE {
                let story = format!("{how}; {what}; {asking}");
                let mut agent = with_catch_all();
                agent.look(&snapshot(OWNER));
                let evil = format!("evil/web created=1\n {asking}\n{away}");
                agent.now += 1;
                is_not_taken(&agent.look(&snapshot(&evil)), &story);
                meanwhile(&mut agent);
                is_not_taken(&agent.look(&snapshot(&evil)), &story);
                agent.now += 1;
                let back = format!("evil/web created=1\n {asking}\n{OWNER}");
                let built = agent.look(&snapshot(&back));
                is_not_taken(&built, &story);
                let mut owned = built.table.routes.keys();
                assert!(owned.any(|key| key.host.as_str() == "a.example"), "{story}");
            }
        }
    }
}

/// An owner whose container is there keeps its host beyond ten minutes, though its route is not
/// served.
#[test]
fn the_ten_minutes_begin_once_the_last_container_that_names_the_host_is_gone() {
    for (how, away) in AWAY {
        let keeps = !["removed", "disabled"].contains(how);
        let mut agent = with_catch_all();
        agent.look(&snapshot(OWNER));
        agent.last_good = LastGood::new();
        for _ in 0..20 {
            agent.now += 60;
            agent.look(&snapshot(&format!("evil/web\n sh0.host=*\n{away}")));
        }
        let evil = format!("evil/web\n sh0.host=a.example\n{away}");
        let built = agent.look(&snapshot(&evil));
        let mut owners = built
            .claims
            .values()
            .filter(|claim| claim.owner.name() == "shop");
        assert_eq!(owners.next().is_some(), keeps, "{how}");
        agent.now += CLAIM_GRACE_SECONDS;
        agent.look(&Snapshot::default());
        agent.now += CLAIM_GRACE_SECONDS;
        let built = agent.look(&snapshot("evil/web\n sh0.host=a.example"));
        assert_eq!(built.table.routes.len(), 1, "{how}: the claim has ended");
    }
}

#[test]
fn a_route_that_caddy_refused_from_the_first_keeps_its_claim() {
    let mut agent = with_catch_all();
    let built = agent.look(&snapshot(OWNER));
    agent.last_good = LastGood::new();
    for (id, labels) in entries(&built.good) {
        let words = "no such thing".to_owned();
        agent.refused.insert(id, [(labels, words)].into());
    }
    for _ in 0..20 {
        agent.now += 60;
        let both = format!(
            "{OWNER}\nevil/web created=1\n sh0.host=a.example, *.a.example\n sh0.tls=internal"
        );
        is_not_taken(&agent.look(&snapshot(&both)), "refused by Caddy");
    }
}

/// Without the file of claims the containers' age decides, as at a first start; a path never
/// wins over a whole site, nor does an owner come back that has no container.
#[test]
fn without_the_state_file_the_older_container_owns_the_host() {
    let mut agent = with_catch_all();
    agent.look(&snapshot(OWNER));
    agent.claims = Claims::new();
    let newer = format!("evil/web created=10\n sh0.host=a.example\n{OWNER}");
    is_not_taken(&agent.look(&snapshot(&newer)), "newer");
    agent.claims = Claims::new();
    let path = format!("evil/web created=1\n sh0.host=a.example\n sh0.path=/x\n{OWNER}");
    is_not_taken(&agent.look(&snapshot(&path)), "an older path");
    agent.claims = Claims::new();
    let built = agent.look(&snapshot("evil/web created=10\n sh0.host=a.example"));
    assert_eq!(
        built.table.routes.len(),
        1,
        "nobody knows the owner any more"
    );
}

/// On purpose: the old owner goes, and the new one waits, or both agree on a share meanwhile.
#[test]
fn a_host_is_taken_over_ten_minutes_after_its_old_owner_went() {
    let mut agent = Agent::default();
    agent.look(&snapshot(OWNER));
    let new = snapshot("new/web\n sh0.host=a.example");
    agent.now += 1;
    assert!(agent.look(&new).table.routes.is_empty());
    agent.now += CLAIM_GRACE_SECONDS;
    let built = agent.look(&new);
    let owners: Vec<&str> = built
        .claims
        .values()
        .map(|claim| claim.owner.name())
        .collect();
    assert_eq!(owners, ["new"]);
    // The old one is the newcomer now.
    let both = format!("new/web\n sh0.host=a.example\n{OWNER}");
    let built = agent.look(&snapshot(&both));
    let id = built
        .table
        .routes
        .values()
        .next()
        .expect("a route")
        .id
        .to_string();
    assert_eq!(id, "new/web:default");
}
