//! What Caddy's error texts say: which route is to blame, or that the machine is.
//!
//! Caddy answers 400 for every failure of a load, so its words are all there is to tell a wrong
//! config from a busy port. This is the only place that reads them. Texts of users (a regular
//! expression of a label, say) may stand inside such a message, but only behind the words that
//! name their route: whoever is named as a route is to blame, whatever else the text says.

use super::config::ServerName;

/// The texts of the operating system's errors, as Go spells them (`syscall/zerrors_linux_*.go`),
/// that concern binding, permission and I/O, and Go's own words for a wait that ended.
const ENVIRONMENT_TEXTS: &[&str] = &[
    "address already in use",
    "cannot assign requested address",
    "address family not supported by protocol",
    "permission denied",
    "operation not permitted",
    "no such file or directory",
    "not a directory",
    "is a directory",
    "too many open files",
    "no space left on device",
    "disk quota exceeded",
    "read-only file system",
    "input/output error",
    "cannot allocate memory",
    "no buffer space available",
    "stale file handle",
    "connection refused",
    "network is unreachable",
    "i/o timeout",
    "context deadline exceeded",
];

/// Behind the index of a route: the position of a handler in it, and the route of that handler, if
/// it is a subroute (`RouteList.ProvisionHandlers` in `modules/caddyhttp/routes.go`,
/// `Subroute.Provision`).
const POSITION: &str = " loading handler modules: position ";
const INNER: &str = " loading module 'subroute': provision http.handlers.subroute: setting up \
                     subroutes: route ";

/// The server and the place of the route that a message names, as in `server https: setting up
/// route handlers: route 5: …` (`modules/caddyhttp/app.go` and `autohttps.go`): its index, and those
/// within routes that are subroutes.
#[must_use]
pub fn named_route(message: &str) -> Option<(ServerName, Vec<usize>)> {
    let (_, rest) = message.split_once("server ")?;
    let (name, rest) = rest.split_once(": setting up route ")?;
    let server = match name {
        "http" => ServerName::Http,
        "https" => ServerName::Https,
        _ => return None,
    };
    let (_, rest) = rest.split_once(": route ")?;
    let (first, mut behind) = index(rest)?;
    let mut place = vec![first];
    while let Some((inner, rest)) = inner(behind) {
        place.push(inner);
        behind = rest;
    }
    Some((server, place))
}

/// The index of a route within the one before this text, and what stands behind it.
fn inner(text: &str) -> Option<(usize, &str)> {
    let (_, behind) = text.strip_prefix(POSITION).and_then(index)?;
    behind.strip_prefix(INNER).and_then(index)
}

/// A text's index, and what stands behind it.
fn index(text: &str) -> Option<(usize, &str)> {
    let (index, behind) = text.split_once(':')?;
    Some((index.parse().ok()?, behind))
}

/// Whether the last words of a Caddy that ended at its start blame its config: it refused the
/// config, or fell over it. One that was killed, or has no memory, says nothing like it.
#[must_use]
pub fn blames_config(last_words: &str) -> bool {
    (["loading new config: ", "panic: "].iter()).any(|words| last_words.contains(words))
}

/// Whether a refusal is about a certificate of the config; Caddy does not say which
/// (`TLS.Provision` in `modules/caddytls/tls.go`).
#[must_use]
pub fn is_certificate(message: &str) -> bool {
    let places = ["loading certificates: ", "caching unmanaged certificate: "];
    named_route(message).is_none()
        && (places.iter()).any(|place| message.contains(&format!(": provision tls: {place}")))
}

/// Whether a refusal is about what the agent's settings say, and no route: who issues certificates,
/// whom to believe, where files are (`Provision` in `modules/caddytls/tls.go` and
/// `modules/caddyhttp/app.go`, `provisionContext` in `caddy.go`).
#[must_use]
pub fn is_setting(message: &str) -> bool {
    let places = [
        "provision tls: provisioning automation policy ",
        "provision tls: provisioning default ",
        "provision tls: loading on-demand TLS permission module: ",
        "loading trusted proxies modules: ",
        "loading storage module: ",
        "creating storage value: ",
        "loading pki app module: ",
        "starting caddy administration endpoint: ",
        "setting up default log: ",
    ];
    named_route(message).is_none() && (places.iter()).any(|place| message.contains(place))
}

/// Whether a refusal is about the machine (a port, a permission, a disk) and may pass by itself.
#[must_use]
pub fn is_environment(message: &str) -> bool {
    named_route(message).is_none()
        && (ENVIRONMENT_TEXTS.iter()).any(|text| message.contains(&format!(": {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_route_is_named_by_server_and_index() {
        let refused =
            "loading config: loading new config: loading http app module: provision http: ";
        let check = |text: &str, expected: Option<(ServerName, &[usize])>| {
            let expected = expected.map(|(server, place)| (server, place.to_vec()));
            assert_eq!(named_route(&format!("{refused}{text}")), expected, "{text}");
        };
        check(
            "server https: setting up route handlers: route 5: loading handler modules: position 0: x",
            Some((ServerName::Https, &[5])),
        );
        check(
            "server http: setting up route matchers: route 12: loading matcher modules: x",
            Some((ServerName::Http, &[12])),
        );
        let inner = "loading handler modules: position 0: loading module 'subroute': provision http.handlers.subroute: setting up subroutes: route";
        check(
            &format!(
                "server http: setting up route handlers: route 3: {inner} 2: {inner} 1: loading matcher modules: x"
            ),
            Some((ServerName::Http, &[3, 2, 1])),
        );
        let second = inner.replace("position 0", "position 1");
        check(
            &format!(
                "server http: setting up route handlers: route 3: {second} 2: loading matcher modules: x"
            ),
            Some((ServerName::Http, &[3, 2])),
        );
        check(
            &format!("server http: setting up route handlers: route 3: {inner} x"),
            Some((ServerName::Http, &[3])),
        );
        check("server http: setting up TLS connection policies: x", None);
        check("server other: setting up route handlers: route 5: x", None);
        check("getting tls app: loading certificates: x", None);
        check(
            "server https: setting up route handlers: route 5: server http: setting up route handlers: route 1: x",
            Some((ServerName::Https, &[5])),
        );
    }

    #[test]
    fn only_some_last_words_blame_the_config() {
        for (words, expected) in [
            (
                "loading initial config: loading new config: loading http app module: x",
                true,
            ),
            ("panic: runtime error: slice bounds out of range", true),
            ("", false),
            ("fatal error: runtime: out of memory", false),
        ] {
            assert_eq!(blames_config(words), expected, "{words}");
        }
    }

    #[test]
    fn a_refused_certificate_is_told_from_a_refused_route() {
        let refused = "loading config: loading new config: loading http app module: provision http: getting tls app: loading tls app module: provision tls: ";
        for (text, expected) in [
            ("loading certificates: x509: negative serial number", true),
            (
                "caching unmanaged certificate: certificate has no names",
                true,
            ),
            ("provisioning automation policy 0: x", false),
        ] {
            assert_eq!(is_certificate(&format!("{refused}{text}")), expected);
        }
        let route = "loading http app module: provision http: server http: setting up route handlers: route 5: x: provision tls: loading certificates: x";
        assert!(!is_certificate(route));
    }

    #[test]
    fn trouble_of_the_machine_is_told_from_a_wrong_config() {
        for environment in [
            "loading config: loading new config: http app module: start: listening on :80: listen tcp :80: bind: address already in use",
            "loading config: loading new config: http app module: start: listening on :80: listen tcp :80: bind: permission denied",
            "loading config: loading new config: http app module: start: listening on 10.9.9.9:80: listen tcp 10.9.9.9:80: bind: cannot assign requested address",
            "loading config: loading new config: starting caddy administration endpoint: listen unix /run/x/admin.sock: bind: no such file or directory",
            "loading config: loading new config: loading http app module: provision http: getting tls app: loading tls app module: provision tls: loading certificates: open /etc/x/a.crt: no such file or directory",
            "loading config: loading new config: loading pki app module: provision pki: provisioning CA 'local': generating root: saving root certificate: mkdir /var/lib/x: read-only file system",
            "loading config: loading new config: loading pki app module: provision pki: provisioning CA 'local': generating root: saving root key: write /var/lib/x/k: no space left on device",
            "loading config: loading new config: http app module: start: listening on :80: listen tcp :80: bind: address already in use; additionally, aborting app pki: x",
        ] {
            assert!(is_environment(environment), "{environment}");
        }
        for config in [
            "loading config: loading new config: json: unknown field \"permission denied\"",
            "loading config: loading new config: loading http app module: provision http: server http: setting up route handlers: route 3: loading handler modules: position 0: loading module 'reverse_proxy': provision http.handlers.reverse_proxy: open /x/ca.pem: no such file or directory",
            "loading config: loading new config: loading http app module: provision http: getting tls app: loading tls app module: provision tls: loading certificates: tls: private key does not match public key",
            "loading config: indexing config: duplicate ID 'a' found at /config/x and /config/y",
        ] {
            assert!(!is_environment(config), "{config}");
        }
    }
}
