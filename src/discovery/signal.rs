//! Names of signals, as images and compose files write them, to their numbers on Linux (signal(7)).

/// The first real-time signal that is free for programs: glibc keeps two of the kernel's 32.
const REALTIME_MIN: i32 = 34;
/// The last one.
const REALTIME_MAX: i32 = 64;

/// The number of `15`, `TERM`, `SIGTERM` or `SIGRTMIN+3`; `None` for anything else.
pub(super) fn number(text: &str) -> Option<i32> {
    let text = text.trim().to_ascii_uppercase();
    if let Ok(number) = text.parse::<i32>() {
        return (1..=REALTIME_MAX).contains(&number).then_some(number);
    }
    let name = text.strip_prefix("SIG").unwrap_or(&text);
    if let Some(over) = name.strip_prefix("RTMIN") {
        return realtime(REALTIME_MIN, over);
    }
    if let Some(under) = name.strip_prefix("RTMAX") {
        return realtime(REALTIME_MAX, under);
    }
    let known = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ABRT", 6),
        ("KILL", 9),
        ("USR1", 10),
        ("USR2", 12),
        ("ALRM", 14),
        ("TERM", 15),
        ("CONT", 18),
        ("WINCH", 28),
        ("PWR", 30),
    ];
    let known = known.iter().find(|(known, _)| *known == name);
    known.map(|(_, number)| *number)
}

/// `+3` or `-3` from one end of the real-time signals.
fn realtime(end: i32, offset: &str) -> Option<i32> {
    let offset = match offset {
        "" => 0,
        _ => offset.parse::<i32>().ok()?,
    };
    let number = end.checked_add(offset)?;
    (REALTIME_MIN..=REALTIME_MAX)
        .contains(&number)
        .then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_numbers_and_names() {
        for (text, expected) in [
            ("15", Some(15)),
            ("SIGTERM", Some(15)),
            ("quit", Some(3)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX-1", Some(63)),
            ("0", None),
            ("SIGRTMIN+99", None),
            ("SIGNAL", None),
            ("", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
