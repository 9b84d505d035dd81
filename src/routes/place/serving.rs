//! Who is asked about a route's requests: an app is found among those that are served.

use std::collections::{BTreeMap, BTreeSet};

use super::{Policies, pool};
use crate::diagnostic::{Code, Diagnostic};
use crate::labels::TlsSetting;
use crate::model::{AppKey, ForwardTarget, Owner, Port, RouteName, shown};
use crate::routes::build::Inputs;
use crate::routes::forms::Form;
use crate::routes::table::{Asked, RouteKey};

/// Characters of an app's or a project's name that are shown.
const SHOWN_NAME_CHARS_MAX: usize = 128;

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
    choose(&routes, port)
        .map(|form| Some(Asked::Pool(pool(form, true))))
        .map_err(|why| Box::new(no_answer(key, form, &app, &why)))
}

/// The app that is meant: of the asker's own project, or of the one that is named.
fn wanted(asker: &AppKey, name: &str, project: Option<&String>) -> AppKey {
    let owner = match (project, &asker.owner) {
        (Some(project), _) => Owner::Project(project.clone()),
        (None, Owner::Project(own)) => Owner::Project(own.clone()),
        (None, Owner::App(_)) => Owner::App(name.to_owned()),
    };
    AppKey {
        owner,
        name: name.to_owned(),
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
