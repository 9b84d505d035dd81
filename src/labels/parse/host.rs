//! The labels of a route about its hosts.

use super::{Reader, sibling};
use crate::diagnostic::Code;
use crate::labels::host::{ClientCa, HostRules, HostSpec, Hsts};
use crate::labels::schema::Key;
use crate::labels::spec::{RouteSpec, TlsSetting};
use crate::labels::tree::Scoped;
use crate::labels::value;
use crate::model::{FileName, Hostname};

impl Reader<'_> {
    /// Whose certificates clients must show. A wrong label protects, too: it lets nobody in.
    pub(super) fn client_ca(&mut self, scope: &Scoped) -> Option<ClientCa> {
        scope.get(Key::TlsClientCa)?;
        let file = self.read(scope, Key::TlsClientCa, FileName::parse);
        Some(file.map_or(ClientCa::Unusable, ClientCa::File))
    }

    pub(super) fn host_spec(&mut self, scope: &Scoped, client_ca: Option<ClientCa>) -> HostSpec {
        HostSpec {
            rules: HostRules {
                tls: self.read(scope, Key::Tls, TlsSetting::parse),
                tls_min: self.read(scope, Key::TlsMin, value::tls_version),
                client_ca,
                hsts: self.read(scope, Key::Hsts, Hsts::parse),
                redirect_https: self.read(scope, Key::RedirectHttps, value::boolean),
            },
            redirect_from: self
                .read(scope, Key::RedirectFrom, |text| {
                    value::list(text, value::exact_host)
                })
                .unwrap_or_default(),
        }
    }

    /// A redirect leads to one address, and a wildcard host is none; nor may it lead to itself.
    pub(super) fn say_no_redirect(&mut self, scope: &Scoped, spec: &RouteSpec) {
        let Some(label) = scope.get(Key::RedirectFrom).cloned() else {
            return;
        };
        let from = &spec.host.redirect_from;
        let circle = from.iter().find(|from| spec.hosts.contains(from));
        let (message, help) = match (first_exact(&spec.hosts), circle) {
            (Some(_), None) => return,
            (None, _) if spec.hosts.is_empty() => return,
            (None, _) => (
                format!(
                    "`{}` leads to the route's first exact host, and it has none",
                    label.key
                ),
                format!("add an exact host to `{}`", sibling(&label, Key::Host)),
            ),
            (Some(_), Some(host)) => (
                format!("`{}` names the route's own host `{host}`", label.key),
                "remove it from one of the two labels".to_owned(),
            ),
        };
        self.say(Code::BadValue, Some(label), message, help);
    }

    pub(super) fn say_idle_host_labels(&mut self, scope: &Scoped, spec: &RouteSpec) {
        let rules = &spec.host.rules;
        let is_off = rules.tls == Some(TlsSetting::Off);
        let has_name = { spec.hosts.iter() }.any(Hostname::has_server_name);
        let catch_all = spec.hosts.iter().all(Hostname::is_catch_all);
        let on_demand = rules.tls == Some(TlsSetting::OnDemand);
        let idle = [
            (Key::TlsMin, is_off, "with `tls=off`"),
            (Key::Hsts, is_off, "with `tls=off`"),
            (Key::RedirectHttps, is_off, "with `tls=off`"),
            (
                Key::TlsMin,
                !is_off && !has_name,
                "for `*` and IP addresses, which no handshake names",
            ),
            (
                Key::Tls,
                on_demand && catch_all,
                "as `on_demand` for `*`: only names that a label says are certified",
            ),
        ];
        for (key, is_idle, why) in idle {
            if let Some(label) = scope.get(key).filter(|_| is_idle) {
                let message = format!("`{}` has no effect {why}", label.key);
                let help = "change the other label, or remove this one".to_owned();
                self.say(Code::NoEffect, Some(label.clone()), message, help);
            }
        }
    }
}

fn first_exact(hosts: &[Hostname]) -> Option<&Hostname> {
    hosts.iter().find(|host| host.openness() == 0)
}
