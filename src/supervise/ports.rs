//! Who else listens where Caddy should.
//!
//! Owns the reading of `/proc/net/tcp`. It deliberately does not try to bind: Caddy opens its
//! ports with `SO_REUSEPORT`, so another Caddy would not be an error but a silent thief of half
//! the connections, and a bind by us would need Caddy's privileges.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::Listener;

/// `st` of a listening socket (`TCP_LISTEN` of Linux' `include/net/tcp_states.h`).
const LISTEN: &str = "0A";

/// Finds one process that listens on one of `addresses`, or on one that collides with it.
///
/// Reads `/proc` and blocks; a table that cannot be read counts as empty.
#[must_use]
pub fn find_listener(addresses: &[SocketAddr]) -> Option<Listener> {
    let found = look(addresses)?;
    match found.pid {
        Some(_) => Some(found),
        // Closed between the table and the search for its owner: a Caddy under load opens its
        // sockets anew.
        None => look(addresses),
    }
}

fn look(addresses: &[SocketAddr]) -> Option<Listener> {
    let (address, inode) = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .flat_map(|table| listening(&fs::read_to_string(table).unwrap_or_default()))
        .find(|(theirs, _)| addresses.iter().any(|ours| collide(*ours, *theirs)))?;
    let pid = find_owner(&inode);
    Some(Listener {
        address,
        pid,
        program: pid.and_then(program),
    })
}

/// The addresses and inodes of all listening sockets in the text of `/proc/net/tcp` or `tcp6`.
fn listening(table: &str) -> Vec<(SocketAddr, String)> {
    table.lines().skip(1).filter_map(listening_line).collect()
}

/// `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345 …`
fn listening_line(line: &str) -> Option<(SocketAddr, String)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (ip, port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    let address = SocketAddr::new(parse_ip(ip)?, u16::from_str_radix(port, 16).ok()?);
    (state == LISTEN).then(|| (address, inode.to_owned()))
}

/// The kernel prints an address as 32-bit words, each in the machine's byte order.
fn parse_ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        Some(
            u32::from_str_radix(hex.get(at..at + 8)?, 16)
                .ok()?
                .to_ne_bytes(),
        )
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes = <[u8; 16]>::try_from(words.concat()).ok()?;
            Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

/// Whether two listeners get in each other's way. `[::]` is taken to include IPv4, as usual.
fn collide(ours: SocketAddr, theirs: SocketAddr) -> bool {
    let covers =
        |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    let (our_ip, their_ip) = (ours.ip().to_canonical(), theirs.ip());
    ours.port() == theirs.port()
        && (our_ip == their_ip || covers(our_ip, their_ip) || covers(their_ip, our_ip))
}

/// The process that holds the socket, as far as we may look.
fn find_owner(inode: &str) -> Option<u32> {
    let socket = format!("socket:[{inode}]");
    let holds = |pid: &u32| {
        fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|fd| fs::read_link(fd.path()).is_ok_and(|link| link == Path::new(&socket)))
        })
    };
    let entries = fs::read_dir("/proc").ok()?.flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(holds)
}

fn program(pid: u32) -> Option<String> {
    let executable =
        fs::read_link(format!("/proc/{pid}/exe")).map(|path| path.display().to_string());
    executable
        .or_else(|_| {
            fs::read_to_string(format!("/proc/{pid}/comm")).map(|name| name.trim().to_owned())
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn only_listening_sockets_are_read_from_the_tables() {
        let v4 = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5471 1 0 100 0 0 10 0\n   1: 0100007F:1F90 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 5472 1 0 100 0 0 10 0\n";
        let v6 = "  sl  local_address remote_address st …\n   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0 100 0 0 10 0\nrubbish\n";
        if cfg!(target_endian = "little") {
            assert_eq!(
                listening(v4),
                [(
                    "127.0.0.1:8080".parse().expect("an address"),
                    "5471".to_owned()
                )]
            );
        }
        assert_eq!(
            listening(v6),
            [("[::]:80".parse().expect("an address"), "99".to_owned())]
        );
    }

    #[test]
    fn listeners_collide_on_the_same_address_or_on_a_wildcard() {
        for (ours, theirs, expected) in [
            ("0.0.0.0:80", "0.0.0.0:80", true),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("[::]:80", "127.0.0.1:80", true),
            ("10.0.0.1:80", "[::]:80", true),
            ("127.0.0.1:80", "10.0.0.1:80", false),
            ("0.0.0.0:80", "[::1]:80", false),
            ("0.0.0.0:80", "0.0.0.0:81", false),
        ] {
            let parse = |text: &str| text.parse::<SocketAddr>().expect("an address");
            assert_eq!(
                collide(parse(ours), parse(theirs)),
                expected,
                "{ours} {theirs}"
            );
        }
    }

    #[test]
    fn a_listener_is_named_with_its_pid_and_program() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("bound");
        let found = find_listener(&[address]).expect("it listens");
        let own = std::env::current_exe().expect("we run");
        assert_eq!(
            found,
            Listener {
                address,
                pid: Some(std::process::id()),
                program: Some(own.display().to_string())
            }
        );
        drop(socket);
        assert_eq!(find_listener(&[address]), None);
    }
}
