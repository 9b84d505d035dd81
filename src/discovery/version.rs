//! The version of Docker's API: which one both sides speak, and how a request says it. Pure.

use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion};

/// Stands for "no version in the path".
pub(super) const UNVERSIONED: ClientVersion = ClientVersion {
    major_version: 0,
    minor_version: 0,
};

/// Puts the version before the path, as the API wants it. bollard 0.21.1 drops it (bollard issue
/// 736), and a request without one gets whatever the engine likes.
pub(super) fn with_version(mut request: BollardRequest, version: ClientVersion) -> BollardRequest {
    let uri = request.uri();
    if version != UNVERSIONED
        && !uri.path().starts_with("/v1.")
        && let (Some(scheme), Some(authority), Some(path)) =
            (uri.scheme_str(), uri.authority(), uri.path_and_query())
        && let path = versioned(path.as_str(), version)
        && let Ok(uri) = format!("{scheme}://{authority}{path}").parse()
    {
        *request.uri_mut() = uri;
    }
    request
}

/// This path of the API in this version.
pub(super) fn versioned(path: &str, version: ClientVersion) -> String {
    if version == UNVERSIONED {
        return path.to_owned();
    }
    format!("/v{version}{path}")
}

/// The newest version that both sides speak, where the engine's newest is this.
pub(super) fn common_version(text: &str) -> Option<ClientVersion> {
    let theirs = parse_version(text)?;
    Some(if theirs < *API_DEFAULT_VERSION {
        theirs
    } else {
        *API_DEFAULT_VERSION
    })
}

fn parse_version(text: &str) -> Option<ClientVersion> {
    let (major, minor) = text.split_once('.')?;
    Some(ClientVersion {
        major_version: major.parse().ok()?,
        minor_version: minor.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_two_numbers() {
        let shown = |text| parse_version(text).map(|version| version.to_string());
        assert_eq!(shown("1.41"), Some("1.41".to_owned()));
        assert_eq!(shown("1"), None);
        assert_eq!(shown(""), None);
        assert!(parse_version("1.9") < parse_version("1.41"));
    }
}
