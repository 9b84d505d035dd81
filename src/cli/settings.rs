//! The flags that are settings of the agent, each with its environment variable.

mod docker;
mod status;
mod values;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, Args, ValueEnum};

use crate::caddy::render::{AcmeOptions, ClientLimits, DnsProvider, ExternalAccountKey, Grouping};
use crate::labels::{Permits, TlsSetting};
use crate::reconcile::DebounceOptions;
use crate::settings::{Settings, UpstreamsMode};
use crate::slots::HoldBounds;

pub(crate) use self::docker::DockerArgs;
use self::status::StatusArgs;
use self::values::{
    CaddyUser, HostPatterns, Proxies, caddy_user, dns_provider, duration, header_bytes, hmac,
    hosts, https_url, interval, name, port, prefix, proxies, tls, waiting,
};

/// `--upstreams`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Upstreams {
    /// The addresses stand in the config; a new address is a load.
    Direct,
    /// The addresses stand in files that Caddy reads at each request; requests wait while an app
    /// is recreated.
    Slots,
}

/// `--group-hosts`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum GroupHosts {
    /// More than some dozen hosts share routes of Caddy.
    Auto,
    /// All share them.
    Always,
    /// None does: each is a route in one list.
    Never,
}

impl From<GroupHosts> for Grouping {
    fn from(hosts: GroupHosts) -> Self {
        match hosts {
            GroupHosts::Auto => Self::Auto,
            GroupHosts::Always => Self::Always,
            GroupHosts::Never => Self::Never,
        }
    }
}

/// The settings as flags. Their doc comments are the help on the terminal.
#[derive(Debug, Args)]
#[expect(
    clippy::doc_markdown,
    reason = "shown on the terminal, where back-ticks are noise"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct SettingsArgs {
    #[command(flatten)]
    docker: DockerArgs,
    /// Network on which containers are reached
    #[arg(long, env = "SH0_NETWORK", default_value = "sh0-net", value_parser = name)]
    network: String,
    /// Prefix of the labels, without a dot
    #[arg(long, env = "SH0_LABEL_PREFIX", default_value = "sh0", value_parser = prefix)]
    label_prefix: String,
    /// Port for HTTP
    #[arg(long, env = "SH0_HTTP_PORT", default_value_t = 80, value_parser = port)]
    http_port: u16,
    /// Port for HTTPS
    #[arg(long, env = "SH0_HTTPS_PORT", default_value_t = 443, value_parser = port)]
    https_port: u16,
    /// Addresses to listen on, separated by commas [default: all]
    #[arg(long, env = "SH0_LISTEN", value_delimiter = ',', value_name = "IP")]
    listen: Vec<IpAddr>,
    /// E-mail address given to the certificate authority
    #[arg(long, env = "SH0_ACME_EMAIL", value_name = "ADDRESS")]
    acme_email: Option<String>,
    /// Directory URL of the certificate authority [default: Let's Encrypt, then ZeroSSL]
    #[arg(long, env = "SH0_ACME_CA", value_name = "URL", value_parser = https_url)]
    acme_ca: Option<String>,
    /// PEM file of the root that the certificate authority's own HTTPS is checked against
    #[arg(long, env = "SH0_ACME_CA_ROOT", value_name = "FILE")]
    acme_ca_root: Option<PathBuf>,
    /// Key id of an account made outside ACME, where the authority asks for one
    #[arg(
        long,
        env = "SH0_ACME_EAB_KEY_ID",
        value_name = "ID",
        requires = "acme_eab_hmac"
    )]
    acme_eab_key_id: Option<String>,
    /// Key of that account, in base64url; better said in the environment
    #[arg(
        long,
        env = "SH0_ACME_EAB_HMAC",
        value_name = "KEY",
        requires = "acme_eab_key_id",
        hide_env_values = true,
        value_parser = hmac
    )]
    acme_eab_hmac: Option<String>,
    /// DNS provider of a Caddy built with it, for wildcard certificates: JSON such as
    /// {"name": "cloudflare", "api_token": "…"}, or a file with it
    #[arg(long, env = "SH0_DNS_PROVIDER", value_name = "JSON", hide_env_values = true, value_parser = dns_provider)]
    dns_provider: Option<DnsProvider>,
    /// New names per hour that get a certificate at their first handshake (tls=on_demand)
    #[arg(long, env = "SH0_ON_DEMAND_NAMES_MAX", default_value_t = 60, value_parser = waiting, value_name = "COUNT")]
    on_demand_names_max: usize,
    /// Certificates of hosts whose labels do not say: auto, internal, on_demand or off
    #[arg(long, env = "SH0_DEFAULT_TLS", default_value = "auto", value_name = "TLS", value_parser = tls)]
    default_tls: TlsSetting,
    /// Directory of your own certificates: <host>.crt and <host>.key, wildcards as _.example.com
    #[arg(long, env = "SH0_CERTIFICATES", value_name = "DIR")]
    certificates: Option<PathBuf>,
    /// Directory for what must outlive a restart
    #[arg(
        long,
        env = "SH0_STATE_DIR",
        default_value = "/var/lib/sh0-agent",
        value_name = "DIR"
    )]
    state_dir: PathBuf,
    /// Directory for sockets
    #[arg(
        long,
        env = "SH0_RUNTIME_DIR",
        default_value = "/run/sh0-agent",
        value_name = "DIR"
    )]
    runtime_dir: PathBuf,
    /// User that root starts Caddy as: name or number, also with a group as in caddy:web
    #[arg(long, env = "SH0_CADDY_USER", value_name = "USER", value_parser = caddy_user)]
    caddy_user: Option<CaddyUser>,
    /// Caddy binary, 2.11.7 or newer
    #[arg(long, env = "SH0_CADDY", default_value = "caddy", value_name = "PATH")]
    caddy: PathBuf,
    /// Proxies before this one whose X-Forwarded-* headers are believed: addresses, ranges, or the
    /// word private
    #[arg(long, env = "SH0_TRUSTED_PROXIES", value_delimiter = ',', value_name = "CIDR", value_parser = proxies)]
    trusted_proxies: Vec<Proxies>,
    /// Hosts that labels may claim, separated by commas: app.example.com, or *.example.com for all
    /// below it [default: all]
    #[arg(long, env = "SH0_ALLOW_HOSTS", value_delimiter = ',', value_name = "HOST", value_parser = hosts)]
    allow_hosts: Vec<HostPatterns>,
    /// Hosts that no label may claim, separated by commas, whatever is allowed
    #[arg(long, env = "SH0_DENY_HOSTS", value_delimiter = ',', value_name = "HOST", value_parser = hosts)]
    deny_hosts: Vec<HostPatterns>,
    /// How long a client may take nothing of an answer that is there
    #[arg(long, env = "SH0_CLIENT_STALL_TIMEOUT", default_value = "1h", value_parser = interval, value_name = "TIME")]
    client_stall_timeout: Duration,
    /// Longest header of a request
    #[arg(long, env = "SH0_CLIENT_HEADER_MAX", default_value = "32KiB", value_parser = header_bytes, value_name = "SIZE")]
    client_header_max: u32,
    /// Let labels claim the host `*`
    #[arg(long, env = "SH0_ALLOW_CATCH_ALL")]
    allow_catch_all: bool,
    /// Let labels hold Caddy handlers in JSON, which can do whatever Caddy can
    #[arg(long, env = "SH0_ALLOW_RAW_CADDY")]
    allow_raw_caddy: bool,
    /// Let `auth.forward` ask any URL, not only apps
    #[arg(long, env = "SH0_ALLOW_AUTH_URLS")]
    allow_auth_urls: bool,
    /// How the config says where a container is
    #[arg(long, env = "SH0_UPSTREAMS", value_enum, default_value = "slots")]
    upstreams: Upstreams,
    /// Whether hosts share routes in Caddy's config, which is faster with many
    #[arg(long, env = "SH0_GROUP_HOSTS", value_enum, default_value = "auto")]
    group_hosts: GroupHosts,
    /// Let Caddy count requests, and show its metrics at `/metrics/caddy` of the status socket
    #[arg(long, env = "SH0_CADDY_METRICS")]
    caddy_metrics: bool,
    /// Requests that may wait for one app while it has no ready container
    #[arg(long, env = "SH0_HOLD_APP_MAX", default_value_t = 1_024, value_parser = waiting, value_name = "COUNT")]
    hold_app_max: usize,
    /// Requests that may wait in all
    #[arg(long, env = "SH0_HOLD_MAX", default_value_t = 16_384, value_parser = waiting, value_name = "COUNT")]
    hold_max: usize,
    /// Quiet time after a change before the next load
    #[arg(long, env = "SH0_DEBOUNCE_QUIET", default_value = "50ms", value_parser = duration, value_name = "TIME")]
    debounce_quiet: Duration,
    /// Longest time that a change waits for quiet
    #[arg(long, env = "SH0_DEBOUNCE_MAX_WAIT", default_value = "250ms", value_parser = duration, value_name = "TIME")]
    debounce_max_wait: Duration,
    /// From one unprompted look at Docker to the next
    #[arg(long, env = "SH0_RESYNC_INTERVAL", default_value = "60s", value_parser = interval, value_name = "TIME")]
    resync_interval: Duration,
    /// From asking Caddy to stop to killing it
    #[arg(long, env = "SH0_STOP_TIMEOUT", default_value = "5s", value_parser = duration, value_name = "TIME")]
    stop_timeout: Duration,
    /// How long connections of an old config may finish their requests
    #[arg(long, env = "SH0_GRACE_PERIOD", default_value = "30s", value_parser = duration, value_name = "TIME")]
    grace_period: Duration,
    /// How long websockets outlive the config under which they were opened
    #[arg(long, env = "SH0_STREAM_CLOSE_DELAY", default_value = "24h", value_parser = duration, value_name = "TIME")]
    stream_close_delay: Duration,
    #[command(flatten)]
    status: StatusArgs,
}

/// The settings that decide what labels mean, whoever reads them.
const RULES: [&str; 11] = [
    "network",
    "label_prefix",
    "http_port",
    "https_port",
    "dns_provider",
    "default_tls",
    "allow_hosts",
    "deny_hosts",
    "allow_catch_all",
    "allow_raw_caddy",
    "allow_auth_urls",
];

/// Leaves the other settings out of the help of a command for which they decide nothing.
pub(super) fn only_rules(argument: Arg) -> Arg {
    only(&[], argument)
}

/// The same for a command that looks into the agent's directories, too.
pub(super) fn only_rules_and_folders(argument: Arg) -> Arg {
    only(&["state_dir", "runtime_dir", "profile"], argument)
}

fn only(more: &[&str], argument: Arg) -> Arg {
    let id = argument.get_id().as_str();
    let is_setting = argument.get_env().is_some();
    let is_hidden = is_setting && !RULES.contains(&id) && !more.contains(&id);
    argument.hide(is_hidden)
}

impl From<SettingsArgs> for Settings {
    fn from(args: SettingsArgs) -> Self {
        let (docker, docker_tls, docker_certificates) = args.docker.engine();
        Self {
            docker,
            docker_tls,
            docker_certificates,
            network: args.network,
            label_prefix: args.label_prefix,
            http_port: args.http_port,
            https_port: args.https_port,
            listen: args.listen,
            acme: AcmeOptions {
                email: said(args.acme_email),
                ca: args.acme_ca,
                ca_root: args.acme_ca_root,
                external_account: { said(args.acme_eab_key_id) }
                    .zip(said(args.acme_eab_hmac))
                    .map(|(key_id, hmac)| ExternalAccountKey { key_id, hmac }),
                dns_provider: args.dns_provider,
            },
            on_demand_names_max: args.on_demand_names_max,
            default_tls: args.default_tls,
            certificates: args.certificates,
            state_dir: args.state_dir,
            runtime_dir: args.runtime_dir,
            caddy_user: args.caddy_user.and_then(|user| user.0),
            caddy: args.caddy,
            trusted_proxies: { args.trusted_proxies.into_iter() }
                .flat_map(|proxies| proxies.0)
                .collect(),
            clients: ClientLimits {
                stall_timeout: args.client_stall_timeout,
                header_bytes_max: args.client_header_max,
                ..ClientLimits::default()
            },
            permits: Permits {
                catch_all: args.allow_catch_all,
                raw_caddy: args.allow_raw_caddy,
                auth_urls: args.allow_auth_urls,
                allowed_hosts: { args.allow_hosts.into_iter() }
                    .filter_map(|host| host.0)
                    .collect(),
                denied_hosts: { args.deny_hosts.into_iter() }
                    .filter_map(|host| host.0)
                    .collect(),
                own: None,
            },
            upstreams: match args.upstreams {
                Upstreams::Direct => UpstreamsMode::Direct,
                Upstreams::Slots => UpstreamsMode::Slots,
            },
            grouping: args.group_hosts.into(),
            caddy_metrics: args.caddy_metrics,
            hold: HoldBounds {
                pool_waiting_max: args.hold_app_max,
                waiting_max: args.hold_max,
            },
            debounce: DebounceOptions {
                quiet: args.debounce_quiet,
                max_wait: args.debounce_max_wait,
            },
            resync_interval: args.resync_interval,
            stop_timeout: args.stop_timeout,
            grace_period: args.grace_period,
            stream_close_delay: args.stream_close_delay,
            status: args.status.options(),
        }
    }
}

/// An empty environment variable, as compose files pass on, says nothing.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cidr;

    #[derive(Debug, clap::Parser)]
    struct Flags {
        #[command(flatten)]
        settings: SettingsArgs,
    }

    fn settings(flags: &[&str]) -> Settings {
        let flags = [&["sh0-agent"], flags].concat();
        let flags = <Flags as clap::Parser>::try_parse_from(flags).expect("right flags");
        flags.settings.into()
    }

    #[test]
    fn any_value_asks_for_tls_as_with_dockers_own_command_and_so_does_a_directory() {
        let check = |flags: &[&str], tls: bool, directory: Option<&str>| {
            let settings = settings(flags);
            let found = (settings.docker_tls, settings.docker_certificates);
            assert_eq!(found, (tls, directory.map(PathBuf::from)), "{flags:?}");
        };
        check(&["--docker-tls-verify="], false, None);
        check(&["--docker-tls-verify"], true, None);
        check(&["--docker-tls-verify=0"], true, None);
        check(&["--docker-cert-path", "/c"], true, Some("/c"));
        check(&["--docker-cert-path="], false, None);
    }

    #[test]
    fn trusted_proxies_are_separated_by_commas() {
        let proxies = settings(&["--trusted-proxies", "private, 192.0.2.0/24"]).trusted_proxies;
        assert_eq!(proxies.len(), Cidr::PRIVATE.len() + 1);
        assert_eq!(
            proxies.last().map(ToString::to_string).as_deref(),
            Some("192.0.2.0/24")
        );
    }
}
