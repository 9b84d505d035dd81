//! Ranges of client addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::{FOUND_CHARS_MAX, NameError, shown};

/// Addresses with the same first bits: `10.0.0.0/8`, `2001:db8::/32`, or one address. What lies
/// behind the prefix is zero, and IPv4 in an IPv6 address (RFC 4291, section 2.5.5.2) is IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressRange {
    network: IpAddr,
    bits: u8,
}

/// Bits before the IPv4 address in an IPv6 address that holds one.
const MAPPED_BITS: u8 = 96;

impl AddressRange {
    /// Parses an address or a range.
    ///
    /// # Errors
    /// What was found instead.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            expected: "addresses such as `10.0.0.0/8` or `2001:db8::1`",
            found: match text.trim() {
                "" => "nothing".to_owned(),
                word => format!("`{}`", shown(word, FOUND_CHARS_MAX)),
            },
        };
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits_max = bits_of(address);
        let bits = match bits {
            None => bits_max,
            Some(bits) => {
                let is_number = (1..=3).contains(&bits.len());
                let is_number = is_number && bits.bytes().all(|byte| byte.is_ascii_digit());
                let number = bits.parse().ok().filter(|_| is_number);
                { number.filter(|bits| *bits <= bits_max) }.ok_or_else(wrong)?
            }
        };
        Ok(Self::new(address, bits))
    }

    fn new(address: IpAddr, bits: u8) -> Self {
        let (address, bits) = match (address, bits.checked_sub(MAPPED_BITS)) {
            (IpAddr::V6(v6), Some(left)) => match v6.to_ipv4_mapped() {
                Some(v4) => (IpAddr::V4(v4), left),
                None => (address, bits),
            },
            (_, _) => (address, bits),
        };
        let network = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(u32::from(32 - bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(u32::from(128 - bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
        };
        Self { network, bits }
    }

    /// Whether every address of `other` is in this range.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let same_kind = self.network.is_ipv4() == other.network.is_ipv4();
        same_kind
            && self.bits <= other.bits
            && Self::new(other.network, self.bits).network == self.network
    }

    /// The same addresses as they stand in IPv6, where this is IPv4: a client's address may come in
    /// either form from another proxy.
    #[must_use]
    pub fn mapped(&self) -> Option<String> {
        let IpAddr::V4(v4) = self.network else {
            return None;
        };
        Some(format!("::ffff:{v4}/{}", self.bits + MAPPED_BITS))
    }
}

fn bits_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> String {
        AddressRange::parse(text).map_or_else(|error| error.found, |range| range.to_string())
    }

    #[test]
    fn a_range_is_shown_by_its_first_address() {
        assert_eq!(range("10.1.2.3/8"), "10.0.0.0/8");
        assert_eq!(range(" 192.0.2.1 "), "192.0.2.1/32");
        assert_eq!(range("0.0.0.0/0"), "0.0.0.0/0");
        assert_eq!(range("2001:DB8::1/32"), "2001:db8::/32");
        assert_eq!(range("::/0"), "::/0");
    }

    #[test]
    fn ipv4_in_ipv6_is_ipv4() {
        assert_eq!(range("::ffff:10.1.2.3"), "10.1.2.3/32");
        assert_eq!(range("::ffff:10.1.2.3/104"), "10.0.0.0/8");
        let range = AddressRange::parse("10.0.0.0/8").expect("a range");
        assert_eq!(range.mapped().as_deref(), Some("::ffff:10.0.0.0/104"));
    }

    #[test]
    fn what_is_no_range_is_named() {
        for wrong in [
            "10.0.0.0/33",
            "10.0.0",
            "::1/129",
            "fe80::1%eth0",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "{env.HOME}",
            "/8",
            "010.0.0.1",
        ] {
            assert_eq!(range(wrong), format!("`{wrong}`"));
        }
        assert_eq!(range(" "), "nothing");
    }

    #[test]
    fn a_range_covers_what_is_within_it() {
        let covers = |outer: &str, inner: &str| {
            let parse = |text| AddressRange::parse(text).expect("a range");
            parse(outer).covers(&parse(inner))
        };
        assert!(covers("10.0.0.0/8", "10.1.0.0/16"));
        assert!(covers("10.0.0.0/8", "10.0.0.0/8"));
        assert!(!covers("10.1.0.0/16", "10.0.0.0/8"));
        assert!(!covers("10.0.0.0/8", "11.0.0.1"));
        assert!(!covers("::/0", "10.0.0.1"));
    }
}
