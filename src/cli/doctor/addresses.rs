//! The addresses of this machine, as the kernel lists them.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All of them, but the loopback's.
pub(super) fn own() -> BTreeSet<IpAddr> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let v4 = v4(&read("/proc/net/fib_trie")).into_iter().map(IpAddr::V4);
    let v6 = v6(&read("/proc/net/if_inet6")).into_iter().map(IpAddr::V6);
    v4.chain(v6).filter(|ip| !ip.is_loopback()).collect()
}

/// Whether anybody on the internet could reach it.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let is_shared = ip.octets()[0] == 100 && (ip.octets()[1] & 0xc0) == 64;
            let is_local = ip.is_private() || ip.is_loopback() || ip.is_link_local();
            !(is_local || is_shared || ip.is_documentation() || ip.is_unspecified())
        }
        IpAddr::V6(ip) => (ip.segments()[0] & 0xe000) == 0x2000,
    }
}

/// `|-- 10.0.0.5` and below it `/32 host LOCAL`.
fn v4(trie: &str) -> BTreeSet<Ipv4Addr> {
    let mut last: Option<Ipv4Addr> = None;
    let mut found = BTreeSet::new();
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(last);
        }
    }
    found
}

/// `fe80000000000000025056fffec00008 02 40 20 80 eth0`.
fn v6(table: &str) -> BTreeSet<Ipv6Addr> {
    let address = |line: &str| u128::from_str_radix(line.split(' ').next()?, 16).ok();
    table
        .lines()
        .filter_map(address)
        .map(Ipv6Addr::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_the_kernels_tables() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.5\n        /32 host LOCAL\n     |-- 10.0.0.0\n        /24 link UNICAST\n     |-- 10.0.0.255\n        /32 link BROADCAST\n";
        let found: Vec<String> = v4(trie).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.5"]);
        let table = "20010db8000000000000000000000001 02 40 00 80 eth0\nrubbish\n";
        let found: Vec<String> = v6(table).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["2001:db8::1"]);
    }

    #[test]
    fn private_addresses_are_not_public() {
        for (text, expected) in [
            ("8.8.8.8", true),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("2a01:4f8::1", true),
            ("fd00::1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(
                is_public(text.parse().expect("an address")),
                expected,
                "{text}"
            );
        }
    }
}
