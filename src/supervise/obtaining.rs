//! Which certificates Caddy is getting, as its log says.
//!
//! Pure: lines in, a map out. Of a job Caddy says when it begins and when it ends, however it ends
//! (`acquiring lock` and `releasing lock` of `obtainCert` in certmagic's config.go), and in between
//! what an authority answered. It has no other way to tell.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{Obtaining, Obtainings};

/// The part of Caddy that says it.
const LOGGER: &str = r#""logger":"tls.obtain""#;
/// Names that are followed: as many as a host serves.
const NAMES_MAX: usize = 20_000;

/// What the log has said so far.
#[derive(Debug, Default)]
pub(super) struct Jobs(BTreeMap<String, (u32, Obtaining)>);

#[derive(Deserialize)]
struct Said {
    ts: f64,
    msg: String,
    identifier: Option<String>,
    error: Option<String>,
}

impl Jobs {
    /// Takes note of a line; whether it says anything new.
    pub(super) fn hear(&mut self, line: &str) -> bool {
        let said = line.contains(LOGGER).then(|| serde_json::from_str(line));
        let Some(Ok(Said {
            ts,
            msg,
            identifier: Some(name),
            error,
        })) = said
        else {
            return false;
        };
        match msg.as_str() {
            "acquiring lock" => self.begin(name, ts),
            "releasing lock" => self.end(&name),
            _ => match (self.0.get_mut(&name), error) {
                (Some((_, obtaining)), Some(error)) => {
                    let is_new = obtaining.error.as_ref() != Some(&error);
                    obtaining.error = Some(error);
                    is_new
                }
                (Some(_) | None, _) => false,
            },
        }
    }

    fn begin(&mut self, name: String, ts: f64) -> bool {
        if self.0.len() >= NAMES_MAX && !self.0.contains_key(&name) {
            return false;
        }
        // Caddy's clock is ours; a time before 1970 is none.
        let since = std::time::Duration::try_from_secs_f64(ts).map_or(0, |ts| ts.as_secs());
        let error = None;
        let begun = (0, Obtaining { since, error });
        let (jobs, _) = self.0.entry(name).or_insert(begun);
        *jobs += 1;
        *jobs == 1
    }

    /// At a load the next job for a name may begin before the last one has ended.
    fn end(&mut self, name: &str) -> bool {
        let Some((jobs, _)) = self.0.get_mut(name) else {
            return false;
        };
        *jobs -= 1;
        let is_over = *jobs == 0;
        if is_over {
            self.0.remove(name);
        }
        is_over
    }

    /// What is being obtained.
    pub(super) fn obtainings(&self) -> Obtainings {
        let each = self.0.iter();
        each.map(|(name, (_, obtaining))| (name.clone(), obtaining.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str, name: &str, error: &str) -> String {
        let level = if error.is_empty() { "info" } else { "error" };
        let error = match error {
            "" => String::new(),
            error => format!(r#","issuer":"acme","error":"{error}""#),
        };
        format!(
            r#"{{"level":"{level}","ts":1795706128.06,"logger":"tls.obtain","msg":"{message}","identifier":"{name}"{error}}}"#
        )
    }

    fn told(jobs: &Jobs) -> Vec<String> {
        let each = jobs.obtainings().into_iter();
        each.map(|(name, Obtaining { since, error })| {
            format!("{name} {since} {}", error.unwrap_or_default())
        })
        .collect()
    }

    #[test]
    fn a_certificate_is_being_obtained_from_its_jobs_begin_to_its_end() {
        let mut jobs = Jobs::default();
        let mut hear = |message, name, error| (jobs.hear(&line(message, name, error)), told(&jobs));
        let (a, b) = ("a.example", "b.example");
        let since = |name: &str, error: &str| format!("{name} 1795706128 {error}");
        assert_eq!(hear("acquiring lock", a, ""), (true, vec![since(a, "")]));
        assert_eq!(hear("lock acquired", a, ""), (false, vec![since(a, "")]));
        let failed = "could not get certificate from issuer";
        let both = vec![since(a, "no answer"), since(b, "")];
        assert!(hear("acquiring lock", b, "").0);
        assert_eq!(hear(failed, a, "no answer"), (true, both.clone()));
        assert_eq!(hear(failed, a, "no answer"), (false, both));
        let (done, left) = (
            "certificate obtained successfully",
            vec![since(a, "no answer")],
        );
        assert!(!hear(done, b, "").0);
        assert_eq!(hear("releasing lock", b, ""), (true, left.clone()));
        assert_eq!(hear("releasing lock", b, ""), (false, left.clone()));
        // A load begins the job anew, before or after it has ended the last one.
        assert_eq!(hear("acquiring lock", a, ""), (false, left.clone()));
        assert_eq!(hear("releasing lock", a, ""), (false, left));
        assert_eq!(hear("releasing lock", a, ""), (true, vec![]));
    }

    #[test]
    fn other_lines_say_nothing() {
        let mut jobs = Jobs::default();
        for other in [
            "panic: nil map",
            r#"{"level":"info","ts":1.5,"logger":"tls.renew","msg":"acquiring lock","identifier":"a"}"#,
            r#"{"level":"error","ts":1.5,"logger":"tls.obtain","msg":"will retry","error":"no"}"#,
            r#"{"level":"info","ts":1.5,"logger":"tls.obtain","msg":"acquiring lo"#,
        ] {
            assert!(!jobs.hear(other), "{other}");
        }
        assert_eq!(told(&jobs), [""; 0]);
    }
}
