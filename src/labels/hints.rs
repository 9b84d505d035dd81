//! What to type instead: the nearest known key, and right values.

use super::schema::keys;
use crate::model::shown;

/// How alike two keys must be (0 to 1, Jaro-Winkler) before one is offered for the other: `hots`
/// and `host` are 0.93, unrelated words are below 0.7.
const LIKENESS_MIN: f64 = 0.8;
/// Longest key, in bytes, for which a likeness is looked for: the time grows with its length, and
/// nothing longer than a route's name and the longest key is like a key.
const COMPARED_BYTES_MAX: usize = 128;

/// What to type instead of an unknown key.
pub(super) fn unknown_key_help(prefix: &str, rest: &str) -> String {
    match nearest(rest) {
        Some(near) => format!(
            "did you mean `{prefix}.{}`?",
            shown(&near, COMPARED_BYTES_MAX)
        ),
        None => format!("remove it, or see the label table for the keys under `{prefix}.`"),
    }
}

/// How alike a word must be to one that protects, to be taken for it: `alow` is 0.93, `aloud` 0.87.
const PROTECTING_LIKENESS_MIN: f64 = 0.9;

/// Words in the names of labels that protect, here and in other tools.
const PROTECTING_WORDS: [&str; 14] = [
    "auth",
    "basic",
    "forward",
    "allow",
    "deny",
    "body",
    "caddy",
    "password",
    "users",
    "whitelist",
    "allowlist",
    "blacklist",
    "denied",
    "client_ca",
];

/// Whether a key that is not known was probably meant to protect. Rather one too many: a label that
/// is not known is an error anyway, and a route that is closed by it is said and soon mended.
pub(super) fn looks_protecting(rest: &str) -> bool {
    if rest.len() > COMPARED_BYTES_MAX {
        return true;
    }
    let name = rest.to_ascii_lowercase();
    let is_like = |word: &str| {
        let alike = |known: &str| strsim::jaro_winkler(word, known) >= PROTECTING_LIKENESS_MIN;
        PROTECTING_WORDS.iter().any(|known| alike(known))
    };
    let has_word = ["auth", "client_ca", "whitelist", "password"].iter();
    has_word.copied().any(|word| name.contains(word)) || name.split(['.', '_', '-']).any(is_like)
}

/// Whether the value of a key that is not known may be a secret.
pub(super) fn looks_secret(rest: &str) -> bool {
    let name = rest.to_ascii_lowercase();
    let has_word = ["header", "caddy", "token", "secret", "cookie", "key"].iter();
    looks_protecting(rest) || has_word.copied().any(|word| name.contains(word))
}

/// First words in the names of labels that say which requests a route answers, here and in other
/// tools.
const MATCHING_WORDS: [&str; 6] = ["host", "path", "match", "priority", "rule", "prefix"];

/// Whether a key that is not known was probably meant to say which requests a route answers.
pub(super) fn looks_matching(rest: &str) -> bool {
    let name = match rest.splitn(3, '.').collect::<Vec<_>>().as_slice() {
        [first, _, name] if is_like_routes(first) => name.to_ascii_lowercase(),
        _ => rest.to_ascii_lowercase(),
    };
    let word = name.split(['.', '_', '-']).next().unwrap_or_default();
    let is_like = |known| strsim::jaro_winkler(word, known) >= PROTECTING_LIKENESS_MIN;
    word.len() <= COMPARED_BYTES_MAX && MATCHING_WORDS.into_iter().any(is_like)
}

/// Whether a key that is not known was probably meant for a route with a name.
pub(super) fn looks_named(rest: &str) -> bool {
    rest.split_once('.')
        .is_some_and(|(first, _)| is_like_routes(first))
}

fn is_like_routes(word: &str) -> bool {
    strsim::jaro_winkler(&word.to_ascii_lowercase(), "routes") >= LIKENESS_MIN
}

/// The known key that is most like this one, with its route where one is named.
fn nearest(rest: &str) -> Option<String> {
    if rest.len() > COMPARED_BYTES_MAX {
        return None;
    }
    let mut parts = rest.splitn(3, '.');
    let is_routes = parts.next().is_some_and(is_like_routes);
    let (before, name) = match (parts.next(), parts.next()) {
        (Some(route), Some(name)) if is_routes => (format!("routes.{route}."), name),
        (Some(route), None) if is_routes => return Some(format!("routes.{route}.host")),
        (Some(_) | None, _) => (String::new(), rest),
    };
    let name = name.to_ascii_lowercase();
    let likeness = |info: &super::KeyInfo| strsim::jaro_winkler(&name, info.name);
    let best = keys().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= LIKENESS_MIN).then(|| format!("{before}{}", best.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_probably_meant_to_protect_is_known() {
        for guard in [
            "auth.basci",
            "Auth.Basic",
            "auht.basic",
            "alow",
            "allowed",
            "denny",
            "bodymax",
            "body-max",
            "basic_auth",
            "basicauth",
            "routes.api.auth",
            "route.api.auth.basic",
            "ipwhitelist",
            "cady.handlers",
            "tls.client_ca",
            "allow.ip",
            "forwardauth",
        ] {
            assert!(looks_protecting(guard), "{guard}");
        }
        for other in [
            "hots",
            "prot",
            "zebra",
            "strip_prefix",
            "cache",
            "weight",
            "timeout",
            "title",
        ] {
            assert!(!looks_protecting(other), "{other}");
        }
    }

    #[test]
    fn a_misspelt_key_of_a_secret_hides_its_value() {
        for secret in [
            "header.request.X-Tenant",
            "caddy.handler",
            "api_key",
            "basicauth",
        ] {
            assert!(looks_secret(secret), "{secret}");
        }
        for other in ["hots", "prot", "title"] {
            assert!(!looks_secret(other), "{other}");
        }
    }

    #[test]
    fn a_key_that_was_probably_meant_to_say_which_requests_is_known() {
        for key in [
            "pth",
            "Path.Exact",
            "paths",
            "routes.a.path_regexp",
            "routes.a.mach.method",
            "matches",
            "prio",
            "hots",
        ] {
            assert!(looks_matching(key), "{key}");
        }
        for other in ["zebra", "prot", "port.path", "health.pth", "routes.path.x"] {
            assert!(!looks_matching(other), "{other}");
        }
    }

    #[test]
    fn the_nearest_key_is_offered() {
        assert_eq!(nearest("hots").as_deref(), Some("host"));
        assert_eq!(nearest("Host").as_deref(), Some("host"));
        assert_eq!(nearest("prot").as_deref(), Some("port"));
        assert_eq!(nearest("lb.polcy").as_deref(), Some("lb.policy"));
        assert_eq!(
            nearest("route.api.host").as_deref(),
            Some("routes.api.host")
        );
        assert_eq!(
            nearest("routes.api.pth").as_deref(),
            Some("routes.api.path")
        );
        assert_eq!(
            nearest("routes.API.Path").as_deref(),
            Some("routes.API.path")
        );
        assert_eq!(nearest("routes.api").as_deref(), Some("routes.api.host"));
        assert_eq!(nearest("zebra"), None);
        assert_eq!(nearest(&"host".repeat(1_000)), None);
    }
}
