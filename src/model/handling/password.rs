//! Names and the hashes of passwords, as strict as the modules of Caddy that check them.
//!
//! No hash is ever shown, and no error repeats a part of one.

use std::fmt;

use crate::model::NameError;

/// How a password is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashKind {
    /// bcrypt.
    Bcrypt,
    /// Argon2id.
    Argon2id,
}

/// The hash of a password, in the form that begins with `$`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    kind: HashKind,
    text: String,
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}(hidden)", self.kind)
    }
}

/// Who may ask, with what password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Letters, digits and `-_.@+`.
    pub name: String,
    /// The password's hash.
    pub hash: PasswordHash,
}

/// Longest name of a user, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The whole length of a bcrypt hash: `$2b$`, the cost, `$`, 22 characters of salt and 31 of hash.
const BCRYPT_BYTES: usize = 60;
/// What bcrypt can do at least, and what costs about a second of a processor at each wrong
/// password: each step doubles it, and anybody may try one. Caddy's own default.
const BCRYPT_COST: std::ops::RangeInclusive<u32> = 4..=14;
/// The memory of one check, in KiB: each request that tries a password takes so much.
const ARGON2_MEMORY_KIB_MAX: u32 = 64 * 1024;
/// The rounds of one check: with the most memory about a second of a processor.
const ARGON2_ROUNDS: std::ops::RangeInclusive<u32> = 1..=10;
/// The lanes of one check.
const ARGON2_LANES: std::ops::RangeInclusive<u32> = 1..=16;
/// Bytes of salt and hash: RFC 9106, section 3.1, and far above what tools make.
const ARGON2_SALT_BYTES: std::ops::RangeInclusive<usize> = 8..=64;
const ARGON2_HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

const EXPECTED: &str = "`user:hash` pairs with a bcrypt or Argon2id hash";

impl Account {
    /// Parses `user:hash`.
    ///
    /// # Errors
    /// What is wrong, without repeating any of it: where the parts are mixed up, a name may be a
    /// hash or a password.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let Some((name, hash)) = text.trim().split_once(':') else {
            return Err(wrong("a user without a `:`"));
        };
        let name = name.trim_end();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
        if name.is_empty() {
            return Err(wrong("no name before the `:`"));
        }
        if name.len() > NAME_BYTES_MAX || !name.chars().all(allowed) {
            return Err(wrong(
                "a name of other characters than letters, digits and `-_.@+`",
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            hash: PasswordHash::parse(hash.trim())?,
        })
    }
}

impl PasswordHash {
    /// How it is hashed.
    #[must_use]
    pub fn kind(&self) -> HashKind {
        self.kind
    }

    /// The whole text. It is a secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.text
    }

    fn parse(text: &str) -> Result<Self, NameError> {
        if text.starts_with("$$") {
            return Err(wrong(
                "`$$`, which stands for `$` in compose files only: here it is `$`",
            ));
        }
        let kind = match text.split('$').nth(1) {
            Some("2a" | "2b" | "2y") => check_bcrypt(text).map(|()| HashKind::Bcrypt),
            Some("argon2id") => check_argon2id(text).map(|()| HashKind::Argon2id),
            _ => Err(wrong(
                "another hash (in compose files every `$` of a hash is written `$$`)",
            )),
        };
        Ok(Self {
            kind: kind?,
            text: text.to_owned(),
        })
    }
}

fn wrong(found: &str) -> NameError {
    NameError {
        expected: EXPECTED,
        found: found.to_owned(),
    }
}

/// As golang.org/x/crypto/bcrypt reads it (`newFromHash`), and no less than a whole hash.
fn check_bcrypt(text: &str) -> Result<(), NameError> {
    let parts: Vec<&str> = text.split('$').collect();
    let ["", _, cost, rest] = parts.as_slice() else {
        return Err(wrong(
            "a bcrypt hash of other parts than version, cost and hash",
        ));
    };
    if text.len() != BCRYPT_BYTES || cost.len() != 2 {
        return Err(wrong(
            "a bcrypt hash of another length than 60 characters (in compose files every `$` of a \
             hash is written `$$`)",
        ));
    }
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "./".contains(c);
    if !rest.chars().all(is_base64) {
        return Err(wrong(
            "a character in a bcrypt hash that is not of its base64",
        ));
    }
    match number(cost) {
        Some(cost) if BCRYPT_COST.contains(&cost) => Ok(()),
        Some(_) | None => Err(wrong("a bcrypt hash whose cost is not from 4 to 14")),
    }
}

/// As Caddy reads it (`DecodeHash` in modules/caddyhttp/caddyauth/argon2id.go).
fn check_argon2id(text: &str) -> Result<(), NameError> {
    let parts: Vec<&str> = text.split('$').collect();
    let ["", _, "v=19", costs, salt, hash] = parts.as_slice() else {
        return Err(wrong(
            "an Argon2id hash of another form than `$argon2id$v=19$m=…,t=…,p=…$salt$hash`",
        ));
    };
    let costs: Vec<&str> = costs.split(',').collect();
    let cost = |text: &str, name: &str| number(text.strip_prefix(name)?);
    let costs = match costs.as_slice() {
        [m, t, p] => (cost(m, "m="), cost(t, "t="), cost(p, "p=")),
        _ => (None, None, None),
    };
    let (Some(memory), Some(rounds), Some(lanes)) = costs else {
        return Err(wrong("an Argon2id hash without `m=…,t=…,p=…`"));
    };
    if !ARGON2_ROUNDS.contains(&rounds) || !ARGON2_LANES.contains(&lanes) {
        return Err(wrong(
            "an Argon2id hash whose `t` is not from 1 to 10 or `p` from 1 to 16",
        ));
    }
    if !(8 * lanes..=ARGON2_MEMORY_KIB_MAX).contains(&memory) {
        return Err(wrong(
            "an Argon2id hash whose `m` is not from 8 times `p` to 65536",
        ));
    }
    let fits = |text: &str, bytes: &std::ops::RangeInclusive<usize>| {
        unpadded_base64_bytes(text).is_some_and(|count| bytes.contains(&count))
    };
    if !fits(salt, &ARGON2_SALT_BYTES) || !fits(hash, &ARGON2_HASH_BYTES) {
        return Err(wrong("an Argon2id hash that is cut or damaged"));
    }
    Ok(())
}

fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// How many bytes a text of base64 without padding (RFC 4648, section 4) stands for; `None` when it
/// is none, or has bits left over that are not zero.
fn unpadded_base64_bytes(text: &str) -> Option<usize> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let values: Option<Vec<u8>> = text.bytes().map(value).collect();
    let values = values?;
    let last = values.last().copied().unwrap_or_default();
    let left_over = match values.len() % 4 {
        0 => 0,
        2 => last & 0b1111,
        3 => last & 0b11,
        _ => return None,
    };
    (left_over == 0).then_some(values.len() * 3 / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2a$14$X3ulqf/iGxnf1k6oMZ.RZeJUoqI9PX2PM4rS5lkIKJXduLGXGPrt6";
    const ARGON2: &str = "$argon2id$v=19$m=47104,t=1,p=1$P2nzckEdTZ3bxCiBCkRTyA$\
                          xQL3Z32eo5jKl7u5tcIsnEKObYiyNZQQf5/4sAau6Pg";

    fn found(hash: &str) -> String {
        let parsed = Account::parse(&format!("ada:{hash}"));
        parsed.map_or_else(|error| error.found, |account| format!("{:?}", account.hash))
    }

    #[test]
    fn hashes_that_caddy_can_check_are_taken_and_never_shown() {
        assert_eq!(found(BCRYPT), "Bcrypt(hidden)");
        assert_eq!(found(&BCRYPT.replacen("2a", "2y", 1)), "Bcrypt(hidden)");
        assert_eq!(found(ARGON2), "Argon2id(hidden)");
    }

    #[test]
    fn a_hash_that_costs_too_much_is_not_taken() {
        for cost in ["03", "15", "31", "99", "4x", "+9"] {
            let hash = BCRYPT.replacen("14", cost, 1);
            assert_eq!(found(&hash), "a bcrypt hash whose cost is not from 4 to 14");
        }
        for memory in ["7", "65537", "4294967295", "99999999999"] {
            let hash = ARGON2.replacen("47104", memory, 1);
            assert!(found(&hash).starts_with("an Argon2id hash w"), "{memory}");
        }
        for (from, to) in [
            ("t=1", "t=0"),
            ("t=1", "t=11"),
            ("p=1", "p=0"),
            ("p=1", "p=17"),
        ] {
            assert!(found(&ARGON2.replacen(from, to, 1)).contains("`t`"), "{to}");
        }
    }

    #[test]
    fn a_damaged_hash_is_not_taken_and_not_repeated() {
        for wrong in [
            "",
            "secret",
            "$1$abc$def",
            "$2x$14$abc",
            "$2a$14$short",
            "$$2a$$14$$abc",
            "$argon2i$v=19$",
            "$argon2id$v=16$m=1,t=1,p=1$a$b",
            "{env.HOME}",
            "$2a$14$",
        ] {
            let said = found(wrong);
            assert!(wrong.len() < 4 || !said.contains(wrong), "{said}");
            assert!(!said.contains("hidden"), "{wrong}");
        }
        assert_eq!(
            found(&BCRYPT.replace('Z', "{")),
            "a character in a bcrypt hash that is not of its base64"
        );
        let cut = ARGON2.strip_suffix('g').expect("its last letter");
        assert_eq!(found(cut), "an Argon2id hash that is cut or damaged");
        let bits_left = ARGON2.replace("6Pg", "6Ph");
        assert_eq!(found(&bits_left), "an Argon2id hash that is cut or damaged");
    }

    #[test]
    fn names_have_no_surprises() {
        let parse = |text: &str| Account::parse(text).map_err(|error| error.found);
        assert!(parse(&format!(" ada@example.com:{BCRYPT} ")).is_ok());
        for wrong in [
            BCRYPT.to_owned(),
            format!(":{BCRYPT}"),
            format!("{{env.X}}:{BCRYPT}"),
            format!("a b:{BCRYPT}"),
        ] {
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
    }
}
