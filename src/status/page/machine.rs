//! Docker and Caddy, in a few lines.

use maud::{Markup, html};

use super::{text, time};
use crate::status::Status;

/// The section.
pub(super) fn section(status: &Status) -> Markup {
    let (docker, caddy) = (&status.docker, &status.caddy);
    let settings = &status.settings;
    html! {
        section #machine aria-labelledby="machine-title" data-live {
            h2 #machine-title { "Docker and Caddy" }
            dl {
                dt { "Docker" }
                dd {
                    @if docker.reachable { "answers" } @else { "does not answer" }
                    @if let Some(since) = docker.reachable_since { " since " (time(since)) }
                    @if let Some(version) = &docker.api_version { ", API " (text(version)) }
                }
                dt { "Last event" }
                dd { @if let Some(at) = docker.last_event_at { (time(at)) } @else { "none yet" } }
                dt { "Changes without an event" }
                dd { (docker.missed_notices) }
                dt { "Caddy" }
                dd {
                    (text(&caddy.phase))
                    @if let Some(pid) = caddy.pid { ", process " (pid) }
                    @if caddy.epoch > 1 { ", started " (caddy.epoch) " times" }
                }
                dt { "Loads" }
                dd { (caddy.loads) }
                dt { "Config" }
                dd {
                    (status.generation)
                    @match status.applied {
                        Some(applied) if applied == status.generation => ", in force",
                        Some(applied) => { ", in force is " (applied) },
                        None => ", none in force",
                    }
                }
                dt { "Network" }
                dd { (text(&settings.network)) }
                dt { "Labels" }
                dd { (text(&settings.label_prefix)) ".*" }
            }
        }
    }
}
