//! Containers that do not run, or do not answer.

use super::case::{Case, Fix, Scene, case};
use crate::harness::App;

/// Longer than any test.
const NEVER_MS: &str = "3600000";

pub(super) fn cases(scene: &Scene) -> Vec<Case> {
    let app = |name: &str| App::named(name).host(&scene.host(name));
    let sick = |app: App| app.env("WHOAMI_HEALTHY_AFTER_MS", NEVER_MS);
    let starting = sick(app("starting"))
        .with_health()
        .argument("--health-start-period", "600s");
    let stopped = scene.host("stopped");
    vec![
        case(scene, "exited")
            .app(app("exited"))
            .then("stop")
            .breaks("seen", "the container has exited")
            .fix(Fix::Typed),
        case(scene, "stopped")
            .app(app("stopped"))
            .then("stop")
            .asked(&stopped)
            .breaks("seen", "the container has exited")
            .fix(Fix::Typed),
        case(scene, "created")
            .app(app("created"))
            .then("create")
            .breaks("seen", "the container was not started")
            .fix(Fix::Typed),
        case(scene, "paused")
            .app(app("paused"))
            .then("pause")
            .breaks("seen", "the container is paused")
            .fix(Fix::Typed),
        case(scene, "wrong-port")
            .app(app("wrong-port").label("sh0.port", "9999"))
            .breaks("ready", ":9999")
            .fix(Fix::Anew(
                &["sh0.port=", "0.0.0.0"],
                app("wrong-port").label("sh0.port", "8080"),
            )),
        case(scene, "sick")
            .app(sick(app("sick")).with_health())
            .breaks("ready", "its HEALTHCHECK fails")
            .fix(Fix::Anew(&["docker inspect"], app("sick").with_health())),
        case(scene, "starting")
            .app(starting)
            .waits("ready", "its HEALTHCHECK has not passed yet")
            .fix(Fix::Anew(&[], app("starting").with_health())),
        case(scene, "no-answer")
            .app(sick(app("no-answer")).label("sh0.ready", "http:/health"))
            .breaks("ready", "it does not answer `/health`")
            .fix(Fix::Anew(
                &["sh0.ready=tcp"],
                sick(app("no-answer")).label("sh0.ready", "tcp"),
            )),
        case(scene, "checked")
            .app(sick(app("checked")).label("sh0.health.path", "/health"))
            .breaks("ready", "it does not answer `/health`")
            .fix(Fix::Anew(
                &["sh0.ready=tcp"],
                app("checked").label("sh0.health.path", "/health"),
            )),
        case(scene, "crashing")
            .app(
                app("crashing")
                    .env("WHOAMI_EXIT_AFTER_MS", "100")
                    .argument("--restart", "always"),
            )
            .breaks("seen", "")
            .fix(Fix::Anew(&["docker logs"], app("crashing"))),
    ]
}
