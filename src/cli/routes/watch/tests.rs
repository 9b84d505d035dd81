//! Whole screens and streams, against files.

use serde_json::json;

use super::super::report;
use super::*;
use crate::cli::golden;

fn shown() -> Shown {
    let row =
        |host: &str, path: &str, app: (&str, &str), address: Option<&str>, state: &str, reason| {
            json!({
                "host": host, "path": path,
                "app": {"owner": {"project": app.0}, "name": app.1},
                "container": {"name": format!("{}-{}-1", app.0, app.1)},
                "address": address, "state": state, "reason": reason,
            })
        };
    let off = "it is not attached to the network `sh0-net`";
    let starting = "its HEALTHCHECK has not passed yet";
    let none: Option<&str> = None;
    let status = json!({
        "docker": {"error": null, "network_missing": false, "remembered": null, "blocked": []},
        "caddy": {"phase": "up", "load_error": null},
        "generation": 7,
        "rows": [
            row("app.example.com", "", ("shop", "web"), Some("172.20.0.2:8080"), "routed", none),
            row("app.example.com", "/api", ("shop", "api"), None, "waiting", Some(starting)),
            row("a-long-name.of-a-customer.example.com", "/with/a/path", ("customer", "frontend"),
                None, "refused", Some(off)),
            row("cart.example.com", "", ("shop", "cart"), Some("172.20.0.5:80"), "routed", none),
            row("", "", ("shop", "job"), None, "off", Some("it is a one-off container (`run`)")),
        ],
        "diagnostics": [],
        "halts": [
            {"app": {"owner": {"project": "shop"}, "name": "cart"}, "state": "stopped",
                "message": "Back at five.", "since": 1_764_158_769, "by": "root"},
            {"app": {"owner": {"project": "blog"}, "name": "web"}, "state": "paused",
                "max_millis": 30_000, "since": 1_764_158_769, "by": "root"},
        ],
    });
    Shown::read(status.to_string().as_bytes()).expect("it is of the status' form")
}

#[test]
fn tables_are_calm_at_every_width_with_and_without_colour() {
    let watched = |look: Look| text(&Ok(shown()), look, look.width.map(|_| 24));
    golden::check("routes", |look| report(&shown(), look));
    golden::check("watch", watched);
    let narrow = Look {
        colour: false,
        width: Some(50),
    };
    golden::check_in("routes_50", narrow, &report(&shown(), narrow));
    golden::check_in("watch_50", narrow, &watched(narrow));
}

#[test]
fn where_not_all_rows_fit_those_that_need_somebody_come_first() {
    let look = Look {
        colour: false,
        width: Some(80),
    };
    let mut shown = shown();
    shown.halts.clear();
    shown.rows.retain(|row| row.halt.is_none());
    let screen = text(&Ok(shown), look, Some(6));
    assert_eq!(screen.lines().count(), 6, "{screen}");
    assert!(
        screen.contains("refused:") && screen.contains("waiting:"),
        "{screen}"
    );
    assert!(screen.ends_with("and 2 more\n"), "{screen}");
    let lost = text(&Err("no agent answers".to_owned()), look, Some(6));
    assert_eq!(lost, "! no agent answers; asking again\n");
}
