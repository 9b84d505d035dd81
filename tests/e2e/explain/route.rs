//! Hosts and routes that others have, that nobody may have, or that do not answer.

use super::case::{Case, Fix, Scene, case};
use crate::harness::App;

pub(super) fn cases(scene: &Scene) -> Vec<Case> {
    let mut cases = hosts(scene);
    cases.extend(routes(scene));
    cases.extend(answers(scene));
    cases.extend(questions(scene));
    cases
}

fn app(scene: &Scene, name: &str) -> App {
    App::named(name).host(&scene.host(name))
}

/// An app of a project of its own, `project`.
fn of(scene: &Scene, project: &str, name: &str, host: &str) -> App {
    let project = format!("{}-{project}", scene.engine.run_id());
    App::named(name)
        .of_project(&project, name)
        .host(&scene.host(host))
}

fn hosts(scene: &Scene) -> Vec<Case> {
    let wildcard = format!("*.{}", scene.host("wild"));
    let wild = |tls: &str| App::named("wild").host(&wildcard).label("sh0.tls", tls);
    vec![
        case(scene, "thief")
            .beside(of(scene, "first", "owner", "taken"))
            .app(of(scene, "second", "thief", "taken"))
            .breaks("owner", "belongs to project")
            .code("E004")
            .fix(Fix::Anew(
                &["choose another host"],
                of(scene, "second", "thief", "thief"),
            )),
        case(scene, "denied")
            .app(App::named("denied").host("app.denied.test"))
            .breaks("owner", "app.denied.test")
            .code("E013")
            .fix(Fix::Anew(&[], app(scene, "denied"))),
        case(scene, "any")
            .app(App::named("any").host("*"))
            .breaks("owner", "*")
            .code("E008")
            .fix(Fix::Anew(&[], app(scene, "any"))),
        case(scene, "wild")
            .app(wild("auto"))
            .breaks("route", "needs a certificate")
            .code("E007")
            .fix(Fix::Anew(&["sh0.tls=internal"], wild("internal")))
            .at(&format!("a.{}", scene.host("wild")), "/")
            .over_tls(),
    ]
}

fn routes(scene: &Scene) -> Vec<Case> {
    let same = |name: &str| of(scene, "same", name, "same");
    let tls = |name: &str| of(scene, "tls", name, "tls");
    let prio = |name: &str, priority: &str| {
        of(scene, "prio", name, "prio").label("sh0.priority", priority)
    };
    let raw = r#"[{"handler": "nope"}]"#;
    let partners = app(scene, "partners").label("sh0.tls", "internal");
    vec![
        case(scene, "double")
            .beside(same("a-single"))
            .app(same("double"))
            .breaks("route", "is served by the route")
            .code("E005")
            .fix(Fix::Anew(
                &["another host or path"],
                same("double").label("sh0.path", "/b"),
            ))
            .at(&scene.host("same"), "/b"),
        case(scene, "lower")
            .beside(tls("a-upper").label("sh0.tls", "internal"))
            .app(
                tls("lower")
                    .label("sh0.path", "/lower")
                    .label("sh0.tls", "off"),
            )
            .breaks("route", "tls")
            .code("E009")
            .fix(Fix::Anew(
                &["sh0.tls"],
                tls("lower").label("sh0.path", "/lower"),
            ))
            .at(&scene.host("tls"), "/lower")
            .over_tls(),
        case(scene, "hidden")
            .beside(prio("first", "10"))
            .app(prio("hidden", "5").label("sh0.path", "/hidden"))
            .breaks("route", "never answers")
            .fix(Fix::Anew(
                &["priority"],
                prio("hidden", "20").label("sh0.path", "/hidden"),
            ))
            .at(&scene.host("prio"), "/hidden"),
        case(scene, "refused")
            .app(app(scene, "refused").label("sh0.caddy.handlers", raw))
            .breaks("route", "nope")
            .code("E010")
            .fix(Fix::Anew(&[], app(scene, "refused"))),
        case(scene, "partners")
            .app(partners.clone().label("sh0.tls.client_ca", "partners.pem"))
            .breaks("route", "partners.pem")
            .code("E014")
            .fix(Fix::Anew(&[], partners))
            .over_tls(),
        case(scene, "asker")
            .app(of(scene, "auth", "asker", "asker").label("sh0.auth.forward", "door:8080/"))
            .breaks("route", "cannot be asked")
            .code("E011")
            .fix(Fix::Beside(
                &["give the app a host"],
                of(scene, "auth", "door", "door"),
            )),
    ]
}

fn answers(scene: &Scene) -> Vec<Case> {
    let secret = app(scene, "secret").label("sh0.retry", "0s");
    vec![
        case(scene, "secret")
            .app(secret.clone().label("sh0.scheme", "https"))
            .breaks("answer", "gets 502, from Caddy")
            .fix(Fix::Anew(&["`scheme`"], secret)),
    ]
}

fn questions(scene: &Scene) -> Vec<Case> {
    let port = scene.agent.http_port;
    let at = |name: &str, path: &str| format!("http://{}{path}", scene.host(name));
    let odd = format!("http://{}:{}/", scene.host("odd"), port + 1);
    let misspelt = scene.host("questino");
    vec![
        case(scene, "below")
            .app(app(scene, "below").label("sh0.path", "/api"))
            .asked(&at("below", "/apis"))
            .breaks("route", "takes `/apis`")
            .fix(Fix::Anew(
                &["`/api`", "sh0.path=/apis"],
                app(scene, "below").label("sh0.path", "/apis"),
            ))
            .at(&scene.host("below"), "/apis"),
        case(scene, "clear")
            .app(app(scene, "clear"))
            .asked(&format!("https://{}", scene.host("clear")))
            .breaks("asked", "is served without TLS")
            .fix(Fix::Asked(format!("http://{}", scene.host("clear")))),
        case(scene, "odd")
            .app(app(scene, "odd"))
            .asked(&odd)
            .breaks("asked", "Caddy listens for http at port")
            .fix(Fix::Asked(format!("http://{}:{port}", scene.host("odd")))),
        case(scene, "question")
            .app(app(scene, "question"))
            .asked(&misspelt)
            .breaks("seen", "no container asks for the host")
            .fix(Fix::Asked(scene.host("question"))),
    ]
}
