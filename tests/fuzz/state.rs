//! The files of the state directory, whoever wrote them.
//!
//! The input is one file. What is read is the same after it was written, and an agent that goes on
//! from there has a table as it must be.

use sh0_agent::labels::Permits;
use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Few, Health, Labels, NetworkMode, Snapshot,
};
use sh0_agent::state::stored::{parse, print};
use sh0_agent::state::{State, remembered};

use super::agent::look;

/// The hosts that a container asks for while the file may say that they are another's.
const HOSTS: &str = "a.example, *.b.example, bücher.example";

pub(crate) fn check(data: &[u8]) {
    if let Ok(state) = parse(data) {
        let bytes = print(&state);
        assert_eq!(parse(&bytes).as_ref(), Ok(&state));
        assert_eq!(print(&state), bytes);
        for snapshot in [Snapshot::default(), Snapshot::new([asking()])] {
            look(&snapshot, &state, &Permits::default());
        }
    }
    if let Ok(recalled) = remembered::parse(data, "boot") {
        let bytes = remembered::print(&recalled.remembered, recalled.at, "boot");
        let again = remembered::parse(&bytes, "boot").expect("it was printed");
        assert_eq!(again.remembered, recalled.remembered);
        assert_eq!(again.at, recalled.at);
        assert!(again.is_same_boot);
        let snapshot = Snapshot::new(recalled.remembered.containers);
        look(&snapshot, &State::default(), &Permits::default());
    }
}

fn asking() -> Container {
    let address = Address {
        ipv4: Some([10, 0, 0, 2].into()),
        ipv6: None,
    };
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    Container {
        id: ContainerId::new("c1").expect("not empty"),
        name: "shop-web-1".into(),
        labels: Labels::from([
            label("com.docker.compose.project", "shop"),
            label("com.docker.compose.service", "web"),
            label("sh0.host", HOSTS),
            label("sh0.routes.api.path", "/api"),
        ]),
        state: ContainerState::Running,
        health: Health::None,
        created: 5,
        network_mode: NetworkMode::Attached,
        networks: Few::from([("sh0-net".to_owned(), address)]),
        ports: [80].into(),
    }
}
