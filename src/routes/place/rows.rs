//! What a person is told of each container under a key.

use super::super::forms::{Form, Member};
use super::super::gates::{Trial, TrialCheck};
use super::super::report::{Awaited, Obstacle, Row, RowState};
use super::super::table::RouteKey;

/// Why a container is routed in another way than its labels say.
const LAST_GOOD: &str = "by the route's last good form; the labels that count now are wrong";

/// Why a container that is not well takes requests.
const STAYS: &str = "it goes on, because no other replica is ready";

/// What becomes of one container of a form under a key; `conflict` is why the form is not served.
pub(super) fn row(key: &RouteKey, form: &Form, member: &Member, conflict: Option<&str>) -> Row {
    let (state, reason) = match (&member.address, conflict) {
        (_, Some(conflict)) => (RowState::Refused, Some(conflict.to_owned())),
        (Ok(_), None) if let Some(why) = &member.stays => {
            (RowState::Routed, Some(format!("{why}; {STAYS}")))
        }
        (Ok(_), None) if form.is_last_good => (RowState::Routed, Some(LAST_GOOD.to_owned())),
        (Ok(_), None) => (RowState::Routed, None),
        (Err(why), None) => (RowState::from(why), Some(why.reason())),
    };
    let obstacle = match (&member.address, conflict) {
        (_, Some(_)) => None,
        (Ok(_), None) if member.stays.is_some() => Some(Obstacle::Ailing),
        (Ok(_), None) => form.is_last_good.then_some(Obstacle::LastGood),
        (Err(why), None) => Some(Obstacle::from(why)),
    };
    Row {
        host: key.host.to_string(),
        path: key.beyond_host(),
        app: Some(form.id.app.clone()),
        route: Some(form.id.route.clone()),
        container: member.container.clone(),
        address: member.address.as_ref().ok().copied(),
        state,
        reason,
        obstacle,
        awaited: { member.trial.as_ref() }
            .filter(|_| obstacle == Some(Obstacle::Unproven))
            .map(awaited),
        pool: None,
    }
}

fn awaited(trial: &Trial) -> Awaited {
    Awaited {
        address: trial.address,
        path: match &trial.check {
            TrialCheck::Port => None,
            TrialCheck::Path { path, .. } => Some(path.clone()),
        },
    }
}
