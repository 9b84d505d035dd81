//! Keys of the container as a whole.

use super::{Key, KeyInfo, Scope, key};

pub(super) const KEYS: &[KeyInfo] = &[
    key(
        (Key::LbWeight, "lb.weight", Scope::Container),
        ("1 to 100", "1", "10"),
        "the container's share of its app's requests, in relation to the other replicas'; in steps \
         of 5 %",
    ),
    key(
        (Key::Enable, "enable", Scope::Container),
        ("true or false", "true", "false"),
        "`false` takes the container out",
    ),
    key(
        (Key::App, "app", Scope::Container),
        (
            "name",
            "compose service, swarm service or container name",
            "web",
        ),
        "containers of one project with the same `app` serve the same routes together",
    ),
    key(
        (Key::Network, "network", Scope::Container),
        ("network name", "the agent's `--network`", "shop_internal"),
        "the network on which the container is reached",
    ),
    key(
        (Key::Share, "share", Scope::Container),
        ("project names", "nobody", "blog, docs"),
        "other projects that may add paths under this app's hosts",
    ),
    key(
        (Key::Test, "test", Scope::Container),
        ("text", "none", "run-1"),
        "no meaning for the agent; marks containers that a test made",
    ),
];
