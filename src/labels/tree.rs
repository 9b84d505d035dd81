//! Labels sorted into the container's own keys and those of each of its routes.

use std::collections::BTreeMap;

use super::hints;
use super::limits::{LABELS_MAX, ROUTE_NAME_BYTES_MAX, ROUTES_MAX};
use super::schema::{self, Key, Scope};
use crate::diagnostic::{Code, Diagnostic, LabelRef};
use crate::model::{Container, RouteName};

/// The labels of one scope, by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Scoped {
    single: BTreeMap<Key, LabelRef>,
    /// By family and member.
    members: BTreeMap<(Key, String), LabelRef>,
    /// Whether a key that is not known looks like one that protects.
    guarded_by_unknown: bool,
    /// Whether a key that is not known looks like one that says which requests are meant.
    unclear: bool,
}

impl Scoped {
    /// The label of a key that is no family.
    pub(super) fn get(&self, key: Key) -> Option<&LabelRef> {
        self.single.get(&key)
    }

    pub(super) fn has(&self, key: Key) -> bool {
        self.single.contains_key(&key)
    }

    /// The labels of a family, by the members' names as they are written.
    pub(super) fn family(&self, key: Key) -> impl Iterator<Item = (&str, &LabelRef)> {
        let own = self.members.iter().filter(move |((of, _), _)| *of == key);
        own.map(|((_, member), label)| (member.as_str(), label))
    }

    /// Whether a label that is not known was probably meant to protect.
    pub(super) fn is_guarded_by_unknown(&self) -> bool {
        self.guarded_by_unknown
    }

    /// Whether a label that is not known was probably meant to say which requests are meant.
    pub(super) fn is_unclear(&self) -> bool {
        self.unclear
    }

    /// Whether there is a label that protects, right or wrong, or was probably meant to.
    pub(super) fn is_guarded(&self) -> bool {
        self.guarded_by_unknown || self.single.keys().any(|key| key.protects())
    }

    /// Whether there is a label that says which requests are meant.
    pub(super) fn names_requests(&self) -> bool {
        let keys = [
            Key::Host,
            Key::Path,
            Key::PathExact,
            Key::PathRegexp,
            Key::MatchMethod,
            Key::MatchClientIp,
        ];
        let families = [Key::MatchHeader, Key::MatchQuery];
        let mut families = families.iter();
        keys.iter().any(|key| self.has(*key))
            || families.any(|key| self.family(*key).next().is_some())
    }

    /// The first label, in the order of keys.
    pub(super) fn first(&self) -> Option<&LabelRef> {
        let first = self.single.values().next();
        first.or_else(|| self.members.values().next())
    }

    /// Whether there is no label but, if at all, of this key.
    pub(super) fn has_only(&self, key: Key) -> bool {
        self.members.is_empty() && self.single.keys().all(|own| *own == key)
    }

    fn insert(&mut self, place: Place, label: LabelRef) {
        match place.member {
            None => drop(self.single.insert(place.key, label)),
            Some(member) => drop(self.members.insert((place.key, member), label)),
        }
    }
}

/// What a container's labels say, still as text.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Keys that hold for the container.
    pub(super) container: Scoped,
    /// Keys of its routes.
    pub(super) routes: BTreeMap<RouteName, Scoped>,
    /// Whether a key was not understood, so that something may be missing here.
    pub(super) doubtful: bool,
    /// Whether a label that was probably meant to protect belongs to no route.
    pub(super) unplaced_guard: bool,
    /// Whether there are so many labels that only some were read.
    pub(super) is_cut: bool,
}

impl Tree {
    /// Notes that a label which has no place was probably meant to protect: this route, or who
    /// knows which.
    fn guard(&mut self, route: Option<&RouteName>) {
        let scope = route.and_then(|route| self.routes.get_mut(route));
        let is_default = route == Some(&RouteName::Default);
        match scope.filter(|scope| !is_default || scope.has(Key::Host)) {
            Some(scope) => scope.guarded_by_unknown = true,
            None => self.unplaced_guard = true,
        }
    }
}

/// Whether the value of this label may be a secret.
pub(crate) fn is_secret(key: &str, prefix: &str) -> bool {
    let rest = key.strip_prefix(prefix);
    let Some(rest) = rest.and_then(|rest| rest.strip_prefix('.')) else {
        return false;
    };
    match place(rest) {
        Ok((_, place)) => place.key.is_secret(),
        Err(_) => hints::looks_secret(rest),
    }
}

/// Sorts all labels under `<prefix>.`; what is not understood becomes a diagnostic.
pub(super) fn sort(container: &Container, prefix: &str, found: &mut Vec<Diagnostic>) -> Tree {
    let mut tree = Tree::default();
    let (mut guarded, mut unclear) = (Vec::new(), Vec::new());
    let own = container.labels.iter().filter_map(|(whole, value)| {
        let rest = whole.strip_prefix(prefix)?.strip_prefix('.')?;
        Some((whole, rest, value))
    });
    for (index, (whole, rest, value)) in own.clone().enumerate() {
        if index == LABELS_MAX {
            tree.is_cut = true;
            found.push(too_many(container, prefix, own.count()));
            break;
        }
        let label = LabelRef {
            key: whole.clone(),
            value: value.clone(),
        };
        match place(rest) {
            Ok((None, place)) => tree.container.insert(place, label),
            Ok((Some(route), place)) => tree.routes.entry(route).or_default().insert(place, label),
            Err(wrong) => {
                tree.doubtful = true;
                if let Wrong::Key { route: Some(route) } = &wrong {
                    tree.routes.entry(route.clone()).or_default();
                }
                if hints::looks_protecting(rest) {
                    guarded.push(wrong.route(rest));
                }
                if hints::looks_matching(rest) {
                    unclear.extend(wrong.route(rest));
                }
                found.push(wrong.diagnostic(container, prefix, rest, label));
            }
        }
        if tree.routes.len() > ROUTES_MAX {
            tree.is_cut = true;
            found.push(too_many(container, prefix, own.count()));
            break;
        }
    }
    for route in guarded {
        tree.guard(route.as_ref());
    }
    for route in unclear {
        if let Some(scope) = tree.routes.get_mut(&route) {
            scope.unclear = true;
        }
    }
    tree
}

fn too_many(container: &Container, prefix: &str, count: usize) -> Diagnostic {
    Diagnostic {
        container: container.reference(),
        code: Code::BadValue,
        label: None,
        message: format!(
            "a container takes at most {LABELS_MAX} labels under `{prefix}.`, of {ROUTES_MAX} routes; \
             found {count} labels"
        ),
        help: "share the routes out among several services".to_owned(),
    }
}

/// Why a key has no place.
enum Wrong {
    /// No such key, under this route where one is named.
    Key { route: Option<RouteName> },
    /// The route's name is not one.
    RouteName,
    /// A key of the container under a route.
    ContainerKey,
}

/// Where a label belongs within its scope.
struct Place {
    key: Key,
    /// The member's name, where the key is a family.
    member: Option<String>,
}

fn place(rest: &str) -> Result<(Option<RouteName>, Place), Wrong> {
    let named = rest
        .strip_prefix("routes.")
        .and_then(|named| named.split_once('.'));
    let (route, name) = match named {
        Some((route, name)) => {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            let fits = (1..=ROUTE_NAME_BYTES_MAX).contains(&route.len());
            if !fits || !route.chars().all(allowed) || route == "default" {
                return Err(Wrong::RouteName);
            }
            (RouteName::Named(route.to_owned()), name)
        }
        None => (RouteName::Default, rest),
    };
    let is_named = named.is_some();
    let Some((info, member)) = schema::find(name) else {
        return Err(Wrong::Key {
            route: is_named.then_some(route),
        });
    };
    let place = Place {
        key: info.key,
        member: member.map(str::to_owned),
    };
    match info.scope {
        Scope::Pool | Scope::Host | Scope::Route => Ok((Some(route), place)),
        Scope::Container if is_named => Err(Wrong::ContainerKey),
        Scope::Container => Ok((None, place)),
    }
}

impl Wrong {
    /// The route that the label was meant for, as far as it can be told.
    fn route(&self, rest: &str) -> Option<RouteName> {
        match self {
            Self::Key { route: Some(route) } => Some(route.clone()),
            Self::Key { route: None } if hints::looks_named(rest) => None,
            Self::Key { route: None } => Some(RouteName::Default),
            Self::RouteName | Self::ContainerKey => None,
        }
    }

    fn diagnostic(
        self,
        container: &Container,
        prefix: &str,
        rest: &str,
        label: LabelRef,
    ) -> Diagnostic {
        let whole = label.shown_key();
        let (message, help) = match self {
            Self::Key { route: _ } => (
                format!("`{whole}` is not a label of the agent"),
                hints::unknown_key_help(prefix, rest),
            ),
            Self::RouteName => (
                format!("the route name in `{whole}` is not one"),
                format!(
                    "name it with letters, digits, `-` and `_`, not `default`: \
                     `{prefix}.routes.api.host`"
                ),
            ),
            Self::ContainerKey => {
                let name = rest.rsplit_once('.').map_or(rest, |(_, name)| name);
                (
                    format!("`{whole}` holds for the whole container, not for one route"),
                    format!("write `{prefix}.{name}`"),
                )
            }
        };
        let container = container.reference();
        let is_secret = is_secret(&label.key, prefix);
        let shown = if is_secret { label.hidden() } else { label };
        Diagnostic {
            container,
            code: Code::UnknownKey,
            label: Some(shown),
            message,
            help,
        }
    }
}
