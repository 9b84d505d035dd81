//! Routes labelled Docker containers through a Caddy that it supervises.

pub mod caddy;
pub mod discovery;
pub mod model;
pub mod routes;
