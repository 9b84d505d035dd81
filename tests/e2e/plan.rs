//! `sh0-agent plan` beside a running agent: what it says would happen is what happens.

use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Agent, App, Engine, patience, until};

/// What `plan` says of a compose file of the project: each route with what happens to it, and the
/// exit code.
async fn plan(agent: &Agent, project: &str, file: &PathBuf) -> (Vec<String>, Option<i32>) {
    let mut command = agent.command("plan");
    command.args(["--json", "-p", project]).arg(file);
    let output = tokio::process::Command::from(command).output().await;
    let output = output.expect("it was built");
    let error = String::from_utf8_lossy(&output.stderr);
    let plan: Value = serde_json::from_slice(&output.stdout).expect(&error);
    let text = |route: &Value, key: &str| route[key].as_str().unwrap_or_default().to_owned();
    let routes = plan["routes"].as_array().expect("a list").iter();
    let line = |route| {
        let place = text(route, "host") + &text(route, "path");
        format!("{} {place} {}", text(route, "change"), text(route, "app"))
    };
    (routes.map(line).collect(), output.status.code())
}

#[tokio::test]
async fn what_starting_a_project_would_change_is_told_before_it_is_started() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let (shop, blog) = (
        format!("{}-shop", engine.run_id()),
        format!("{}-blog", engine.run_id()),
    );
    let [web, old, taken] = ["web", "old", "taken"].map(|name| engine.host(name));
    let of_shop = |name: &str| App::named(name).of_project(&shop, name);
    let first = engine.run(of_shop("web").host(&web)).await;
    engine.run(of_shop("old").host(&old)).await;
    engine
        .run(App::named("thief").of_project(&blog, "web").host(&taken))
        .await;
    for (host, name) in [(&web, "web"), (&old, "old"), (&taken, "thief")] {
        agent.answers(host, name).await;
    }
    let network = engine.network();
    let text = format!(
        "services:\n  web:\n    networks: [edge]\n    labels: {{sh0.host: {web}, sh0.strip: \"true\"}}\n\
         \x20 api:\n    networks: [edge]\n    labels: {{sh0.host: {web}, sh0.path: /api}}\n\
         \x20 late:\n    networks: [edge]\n    labels: {{sh0.host: {taken}}}\n\
         networks:\n  edge: {{external: true, name: {network}}}\n"
    );
    let text = text.replace(", sh0.strip: \"true\"", ", sh0.compress: \"true\"");
    let file = agent.home().join("compose.yml");
    std::fs::write(&file, text).expect("the folder is ours");
    let expected = |web_is: &str, api_is: &str| {
        let mut lines = vec![
            format!("removed {old} {shop}/old"),
            format!("refused {taken} {shop}/late"),
            format!("{web_is} {web} {shop}/web"),
            format!("{api_is} {web}/api {shop}/api"),
        ];
        lines.sort();
        lines
    };
    let says = async |expected: Vec<String>| {
        until("the plan is told", patience(), async || {
            let (mut found, code) = plan(&agent, &shop, &file).await;
            found.sort();
            if found == expected && code == Some(1) {
                Ok(())
            } else {
                Err(format!("{found:?} {code:?} {}", agent.routes().await))
            }
        })
        .await;
    };
    says(expected("changed", "added")).await;

    // It is done as the file says.
    engine.remove(&first).await;
    engine
        .run(of_shop("web").host(&web).label("sh0.compress", "true"))
        .await;
    engine
        .run(of_shop("api").host(&web).label("sh0.path", "/api"))
        .await;
    agent.answers(&web, "web").await;
    says(expected("kept", "kept")).await;

    // Nobody is asked any more.
    let mut agent = agent;
    assert!(agent.stop().await.success());
    let output = tokio::process::Command::from(agent.command("plan"))
        .arg(&file)
        .output();
    assert_eq!(output.await.expect("it was built").status.code(), Some(69));
}
