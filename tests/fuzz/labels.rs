//! What strangers write on their containers, beside somebody else's site.
//!
//! Each line of the input is a container: `key=value | key=value`, where a key has the label prefix
//! unless `:` stands before it, and `\n` is the end of a line. A first line that begins with `#`
//! says what labels may ask for.

use sh0_agent::caddy::render::Rendered;
use sh0_agent::labels::{Permits, parse};
use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Few, Health, Labels, NetworkMode, Owner,
    Snapshot,
};
use sh0_agent::routes::Built;
use sh0_agent::state::State;

use super::agent::look;

const PROJECT: &str = "com.docker.compose.project";
const VICTIM: &str = "host=victim.example, *.wild.example, bücher.example | tls=internal | \
                      routes.admin.path=/admin | routes.admin.allow=10.0.0.0/8";
/// More containers than this say nothing new, and take time.
const CONTAINERS_MAX: usize = 5;

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, rows) = match text.split_once('\n') {
        Some((head, rows)) if head.starts_with('#') => (head, rows),
        Some(_) | None => ("", text.as_ref()),
    };
    let permits = Permits {
        catch_all: head.contains('*'),
        raw_caddy: head.contains("raw"),
        auth_urls: head.contains("urls"),
        ..Permits::default()
    };
    let rows = rows.lines().take(CONTAINERS_MAX).zip(1_u8..);
    let strangers: Vec<Container> = rows.map(|(row, place)| stranger(row, place)).collect();
    for container in &strangers {
        assert!(parse(container, "sh0").diagnostics.is_sorted());
    }
    beside_victim(strangers, &permits);
}

fn beside_victim(strangers: Vec<Container>, permits: &Permits) {
    let victim = container(VICTIM, 0, "shop");
    let nothing = State::default();
    let (alone, alone_rendered) = look(&Snapshot::new([victim.clone()]), &nothing, permits);
    let state = State {
        claims: alone.claims.clone(),
        last_good: alone.good.clone(),
        absent: alone.absent.clone(),
        ..State::default()
    };
    let all = strangers.into_iter().chain([victim.clone()]);
    let snapshot = Snapshot::new(all);
    let (built, rendered) = look(&snapshot, &state, permits);
    assert_eq!(of_victim(&built), of_victim(&alone));
    let (bytes, bytes_alone) = (bytes_of_victim(&rendered), bytes_of_victim(&alone_rendered));
    assert_eq!(bytes, bytes_alone);
    assert_eq!(bytes.len(), 6, "{bytes:?}");
    for diagnostic in &*built.diagnostics {
        assert!(diagnostic.container.id != victim.id, "{diagnostic}");
    }
    let (again, rendered_again) = look(&snapshot, &state, permits);
    assert_eq!(again, built);
    assert_eq!(rendered_again, rendered);
}

/// A stranger may write any project, and then is of that project: not the victim's, so.
fn stranger(row: &str, place: u8) -> Container {
    let mut container = container(row, place, "evil");
    let project = container.labels.get_mut(PROJECT).expect("it has one");
    if **project == *"shop" || project.is_empty() {
        *project = "evil".into();
    }
    container
}

fn container(row: &str, place: u8, project: &str) -> Container {
    let mut labels = Labels::from([
        (PROJECT.to_owned(), project.to_owned()),
        ("com.docker.compose.service".to_owned(), format!("s{place}")),
    ]);
    for label in row.split(" | ") {
        let (key, value) = label.split_once('=').unwrap_or((label, ""));
        let key = key
            .strip_prefix(':')
            .map_or(format!("sh0.{key}"), str::to_owned);
        labels.insert(key, value.replace("\\n", "\n"));
    }
    let address = Address {
        ipv4: Some([10, 0, 0, place].into()),
        ipv6: None,
    };
    Container {
        id: ContainerId::new(format!("c{place}")).expect("not empty"),
        name: format!("{project}-s{place}-1").into(),
        labels,
        state: ContainerState::Running,
        health: Health::None,
        created: i64::from(place),
        network_mode: NetworkMode::Attached,
        networks: Few::from([("sh0-net".to_owned(), address)]),
        ports: [80].into(),
    }
}

/// The victim's part of the table.
fn of_victim(built: &Built) -> Vec<String> {
    let victim = Owner::Project("shop".into());
    let routes = built.table.routes.iter();
    let own = routes.filter(|(_, route)| route.id.app.owner == victim);
    own.map(|(key, route)| format!("{key} {route:?} {:?}", built.table.hosts.get(&key.host)))
        .collect()
}

/// The victim's routes in the config, as bytes.
fn bytes_of_victim(rendered: &Rendered) -> Vec<String> {
    let hosts = ["victim.example", "*.wild.example", "xn--bcher-kva.example"];
    let ids = hosts.map(|host| [format!("https|{host}"), format!("https|{host}|admin")]);
    let servers = rendered.config.apps.http.servers.values();
    let own = { servers.flat_map(|server| &server.routes) }.filter(|route| {
        let id = route.id.as_ref();
        id.is_some_and(|id| ids.iter().flatten().any(|own| own == id))
    });
    own.map(|route| serde_json::to_string(route).expect("it was rendered"))
        .collect()
}
