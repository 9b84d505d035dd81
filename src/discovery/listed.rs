//! An entry of the container list as the engine writes it, with nothing but what is read.
//!
//! It borrows from the bytes: most of what a list holds is dropped at once.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use bollard::models::{
    ContainerSummaryHealthStatusEnum, ContainerSummaryStateEnum, PortSummaryTypeEnum,
};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// An entry. Every field may be lacking, or null.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) names: Option<Vec<Text<'a>>>,
    pub(super) created: Option<i64>,
    pub(super) ports: Option<Vec<ListedPort>>,
    #[serde(borrow)]
    pub(super) labels: Option<Pairs<'a, Text<'a>>>,
    pub(super) state: Option<ContainerSummaryStateEnum>,
    #[serde(borrow)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) host_config: Option<ListedHostConfig<'a>>,
    #[serde(borrow)]
    pub(super) network_settings: Option<ListedNetworkSettings<'a>>,
    pub(super) health: Option<ListedHealth>,
}

/// A port that the container exposes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedPort {
    pub(super) private_port: u16,
    #[serde(rename = "Type")]
    pub(super) protocol: Option<PortSummaryTypeEnum>,
}

/// Of its configuration.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedHostConfig<'a> {
    #[serde(borrow)]
    pub(super) network_mode: Option<Text<'a>>,
}

/// The networks that it is attached to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedNetworkSettings<'a> {
    #[serde(borrow)]
    pub(super) networks: Option<Pairs<'a, ListedEndpoint<'a>>>,
}

/// Its place on one of them.
#[derive(Debug, Deserialize)]
pub(super) struct ListedEndpoint<'a> {
    #[serde(rename = "IPAddress", borrow)]
    pub(super) ip_address: Option<Text<'a>>,
    #[serde(rename = "GlobalIPv6Address", borrow)]
    pub(super) global_ipv6_address: Option<Text<'a>>,
}

/// Its health, which engines tell since API 1.52.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedHealth {
    pub(super) status: Option<ContainerSummaryHealthStatusEnum>,
}

/// A string; only one that is written with `\` is copied.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The entries of an object, in their order.
#[derive(Debug)]
pub(super) struct Pairs<'a, V>(pub(super) Vec<(Text<'a>, V)>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Pairs<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<'a, V>(PhantomData<Pairs<'a, V>>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<'a, V> {
    type Value = Pairs<'a, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
