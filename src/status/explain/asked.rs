//! What a person asked about.

use crate::model::Hostname;

/// A question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A URL, with its scheme.
    Url(Url),
    /// A container, an app or a host.
    Name(String),
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// `None` is as the host is served.
    pub(super) tls: Option<bool>,
    /// As it was written, without a port.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// Begins with `/`; without query and fragment.
    pub(super) path: String,
}

impl Asked {
    pub(super) fn parse(text: &str) -> Self {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        let scheme = [("http://", false), ("https://", true)];
        let found = scheme.iter().find(|(scheme, _)| lower.starts_with(scheme));
        match found {
            Some((scheme, tls)) => {
                let rest = text.get(scheme.len()..).unwrap_or_default();
                Self::Url(Url {
                    tls: Some(*tls),
                    ..Url::parse(rest)
                })
            }
            None => Self::Name(text.to_owned()),
        }
    }
}

impl Url {
    /// A host with or without a port and a path.
    pub(super) fn parse(text: &str) -> Self {
        let end = text.find(['/', '?', '#']).unwrap_or(text.len());
        let (authority, rest) = text.split_at(end);
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() && !host.contains(':') => {
                (host, port.parse().ok())
            }
            Some((host, port)) if host.ends_with(']') => (host, port.parse().ok()),
            Some(_) | None => (authority, None),
        };
        Self {
            tls: None,
            host: host.to_owned(),
            port,
            path: if path.is_empty() { "/" } else { path }.to_owned(),
        }
    }

    /// The host, where it is one.
    pub(super) fn hostname(&self) -> Option<Hostname> {
        Hostname::parse(&self.host).ok()
    }

    /// As a person would write it.
    pub(super) fn shown(&self) -> String {
        let scheme = match self.tls {
            Some(true) => "https://",
            Some(false) => "http://",
            None => "",
        };
        let port = self.port.map_or(String::new(), |port| format!(":{port}"));
        let path = if self.path == "/" { "" } else { &self.path };
        let url = format!("{scheme}{}{port}{path}", self.host);
        crate::model::shown(&url, super::NAME_CHARS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_url_or_a_name() {
        let url = |tls, host: &str, port, path: &str| {
            Asked::Url(Url {
                tls: Some(tls),
                host: host.to_owned(),
                port,
                path: path.to_owned(),
            })
        };
        for (text, expected) in [
            ("https://a.test", url(true, "a.test", None, "/")),
            (
                "HTTP://A.test:8080/x?y#z",
                url(false, "A.test", Some(8080), "/x"),
            ),
            ("http://me:pw@a.test/", url(false, "a.test", None, "/")),
            (
                "https://[fd00::1]:444/a",
                url(true, "[fd00::1]", Some(444), "/a"),
            ),
            ("https://a.test?q", url(true, "a.test", None, "/")),
            ("shop/web", Asked::Name("shop/web".to_owned())),
            (" web ", Asked::Name("web".to_owned())),
        ] {
            assert_eq!(Asked::parse(text), expected, "{text}");
        }
    }
}
