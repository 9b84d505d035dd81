//! Certificates at the first handshake, for a Caddy of another user: it reaches the endpoint that it
//! asks at, and keeps what it gets to itself.

use std::os::unix::fs::MetadataExt;

use super::{CADDY, OTHER, may, prepare, secure};
use crate::harness::{App, Engine, Options};

#[tokio::test]
async fn a_caddy_of_another_user_asks_for_names_and_keeps_their_keys_to_itself() {
    let engine = Engine::start().await;
    let options = Options::default().flags(["--caddy-user", CADDY]);
    let mut agent = prepare(&engine, options);
    let below = |name: &str| format!("{name}.{}.internal", engine.run_id());
    let any = App::named("any").host(&below("*"));
    engine.run(any.label("sh0.tls", "on_demand")).await;
    agent.spawn();
    agent.until_up().await;
    secure(&agent, &below("one"), "any").await;
    assert_eq!(agent.get_tls("stranger.internal", "/").await.status, 0);

    let key = format!("caddy/certificates/local/{0}/{0}.key", below("one"));
    let key = agent.state_dir().join(key);
    let metadata = std::fs::metadata(&key).expect("Caddy keeps it");
    assert_eq!((metadata.uid(), metadata.mode() & 0o777), (23_456, 0o600));
    assert!(may(CADDY, "-r", &key) && !may(OTHER, "-r", &key));

    // The next agent takes it over, and is asked at another port.
    let caddy = agent.caddy_pid().await;
    agent.kill().await;
    agent.start_again().await;
    secure(&agent, &below("two"), "any").await;
    assert_eq!(agent.caddy_pid().await, caddy, "it is taken over");
    assert!(agent.stop().await.success());
}
