//! The engine's way to write a moment. Pure.

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A moment in the form of RFC 3339, such as `2026-11-26T10:55:58.123Z`, in seconds since 1970.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't'])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    let mut clock = clock.splitn(3, ':');
    let mut number = || clock.next()?.split('.').next()?.parse::<i64>().ok();
    let (hour, minute, second) = (number()?, number()?, number()?);
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && year >= 1970;
    let is_time =
        (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    if !is_date || !is_time {
        return None;
    }
    let local = days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second;
    u64::try_from(local - offset(zone)?).ok()
}

/// Days from 1970 to a date of the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms", `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `Z`, `+01:00` or `-07:30`, in seconds.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let seconds = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
    Some(if sign == "-" { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_any_zone_and_nothing_else_is() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00.123456789Z", Some(951_825_600)),
            ("2026-11-26T11:55:58.5+01:00", Some(1_795_690_558)),
            ("2026-11-26T03:25:58-07:30", Some(1_795_690_558)),
            ("2024-12-31T23:59:60Z", Some(1_735_689_600)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-11-26 10:00:00", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
