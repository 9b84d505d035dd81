//! Routes labelled Docker containers through a Caddy that it supervises.

pub mod discovery;
pub mod model;
pub mod routes;
pub mod supervise;
