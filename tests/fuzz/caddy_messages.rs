//! What Caddy says when it refuses a config, or ends.
//!
//! The input is one text. A refusal has one cause at most, and words of users, which stand behind
//! the name of their route, do not change who is to blame.

use sh0_agent::caddy::config::ServerName;
use sh0_agent::caddy::message::{
    blames_config, is_certificate, is_environment, is_setting, named_route,
};

const REFUSED: &str =
    "loading config: loading new config: loading http app module: provision http: ";

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    is_consistent(&text);
    for (server, name) in [(ServerName::Http, "http"), (ServerName::Https, "https")] {
        let route = format!("{REFUSED}server {name}: setting up route handlers: route 5: {text}");
        let (named, place) = named_route(&route).expect("it is named");
        assert_eq!((named, place.first()), (server, Some(&5)), "{route}");
        is_consistent(&route);
    }
    assert!(blames_config(&format!("{REFUSED}{text}")));
    assert!(blames_config(&format!("{text}panic: {text}")));
}

/// Who is named as a route is to blame, and nothing else.
fn is_consistent(text: &str) {
    if named_route(text).is_some() {
        let others = [is_certificate(text), is_setting(text), is_environment(text)];
        assert_eq!(others, [false; 3], "{text}");
    }
}
