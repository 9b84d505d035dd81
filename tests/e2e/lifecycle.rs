//! From a labelled container to a live site and back.

use crate::harness::{Agent, App, Engine};

#[tokio::test]
async fn a_labelled_container_is_live_and_a_removed_one_is_gone() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    assert_eq!(agent.get(&host, "/").await.status, 404);
    let web = engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    engine.remove(&web).await;
    agent.refuses(&host, 404).await;
}
