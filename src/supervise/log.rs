//! Caddy's log lines, and how they appear in ours.
//!
//! Owns the mapping of Caddy's JSON lines (zap's production format: `level`, `ts`, `logger`, `msg`
//! and fields) to tracing events, without the header fields of requests and answers: Caddy hides
//! those that carry credentials by their usual names only. It deliberately changes the level of two lines only: the admin
//! API's line per request, which our own loads and pings cause, and its warning of an open admin
//! interface, which is wrong for a Unix socket in a private directory.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use tracing::{debug, error, info, warn};

/// The target of these events, so that a filter can set Caddy's level apart from ours.
const TARGET: &str = "caddy";

/// The target of requests that are logged.
const ACCESS_TARGET: &str = "access";
/// The part of Caddy that says them.
const ACCESS_LOGGER: &str = "http.log.access";
/// Where the request begins in a line about one.
const REQUEST: &str = r#","request":{"#;
/// What is said of a request whose line was cut.
const TOO_LONG: &str = "answered a request that is too long for the log";

/// How bad Caddy says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Debug,
    Info,
    Warn,
    Error,
}

/// One line of Caddy's output.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// How bad it is; a line that is no log line is a warning.
    pub(super) severity: Severity,
    /// Which part of Caddy says it: `http.log.access`, `tls`, …
    pub(super) logger: Option<String>,
    /// What it says.
    pub(super) message: String,
    /// The field `error`, which is the cause where there is one.
    pub(super) error: Option<String>,
    /// All other fields but the time, as compact JSON.
    pub(super) fields: Option<String>,
    /// Whether it was one of Caddy's JSON lines.
    pub(super) is_structured: bool,
}

/// Reads one line; never fails.
pub(super) fn parse(line: &str) -> Line {
    match serde_json::from_str::<Map<String, Value>>(line) {
        Ok(fields) => from_fields(fields),
        Err(_) => plain(line),
    }
}

fn from_fields(mut fields: Map<String, Value>) -> Line {
    let mut take = |key: &str| match fields.remove(key) {
        Some(Value::String(text)) => Some(text),
        Some(other) => Some(other.to_string()),
        None => None,
    };
    let level = take("level");
    let logger = take("logger");
    let message = take("msg").unwrap_or_default();
    let error = take("error");
    take("ts");
    let severity = match level.as_deref().map(severity) {
        Some(Severity::Info | Severity::Warn) if is_noise(logger.as_deref(), &message) => {
            Severity::Debug
        }
        Some(severity) => severity,
        None => Severity::Warn,
    };
    if !{ logger.as_deref() }.is_some_and(|logger| logger.starts_with(ACCESS_LOGGER)) {
        without_header_fields(&mut fields);
    }
    let fields = (!fields.is_empty()).then(|| Value::Object(fields).to_string());
    Line {
        severity,
        logger,
        message,
        error,
        fields,
        is_structured: true,
    }
}

/// Takes out every object of header fields: that of the request (`request.headers` of
/// `LoggableHTTPRequest` in modules/caddyhttp/marshalers.go) and of answers.
fn without_header_fields(fields: &mut Map<String, Value>) {
    fields.retain(|name, value| {
        if let Value::Object(inner) = value {
            without_header_fields(inner);
        }
        let is_header_fields = name == "headers" || name.ends_with("_headers");
        !(is_header_fields && value.is_object())
    });
}

/// Whether the line says nothing to anybody, as our Caddy is run.
fn is_noise(logger: Option<&str>, message: &str) -> bool {
    match logger {
        Some("admin.api") => message == "received request",
        Some("admin") => message == "admin endpoint on open interface; host checking disabled",
        Some(_) | None => false,
    }
}

/// A line that is no JSON: a Go panic, or a log line that was cut because it was too long (a
/// client can make one with long headers). The latter keeps its level, and its text up to the
/// request, whose header fields cannot be told from the rest any more.
fn plain(line: &str) -> Line {
    let level = line
        .strip_prefix(r#"{"level":""#)
        .and_then(|rest| rest.split('"').next());
    let is_structured = level.is_some();
    // Zap writes level, time, logger and message first, and none of them is a client's.
    let (head, _) = line.split_once(r#","msg":"#).unwrap_or((line, ""));
    let is_access = is_structured && head.contains(&format!(r#""logger":"{ACCESS_LOGGER}"#));
    let (before, _) = line.split_once(REQUEST).unwrap_or((line, ""));
    let message = match (is_access, is_structured) {
        (true, _) => TOO_LONG,
        (false, true) => before,
        (false, false) => line,
    };
    Line {
        severity: level.map_or(Severity::Warn, severity),
        logger: is_access.then(|| ACCESS_LOGGER.to_owned()),
        message: message.to_owned(),
        error: None,
        fields: None,
        is_structured,
    }
}

/// zap's level names.
fn severity(level: &str) -> Severity {
    match level {
        "debug" => Severity::Debug,
        "info" => Severity::Info,
        "error" | "dpanic" | "panic" | "fatal" => Severity::Error,
        _ => Severity::Warn,
    }
}

/// What is said of a request: what access logs usually say. Header fields are left out but for two.
#[derive(Debug, Deserialize)]
struct Access {
    request: Asked,
    status: u16,
    /// Bytes of the answer's body.
    size: u64,
    /// Seconds.
    duration: f64,
    /// Who signed in, empty for nobody.
    #[serde(default)]
    user_id: String,
}

#[derive(Debug, Deserialize)]
struct Asked {
    client_ip: String,
    proto: String,
    method: String,
    host: String,
    uri: String,
    #[serde(default)]
    headers: BTreeMap<String, Vec<String>>,
}

impl Access {
    /// Whatever its status, it is no trouble of ours.
    fn log(&self, epoch: u64) {
        let Self {
            request,
            status,
            size,
            duration,
            user_id,
        } = self;
        let field = |name| { request.headers.get(name)?.first() }.map(String::as_str);
        info!(
            target: ACCESS_TARGET,
            client = request.client_ip,
            method = request.method,
            host = request.host,
            uri = request.uri,
            status,
            bytes = size,
            seconds = duration,
            proto = request.proto,
            user = Some(user_id.as_str()).filter(|user| !user.is_empty()),
            agent = field("User-Agent"),
            referer = field("Referer"),
            epoch,
            "answered"
        );
    }
}

/// Writes the line into our log at its own level; requests of routes that ask for it have a target
/// of their own.
pub(super) fn relog(line: &Line, epoch: u64) {
    let Line {
        logger,
        message,
        error,
        fields,
        ..
    } = line;
    let is_access = { logger.as_deref() }.is_some_and(|logger| logger.starts_with(ACCESS_LOGGER));
    if is_access && fields.is_none() {
        info!(target: ACCESS_TARGET, epoch, "{message}");
        return;
    }
    if is_access && let Some(asked) = fields.as_deref().map(serde_json::from_str::<Access>) {
        if let Ok(asked) = asked {
            asked.log(epoch);
        } else {
            info!(target: ACCESS_TARGET, epoch, "{message}");
        }
        return;
    }
    let (logger, cause, fields) = (logger.as_deref(), error.as_deref(), fields.as_deref());
    match line.severity {
        Severity::Debug => debug!(target: TARGET, epoch, logger, cause, fields, "{message}"),
        Severity::Info => info!(target: TARGET, epoch, logger, cause, fields, "{message}"),
        Severity::Warn => warn!(target: TARGET, epoch, logger, cause, fields, "{message}"),
        Severity::Error => error!(target: TARGET, epoch, logger, cause, fields, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_split_into_level_logger_message_cause_and_the_rest() {
        let line = r#"{"level":"error","ts":1795425066.08,"logger":"tls.obtain","msg":"will retry","error":"no route","attempt":1,"names":["a"]}"#;
        assert_eq!(
            parse(line),
            Line {
                severity: Severity::Error,
                logger: Some("tls.obtain".into()),
                message: "will retry".into(),
                error: Some("no route".into()),
                fields: Some(r#"{"attempt":1,"names":["a"]}"#.into()),
                is_structured: true,
            }
        );
    }

    #[test]
    fn header_fields_of_a_request_that_failed_are_left_out_also_when_the_line_is_cut() {
        let whole = r#"{"level":"error","ts":1,"logger":"http.log.error.https","msg":"dial refused","request":{"method":"GET","uri":"/a","headers":{"X-Api-Key":["s3cret"],"Cookie":["REDACTED"]},"tls":{"resumed":false}},"resp_headers":{"X-Token":["s3cret"]},"status":502}"#;
        assert_eq!(
            parse(whole).fields.as_deref(),
            Some(r#"{"request":{"method":"GET","tls":{"resumed":false},"uri":"/a"},"status":502}"#)
        );
        let cut = whole.split_once(r#""Cookie"#).expect("it is there").0;
        assert_eq!(
            parse(cut),
            Line {
                severity: Severity::Error,
                logger: None,
                message: whole
                    .split_once(r#","request""#)
                    .expect("it is there")
                    .0
                    .into(),
                error: None,
                fields: None,
                is_structured: true,
            }
        );
    }

    #[test]
    fn every_level_is_kept_but_that_of_two_lines_about_the_admin_api() {
        let cut = format!(r#"{{"level":"info","msg":"{}"#, "x".repeat(99));
        for (line, expected) in [
            (r#"{"level":"debug","msg":"m"}"#, Severity::Debug),
            (r#"{"level":"info","msg":"m"}"#, Severity::Info),
            (r#"{"level":"warn","msg":"m"}"#, Severity::Warn),
            (r#"{"level":"fatal","msg":"m"}"#, Severity::Error),
            (r#"{"level":7}"#, Severity::Warn),
            (
                r#"{"level":"info","logger":"admin.api","msg":"received request"}"#,
                Severity::Debug,
            ),
            (
                r#"{"level":"warn","logger":"admin","msg":"admin endpoint on open interface; host checking disabled"}"#,
                Severity::Debug,
            ),
            (
                r#"{"level":"error","logger":"admin.api","msg":"request error"}"#,
                Severity::Error,
            ),
            ("panic: oh", Severity::Warn),
            (cut.as_str(), Severity::Info),
        ] {
            assert_eq!(parse(line).severity, expected, "{line}");
        }
    }

    /// What is logged of these lines, without colours and times.
    fn relogged(lines: &[&str]) -> String {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let subscriber = tracing_subscriber::fmt()
            .without_time()
            .with_ansi(false)
            .with_writer(file.reopen().expect("it is ours"))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            for line in lines {
                relog(&parse(line), 7);
            }
        });
        let logged = std::fs::read_to_string(file.path()).expect("it is ours");
        let lines: Vec<&str> = logged.lines().map(str::trim_start).collect();
        lines.join("\n") + "\n"
    }

    #[test]
    fn a_request_is_logged_without_its_header_fields_but_two() {
        let whole = r#"{"level":"error","ts":1795425066.08,"logger":"http.log.access.https","msg":"handled request","request":{"remote_ip":"127.0.0.1","remote_port":"38610","client_ip":"192.0.2.1","proto":"HTTP/2.0","method":"GET","host":"a.example","uri":"/a?b=\n\"c","headers":{"User-Agent":["curl/8"],"Cookie":["REDACTED"],"X-Api-Key":["secret"]},"tls":{"resumed":false}},"bytes_read":0,"user_id":"ada","duration":0.25,"size":6,"status":503,"resp_headers":{"Set-Cookie":["REDACTED"]}}"#;
        let other = r#"{"level":"info","logger":"http.log.access","msg":"odd","status":"x"}"#;
        let cut = whole.split_once("secret").expect("it is there").0;
        expect![[r#"
            INFO access: answered client="192.0.2.1" method="GET" host="a.example" uri="/a?b=\n\"c" status=503 bytes=6 seconds=0.25 proto="HTTP/2.0" user="ada" agent="curl/8" epoch=7
            INFO access: odd epoch=7
            INFO access: answered a request that is too long for the log epoch=7
        "#]]
        .assert_eq(&relogged(&[whole, other, cut]));
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in any::<String>()) {
            relog(&parse(&line), 1);
        }
    }
}
