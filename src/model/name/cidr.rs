//! Ranges of IP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use super::NameError;
use crate::model::{FOUND_CHARS_MAX, shown};

/// A range of IP addresses, `10.0.0.0/8`, with no bit set beyond its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    first: IpAddr,
    bits: u8,
}

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
        // Caddy compares the two families apart, so such a range would match nobody.
        let is_mapped = matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
        let most: u8 = if ip.is_ipv4() { 32 } else { 128 };
        let is_number = bits.is_none_or(|bits| bits.bytes().all(|byte| byte.is_ascii_digit()));
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok());
        let bits = bits.filter(|bits| is_number && !is_mapped && *bits <= most);
        let bits = bits.ok_or_else(wrong)?;
        Ok(Self {
            first: first(ip, bits),
            bits,
        })
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
            ("2001:db8:1::/32", "2001:db8::/32"),
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
            "::ffff:10.0.0.1",
            "{env.X}",
            "10.0.0.0/8/8",
        ] {
            assert!(Cidr::parse(wrong).is_err(), "{wrong}");
        }
    }
}
