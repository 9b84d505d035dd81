//! What happens to requests on their way: paths, protocols, replicas, websockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::load::Kind;
use crate::harness::{Agent, App, Engine, Options, patience, request, until};

#[tokio::test]
async fn longer_paths_come_first_whole_words_count_and_strip_removes_them() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let (host, project) = (engine.host("web"), engine.run_id());
    let app = |name: &str| App::named(name).of_project(project, name).host(&host);
    engine
        .run(
            app("api")
                .label("sh0.path", "/api, /v1")
                .label("sh0.strip", "true"),
        )
        .await;
    engine.run(app("deep").label("sh0.path", "/api/deep")).await;
    engine.run(app("root")).await;
    agent.answers(&host, "root").await;
    for (path, name, seen) in [
        ("/", "root", "/"),
        ("/apis", "root", "/apis"),
        ("/api", "api", "/"),
        ("/api/", "api", "/"),
        ("/api/users?a=b", "api", "/users?a=b"),
        ("/v1/users", "api", "/users"),
        ("/API/users", "api", "/users"),
        ("/api/deeper", "api", "/deeper"),
        ("/api/deep", "deep", "/api/deep"),
        ("/api/deep/x%2Fy", "deep", "/api/deep/x%2Fy"),
        ("/api//users", "api", "/users"),
    ] {
        let answer = agent.get(&host, path).await;
        assert!(answer.is_from(name), "{path}: {}", answer.summary());
        assert_eq!(answer.said("path"), Some(seen), "{path}");
    }
}

#[tokio::test]
async fn h2c_reaches_the_container_as_http_2() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    engine
        .run(App::named("web").host(&host).label("sh0.scheme", "h2c"))
        .await;
    agent.answers(&host, "web").await;
    assert_eq!(agent.get(&host, "/").await.said("proto"), Some("HTTP/2.0"));
}

#[tokio::test]
async fn replicas_share_the_requests_and_a_stopped_one_gets_none() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let mut replicas = Vec::new();
    for name in ["web-1", "web-2", "web-3"] {
        let app = App::named(name).of_project(engine.run_id(), "web");
        replicas.push(engine.run(app.host(&host)).await);
    }
    let seen = async |agent: &Agent| {
        let mut names = Vec::new();
        for _ in 0..24 {
            let answer = agent.get(&host, "/").await;
            names.push(answer.said("name").unwrap_or_default().to_owned());
        }
        names.sort_unstable();
        names.dedup();
        names
    };
    until("all three answer", patience(), async || {
        let names = seen(&agent).await;
        if names == ["web-1", "web-2", "web-3"] {
            Ok(())
        } else {
            Err(names.join(" "))
        }
    })
    .await;
    engine.stop(&replicas[1]).await;
    until("two are left", patience(), async || {
        let names = seen(&agent).await;
        if names == ["web-1", "web-3"] {
            Ok(())
        } else {
            Err(names.join(" "))
        }
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_comes_and_goes_costs_hardly_a_request() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let app = |name: &str| {
        App::named(name)
            .of_project(engine.run_id(), "web")
            .host(&host)
    };
    engine.run(app("web-1")).await;
    agent.answers(&host, "web-1").await;
    let load = agent.load(&host, "web", Kind::Fresh, 2);
    let second = engine.run(app("web-2")).await;
    agent.answers(&host, "web-2").await;
    engine.stop(&second).await;
    engine.remove(&second).await;
    let before = load.report().answers();
    until("some more answers", patience(), async || {
        (load.report().answers() >= before + 50)
            .then_some(())
            .ok_or_else(String::new)
    })
    .await;
    let counts = load.stop().await;
    // Three loads, each of which drops what waits at Caddy's old socket.
    println!("{counts:?}");
    assert!(counts.ok() > 100 && counts.failed() <= 6, "{counts:?}");
}

#[tokio::test]
async fn server_sent_events_arrive_when_they_are_sent() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    let request = request(agent.http_port, &host, "/events", reqwest::Method::GET);
    let mut response = request.send().await.expect("an answer");
    let mut seen = String::new();
    let read = async {
        while !seen.contains("data: 1") {
            let chunk = response.chunk().await.expect("it streams");
            seen.push_str(&String::from_utf8_lossy(&chunk.expect("it is endless")));
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(5), read).await;
    assert!(read.is_ok(), "within 5 s of the first: {seen:?}");
}

/// A websocket, as small as can be: one frame, one word.
struct WebSocket(TcpStream);

impl WebSocket {
    async fn open(port: u16, host: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("Caddy listens");
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("Caddy reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("Caddy answers"));
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101 "),
            "{}",
            String::from_utf8_lossy(&head)
        );
        Self(stream)
    }

    /// The next word, or why there is none.
    async fn next(&mut self) -> Result<String, String> {
        let read = async {
            let head = [self.0.read_u8().await?, self.0.read_u8().await?];
            let mut word = vec![0; usize::from(head[1])];
            self.0.read_exact(&mut word).await?;
            Ok::<_, std::io::Error>((head[0], String::from_utf8_lossy(&word).into_owned()))
        };
        match tokio::time::timeout(Duration::from_secs(5), read).await {
            Ok(Ok((0x81, word))) => Ok(word),
            other => Err(format!("{other:?}")),
        }
    }

    /// Says a word of less than 126 bytes and gives what comes back.
    async fn echo(&mut self, word: &str) -> Result<String, String> {
        let length = u8::try_from(word.len()).expect("a short word");
        // Masked with zeros (RFC 6455, section 5.3), so that the word stays as it is.
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend(word.bytes());
        self.0
            .write_all(&frame)
            .await
            .map_err(|error| error.to_string())?;
        self.next().await
    }
}

#[tokio::test]
async fn a_websocket_survives_the_loads_of_another_app() {
    let engine = Engine::start().await;
    let options = Options::default().flags(["--upstreams", "direct"]);
    let agent = Agent::start_with(&engine, options).await;
    let (host, other) = (engine.host("web"), engine.host("other"));
    engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    let mut socket = WebSocket::open(agent.http_port, &host).await;
    assert_eq!(socket.next().await.as_deref(), Ok("web"));
    let loads = agent.loads().await;
    for name in ["first", "second"] {
        let app = App::named(name)
            .of_project(engine.run_id(), "other")
            .host(&other);
        let deployed = engine.run(app).await;
        agent.answers(&other, name).await;
        assert_eq!(socket.echo(name).await.as_deref(), Ok(name));
        engine.remove(&deployed).await;
        agent.refuses(&other, 404).await;
    }
    assert!(agent.loads().await >= loads + 4, "each was a load");
    assert_eq!(socket.echo("still here").await.as_deref(), Ok("still here"));
}
