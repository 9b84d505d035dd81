//! Routes labelled Docker containers through a Caddy that it supervises.

pub mod caddy;
pub mod diagnostic;
pub mod discovery;
pub mod labels;
pub mod model;
pub mod routes;
