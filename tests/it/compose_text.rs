//! Compose files as the documentation has them, read into the containers that compose would make
//! of them. Of YAML just what the snippets use: maps by indentation, lists, `[…]` and `{…}`,
//! quotes and comments. Anything else is a fault of the snippet.

use std::collections::{BTreeMap, BTreeSet};

use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Health, Labels, NetworkMode, Snapshot,
};

/// A value of YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Scalar(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Node {
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v)
    }

    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            Self::Scalar(_) | Self::List(_) => &[],
        }
    }

    pub(crate) fn scalar(&self) -> &str {
        match self {
            Self::Scalar(text) => text,
            Self::List(_) | Self::Map(_) => panic!("a single value: {self:?}"),
        }
    }

    fn items(&self) -> Vec<&str> {
        match self {
            Self::List(items) => items.iter().map(Self::scalar).collect(),
            Self::Map(entries) => entries.iter().map(|(key, _)| key.as_str()).collect(),
            Self::Scalar(_) => panic!("a list: {self:?}"),
        }
    }
}

/// Reads a whole file.
pub(crate) fn yaml(text: &str) -> Node {
    let lines = text
        .lines()
        .map(|line| line.split_at(comment(line)).0.trim_end());
    let lines: Vec<(usize, &str)> = lines
        .filter(|line| !line.is_empty())
        .map(|line| (line.len() - line.trim_start().len(), line.trim_start()))
        .collect();
    let mut rest = lines.as_slice();
    let node = block(&mut rest, 0);
    assert!(rest.is_empty(), "not understood: {rest:?}");
    node
}

/// Where the comment of a line begins, outside of quotes.
fn comment(line: &str) -> usize {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            None if "\"'".contains(c) && " [{:,".contains(before) => quote = Some(c),
            None if c == '#' && before == ' ' => return at,
            Some(_) | None => {}
        }
        before = c;
    }
    line.len()
}

fn block(rest: &mut &[(usize, &str)], indent: usize) -> Node {
    let (mut entries, mut items) = (Vec::new(), Vec::new());
    while let Some((&(own, line), after)) = rest.split_first() {
        if own < indent {
            break;
        }
        assert_eq!(own, indent, "the indentation of `{line}`");
        *rest = after;
        if let Some(item) = line.strip_prefix("- ") {
            items.push(flow(item));
            continue;
        }
        let (key, value) = line.split_once(':').expect("a key with a colon");
        let value = match value.trim() {
            "" => match rest.first() {
                Some((below, _)) if *below > indent => block(rest, *below),
                Some(_) | None => Node::Map(Vec::new()),
            },
            value => flow(value),
        };
        entries.push((unquoted(key), value));
    }
    if items.is_empty() {
        Node::Map(entries)
    } else {
        Node::List(items)
    }
}

/// A value on one line.
fn flow(text: &str) -> Node {
    let inside = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    let parts = |inner: &str| -> Vec<String> {
        let parts = inner.split(',').map(|part| part.trim().to_owned());
        parts.filter(|part| !part.is_empty()).collect()
    };
    if let Some(inner) = inside('[', ']') {
        return Node::List(parts(inner).iter().map(|part| flow(part)).collect());
    }
    if let Some(inner) = inside('{', '}') {
        let entry = |part: &String| {
            let (key, value) = part.split_once(':').expect("a key with a colon");
            (unquoted(key), flow(value.trim()))
        };
        return Node::Map(parts(inner).iter().map(entry).collect());
    }
    Node::Scalar(unquoted(text))
}

/// The text of a scalar, as compose takes it: `$$` is a `$`.
fn unquoted(text: &str) -> String {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    let text = match (inside('"'), inside('\'')) {
        (Some(double), _) => double.replace("\\\"", "\"").replace("\\\\", "\\"),
        (None, Some(single)) => single.replace("''", "'"),
        (None, None) => {
            let starts_wrong = text.starts_with(['*', '&', '!', '%', '@', '`', '|', '>', '{', '[']);
            assert!(
                !starts_wrong && !text.contains(": "),
                "put quotes around `{text}`"
            );
            text.to_owned()
        }
    };
    text.replace("$$", "$")
}

/// The labels of a service, written as a map or as a list.
pub(crate) fn labels_of(service: &Node) -> Labels {
    let Some(labels) = service.get("labels") else {
        return Labels::new();
    };
    let pair = |item: &str| {
        let (key, value) = item.split_once('=').expect("key=value");
        (key.to_owned(), value.to_owned())
    };
    match labels {
        Node::List(_) => labels.items().into_iter().map(pair).collect(),
        Node::Map(entries) => {
            let pair = |(key, value): &(String, Node)| (key.clone(), value.scalar().to_owned());
            entries.iter().map(pair).collect()
        }
        Node::Scalar(_) => panic!("labels are a map or a list"),
    }
}

/// The containers of compose files: each begins with a comment such as `# shop/compose.yml`,
/// which names its project.
pub(crate) fn containers(files: &str) -> Snapshot {
    let mut projects: BTreeMap<&str, String> = BTreeMap::new();
    let mut project = None;
    for line in files.lines() {
        let head = line
            .strip_prefix("# ")
            .and_then(|rest| rest.strip_suffix("/compose.yml"));
        project = head.or(project);
        let project = project.expect("a line `# <project>/compose.yml`");
        let text = projects.entry(project).or_default();
        text.push_str(line);
        text.push('\n');
    }
    let mut found = Vec::new();
    for (project, text) in projects {
        let file = yaml(&text);
        for (service, node) in file.get("services").expect("services").entries() {
            let place = u8::try_from(found.len() + 1).unwrap();
            found.push(container(place, (project, service), node, &file));
        }
    }
    Snapshot::new(found)
}

fn container(place: u8, (project, service): (&str, &str), node: &Node, file: &Node) -> Container {
    let mut labels = labels_of(node);
    for (key, value) in [("project", project), ("service", service)] {
        labels.insert(format!("com.docker.compose.{key}"), value.to_owned());
    }
    let whole = |name: &str| {
        let network = file.get("networks").and_then(|all| all.get(name));
        let is_external = network
            .and_then(|network| network.get("external"))
            .is_some();
        if is_external {
            name.to_owned()
        } else {
            format!("{project}_{name}")
        }
    };
    // A snippet without networks is about something else.
    let networks = match node.get("networks") {
        None => BTreeSet::from(["sh0-net".to_owned()]),
        Some(names) => names.items().into_iter().map(whole).collect(),
    };
    let address = Address {
        ipv4: Some([10, 0, 0, place].into()),
        ipv6: None,
    };
    let ports = node.get("expose").map(|ports| {
        let ports = ports.items().into_iter();
        ports.map(|port| port.parse().expect("a port")).collect()
    });
    Container {
        id: ContainerId::new(format!("c{place}")).expect("not empty"),
        name: format!("{project}-{service}-1").into(),
        labels,
        state: ContainerState::Running,
        health: Health::None,
        created: i64::from(place),
        network_mode: NetworkMode::Attached,
        networks: networks.into_iter().map(|name| (name, address)).collect(),
        ports: ports.unwrap_or_else(|| BTreeSet::from([80])),
    }
}

#[test]
fn a_compose_file_gives_its_containers() {
    let found = containers(
        "# shop/compose.yml
services:
  web:  # a comment
    expose: [\"8080\", 9090]
    networks: [sh0-net, own]
    labels:
      - sh0.host=app.example.com # another
      - sh0.path=/a#b
  api:
    labels:
      sh0.host: \"*.example.com\"
      sh0.auth: 'a: $$1 # {}'
networks:
  sh0-net: {external: true}
",
    );
    let [api, web] = &found.containers().collect::<Vec<_>>()[..] else {
        panic!("two containers")
    };
    let (api, web) = if &*web.name == "shop-web-1" {
        (api, web)
    } else {
        (web, api)
    };
    assert_eq!(&*web.labels["sh0.host"], "app.example.com");
    assert_eq!(&*web.labels["sh0.path"], "/a#b");
    assert_eq!(web.ports, BTreeSet::from([8080, 9090]));
    assert_eq!(
        web.networks.keys().map(|name| &**name).collect::<Vec<_>>(),
        ["sh0-net", "shop_own"]
    );
    assert_eq!(&*api.labels["sh0.host"], "*.example.com");
    assert_eq!(&*api.labels["sh0.auth"], "a: $1 # {}");
}
