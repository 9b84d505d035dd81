//! What is in force for each host: its certificate, whom it lets in, and where its plain HTTP goes.

use std::collections::BTreeMap;
use std::fmt;

use super::build::Inputs;
use super::claims::PartClaims;
use super::forms::{Candidate, Form, definer};
use super::gates::Gates;
use super::table::{HostPolicy, RouteKey, TlsMode};
use crate::diagnostic::{Code, Diagnostic};
use crate::labels::{ClientCa, HostRules, TlsSetting};
use crate::model::{AppKey, ContainerRef, Hostname, Owner, RouteId, RouteName};

/// The policy of every host.
pub(super) struct Policies(BTreeMap<Hostname, Decided>);

/// What was decided for a host.
pub(super) struct Decided {
    /// Every rule, with the defaults filled in.
    pub(super) rules: HostRules,
    pub(super) policy: HostPolicy,
    /// Why the host is served to nobody.
    pub(super) refusal: Option<Diagnostic>,
    by: By,
}

/// Who decided it.
enum By {
    Route(RouteId),
    /// One that has no container now.
    Owner(Owner),
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(id) => write!(f, "`{id}`"),
            Self::Owner(owner) => owner.fmt(f),
        }
    }
}

/// A route that says something about a host.
#[derive(Clone, Copy)]
struct Voice<'a> {
    id: &'a RouteId,
    definer: &'a ContainerRef,
    rules: &'a HostRules,
}

impl<'a> Voice<'a> {
    fn of(form: &'a Form) -> Self {
        Self {
            id: &form.id,
            definer: &form.definer,
            rules: &form.spec.host.rules,
        }
    }
}

impl Policies {
    /// The default route of the host's owner decides, else its first route by name that says
    /// anything. A route whose labels are wrong elsewhere is heard, too: what it asks protects the
    /// host's others. While the owner has no container, what it said last stays in force.
    pub(super) fn decide(
        winners: &BTreeMap<RouteKey, &Form>,
        spoiled: &[Spoiled],
        claims: &PartClaims,
        inputs: &Inputs<'_>,
    ) -> Self {
        let owner = |host: &Hostname| claims.get(host).map(|claim| &claim.owner);
        let mut deciders: BTreeMap<&Hostname, Voice<'_>> = BTreeMap::new();
        let mut hear = |host, voice| {
            let rank = |voice: Voice<'_>| {
                let is_owner = owner(host) == Some(&voice.id.app.owner);
                let is_default = voice.id.route == RouteName::Default;
                (!is_owner, !is_default, *voice.rules == HostRules::default())
            };
            let decider = deciders.entry(host).or_insert(voice);
            let order = rank(voice).cmp(&rank(*decider));
            if order.then_with(|| voice.id.cmp(decider.id)).is_lt() {
                *decider = voice;
            }
        };
        for (key, form) in winners {
            hear(&key.host, Voice::of(form));
            let own = { spoiled.iter() }.filter(|route| {
                route.hosts.contains(&key.host) && owner(&key.host) == Some(&route.id.app.owner)
            });
            for Spoiled {
                id, definer, rules, ..
            } in own
            {
                hear(&key.host, Voice { id, definer, rules });
            }
        }
        let decide = |(host, voice): (&Hostname, Voice<'_>)| {
            let before = claims.get(host).filter(|claim| claim.released.is_some());
            let before = before.filter(|claim| claim.rules.tls.is_some());
            let (rules, by) = match before {
                Some(claim) => (&claim.rules, By::Owner(claim.owner.clone())),
                None => (voice.rules, By::Route(voice.id.clone())),
            };
            let rules = resolved(rules, inputs.default_tls);
            let refusal = refusal(host, &rules, voice, inputs);
            let policy = policy(host, &rules, refusal.is_none());
            let decided = Decided {
                rules,
                policy,
                refusal,
                by,
            };
            (host.clone(), decided)
        };
        Self(deciders.into_iter().map(decide).collect())
    }

    pub(super) fn of(&self, host: &Hostname) -> Option<&Decided> {
        self.0.get(host)
    }

    /// What the hosts' deciding routes say.
    pub(super) fn rules(self) -> BTreeMap<Hostname, HostRules> {
        let decided = self.0.into_iter();
        decided
            .map(|(host, decided)| (host, decided.rules))
            .collect()
    }

    /// Why the route must not be served under the host: nobody is let in there, or it asks for
    /// something else than what is in force.
    pub(super) fn objection(
        &self,
        host: &Hostname,
        form: &Form,
        prefix: &str,
    ) -> Option<Diagnostic> {
        let decided = self.0.get(host)?;
        if decided.refusal.is_some() {
            return decided.refusal.clone();
        }
        let (key, asked, in_force) = difference(&form.spec.host.rules, &decided.rules)?;
        let by = &decided.by;
        Some(Diagnostic {
            container: form.definer.clone(),
            code: Code::TlsDiffers,
            label: None,
            message: format!(
                "the route `{}` asks for `{key}={asked}`, but {by} decides \
                 `{key}={in_force}` for the host `{host}`; the route answers 503",
                form.id.route
            ),
            help: format!(
                "remove the label, or write `{prefix}.{key}={asked}` at the host's default route"
            ),
        })
    }
}

/// What a route whose labels are wrong asks for its hosts.
#[derive(Debug)]
pub(super) struct Spoiled {
    pub(super) id: RouteId,
    pub(super) definer: ContainerRef,
    pub(super) hosts: Vec<Hostname>,
    pub(super) rules: HostRules,
}

/// What the routes of an app that got no form ask for their hosts.
pub(super) fn spoiled(
    app: &AppKey,
    candidates: &[Candidate<'_>],
    forms: &[Form],
    gates: &Gates,
) -> Vec<Spoiled> {
    if candidates.iter().all(|one| one.spec.spoiled.is_empty()) {
        return Vec::new();
    }
    let Some(definer) = definer(candidates, gates) else {
        return Vec::new();
    };
    let spoiled = definer.spec.spoiled.iter();
    let spoiled = spoiled.filter(|(name, _)| forms.iter().all(|form| form.id.route != **name));
    let speaking = spoiled.filter(|(_, (_, host))| host.rules != HostRules::default());
    let heard = speaking.map(|(name, (hosts, host))| Spoiled {
        id: RouteId {
            app: app.clone(),
            route: name.clone(),
        },
        definer: definer.container.reference(),
        hosts: hosts.clone(),
        rules: host.rules.clone(),
    });
    heard.collect()
}

/// The rules with their defaults.
fn resolved(rules: &HostRules, default_tls: TlsSetting) -> HostRules {
    let tls = rules.tls.unwrap_or(default_tls);
    HostRules {
        tls: Some(tls),
        tls_min: Some(rules.tls_min.unwrap_or_default()),
        client_ca: rules.client_ca.clone(),
        hsts: Some(rules.hsts.clone().unwrap_or_default()),
        redirect_https: Some(rules.redirect_https.unwrap_or(tls != TlsSetting::Off)),
    }
}

/// The first rule that is asked for otherwise than it is in force: its key and both values.
fn difference(asked: &HostRules, in_force: &HostRules) -> Option<(&'static str, String, String)> {
    fn pair<T: PartialEq>(
        key: &'static str,
        asked: Option<&T>,
        in_force: Option<&T>,
        text: impl Fn(&T) -> String,
    ) -> Option<(&'static str, String, String)> {
        let asked = asked.filter(|asked| Some(*asked) != in_force)?;
        Some((key, text(asked), in_force.map_or("none".to_owned(), &text)))
    }
    let tls = |tls: &TlsSetting| tls.as_str().to_owned();
    pair("tls", asked.tls.as_ref(), in_force.tls.as_ref(), tls)
        .or_else(|| {
            let (asked, in_force) = (asked.tls_min.as_ref(), in_force.tls_min.as_ref());
            pair("tls.min", asked, in_force, |min| min.as_str().to_owned())
        })
        .or_else(|| {
            let (asked, in_force) = (asked.client_ca.as_ref(), in_force.client_ca.as_ref());
            pair("tls.client_ca", asked, in_force, ClientCa::to_string)
        })
        .or_else(|| {
            let (asked, in_force) = (asked.hsts.as_ref(), in_force.hsts.as_ref());
            pair("hsts", asked, in_force, ToString::to_string)
        })
        .or_else(|| {
            let asked = asked.redirect_https.as_ref();
            let in_force = in_force.redirect_https.as_ref();
            pair("redirect.https", asked, in_force, bool::to_string)
        })
}

/// Why a host whose clients must show certificates cannot ask for them.
fn refusal(
    host: &Hostname,
    rules: &HostRules,
    voice: Voice<'_>,
    inputs: &Inputs<'_>,
) -> Option<Diagnostic> {
    let prefix = inputs.prefix;
    let (why, help) = match rules.client_ca.as_ref()? {
        ClientCa::Unusable => (
            "the label that names their authority is wrong".to_owned(),
            format!("write for example `{prefix}.tls.client_ca=partners.pem`"),
        ),
        ClientCa::File(_) if rules.tls == Some(TlsSetting::Off) => (
            "without TLS (`tls=off`) they cannot".to_owned(),
            "remove `tls=off` or `tls.client_ca`".to_owned(),
        ),
        ClientCa::File(_) if rules.redirect_https == Some(false) => (
            "over plain HTTP (`redirect.https=false`) they cannot".to_owned(),
            "remove `redirect.https=false` or `tls.client_ca`".to_owned(),
        ),
        ClientCa::File(_) if !host.has_server_name() => (
            "a handshake names neither `*` nor an address, by which it would be asked".to_owned(),
            "name the hosts, or remove `tls.client_ca`".to_owned(),
        ),
        ClientCa::File(name) if !inputs.authorities.contains_key(name) => (
            format!("the authority's file `{name}` is not there, or not usable"),
            format!(
                "put `{name}`, certificates in PEM, into the agent's `--certificates` directory"
            ),
        ),
        ClientCa::File(_) => return None,
    };
    Some(Diagnostic {
        container: voice.definer.clone(),
        code: Code::NoClientCa,
        label: None,
        message: format!(
            "clients of `{host}` must show a certificate, but {why}; the host answers 503"
        ),
        help,
    })
}

/// The rules as the table holds them.
fn policy(host: &Hostname, rules: &HostRules, is_served: bool) -> HostPolicy {
    let mode = match rules.tls.unwrap_or_default() {
        TlsSetting::Off => return HostPolicy::new(TlsMode::Off),
        TlsSetting::Internal => TlsMode::Internal,
        TlsSetting::OnDemand if !host.is_catch_all() => TlsMode::OnDemand,
        TlsSetting::Auto | TlsSetting::OnDemand if host.is_internal() => TlsMode::Internal,
        TlsSetting::Auto | TlsSetting::OnDemand => TlsMode::Public,
    };
    let client_ca = match &rules.client_ca {
        Some(ClientCa::File(name)) if is_served => Some(name.clone()),
        Some(ClientCa::File(_) | ClientCa::Unusable) | None => None,
    };
    HostPolicy {
        min: rules.tls_min.unwrap_or_default(),
        client_ca,
        hsts: { rules.hsts.as_ref() }.and_then(|hsts| hsts.header().map(str::to_owned)),
        redirects_http: rules.redirect_https.unwrap_or(true),
        ..HostPolicy::new(mode)
    }
}
