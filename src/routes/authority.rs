//! The authorities that `https` containers' certificates are checked by.

use super::build::Inputs;
use super::forms::Candidate;
use crate::diagnostic::{Code, Diagnostic};
use crate::labels::RouteSpec;
use crate::model::{RouteName, Scheme};

/// Says when a route names an authority that is not in the certificate directory. Without it the
/// machine's authorities would count, which is less than was asked for.
pub(super) fn check(
    definer: &Candidate<'_>,
    route: &RouteName,
    spec: &RouteSpec,
    inputs: &Inputs<'_>,
) -> Option<Diagnostic> {
    let name = spec.matching.authority.as_ref()?;
    let counts = spec.scheme == Scheme::Https && !spec.upstream_skip_verify;
    if !counts || inputs.authorities.contains_key(name) {
        return None;
    }
    let key = match route {
        RouteName::Default => "upstream.tls.ca".to_owned(),
        RouteName::Named(route) => format!("routes.{route}.upstream.tls.ca"),
    };
    let message = format!(
        "`{}.{key}={name}` names an authority, and no usable `{name}` is in the directory",
        inputs.prefix
    );
    Some(Diagnostic {
        container: definer.container.reference(),
        code: Code::BadValue,
        label: None,
        message,
        help: format!("put `{name}` into the agent's `--certificates` directory"),
    })
}
