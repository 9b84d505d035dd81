//! The container in which the agent runs, if it runs in one.

use crate::labels::{OwnContainer, OwnPage};
use crate::model::ContainerId;
use crate::settings::Settings;

/// The files that are mounted here, as the kernel lists them.
const MOUNTS: &str = "/proc/self/mountinfo";
/// Docker puts these of a container's own into it, whatever its image and its cgroups are.
const FILES: [&str; 3] = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];
/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 64;

/// The agent's own container, and what a route to it could lead to.
pub(super) fn own_container(settings: &Settings) -> Option<OwnContainer> {
    let mounts = std::fs::read_to_string(MOUNTS).ok()?;
    let id = container_id(&mounts)?;
    let reachable = { settings.status.as_ref() }.filter(|page| !page.address.ip().is_loopback());
    let page = match reachable {
        None => OwnPage::Away,
        Some(page) if page.account.is_none() => OwnPage::Open,
        Some(_) => OwnPage::Guarded,
    };
    Some(OwnContainer { id, page })
}

/// `… /var/lib/docker/containers/<id>/hostname /etc/hostname …`: root and place of a mount are its
/// fourth and fifth field (`proc_pid_mountinfo(5)`).
fn container_id(mounts: &str) -> Option<ContainerId> {
    let id = |line: &str| {
        let mut fields = line.split(' ').skip(3);
        let (root, place) = (fields.next()?, fields.next()?);
        let name = FILES.contains(&place).then(|| place.rsplit('/').next())??;
        let folder = root.strip_suffix(name)?.strip_suffix('/')?;
        let id = folder.rsplit('/').next()?;
        let is_id = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| ContainerId::new(id))?
    };
    mounts.lines().find_map(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_read_from_what_docker_mounts() {
        let id = "b7".repeat(32);
        let found = |root: &str, place: &str| {
            let other = "30 1 0:27 / / rw - overlay overlay rw\n";
            let line = format!("{other}31 30 254:1 {root} {place} rw - ext4 /dev/vda1 rw\n");
            container_id(&line).map(|id| id.as_str().to_owned())
        };
        let file = |name: &str| format!("/var/lib/docker/containers/{id}/{name}");
        let own = Some(id.clone());
        assert_eq!(found(&file("hostname"), "/etc/hostname"), own);
        assert_eq!(found(&file("resolv.conf"), "/etc/resolv.conf"), own);
        assert_eq!(found(&file("hostname"), "/mnt/hostname"), None);
        assert_eq!(found("/docker/containers/b7/hosts", "/etc/hosts"), None);
        assert_eq!(found("/etc/hosts", "/etc/hosts"), None);
        assert_eq!(container_id("\n31 30\n"), None);
    }
}
