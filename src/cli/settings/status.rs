//! Where the status page is, and who may read it.

use std::net::SocketAddr;

use clap::Args;

use crate::model::{Account, HashKind, Hostname};
use crate::status::TcpOptions;

/// The flags of the status page. Their doc comments are the help on the terminal.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Serve the status page over HTTP at this address, such as 127.0.0.1:9180 [default: nowhere]
    #[arg(long, env = "SH0_STATUS", value_name = "IP:PORT", value_parser = address)]
    status: Option<Address>,
    /// User and bcrypt hash as user:hash for the status page, or a file with that
    #[arg(
        long,
        env = "SH0_STATUS_AUTH",
        value_name = "USER:HASH",
        hide_env_values = true,
        value_parser = account
    )]
    status_auth: Option<Visitor>,
    /// Names by which the status page may be asked for, besides IP addresses and localhost
    #[arg(long, env = "SH0_STATUS_HOST", value_delimiter = ',', value_name = "HOST", value_parser = host)]
    status_host: Vec<Name>,
}

// Each is nothing where an environment variable is empty, as compose files pass on one that is not
// set.
#[derive(Debug, Clone)]
struct Address(Option<SocketAddr>);

#[derive(Debug, Clone)]
struct Visitor(Option<Account>);

#[derive(Debug, Clone)]
struct Name(Option<Hostname>);

impl StatusArgs {
    /// Where the page is; `None` is nowhere.
    pub(super) fn options(self) -> Option<TcpOptions> {
        let address = self.status?.0?;
        Some(TcpOptions {
            address,
            account: self.status_auth.and_then(|visitor| visitor.0),
            hosts: { self.status_host.into_iter() }
                .filter_map(|name| name.0)
                .collect(),
            container: None,
        })
    }
}

fn address(text: &str) -> Result<Address, String> {
    if text.is_empty() {
        return Ok(Address(None));
    }
    let wrong = |_| "expected an IP address and a port, such as `127.0.0.1:9180`".to_owned();
    text.parse().map(Some).map(Address).map_err(wrong)
}

/// An account, or the file with it. It is not repeated.
fn account(text: &str) -> Result<Visitor, String> {
    if text.is_empty() {
        return Ok(Visitor(None));
    }
    let read = |path| {
        let read = std::fs::read_to_string(path);
        read.map_err(|error| format!("expected `user:hash` or a file with it: {error}"))
    };
    // Hashes have it, and paths that people choose do not.
    let is_account = text.contains('$') || text.contains(':');
    let said = if is_account {
        text.to_owned()
    } else {
        read(text)?
    };
    let account = Account::parse(&said).map_err(|error| {
        format!(
            "expected `user:hash` with a bcrypt hash, found {}",
            error.found
        )
    })?;
    match account.hash.kind() {
        HashKind::Bcrypt => Ok(Visitor(Some(account))),
        HashKind::Argon2id => Err("expected a bcrypt hash, found an Argon2id one".to_owned()),
    }
}

fn host(text: &str) -> Result<Name, String> {
    if text.trim().is_empty() {
        return Ok(Name(None));
    }
    let name = Hostname::parse(text.trim()).map(Some).map(Name);
    name.map_err(|error| format!("expected {}, found {}", error.expected, error.found))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$04$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[derive(Debug, clap::Parser)]
    struct Flags {
        #[command(flatten)]
        status: StatusArgs,
    }

    fn options(flags: &[&str]) -> Option<TcpOptions> {
        let flags = [&["sh0-agent"], flags].concat();
        let flags = <Flags as clap::Parser>::try_parse_from(flags).expect("right flags");
        flags.status.options()
    }

    #[test]
    fn the_page_is_nowhere_unless_it_is_asked_for() {
        assert_eq!(options(&[]), None);
        assert_eq!(options(&["--status="]), None);
        assert_eq!(options(&["--status-host", "a.example"]), None);
        let options = options(&[
            "--status",
            "[::1]:9180",
            "--status-host=status.example.com,b.example",
            "--status-auth=",
        ]);
        let options = options.expect("it is asked for");
        assert_eq!(options.address.to_string(), "[::1]:9180");
        assert_eq!((options.hosts.len(), options.account), (2, None));
    }

    #[test]
    fn the_account_is_said_or_in_a_file_and_never_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("account");
        std::fs::write(&file, format!("me:{HASH}\n")).expect("written");
        for said in [format!("me:{HASH}"), file.display().to_string()] {
            let options = options(&["--status", "127.0.0.1:1", "--status-auth", &said]);
            let account = options.and_then(|options| options.account);
            let shown = format!("{account:?}");
            assert_eq!(account.map(|account| account.name).as_deref(), Some("me"));
            assert!(!shown.contains("aaaa"), "{shown}");
        }
        let argon =
            "me:$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        for wrong in [
            "me:hunter2-secret",
            "$2b$hunter2-secret",
            "/nowhere/at/all",
            argon,
        ] {
            let error = account(wrong).expect_err("it is wrong");
            assert!(error.starts_with("expected "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_address_has_a_port() {
        for wrong in ["9180", "localhost:9180", "127.0.0.1", "::1"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        assert!(host("https://status.example.com").is_err());
    }
}
