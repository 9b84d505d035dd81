//! Who is asked about a route's requests: an app is found among those that are served.

use std::collections::{BTreeMap, BTreeSet};

use super::super::policies::Decided;
use super::{Policies, pool};
use crate::diagnostic::{Code, Diagnostic};
use crate::labels::TlsSetting;
use crate::model::{
    AppKey, ExactPath, ForwardTarget, Hostname, Owner, PathMatch, Port, Protection, RouteName,
    shown,
};
use crate::routes::build::Inputs;
use crate::routes::forms::Form;
use crate::routes::table::{Asked, RouteKey};

/// Characters of an app's or a project's name that are shown.
const SHOWN_NAME_CHARS_MAX: usize = 128;

/// The app that is to be asked about the requests of this form.
pub(in crate::routes) fn asked_app(form: &Form) -> Option<AppKey> {
    match &form.spec.handling.protection.forward.as_ref()?.target {
        ForwardTarget::App { name, project, .. } => {
            Some(wanted(&form.id.app, name, project.as_ref()))
        }
        ForwardTarget::Url { .. } => None,
    }
}

/// Who is asked about the requests of this route; an error is why it must not be served.
pub(super) fn asked(
    key: &RouteKey,
    form: &Form,
    winners: &BTreeMap<RouteKey, &Form>,
    policies: &Policies,
    inputs: &Inputs<'_>,
) -> Result<Option<Asked>, Box<Diagnostic>> {
    let forward = form.spec.handling.protection.forward.as_ref();
    let Some(forward) = forward.filter(|_| form.shut.is_none()) else {
        return Ok(None);
    };
    let (name, project, port) = match &forward.target {
        ForwardTarget::App {
            name,
            project,
            port,
        } => (name, project.as_ref(), *port),
        ForwardTarget::Url {
            is_https,
            host,
            port,
        } => {
            return Ok(Some(Asked::Server {
                is_https: *is_https,
                host: host.clone(),
                port: *port,
            }));
        }
    };
    let app = wanted(&form.id.app, name, project);
    let is_served = |(key, form): &(&RouteKey, &&Form)| {
        let setting = policies.of(&key.host).and_then(|decided| decided.rules.tls);
        let lacks = setting == Some(TlsSetting::Auto) && inputs.lacks_certificate(&key.host);
        let conflict = policies.objection(&key.host, form, inputs.prefix);
        form.id.app == app && form.shut.is_none() && !lacks && conflict.is_none()
    };
    let routes = winners.iter().filter(is_served).map(|(_, form)| *form);
    let routes: Vec<&Form> = routes.collect();
    let chosen = choose(&routes, port).map_err(|why| no_answer(key, form, &app, &why))?;
    let is_own = app.owner == form.id.app.owner;
    if is_own || is_open(chosen, &forward.path, winners, policies) {
        return Ok(Some(Asked::Pool(Box::new(pool(chosen, true)))));
    }
    let path = shown(&forward.path, SHOWN_NAME_CHARS_MAX);
    let why = format!(
        "it belongs to another project, and there is no host at which everybody may ask it for \
         `{path}`"
    );
    let help = "let a route of that app answer the path to everybody, as it is; or run an app for \
                it in this project";
    Err(Box::new(Diagnostic {
        help: help.to_owned(),
        ..no_answer(key, form, &app, &why)
    }))
}

/// Whether everybody may ask the app for this path at one of its hosts. Other projects' routes ask
/// it nothing else: they choose the path, their clients get its answer, and what protects the app
/// stands before its own routes only.
fn is_open(
    app: &Form,
    path: &str,
    winners: &BTreeMap<RouteKey, &Form>,
    policies: &Policies,
) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    // One that is read in several ways is not known to be open.
    let Ok(path) = ExactPath::parse(path) else {
        return false;
    };
    let path = path.as_str();
    let own = winners.iter().filter(|(_, form)| form.id.app == app.id.app);
    let hosts: BTreeSet<&Hostname> = own.map(|(key, _)| &key.host).collect();
    hosts.into_iter().any(|host| {
        let has_client_ca = |decided: &Decided| decided.policy.client_ca.is_some();
        let mut met = { winners.iter() }
            .filter(|(key, _)| key.host == *host && may_match(&key.path, path))
            .map(|(key, form)| (is_sure(key), serves_all(app, key, form)));
        // Up to the route that answers for certain, each must be open: any of them may answer.
        let known = met.find(|(is_sure, serves_all)| *is_sure || !serves_all);
        known == Some((true, true)) && !policies.of(host).is_some_and(has_client_ca)
    })
}

/// Whether a key takes every request for the paths that it may match.
fn is_sure(key: &RouteKey) -> bool {
    key.matching.is_empty() && !matches!(key.path, PathMatch::Regexp(_))
}

/// Whether this route passes everybody's requests on to the app's containers, as they are.
fn serves_all(app: &Form, key: &RouteKey, form: &Form) -> bool {
    let is_apps = form.id.app == app.id.app && ports(form) == ports(app);
    let is_stripped = form.spec.strip && key.path.plain().is_some();
    let is_changed = is_stripped || form.spec.matching.rewrite.is_some();
    // The length of what they send is no secret.
    let protection = Protection {
        body_bytes_max: None,
        ..form.spec.handling.protection.clone()
    };
    is_apps && !is_changed && form.shut.is_none() && !protection.is_any()
}

fn may_match(of_key: &PathMatch, path: &str) -> bool {
    match of_key {
        PathMatch::Exact(exact) => exact.as_str() == path,
        PathMatch::Prefix(prefix) => { path.strip_prefix(prefix.as_str()) }
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        PathMatch::Regexp(pattern) => !pattern.misses(path),
        PathMatch::Every => true,
    }
}

/// The app that is meant: of the asker's own project, or of the one that is named.
fn wanted(asker: &AppKey, name: &str, project: Option<&String>) -> AppKey {
    let owner = match (project, &asker.owner) {
        (Some(project), _) => Owner::Project(project.as_str().into()),
        (None, Owner::Project(own)) => Owner::Project(own.clone()),
        (None, Owner::App(_)) => Owner::App(name.into()),
    };
    AppKey {
        owner,
        name: name.into(),
    }
}

/// The route by whose containers the app answers at this port.
fn choose<'a>(routes: &[&'a Form], port: Option<Port>) -> Result<&'a Form, String> {
    let Some(port) = port else {
        let ports: BTreeSet<_> = routes.iter().map(|form| ports(form)).collect();
        return match (routes.iter().min_by_key(|form| rank(form)), ports.len()) {
            (None, _) => Err("it has no route".to_owned()),
            (Some(form), 1) => Ok(form),
            (Some(_), _) => Err("its routes lead to several ports, and none is named".to_owned()),
        };
    };
    let at_port = routes
        .iter()
        .filter(|form| ports(form).contains(&port.get()));
    let first = at_port.min_by_key(|form| rank(form)).copied();
    first.ok_or_else(|| match routes {
        [] => "it has no route".to_owned(),
        _ => format!("none of its routes leads to its port {port}"),
    })
}

fn rank<'a>(form: &'a &Form) -> (bool, &'a RouteName) {
    (form.id.route != RouteName::Default, &form.id.route)
}

/// The ports at which a route's containers listen, as far as they are known.
fn ports(form: &Form) -> BTreeSet<u16> {
    let of_members = form.members.iter();
    let of_members = of_members.filter_map(|member| Some(member.address.as_ref().ok()?.port()));
    { form.spec.port.iter().map(|port| port.get()) }
        .chain(of_members)
        .collect()
}

fn no_answer(key: &RouteKey, form: &Form, app: &AppKey, why: &str) -> Diagnostic {
    let name = shown(&app.name, SHOWN_NAME_CHARS_MAX);
    Diagnostic {
        container: form.definer.clone(),
        code: Code::Closed,
        label: None,
        message: format!(
            "the route `{}` answers 503 at `{key}`: the app `{app}` cannot be asked: {why}",
            form.id.route
        ),
        help: format!(
            "give the app a host, or name another by `{name}`, `{name}:<port>` or \
             `{name}@<project>`"
        ),
    }
}
