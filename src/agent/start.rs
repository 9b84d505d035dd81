//! Checks the machine and starts the tasks.

use std::fs::{File, OpenOptions};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::check::check;
use super::folders;
use super::own::own_container;
use super::ping::AdminPing;
use super::runtime::Runtime;
use super::world::{monitored, world};
use super::{
    Agent, AgentError, Outcome, Stops, certificates, publish_certificates, task, watch_certificates,
};
use crate::access::{Access, Untrusted, UserError, UserName, plain_flags};
use crate::caddy::admin::AdminClient;
use crate::certificates::{CertificateSet, copied_root};
use crate::discovery::{Docker, DockerOptions, EngineError};
use crate::labels::{OwnContainer, Permits};
use crate::model::{ContainerId, Obtainings};
use crate::reconcile::{Channels, Options, Slots, SlotsStartError, reconcile};
use crate::settings::{Settings, UpstreamsMode};
use crate::status::control::Command;
use crate::status::{Monitored, Status, serve, serve_control, serve_tcp};
use crate::supervise::{
    BinaryError, ChildOptions, Phase, Timing, caddy_version, require_module, supervise,
};

/// Orders that wait for the loop: people give them one by one.
const COMMANDS_MAX: usize = 16;

/// Why the agent cannot start. Each has a fix, which [`StartError::help`] says.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A directory cannot be made or written.
    #[error("the {what} directory `{}` cannot be used", .path.display())]
    Directory {
        /// `state` or `runtime`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Somebody else may have put something into a directory, or another in its place.
    #[error("the {what} directory is not safe")]
    Untrusted {
        /// `state` or `runtime`.
        what: &'static str,
        /// Why.
        #[source]
        source: Untrusted,
    },
    /// Caddy cannot run as the user that it is to.
    #[error("Caddy cannot run as `{name}`")]
    CaddyUser {
        /// As it was written.
        name: UserName,
        /// Why.
        #[source]
        source: UserError,
    },
    /// Another agent uses the runtime directory.
    #[error("another sh0-agent uses the runtime directory `{}`", .path.display())]
    Running {
        /// Where.
        path: PathBuf,
    },
    /// There is no usable Caddy.
    #[error("there is no usable Caddy")]
    Caddy(#[source] BinaryError),
    /// The Docker endpoint is of no known form.
    #[error(transparent)]
    Docker(EngineError),
    /// The folders for slots cannot be used.
    #[error("slots cannot be used")]
    Slots(#[source] SlotsStartError),
    /// One port cannot serve both.
    #[error("port {port} is given for HTTP and for HTTPS")]
    SamePort {
        /// The port.
        port: u16,
    },
    /// Sockets in this directory would have paths longer than the system allows.
    #[error("the path of the runtime directory `{}` is too long by {over} characters", .path.display())]
    LongPath {
        /// Where.
        path: PathBuf,
        /// By how many bytes.
        over: usize,
    },
    /// The root that `--acme-ca-root` names cannot be used.
    #[error("the root certificate `{}` {problem}", .path.display())]
    Root {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, as it follows its name.
        problem: String,
    },
}

impl StartError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Directory { what, path, .. } => format!(
                "make it writable for this user (`sudo install -d -o $USER {}`), or choose \
                 another with `--{what}-dir`",
                path.display()
            ),
            Self::Untrusted { source, .. } => source.help().to_owned(),
            Self::CaddyUser { source, .. } => source.help(),
            Self::Running { .. } => {
                "stop the other one, or give this one directories and ports of its own \
                 (`--runtime-dir`, `--state-dir`, `--http-port`, `--https-port`)"
                    .to_owned()
            }
            Self::Caddy(error) => error.help(),
            Self::Docker(error) => error.help(),
            Self::Slots(_) => {
                "choose another directory with `--runtime-dir`, or `--upstreams direct`".to_owned()
            }
            Self::SamePort { .. } => {
                "give them different ports with `--http-port` and `--https-port`".to_owned()
            }
            Self::LongPath { .. } => {
                "sockets need short paths: choose another directory with `--runtime-dir`".to_owned()
            }
            Self::Root { .. } => {
                "name a PEM file with the authority's root with `--acme-ca-root`, or leave it out \
                 when the authority's own HTTPS is publicly trusted"
                    .to_owned()
            }
        }
    }
}

impl Agent {
    /// Checks directories and the Caddy binary, then starts all tasks. Docker and free ports are
    /// not needed for a start: the agent waits for them.
    ///
    /// # Errors
    /// When something is missing that does not come by waiting.
    pub async fn start(mut settings: Settings) -> Result<Self, StartError> {
        check(&settings)?;
        let access = folders::access(&settings).await?;
        folders::runtime(&settings, access)?;
        let lock = lock(&settings.runtime_dir)?;
        folders::others(&settings, access)?;
        copy_root(&mut settings)?;
        let settings = Arc::new(settings);
        let version = caddy_version(&settings.caddy, access.caddy()).await;
        let version = version.map_err(StartError::Caddy)?;
        if let Some(provider) = &settings.acme.dns_provider {
            let module = format!("dns.providers.{}", provider.name());
            let required = require_module(&settings.caddy, access.caddy(), &module).await;
            required.map_err(StartError::Caddy)?;
        }
        let docker = Docker::new(docker_options(&settings)).map_err(StartError::Docker)?;
        info!(
            agent = env!("CARGO_PKG_VERSION"),
            caddy = %version,
            network = %settings.network,
            "Starting."
        );
        for caution in docker.cautions() {
            warn!(help = %caution.help(), "Not safe: {caution}.");
        }
        let slots = match settings.upstreams {
            UpstreamsMode::Direct => None,
            UpstreamsMode::Slots => {
                let opened = Slots::open(&settings.runtime_dir, settings.hold, access);
                Some(opened.map_err(StartError::Slots)?)
            }
        };
        let version = version.to_string();
        Ok(Self::spawn(&settings, access, docker, slots, lock, version))
    }

    fn spawn(
        settings: &Arc<Settings>,
        access: Access,
        docker: Docker,
        slots: Option<Slots>,
        lock: File,
        caddy_version: String,
    ) -> Self {
        let admin = AdminClient::new(settings.admin_socket());
        let (phase, phases) = watch::channel(Phase::Looking);
        let seen_phases = phases.clone();
        let (start_config, start_configs) = watch::channel(None);
        let (status, statuses) = watch::channel(Arc::new(Status::default()));
        let (sets, certificate_sets) = watch::channel(Arc::new(CertificateSet::default()));
        publish_certificates(&sets, certificates(settings));
        let (resync, resyncs) = mpsc::channel(1);
        let (commands, ordered) = mpsc::channel(COMMANDS_MAX);
        let stops = Stops::default();
        let monitored = monitored(settings, &admin);
        let obtainings = watch::Sender::default();
        let channels = Channels {
            phase: phases,
            start_config,
            certificates: certificate_sets,
            resync: resyncs,
            commands: ordered,
            status,
            obtainings: obtainings.subscribe(),
            metrics: Arc::clone(&monitored.metrics),
            stop: stops.reconcile.clone(),
        };
        let world = world(settings, docker, admin.clone(), slots);
        let state = world.store.load();
        let own = own_container(settings);
        let page = own.as_ref().map(|own| own.id.clone());
        let options = loop_options(settings, own, caddy_version);
        let child = child_options(settings, access, obtainings);
        let (stop, abort) = (stops.supervise.clone(), stops.kill_caddy.clone());
        let (ping, leave) = (AdminPing(admin), stops.leave_caddy.clone());
        let supervised =
            async move { supervise(child, ping, start_configs, phase, stop, abort, leave).await };
        let (watched, stop) = (Arc::clone(settings), stops.status.clone());
        let mut tasks: JoinSet<Outcome> = JoinSet::new();
        tasks.spawn(async move {
            // Too large to lie on the stack of whoever spawns it.
            Box::pin(reconcile(world, options, state, channels)).await;
            ("reconcile", Ok(()))
        });
        tasks.spawn(task("supervise", supervised, AgentError::Supervise));
        spawn_status(
            &mut tasks, settings, page, &statuses, &monitored, commands, &stops,
        );
        tasks.spawn(async move {
            watch_certificates(watched, sets, stop).await;
            ("certificates", Ok(()))
        });
        let runtime = Runtime::new(settings, access, lock);
        let stop = stops.status.clone();
        tasks.spawn(async move {
            runtime.keep(seen_phases, stop).await;
            ("runtime", Ok(()))
        });
        Self {
            status: statuses,
            resync,
            tasks,
            stops,
            stop_timeout: settings.stop_timeout,
        }
    }
}

/// Serves the status on its socket, and over TCP where that is asked for; and takes orders.
fn spawn_status(
    tasks: &mut JoinSet<Outcome>,
    settings: &Settings,
    own: Option<ContainerId>,
    statuses: &watch::Receiver<Arc<Status>>,
    monitored: &Monitored,
    commands: mpsc::Sender<Command>,
    stops: &Stops,
) {
    let (socket, control) = (settings.status_socket(), settings.control_socket());
    let (latest, watched) = (statuses.clone(), monitored.clone());
    let stop = stops.status.clone();
    let served = async move {
        let status = serve(&socket, latest, watched, stop.clone());
        let orders = serve_control(&control, commands, stop);
        tokio::try_join!(status, orders).map(drop)
    };
    tasks.spawn(task("status", served, AgentError::Status));
    let Some(mut options) = settings.status.clone() else {
        return;
    };
    options.container = own;
    let (dir, latest) = (settings.runtime_dir.clone(), statuses.clone());
    let (stop, watched) = (stops.status.clone(), monitored.clone());
    let served = async move { serve_tcp(options, &dir, latest, watched, stop).await };
    tasks.spawn(task("status page", served, AgentError::Status));
}

/// A Caddy of another user may not be able to read the file that a person names, so it gets a copy.
fn copy_root(settings: &mut Settings) -> Result<(), StartError> {
    let copies = settings.certificate_copies();
    let Some(path) = settings.acme.ca_root.as_mut() else {
        return Ok(());
    };
    *path = copied_root(path, &copies).map_err(|problem| StartError::Root {
        path: path.clone(),
        problem,
    })?;
    Ok(())
}

/// Takes the lock of the runtime directory; the system gives it back when the process ends,
/// however it ends.
pub(super) fn lock(runtime_dir: &Path) -> Result<File, StartError> {
    let path = runtime_dir.join("agent.lock");
    let wrong = |source| StartError::Directory {
        what: "runtime",
        path: runtime_dir.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(plain_flags())
        .open(&path);
    let file = file.map_err(wrong)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::Running {
            path: runtime_dir.to_owned(),
        }),
        Err(std::fs::TryLockError::Error(source)) => Err(wrong(source)),
    }
}

/// Which engine the settings name.
pub(crate) fn docker_options(settings: &Settings) -> DockerOptions {
    DockerOptions {
        endpoint: settings.docker.clone(),
        tls: settings.docker_tls,
        certificates: settings.docker_certificates.clone(),
        label_prefix: settings.label_prefix.clone(),
    }
}

/// Every address and port at which Caddy listens.
pub(crate) fn listen_addresses(settings: &Settings) -> Vec<SocketAddr> {
    let listen = match settings.listen.as_slice() {
        [] => vec![IpAddr::V6(Ipv6Addr::UNSPECIFIED)],
        some => some.to_vec(),
    };
    let ports = [settings.http_port, settings.https_port];
    let addresses = listen
        .iter()
        .flat_map(|ip| ports.map(|port| SocketAddr::new(*ip, port)));
    addresses.collect()
}

fn child_options(
    settings: &Settings,
    access: Access,
    obtainings: watch::Sender<Arc<Obtainings>>,
) -> ChildOptions {
    ChildOptions {
        obtainings,
        binary: settings.caddy.clone(),
        user: access.caddy(),
        admin_socket: settings.admin_socket(),
        pid_file: settings.caddy_record(),
        log_file: settings.caddy_log(),
        home_dir: settings.storage_dir(),
        listen: listen_addresses(settings),
        timing: Timing {
            stop_timeout: settings.stop_timeout,
            ..Timing::default()
        },
    }
}

fn loop_options(settings: &Settings, own: Option<OwnContainer>, caddy_version: String) -> Options {
    Options {
        prefix: settings.label_prefix.clone(),
        network: settings.network.clone(),
        default_tls: settings.default_tls,
        permits: Permits {
            own,
            ..settings.permits.clone()
        },
        render: settings.render_options(),
        debounce: settings.debounce,
        resync_interval: settings.resync_interval,
        caddy_version,
    }
}
