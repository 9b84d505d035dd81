//! Readers of the values of labels that protect, and of pages.

use super::{list, not_one_of};
use crate::model::{Account, Cidr, NameError, is_path};

/// Accounts of one route: each is a check that costs time, and a file of users is not a label.
const ACCOUNTS_MAX: usize = 100;

/// Ranges of client addresses.
pub(in crate::labels) fn address_ranges(text: &str) -> Result<Vec<Cidr>, NameError> {
    list(text, Cidr::parse)
}

/// `user:hash` pairs of one kind of hash. Nothing of them is repeated in an error.
pub(in crate::labels) fn accounts(text: &str) -> Result<Vec<Account>, NameError> {
    let wrong = |found: String| NameError {
        expected: "`user:hash` pairs with a bcrypt or Argon2id hash",
        found,
    };
    let items = pairs(text);
    if items.len() > ACCOUNTS_MAX {
        let count = items.len();
        return Err(wrong(format!(
            "{count} pairs, at most {ACCOUNTS_MAX} are allowed"
        )));
    }
    let mut accounts: Vec<Account> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let place = index + 1;
        let account = Account::parse(item).map_err(|error| NameError {
            found: format!("{} (pair {place})", error.found),
            ..error
        })?;
        if accounts.iter().any(|other| other.name == account.name) {
            return Err(wrong(format!("the user of pair {place} twice")));
        }
        if accounts
            .iter()
            .any(|other| other.hash.kind() != account.hash.kind())
        {
            return Err(wrong(
                "bcrypt and Argon2id hashes mixed, which Caddy cannot check together".to_owned(),
            ));
        }
        accounts.push(account);
    }
    Ok(accounts)
}

/// Cut at the commas between users, not at those within an Argon2id hash.
fn pairs(text: &str) -> Vec<String> {
    let mut pairs: Vec<String> = Vec::new();
    for part in text.split(',') {
        let is_cut = |pair: &&mut String| {
            pair.contains("$argon2id$") && pair.matches('$').count() < 5 && !part.contains(':')
        };
        match pairs.last_mut().filter(is_cut) {
            Some(pair) => {
                pair.push(',');
                pair.push_str(part);
            }
            None => pairs.push(part.to_owned()),
        }
    }
    pairs
}

/// The largest size: no request is longer, and Caddy counts in 63 bits.
const SIZE_MAX: u64 = 1 << 50;

/// A size from 1 byte on: `512KB`, `10MB`, `1GiB`, or bytes.
pub(crate) fn size(text: &str) -> Result<u64, NameError> {
    let expected = "a size such as `512KB`, `10MB` or `1GB`";
    let digits = text.trim().bytes().take_while(u8::is_ascii_digit).count();
    let parts = text.trim().split_at_checked(digits);
    let parsed = parts.and_then(|(number, unit)| {
        let bytes: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" => 1_000,
            "m" | "mb" => 1_000_000,
            "g" | "gb" => 1_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(bytes)
    });
    let size = parsed.filter(|size| (1..=SIZE_MAX).contains(size));
    size.ok_or_else(|| not_one_of(expected, text))
}

/// A status that may have a page of its own.
pub(in crate::labels) fn error_status(text: &str) -> Option<u16> {
    let is_number = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let status = text.parse().ok().filter(|_| is_number);
    status.filter(|status| (400..=599).contains(status))
}

/// The path of a page.
pub(in crate::labels) fn page(text: &str) -> Result<String, NameError> {
    let path = Some(text.trim()).filter(|path| is_path(path));
    let path = path.map(str::to_owned);
    path.ok_or_else(|| not_one_of("a path such as `/404.html`", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("10MB"), Ok(10_000_000));
        assert_eq!(size(" 1 KiB "), Ok(1024));
        assert_eq!(size("7"), Ok(7));
        for wrong in [
            "",
            "0",
            "-1",
            "MB",
            "1.5MB",
            "1TB",
            "99999999999GB",
            "18446744073709551615GB",
        ] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn commas_within_a_hash_part_no_users() {
        let text = "a:$argon2id$v=19$m=1,t=2,p=3$x$y, b:$2a$z";
        assert_eq!(
            pairs(text),
            ["a:$argon2id$v=19$m=1,t=2,p=3$x$y", " b:$2a$z"]
        );
    }
}
