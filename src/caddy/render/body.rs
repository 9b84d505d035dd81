//! The length of a request's body.

use std::collections::BTreeMap;

use super::chain::gate;
use super::handlers::page;
use crate::caddy::config::{Handler, Matcher, Pattern, RequestBody};

/// The answer for a body that is too long.
pub(super) fn too_long() -> Handler {
    page(413, "The body of the request is too long for this site.\n")
}

/// Turns away bodies that say that they are longer, before anybody is bothered with them, and cuts
/// those that turn out to be.
pub(super) fn limit(bytes_max: Option<u64>) -> Vec<Handler> {
    let Some(max_size) = bytes_max else {
        return Vec::new();
    };
    let says_longer = Pattern {
        pattern: number_above(max_size),
    };
    let matcher = Matcher {
        header_regexp: BTreeMap::from([("Content-Length".to_owned(), says_longer)]),
        ..Matcher::default()
    };
    vec![
        gate(vec![matcher], too_long()),
        Handler::RequestBody(RequestBody { max_size }),
    ]
}

/// A pattern of the numbers above this one: those with more digits, and those that first differ by
/// a larger digit.
fn number_above(number: u64) -> String {
    let digits = number.to_string();
    let mut alternatives = vec![format!("[1-9][0-9]{{{},}}", digits.len())];
    let mut same = String::new();
    for (index, digit) in digits.char_indices() {
        let left = digits.len() - index - 1;
        match digit.to_digit(10) {
            Some(8) => alternatives.push(format!("{same}9[0-9]{{{left}}}")),
            Some(digit) if digit < 8 => {
                alternatives.push(format!("{same}[{}-9][0-9]{{{left}}}", digit + 1));
            }
            Some(_) | None => {}
        }
        same.push(digit);
    }
    format!("^0*(?:{})$", alternatives.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_of_larger_numbers_goes_digit_by_digit() {
        assert_eq!(
            number_above(1_089),
            "^0*(?:[1-9][0-9]{4,}|[2-9][0-9]{3}|1[1-9][0-9]{2}|109[0-9]{1})$"
        );
        assert_eq!(number_above(9), "^0*(?:[1-9][0-9]{1,})$");
    }
}
