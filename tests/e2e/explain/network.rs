//! Containers on no network of ours, and ports that are not known or not theirs.

use super::case::{Case, Fix, Scene, case};
use crate::harness::App;

/// A network that is not the routing network.
pub(super) fn elsewhere(scene: &Scene) -> String {
    scene.engine.name_of("elsewhere")
}

pub(super) fn cases(scene: &Scene) -> Vec<Case> {
    let app = |name: &str| App::named(name).host(&scene.host(name));
    let own = scene.agent.http_port.to_string();
    let port = free_port();
    let on_host = |name: &str| app(name).network("host").env("WHOAMI_PORT", &port);
    let lender = format!("container:{}", scene.engine.name_of("lender"));
    vec![
        case(scene, "away")
            .app(app("away").network(&elsewhere(scene)))
            .breaks("network", "it is not on the routing network")
            .code("E003")
            .fix(Fix::Typed),
        case(scene, "two-ports")
            .app(app("two-ports").argument("--expose", "9000"))
            .breaks("network", "port is not known")
            .code("E002")
            .fix(Fix::Anew(
                &["sh0.port="],
                app("two-ports")
                    .argument("--expose", "9000")
                    .label("sh0.port", "8080"),
            )),
        case(scene, "host-network")
            .app(on_host("host-network"))
            .breaks("network", "port is not known")
            .code("E002")
            .fix(Fix::Anew(
                &["sh0.port="],
                on_host("host-network").label("sh0.port", &port),
            )),
        case(scene, "own-port")
            .app(
                app("own-port")
                    .network("host")
                    .env("WHOAMI_PORT", &free_port())
                    .label("sh0.port", &own),
            )
            .breaks("labels", "is Caddy's own")
            .code("E012")
            .fix(Fix::Anew(
                &["write the port that the app itself listens on"],
                {
                    let other = free_port();
                    app("own-port")
                        .network("host")
                        .env("WHOAMI_PORT", &other)
                        .label("sh0.port", &other)
                },
            )),
        case(scene, "lent")
            .beside(App::named("lender"))
            .app(
                app("lent")
                    .network(&lender)
                    .label("sh0.port", "8081")
                    .env("WHOAMI_PORT", "8081"),
            )
            .then("remove-lender")
            .breaks(
                "network",
                "the container whose network it uses is not there",
            )
            .code("E003")
            .fix(Fix::Anew(&["create this container anew"], app("lent"))),
    ]
}

/// A port that was free a moment ago.
fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    address.port().to_string()
}
