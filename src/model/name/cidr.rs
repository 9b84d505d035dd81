//! Ranges of IP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use super::NameError;
use crate::model::{FOUND_CHARS_MAX, shown};

/// A range of IP addresses, `10.0.0.0/8`, with no bit set beyond its length. IPv4 in an IPv6 address
/// (RFC 4291, section 2.5.5.2) is IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    first: IpAddr,
    bits: u8,
}

/// Bits before the IPv4 address in an IPv6 address that holds one.
const MAPPED_BITS: u8 = 96;

impl Cidr {
    /// The ranges that nobody on the internet has: loopback, private and unique local addresses
    /// (RFC 1918, RFC 4193), as Caddy's `private_ranges`.
    pub const PRIVATE: [Self; 6] = [
        Self::v4(192, 168, 16),
        Self::v4(172, 16, 12),
        Self::v4(10, 0, 8),
        Self::v4(127, 0, 8),
        Self {
            first: IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0)),
            bits: 8,
        },
        Self {
            first: IpAddr::V6(Ipv6Addr::LOCALHOST),
            bits: 128,
        },
    ];

    const fn v4(a: u8, b: u8, bits: u8) -> Self {
        Self {
            first: IpAddr::V4(Ipv4Addr::new(a, b, 0, 0)),
            bits,
        }
    }

    /// Parses an address or a range.
    ///
    /// # Errors
    /// What was found instead.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let wrong = || {
            let found = match text {
                "" => "nothing".to_owned(),
                _ => format!("`{}`", shown(text, FOUND_CHARS_MAX)),
            };
            NameError::new("an IP address or a range such as `10.0.0.0/8`", found)
        };
        let (ip, bits) = match text.split_once('/') {
            Some((ip, bits)) => (ip, Some(bits)),
            None => (text, None),
        };
        let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
        let most: u8 = if ip.is_ipv4() { 32 } else { 128 };
        let is_number = bits.is_none_or(|bits| bits.bytes().all(|byte| byte.is_ascii_digit()));
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok());
        let bits = bits.filter(|bits| is_number && *bits <= most);
        let bits = bits.ok_or_else(wrong)?;
        Ok(Self::new(ip, bits))
    }

    fn new(ip: IpAddr, bits: u8) -> Self {
        let mapped = match ip {
            IpAddr::V6(ip) => ip.to_ipv4_mapped().zip(bits.checked_sub(MAPPED_BITS)),
            IpAddr::V4(_) => None,
        };
        let (ip, bits) = mapped.map_or((ip, bits), |(ip, left)| (IpAddr::V4(ip), left));
        Self {
            first: first(ip, bits),
            bits,
        }
    }

    /// Whether every address of `other` is in this range.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let same_kind = self.first.is_ipv4() == other.first.is_ipv4();
        same_kind && self.bits <= other.bits && first(other.first, self.bits) == self.first
    }

    /// The same addresses as they stand in IPv6, where this is IPv4: a client's address may come in
    /// either form from another proxy.
    #[must_use]
    pub fn mapped(&self) -> Option<String> {
        let IpAddr::V4(ip) = self.first else {
            return None;
        };
        Some(format!("::ffff:{ip}/{}", self.bits + MAPPED_BITS))
    }
}

/// The first address of the range around `ip`.
fn first(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & mask))
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl Serialize for Cidr {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_range_and_a_range_begins_at_its_first_address() {
        let parse = |text: &str| Cidr::parse(text).map(|range| range.to_string());
        for (text, range) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("fd00::1", "fd00::1/128"),
            ("2001:DB8:1::/32", "2001:db8::/32"),
            (" 192.0.2.1 ", "192.0.2.1/32"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(range), "{text}");
        }
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "a",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "fe80::1%eth0",
            "::1/129",
            "/8",
            "010.0.0.1",
            "{env.X}",
            "10.0.0.0/8/8",
        ] {
            assert!(Cidr::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_range_covers_what_is_within_it() {
        let parse = |text: &str| Cidr::parse(text).expect("a range");
        let covers = |outer: &str, inner: &str| parse(outer).covers(&parse(inner));
        assert!(covers("10.0.0.0/8", "10.1.0.0/16"));
        assert!(covers("10.0.0.0/8", "10.0.0.0/8"));
        assert!(!covers("10.1.0.0/16", "10.0.0.0/8"));
        assert!(!covers("10.0.0.0/8", "11.0.0.1"));
        assert!(!covers("::/0", "10.0.0.1"));
        let range = parse("10.0.0.0/8").mapped();
        assert_eq!(range.as_deref(), Some("::ffff:10.0.0.0/104"));
    }
}
