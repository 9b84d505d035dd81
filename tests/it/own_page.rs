//! A route by labels on the agent's own container: to its status page, and never to an open one.

use expect_test::{Expect, expect};
use sh0_agent::diagnostic::Diagnostic;
use sh0_agent::labels::{OwnContainer, OwnPage};

use crate::fixture::{Agent, snapshot};

/// What becomes of the agent's own container with these labels, where its page is so; beside it runs
/// another with the same.
#[track_caller]
fn check(page: OwnPage, labels: &str, expected: &Expect) {
    let containers = snapshot(&format!(
        "agent\n  sh0.host=status.example.com\n{labels}other\n  sh0.host=other.example.com\n{labels}"
    ));
    let mut all = containers.containers();
    let own = all.find(|container| &*container.name == "agent").unwrap();
    let mut agent = Agent::default();
    agent.permits.own = Some(OwnContainer {
        id: own.id.clone(),
        page,
    });
    let built = agent.build(&containers);
    let mut told: Vec<String> = { built.table.routes.keys() }
        .map(|key| format!("{key} is served"))
        .collect();
    let found = built.diagnostics.iter();
    told.extend(found.map(Diagnostic::one_line));
    expected.assert_eq(&told.join("\n"));
}

/// `secret`, at the lowest cost.
const BASIC: &str =
    "  sh0.auth.basic=ada:$2a$04$sssssssssssssssssssssuZpPWPjFt1eHOYFRPYcrEi8LdN1QmnHi\n";

#[test]
fn a_page_that_asks_for_a_password_may_be_led_to() {
    check(
        OwnPage::Guarded,
        "",
        &expect![[r#"
        other.example.com is served
        status.example.com is served"#]],
    );
}

#[test]
fn a_page_that_asks_nobody_needs_labels_that_do() {
    check(
        OwnPage::Open,
        "",
        &expect![[r#"
        other.example.com is served
        agent (c1): the status page of the agent would be open to everybody [sh0.host="status.example.com"]; add `sh0.auth.basic` with `user:hash` (`caddy hash-password` makes a hash), or start the agent with `--status-auth`"#]],
    );
    check(
        OwnPage::Open,
        BASIC,
        &expect![[r#"
        other.example.com is served
        status.example.com is served"#]],
    );
    // A wrong password is none, and closes the route.
    check(
        OwnPage::Open,
        "  sh0.auth.basic=ada\n",
        &expect![[r#"
        other.example.com is served
        status.example.com is served
        agent (c1): `sh0.auth.basic` takes `user:hash` pairs with a bcrypt or Argon2id hash, found a user without a `:` (pair 1) [sh0.auth.basic="(hidden)"]; write for example `sh0.auth.basic=ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6`
        agent (c1): the route `default` answers 503: `sh0.auth.basic` takes `user:hash` pairs with a bcrypt or Argon2id hash, found a user without a `:` (pair 1); correct its labels; it is never served with less protection than they ask for
        other (c2): `sh0.auth.basic` takes `user:hash` pairs with a bcrypt or Argon2id hash, found a user without a `:` (pair 1) [sh0.auth.basic="(hidden)"]; write for example `sh0.auth.basic=ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6`
        other (c2): the route `default` answers 503: `sh0.auth.basic` takes `user:hash` pairs with a bcrypt or Argon2id hash, found a user without a `:` (pair 1); correct its labels; it is never served with less protection than they ask for"#]],
    );
    // Who may come in from where is no password.
    check(
        OwnPage::Open,
        "  sh0.allow=10.0.0.0/8\n",
        &expect![[r#"
        other.example.com is served
        agent (c1): the status page of the agent would be open to everybody [sh0.host="status.example.com"]; add `sh0.auth.basic` with `user:hash` (`caddy hash-password` makes a hash), or start the agent with `--status-auth`"#]],
    );
}

#[test]
fn a_page_that_is_not_there_is_said() {
    check(
        OwnPage::Away,
        BASIC,
        &expect![[r#"
        other.example.com is served
        agent (c1): it is the agent's own container, and no status page can be reached in it [sh0.host="status.example.com"]; start the agent with `--status 0.0.0.0:9180` and `--status-auth`, and add `sh0.port=9180`"#]],
    );
}
