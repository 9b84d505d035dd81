//! Routes that can never answer, because another one of their host is asked first and takes all of
//! their requests. Only a priority makes it so: otherwise what asks for less stands last.

use std::collections::BTreeMap;

use super::super::build::Inputs;
use super::super::forms::Form;
use super::super::table::RouteKey;
use crate::diagnostic::{Code, Diagnostic, LabelRef};
use crate::model::{Hostname, Matching, PathMatch, RouteName};

/// The first key for these paths and conditions under a host.
type First<'a> = BTreeMap<(&'a Hostname, &'a PathMatch, &'a Matching), (&'a RouteKey, &'a Form)>;

/// Says each of them. They stay in the table: when the other one goes, they answer.
pub(super) fn say(
    winners: &BTreeMap<RouteKey, &Form>,
    inputs: &Inputs<'_>,
    found: &mut Vec<Diagnostic>,
) {
    if winners.keys().all(|key| key.priority == 0) {
        return;
    }
    let (every, any) = (PathMatch::Every, Matching::default());
    let mut seen = First::new();
    for (key, form) in winners {
        let host = &key.host;
        let same_or_all = [
            (host, &key.path, &*key.matching),
            (host, &key.path, &any),
            (host, &every, &*key.matching),
            (host, &every, &any),
        ];
        let first = same_or_all.into_iter().find_map(|asked| seen.get(&asked));
        if let Some((first, by)) = first {
            found.push(diagnostic(key, form, first, by, inputs));
        }
        seen.entry((host, &key.path, &*key.matching))
            .or_insert((key, form));
    }
}

fn diagnostic(
    key: &RouteKey,
    form: &Form,
    first: &RouteKey,
    by: &Form,
    inputs: &Inputs<'_>,
) -> Diagnostic {
    Diagnostic {
        container: form.definer.clone(),
        code: Code::NoEffect,
        label: priority(form, inputs.prefix),
        message: format!(
            "`{key}` never answers: the route `{}` is asked first, and takes all of its requests \
             as `{first}`",
            by.id
        ),
        help: "change the `priority` of one of the two, or its path or conditions".to_owned(),
    }
}

/// The label of the form that says its priority.
fn priority(form: &Form, prefix: &str) -> Option<LabelRef> {
    let key = match &form.id.route {
        RouteName::Default => format!("{prefix}.priority"),
        RouteName::Named(name) => format!("{prefix}.routes.{name}.priority"),
    };
    let (key, value) = form.labels.get_key_value(&key)?;
    Some(LabelRef {
        key: key.clone(),
        value: value.clone(),
    })
}
