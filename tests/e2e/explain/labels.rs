//! Labels that are wrong, missing, or somebody else's.

use super::case::{Case, Fix, Scene, case};
use crate::harness::App;

pub(super) fn cases(scene: &Scene) -> Vec<Case> {
    let mut cases = wrong_values(scene);
    cases.extend(wrong_together(scene));
    cases.extend(missing(scene));
    cases.extend(closed(scene));
    cases
}

/// An app that serves the host of its name.
fn app(scene: &Scene, name: &str) -> App {
    App::named(name).host(&scene.host(name))
}

/// A case of a label with a wrong value, and the right one; an empty one is none.
fn wrong(
    scene: &Scene,
    name: &'static str,
    key: &str,
    (value, right): (&str, &str),
    text: &str,
    words: &'static [&'static str],
) -> Case {
    let mended = match right {
        "" => app(scene, name),
        right => app(scene, name).label(key, right),
    };
    case(scene, name)
        .app(app(scene, name).label(key, value))
        .breaks("labels", text)
        .code("E001")
        .fix(Fix::Anew(words, mended))
}

fn wrong_values(scene: &Scene) -> Vec<Case> {
    let number = "takes a number from 1 to 65535";
    let tls = "`auto`, `internal`, `on_demand` or `off`";
    let scheme = "`http`, `https` or `h2c`";
    let port = "sh0.port";
    let wrong = |name, key, values, text, words| wrong(scene, name, key, values, text, words);
    vec![
        wrong("port", port, ("80a", "8080"), number, &["sh0.port=8080"]),
        wrong("by-host", port, ("0", "8080"), number, &["sh0.port=8080"])
            .asked(&scene.host("by-host")),
        wrong("tls", "sh0.tls", ("on", "off"), tls, &["sh0.tls="]),
        wrong(
            "scheme",
            "sh0.scheme",
            ("ftp", "http"),
            scheme,
            &["sh0.scheme="],
        ),
        wrong(
            "hold",
            "sh0.hold",
            ("5", "5s"),
            "takes a time",
            &["sh0.hold="],
        ),
        wrong(
            "path",
            "sh0.path",
            ("login", "/login"),
            ".path` takes",
            &["sh0.path=/"],
        )
        .at(&scene.host("path"), "/login"),
    ]
}

fn wrong_together(scene: &Scene) -> Vec<Case> {
    let policy = app(scene, "policy").label("sh0.lb.policy", "header");
    let mended = policy.clone().label("sh0.lb.header", "X-Tenant");
    vec![
        case(scene, "policy")
            .app(policy)
            .breaks("labels", "lb.policy")
            .code("E001")
            .fix(Fix::Anew(&["sh0.lb.header="], mended)),
        case(scene, "underscore")
            .app(App::named("underscore").host(&scene.host("under score")))
            .breaks("labels", "host` takes")
            .code("E001")
            .fix(Fix::Anew(&["sh0.host="], app(scene, "underscore"))),
    ]
}

fn missing(scene: &Scene) -> Vec<Case> {
    let project = scene.engine.run_id();
    vec![
        case(scene, "misspelt")
            .app(App::named("misspelt").label("sh0.hots", &scene.host("misspelt")))
            .breaks("labels", "hots` is not a label")
            .code("W001")
            .fix(Fix::Anew(&["sh0.host"], app(scene, "misspelt"))),
        case(scene, "no-host")
            .app(App::named("no-host").label("sh0.port", "8080"))
            .breaks("labels", "host")
            .code("E006")
            .fix(Fix::Anew(&["sh0.host="], app(scene, "no-host"))),
        case(scene, "plain")
            .app(App::named("plain"))
            .breaks("labels", "no label of it begins with")
            .fix(Fix::Anew(
                &["sh0.host=app.example.com"],
                app(scene, "plain"),
            )),
        case(scene, "foreign")
            .app(
                App::named("foreign")
                    .of_project(project, "foreign-service")
                    .label("traefik.enable", "true"),
            )
            .asked("foreign-service")
            .breaks("labels", "no label of it begins with")
            .fix(Fix::Anew(
                &["sh0.host=app.example.com"],
                app(scene, "foreign").of_project(project, "foreign-service"),
            )),
        case(scene, "off")
            .app(app(scene, "off").label("sh0.enable", "false"))
            .breaks("labels", "enable=false")
            .fix(Fix::Anew(
                &["without the label `sh0.enable`"],
                app(scene, "off"),
            )),
        case(scene, "one-off")
            .app(app(scene, "one-off").label("com.docker.compose.oneoff", "True"))
            .breaks("labels", "it is a one-off container")
            .fix(Fix::Anew(
                &["without the label `com.docker.compose.oneoff`"],
                app(scene, "one-off"),
            )),
    ]
}

fn closed(scene: &Scene) -> Vec<Case> {
    let raw = r#"[{"handler": "headers"}]"#;
    vec![
        case(scene, "allow")
            .app(app(scene, "allow").label("sh0.allow", "127.0.0.0/99"))
            .breaks("labels", "allow` takes")
            .code("E001")
            .fix(Fix::Anew(
                &["sh0.allow="],
                app(scene, "allow").label("sh0.allow", "127.0.0.0/8"),
            )),
        case(scene, "raw")
            .app(app(scene, "raw").label("sh0.caddy.handlers", raw))
            .breaks("labels", "caddy.handlers")
            .code("E012")
            .fix(Fix::Anew(&["--allow-raw-caddy"], app(scene, "raw"))),
    ]
}
