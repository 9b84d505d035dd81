//! What to type instead: the nearest known key, and right values.

use super::schema::KEYS;

/// How alike two keys must be (0 to 1, Jaro-Winkler) before one is offered for the other: `hots`
/// and `host` are 0.93, unrelated words are below 0.7.
const LIKENESS_MIN: f64 = 0.8;

/// What to type instead of an unknown key.
pub(super) fn unknown_key_help(prefix: &str, rest: &str) -> String {
    match nearest(rest) {
        Some(near) => format!("did you mean `{prefix}.{near}`?"),
        None => format!("remove it, or see the label table for the keys under `{prefix}.`"),
    }
}

/// The known key that is most like this one, with its route where one is named.
fn nearest(rest: &str) -> Option<String> {
    let lower = rest.to_ascii_lowercase();
    let parts: Vec<&str> = lower.splitn(3, '.').collect();
    let named = match parts.as_slice() {
        [routes, route, name] if strsim::jaro_winkler(routes, "routes") >= LIKENESS_MIN => {
            Some((*route, *name))
        }
        _ => None,
    };
    let (before, name) = match named {
        Some((route, name)) => (format!("routes.{route}."), name),
        None => (String::new(), lower.as_str()),
    };
    let likeness = |info: &super::KeyInfo| strsim::jaro_winkler(name, info.name);
    let best = KEYS
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= LIKENESS_MIN).then(|| format!("{before}{}", best.name))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(nearest("zebra"), None);
    }
}
