//! Clients that ask a site of an agent all the time.

use super::Agent;
use super::load::{Kind, Load, Plan};

impl Agent {
    /// Lets so many clients of this kind ask for `/` of this host, which any container with this
    /// name, or this name with a dash and more behind it, may answer.
    pub(crate) fn load(&self, host: &str, name: &str, kind: Kind, clients: usize) -> Load {
        let mut plan = Plan::new(self.http_port, host, name);
        plan.kinds = vec![kind];
        plan.clients = clients;
        Load::start(plan)
    }
}
