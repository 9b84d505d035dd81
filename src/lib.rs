//! Routes labelled Docker containers through a Caddy that it supervises.

pub mod agent;
pub mod caddy;
pub mod certificates;
pub mod cli;
pub mod diagnostic;
pub mod discovery;
pub mod labels;
pub mod model;
pub mod plan;
pub mod reconcile;
pub mod routes;
pub mod settings;
pub mod state;
pub mod status;
pub mod supervise;
pub mod telemetry;
