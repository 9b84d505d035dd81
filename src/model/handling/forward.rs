//! Who is asked whether a request may come in.

use crate::model::{FOUND_CHARS_MAX, Hostname, NameError, Port, Token, shown};

use super::HeaderName;

/// Another server that is asked about every request, and what is done with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardAuth {
    /// Who is asked.
    pub target: ForwardTarget,
    /// The path that is asked for, with or without a query.
    pub path: String,
    /// Header fields of its answer that the container gets, and never from the client.
    pub copy: Vec<HeaderName>,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardTarget {
    /// An app that the agent routes to.
    App {
        /// Its name.
        name: String,
        /// The project it belongs to; `None` is the asker's own.
        project: Option<String>,
        /// Which of its ports; `None` is the only one.
        port: Option<Port>,
    },
    /// Any server, where the agent's settings allow it.
    Url {
        /// Whether it is spoken to over TLS.
        is_https: bool,
        /// Its name or address.
        host: Hostname,
        /// Its port.
        port: Port,
    },
}

/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 1024;

impl ForwardAuth {
    /// Whether any server may be asked by it, not only apps.
    #[must_use]
    pub fn is_url(&self) -> bool {
        matches!(self.target, ForwardTarget::Url { .. })
    }

    /// Parses `app[@project][:port]/path` or a URL; nothing is copied.
    ///
    /// # Errors
    /// What was found instead.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            expected: "an app and a path such as `auth:9091/verify`",
            found: match text.trim() {
                "" => "nothing".to_owned(),
                word => format!("`{}`", shown(word, FOUND_CHARS_MAX)),
            },
        };
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        let (authority, _) = rest.split_once('/').ok_or_else(wrong)?;
        let path = rest.get(authority.len()..).unwrap_or_default();
        if !is_path(path) {
            return Err(wrong());
        }
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) => (name, Some(Port::parse(port).map_err(|_| wrong())?)),
            None => (authority, None),
        };
        let target = match scheme.map(str::to_ascii_lowercase).as_deref() {
            None => app(name, port).ok_or_else(wrong)?,
            Some("http") => url(false, name, port.or(Port::new(80))).ok_or_else(wrong)?,
            Some("https") => url(true, name, port.or(Port::new(443))).ok_or_else(wrong)?,
            Some(_) => return Err(wrong()),
        };
        Ok(Self {
            target,
            path: path.to_owned(),
            copy: Vec::new(),
        })
    }
}

/// A path and a query that mean nothing but themselves to Caddy. One with `//` in front would be
/// another host to some of its readers.
pub(crate) fn is_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"#{}\\\"<>^`|".contains(&byte);
    let is_path = path.starts_with('/') && !path.starts_with("//");
    is_path && path.len() <= PATH_BYTES_MAX && path.bytes().all(is_plain)
}

fn app(name: &str, port: Option<Port>) -> Option<ForwardTarget> {
    let token = |text: &str| Some(Token::parse(text).ok()?.as_str().to_owned());
    let (name, project) = match name.split_once('@') {
        Some((name, project)) => (token(name)?, Some(token(project)?)),
        None => (token(name)?, None),
    };
    Some(ForwardTarget::App {
        name,
        project,
        port,
    })
}

fn url(is_https: bool, host: &str, port: Option<Port>) -> Option<ForwardTarget> {
    let host = Hostname::parse(host).ok()?;
    (host.openness() == 0).then_some(ForwardTarget::Url {
        is_https,
        host,
        port: port?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_named_by_itself_with_its_project_or_its_port() {
        let target = |text: &str| {
            let parsed = ForwardAuth::parse(text).expect(text);
            match parsed.target {
                ForwardTarget::App {
                    name,
                    project,
                    port,
                } => {
                    let port = port.map(Port::get);
                    format!("{name} {project:?} {port:?} {}", parsed.path)
                }
                ForwardTarget::Url {
                    is_https,
                    host,
                    port,
                } => {
                    format!("{is_https} {host} {port} {}", parsed.path)
                }
            }
        };
        assert_eq!(target("auth/verify"), "auth None None /verify");
        assert_eq!(target("auth:9091/a?b=c"), "auth None Some(9091) /a?b=c");
        assert_eq!(target("auth@sso:80/"), "auth Some(\"sso\") Some(80) /");
        assert_eq!(
            target("https://id.example.com/x"),
            "true id.example.com 443 /x"
        );
        assert_eq!(target("http://10.0.0.1:81/x"), "false 10.0.0.1 81 /x");
    }

    #[test]
    fn nothing_else_is_taken() {
        for wrong in [
            "",
            "auth",
            "/verify",
            "auth:0/x",
            "auth:x/y",
            "ftp://a/b",
            "http://*/x",
            "auth/{env.HOME}",
            "{file./etc/passwd}/x",
            "auth/a b",
            "a@b@c/x",
            "auth/x#y",
        ] {
            assert!(ForwardAuth::parse(wrong).is_err(), "{wrong}");
        }
    }
}
